// The values of node_api.cc.
#pragma once

#include <node_api.h>

#include <cstddef>
#include <cstdint>
#include <vector>

namespace fuzz {

enum class Kind : uint8_t { kUndefined, kNumber, kBytes, kText, kArray };

struct Value {
  Kind kind = Kind::kUndefined;
  double number = 0;
  uint8_t* data = nullptr;
  size_t size = 0;
  napi_typedarray_type type = napi_uint8_array;
  uint32_t length = 0;  // of an array, whose elements repeat
  std::vector<Value*> elements;
};

// The arguments of the current call.
struct Call {
  Value* values[10] = {};
  size_t count = 0;
  void* data = nullptr;
};

extern Call call;

Value* Make(Kind kind);
Value* Number(double number);
Value* Bytes(const uint8_t* from, size_t size, napi_typedarray_type type);
void Clear();

}  // namespace fuzz
