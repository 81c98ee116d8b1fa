#include "bindings/arrays.h"

#include <utility>

#include "bindings/backend.h"

namespace fastnets {
namespace {

constexpr int kWriteable = 0x0400, kAligned = 0x0100;  // NumPy's array flags

const py::detail::PyArray_Proxy* proxy(PyObject* array) {
  return reinterpret_cast<const py::detail::PyArray_Proxy*>(array);
}

struct Torch {
  PyTypeObject *tensor = nullptr, *parameter = nullptr;
  PyObject *is_grad_enabled = nullptr, *mode_depth = nullptr, *increment_version = nullptr, *forward_ad = nullptr;
  const dlpack::ExchangeApi* api = nullptr;
};
Torch g_torch;

struct CuPy {
  PyTypeObject* ndarray = nullptr;
  PyObject *allocate = nullptr, *current_stream = nullptr;
};
CuPy g_cupy;

PyObject* interned(const char* name) {
  PyObject* made = PyUnicode_InternFromString(name);
  if (!made) throw py::error_already_set();
  return made;
}
PyObject* g_bfloat16 = nullptr;  // ml_dtypes.bfloat16's NumPy dtype, once seen

[[noreturn]] void refuse_dtype(const char* op, const char* what, const std::string& dtype) {
  fail<TypeError>(op, ": ", what, " has dtype ", dtype,
                  ", which is not served: float32, float64, bfloat16, float16 and, for indices, int32 and int64 are");
}

py::object* g_numpy_dtypes[7] = {};  // NumPy's own objects, by DType

DType numpy_dtype(const py::dtype& dtype, const char* op, const char* what) {
  for (int i = 0; i < 7; ++i)
    if (g_numpy_dtypes[i] && g_numpy_dtypes[i]->ptr() == dtype.ptr()) return static_cast<DType>(i);
  const char order = dtype.byteorder();
  if (order == '=' || order == '|') {
    switch (dtype.normalized_num()) {
      case py::detail::npy_api::NPY_FLOAT_:
        return DType::float32;
      case py::detail::npy_api::NPY_DOUBLE_:
        return DType::float64;
      case 23:
        return DType::float16;
      case py::detail::npy_api::NPY_BOOL_:
        return DType::boolean;
      default:
        break;
    }
    if (dtype.kind() == 'i' && dtype.itemsize() == 8) return DType::int64;
    if (dtype.kind() == 'i' && dtype.itemsize() == 4) return DType::int32;
    if (dtype.ptr() == g_bfloat16) return DType::bfloat16;
    if (dtype.itemsize() == 2 && std::string(py::str(dtype)) == "bfloat16") {
      if (!g_bfloat16) g_bfloat16 = dtype.inc_ref().ptr();
      return DType::bfloat16;
    }
  }
  refuse_dtype(op, what, py::str(dtype));
}

py::dtype numpy_dtype(DType dtype) {
  py::object*& slot = g_numpy_dtypes[static_cast<int>(dtype)];
  if (!slot) {
    if (dtype == DType::bfloat16)
      slot = new py::object(py::dtype::from_args(py::module_::import("ml_dtypes").attr("bfloat16")));
    else
      slot = new py::object(py::dtype(name(dtype)));
  }
  return py::reinterpret_borrow<py::dtype>(*slot);
}

// Shape and strides; get(i) is what NumPy, or a library of its kind, says of dimension i: its size, its stride in
// bytes.
template <class Get>
void read_dimensions(std::int64_t ndim, const char* op, const char* what, Tensor& out, const Get& get) {
  check(ndim <= kMaxDims, op, ": ", what, " has ", ndim, " dimensions but at most ", kMaxDims, " are served");
  out.ndim = static_cast<std::int8_t>(ndim);
  const int size = item_size(out.dtype);
  for (int i = 0; i < out.ndim; ++i) {
    const auto [length, stride] = get(i);
    check(stride % size == 0, op, ": ", what, " has a stride of ", stride,
          " bytes, which is no multiple of its element size; pass a copy");
    out.shape[i] = length, out.stride[i] = stride / size;
  }
}

void read_numpy(PyObject* object, const char* op, const char* what, Tensor& out) {
  const auto* array = proxy(object);
  out.dtype = numpy_dtype(py::reinterpret_borrow<py::dtype>(array->descr), op, what);
  check(array->flags & kAligned, op, ": ", what, " is not aligned to its element size; pass a copy");
  read_dimensions(array->nd, op, what, out, [&](int i) {
    return std::pair<std::int64_t, std::int64_t>{array->dimensions[i], array->strides[i]};
  });
  out.data = array->data;
}

py::object attribute(PyObject* object, PyObject* name) {
  PyObject* found = PyObject_GetAttr(object, name);
  if (!found) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(found);
}
std::int64_t integer(const py::object& object) {
  const std::int64_t value = PyLong_AsLongLong(object.ptr());
  if (value == -1 && PyErr_Occurred()) throw py::error_already_set();
  return value;
}
// The address of a pointer or a stream of CuPy's.
void* address_of(PyObject* object) {
  static PyObject* ptr = interned("ptr");
  return reinterpret_cast<void*>(integer(attribute(object, ptr)));
}

void read_cupy(PyObject* object, const char* op, const char* what, Tensor& out) {
  static PyObject *data = interned("data"), *device_id = interned("device_id"), *dtype = interned("dtype"),
                  *sizes = interned("shape"), *strides = interned("strides");
  out.dtype = numpy_dtype(attribute(object, dtype), op, what);
  const py::tuple shape_ = attribute(object, sizes), strides_ = attribute(object, strides);
  read_dimensions(static_cast<std::int64_t>(shape_.size()), op, what, out,
                  [&](int i) { return std::pair{integer(shape_[i]), integer(strides_[i])}; });
  const py::object memory = attribute(object, data);
  out.data = address_of(memory.ptr());
  out.device = {backend_device(), static_cast<std::int8_t>(integer(attribute(memory.ptr(), device_id)))};
}

DType torch_dtype(const dlpack::DataType& t, const char* op, const char* what) {
  const int code = t.code * 1000 + t.bits;
  switch (t.lanes == 1 ? code : 0) {
    case 2064:
      return DType::float64;
    case 2032:
      return DType::float32;
    case 2016:
      return DType::float16;
    case 4016:
      return DType::bfloat16;
    case 64:
      return DType::int64;
    case 32:
      return DType::int32;
    case 6008:
      return DType::boolean;
    default: {
      const char* kinds[] = {"int", "uint", "float", "opaque", "bfloat", "complex", "bool"};
      refuse_dtype(op, what, (t.code < 7 ? kinds[t.code] : "unknown") + std::to_string(t.bits));
    }
  }
}
dlpack::DataType torch_dtype(DType t) {
  const std::uint8_t code = t == DType::bfloat16 ? 4 : t == DType::boolean ? 6 : is_float(t) ? 2 : 0;
  return {code, static_cast<std::uint8_t>(8 * item_size(t)), 1};
}

// Of ordinary tensors only an imaginary part, a view of every other number, or a single number can be negated lazily.
bool may_be_negated(const dlpack::Tensor& view) {
  for (int i = 0; i < view.ndim; ++i)
    if (view.shape[i] != 1 && (!view.strides || view.strides[i] % 2)) return false;
  return true;
}
bool is_negated(PyObject* tensor) {
  static PyObject* name = interned("is_neg");
  const auto answer = py::reinterpret_steal<py::object>(PyObject_CallMethodNoArgs(tensor, name));
  if (!answer) throw py::error_already_set();
  return answer.ptr() == Py_True;
}

bool read_torch(PyObject* object, const char* op, const char* what, Tensor& out) {
  dlpack::Tensor view;
  if (g_torch.api->export_view(object, &view)) {
    PyErr_Clear();
    return false;
  }
  if (view.device.type != 1 && view.device.type != 2) return false;
  check(view.ndim <= kMaxDims, op, ": ", what, " has ", view.ndim, " dimensions but at most ", kMaxDims, " are served");
  out.dtype = torch_dtype(view.dtype, op, what);
  out.device = {view.device.type == 1 ? Device::Type::cpu : Device::Type::cuda,
                static_cast<std::int8_t>(view.device.id)};
  out.ndim = static_cast<std::int8_t>(view.ndim);
  out.data = view.data ? static_cast<char*>(view.data) + view.byte_offset : nullptr;
  std::int64_t step = 1;
  for (int i = view.ndim - 1; i >= 0; --i) {
    out.shape[i] = view.shape[i];
    out.stride[i] = view.strides ? view.strides[i] : step;
    step *= view.shape[i];
  }
  if (!out.data && step != 0) return false;
  return !may_be_negated(view) || !is_negated(object);
}

// A dense tensor's dimensions in the order of memory.
struct MemoryOrder {
  int order[kMaxDims];
  std::int64_t sizes[kMaxDims] = {};
  explicit MemoryOrder(const Tensor& tensor) {
    for (int i = 0; i < tensor.ndim; ++i) order[i] = i;
    for (int i = 1; i < tensor.ndim; ++i)
      for (int j = i; j > 0 && tensor.stride[order[j - 1]] < tensor.stride[order[j]]; --j)
        std::swap(order[j - 1], order[j]);
    for (int i = 0; i < tensor.ndim; ++i) sizes[i] = tensor.shape[order[i]];
  }
};

py::object new_torch(Tensor& tensor) {
  MemoryOrder memory(tensor);
  dlpack::Tensor prototype{nullptr,
                           {tensor.device.type == Device::Type::cpu ? 1 : 2, tensor.device.index},
                           tensor.ndim,
                           torch_dtype(tensor.dtype),
                           memory.sizes,
                           nullptr,
                           0};
  dlpack::ManagedTensor* made = nullptr;
  std::string error;
  const auto keep = [](void* to, const char*, const char* message) { *static_cast<std::string*>(to) = message; };
  if (g_torch.api->allocate(&prototype, &made, &error, keep)) throw std::bad_alloc();
  for (int i = 0; i < tensor.ndim; ++i) {
    made->tensor.shape[i] = tensor.shape[i];
    made->tensor.strides[i] = tensor.stride[i];
  }
  tensor.data = static_cast<char*>(made->tensor.data) + made->tensor.byte_offset;
  void* object = nullptr;
  if (g_torch.api->to_object(made, &object)) throw py::error_already_set();
  return py::reinterpret_steal<py::object>(static_cast<PyObject*>(object));
}

py::object new_cupy(Tensor& tensor) {
  static PyObject *data = interned("data"), *transpose = interned("transpose");
  const MemoryOrder memory(tensor);
  py::tuple sizes(tensor.ndim), places(tensor.ndim);
  for (int i = 0; i < tensor.ndim; ++i) {
    sizes[i] = memory.sizes[i];
    places[memory.order[i]] = i;
  }
  py::object made = py::reinterpret_borrow<py::object>(g_cupy.allocate)(sizes, numpy_dtype(tensor.dtype));
  if (!tensor.is_contiguous()) made = attribute(made.ptr(), transpose)(places);
  tensor.data = address_of(attribute(made.ptr(), data).ptr());
  return made;
}

}  // namespace

Library library_of(PyObject* object) {
  static PyTypeObject* ndarray = reinterpret_cast<PyTypeObject*>(py::detail::npy_api::get().PyArray_Type_);
  if (PyObject_TypeCheck(object, ndarray)) return Library::numpy;
  if (Py_TYPE(object) == g_torch.tensor || Py_TYPE(object) == g_torch.parameter) return Library::torch;
  if (Py_TYPE(object) == g_cupy.ndarray) return Library::cupy;
  return Library::other;
}
const char* name(Library library) {
  constexpr const char* names[] = {"nothing", "a NumPy array", "a torch tensor", "a CuPy array", "something else"};
  return names[static_cast<int>(library)];
}

bool read_array(PyObject* object, Library library, const char* op, const char* what, Tensor& out) {
  if (library == Library::numpy)
    read_numpy(object, op, what, out);
  else if (library == Library::cupy)
    read_cupy(object, op, what, out);
  else if (!read_torch(object, op, what, out))
    return false;
  return out.defined = true;
}

bool is_writeable(PyObject* object, Library library) {
  return library != Library::numpy || proxy(object)->flags & kWriteable;
}

py::object new_array(Tensor& tensor, Library library) {
  if (library == Library::torch) return new_torch(tensor);
  if (library == Library::cupy) return new_cupy(tensor);
  py::ssize_t sizes[kMaxDims], strides[kMaxDims];
  for (int i = 0; i < tensor.ndim; ++i) {
    sizes[i] = tensor.shape[i];
    strides[i] = tensor.stride[i] * item_size(tensor.dtype);
  }
  auto& api = py::detail::npy_api::get();
  // NumPy computes row-major strides itself, and more quickly, where it is not given any.
  PyObject* array = api.PyArray_NewFromDescr_(api.PyArray_Type_, numpy_dtype(tensor.dtype).release().ptr(), tensor.ndim,
                                              sizes, tensor.is_contiguous() ? nullptr : strides, nullptr, 0, nullptr);
  if (!array) throw py::error_already_set();
  tensor.data = proxy(array)->data;
  return py::reinterpret_steal<py::object>(array);
}

void copy_elements(const Tensor& from, const Tensor& to) {
  const int size = item_size(from.dtype);
  for (std::int64_t element = 0, count = from.size(); element < count; ++element) {
    std::int64_t rest = element, source = 0, target = 0;
    for (int d = from.ndim - 1; d >= 0; --d) {
      source += rest % from.shape[d] * from.stride[d], target += rest % from.shape[d] * to.stride[d];
      rest /= from.shape[d];
    }
    __builtin_memcpy(static_cast<char*>(to.data) + target * size, static_cast<char*>(from.data) + source * size, size);
  }
}

void* current_stream(Library library, Device device) {
  void* stream = nullptr;
  if (library == Library::torch && g_torch.api->current_stream(2, device.index, &stream)) throw py::error_already_set();
  if (library == Library::cupy) stream = address_of(py::reinterpret_borrow<py::object>(g_cupy.current_stream)().ptr());
  return stream;
}

bool requires_grad(PyObject* tensor) {
  static PyObject* name = interned("requires_grad");
  const py::object wanted = attribute(tensor, name);
  if (wanted.ptr() != Py_True) return false;
  const auto enabled = py::reinterpret_steal<py::object>(PyObject_CallNoArgs(g_torch.is_grad_enabled));
  if (!enabled) throw py::error_already_set();
  return enabled.ptr() == Py_True;
}

void mark_changed(PyObject* tensor) {
  if (!py::reinterpret_steal<py::object>(PyObject_CallOneArg(g_torch.increment_version, tensor)))
    throw py::error_already_set();
}

bool torch_intercepts() {
  static PyObject* name = interned("_current_level");  // -1: no forward differentiation
  PyObject* level = PyDict_GetItemWithError(g_torch.forward_ad, name);
  if (level && PyLong_AsLong(level) >= 0) return true;
  const auto depth = py::reinterpret_steal<py::object>(PyObject_CallNoArgs(g_torch.mode_depth));
  if (!depth || PyErr_Occurred()) throw py::error_already_set();
  return PyLong_AsLong(depth.ptr()) > 0;
}

bool set_torch_types(const py::tuple& types, const TorchHooks& hooks) {
  g_torch.tensor = g_torch.parameter = nullptr;
  if (types.size() != 2 || !py::hasattr(types[0], "__dlpack_c_exchange_api__")) return false;
  const py::capsule capsule = types[0].attr("__dlpack_c_exchange_api__");
  const auto* api = static_cast<const dlpack::ExchangeApi*>(PyCapsule_GetPointer(capsule.ptr(), "dlpack_exchange_api"));
  if (!api) throw py::error_already_set();
  if (api->version.major != 1) return false;
  const auto keep = [](const py::object& object) { return object.inc_ref().ptr(); };  // as long as the process lives
  g_torch = {reinterpret_cast<PyTypeObject*>(keep(types[0])),
             reinterpret_cast<PyTypeObject*>(keep(types[1])),
             keep(hooks.is_grad_enabled),
             keep(hooks.mode_depth),
             keep(hooks.increment_version),
             keep(hooks.forward_ad),
             api};
  return true;
}

void set_cupy_types(const CuPyHooks& hooks) {
  const auto keep = [](const py::object& object) { return object.inc_ref().ptr(); };  // as long as the process lives
  g_cupy = {reinterpret_cast<PyTypeObject*>(keep(hooks.ndarray)), keep(hooks.allocate), keep(hooks.current_stream)};
}

DType parse_dtype(const std::string& wanted) {
  for (int i = 0; i < 7; ++i)
    if (wanted == kDTypeNames[i]) return static_cast<DType>(i);
  fail<TypeError>("dtype ", wanted, " is not served");
}

}  // namespace fastnets
