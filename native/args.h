// How a native function reads its arguments and gives its result. Nothing here throws, and nothing runs user code:
// the last step before the system call is to take buffer pointers, and none of them outlives the call.
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
#include "lookup.h"
#include "owned.h"
#include "ring.h"

namespace sys_socket {

struct Bytes {
  uint8_t* data = nullptr;
  size_t size = 0;
};

// A value from memory that another thread may write: read once, so that what was checked is what is used. It need not
// be aligned.
template <typename Value>
Value LoadOnce(const void* from) {
  Value value;
  std::memcpy(&value, from, sizeof(value));
  __asm__ volatile("" : "+r"(value));  // the compiler does not know that it is the same, and cannot read it again
  return value;
}

// A buffer of JavaScript that is used again: see pinned.cc.
struct Pinned {
  Bytes bytes;
  napi_ref memory = nullptr;  // its ArrayBuffer
};

struct EpollSet;

// Per-environment state: the second and later results of a call (the address length, msg_flags, ...) go to `out`,
// an Int32Array that lib/posix/native.ts reads right after the call.
// Its memory is shared (a SharedArrayBuffer), as that of an ArrayBuffer can be transferred away and freed.
struct Environment : Allocated {
  int32_t* out = nullptr;
  napi_ref out_ref = nullptr;
  Pinned pinned[2];
  EpollSet* sets = nullptr;     // see reactor.h
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

// Why C could not express an argument. lib/posix/errno.ts makes the TypeError or RangeError of it.
enum class Refusal : uint8_t {
  kNumber = 1,        // not a number
  kInt = 2,           // not an integer that fits a C int
  kUnsigned = 3,      // not an integer that fits the unsigned type
  kBytes = 4,         // not an ArrayBufferView or ArrayBuffer
  kArray = 5,         // not an array of those
  kLength = 6,        // longer than a socklen_t can say
  kPointer = 7,       // an option or request whose bytes hold a pointer
  kStorage = 8,       // storage that is detached or of the wrong size
  kText = 9,          // not a string
  kNul = 10,          // a string with an inner NUL
  kNanoseconds = 11,  // not a bigint that fits a timespec
  kDescriptor = 12,   // a descriptor that a fd_set has no place for
  kLong = 13,         // not a safe integer
  kProgram = 14,      // not a BPF program of 1 to 65535 instructions
  kInherited = 15,    // an option that makes a descriptor without close-on-exec
  kRequest = 16       // a request whose struct ifreq does not point to data
};

// A refusal travels as a number below every -errno: the kernel's errnos end at MAX_ERRNO, 4095.
inline constexpr int32_t kRefusalBase = -4096;
inline constexpr int32_t kRefusalKinds = 32;

// Node-API refused what it does not refuse for valid arguments. The caller gets an exception, never `undefined`.
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

// n, or -errno: the reader of errno (one more is in rights.h, which asks why recvmsg failed).
inline napi_value Result(napi_env env, int64_t n) { return Number(env, n < 0 ? -errno : n); }

// The same of a call that makes a descriptor, for an object or for the program. Whoever had the number before had it
// closed behind his back. For an object it is owned from here on, as a worker can end at any call; without memory for
// that it is closed.
inline napi_value Fresh(napi_env env, Environment* environment, int fd, bool is_owned) {
  if (fd < 0) return Result(env, fd);
  Owned& owned = environment->owned;
  owned.Forget(env, fd);
  const bool is_kept = !is_owned || owned.Set(env, fd, Owner::kMade);
  napi_value result = Number(env, is_kept ? fd : -ENOMEM);
  if (is_kept && result != nullptr) return result;
  owned.Forget(env, fd);
  ::close(fd);  // nobody is told of it
  return result;
}

// The longest list of buffers that the kernel reads (UIO_MAXIOV). Of a longer one it looks at the count only.
inline constexpr size_t kMaxVector = 1024;

struct Vector {
  iovec entries[kMaxVector];
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
      napi_get_instance_data(env, &data);  // the functions look into it before they ask for a refusal
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

  // A number that a double holds exactly.
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

  // The bytes of any ArrayBufferView or ArrayBuffer. Never a null pointer: to the kernel that is no argument at all.
  [[nodiscard]] Bytes GetBytes(size_t index) { return ReadBytes(index, values_[index]); }

  // Bytes whose length crosses as a socklen_t, which the kernel reads as an int.
  [[nodiscard]] Bytes GetSized(size_t index) {
    const Bytes bytes = GetBytes(index);
    if (bytes.size > INT32_MAX) Refuse(index, Refusal::kLength);
    return bytes;
  }

  // A typed array on memory that stays where it is as long as the array is referenced: shared memory, which cannot be
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

  // An array of buffers. Every element is fetched before the first pointer is taken: an accessor on Array.prototype may
  // run user code for a hole, and what it detaches is then seen as detached.
  void GetVector(size_t index, Vector* vector) {
    uint32_t count = 0;
    if (napi_get_array_length(env_, values_[index], &count) != napi_ok) {
      Refuse(index, Refusal::kArray);
      return;
    }
    vector->count = count;
    // Of a longer list the kernel looks at the count alone.
    const size_t used = count < kMaxVector ? count : kMaxVector;
    napi_value elements[kMaxVector];
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

  // An exception is pending, and tells it instead of the refusal.
  void Fail() {
    if (refusal_ == 0) Failed(env_);
    refusal_ = kRefusalBase;
  }

  void Refuse(size_t index, Refusal why) {
    if (refusal_ != 0) return;  // the first one is told
    refusal_ = kRefusalBase - (static_cast<int32_t>(index) * kRefusalKinds) - static_cast<int32_t>(why);
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
          Refuse(index, why);  // an array type newer than this Node-API names
          return {};
        }
      }
    } else if (napi_get_dataview_info(env_, value, &size, &data, nullptr, nullptr) != napi_ok) {
      // Newer Nodes give the bytes of a bare SharedArrayBuffer too, older ones do not: it is refused everywhere.
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
