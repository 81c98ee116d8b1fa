// fastnets._cuda_emulated: the CUDA kernels of the ops, run on the host's processor for tests.
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "bindings/backend.h"
#include "bindings/bind_all.h"
#include "bindings/float32_precision.h"
#include "cuda/backend/arch.h"
#include "emulation/config.h"

namespace fastnets {

const KernelTable& active_table() { return cuda::table(); }
Device::Type backend_device() { return Device::Type::cpu; }
bool checks_device_values() { return false; }
void copy_to_host(const void* from, std::size_t bytes, Library, Device, void* to) { std::memcpy(to, from, bytes); }
DeviceScope::DeviceScope(Device) { cuda::take_float32_precision(); }
DeviceScope::~DeviceScope() = default;
void set_to_zero(const Tensor& tensor, Library) {
  std::memset(tensor.data, 0, static_cast<std::size_t>(tensor.size() * item_size(tensor.dtype)));
}
bool raise_backend_error() { return false; }

// Of exactly the size asked for and full of NaN, so that what is read before it is written, or beyond the end, shows.
CallScope::CallScope(std::size_t workspace_bytes, Library, Device) {
  constexpr std::size_t kAlignment = 64;
  struct Free {
    void operator()(std::byte* p) const { ::operator delete[](p, std::align_val_t{kAlignment}); }
  };
  thread_local std::unique_ptr<std::byte[], Free> workspace;
  workspace.reset(new (std::align_val_t{kAlignment}) std::byte[workspace_bytes]);
  std::memset(workspace.get(), 0xff, workspace_bytes);
  context_.workspace = workspace.get();
}

}  // namespace fastnets

PYBIND11_MODULE(_cuda_emulated, m, pybind11::mod_gil_not_used()) {
  using namespace fastnets;
  m.doc() = "The CUDA kernels of fastnets, run on the host's processor for tests.";
  bind_all(m);
  bind_float32_precision(m);
  m.def(
      "configure",
      [](const std::string& schedule, const std::string& asynchronous, std::uint64_t seed) {
        emulation::Config config = emulation::config();
        config.schedule = emulation::parse_schedule(schedule);
        config.async = emulation::parse_async(asynchronous);
        config.seed = seed;
        emulation::set_config(config);
      },
      pybind11::arg("schedule") = "forward", pybind11::arg("asynchronous") = "eager", pybind11::arg("seed") = 1,
      "Chooses in which order threads run (forward, reverse, random) and when asynchronous copies take place (eager, "
      "lazy, random, late_products).");
  m.def(
      "set_compute_capability",
      [](int compute_capability) {
        emulation::Config config = emulation::config();
        std::swap(config.compute_capability, compute_capability);
        emulation::set_config(config);
        return compute_capability;
      },
      "Chooses which device is played (80, 86, 89 or 90) and returns which was before.");
}
