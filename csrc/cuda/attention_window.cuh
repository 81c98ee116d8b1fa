// Attention, which keys a query sees, as far as causality, window and lengths go.
#pragma once
#include "cuda/arch/simt.cuh"

namespace fastnets::cuda::FASTNETS_ARCH {
namespace {

constexpr int kUnbounded = 1 << 30;

// How a sequence's queries stand beside its keys: query i at key i + offset.
struct Alignment {
  int offset, Sq, Sk;
};

// The keys around its position that a query sees.
struct Window {
  int before, behind;  // how many keys it sees on either side of its position
  bool is_lower_right;

  __device__ __forceinline__ Alignment align(int Sq, int Sk) const { return {is_lower_right ? Sk - Sq : 0, Sq, Sk}; }
  // The keys that some of the queries i0 … i1 − 1 see lie from first_key to before end_key.
  __device__ __forceinline__ int first_key(const Alignment& at, int i0) const {
    return max(0, i0 + at.offset - before);
  }
  __device__ __forceinline__ int end_key(const Alignment& at, int i1) const {
    return max(0, min(at.Sk, i1 + at.offset + behind));
  }
  // The queries that see some of the keys j0 … j1 − 1.
  __device__ __forceinline__ int first_query(const Alignment& at, int j0) const {
    return max(0, j0 - at.offset - behind);
  }
  __device__ __forceinline__ int end_query(const Alignment& at, int j1) const {
    return max(0, min(at.Sq, j1 - at.offset + before));
  }
  // Whether each of some queries sees each of some keys.
  __device__ __forceinline__ bool sees_all(const Alignment& at, int i0, int i1, int j0, int j1) const {
    return i1 <= at.Sq && j1 <= at.Sk && j0 >= i1 - 1 + at.offset - before && j1 - 1 <= i0 + at.offset + behind;
  }
  __device__ __forceinline__ bool sees(const Alignment& at, int i, int j) const {
    const int ahead = i + at.offset - j;
    return i < at.Sq && j < at.Sk && ahead <= before && -ahead <= behind;
  }
};

}  // namespace
}  // namespace fastnets::cuda::FASTNETS_ARCH
