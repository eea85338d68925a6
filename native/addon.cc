// Module set-up and the state of one environment. Everything else is one file per subject beside this one.
// clang-format off: linux/errqueue.h takes timespec from whoever includes it
#include <time.h>
// clang-format on
#include <arpa/inet.h>
#include <linux/errqueue.h>
#include <linux/if_packet.h>
#include <linux/netlink.h>
#include <linux/vm_sockets.h>
#include <napi.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <memory>
#include <new>

#include "args.h"

namespace sys_socket {
namespace {

constexpr size_t kOutLength = 16;

struct Fact {
  const char* name;
  double value;
};

bool Layout(napi_env env, napi_value* layout) {
  const Fact facts[] = {
#define LAYOUT(name, value) {#name, static_cast<double>(value)},
#include "layout.def"
#undef LAYOUT
  };
  if (napi_create_object(env, layout) != napi_ok) return false;
  for (const Fact& fact : facts) {
    napi_value value = nullptr;
    if (napi_create_double(env, fact.value, &value) != napi_ok ||
        napi_set_named_property(env, *layout, fact.name, value) != napi_ok) {
      return false;
    }
  }
  return true;
}

// With the environment, after the last call into it.
void Finish(Napi::Env env, Environment* environment) {
  napi_delete_reference(env, environment->out_ref);
  delete environment;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  auto environment = std::unique_ptr<Environment>(new (std::nothrow) Environment);
  void* memory = nullptr;
  napi_value buffer = nullptr;
  napi_value out = nullptr;
  napi_value layout = nullptr;
  if (environment == nullptr ||
      napi_create_arraybuffer(env, kOutLength * sizeof(int32_t), &memory, &buffer) != napi_ok ||
      napi_create_typedarray(env, napi_int32_array, kOutLength, buffer, 0, &out) != napi_ok ||
      napi_create_reference(env, buffer, 1, &environment->out_ref) != napi_ok || !Layout(env, &layout) ||
      napi_set_named_property(env, exports, "out", out) != napi_ok ||
      napi_set_named_property(env, exports, "layout", layout) != napi_ok) {
    return exports;
  }
  environment->out = static_cast<int32_t*>(memory);

  const napi_property_descriptor functions[] = {
#define FUNCTION(name, function) \
  {#name, nullptr, function, nullptr, nullptr, nullptr, napi_enumerable, environment.get()},
#include "functions.def"
#undef FUNCTION
  };
  if (napi_define_properties(env, exports, sizeof(functions) / sizeof(functions[0]), functions) != napi_ok) {
    return exports;
  }
  env.SetInstanceData<Environment, Finish>(environment.release());
  return exports;
}

NODE_API_MODULE(sys_socket, Init)

}  // namespace
}  // namespace sys_socket
