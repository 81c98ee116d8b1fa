// How a backend answers for an op: the functions of one cell of the op table, and what a call hands them.
#pragma once
#include <cstddef>
#include <cstdint>

namespace fastnets {

enum class Pass : std::int8_t { forward, backward };

// What an op may use beside its arguments.
struct Context {
  std::byte* workspace = nullptr;  // as many bytes as workspace_bytes asked for, aligned to 64
  void* stream = nullptr;          // the caller's CUDA stream
};

// Panels of a weight, made once and kept by the user: how large, and which of an op's arrangements.
struct PackSpec {
  std::size_t bytes;
  int arrangement;
};

template <class Op>
struct Entries {
  std::size_t (*workspace_bytes)(const Op&, Pass) = nullptr;
  void (*forward)(const Op&, const Context&) = nullptr;
  void (*backward)(const Op&, const Context&) = nullptr;
  PackSpec (*pack_spec)(const Op&) = nullptr;  // null where an op has no weight to pack
  void (*pack)(const Op&, void* panels) = nullptr;
};

}  // namespace fastnets
