// The initialization of the module and the state of an environment. Each other subject has a file of its own in this
// directory.
// clang-format off: linux/errqueue.h requires that timespec is defined before it is included
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

#include <initializer_list>
#include <new>

#include "args.h"

namespace sys_socket {
namespace {

// The version of the package, which lib/native/binary.ts compares with its own.
constexpr char kVersion[] = "0.1.0";

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

// Creates the memory of `out`. It is shared, so that no program can detach it. Node-API cannot create shared memory, so
// a script does.
int32_t* MakeOut(napi_env env, napi_value* out) {
  napi_value script = nullptr;
  napi_value memory = nullptr;
  napi_typedarray_type type = napi_uint8_array;
  size_t length = 0;
  void* data = nullptr;
  bool detachable = true;
  // The program may have replaced these constructors, so their result is checked.
  if (napi_create_string_latin1(env, "new Int32Array(new SharedArrayBuffer(64))", NAPI_AUTO_LENGTH, &script) !=
          napi_ok ||
      napi_run_script(env, script, out) != napi_ok ||
      napi_get_typedarray_info(env, *out, &type, &length, &data, &memory, nullptr) != napi_ok ||
      napi_is_arraybuffer(env, memory, &detachable) != napi_ok) {
    return nullptr;
  }
  return type == napi_int32_array && length == OUT_LENGTH && !detachable ? static_cast<int32_t*>(data) : nullptr;
}

// Frees the state of an environment after the last call into it.
void Finish(napi_env env, void* data, void*) {
  auto* environment = static_cast<Environment*>(data);
  for (const napi_ref reference :
       {environment->out_ref, environment->pinned[0].memory, environment->pinned[1].memory}) {
    if (reference != nullptr) napi_delete_reference(env, reference);
  }
  delete environment;
}

bool SetUp(napi_env env, napi_value exports) {
  Owned* owned = Owned::Join();
  if (owned == nullptr) return false;
  auto* environment = new (std::nothrow) Environment(*owned);
  if (environment == nullptr) {
    owned->Leave();
    return false;
  }
  // This comes first, so that a later failure does not free memory that functions already refer to.
  if (napi_set_instance_data(env, environment, Finish, nullptr) != napi_ok) {
    delete environment;
    return false;
  }
  napi_value out = nullptr;
  napi_value layout = nullptr;
  napi_value version = nullptr;
  environment->out = MakeOut(env, &out);
  if (environment->out == nullptr || napi_create_reference(env, out, 1, &environment->out_ref) != napi_ok ||
      napi_create_string_latin1(env, kVersion, NAPI_AUTO_LENGTH, &version) != napi_ok ||
      napi_set_named_property(env, exports, "version", version) != napi_ok || !Layout(env, &layout) ||
      napi_set_named_property(env, exports, "out", out) != napi_ok ||
      napi_set_named_property(env, exports, "layout", layout) != napi_ok) {
    return false;
  }
  const napi_property_descriptor functions[] = {
#define FUNCTION(name, function) {#name, nullptr, function, nullptr, nullptr, nullptr, napi_enumerable, environment},
#include "functions.def"
#undef FUNCTION
  };
  return napi_define_properties(env, exports, sizeof(functions) / sizeof(functions[0]), functions) == napi_ok;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  bool thrown = false;
  if (!SetUp(env, exports) && napi_is_exception_pending(env, &thrown) == napi_ok && !thrown) {
    napi_throw_error(env, nullptr, "sys-socket: the native part cannot be set up here");
  }
  return exports;
}

NODE_API_MODULE(sys_socket, Init)

}  // namespace
}  // namespace sys_socket
