// What the bindings do with the fields of an op: each is a visitor, given to the op's `fields`.
#pragma once
#include <vector>

#include "bindings/backend.h"
#include "bindings/packed.h"
#include "bindings/parameters.h"

namespace fastnets {

// The shape, dtype and strides of an array that need not exist.
struct Spec {
  Tensor tensor;
};

// Reads an op's arguments.
struct Reader {
  const char* op;
  PyObject* const* arguments;
  bool record = false;  // look for torch tensors that autograd follows
  Py_ssize_t next = 0;
  Library library = Library::none;
  const char* first = nullptr;  // the first array's name, for messages
  Device device{};
  PackedWeight* packed = nullptr;
  const char* foreign = nullptr;  // an argument that only Python can deal with
  bool tracked = false;           // autograd follows one of the arguments
  std::int64_t elements = 0;      // of all arrays

  PyObject* take() { return arguments[next++]; }
  PyObject* take_array(const char* what) {
    PyObject* object = take();
    check<TypeError>(object != Py_None, op, ": ", what, " must be an array, got None");
    return object;
  }

  void array(const char* what, PyObject* object, Tensor& out, bool write = false) {
    if (foreign) return;
    Library kind = library_of(object);
    if (kind == Library::other) {
      if (py::isinstance<Spec>(object)) {
        out = py::handle(object).cast<const Spec&>().tensor;
        return;
      }
      if (!py::isinstance<PackedWeight>(object)) {
        foreign = what;
        return;
      }
      packed = &py::handle(object).cast<PackedWeight&>();
      object = packed->array().ptr();
      kind = library_of(object);
    }
    check<TypeError>(library == Library::none || kind == library || kind == Library::other, op, ": ", first, " is ",
                     name(library), " but ", what, " is ", name(kind),
                     "; all arrays of a call must belong to one library");
    if (kind == Library::other || !read_array(object, kind, op, what, out)) {
      foreign = what;
      return;
    }
    if (library == Library::none) {
      library = kind, first = what, device = out.device;
      if (device.type != backend_device()) foreign = what;
    } else {
      check<TypeError>(out.device == device, op, ": ", first, " and ", what, " are on different devices");
    }
    if (write) {
      check(is_writeable(object, kind), op, ": ", what, " is read-only but is updated in place");
      if (kind == Library::torch) mark_changed(object);
    }
    if (record && kind == Library::torch && !tracked) tracked = requires_grad(object);
    elements += out.size();
  }

  void input(const char* what, Tensor& out) { array(what, take_array(what), out); }
  void input(const char* what, Tensor& out, Tensor&) { input(what, out); }
  void optional(const char* what, Tensor& out) {
    if (PyObject* object = take(); object != Py_None) array(what, object, out);
  }
  void optional(const char* what, Tensor& out, Tensor&) { optional(what, out); }
  void in_place(const char* what, Tensor& out) { array(what, take_array(what), out, true); }
  void optional_in_place(const char* what, Tensor& out) {
    if (PyObject* object = take(); object != Py_None) array(what, object, out, true);
  }
  template <class P>
  void parameter(const char* what, P& out) {
    PyObject* object = take();
    if (!foreign) parse(object, op, what, out);
  }
  template <class... Rest>
  void output(const char*, Tensor&, Rest&&...) {}
  void saved(const char*, Tensor&) {}
};

// A visitor that looks at some kinds of fields and passes over the others.
struct Ignore {
  template <class... Rest>
  void input(const char*, Tensor&, Rest&&...) {}
  template <class... Rest>
  void optional(const char*, Tensor&, Rest&&...) {}
  void in_place(const char*, Tensor&) {}
  void optional_in_place(const char*, Tensor&) {}
  template <class P>
  void parameter(const char*, P&) {}
  template <class... Rest>
  void output(const char*, Tensor&, Rest&&...) {}
  void saved(const char*, Tensor&) {}
};

// Makes the arrays that infer has described.
struct Allocate : Ignore {
  Library library;
  std::vector<py::object> outputs, saves;
  std::int64_t elements = 0;
  explicit Allocate(Library library_) : library(library_) {}
  py::object make(Tensor& t) {
    if (!t) return py::none();
    elements += t.size();
    return new_array(t, library);
  }
  template <class... Rest>
  void output(const char*, Tensor& t, Rest&&...) {
    outputs.push_back(make(t));
  }
  void saved(const char*, Tensor& t) { saves.push_back(make(t)); }
};

struct Describe : Ignore {
  std::vector<py::object> outputs, saves;
  static py::object make(const Tensor& t) { return t ? py::cast(Spec{t}) : py::none(); }
  template <class... Rest>
  void output(const char*, Tensor& t, Rest&&...) {
    outputs.push_back(make(t));
  }
  void saved(const char*, Tensor& t) { saves.push_back(make(t)); }
};

// Reads what forward has made, described by infer, and the gradients of its outputs; a missing gradient is zero.
struct ReadResults : Ignore {
  const char* op;
  Library library;
  py::tuple outputs, saves, gradients;
  std::size_t output_index = 0, save_index = 0, gradient_index = 0;
  std::vector<py::object> kept;

  py::handle next(const py::tuple& from, std::size_t& index, const char* what) {
    check<TypeError>(index < from.size(), op, ": ", what, " is missing");
    return from[index++];
  }
  void read(const py::handle& object, const char* what, const Tensor& wanted, Tensor& out) {
    check<TypeError>(library_of(object.ptr()) == library && read_array(object.ptr(), library, op, what, out), op, ": ",
                     what, " must be ", name(library), " in memory, got ", type_name(object.ptr()));
    check(out.same_shape(wanted), op, ": ", what, " is ", shape(out), " but must be ", shape(wanted));
    check<TypeError>(out.dtype == wanted.dtype, op, ": ", what, " is ", fastnets::name(out.dtype), " but must be ",
                     fastnets::name(wanted.dtype));
    check<TypeError>(out.device == wanted.device, op, ": ", what, " is on another device than the inputs");
  }
  // Kernels rely on the memory format that they chose, which whoever kept the array need not have kept.
  void reread(const py::handle& object, const char* what, Tensor& t) {
    if (!t) return;
    Tensor given;
    read(object, what, t, given);
    if (!given.same_memory_format(t)) {
      check(t.device.type == Device::Type::cpu, op, ": ", what, " must have the strides that the op gave it");
      kept.push_back(new_array(t, library));
      copy_elements(given, t);
    } else {
      t.data = given.data;
    }
  }
  void output(const char* what, Tensor& t) { reread(next(outputs, output_index, what), what, t); }
  void output(const char* what, Tensor& t, Tensor& gradient) {
    output(what, t);
    const std::string called = std::string("the gradient of ") + what;
    const py::handle given = next(gradients, gradient_index, called.c_str());
    if (!t) return;
    if (!given.is_none()) return read(given, called.c_str(), t, gradient);
    gradient.describe_like(t);
    kept.push_back(new_array(gradient, library));
    set_to_zero(gradient, library);
  }
  void saved(const char* what, Tensor& t) { reread(next(saves, save_index, what), what, t); }
};

// The gradient of an input: row-major, or channels-last as the input where the op keeps the format.
inline bool describe_gradient(const Tensor& t, bool keeps_format, Tensor& gradient) {
  if (!t || !is_float(t.dtype)) return false;
  gradient.describe_like(t);
  if (keeps_format && t.is_channels_last()) gradient.make_channels_last();
  return true;
}

// Visits inputs, once for each, with their gradients where they have one.
template <class Derived>
struct VisitGradients : Ignore {
  std::vector<py::object> gradients;
  void input(const char*, Tensor&) { gradients.push_back(static_cast<Derived*>(this)->none()); }
  void input(const char*, Tensor& t, Tensor& gradient) {
    gradients.push_back(static_cast<Derived*>(this)->make(t, gradient));
  }
  void optional(const char* what, Tensor& t) { input(what, t); }
  void optional(const char* what, Tensor& t, Tensor& gradient) { input(what, t, gradient); }
  void in_place(const char* what, Tensor& t) { input(what, t); }
  void optional_in_place(const char* what, Tensor& t) { input(what, t); }
};

// Makes the arrays of the gradients that are wanted.
struct AllocateGradients : VisitGradients<AllocateGradients> {
  Library library;
  py::tuple wanted;
  bool keeps_format;
  std::size_t index = 0;
  AllocateGradients(Library library_, py::tuple wanted_, bool keeps_format_)
      : library(library_), wanted(std::move(wanted_)), keeps_format(keeps_format_) {}

  bool next() {
    check<TypeError>(index < wanted.size(), "backward: wanted has ", wanted.size(), " flags, one an input is needed");
    return py::bool_(wanted[index++]);
  }
  py::object none() { return (next(), py::none()); }
  py::object make(Tensor& t, Tensor& gradient) {
    if (!next() || !describe_gradient(t, keeps_format, gradient)) return py::none();
    return new_array(gradient, library);
  }
};

struct DescribeGradients : VisitGradients<DescribeGradients> {
  bool keeps_format;
  explicit DescribeGradients(bool keeps_format_) : keeps_format(keeps_format_) {}
  py::object none() { return py::none(); }
  py::object make(Tensor& t, Tensor& gradient) {
    return describe_gradient(t, keeps_format, gradient) ? py::cast(Spec{gradient}) : py::none();
  }
};

struct CountArguments : Ignore {
  Py_ssize_t count = 0;
  template <class... Rest>
  void input(const char*, Tensor&, Rest&&...) {
    ++count;
  }
  template <class... Rest>
  void optional(const char*, Tensor&, Rest&&...) {
    ++count;
  }
  void in_place(const char*, Tensor&) { ++count; }
  void optional_in_place(const char*, Tensor&) { ++count; }
  template <class P>
  void parameter(const char*, P&) {
    ++count;
  }
};

// The row of the table in Python: name, whether it has a gradient, whether it may be None, whether it is written to;
// parameters with their type in a torch schema.
struct DescribeFields {
  py::list inputs, parameters, outputs, saves;
  void describe(const char* n, bool differentiable, bool optional, bool in_place = false) {
    inputs.append(py::make_tuple(n, differentiable, optional, in_place));
  }
  void input(const char* n, Tensor&) { describe(n, false, false); }
  void input(const char* n, Tensor&, Tensor&) { describe(n, true, false); }
  void optional(const char* n, Tensor&) { describe(n, false, true); }
  void optional(const char* n, Tensor&, Tensor&) { describe(n, true, true); }
  void in_place(const char* n, Tensor&) { describe(n, false, false, true); }
  void optional_in_place(const char* n, Tensor&) { describe(n, false, true, true); }
  template <class P>
  void parameter(const char* n, const P& p) {
    parameters.append(py::make_tuple(n, schema_type(p)));
  }
  void output(const char* n, Tensor&) { outputs.append(py::make_tuple(n, false)); }
  void output(const char* n, Tensor&, Tensor&) { outputs.append(py::make_tuple(n, true)); }
  void saved(const char* n, Tensor&) { saves.append(n); }
};

inline py::tuple as_tuple(std::vector<py::object>& objects) {
  py::tuple made(objects.size());
  for (std::size_t i = 0; i < objects.size(); ++i)
    PyTuple_SET_ITEM(made.ptr(), static_cast<Py_ssize_t>(i), objects[i].release().ptr());
  return made;
}

}  // namespace fastnets
