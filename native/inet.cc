// Converts addresses to and from text with the functions of the C library: man 3 inet_pton, inet_ntop, inet_aton.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

#include "args.h"
#include "text.h"

namespace sys_socket {
namespace {

size_t AddressSize(int family) { return family == AF_INET ? sizeof(in_addr) : sizeof(in6_addr); }

}  // namespace

// (family, text, out): returns 1, 0 if the text is not an address, or -EAFNOSUPPORT from the C library.
napi_value InetPton(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  const int family = args.Int(0);
  const Bytes to = args.GetBytes(2);
  const Text text(env, &args, 1);
  if (to.size < sizeof(in6_addr)) args.Refuse(2, Refusal::kStorage);
  if (args.refused()) return args.Refused();
  in6_addr address = {};
  const int result = ::inet_pton(family, text.c_str(), &address);
  if (result == 1) std::memcpy(to.data, &address, AddressSize(family));
  return Result(env, result);
}

// (family, bytes): returns the text, or -errno.
napi_value InetNtop(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const int family = args.Int(0);
  const Bytes from = args.GetBytes(1);
  if (!args.refused() && (family == AF_INET || family == AF_INET6) && from.size != AddressSize(family)) {
    args.Refuse(1, Refusal::kStorage);
  }
  if (args.refused()) return args.Refused();
  char text[INET6_ADDRSTRLEN];
  if (::inet_ntop(family, from.data, text, sizeof(text)) == nullptr) return Result(env, -1);
  napi_value result = nullptr;
  if (napi_create_string_latin1(env, text, NAPI_AUTO_LENGTH, &result) != napi_ok) return Failed(env);
  return result;
}

// (text, out): returns 1, or 0 if the text is not an address.
napi_value InetAton(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const Bytes to = args.GetBytes(1);
  const Text text(env, &args, 0);
  if (to.size < sizeof(in_addr)) args.Refuse(1, Refusal::kStorage);
  if (args.refused()) return args.Refused();
  in_addr address = {};
  const int result = ::inet_aton(text.c_str(), &address);
  if (result != 0) std::memcpy(to.data, &address, sizeof(address));
  return Number(env, result);
}

}  // namespace sys_socket
