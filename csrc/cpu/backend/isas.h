// The instruction sets that csrc/cpu/ops is compiled for, best first. Flags stand in CMakeLists.txt.
#pragma once
#if defined(__x86_64__)
#define FASTNETS_CPU_ISAS(X) X(avx512bf16) X(avx512) X(avx2) X(scalar)
#else
#define FASTNETS_CPU_ISAS(X) X(scalar)
#endif
