// The structures of DLPack 1.x (https://dmlc.github.io/dlpack), as far as they are used here: how libraries describe
// arrays to each other, and the table of C functions that torch's tensor type offers.
#pragma once
#include <cstdint>

namespace fastnets::dlpack {

struct Version {
  std::uint32_t major, minor;
};
struct Device {
  std::int32_t type, id;  // 1: CPU, 2: CUDA
};
struct DataType {
  std::uint8_t code, bits;  // 0: int, 2: float, 4: bfloat, 6: bool
  std::uint16_t lanes;
};
struct Tensor {
  void* data;
  Device device;
  std::int32_t ndim;
  DataType dtype;
  std::int64_t *shape, *strides;
  std::uint64_t byte_offset;
};
struct ManagedTensor {  // "versioned" in the standard
  Version version;
  void* context;
  void (*deleter)(ManagedTensor*);
  std::uint64_t flags;
  Tensor tensor;
};
struct ExchangeApi {
  Version version;
  ExchangeApi* previous;
  int (*allocate)(Tensor* prototype, ManagedTensor** out, void* context,
                  void (*set_error)(void* context, const char* kind, const char* message));
  int (*export_managed)(void* object, ManagedTensor** out);
  int (*to_object)(ManagedTensor* tensor, void** object);
  int (*export_view)(void* object, Tensor* out);
  int (*current_stream)(std::int32_t device_type, std::int32_t device_id, void** stream);
};

}  // namespace fastnets::dlpack
