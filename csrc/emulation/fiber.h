// Fibers: stacks that take turns on one OS thread.
#pragma once
#include <cstddef>
#include <vector>

namespace fastnets::emulation {

struct Fiber {
  void* stack_pointer = nullptr;  // where a fiber that is not running will go on
  char* stack = nullptr;          // lowest address
  size_t stack_bytes = 0;
  void* fake_stack = nullptr;  // AddressSanitizer's
};

// Makes `fiber` begin with entry() on `stack` when it is next switched to. entry() must call begin_fiber() first and
// must end in leave_fiber().
void prepare_fiber(Fiber& fiber, char* stack, void (*entry)());
void begin_fiber(Fiber& first);  // first: the fiber that made the first switch, an OS thread's own
void switch_fiber(Fiber& from, Fiber& to);
[[noreturn]] void leave_fiber(Fiber& from, Fiber& to);  // from's stack is free afterwards

size_t fiber_stack_bytes();

// Stacks borrowed from a pool that all OS threads share.
class Stacks {
 public:
  Stacks() = default;
  Stacks(const Stacks&) = delete;
  Stacks& operator=(const Stacks&) = delete;
  ~Stacks();
  char* get(size_t index);  // the index-th stack, borrowed when first asked for

 private:
  std::vector<char*> stacks_;
};

}  // namespace fastnets::emulation
