// Correct kernels for sm_90a. Also for nvcc.
#include "emulation/tests/kernels_sm90.h"

namespace fastnets::tests {
namespace {

FASTNETS_TEST(hopper_gemm) { check_hopper_gemm<HopperDefect::none>(64, 64, 320); }
FASTNETS_TEST(hopper_gemm_of_odd_size) { check_hopper_gemm<HopperDefect::none>(67, 76, 200); }

}  // namespace
}  // namespace fastnets::tests
