#include "emulation/shadow.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstdio>

namespace fastnets::emulation {

Cell& Shadow::operator[](uintptr_t address) {
  const uintptr_t page = address / kPageBytes;
  if (page != last_page_) {
    auto& cells = pages_[page];
    if (!cells) cells = std::make_unique<Cell[]>(kPageBytes);
    last_page_ = page;
    last_cells_ = cells.get();
  }
  return last_cells_[address % kPageBytes];
}

void Shadow::clear(const void* p, size_t bytes) {
  const uintptr_t begin = reinterpret_cast<uintptr_t>(p), end = begin + bytes;
  for (uintptr_t page = begin / kPageBytes; page * kPageBytes < end; ++page) {
    const auto cells = pages_.find(page);
    if (cells == pages_.end()) continue;
    const uintptr_t first = page * kPageBytes;
    std::fill(cells->second.get() + (std::max(begin, first) - first),
              cells->second.get() + (std::min(end, first + kPageBytes) - first), Cell{});
  }
}

uint32_t Sites::of(const Location& where) {
  const auto [place, is_new] =
      by_location_.try_emplace({where.file_name(), where.line(), where.column()}, uint32_t(sites_.size()));
  if (is_new) sites_.push_back({where, nullptr});
  return place->second;
}

uint32_t Sites::of(const void* instruction) {
  const auto [place, is_new] = by_instruction_.try_emplace(instruction, uint32_t(sites_.size()));
  if (is_new) sites_.push_back({{}, instruction});
  return place->second;
}

// A compiled instruction has a line only in the debug information, which addr2line reads.
std::string Sites::describe(uint32_t number) const {
  const Site& site = sites_[number];
  if (!site.instruction) return concatenate(site.where.file_name(), ":", site.where.line());
  const auto* before = static_cast<const char*>(site.instruction) - 1;  // it is a return address
  Dl_info module;
  if (!dladdr(before, &module)) return concatenate("instruction ", site.instruction);
  const ptrdiff_t offset = before - static_cast<const char*>(module.dli_fbase);
  std::string line;
  const std::string command = concatenate("addr2line -e '", module.dli_fname, "' 0x", std::hex, offset, " 2>/dev/null");
  if (FILE* pipe = popen(command.c_str(), "r")) {
    char text[512];
    if (std::fgets(text, sizeof text, pipe)) line = text;
    pclose(pipe);
  }
  line.resize(std::min({line.size(), line.find('\n'), line.find(" (discriminator")}));
  return line.empty() || line[0] == '?' ? concatenate("offset ", offset, " of ", module.dli_fname) : line;
}

}  // namespace fastnets::emulation
