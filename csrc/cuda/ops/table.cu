// The row of the op table for the architecture this file is compiled for.
#include "core/ops.h"

namespace fastnets::cuda::FASTNETS_ARCH {

//   the ops of the table that are served so far
#define FASTNETS_CUDA_OPS(X) X(linear, Linear)

#define FASTNETS_DECLARE(op, Op)                \
  std::size_t workspace_bytes(const Op&, Pass); \
  void forward(const Op&, const Context&);      \
  void backward(const Op&, const Context&);
FASTNETS_CUDA_OPS(FASTNETS_DECLARE)
#undef FASTNETS_DECLARE

namespace {

template <class Op>
constexpr Entries<Op> entries() {
  return {workspace_bytes, forward, backward};
}

constexpr KernelTable make_table(const char* name) {
  KernelTable row{};
  row.name = name;
#define FASTNETS_ENTRIES(op, Op) row.op = entries<Op>();
  FASTNETS_CUDA_OPS(FASTNETS_ENTRIES)
#undef FASTNETS_ENTRIES
  return row;
}

}  // namespace

#define FASTNETS_NAME_(arch) #arch
#define FASTNETS_NAME(arch) FASTNETS_NAME_(arch)
extern const KernelTable table;
constinit const KernelTable table = make_table(FASTNETS_NAME(FASTNETS_ARCH));

}  // namespace fastnets::cuda::FASTNETS_ARCH
