// The row of the op table for the instruction set this file is compiled for.
#include "core/ops.h"
#include "cpu/backend/scratch.h"

#define FASTNETS_DECLARE_RUN(op, Op) void run(const Op&, Pass, Workspace&);
#if defined(FASTNETS_BASE_ISA)
namespace fastnets::cpu::FASTNETS_BASE_ISA {
FASTNETS_OPS(FASTNETS_DECLARE_RUN)
}
#endif

namespace fastnets::cpu::FASTNETS_ISA {

FASTNETS_OPS(FASTNETS_DECLARE_RUN)
#define FASTNETS_DECLARE(op, Op)         \
  void run(const Op&, Pass, Workspace&); \
  PackSpec pack_spec(const Op&);         \
  void pack(const Op&, void*);
FASTNETS_OPS(FASTNETS_DECLARE)
#undef FASTNETS_DECLARE

namespace {
// An instruction set that adds to another only what products use computes everything else there.
template <class Op>
void compute(const Op& op, Pass pass, Workspace& workspace) {
#if defined(FASTNETS_BASE_ISA)
  if constexpr (!requires { Op::kHasProducts; })
    FASTNETS_BASE_ISA::run(op, pass, workspace);
  else
#endif
    run(op, pass, workspace);
}

// A run without memory counts what it would take.
template <class Op>
std::size_t workspace_bytes(const Op& op, Pass pass) {
  Workspace count;
  compute(op, pass, count);
  return count.used;
}
template <class Op, Pass pass>
void run_in(const Op& op, const Context& context) {
  Workspace workspace{context.workspace};
  compute(op, pass, workspace);
}

template <class Op>
constexpr Entries<Op> entries() {
  Entries<Op> e{workspace_bytes<Op>, run_in<Op, Pass::forward>, run_in<Op, Pass::backward>};
  if constexpr (requires { Op::kPacks; }) e.pack_spec = pack_spec, e.pack = pack;
  return e;
}
}  // namespace

#define FASTNETS_NAME_(isa) #isa
#define FASTNETS_NAME(isa) FASTNETS_NAME_(isa)
#define FASTNETS_ENTRIES(op, Op) entries<Op>(),
extern const KernelTable table;
constinit const KernelTable table = {FASTNETS_NAME(FASTNETS_ISA), FASTNETS_OPS(FASTNETS_ENTRIES)};

}  // namespace fastnets::cpu::FASTNETS_ISA
