#include "bindings/arrays.h"

namespace fastnets {
namespace {

constexpr int kWriteable = 0x0400, kAligned = 0x0100;  // NumPy's array flags

const py::detail::PyArray_Proxy* proxy(PyObject* array) {
  return reinterpret_cast<const py::detail::PyArray_Proxy*>(array);
}

struct Torch {
  PyTypeObject *tensor = nullptr, *parameter = nullptr;
  PyObject* is_grad_enabled = nullptr;
  const dlpack::ExchangeApi* api = nullptr;
};
Torch g_torch;
PyObject* g_bfloat16 = nullptr;  // ml_dtypes.bfloat16's NumPy dtype, once seen

[[noreturn]] void refuse_dtype(const char* op, const char* what, const std::string& dtype) {
  fail<TypeError>(op, ": ", what, " has dtype ", dtype,
                  ", which is not served: float32, float64, bfloat16, float16 and, for indices, int32 and int64 are");
}

DType numpy_dtype(const py::dtype& dtype, const char* op, const char* what) {
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
  static py::object* cache[7] = {};
  py::object*& slot = cache[static_cast<int>(dtype)];
  if (!slot) {
    if (dtype == DType::bfloat16)
      slot = new py::object(py::dtype::from_args(py::module_::import("ml_dtypes").attr("bfloat16")));
    else
      slot = new py::object(py::dtype(name(dtype)));
  }
  return py::reinterpret_borrow<py::dtype>(*slot);
}

void read_numpy(PyObject* object, const char* op, const char* what, Tensor& out) {
  const auto* array = proxy(object);
  out.dtype = numpy_dtype(py::reinterpret_borrow<py::dtype>(array->descr), op, what);
  check(array->nd <= kMaxDims, op, ": ", what, " has ", array->nd, " dimensions but at most ", kMaxDims, " are served");
  check(array->flags & kAligned, op, ": ", what, " is not aligned to its element size; pass a copy");
  const int size = item_size(out.dtype);
  for (int i = 0; i < array->nd; ++i) {
    out.shape[i] = array->dimensions[i];
    check(array->strides[i] % size == 0, op, ": ", what, " has a stride of ", array->strides[i],
          " bytes, which is no multiple of its element size; pass a copy");
    out.stride[i] = array->strides[i] / size;
  }
  out.ndim = static_cast<std::int8_t>(array->nd);
  out.data = array->data;
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

void read_torch(PyObject* object, const char* op, const char* what, Tensor& out) {
  dlpack::Tensor view;
  if (g_torch.api->export_view(object, &view)) throw py::error_already_set();
  check<TypeError>(view.device.type == 1 || view.device.type == 2, op, ": ", what,
                   " is on a device that is neither a CPU nor a CUDA GPU");
  check(view.ndim <= kMaxDims, op, ": ", what, " has ", view.ndim, " dimensions but at most ", kMaxDims, " are served");
  out.dtype = torch_dtype(view.dtype, op, what);
  out.device = view.device.type == 1 ? Device::cpu : Device::cuda;
  out.ndim = static_cast<std::int8_t>(view.ndim);
  out.data = static_cast<char*>(view.data) + view.byte_offset;
  std::int64_t step = 1;
  for (int i = view.ndim - 1; i >= 0; --i) {
    out.shape[i] = view.shape[i];
    out.stride[i] = view.strides ? view.strides[i] : step;
    step *= view.shape[i];
  }
}

py::object new_torch(Tensor& tensor) {
  // Memory in the order of the strides, described in the order of the dimensions.
  int order[kMaxDims];
  for (int i = 0; i < tensor.ndim; ++i) order[i] = i;
  for (int i = 1; i < tensor.ndim; ++i)
    for (int j = i; j > 0 && tensor.stride[order[j - 1]] < tensor.stride[order[j]]; --j)
      std::swap(order[j - 1], order[j]);
  std::int64_t sizes[kMaxDims] = {};
  for (int i = 0; i < tensor.ndim; ++i) sizes[i] = tensor.shape[order[i]];
  dlpack::Tensor prototype{
      nullptr, {tensor.device == Device::cpu ? 1 : 2, 0}, tensor.ndim, torch_dtype(tensor.dtype), sizes, nullptr, 0};
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

}  // namespace

Library library_of(PyObject* object) {
  if (py::detail::npy_api::get().PyArray_Check_(object)) return Library::numpy;
  if (g_torch.api && (Py_TYPE(object) == g_torch.tensor || Py_TYPE(object) == g_torch.parameter)) return Library::torch;
  return Library::other;
}
const char* name(Library library) {
  constexpr const char* names[] = {"nothing", "a NumPy array", "a torch tensor", "something else"};
  return names[static_cast<int>(library)];
}

void read_array(PyObject* object, Library library, const char* op, const char* what, Tensor& out) {
  library == Library::numpy ? read_numpy(object, op, what, out) : read_torch(object, op, what, out);
  out.defined = true;
}

bool is_writeable(PyObject* object, Library library) {
  return library != Library::numpy || proxy(object)->flags & kWriteable;
}

py::object new_array(Tensor& tensor, Library library) {
  if (library == Library::torch) return new_torch(tensor);
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

bool requires_grad(PyObject* tensor) {
  static PyObject* attribute = PyUnicode_InternFromString("requires_grad");
  const auto wanted = py::reinterpret_steal<py::object>(PyObject_GetAttr(tensor, attribute));
  if (!wanted) throw py::error_already_set();
  if (wanted.ptr() != Py_True) return false;
  const auto enabled = py::reinterpret_steal<py::object>(PyObject_CallNoArgs(g_torch.is_grad_enabled));
  return enabled.ptr() == Py_True;
}

void set_torch_types(py::type tensor, py::type parameter, py::object is_grad_enabled) {
  if (!py::hasattr(tensor, "__dlpack_c_exchange_api__")) return;
  const auto capsule = py::reinterpret_borrow<py::capsule>(tensor.attr("__dlpack_c_exchange_api__"));
  const auto* api = static_cast<const dlpack::ExchangeApi*>(PyCapsule_GetPointer(capsule.ptr(), "dlpack_exchange_api"));
  if (!api) throw py::error_already_set();
  if (api->version.major != 1) return;
  g_torch = {reinterpret_cast<PyTypeObject*>(tensor.inc_ref().ptr()),
             reinterpret_cast<PyTypeObject*>(parameter.inc_ref().ptr()), is_grad_enabled.inc_ref().ptr(), api};
}

DType parse_dtype(const std::string& wanted) {
  for (int i = 0; i < 7; ++i)
    if (wanted == kDTypeNames[i]) return static_cast<DType>(i);
  fail<TypeError>("dtype ", wanted, " is not served");
}

}  // namespace fastnets
