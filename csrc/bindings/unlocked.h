// Work without Python's lock.
#pragma once
#include <pybind11/pybind11.h>
#include <unistd.h>

namespace fastnets {

// Calls f without the lock and takes it again. Before 3.14, a Python that is ending ends the other threads where they
// ask for the lock, by unwinding their stacks, which aborts in pybind11's gil_scoped_release and would run destructors
// of Python objects without the lock. Here, as from 3.14 on, such a thread waits for the end of the process.
template <class F>
void without_lock(F&& f) {
  PyThreadState* const state = PyEval_SaveThread();
  const auto lock = [&] {
    try {
      PyEval_RestoreThread(state);
    } catch (...) {
      for (;;) pause();
    }
  };
  try {
    f();
  } catch (...) {
    lock();
    throw;
  }
  lock();
}

}  // namespace fastnets
