// fastnets._cpu: the ops on the host's processor.
#include <pybind11/stl.h>

#include <cstring>

#include "bindings/arrays.h"
#include "bindings/backend.h"
#include "bindings/bind_all.h"
#include "cpu/backend/isa.h"
#include "cpu/backend/probe.h"
#include "cpu/backend/scratch.h"
#include "cpu/backend/threads.h"

namespace fastnets {

const KernelTable& active_table() { return cpu::table(); }
Device::Type backend_device() { return Device::Type::cpu; }
bool checks_device_values() { return false; }
void copy_to_host(const void* from, std::size_t bytes, Library, Device, void* to) { std::memcpy(to, from, bytes); }
DeviceScope::DeviceScope(Device) {}
DeviceScope::~DeviceScope() = default;
void set_to_zero(const Tensor& tensor, Library) {
  std::memset(tensor.data, 0, static_cast<std::size_t>(tensor.size() * item_size(tensor.dtype)));
}
CallScope::CallScope(std::size_t workspace_bytes, Library, Device)
    : context_{static_cast<std::byte*>(cpu::scratch(workspace_bytes, 0))} {}
bool raise_backend_error() { return false; }

}  // namespace fastnets

PYBIND11_MODULE(_cpu, m, pybind11::mod_gil_not_used()) {
  using namespace fastnets;
  m.doc() = "The ops of fastnets on the host's processor.";
  bind_all(m);
  m.def("isa", &cpu::isa, "The instruction set in use.");
  m.def("isas", &cpu::isas, "The instruction sets that run here, best first.");
  m.def("set_isa", &cpu::set_isa, "Chooses the instruction set.");
  m.def("num_threads", &cpu::num_threads, "Threads that a call uses at most.");
  m.def("set_num_threads", &cpu::set_num_threads, "Sets the number of threads.");
  m.def(
      "measure_flops",
      [](const std::string& dtype, double seconds) {
        const pybind11::gil_scoped_release released;
        return cpu::measure_flops(parse_dtype(dtype), seconds);
      },
      "Floating-point operations a second that all threads do on registers.");
  m.def(
      "measure_read",
      [](const pybind11::buffer& data, double seconds) {
        const pybind11::buffer_info info = data.request();
        const pybind11::gil_scoped_release released;
        return cpu::measure_read(static_cast<const std::byte*>(info.ptr), info.size * info.itemsize, seconds);
      },
      "Bytes a second that all threads read from an array of float32.");
  m.def("release_memory", &cpu::release_memory,
        "Frees the scratch memory that is kept between calls; returns how many bytes this thread held.");
}
