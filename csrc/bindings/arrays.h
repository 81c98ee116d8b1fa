// Arrays of other libraries as Tensors, and new arrays of the same library. NumPy and torch are read directly; what
// comes from elsewhere is turned into one of them in Python.
#pragma once
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "bindings/dlpack.h"
#include "core/check.h"

namespace fastnets {

namespace py = pybind11;

enum class Library : std::int8_t { none, numpy, torch, other };

// Which library an object is an array of; `other` also for what is no array.
Library library_of(PyObject* object);
const char* name(Library library);

// Fills `out` from an array of NumPy or torch. TypeError for a dtype, ValueError for a layout that is not served.
void read_array(PyObject* object, Library library, const char* op, const char* what, Tensor& out);
bool is_writeable(PyObject* object, Library library);

// A new array as described; its address is put into `tensor`.
py::object new_array(Tensor& tensor, Library library);

// A torch tensor whose operations torch's autograd records.
bool requires_grad(PyObject* tensor);

// Called once by the Python side when torch has been imported.
void set_torch_types(py::type tensor, py::type parameter, py::object is_grad_enabled);

DType parse_dtype(const std::string& name);

}  // namespace fastnets
