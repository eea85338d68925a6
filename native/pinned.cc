// The four calls of hot loops without the cost of reading arguments: the numbers cross in `out`, and the buffers are
// those that `pin` was given before. lib/posix/pinned.ts calls these only while it holds the same typed arrays and sees
// them at their full length, in one turn with the call: only then are the pointers known to be good.
#include <sys/socket.h>

#include <algorithm>

#include "args.h"

namespace sys_socket {
namespace {

// Places in `out`. lib/posix/pinned.ts has the same.
constexpr size_t kFd = 4;
constexpr size_t kFlags = 5;
constexpr size_t kResult = 6;
constexpr size_t kSize = 8;

constexpr size_t kData = 0;
constexpr size_t kName = 1;

Environment* Current(napi_env env, napi_callback_info info) {
  void* data = nullptr;
  napi_get_cb_info(env, info, nullptr, nullptr, nullptr, &data);
  return static_cast<Environment*>(data);
}

// The same as Result, without making a number of it.
napi_value Give(Environment* environment, ssize_t n) {
  environment->out[kResult] = n < 0 ? -errno : static_cast<int32_t>(n);
  return nullptr;
}

// How much of the pinned buffer is meant, never more than there is.
size_t Room(const Environment* environment) {
  const auto wanted = static_cast<uint32_t>(environment->out[kSize]);
  return std::min<size_t>(wanted, environment->pinned[kData].size);
}

}  // namespace

// (0 for data or 1 for an address, a typed array): its length in bytes.
napi_value Pin(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const int slot = args.Int(0);
  const Bytes bytes = args.GetSized(1);
  if (!args.refused() && slot != kData && slot != kName) args.Refuse(0, Refusal::kInt);
  if (args.refused()) return args.Refused();
  args.environment()->pinned[slot] = bytes;
  return Number(env, static_cast<int64_t>(bytes.size));
}

napi_value SendPinned(napi_env env, napi_callback_info info) {
  Environment* e = Current(env, info);
  const Bytes& data = e->pinned[kData];
  return Give(e, ::send(e->out[kFd], data.data, Room(e), e->out[kFlags]));
}

napi_value SendtoPinned(napi_env env, napi_callback_info info) {
  Environment* e = Current(env, info);
  const Bytes& data = e->pinned[kData];
  const Bytes& name = e->pinned[kName];
  return Give(e, ::sendto(e->out[kFd], data.data, data.size, e->out[kFlags],
                          reinterpret_cast<const sockaddr*>(name.data), static_cast<socklen_t>(name.size)));
}

napi_value RecvPinned(napi_env env, napi_callback_info info) {
  Environment* e = Current(env, info);
  const Bytes& data = e->pinned[kData];
  return Give(e, ::recv(e->out[kFd], data.data, Room(e), e->out[kFlags]));
}

// The address length is out[0].
napi_value RecvfromPinned(napi_env env, napi_callback_info info) {
  Environment* e = Current(env, info);
  const Bytes& data = e->pinned[kData];
  const Bytes& name = e->pinned[kName];
  auto length = static_cast<socklen_t>(name.size);
  const ssize_t n =
      ::recvfrom(e->out[kFd], data.data, Room(e), e->out[kFlags], reinterpret_cast<sockaddr*>(name.data), &length);
  e->out[0] = static_cast<int32_t>(length);
  return Give(e, n);
}

}  // namespace sys_socket
