// A weight together with its panels: accepted wherever the op takes the weight.
#pragma once
#include <map>
#include <memory>
#include <mutex>
#include <new>

#include "bindings/arrays.h"
#include "core/ops.h"

namespace fastnets {

class PackedWeight {
 public:
  explicit PackedWeight(py::object array) : array_(std::move(array)) {}
  const py::object& array() const { return array_; }

  // The panels for one arrangement of one row of the op table; made when first asked for.
  template <class Op>
  const void* panels(const KernelTable& table, const Entries<Op>& entries, const Op& op) {
    const PackSpec spec = entries.pack_spec(op);
    const std::lock_guard lock(mutex_);
    Memory& memory = panels_[{&table, spec.arrangement}];
    if (!memory) {
      memory.reset(::operator new(spec.bytes, std::align_val_t{64}));
      entries.pack(op, memory.get());
    }
    return memory.get();
  }

 private:
  struct Free {
    void operator()(void* p) const { ::operator delete(p, std::align_val_t{64}); }
  };
  using Memory = std::unique_ptr<void, Free>;
  py::object array_;
  std::mutex mutex_;
  std::map<std::pair<const KernelTable*, int>, Memory> panels_;
};

}  // namespace fastnets
