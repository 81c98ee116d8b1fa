// What the passes through a layer share, forward and backward, and their steps: a product, then the cells.
#pragma once
#include "cuda/recurrent_sequences.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

struct RecurrentPass {
  RecurrentPass(const Recurrent& op, Workspace& workspace, Stream stream)
      : op_(op),
        D_(op.directions()),
        H_(op.hidden_size()),
        R_(op.output_size()),
        workspace_(workspace),
        stream_(stream),
        runs_(!workspace.counts_only) {}

  const Recurrent& op_;
  const int64_t D_, H_, R_;
  Workspace& workspace_;
  const Stream stream_;
  const bool runs_;
};

// A step of all units, behind its product (D, B, kProducts · units).
template <class Step>
struct RunStep {
  Step cell;
  int64_t step, B, units;
  const float* products;
  __device__ __forceinline__ void operator()(int d, int64_t b, int64_t unit) const {
    auto inputs = cell.read(step, d, b, unit);
    float own[Step::kProducts];
#pragma unroll
    for (int g = 0; g < Step::kProducts; ++g) own[g] = products[((d * B + b) * Step::kProducts + g) * units + unit];
    cell.publish(step, d, b, unit, inputs, own);
    cell.write(d, b, unit, inputs);
  }
};

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
