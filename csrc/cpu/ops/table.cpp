// The row of the op table for the instruction set this file is compiled for.
#include "core/ops.h"

namespace fastnets::cpu::FASTNETS_ISA {

#define FASTNETS_DECLARE(op, Op)                \
  std::size_t workspace_bytes(const Op&, Pass); \
  void forward(const Op&, const Context&);      \
  void backward(const Op&, const Context&);     \
  PackSpec pack_spec(const Op&);                \
  void pack(const Op&, void*);
FASTNETS_OPS(FASTNETS_DECLARE)
#undef FASTNETS_DECLARE

namespace {
template <class Op>
constexpr Entries<Op> entries() {
  Entries<Op> e{workspace_bytes, forward, backward};
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
