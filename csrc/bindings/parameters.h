// Numbers, flags, names and tuples from Python as an op's parameters.
#pragma once
#include <cmath>
#include <string_view>

#include "bindings/arrays.h"
#include "core/parameters.h"

namespace fastnets {

// A Python object as it is written in messages.
struct Repr {
  PyObject* object;
};
inline std::ostream& operator<<(std::ostream& out, const Repr& r) {
  return out << static_cast<std::string>(py::repr(py::handle(r.object)));
}
inline const char* type_name(PyObject* object) { return Py_TYPE(object)->tp_name; }
inline Repr repr(PyObject* object) { return {object}; }

inline void parse(PyObject* object, const char* op, const char* what, bool& out) {
  check<TypeError>(PyBool_Check(object), op, ": ", what, " must be True or False, got ", repr(object));
  out = object == Py_True;
}
inline void parse(PyObject* object, const char* op, const char* what, std::int64_t& out) {
  const auto index = py::reinterpret_steal<py::object>(PyBool_Check(object) ? nullptr : PyNumber_Index(object));
  if (!index) PyErr_Clear();
  check<TypeError>(static_cast<bool>(index), op, ": ", what, " must be an integer, got ", repr(object));
  out = PyLong_AsLongLong(index.ptr());
  if (out == -1 && PyErr_Occurred()) {
    PyErr_Clear();
    fail(op, ": ", what, " is ", repr(object), ", which does not fit 64 bits");
  }
}
// A seed: any integer, its low 64 bits count.
inline void parse(PyObject* object, const char* op, const char* what, std::uint64_t& out) {
  const auto index = py::reinterpret_steal<py::object>(PyBool_Check(object) ? nullptr : PyNumber_Index(object));
  if (!index) PyErr_Clear();
  check<TypeError>(static_cast<bool>(index), op, ": ", what, " must be an integer, got ", repr(object));
  out = PyLong_AsUnsignedLongLongMask(index.ptr());
}
inline void parse(PyObject* object, const char* op, const char* what, double& out) {
  out = PyBool_Check(object) ? -1 : PyFloat_AsDouble(object);
  if (PyBool_Check(object) || (out == -1 && PyErr_Occurred())) {
    PyErr_Clear();
    fail<TypeError>(op, ": ", what, " must be a number, got ", repr(object));
  }
}
template <int kMost>
void parse(PyObject* object, const char* op, const char* what, Integers<kMost>& out) {
  const bool sequence = PyTuple_Check(object) || PyList_Check(object);
  check<TypeError>(sequence, op, ": ", what, " must be a tuple of integers, got ", repr(object));
  const auto n = PySequence_Size(object);
  check(n <= kMost, op, ": ", what, " is ", repr(object), " but has at most ", kMost, " entries");
  out.count = static_cast<int>(n);
  for (int i = 0; i < out.count; ++i) {
    const auto item = py::reinterpret_steal<py::object>(PySequence_GetItem(object, i));
    parse(item.ptr(), op, what, out[i]);
  }
}
// An enumeration by the names that core gives it; None is the first of those that may be left out.
template <class E>
  requires std::is_enum_v<E>
void parse(PyObject* object, const char* op, const char* what, E& out) {
  constexpr bool optional = requires { Names<E>::kOptional; };
  if (optional && object == Py_None) {
    out = E{};
    return;
  }
  check<TypeError>(PyUnicode_Check(object), op, ": ", what, " must be a string, got ", repr(object));
  Py_ssize_t length = 0;
  const char* text = PyUnicode_AsUTF8AndSize(object, &length);
  if (!text) throw py::error_already_set();
  const std::string_view wanted(text, static_cast<std::size_t>(length));
  for (int i = optional ? 1 : 0; i < Names<E>::count; ++i)
    if (wanted == Names<E>::list[i]) {
      out = static_cast<E>(i);
      return;
    }
  std::string names = optional ? "None" : "";
  for (int i = optional ? 1 : 0; i < Names<E>::count; ++i)
    names += (names.empty() ? "" : ", ") + std::string(Names<E>::list[i]);
  fail(op, ": ", what, " is ", repr(object), " but must be one of ", names);
}

// The type of a parameter in a torch schema; a seed is a 0-d int64 tensor there, so that a graph can draw it anew.
constexpr const char* schema_type(bool) { return "bool"; }
constexpr const char* schema_type(std::int64_t) { return "int"; }
constexpr const char* schema_type(std::uint64_t) { return "Tensor"; }
constexpr const char* schema_type(double) { return "float"; }
template <int kMost>
const char* schema_type(const Integers<kMost>&) {
  return "int[]";
}
template <class E>
  requires std::is_enum_v<E>
const char* schema_type(E) {
  return requires { Names<E>::kOptional; } ? "str?" : "str";
}

}  // namespace fastnets
