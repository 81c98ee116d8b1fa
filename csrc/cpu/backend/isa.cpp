#include "cpu/backend/isa.h"

#include <atomic>
#include <cstdlib>

#include "core/check.h"
#include "isas.h"

namespace fastnets::cpu {

#define FASTNETS_TABLE(isa)       \
  namespace isa {                 \
  extern const KernelTable table; \
  }
FASTNETS_CPU_ISAS(FASTNETS_TABLE)
#undef FASTNETS_TABLE

namespace {

bool runs_here(const std::string& isa) {
#if defined(__x86_64__) && !defined(FASTNETS_PORTABLE_SIMD)
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
  const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if (isa == "avx2") return avx2;
  if (isa == "avx512") return avx512;
  if (isa == "avx512bf16") return avx512 && __builtin_cpu_supports("avx512bf16");
#endif
  (void)isa;
  return true;
}

// Whether a dot product of bfloat16 pairs pays. AMD's cores start as many as multiply-adds of float32; Intel's take so
// long for one that widened products are up to 1.7 times as fast.
bool has_fast_pairs() {
#if defined(__x86_64__)
  return __builtin_cpu_is("amd");
#else
  return true;
#endif
}

// The rows that run here, best first.
std::vector<const KernelTable*> rows() {
  std::vector<const KernelTable*> found;
#define FASTNETS_TRY(isa) \
  if (runs_here(#isa)) found.push_back(&isa::table);
  FASTNETS_CPU_ISAS(FASTNETS_TRY)
#undef FASTNETS_TRY
  const auto is = [&](std::size_t i, const char* isa) {
    return i < found.size() && isa == std::string(found[i]->name);
  };
  if (is(0, "avx512bf16") && is(1, "avx512") && !has_fast_pairs()) std::swap(found[0], found[1]);
  return found;
}

const KernelTable* find(const std::string& wanted, const char* who) {
  std::string names;
  for (const KernelTable* row : rows()) {
    if (wanted == row->name) return row;
    names += names.empty() ? row->name : std::string(", ") + row->name;
  }
  fail(who, " is \"", wanted, "\" but this machine runs ", names);
}

std::atomic<const KernelTable*>& chosen() {
  static std::atomic<const KernelTable*> row{[] {
    const char* wanted = std::getenv("FASTNETS_CPU_ISA");
    return wanted && *wanted ? find(wanted, "FASTNETS_CPU_ISA") : rows().front();
  }()};
  return row;
}

}  // namespace

const KernelTable& table() { return *chosen().load(std::memory_order_relaxed); }
std::string isa() { return table().name; }
std::vector<std::string> isas() {
  std::vector<std::string> names;
  for (const KernelTable* row : rows()) names.push_back(row->name);
  return names;
}
void set_isa(const std::string& name) { chosen().store(find(name, "set_cpu_isa: name")); }

}  // namespace fastnets::cpu
