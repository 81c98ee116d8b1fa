#include "emulation/fiber.h"

#include <sys/mman.h>
#include <unistd.h>

#include <mutex>
#include <new>

#include "emulation/sanitizer.h"

// fastnets_switch_fiber(save, load): stores the registers that a function must preserve on the current stack and the
// stack pointer in *save; goes on where the stack at `load` was left.
extern "C" void fastnets_switch_fiber(void** save, void* load);

#if defined(__x86_64__)
asm(R"(
.text
.globl fastnets_switch_fiber
.hidden fastnets_switch_fiber
.type fastnets_switch_fiber, @function
fastnets_switch_fiber:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
.size fastnets_switch_fiber, .-fastnets_switch_fiber
)");
namespace {
constexpr int kFrameWords = 8;  // six registers, the return address, and a null that ends backtraces
constexpr int kReturnAddress = 6;
}  // namespace
#elif defined(__aarch64__)
asm(R"(
.text
.globl fastnets_switch_fiber
.hidden fastnets_switch_fiber
.type fastnets_switch_fiber, %function
fastnets_switch_fiber:
  sub sp, sp, #160
  stp x29, x30, [sp]
  stp x19, x20, [sp, #16]
  stp x21, x22, [sp, #32]
  stp x23, x24, [sp, #48]
  stp x25, x26, [sp, #64]
  stp x27, x28, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x2, sp
  str x2, [x0]
  mov sp, x1
  ldp x29, x30, [sp]
  ldp x19, x20, [sp, #16]
  ldp x21, x22, [sp, #32]
  ldp x23, x24, [sp, #48]
  ldp x25, x26, [sp, #64]
  ldp x27, x28, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
.size fastnets_switch_fiber, .-fastnets_switch_fiber
)");
namespace {
constexpr int kFrameWords = 20;
constexpr int kReturnAddress = 1;  // x30
}  // namespace
#else
#error "emulation: write fastnets_switch_fiber for this machine (above: x86-64, aarch64)"
#endif

namespace fastnets::emulation {
namespace {

struct Pool {
  std::mutex mutex;
  std::vector<char*> free;
};

Pool& pool() {
  static Pool* instance = new Pool;  // never destroyed: OS threads may outlive static objects
  return *instance;
}

char* map_stack() {
  const size_t page = size_t(sysconf(_SC_PAGESIZE));
  void* memory = mmap(nullptr, fiber_stack_bytes() + page, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  mprotect(memory, page, PROT_NONE);  // an overflow faults here
  return static_cast<char*>(memory) + page;
}

}  // namespace

size_t fiber_stack_bytes() { return size_t(FASTNETS_ASAN ? 256 : 64) << 10; }

Stacks::~Stacks() {
  std::lock_guard lock(pool().mutex);
  pool().free.insert(pool().free.end(), stacks_.begin(), stacks_.end());
}

char* Stacks::get(size_t index) {
  if (index < stacks_.size()) return stacks_[index];
  std::lock_guard lock(pool().mutex);
  auto& free = pool().free;
  while (stacks_.size() <= index) {
    stacks_.push_back(free.empty() ? map_stack() : free.back());
    if (!free.empty()) free.pop_back();
  }
  return stacks_[index];
}

void prepare_fiber(Fiber& fiber, char* stack, void (*entry)()) {
  unpoison(stack, fiber_stack_bytes());  // frames of a fiber that never ended
  void** frame = reinterpret_cast<void**>(stack + fiber_stack_bytes()) - kFrameWords;
  for (int i = 0; i < kFrameWords; ++i) frame[i] = nullptr;
  frame[kReturnAddress] = reinterpret_cast<void*>(entry);
  fiber = {.stack_pointer = frame, .stack = stack, .stack_bytes = fiber_stack_bytes(), .fake_stack = nullptr};
}

void begin_fiber([[maybe_unused]] Fiber& first) {
#if FASTNETS_ASAN
  const void* stack;
  size_t bytes;
  __sanitizer_finish_switch_fiber(nullptr, &stack, &bytes);
  if (!first.stack) {  // nobody else could say where an OS thread's own stack lies
    first.stack = static_cast<char*>(const_cast<void*>(stack));
    first.stack_bytes = bytes;
  }
#endif
}

void switch_fiber(Fiber& from, Fiber& to) {
#if FASTNETS_ASAN
  __sanitizer_start_switch_fiber(&from.fake_stack, to.stack, to.stack_bytes);
#endif
  fastnets_switch_fiber(&from.stack_pointer, to.stack_pointer);
#if FASTNETS_ASAN
  __sanitizer_finish_switch_fiber(from.fake_stack, nullptr, nullptr);
#endif
}

void leave_fiber(Fiber& from, Fiber& to) {
#if FASTNETS_ASAN
  __sanitizer_start_switch_fiber(nullptr, to.stack, to.stack_bytes);
#endif
  fastnets_switch_fiber(&from.stack_pointer, to.stack_pointer);
  __builtin_unreachable();
}

}  // namespace fastnets::emulation
