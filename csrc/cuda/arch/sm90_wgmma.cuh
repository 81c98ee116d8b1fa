// Products of a warpgroup on the tensor cores of sm_90a: d (64xN) += a (64xK) * b (KxN), K = 16 or, for float32 with
// its 13 low bits ignored, 8. They run asynchronously: wgmma_fence(), any number of wgmma(), wgmma_commit(),
// wgmma_wait().
//
// b, and a where it is not in registers, lie in shared memory as a descriptor says. With lane = threadIdx.x % 32,
// g = lane / 4, t = lane % 4 * 2 and rows counted from 16 * warp on, a thread holds
//   d[i]: (g + i % 4 / 2 * 8, i / 4 * 8 + t + i % 2), and a in registers as mma() does.
#pragma once
#include "cuda/arch/sm90.cuh"

namespace fastnets::cuda {

// An operand in shared memory from `shared` on, in units of 8 rows by 16 bytes, or, swizzled, in lines as wide as the
// swizzle (0, 32, 64 or 128 bytes) whose first is aligned to eight of them.
//   depth together:  stride_bytes from 8 rows to the next 8; leading_bytes from 16 bytes to the next, if not swizzled
//   rows together (transposed; 16-bit types):  stride_bytes from a depth of 8 to the next; leading_bytes from one
//   line's
//                    rows to the next line's. Not swizzled: leading_bytes along the depth, stride_bytes along the rows.
// What lies n bytes further is described by the descriptor plus n / 16.
__device__ __forceinline__ uint64_t matrix_descriptor(const void* shared, uint32_t leading_bytes, uint32_t stride_bytes,
                                                      int swizzle_bytes,
                                                      [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  return emulation::matrix_descriptor(shared, leading_bytes, stride_bytes, swizzle_bytes, caller);
#else
  const auto field = [](uint32_t bytes) { return uint64_t((bytes & 0x3ffff) >> 4); };
  const uint64_t swizzle = swizzle_bytes == 128 ? 1 : swizzle_bytes == 64 ? 2 : swizzle_bytes == 32 ? 3 : 0;
  return field(shared_address(shared)) | field(leading_bytes) << 16 | field(stride_bytes) << 32 | swizzle << 62;
#endif
}

// Before the first wgmma() of a group: what this thread has done to d and a comes before it.
__device__ __forceinline__ void wgmma_fence([[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::wgmma_fence(caller);
#else
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
}

__device__ __forceinline__ void wgmma_commit([[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::wgmma_commit(caller);
#else
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#endif
}

// Waits until at most kPending groups of this warpgroup are under way.
template <int kPending>
__device__ __forceinline__ void wgmma_wait([[maybe_unused]] Caller caller = FASTNETS_CALLER) {
#if FASTNETS_EMULATED
  emulation::wgmma_wait(kPending, caller);
#else
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kPending) : "memory");
#endif
}

// Keeps the compiler from moving what is done with d across this line: put it after wgmma_wait(), and before
// wgmma_fence() where d has been changed.
template <int kCount>
__device__ __forceinline__ void wgmma_hold([[maybe_unused]] float (&d)[kCount]) {
#if !FASTNETS_EMULATED
#pragma unroll
  for (int i = 0; i < kCount; ++i) asm volatile("" : "+f"(d[i])::"memory");
#endif
}

#if FASTNETS_EMULATED
template <class T>
constexpr emulation::Operand wgmma_operand = std::is_same_v<T, bfloat16>  ? emulation::Operand::bfloat16
                                             : std::is_same_v<T, float16> ? emulation::Operand::float16
                                                                          : emulation::Operand::tfloat32;
#else
namespace wgmma_assembly {

// The registers of d, eight at a time, as the assembly names them and as its operands.
#define FASTNETS_D8_NAMES "%0, %1, %2, %3, %4, %5, %6, %7"
#define FASTNETS_D16_NAMES FASTNETS_D8_NAMES ", %8, %9, %10, %11, %12, %13, %14, %15"
#define FASTNETS_D24_NAMES FASTNETS_D16_NAMES ", %16, %17, %18, %19, %20, %21, %22, %23"
#define FASTNETS_D32_NAMES FASTNETS_D24_NAMES ", %24, %25, %26, %27, %28, %29, %30, %31"
#define FASTNETS_D40_NAMES FASTNETS_D32_NAMES ", %32, %33, %34, %35, %36, %37, %38, %39"
#define FASTNETS_D48_NAMES FASTNETS_D40_NAMES ", %40, %41, %42, %43, %44, %45, %46, %47"
#define FASTNETS_D56_NAMES FASTNETS_D48_NAMES ", %48, %49, %50, %51, %52, %53, %54, %55"
#define FASTNETS_D64_NAMES FASTNETS_D56_NAMES ", %56, %57, %58, %59, %60, %61, %62, %63"
#define FASTNETS_D72_NAMES FASTNETS_D64_NAMES ", %64, %65, %66, %67, %68, %69, %70, %71"
#define FASTNETS_D80_NAMES FASTNETS_D72_NAMES ", %72, %73, %74, %75, %76, %77, %78, %79"
#define FASTNETS_D88_NAMES FASTNETS_D80_NAMES ", %80, %81, %82, %83, %84, %85, %86, %87"
#define FASTNETS_D96_NAMES FASTNETS_D88_NAMES ", %88, %89, %90, %91, %92, %93, %94, %95"
#define FASTNETS_D104_NAMES FASTNETS_D96_NAMES ", %96, %97, %98, %99, %100, %101, %102, %103"
#define FASTNETS_D112_NAMES FASTNETS_D104_NAMES ", %104, %105, %106, %107, %108, %109, %110, %111"
#define FASTNETS_D120_NAMES FASTNETS_D112_NAMES ", %112, %113, %114, %115, %116, %117, %118, %119"
#define FASTNETS_D128_NAMES FASTNETS_D120_NAMES ", %120, %121, %122, %123, %124, %125, %126, %127"
#define FASTNETS_D_EIGHT(i)                                                                               \
  "+f"(d[(i)]), "+f"(d[(i) + 1]), "+f"(d[(i) + 2]), "+f"(d[(i) + 3]), "+f"(d[(i) + 4]), "+f"(d[(i) + 5]), \
      "+f"(d[(i) + 6]), "+f"(d[(i) + 7])
#define FASTNETS_D8_OPERANDS FASTNETS_D_EIGHT(0)
#define FASTNETS_D16_OPERANDS FASTNETS_D8_OPERANDS, FASTNETS_D_EIGHT(8)
#define FASTNETS_D24_OPERANDS FASTNETS_D16_OPERANDS, FASTNETS_D_EIGHT(16)
#define FASTNETS_D32_OPERANDS FASTNETS_D24_OPERANDS, FASTNETS_D_EIGHT(24)
#define FASTNETS_D40_OPERANDS FASTNETS_D32_OPERANDS, FASTNETS_D_EIGHT(32)
#define FASTNETS_D48_OPERANDS FASTNETS_D40_OPERANDS, FASTNETS_D_EIGHT(40)
#define FASTNETS_D56_OPERANDS FASTNETS_D48_OPERANDS, FASTNETS_D_EIGHT(48)
#define FASTNETS_D64_OPERANDS FASTNETS_D56_OPERANDS, FASTNETS_D_EIGHT(56)
#define FASTNETS_D72_OPERANDS FASTNETS_D64_OPERANDS, FASTNETS_D_EIGHT(64)
#define FASTNETS_D80_OPERANDS FASTNETS_D72_OPERANDS, FASTNETS_D_EIGHT(72)
#define FASTNETS_D88_OPERANDS FASTNETS_D80_OPERANDS, FASTNETS_D_EIGHT(80)
#define FASTNETS_D96_OPERANDS FASTNETS_D88_OPERANDS, FASTNETS_D_EIGHT(88)
#define FASTNETS_D104_OPERANDS FASTNETS_D96_OPERANDS, FASTNETS_D_EIGHT(96)
#define FASTNETS_D112_OPERANDS FASTNETS_D104_OPERANDS, FASTNETS_D_EIGHT(104)
#define FASTNETS_D120_OPERANDS FASTNETS_D112_OPERANDS, FASTNETS_D_EIGHT(112)
#define FASTNETS_D128_OPERANDS FASTNETS_D120_OPERANDS, FASTNETS_D_EIGHT(120)

// N = 2 * count; i0, i1, ... number the operands after d.
#define FASTNETS_FROM_SHARED(N, count, i0, i1, i2, type, last, ...)                                                    \
  asm volatile(                                                                                                        \
      "{\n.reg .pred p;\n"                                                                                             \
      "setp.ne.b32 p, %" #i2                                                                                           \
      ", 0;\n"                                                                                                         \
      "wgmma.mma_async.sync.aligned.m64n" #N type " {" FASTNETS_D##count##_NAMES "}, %" #i0 ", %" #i1 ", p, 1, 1" last \
                                                                                 ";\n}"                                \
      : FASTNETS_D##count##_OPERANDS                                                                                   \
      : "l"(a), "l"(b), "r"(int(accumulate))__VA_ARGS__)
#define FASTNETS_FROM_REGISTERS(N, count, i0, i1, i2, i3, i4, i5, type, last, ...) \
  asm volatile(                                                                    \
      "{\n.reg .pred p;\n"                                                         \
      "setp.ne.b32 p, %" #i5                                                       \
      ", 0;\n"                                                                     \
      "wgmma.mma_async.sync.aligned.m64n" #N type " {" FASTNETS_D##count##_NAMES   \
      "}, {%" #i0 ", %" #i1 ", %" #i2 ", %" #i3 "}, %" #i4 ", p, 1, 1" last ";\n}" \
      : FASTNETS_D##count##_OPERANDS                                               \
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(int(accumulate))__VA_ARGS__)
#define FASTNETS_COMMA ,

template <int N>
struct Shape;

#define FASTNETS_SHAPE(N, count, i0, i1, i2, i3, i4, i5, i6)                                                      \
  template <>                                                                                                     \
  struct Shape<N> {                                                                                               \
    template <class T, bool kTransposedA, bool kTransposedB>                                                      \
    __device__ __forceinline__ static void multiply(float (&d)[count], uint64_t a, uint64_t b, bool accumulate) { \
      if constexpr (std::is_same_v<T, bfloat16>)                                                                  \
        FASTNETS_FROM_SHARED(N, count, i0, i1, i2, "k16.f32.bf16.bf16", ", %" #i3 ", %" #i4,                      \
                             FASTNETS_COMMA "n"(int(kTransposedA)), "n"(int(kTransposedB)));                      \
      else if constexpr (std::is_same_v<T, float16>)                                                              \
        FASTNETS_FROM_SHARED(N, count, i0, i1, i2, "k16.f32.f16.f16", ", %" #i3 ", %" #i4,                        \
                             FASTNETS_COMMA "n"(int(kTransposedA)), "n"(int(kTransposedB)));                      \
      else                                                                                                        \
        FASTNETS_FROM_SHARED(N, count, i0, i1, i2, "k8.f32.tf32.tf32", "", );                                     \
    }                                                                                                             \
    template <class T, bool kTransposedB>                                                                         \
    __device__ __forceinline__ static void multiply(float (&d)[count], const uint32_t (&a)[4], uint64_t b,        \
                                                    bool accumulate) {                                            \
      if constexpr (std::is_same_v<T, bfloat16>)                                                                  \
        FASTNETS_FROM_REGISTERS(N, count, i0, i1, i2, i3, i4, i5, "k16.f32.bf16.bf16", ", %" #i6,                 \
                                FASTNETS_COMMA "n"(int(kTransposedB)));                                           \
      else if constexpr (std::is_same_v<T, float16>)                                                              \
        FASTNETS_FROM_REGISTERS(N, count, i0, i1, i2, i3, i4, i5, "k16.f32.f16.f16", ", %" #i6,                   \
                                FASTNETS_COMMA "n"(int(kTransposedB)));                                           \
      else                                                                                                        \
        FASTNETS_FROM_REGISTERS(N, count, i0, i1, i2, i3, i4, i5, "k8.f32.tf32.tf32", "", );                      \
    }                                                                                                             \
  };

FASTNETS_SHAPE(16, 8, 8, 9, 10, 11, 12, 13, 14)
FASTNETS_SHAPE(32, 16, 16, 17, 18, 19, 20, 21, 22)
FASTNETS_SHAPE(48, 24, 24, 25, 26, 27, 28, 29, 30)
FASTNETS_SHAPE(64, 32, 32, 33, 34, 35, 36, 37, 38)
FASTNETS_SHAPE(80, 40, 40, 41, 42, 43, 44, 45, 46)
FASTNETS_SHAPE(96, 48, 48, 49, 50, 51, 52, 53, 54)
FASTNETS_SHAPE(112, 56, 56, 57, 58, 59, 60, 61, 62)
FASTNETS_SHAPE(128, 64, 64, 65, 66, 67, 68, 69, 70)
FASTNETS_SHAPE(144, 72, 72, 73, 74, 75, 76, 77, 78)
FASTNETS_SHAPE(160, 80, 80, 81, 82, 83, 84, 85, 86)
FASTNETS_SHAPE(176, 88, 88, 89, 90, 91, 92, 93, 94)
FASTNETS_SHAPE(192, 96, 96, 97, 98, 99, 100, 101, 102)
FASTNETS_SHAPE(208, 104, 104, 105, 106, 107, 108, 109, 110)
FASTNETS_SHAPE(224, 112, 112, 113, 114, 115, 116, 117, 118)
FASTNETS_SHAPE(240, 120, 120, 121, 122, 123, 124, 125, 126)
FASTNETS_SHAPE(256, 128, 128, 129, 130, 131, 132, 133, 134)

#undef FASTNETS_SHAPE
#undef FASTNETS_COMMA
#undef FASTNETS_FROM_REGISTERS
#undef FASTNETS_FROM_SHARED

}  // namespace wgmma_assembly
#endif

// d = a * b, or d += a * b where `accumulate`. T says what the operands are: bfloat16, float16, or float for its upper
// 19 bits; N is a multiple of 16 up to 256.
template <class T, bool kTransposedA = false, bool kTransposedB = false, int kCount>
__device__ __forceinline__ void wgmma(float (&d)[kCount], uint64_t a, uint64_t b, bool accumulate,
                                      [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
  static_assert(kCount % 8 == 0 && kCount <= 128);
  static_assert(sizeof(T) == 2 || (!kTransposedA && !kTransposedB), "only 16-bit operands can be transposed");
#if FASTNETS_EMULATED
  emulation::wgmma(d, {wgmma_operand<T>, 2 * kCount, nullptr, a, b, kTransposedA, kTransposedB, accumulate}, caller);
#else
  wgmma_assembly::Shape<2 * kCount>::template multiply<T, kTransposedA, kTransposedB>(d, a, b, accumulate);
#endif
}

template <class T, bool kTransposedB = false, int kCount>
__device__ __forceinline__ void wgmma(float (&d)[kCount], const uint32_t (&a)[4], uint64_t b, bool accumulate,
                                      [[maybe_unused]] Caller caller = FASTNETS_CALLER) {
  static_assert(kCount % 8 == 0 && kCount <= 128);
  static_assert(sizeof(T) == 2 || !kTransposedB, "only 16-bit operands can be transposed");
#if FASTNETS_EMULATED
  emulation::wgmma(d, {wgmma_operand<T>, 2 * kCount, a, 0, b, false, kTransposedB, accumulate}, caller);
#else
  wgmma_assembly::Shape<2 * kCount>::template multiply<T, kTransposedB>(d, a, b, accumulate);
#endif
}

}  // namespace fastnets::cuda
