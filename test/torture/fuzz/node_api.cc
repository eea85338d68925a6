// The part of Node-API that the functions under fuzz need, without Node: values are structs, and nothing is collected
// before the end of a run. It contains only what native/*.cc calls.
#include <cstring>
#include <deque>

#include "node_api_values.h"

namespace fuzz {

namespace {
std::deque<Value>& Values() {
  static std::deque<Value> values;
  return values;
}
}  // namespace

Value* Make(Kind kind) {
  Values().push_back({});
  Values().back().kind = kind;
  return &Values().back();
}

void Clear() {
  for (Value& value : Values()) delete[] value.data;
  Values().clear();
}

Value* Number(double number) {
  Value* value = Make(Kind::kNumber);
  value->number = number;
  return value;
}

// Memory of exactly this size, which AddressSanitizer watches.
Value* Bytes(const uint8_t* from, size_t size, napi_typedarray_type type) {
  Value* value = Make(Kind::kBytes);
  value->data = new uint8_t[size];
  value->size = size;
  value->type = type;
  if (size > 0) std::memcpy(value->data, from, size);
  return value;
}

Call call;

}  // namespace fuzz

using fuzz::Kind;
using fuzz::Value;

namespace {
Value* From(napi_value value) { return reinterpret_cast<Value*>(value); }
napi_value To(Value* value) { return reinterpret_cast<napi_value>(value); }
bool Is(napi_value value, Kind kind) { return value != nullptr && From(value)->kind == kind; }
}  // namespace

extern "C" {

napi_status napi_get_cb_info(napi_env, napi_callback_info, size_t* count, napi_value* values, napi_value*,
                             void** data) {
  if (count != nullptr) {
    for (size_t i = 0; i < *count; ++i) {
      values[i] = To(i < fuzz::call.count ? fuzz::call.values[i] : fuzz::Make(Kind::kUndefined));
    }
    *count = fuzz::call.count;
  }
  *data = fuzz::call.data;
  return napi_ok;
}

napi_status napi_get_instance_data(napi_env, void** data) {
  *data = fuzz::call.data;
  return napi_ok;
}

napi_status napi_get_value_double(napi_env, napi_value value, double* number) {
  if (!Is(value, Kind::kNumber)) return napi_number_expected;
  *number = From(value)->number;
  return napi_ok;
}

napi_status napi_get_value_bigint_int64(napi_env, napi_value value, int64_t* number, bool* lossless) {
  if (!Is(value, Kind::kNumber)) return napi_bigint_expected;
  *lossless = From(value)->number >= -9e18 && From(value)->number <= 9e18;
  *number = *lossless ? static_cast<int64_t>(From(value)->number) : 0;
  return napi_ok;
}

napi_status napi_typeof(napi_env, napi_value value, napi_valuetype* type) {
  *type = Is(value, Kind::kUndefined) ? napi_undefined : Is(value, Kind::kNumber) ? napi_number : napi_object;
  return napi_ok;
}

napi_status napi_get_typedarray_info(napi_env, napi_value value, napi_typedarray_type* type, size_t* length,
                                     void** data, napi_value* memory, size_t*) {
  if (!Is(value, Kind::kBytes) || From(value)->type > napi_biguint64_array) return napi_invalid_arg;
  constexpr size_t kElement[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
  if (type != nullptr) *type = From(value)->type;
  if (length != nullptr) *length = From(value)->size / kElement[From(value)->type];
  if (data != nullptr) *data = From(value)->data;
  if (memory != nullptr) *memory = value;
  return napi_ok;
}

napi_status napi_get_dataview_info(napi_env, napi_value value, size_t* length, void** data, napi_value*, size_t*) {
  if (!Is(value, Kind::kBytes)) return napi_invalid_arg;
  *length = From(value)->size;
  *data = From(value)->data;
  return napi_ok;
}

napi_status napi_get_buffer_info(napi_env, napi_value value, void** data, size_t* length) {
  return napi_get_dataview_info(nullptr, value, length, data, nullptr, nullptr);
}

napi_status napi_is_arraybuffer(napi_env, napi_value, bool* is) {
  *is = false;
  return napi_ok;
}

napi_status napi_get_arraybuffer_info(napi_env, napi_value, void**, size_t*) { return napi_invalid_arg; }

napi_status napi_get_array_length(napi_env, napi_value value, uint32_t* length) {
  if (!Is(value, Kind::kArray)) return napi_array_expected;
  *length = From(value)->length;
  return napi_ok;
}

napi_status napi_get_element(napi_env, napi_value value, uint32_t index, napi_value* element) {
  const auto& elements = From(value)->elements;
  *element = To(elements.empty() ? fuzz::Make(Kind::kUndefined) : elements[index % elements.size()]);
  return napi_ok;
}

// Text has no length of its own: a NUL within is part of it.
napi_status napi_get_value_string_utf8(napi_env, napi_value value, char* to, size_t size, size_t* length) {
  if (!Is(value, Kind::kText)) return napi_string_expected;
  const size_t all = From(value)->size;
  if (to == nullptr) {
    *length = all;
    return napi_ok;
  }
  const size_t given = size - 1 < all ? size - 1 : all;
  if (given > 0) std::memcpy(to, From(value)->data, given);
  to[given] = 0;
  *length = given;
  return napi_ok;
}

napi_status napi_create_int32(napi_env, int32_t number, napi_value* result) {
  *result = To(fuzz::Number(number));
  return napi_ok;
}

napi_status napi_create_int64(napi_env, int64_t number, napi_value* result) {
  *result = To(fuzz::Number(static_cast<double>(number)));
  return napi_ok;
}

napi_status napi_create_arraybuffer(napi_env, size_t size, void** data, napi_value* result) {
  Value* value = fuzz::Make(Kind::kBytes);
  value->data = new uint8_t[size];
  value->size = size;
  *data = value->data;
  *result = To(value);
  return napi_ok;
}

napi_status napi_create_array_with_length(napi_env, size_t length, napi_value* result) {
  Value* value = fuzz::Make(Kind::kArray);
  value->length = static_cast<uint32_t>(length);
  *result = To(value);
  return napi_ok;
}

napi_status napi_set_element(napi_env, napi_value array, uint32_t, napi_value element) {
  From(array)->elements.push_back(From(element));
  return napi_ok;
}

// The buffer of a ring does not depend on bytes: these are linked in, and never called.
napi_status napi_create_object(napi_env, napi_value*) { return napi_generic_failure; }
napi_status napi_set_property(napi_env, napi_value, napi_value, napi_value) { return napi_generic_failure; }
napi_status napi_open_handle_scope(napi_env, napi_handle_scope*) { return napi_generic_failure; }
napi_status napi_close_handle_scope(napi_env, napi_handle_scope) { return napi_generic_failure; }
napi_status napi_create_external_arraybuffer(napi_env, void*, size_t, napi_finalize, void*, napi_value*) {
  return napi_generic_failure;
}

napi_status napi_create_string_utf8(napi_env, const char* text, size_t, napi_value* result) {
  *result = To(fuzz::Bytes(reinterpret_cast<const uint8_t*>(text), std::strlen(text), napi_uint8_array));
  return napi_ok;
}

napi_status napi_create_string_latin1(napi_env, const char* text, size_t, napi_value* result) {
  return napi_create_string_utf8(nullptr, text, 0, result);
}

// A reference is the value: what is pinned is forgotten before values are.
napi_status napi_create_reference(napi_env, napi_value value, uint32_t, napi_ref* reference) {
  *reference = reinterpret_cast<napi_ref>(value);
  return napi_ok;
}

napi_status napi_get_reference_value(napi_env, napi_ref reference, napi_value* value) {
  *value = reinterpret_cast<napi_value>(reference);
  return napi_ok;
}

napi_status napi_delete_reference(napi_env, napi_ref) { return napi_ok; }

napi_status napi_is_detached_arraybuffer(napi_env, napi_value, bool* detached) {
  *detached = false;
  return napi_ok;
}

napi_status napi_throw_error(napi_env, const char*, const char*) { return napi_ok; }
napi_status napi_adjust_external_memory(napi_env, int64_t, int64_t*) { return napi_ok; }

}  // extern "C"
