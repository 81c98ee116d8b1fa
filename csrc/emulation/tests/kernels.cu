// Correct kernels: clean in every schedule, and under the sanitizers. Also for nvcc.
#include "emulation/tests/kernels.h"

namespace fastnets::tests {
namespace {

FASTNETS_TEST(sum) { check_sum<SumDefect::none>(5000); }
FASTNETS_TEST(sum_of_few) { check_sum<SumDefect::none>(3); }
FASTNETS_TEST(two_sums) { check_two_sums<true>(); }
FASTNETS_TEST(neighbour) { check_neighbour<true>(); }
FASTNETS_TEST(last_block) { check_last_block<Ticket::ordered>(); }
FASTNETS_TEST(last_block_with_fences) { check_last_block<Ticket::relaxed_with_fences>(); }
FASTNETS_TEST(recurrent_cooperative) { check_recurrent<StepBarrier::cooperative>(); }
FASTNETS_TEST(recurrent_counter) { check_recurrent<StepBarrier::counter>(); }
FASTNETS_TEST(gemm_bfloat16) { check_gemm<bfloat16, GemmDefect::none>(128, 128, 128); }
FASTNETS_TEST(gemm_float16_of_odd_size) { check_gemm<float16, GemmDefect::none>(67, 75, 88); }

}  // namespace
}  // namespace fastnets::tests
