// One op of the table as Python functions, the same for every backend:
//   op(*arguments)                                            → outputs; falls back to Python for what it does not know
//   op_forward(arguments, save)                               → (outputs, saved)
//   op_backward(arguments, outputs, saved, gradients, wanted) → gradients of the inputs
//   op_infer(arguments, save)                                 → (outputs, saved) as descriptions
//   op_infer_backward(arguments)                              → gradients of the inputs as descriptions
// `arguments` are the op's inputs, then its parameters, in the order in which the op declares them.
#pragma once
#include "bindings/fields.h"
#include "bindings/host_values.h"
#include "bindings/unlocked.h"

namespace fastnets {

// Whether nothing asks a call to go through Python: a forced backend, a vjp that records.
bool short_way();

// The Python functions that take over: from a call that the compiled code does not serve, and to record on torch's
// autograd.
enum class Hook : std::int8_t { fallback, recorder };
void set_hook(Hook hook, py::object function);
py::object call_hook(Hook hook, const char* op, PyObject* const* arguments, Py_ssize_t count);

// Turns the exception being handled into a Python error.
void raise_in_python();

// Calls that touch no more elements end before another thread could use the GIL.
constexpr std::int64_t kTinyElements = 1024;

template <class Op, Entries<Op> KernelTable::* row>
struct Binding {
  static constexpr const char* name = Op::name;

  static const Entries<Op>& entries() { return active_table().*row; }

  static Reader read(PyObject* const* arguments, Py_ssize_t count, Op& op, bool record) {
    CountArguments counter;
    op.fields(counter);
    check<TypeError>(count == counter.count, name, ": takes ", counter.count, " arguments, got ", count);
    Reader reader{name, arguments, record};
    op.fields(reader);
    return reader;
  }
  // The arguments of a call that has nothing to fall back on.
  static Reader read(const py::tuple& arguments, Op& op) {
    const Reader reader = read(&PyTuple_GET_ITEM(arguments.ptr(), 0), PyTuple_GET_SIZE(arguments.ptr()), op, false);
    check<TypeError>(!reader.foreign, name, ": ", reader.foreign ? reader.foreign : "", " must be an array in ",
                     backend_device() == Device::Type::cpu ? "host" : "GPU", " memory that this backend reads");
    return reader;
  }

  static void check_and_describe(Op& op, const Reader& reader) {
    if (!checks_device_values()) return op.infer();
    HostValues values(reader.library);
    op.fields(values);
    op.infer();
    values.restore();
  }
  static void prepare(Op& op, const Reader& reader) {
    check_and_describe(op, reader);
    if constexpr (requires { Op::kPacks; })
      if (reader.packed && entries().pack_spec) op.weight.packed = reader.packed->panels(active_table(), entries(), op);
  }

  static void run(const Op& op, Pass pass, const Reader& reader, std::int64_t elements) {
    const Entries<Op>& found = entries();
    const CallScope scope(found.workspace_bytes(op, pass), reader.library, reader.device);
    const auto compute = [&] { (pass == Pass::forward ? found.forward : found.backward)(op, scope.context()); };
    elements > kTinyElements ? without_lock(compute) : compute();
  }

  static py::object call(PyObject* const* arguments, Py_ssize_t count) {
    if (!short_way()) return call_hook(Hook::fallback, name, arguments, count);
    Op op;
    const Reader reader = read(arguments, count, op, true);
    const bool unknown = reader.foreign || reader.library == Library::none;
    if (unknown || (reader.library == Library::torch && torch_intercepts()))
      return call_hook(Hook::fallback, name, arguments, count);
    if (reader.tracked) return call_hook(Hook::recorder, name, arguments, count);
    const DeviceScope on(reader.device);
    prepare(op, reader);
    Allocate made(reader.library);
    op.fields(made);
    run(op, Pass::forward, reader, reader.elements + made.elements);
    return collapse(made.outputs);
  }

  // What CPython calls: no tuple of arguments is made on the way.
  static PyObject* entry(PyObject*, PyObject* const* arguments, Py_ssize_t count) {
    try {
      return call(arguments, count).release().ptr();
    } catch (...) {
      raise_in_python();
      return nullptr;
    }
  }

  // One output by itself, several as a tuple without those that were not asked for.
  static py::object collapse(std::vector<py::object>& outputs) {
    std::erase_if(outputs, [](const py::object& o) { return o.is_none(); });
    if (outputs.size() == 1) return std::move(outputs[0]);
    if (outputs.empty()) return py::none();
    return as_tuple(outputs);
  }

  static py::tuple forward(const py::tuple& arguments, bool save) {
    Op op;
    op.save = save;
    const Reader reader = read(arguments, op);
    const DeviceScope on(reader.device);
    prepare(op, reader);
    Allocate made(reader.library);
    op.fields(made);
    run(op, Pass::forward, reader, reader.elements + made.elements);
    return py::make_tuple(as_tuple(made.outputs), as_tuple(made.saves));
  }

  static py::tuple infer(const py::tuple& arguments, bool save) {
    Op op;
    op.save = save;
    read(arguments, op);
    op.infer();
    Describe made;
    op.fields(made);
    return py::make_tuple(as_tuple(made.outputs), as_tuple(made.saves));
  }

  static py::tuple infer_backward(const py::tuple& arguments) {
    Op op;
    read(arguments, op);
    op.infer();
    DescribeGradients made(op.keeps_format());
    op.fields(made);
    return as_tuple(made.gradients);
  }

  static py::tuple backward(const py::tuple& arguments, const py::tuple& outputs, const py::tuple& saves,
                            const py::tuple& gradients, const py::tuple& wanted) {
    Op op;
    op.save = true;
    const Reader reader = read(arguments, op);
    const DeviceScope on(reader.device);
    op.infer();
    ReadResults results;
    results.op = name, results.library = reader.library;
    results.outputs = outputs, results.saves = saves, results.gradients = gradients;
    op.fields(results);
    AllocateGradients made(reader.library, wanted, op.keeps_format());
    op.fields(made);
    run(op, Pass::backward, reader, 3 * reader.elements);
    return as_tuple(made.gradients);
  }
};

template <class Op, Entries<Op> KernelTable::* row>
void bind_op(py::module_& m, py::dict& table) {
  using B = Binding<Op, row>;
  const std::string n = B::name;
  const auto entry = reinterpret_cast<PyCFunction>(reinterpret_cast<void (*)()>(&B::entry));
  static PyMethodDef definition{B::name, entry, METH_FASTCALL, nullptr};
  const py::object module_name = m.attr("__name__");
  PyObject* function = PyCFunction_NewEx(&definition, nullptr, module_name.ptr());
  if (!function) throw py::error_already_set();
  m.attr(B::name) = py::reinterpret_steal<py::object>(function);
  m.def((n + "_forward").c_str(), &B::forward);
  m.def((n + "_infer").c_str(), &B::infer);
  m.def((n + "_infer_backward").c_str(), &B::infer_backward);
  m.def((n + "_backward").c_str(), &B::backward);
  Op op;
  DescribeFields fields;
  op.fields(fields);
  table[B::name] = py::dict(py::arg("inputs") = fields.inputs, py::arg("parameters") = fields.parameters,
                            py::arg("outputs") = fields.outputs, py::arg("saved") = fields.saves);
}

}  // namespace fastnets
