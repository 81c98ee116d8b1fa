// The AVX-512 intrinsics in terms of what the machine has (SIMDe), so that these rows can be tested anywhere.
#pragma once
#define SIMDE_ENABLE_NATIVE_ALIASES
#include <simde/x86/avx2.h>
#include <simde/x86/avx512.h>
#include <simde/x86/f16c.h>
#include <simde/x86/fma.h>
