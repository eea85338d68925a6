// Services and protocols: man 3 getservbyname, getservbyport, getprotobyname, getprotobynumber.
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>

#include "args.h"
#include "pack.h"
#include "text.h"

namespace sys_socket {
namespace {

// Calls the reentrant forms of getservbyname and similar functions, for which the caller must find out the size of the
// memory.
template <typename Entry, typename Call>
bool Find(Entry* entry, String* memory, Call call) {
  Entry* found = nullptr;
  for (size_t size = 1024; size <= (1U << 20); size *= 2) {
    memory->reset(static_cast<char*>(std::malloc(size)));
    if (*memory == nullptr || call(entry, memory->get(), size, &found) != ERANGE) break;
  }
  return found != nullptr;
}

napi_value GiveService(napi_env env, const servent* entry) {
  Pack pack;
  if (entry != nullptr) {
    pack.String(entry->s_name);
    pack.Strings(entry->s_aliases);
    pack.Int(ntohs(static_cast<uint16_t>(entry->s_port)));
    pack.String(entry->s_proto);
  }
  return pack.Give(env);
}

napi_value GiveProtocol(napi_env env, const protoent* entry) {
  Pack pack;
  if (entry != nullptr) {
    pack.String(entry->p_name);
    pack.Strings(entry->p_aliases);
    pack.Int(entry->p_proto);
  }
  return pack.Give(env);
}

}  // namespace

// (name or undefined, port, protocol?): returns no bytes if there is no such service.
napi_value Getserv(napi_env env, napi_callback_info info) {
  Args<3> args(env, info);
  const bool by_name = args.Has(0);
  const Text name(env, &args, 0, true);
  const int port = by_name ? 0 : args.Int(1);
  const Text protocol(env, &args, 2, true);
  if (args.refused()) return args.Refused();
  const int network = htons(static_cast<uint16_t>(port));  // getservbyport in service.ts rejects what is not a uint16
  servent entry = {};
  String memory;
  const bool found = Find(&entry, &memory, [&](servent* to, char* buffer, size_t size, servent** result) {
    return by_name ? ::getservbyname_r(name.c_str(), protocol.c_str(), to, buffer, size, result)
                   : ::getservbyport_r(network, protocol.c_str(), to, buffer, size, result);
  });
  return GiveService(env, found ? &entry : nullptr);
}

// (name or undefined, number): returns no bytes if there is no such protocol.
napi_value Getproto(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const bool by_name = args.Has(0);
  const Text name(env, &args, 0, true);
  const int number = by_name ? 0 : args.Int(1);
  if (args.refused()) return args.Refused();
#ifdef __GLIBC__
  protoent entry = {};
  String memory;
  const bool found = Find(&entry, &memory, [&](protoent* to, char* buffer, size_t size, protoent** result) {
    return by_name ? ::getprotobyname_r(name.c_str(), to, buffer, size, result)
                   : ::getprotobynumber_r(number, to, buffer, size, result);
  });
  return GiveProtocol(env, found ? &entry : nullptr);
#else
  // The functions of musl iterate over its own table with one cursor for all threads.
  static pthread_mutex_t cursor = PTHREAD_MUTEX_INITIALIZER;
  pthread_mutex_lock(&cursor);
  napi_value entry = GiveProtocol(env, by_name ? ::getprotobyname(name.c_str()) : ::getprotobynumber(number));
  pthread_mutex_unlock(&cursor);
  return entry;
#endif
}

}  // namespace sys_socket
