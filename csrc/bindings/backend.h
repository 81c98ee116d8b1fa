// What a compiled module must say about its backend so that the ops can be bound.
#pragma once
#include "bindings/arrays.h"
#include "core/ops.h"

namespace fastnets {

// The row of the op table that serves now, and on which kind of device arrays must lie.
const KernelTable& active_table();
Device::Type backend_device();

// Makes the arrays' device the current one, for what allocates there and asks for its properties.
class DeviceScope {
 public:
  explicit DeviceScope(Device device);
  DeviceScope(const DeviceScope&) = delete;
  ~DeviceScope();

 private:
  int before_ = -1;
};

// Whether values in device memory are to be checked as those in host memory are, and how they come there; both only
// where the backend's device has memory of its own.
bool checks_device_values();
void copy_to_host(const void* from, std::size_t bytes, Library library, Device device, void* to);

// Fills an array with zero bytes, on the library's current stream.
void set_to_zero(const Tensor& tensor, Library library);

// What one call may use: memory, aligned to 64 bytes and never null, the arrays' device and the caller's stream there.
class CallScope {
 public:
  CallScope(std::size_t workspace_bytes, Library library, Device device);
  CallScope(const CallScope&) = delete;
  const Context& context() const { return context_; }

 private:
  Context context_;
  py::object workspace_;  // the array whose memory the workspace is, where the arrays' library provides it
};

// Turns the exception being handled into a Python error if it is one of this backend's.
bool raise_backend_error();

}  // namespace fastnets
