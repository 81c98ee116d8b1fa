// What the emulator throws when a kernel breaks a rule of the programming model.
#pragma once
#include <source_location>
#include <sstream>
#include <stdexcept>
#include <string>

namespace fastnets::emulation {

using Location = std::source_location;

struct Error : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// "file:line in function"
std::string describe(const Location& where);

// Throws Error, adding the place and, in a kernel, the CUDA thread.
[[noreturn]] void fail_with(const std::string& message, const Location& where);

template <class... Parts>
std::string concatenate(const Parts&... parts) {
  std::ostringstream text;
  (text << ... << parts);
  return text.str();
}

template <class... Parts>
[[noreturn]] void fail(const Location& where, const Parts&... parts) {
  fail_with(concatenate(parts...), where);
}

}  // namespace fastnets::emulation
