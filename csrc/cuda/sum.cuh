// Sums of many terms, formed in chains.
#pragma once
#include "cuda/arch/gpu.h"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

constexpr int kChain = 512;  // terms of a sum that are added one after the other before the sum joins the next level

struct ChainedSum {
  float total = 0, chain = 0;
  int terms = 0;
  __device__ __forceinline__ void add(float term) {
    chain += term;
    if (++terms < kChain) return;
    total += chain;
    chain = 0, terms = 0;
  }
  __device__ __forceinline__ float result() const { return total + chain; }
};

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
