// What the race detector remembers of every byte, and of the places in the program that touched it.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "emulation/error.h"

namespace fastnets::emulation {

using Agent = uint32_t;

// A moment in the life of an agent.
struct Epoch {
  Agent agent;
  uint32_t clock;
};

struct Access {
  bool writes = false, atomic = false;
  bool proxy = false;  // through the asynchronous proxy
};

// An access that is remembered. Clocks begin at 1: clock 0 is nobody's.
struct Mark {
  Agent agent = 0;
  uint32_t clock = 0;
  uint32_t site : 30 = 0;
  uint32_t atomic : 1 = 0;
  uint32_t proxy : 1 = 0;
  bool operator==(const Mark&) const = default;
};

// The last write of a byte, and some of the reads since.
struct Cell {
  Mark write;
  std::array<Mark, 3> reads;
  bool operator==(const Cell&) const = default;
};

class Shadow {
 public:
  Cell& operator[](uintptr_t address);
  void clear(const void* p, size_t bytes);

 private:
  static constexpr uintptr_t kPageBytes = 1024;
  std::unordered_map<uintptr_t, std::unique_ptr<Cell[]>> pages_;
  uintptr_t last_page_ = ~uintptr_t{0};
  Cell* last_cells_ = nullptr;
};

// Places in the program, by number.
class Sites {
 public:
  uint32_t of(const Location& where);
  uint32_t of(const void* instruction);
  std::string describe(uint32_t site) const;

 private:
  struct Site {
    Location where;
    const void* instruction;  // null: `where` holds
  };
  std::vector<Site> sites_;
  std::map<std::tuple<const char*, unsigned, unsigned>, uint32_t> by_location_;
  std::unordered_map<const void*, uint32_t> by_instruction_;
};

}  // namespace fastnets::emulation
