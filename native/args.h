// How native functions read their arguments and return their results. Nothing here throws or runs user code: buffer
// pointers are taken in the last step before the system call, and none of them outlives the call.
#pragma once

#include <node_api.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>

#include "allocated.h"
#include "checked.h"
#include "contract.h"
#include "lookup.h"
#include "owned.h"
#include "ring.h"

namespace sys_socket {

struct Bytes {
  uint8_t* data = nullptr;
  size_t size = 0;
};

// Reads a value from memory that another thread may write. It is read only once, so that the checked value is the one
// that is used. It need not be aligned.
template <typename Value>
Value LoadOnce(const void* from) {
  Value value;
  std::memcpy(&value, from, sizeof(value));
  __asm__ volatile("" : "+r"(value));  // prevents the compiler from reading the memory again
  return value;
}

// A buffer of JavaScript that is used for several calls: see pinned.cc.
struct Pinned {
  Bytes bytes;
  napi_ref memory = nullptr;  // its ArrayBuffer
};

struct EpollSet;

// The state of an environment. The second and later results of a call (the address length, msg_flags, ...) are stored
// in `out`, an Int32Array with the OUT_ indexes of contract.def, which TypeScript reads right after the call. Its
// memory is shared (a SharedArrayBuffer), because the memory of an ArrayBuffer can be transferred and freed.
struct Environment : Allocated {
  int32_t* out = nullptr;
  napi_ref out_ref = nullptr;
  Pinned pinned[PINNED_SLOTS];
  EpollSet* sets = nullptr;     // see epoll_set.h
  Owned& owned;                 // see owned.cc
  Rings rings;                  // see ring.cc
  Lookups lookups;              // see lookup.cc
  uint8_t* received = nullptr;  // see recvPooled in pinned.cc
  size_t received_length = 0;

  explicit Environment(Owned& of_thread) : owned(of_thread) {}
  ~Environment() {
    std::free(received);
    owned.Leave();
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
};

// Node-API rejected a call that it does not reject for valid arguments. The caller receives an exception, never
// `undefined`.
inline napi_value Failed(napi_env env) {
  napi_throw_error(env, nullptr, "Node-API failed");
  return nullptr;
}

inline napi_value Number(napi_env env, int64_t value) {
  napi_value result = nullptr;
  const napi_status status = value >= INT32_MIN && value <= INT32_MAX
                                 ? napi_create_int32(env, static_cast<int32_t>(value), &result)
                                 : napi_create_int64(env, value, &result);
  return status == napi_ok ? result : Failed(env);
}

// Returns n, or -errno. (rights.h reads errno as well, to find out why recvmsg failed.)
inline napi_value Result(napi_env env, int64_t n) { return Number(env, n < 0 ? -errno : n); }

// Does the same for a call that creates a file descriptor, for an object or for the program. If the number had an
// owner, its file descriptor was closed behind the owner's back. For an object, the file descriptor is owned from here
// on, because a worker can end at any call. If there is no memory for that, it is closed.
inline napi_value Fresh(napi_env env, Environment* environment, int fd, bool is_owned) {
  if (fd < 0) return Result(env, fd);
  Owned& owned = environment->owned;
  owned.Forget(env, fd);
  const bool is_kept = !is_owned || owned.Set(env, fd, Owner::kMade);
  napi_value result = Number(env, is_kept ? fd : -ENOMEM);
  if (is_kept && result != nullptr) return result;
  owned.Forget(env, fd);
  ::close(fd);  // nobody learns its number
  return result;
}

struct Vector {
  iovec entries[MAX_VECTOR];
  size_t count;
};

template <size_t N>
class Args {
 public:
  Args(napi_env env, napi_callback_info info) : env_(env) {
    size_t count = N;
    void* data = nullptr;
    if (napi_get_cb_info(env, info, &count, values_, nullptr, &data) != napi_ok) {
      for (napi_value& value : values_) value = nullptr;
      napi_get_instance_data(env, &data);  // the functions use it before they check for a refusal
      Fail();
    }
    environment_ = static_cast<Environment*>(data);
  }

  [[nodiscard]] int Int(size_t index) {
    double number = 0;
    if (!ReadNumber(index, &number)) return 0;
    if (number >= INT32_MIN && number <= INT32_MAX) {  // false for NaN
      const auto integer = static_cast<int>(number);
      if (integer == number) return integer;
    }
    Refuse(index, Refusal::kInt);
    return 0;
  }

  [[nodiscard]] uint32_t Unsigned(size_t index) {
    double number = 0;
    if (!ReadNumber(index, &number)) return 0;
    if (number >= 0 && number <= UINT32_MAX) {
      const auto integer = static_cast<uint32_t>(number);
      if (integer == number) return integer;
    }
    Refuse(index, Refusal::kUnsigned);
    return 0;
  }

  // Returns a number that a double represents exactly.
  [[nodiscard]] int64_t Long(size_t index) {
    constexpr double kSafe = 9007199254740991;
    double number = 0;
    if (!ReadNumber(index, &number)) return 0;
    if (number >= -kSafe && number <= kSafe) {
      const auto integer = static_cast<int64_t>(number);
      if (static_cast<double>(integer) == number) return integer;
    }
    Refuse(index, Refusal::kLong);
    return 0;
  }

  [[nodiscard]] bool Has(size_t index) {
    napi_valuetype type = napi_undefined;
    if (napi_typeof(env_, values_[index], &type) != napi_ok) Fail();
    return type != napi_undefined;
  }

  // Returns the bytes of any ArrayBufferView or ArrayBuffer. The pointer is never null, because to the kernel that
  // means no argument at all.
  [[nodiscard]] Bytes GetBytes(size_t index) { return ReadBytes(index, values_[index]); }

  // Returns bytes whose length is passed as a socklen_t, which the kernel reads as an int.
  [[nodiscard]] Bytes GetSized(size_t index) {
    const Bytes bytes = GetBytes(index);
    if (bytes.size > INT32_MAX) Refuse(index, Refusal::kLength);
    return bytes;
  }

  // Returns a typed array on memory that does not move while the array is referenced: shared memory, which cannot be
  // detached or shrunk.
  [[nodiscard]] Bytes GetShared(size_t index) {
    napi_value memory = nullptr;
    bool detachable = true;
    if (napi_get_typedarray_info(env_, values_[index], nullptr, nullptr, nullptr, &memory, nullptr) != napi_ok ||
        napi_is_arraybuffer(env_, memory, &detachable) != napi_ok || detachable) {
      Refuse(index, Refusal::kStorage);
      return {};
    }
    return ReadBytes(index, values_[index]);
  }

  [[nodiscard]] Bytes OptionalSized(size_t index) { return Has(index) ? GetSized(index) : Bytes{}; }

  // Returns an array of buffers. Every element is fetched before the first pointer is taken, because an accessor on
  // Array.prototype may run user code for a hole and detach a buffer, which must then be noticed.
  void GetVector(size_t index, Vector* vector) {
    uint32_t count = 0;
    if (napi_get_array_length(env_, values_[index], &count) != napi_ok) {
      Refuse(index, Refusal::kArray);
      return;
    }
    vector->count = count;
    // For a longer list, the kernel only reads the count.
    const size_t used = count < MAX_VECTOR ? count : MAX_VECTOR;
    napi_value elements[MAX_VECTOR];
    for (uint32_t i = 0; i < used; ++i) {
      if (napi_get_element(env_, values_[index], i, &elements[i]) != napi_ok) {
        Refuse(index, Refusal::kArray);
        return;
      }
    }
    for (size_t i = 0; i < used && !refused(); ++i) {
      const Bytes bytes = ReadBytes(index, elements[i], Refusal::kArray);
      vector->entries[i] = {.iov_base = bytes.data, .iov_len = bytes.size};
    }
  }

  [[nodiscard]] napi_value value(size_t index) const { return values_[index]; }
  [[nodiscard]] bool refused() const { return refusal_ != 0; }
  [[nodiscard]] napi_value Refused() const { return Number(env_, refusal_); }
  [[nodiscard]] int32_t* out() const { return environment_->out; }
  [[nodiscard]] Environment* environment() const { return environment_; }

  // A pending exception takes precedence over the refusal.
  void Fail() {
    if (refusal_ == 0) Failed(env_);
    refusal_ = RefusalResult(0, Refusal::kFailed);
  }

  void Refuse(size_t index, Refusal why) {
    if (refusal_ != 0) return;  // the first refusal is the one reported
    refusal_ = RefusalResult(index, why);
  }

 private:
  bool ReadNumber(size_t index, double* number) {
    if (napi_get_value_double(env_, values_[index], number) == napi_ok) return true;
    Refuse(index, Refusal::kNumber);
    return false;
  }

  Bytes ReadBytes(size_t index, napi_value value, Refusal why = Refusal::kBytes) {
    static uint8_t empty = 0;  // never read or written: only ever paired with size 0
    void* data = nullptr;
    size_t size = 0;
    // Not a type: what is left when Node-API does not name the type. NOLINTNEXTLINE(clang-analyzer-optin.core.*)
    constexpr auto kUnset = static_cast<napi_typedarray_type>(15);
    napi_typedarray_type type = kUnset;
    if (napi_get_typedarray_info(env_, value, &type, &size, &data, nullptr, nullptr) == napi_ok) {
      constexpr uint8_t kElement[] = {1, 1, 1, 2, 2, 4, 4, 4, 8, 8, 8};
      if (type != napi_uint8_array) {
        const auto element = static_cast<size_t>(type);
        if (element < sizeof(kElement)) {
          size *= kElement[element];
        } else if (napi_get_buffer_info(env_, value, &data, &size) != napi_ok) {
          Refuse(index, why);  // an array type newer than this version of Node-API
          return {};
        }
      }
    } else if (napi_get_dataview_info(env_, value, &size, &data, nullptr, nullptr) != napi_ok) {
      // Newer versions of Node also return the bytes of a bare SharedArrayBuffer, older ones do not. It is rejected in
      // all versions.
      bool whole = false;
      if (napi_is_arraybuffer(env_, value, &whole) != napi_ok || !whole ||
          napi_get_arraybuffer_info(env_, value, &data, &size) != napi_ok) {
        Refuse(index, why);
        return {};
      }
    }
    return {.data = size == 0 ? &empty : static_cast<uint8_t*>(data), .size = size};
  }

  napi_env env_;
  Environment* environment_ = nullptr;
  int32_t refusal_ = 0;
  napi_value values_[N];
};

#define FUNCTION(name, function) napi_value function(napi_env env, napi_callback_info info);
#include "functions.def"
#undef FUNCTION

}  // namespace sys_socket
