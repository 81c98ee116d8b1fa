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

std::vector<const KernelTable*> rows() {
  std::vector<const KernelTable*> found;
#define FASTNETS_TRY(isa) \
  if (runs_here(#isa)) found.push_back(&isa::table);
  FASTNETS_CPU_ISAS(FASTNETS_TRY)
#undef FASTNETS_TRY
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
