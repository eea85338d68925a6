// The Internet checksum in C, which JavaScript calls for each packet. bench/checksum.js compares with it.
#include <node_api.h>

#include <cstdint>
#include <cstring>

namespace {

uint16_t Checksum(const uint8_t* data, size_t size) {
  uint64_t sum = 0;
  for (; size >= 4; size -= 4, data += 4) {
    uint32_t word;
    std::memcpy(&word, data, sizeof(word));
    sum += word;
  }
  if (size > 0) {
    uint32_t word = 0;
    std::memcpy(&word, data, size);
    sum += word;
  }
  while ((sum >> 16) != 0) sum = (sum & 0xffff) + (sum >> 16);
  return __builtin_bswap16(static_cast<uint16_t>(~sum));
}

napi_value Call(napi_env env, napi_callback_info info) {
  napi_value view;
  size_t count = 1;
  uint8_t* data = nullptr;
  size_t size = 0;
  napi_value result;
  napi_get_cb_info(env, info, &count, &view, nullptr, nullptr);
  napi_get_typedarray_info(env, view, nullptr, &size, reinterpret_cast<void**>(&data), nullptr, nullptr);
  napi_create_uint32(env, Checksum(data, size), &result);
  return result;
}

napi_value Init(napi_env env, napi_value exports) {
  napi_value function;
  napi_create_function(env, "checksum", NAPI_AUTO_LENGTH, Call, nullptr, &function);
  napi_set_named_property(env, exports, "checksum", function);
  return exports;
}

NAPI_MODULE(checksum, Init)

}  // namespace
