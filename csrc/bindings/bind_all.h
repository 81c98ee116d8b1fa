// What every compiled module of fastnets offers: the ops, descriptions of arrays, errors.
#pragma once
#include <pybind11/pybind11.h>

namespace fastnets {

void bind_all(pybind11::module_& m);

}  // namespace fastnets
