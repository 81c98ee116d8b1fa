// Starting a kernel in the emulator, from the host.
#pragma once
#include <cstddef>
#include <tuple>
#include <type_traits>
#include <utility>

#include "emulation/device.h"

namespace fastnets::emulation {

struct LaunchShape {
  const char* name;
  Extent grid, block;
  size_t dynamic_shared_bytes;
  bool cooperative;
  unsigned cluster;  // blocks, along x
};

using Kernel = void (*)(const void* arguments);  // the code of one thread

// Runs the grid to its end on the calling OS thread. Throws Error, prefixed with the kernel's name, when a limit or a
// rule is broken; what the kernel itself throws passes through.
void run(const LaunchShape& shape, Kernel kernel, const void* arguments);

template <class... Parameters, class... Arguments>
void launch(void (*kernel)(Parameters...), const LaunchShape& shape, Arguments&&... arguments) {
  struct Call {
    void (*kernel)(Parameters...);
    std::tuple<std::decay_t<Parameters>...> arguments;
  };
  const Call call{kernel, {static_cast<std::decay_t<Parameters>>(std::forward<Arguments>(arguments))...}};
  run(
      shape,
      [](const void* p) {
        const Call& call = *static_cast<const Call*>(p);
        std::apply(call.kernel, call.arguments);
      },
      &call);
}

}  // namespace fastnets::emulation
