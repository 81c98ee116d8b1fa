// How the CUDA modules are told to form products of float32 operands.
#pragma once
#include "bindings/arrays.h"
#include "cuda/backend/precision.h"

namespace fastnets {

inline void bind_float32_precision(py::module_& m) {
  m.def(
      "set_float32_precision",
      [](const std::string& name) {
        for (int i = 0; i < 3; ++i)
          if (name == cuda::kFloat32PrecisionNames[i])
            return cuda::chosen_float32_precision.store(static_cast<cuda::Float32Precision>(i));
        fail<ValueError>("set_float32_precision: precision is '", name, "' but must be one of ieee, tf32x3, tf32");
      },
      "How products of float32 operands are formed: ieee, tf32x3 or tf32.");
}

}  // namespace fastnets
