#include "cuda/backend/arch.h"

#include "core/check.h"
#include "cuda/backend/device.h"

namespace fastnets::cuda {

namespace sm80 {
extern const KernelTable table;
}

const KernelTable& table() {
  const int capability = compute_capability();
  if (capability >= 80) return sm80::table;
  fail<NotServed>("the GPU has compute capability ", capability / 10, ".", capability % 10,
                  "; 8.0 is the oldest served");
}

}  // namespace fastnets::cuda
