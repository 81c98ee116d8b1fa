// One op of the table as Python functions, the same for every backend:
//   op(*arguments)                                            → outputs; falls back to Python for what it does not know
//   op_forward(arguments, save)                               → (outputs, saved)
//   op_backward(arguments, outputs, saved, gradients, wanted) → gradients of the inputs
//   op_infer(arguments, save)                                 → (outputs, saved) as descriptions
// `arguments` are the op's inputs, then its parameters, in the order in which the op declares them.
#pragma once
#include <vector>

#include "bindings/backend.h"
#include "bindings/packed.h"
#include "bindings/parameters.h"
#include "bindings/unlocked.h"

namespace fastnets {

// The shape, dtype and strides of an array that need not exist.
struct Spec {
  Tensor tensor;
};

// Set while a call must not take the short way: a forced backend, a vjp that records.
PyObject* mode_variable();
inline bool short_way() {
  PyObject* value = nullptr;
  if (PyContextVar_Get(mode_variable(), Py_None, &value) < 0) throw py::error_already_set();
  const bool plain = value == Py_None;
  Py_DECREF(value);
  return plain;
}
void set_fallback(py::object function);
py::object call_fallback(const char* op, const py::tuple& arguments);

// Visits an op's fields and reads its arguments.
struct Reader {
  const char* op;
  PyObject* arguments;  // a tuple
  bool record = false;  // stop at torch tensors that autograd follows
  Py_ssize_t next = 0;
  Library library = Library::none;
  const char* first = nullptr;  // the first array's name, for messages
  Device device = Device::cpu;
  PackedWeight* packed = nullptr;
  const char* foreign = nullptr;  // an argument that only Python can deal with

  PyObject* take() { return PyTuple_GET_ITEM(arguments, next++); }
  PyObject* take_array(const char* what) {
    PyObject* object = take();
    check<TypeError>(object != Py_None, op, ": ", what, " must be an array, got None");
    return object;
  }

  void array(const char* what, PyObject* object, Tensor& out, bool write = false) {
    if (foreign) return;
    if (py::isinstance<Spec>(object)) {
      out = py::handle(object).cast<const Spec&>().tensor;
      return;
    }
    Library kind = library_of(object);
    if (kind == Library::other && py::isinstance<PackedWeight>(object)) {
      packed = &py::handle(object).cast<PackedWeight&>();
      object = packed->array().ptr();
      kind = library_of(object);
    }
    if (kind == Library::other || (record && kind == Library::torch && requires_grad(object))) {
      foreign = what;
      return;
    }
    check<TypeError>(library == Library::none || kind == library, op, ": ", first, " is ", name(library), " but ", what,
                     " is ", name(kind), "; all arrays of a call must belong to one library");
    read_array(object, kind, op, what, out);
    if (library == Library::none) {
      library = kind, first = what, device = out.device;
      if (device != backend_device()) foreign = what;
    } else {
      check<TypeError>(out.device == device, op, ": ", first, " and ", what, " are on different devices");
    }
    check(!write || is_writeable(object, kind), op, ": ", what, " is read-only but is updated in place");
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
  explicit Allocate(Library library_) : library(library_) {}
  py::object make(Tensor& t) { return t ? new_array(t, library) : py::none(); }
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

// Reads what forward has made, and the gradients of its outputs; a missing gradient is zero.
struct ReadResults : Ignore {
  const char* op;
  Library library;
  py::tuple outputs, saves, gradients;
  std::size_t output_index = 0, save_index = 0, gradient_index = 0;
  std::vector<py::object> kept;

  void read(const py::handle& object, const char* what, Tensor& out) {
    if (object.is_none()) return;
    check<TypeError>(library_of(object.ptr()) == library, op, ": ", what, " must be ", name(library), ", got ",
                     type_name(object.ptr()));
    read_array(object.ptr(), library, op, what, out);
  }
  void output(const char* what, Tensor& t) { read(outputs[output_index++], what, t); }
  void output(const char* what, Tensor& t, Tensor& gradient) {
    output(what, t);
    const py::object given = gradients[gradient_index++];
    if (!t) return;
    const std::string called = std::string("the gradient of ") + what;
    if (given.is_none()) {
      gradient.describe_like(t);
      kept.push_back(new_array(gradient, library));
      __builtin_memset(gradient.data, 0, gradient.size() * item_size(gradient.dtype));
      return;
    }
    read(given, called.c_str(), gradient);
    check(gradient.same_shape(t), op, ": ", called, " is ", shape(gradient), " but ", what, " is ", shape(t));
    check<TypeError>(gradient.dtype == t.dtype, op, ": ", called, " is ", fastnets::name(gradient.dtype), " but ", what,
                     " is ", fastnets::name(t.dtype));
  }
  void saved(const char* what, Tensor& t) { read(saves[save_index++], what, t); }
};

// Makes the arrays of the gradients that are wanted, in the memory format of the inputs.
struct AllocateGradients : Ignore {
  Library library;
  py::tuple wanted;
  std::size_t index = 0;
  std::vector<py::object> gradients;
  bool keeps_format;  // channels-last in, channels-last gradient
  AllocateGradients(Library library_, py::tuple wanted_, bool keeps_format_)
      : library(library_), wanted(std::move(wanted_)), keeps_format(keeps_format_) {}

  void input(const char*, Tensor&) { gradients.push_back((++index, py::none())); }
  void input(const char*, Tensor& t, Tensor& gradient) {
    const bool asked = wanted[index++].cast<bool>();
    if (!t || !asked || !is_float(t.dtype)) return gradients.push_back(py::none());
    gradient.describe_like(t);
    if (keeps_format && t.is_channels_last()) gradient.make_channels_last();
    gradients.push_back(new_array(gradient, library));
  }
  void optional(const char* what, Tensor& t) { input(what, t); }
  void optional(const char* what, Tensor& t, Tensor& gradient) { input(what, t, gradient); }
  void in_place(const char* what, Tensor& t) { input(what, t); }
  void optional_in_place(const char* what, Tensor& t) { input(what, t); }
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

struct DescribeFields {
  py::list inputs, parameters, outputs, saves;
  void input(const char* n, Tensor&) { inputs.append(py::make_tuple(n, false)); }
  void input(const char* n, Tensor&, Tensor&) { inputs.append(py::make_tuple(n, true)); }
  void optional(const char* n, Tensor& t) { input(n, t); }
  void optional(const char* n, Tensor& t, Tensor& g) { input(n, t, g); }
  void in_place(const char* n, Tensor& t) { input(n, t); }
  void optional_in_place(const char* n, Tensor& t) { input(n, t); }
  template <class P>
  void parameter(const char* n, P&) {
    parameters.append(n);
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

template <class Op>
struct Binding {
  const char* name;
  Entries<Op> KernelTable::* row;

  const Entries<Op>& entries() const {
    const Entries<Op>& found = active_table().*row;
    if (!found.forward) throw NotServed(std::string(name) + " is not there yet on " + active_table().name);
    return found;
  }

  Reader read(const py::tuple& arguments, Op& op, bool record) const {
    CountArguments counter;
    op.fields(counter);
    check<TypeError>(static_cast<Py_ssize_t>(arguments.size()) == counter.count, name, ": takes ", counter.count,
                     " arguments, got ", arguments.size());
    Reader reader{name, arguments.ptr(), record};
    op.fields(reader);
    return reader;
  }

  void require_known(const Reader& reader) const {
    if (!reader.foreign) return;
    fail<TypeError>(name, ": ", reader.foreign, " must be an array in ",
                    backend_device() == Device::cpu ? "host" : "GPU", " memory that this backend reads");
  }

  void prepare(Op& op, const Reader& reader) const {
    op.infer();
    if constexpr (requires { Op::kPacks; })
      if (reader.packed && entries().pack_spec) op.weight.packed = reader.packed->panels(active_table(), entries(), op);
  }

  void run(const Op& op, Pass pass) const {
    const Entries<Op>& found = entries();
    without_lock([&] {
      const Context context{call_workspace(found.workspace_bytes(op, pass))};
      (pass == Pass::forward ? found.forward : found.backward)(op, context);
    });
  }

  py::object call(const py::args& arguments) const {
    Op op;
    if (!short_way()) return call_fallback(name, arguments);
    const Reader reader = read(arguments, op, true);
    if (reader.foreign || reader.library == Library::none) return call_fallback(name, arguments);
    prepare(op, reader);
    Allocate made(reader.library);
    op.fields(made);
    run(op, Pass::forward);
    return collapse(made.outputs);
  }

  // One output by itself, several as a tuple without those that were not asked for.
  static py::object collapse(std::vector<py::object>& outputs) {
    std::erase_if(outputs, [](const py::object& o) { return o.is_none(); });
    if (outputs.size() == 1) return std::move(outputs[0]);
    if (outputs.empty()) return py::none();
    return as_tuple(outputs);
  }

  py::tuple forward(const py::tuple& arguments, bool save) const {
    Op op;
    op.save = save;
    const Reader reader = read(arguments, op, false);
    require_known(reader);
    prepare(op, reader);
    Allocate made(reader.library);
    op.fields(made);
    run(op, Pass::forward);
    return py::make_tuple(as_tuple(made.outputs), as_tuple(made.saves));
  }

  py::tuple infer(const py::tuple& arguments, bool save) const {
    Op op;
    op.save = save;
    const Reader reader = read(arguments, op, false);
    require_known(reader);
    op.infer();
    Describe made;
    op.fields(made);
    return py::make_tuple(as_tuple(made.outputs), as_tuple(made.saves));
  }

  py::tuple backward(const py::tuple& arguments, const py::tuple& outputs, const py::tuple& saves,
                     const py::tuple& gradients, const py::tuple& wanted) const {
    Op op;
    op.save = true;
    const Reader reader = read(arguments, op, false);
    require_known(reader);
    op.infer();
    ReadResults results;
    results.op = name, results.library = reader.library;
    results.outputs = outputs, results.saves = saves, results.gradients = gradients;
    op.fields(results);
    AllocateGradients made(reader.library, wanted, op.keeps_format());
    op.fields(made);
    run(op, Pass::backward);
    return as_tuple(made.gradients);
  }
};

template <class Op>
void bind_op(py::module_& m, py::dict& table, const char* name, Entries<Op> KernelTable::* row) {
  const Binding<Op> b{name, row};
  const std::string n = name;
  m.def(name, [b](const py::args& a) { return b.call(a); });
  m.def((n + "_forward").c_str(), [b](const py::tuple& a, bool save) { return b.forward(a, save); });
  m.def((n + "_infer").c_str(), [b](const py::tuple& a, bool save) { return b.infer(a, save); });
  m.def((n + "_backward").c_str(), [b](const py::tuple& a, const py::tuple& o, const py::tuple& s, const py::tuple& g,
                                       const py::tuple& w) { return b.backward(a, o, s, g, w); });
  Op op;
  DescribeFields fields;
  op.fields(fields);
  table[name] = py::dict(py::arg("inputs") = fields.inputs, py::arg("parameters") = fields.parameters,
                         py::arg("outputs") = fields.outputs, py::arg("saved") = fields.saves);
}

}  // namespace fastnets
