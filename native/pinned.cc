// The four calls of hot loops without the cost of reading arguments: numbers are passed in `out`, and the buffers are
// those that `pin` received before. lib/call/pinned.ts makes these calls only while it holds the same typed arrays and
// sees them at their full length, in the same turn as the call. This file only checks that their memory was not
// detached since. The pointers are then valid, whoever calls. Memory that was shrunk (a resizable ArrayBuffer) stays
// reserved, and the kernel returns EFAULT.
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "args.h"

namespace sys_socket {
namespace {

Environment* Current(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  if (napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data) != napi_ok) Failed(env);
  return static_cast<Environment*>(data);
}

// The same as Result, but in `out`, without creating a JavaScript number.
napi_value StoreResult(Environment* environment, ssize_t n) {
  environment->out[OUT_RESULT] = n < 0 ? -errno : static_cast<int32_t>(n);
  return nullptr;
}

// Reads a number of a call. Each is read only once, because another thread may have access to `out`.
int32_t Read(const Environment* environment, size_t place) { return LoadOnce<int32_t>(environment->out + place); }

bool IsAttached(napi_env env, const Pinned& pinned) {
  napi_value memory = nullptr;
  bool detached = true;
  return pinned.memory != nullptr && napi_get_reference_value(env, pinned.memory, &memory) == napi_ok &&
         napi_is_detached_arraybuffer(env, memory, &detached) == napi_ok && !detached;
}

// Returns whether the pinned buffers are available. If not, the result is a refusal.
template <typename... Slots>
bool Ready(napi_env env, Environment* environment, Slots... slots) {
  if (environment == nullptr) return false;  // an exception is pending
  if ((IsAttached(env, environment->pinned[slots]) && ...)) return true;
  environment->out[OUT_RESULT] = RefusalResult(1, Refusal::kStorage);
  return false;
}

// Returns how much of the pinned buffer to use, which is never more than its size.
size_t SizeToUse(const Environment* environment, const Bytes& data) {
  return std::min<size_t>(static_cast<uint32_t>(Read(environment, OUT_SIZE)), data.size);
}

}  // namespace

// (0 for data or 1 for an address, a typed array): returns its length in bytes.
napi_value Pin(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const int slot = args.Int(0);
  const Bytes bytes = args.GetSized(1);
  if (!args.refused() && slot != PINNED_DATA && slot != PINNED_NAME) args.Refuse(0, Refusal::kInt);
  if (args.refused()) return args.Refused();
  napi_value memory = nullptr;
  napi_ref reference = nullptr;
  if (napi_get_typedarray_info(env, args.value(1), nullptr, nullptr, nullptr, &memory, nullptr) != napi_ok ||
      napi_create_reference(env, memory, 1, &reference) != napi_ok) {
    return Number(env, -ENOMEM);
  }
  Pinned& pinned = args.environment()->pinned[slot];
  const napi_ref before = std::exchange(pinned.memory, reference);
  pinned.bytes = bytes;
  if (before != nullptr) napi_delete_reference(env, before);
  return Number(env, static_cast<int64_t>(bytes.size));
}

napi_value SendPinned(napi_env env, napi_callback_info info) {
  Environment* e = Current(env, info);
  if (!Ready(env, e, PINNED_DATA)) return nullptr;
  const Bytes& data = e->pinned[PINNED_DATA].bytes;
  return StoreResult(e, ::send(Read(e, OUT_FD), data.data, SizeToUse(e, data), Read(e, OUT_FLAGS)));
}

napi_value SendtoPinned(napi_env env, napi_callback_info info) {
  Environment* e = Current(env, info);
  if (!Ready(env, e, PINNED_DATA, PINNED_NAME)) return nullptr;
  const Bytes& data = e->pinned[PINNED_DATA].bytes;
  const Bytes& name = e->pinned[PINNED_NAME].bytes;
  return StoreResult(e, ::sendto(Read(e, OUT_FD), data.data, data.size, Read(e, OUT_FLAGS),
                                 reinterpret_cast<const sockaddr*>(name.data), static_cast<socklen_t>(name.size)));
}

napi_value RecvPinned(napi_env env, napi_callback_info info) {
  Environment* e = Current(env, info);
  if (!Ready(env, e, PINNED_DATA)) return nullptr;
  const Bytes& data = e->pinned[PINNED_DATA].bytes;
  return StoreResult(e, ::recv(Read(e, OUT_FD), data.data, SizeToUse(e, data), Read(e, OUT_FLAGS)));
}

// The address length is in out[OUT_NAME_LENGTH].
napi_value RecvfromPinned(napi_env env, napi_callback_info info) {
  Environment* e = Current(env, info);
  if (!Ready(env, e, PINNED_DATA, PINNED_NAME)) return nullptr;
  const Bytes& data = e->pinned[PINNED_DATA].bytes;
  const Bytes& name = e->pinned[PINNED_NAME].bytes;
  auto length = static_cast<socklen_t>(name.size);
  const ssize_t n = ::recvfrom(Read(e, OUT_FD), data.data, SizeToUse(e, data), Read(e, OUT_FLAGS),
                               reinterpret_cast<sockaddr*>(name.data), &length);
  e->out[OUT_NAME_LENGTH] = static_cast<int32_t>(length);
  return StoreResult(e, n);
}

// (the pool, the pool of tiny results: a Uint8Array each): calls recv(2) with memory of the addon. A small amount of
// data is copied to one of the pools if it fits there, beginning at the offset in `out`; `out` then indicates which
// pool. The memory of a pool is determined after the call, and a detached pool has none.
napi_value RecvPooled(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value pools[2] = {};
  void* self = nullptr;
  if (napi_get_cb_info(env, info, &count, pools, nullptr, &self) != napi_ok) return Failed(env);
  auto* e = static_cast<Environment*>(self);
  const uint32_t places[] = {static_cast<uint32_t>(Read(e, OUT_POOLED)), static_cast<uint32_t>(Read(e, OUT_TINY))};
  e->out[OUT_POOLED] = 0;
  e->received_length = 0;
  if (e->received == nullptr) e->received = static_cast<uint8_t*>(std::malloc(POOLED_MOST));
  if (e->received == nullptr) {
    e->out[OUT_RESULT] = -ENOMEM;
    return nullptr;
  }
  const size_t limit = std::min<size_t>(static_cast<uint32_t>(Read(e, OUT_SIZE)), POOLED_MOST);
  const ssize_t n = ::recv(Read(e, OUT_FD), e->received, limit, Read(e, OUT_FLAGS));
  if (n > 0) {
    const size_t length = std::min<size_t>(static_cast<size_t>(n), limit);  // with MSG_TRUNC, n can exceed it
    e->received_length = length;
    const int which = length <= TINY_RESULT ? 1 : 0;
    const uint32_t place = places[which];
    napi_typedarray_type type = napi_int8_array;
    size_t size = 0;
    void* memory = nullptr;
    if (length <= SMALL_RESULT &&
        napi_get_typedarray_info(env, pools[which], &type, &size, &memory, nullptr, nullptr) == napi_ok &&
        type == napi_uint8_array && place <= size && length <= size - place) {
      std::memcpy(static_cast<uint8_t*>(memory) + place, e->received, length);
      e->out[OUT_POOLED] = which + 1;
    }
  }
  e->out[OUT_RESULT] = n < 0 ? -errno : static_cast<int32_t>(n);  // if it failed, nothing has changed errno since
  return nullptr;
}

// (to: bytes): copies the data that recvPooled has just received, as much as fits. Returns the number of
// bytes.
napi_value Received(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const Bytes to = args.GetBytes(0);
  if (args.refused()) return args.Refused();
  const Environment* e = args.environment();
  const size_t length = std::min(to.size, e->received_length);
  if (length > 0) std::memcpy(to.data, e->received, length);
  return Number(env, static_cast<int64_t>(length));
}

}  // namespace sys_socket
