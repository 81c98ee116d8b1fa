// Arrays of other libraries as Tensors, and new arrays of the same library. NumPy, torch and CuPy are read directly;
// what comes from elsewhere is turned into one of them in Python.
#pragma once
#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include "bindings/dlpack.h"
#include "core/check.h"

namespace fastnets {

namespace py = pybind11;

enum class Library : std::int8_t { none, numpy, torch, cupy, other };

// Which library an object is an array of; `other` also for what is no array.
Library library_of(PyObject* object);
const char* name(Library library);

// Fills `out` from an array of NumPy, torch or CuPy. TypeError for a dtype, ValueError for a layout that is not served;
// false for a tensor without memory of its own to read (meta, sparse, lazily negated, inside a functional transform).
bool read_array(PyObject* object, Library library, const char* op, const char* what, Tensor& out);
bool is_writeable(PyObject* object, Library library);

// A new array as described; its address is put into `tensor`.
py::object new_array(Tensor& tensor, Library library);

// Copies the elements of an array in host memory to another of the same shape.
void copy_elements(const Tensor& from, const Tensor& to);

// The stream on which the library queues the caller's work on a GPU.
void* current_stream(Library library, Device device);

// A torch tensor whose operations torch's autograd records.
bool requires_grad(PyObject* tensor);

// Tells torch's autograd that a tensor is about to be written to: a graph that needs its values says so in backward.
void mark_changed(PyObject* tensor);

// Whether a call with torch tensors must be seen by torch's dispatcher: a dispatch mode or forward differentiation is
// on.
bool torch_intercepts();

// What the Python side says of torch once it has been imported.
struct TorchHooks {
  py::object is_grad_enabled, mode_depth;  // called without arguments
  py::object increment_version;            // called with a tensor
  py::dict forward_ad;                     // the namespace of torch.autograd.forward_ad
};
// Tensors of exactly these types are read directly; with none, by Python. False where their type offers no such way.
bool set_torch_types(const py::tuple& types, const TorchHooks& hooks);

// What the Python side says of CuPy once a call brings its arrays.
struct CuPyHooks {
  py::type ndarray;
  py::object allocate;        // called with a shape and a dtype, returns an array
  py::object current_stream;  // called without arguments, returns an object with the stream's address as `ptr`
};
void set_cupy_types(const CuPyHooks& hooks);

DType parse_dtype(const std::string& name);

}  // namespace fastnets
