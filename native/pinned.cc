// The four calls of hot loops without the cost of reading arguments: the numbers cross in `out`, and the buffers are
// those that `pin` was given before. lib/posix/pinned.ts calls these only while it holds the same typed arrays and sees
// them at their full length, in one turn with the call. Here it is asked only that their memory was not detached since:
// then the pointers are good, whoever calls. Memory that was made smaller (a resizable ArrayBuffer) stays reserved, and
// the kernel answers EFAULT.
#include <sys/socket.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <utility>

#include "args.h"

namespace sys_socket {
namespace {

// Places in `out`. lib/posix/pinned.ts has the same.
constexpr size_t kFd = 4;
constexpr size_t kFlags = 5;
constexpr size_t kResult = 6;
constexpr size_t kSize = 8;
constexpr size_t kPooled = 9;
constexpr size_t kTiny = 12;

// How much recvPooled receives at most, what it copies to the pool, and what to the pool of tiny results.
constexpr size_t kChunk = 65536;
constexpr size_t kSmall = 2048;
constexpr size_t kTinySize = 64;

constexpr size_t kData = 0;
constexpr size_t kName = 1;

Environment* Current(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  if (napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data) != napi_ok) Failed(env);
  return static_cast<Environment*>(data);
}

// The same as Result, without making a number of it.
napi_value Give(Environment* environment, ssize_t n) {
  environment->out[kResult] = n < 0 ? -errno : static_cast<int32_t>(n);
  return nullptr;
}

// The numbers of a call, each read once: another thread may have `out` too.
int32_t Read(const Environment* environment, size_t place) { return LoadOnce<int32_t>(environment->out + place); }

bool IsAttached(napi_env env, const Pinned& pinned) {
  napi_value memory = nullptr;
  bool detached = true;
  return pinned.memory != nullptr && napi_get_reference_value(env, pinned.memory, &memory) == napi_ok &&
         napi_is_detached_arraybuffer(env, memory, &detached) == napi_ok && !detached;
}

// Whether the pinned buffers are there; else the result is a refusal.
template <typename... Slots>
bool Ready(napi_env env, Environment* environment, Slots... slots) {
  if (environment == nullptr) return false;  // an exception is pending
  if ((IsAttached(env, environment->pinned[slots]) && ...)) return true;
  environment->out[kResult] = kRefusalBase - kRefusalKinds - static_cast<int32_t>(Refusal::kStorage);
  return false;
}

// How much of the pinned buffer is meant, never more than there is.
size_t Room(const Environment* environment, const Bytes& data) {
  return std::min<size_t>(static_cast<uint32_t>(Read(environment, kSize)), data.size);
}

}  // namespace

// (0 for data or 1 for an address, a typed array): its length in bytes.
napi_value Pin(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const int slot = args.Int(0);
  const Bytes bytes = args.GetSized(1);
  if (!args.refused() && slot != kData && slot != kName) args.Refuse(0, Refusal::kInt);
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
  if (!Ready(env, e, kData)) return nullptr;
  const Bytes& data = e->pinned[kData].bytes;
  return Give(e, ::send(Read(e, kFd), data.data, Room(e, data), Read(e, kFlags)));
}

napi_value SendtoPinned(napi_env env, napi_callback_info info) {
  Environment* e = Current(env, info);
  if (!Ready(env, e, kData, kName)) return nullptr;
  const Bytes& data = e->pinned[kData].bytes;
  const Bytes& name = e->pinned[kName].bytes;
  return Give(e, ::sendto(Read(e, kFd), data.data, data.size, Read(e, kFlags),
                          reinterpret_cast<const sockaddr*>(name.data), static_cast<socklen_t>(name.size)));
}

napi_value RecvPinned(napi_env env, napi_callback_info info) {
  Environment* e = Current(env, info);
  if (!Ready(env, e, kData)) return nullptr;
  const Bytes& data = e->pinned[kData].bytes;
  return Give(e, ::recv(Read(e, kFd), data.data, Room(e, data), Read(e, kFlags)));
}

// The address length is out[0].
napi_value RecvfromPinned(napi_env env, napi_callback_info info) {
  Environment* e = Current(env, info);
  if (!Ready(env, e, kData, kName)) return nullptr;
  const Bytes& data = e->pinned[kData].bytes;
  const Bytes& name = e->pinned[kName].bytes;
  auto length = static_cast<socklen_t>(name.size);
  const ssize_t n = ::recvfrom(Read(e, kFd), data.data, Room(e, data), Read(e, kFlags),
                               reinterpret_cast<sockaddr*>(name.data), &length);
  e->out[0] = static_cast<int32_t>(length);
  return Give(e, n);
}

// (the pool, the pool of tiny results: a Uint8Array each): recv(2) into memory of the addon. Little data is copied to
// the one pool or the other, from the place in `out` on, if it fits there; `out` then says to which. A pool is asked
// for its memory after the call: a detached one has none.
napi_value RecvPooled(napi_env env, napi_callback_info info) {
  size_t count = 2;
  napi_value pools[2] = {};
  void* self = nullptr;
  if (napi_get_cb_info(env, info, &count, pools, nullptr, &self) != napi_ok) return Failed(env);
  auto* e = static_cast<Environment*>(self);
  const uint32_t places[] = {static_cast<uint32_t>(Read(e, kPooled)), static_cast<uint32_t>(Read(e, kTiny))};
  e->out[kPooled] = 0;
  e->received_length = 0;
  if (e->received == nullptr) e->received = static_cast<uint8_t*>(std::malloc(kChunk));
  if (e->received == nullptr) {
    e->out[kResult] = -ENOMEM;
    return nullptr;
  }
  const size_t room = std::min<size_t>(static_cast<uint32_t>(Read(e, kSize)), kChunk);
  const ssize_t n = ::recv(Read(e, kFd), e->received, room, Read(e, kFlags));
  if (n > 0) {
    const size_t length = std::min<size_t>(static_cast<size_t>(n), room);  // with MSG_TRUNC n can exceed the room
    e->received_length = length;
    const int which = length <= kTinySize ? 1 : 0;
    const uint32_t place = places[which];
    napi_typedarray_type type = napi_int8_array;
    size_t size = 0;
    void* memory = nullptr;
    if (length <= kSmall &&
        napi_get_typedarray_info(env, pools[which], &type, &size, &memory, nullptr, nullptr) == napi_ok &&
        type == napi_uint8_array && place <= size && length <= size - place) {
      std::memcpy(static_cast<uint8_t*>(memory) + place, e->received, length);
      e->out[kPooled] = which + 1;
    }
  }
  e->out[kResult] = n < 0 ? -errno : static_cast<int32_t>(n);  // nothing was called since when it failed
  return nullptr;
}

// (to: bytes): copies what recvPooled has just received there, as much as there is room for. The number of bytes.
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
