// What a compiled module must say about its backend so that the ops can be bound.
#pragma once
#include "bindings/arrays.h"
#include "core/ops.h"

namespace fastnets {

// The row of the op table that serves now, and on which kind of device arrays must lie.
const KernelTable& active_table();
Device::Type backend_device();

// What one call may use: memory, aligned to 64 bytes and never null, the arrays' device and the caller's stream there.
class CallScope {
 public:
  CallScope(std::size_t workspace_bytes, Library library, Device device);
  CallScope(const CallScope&) = delete;
  ~CallScope();
  const Context& context() const { return context_; }

 private:
  Context context_;
  py::object workspace_;  // the array whose memory the workspace is, where the arrays' library provides it
  int device_before_ = -1;
};

// Turns the exception being handled into a Python error if it is one of this backend's.
bool raise_backend_error();

}  // namespace fastnets
