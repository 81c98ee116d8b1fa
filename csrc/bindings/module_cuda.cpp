// fastnets._cuda: the ops on NVIDIA GPUs. Imports without a driver; `devices` then says what is missing.
#include <cuda_runtime_api.h>
#include <pybind11/stl.h>

#include "bindings/backend.h"
#include "bindings/bind_all.h"
#include "bindings/float32_precision.h"
#include "cuda/backend/arch.h"
#include "cuda/backend/error.h"

namespace fastnets {

const KernelTable& active_table() { return cuda::table(); }
Device::Type backend_device() { return Device::Type::cuda; }

namespace {
bool g_checks_values = false;
}
bool checks_device_values() { return g_checks_values; }
void copy_to_host(const void* from, std::size_t bytes, Library library, Device device, void* to) {
  const auto stream = static_cast<cudaStream_t>(current_stream(library, device));
  cuda::check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToHost, stream), "cudaMemcpyAsync");
  cuda::check(cudaStreamSynchronize(stream), "cudaStreamSynchronize");
}

DeviceScope::DeviceScope(Device device) {
  cuda::take_float32_precision();
  cuda::check(cudaGetDevice(&before_), "cudaGetDevice");
  if (before_ != device.index) cuda::check(cudaSetDevice(device.index), "cudaSetDevice");
}
DeviceScope::~DeviceScope() {
  if (int now = -1; cudaGetDevice(&now) == cudaSuccess && now != before_) cudaSetDevice(before_);
}

void set_to_zero(const Tensor& tensor, Library library) {
  const std::size_t bytes = static_cast<std::size_t>(tensor.size() * item_size(tensor.dtype));
  const auto stream = static_cast<cudaStream_t>(current_stream(library, tensor.device));
  if (bytes) cuda::check(cudaMemsetAsync(tensor.data, 0, bytes, stream), "cudaMemsetAsync");
}

CallScope::CallScope(std::size_t workspace_bytes, Library library, Device device) {
  context_.stream = current_stream(library, device);
  // From the library's own allocator, which gives it to nobody else before the stream's work has ended.
  Tensor memory;
  const auto bytes = static_cast<std::int64_t>(workspace_bytes ? workspace_bytes : 1);
  memory.describe(DType::boolean, device, 1, &bytes);
  workspace_ = new_array(memory, library);
  context_.workspace = static_cast<std::byte*>(memory.data);
}

bool raise_backend_error() {
  const auto raise = [](const char* type, const char* message) {
    const py::object error = py::module_::import("fastnets.errors").attr(type);
    PyErr_SetString(error.ptr(), message);
    return true;
  };
  try {
    throw;
  } catch (const cuda::OutOfMemoryError& e) {
    return raise("CudaOutOfMemoryError", e.what());
  } catch (const cuda::Error& e) { return raise("CudaError", e.what()); } catch (...) {
    return false;
  }
}

namespace {

// The GPUs, or why there is none.
py::dict devices() {
  py::dict found;
  int count = 0, driver = 0, runtime = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) cudaGetLastError();
  cudaDriverGetVersion(&driver);
  cudaRuntimeGetVersion(&runtime);
  found["available"] = status == cudaSuccess && count > 0;
  if (status != cudaSuccess) found["reason"] = std::string(cudaGetErrorString(status));
  found["driver"] = driver, found["runtime"] = runtime;
  py::list names;
  for (int i = 0; i < count && status == cudaSuccess; ++i) {
    cudaDeviceProp properties;
    cuda::check(cudaGetDeviceProperties(&properties, i), "cudaGetDeviceProperties");
    names.append(std::string(properties.name) + ", compute capability " + std::to_string(properties.major) + "." +
                 std::to_string(properties.minor));
  }
  found["devices"] = names;
  return found;
}

}  // namespace
}  // namespace fastnets

PYBIND11_MODULE(_cuda, m, pybind11::mod_gil_not_used()) {
  using namespace fastnets;
  m.doc() = "The ops of fastnets on NVIDIA GPUs.";
  bind_all(m);
  bind_float32_precision(m);
  m.def(
      "set_value_checks", [](bool enabled) { g_checks_values = enabled; },
      "Whether labels, lengths and other integers on the device are checked before an op runs.");
  m.def("devices", &devices, "The GPUs that are usable, or the reason why none is.");
}
