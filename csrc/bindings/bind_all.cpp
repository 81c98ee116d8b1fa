#include "bindings/bind_all.h"

#include <pybind11/stl.h>

#include <cstdlib>

#include "bindings/bind_op.h"

namespace fastnets {
namespace {

PyObject* g_hooks[2] = {};
PyObject* g_mode = nullptr;

Spec make_spec(const std::vector<std::int64_t>& sizes, const std::vector<std::int64_t>& strides,
               const std::string& dtype, const std::string& device) {
  check(sizes.size() <= kMaxDims && sizes.size() == strides.size(), "Spec: ", sizes.size(), " dimensions and ",
        strides.size(), " strides; at most ", kMaxDims, " are served");
  Spec spec;
  spec.tensor.describe(parse_dtype(dtype), Device{device == "cuda" ? Device::Type::cuda : Device::Type::cpu},
                       static_cast<int>(sizes.size()), sizes.data());
  for (std::size_t i = 0; i < strides.size(); ++i) spec.tensor.stride[i] = strides[i];
  return spec;
}

py::tuple as_tuple(const std::int64_t* values, int n) {
  py::tuple made(n);
  for (int i = 0; i < n; ++i) made[i] = values[i];
  return made;
}

}  // namespace

bool short_way() {
  static const bool forced = [] {
    const char* backend = std::getenv("FASTNETS_BACKEND");
    return backend && *backend;
  }();
  PyObject* mode = nullptr;
  if (PyContextVar_Get(g_mode, Py_None, &mode) < 0) throw py::error_already_set();
  Py_DECREF(mode);
  return mode == Py_None && !forced;
}

void set_hook(Hook hook, py::object function) {
  PyObject*& slot = g_hooks[static_cast<int>(hook)];
  Py_XDECREF(slot);
  slot = function.release().ptr();
}
py::object call_hook(Hook hook, const char* op, PyObject* const* arguments, Py_ssize_t count) {
  PyObject* function = g_hooks[static_cast<int>(hook)];
  if (!function) throw NotServed(std::string(op) + ": the Python side is not loaded");
  py::tuple given(count);
  for (Py_ssize_t i = 0; i < count; ++i) PyTuple_SET_ITEM(given.ptr(), i, Py_NewRef(arguments[i]));
  return py::reinterpret_borrow<py::object>(function)(op, given);
}

void raise_in_python() {
  if (raise_backend_error()) return;
  try {
    throw;
  } catch (py::error_already_set& e) { e.restore(); } catch (const TypeError& e) {
    PyErr_SetString(PyExc_TypeError, e.what());
  } catch (const ValueError& e) { PyErr_SetString(PyExc_ValueError, e.what()); } catch (const NotServed& e) {
    PyErr_SetString(PyExc_NotImplementedError, e.what());
  } catch (const std::bad_alloc&) { PyErr_NoMemory(); } catch (const std::exception& e) {
    PyErr_SetString(PyExc_RuntimeError, e.what());
  } catch (...) { PyErr_SetString(PyExc_RuntimeError, "unknown error in fastnets"); }
}

void bind_all(py::module_& m) {
  py::register_local_exception_translator([](std::exception_ptr p) {
    try {
      std::rethrow_exception(p);
    } catch (...) { raise_in_python(); }
  });
  g_mode = PyContextVar_New("fastnets_mode", nullptr);
  if (!g_mode) throw py::error_already_set();
  m.attr("mode") = py::reinterpret_borrow<py::object>(g_mode);
  m.def("set_fallback", [](py::object function) { set_hook(Hook::fallback, std::move(function)); });
  m.def("set_recorder", [](py::object function) { set_hook(Hook::recorder, std::move(function)); });
  m.def("set_torch_types", [](const py::tuple& types, py::object is_grad_enabled, py::object mode_depth,
                              py::object increment_version, py::dict forward_ad) {
    return set_torch_types(types, {std::move(is_grad_enabled), std::move(mode_depth), std::move(increment_version),
                                   std::move(forward_ad)});
  });
  m.def("set_cupy_types", [](py::type ndarray, py::object allocate, py::object current_stream) {
    set_cupy_types({std::move(ndarray), std::move(allocate), std::move(current_stream)});
  });

  py::class_<Spec>(m, "Spec", py::module_local())
      .def(py::init(&make_spec), py::arg("shape"), py::arg("strides"), py::arg("dtype"), py::arg("device") = "cpu")
      .def_property_readonly("shape", [](const Spec& s) { return as_tuple(s.tensor.shape, s.tensor.ndim); })
      .def_property_readonly("strides", [](const Spec& s) { return as_tuple(s.tensor.stride, s.tensor.ndim); })
      .def_property_readonly("dtype", [](const Spec& s) { return name(s.tensor.dtype); });
  py::class_<PackedWeight>(m, "PackedWeight", py::module_local())
      .def(py::init<py::object>())
      .def_property_readonly("array", &PackedWeight::array);

  py::dict table;
#define FASTNETS_BIND(op, Op) bind_op<Op, &KernelTable::op>(m, table);
  FASTNETS_OPS(FASTNETS_BIND)
#undef FASTNETS_BIND
  m.attr("op_table") = table;
}

}  // namespace fastnets
