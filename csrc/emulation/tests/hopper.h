// A test that plays, or needs, a device of compute capability 9.0.
#pragma once
#include "cuda/arch/gpu.h"
#if FASTNETS_EMULATED
#include "emulation/config.h"
#endif

namespace fastnets::tests {

#if FASTNETS_EMULATED
class Hopper {
 public:
  Hopper() {
    emulation::Config hopper = before_;
    hopper.compute_capability = 90;
    emulation::set_config(hopper);
  }
  Hopper(const Hopper&) = delete;
  Hopper& operator=(const Hopper&) = delete;
  ~Hopper() { emulation::set_config(before_); }

 private:
  const emulation::Config before_ = emulation::config();
};
#else
struct Hopper {
  Hopper() {}  // so that it may stand unused
};
#endif

}  // namespace fastnets::tests
