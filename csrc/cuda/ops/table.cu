// The row of the op table for the architecture this file is compiled for.
#include "core/ops.h"
#include "cuda/backend/launch.h"
#include "cuda/backend/workspace.h"

namespace fastnets::cuda::FASTNETS_ARCH {

#define FASTNETS_DECLARE(op, Op) void run(const Op&, Pass, Workspace&, Stream);
FASTNETS_OPS(FASTNETS_DECLARE)
#undef FASTNETS_DECLARE

namespace {

// A run that only counts what memory it would take.
template <class Op>
std::size_t workspace_bytes(const Op& op, Pass pass) {
  Workspace count{.counts_only = true};
  run(op, pass, count, nullptr);
  return count.used;
}
template <class Op, Pass pass>
void run_in(const Op& op, const Context& context) {
  Workspace workspace{.base = context.workspace};
  run(op, pass, workspace, static_cast<Stream>(context.stream));
}

template <class Op>
constexpr Entries<Op> entries() {
  return {workspace_bytes<Op>, run_in<Op, Pass::forward>, run_in<Op, Pass::backward>};
}

constexpr KernelTable make_table(const char* name) {
  KernelTable row{};
  row.name = name;
#define FASTNETS_ENTRIES(op, Op) row.op = entries<Op>();
  FASTNETS_OPS(FASTNETS_ENTRIES)
#undef FASTNETS_ENTRIES
  return row;
}

}  // namespace

#define FASTNETS_NAME_(arch) #arch
#define FASTNETS_NAME(arch) FASTNETS_NAME_(arch)
extern const KernelTable table;
constinit const KernelTable table = make_table(FASTNETS_NAME(FASTNETS_ARCH));

}  // namespace fastnets::cuda::FASTNETS_ARCH
