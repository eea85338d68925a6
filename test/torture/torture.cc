// The part of the torture that is linked into the addon. build.js generates a stub for each function that the addon
// calls; the stub asks here whether this call fails. A file that is shared with the script holds the request and the
// results: it survives a crash of the process. Nothing here calls the C library, except at the start.
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdlib>

namespace {

constexpr uint32_t kFunctions = 512;
constexpr uint32_t kEvents = 100000;

enum Mode : uint32_t { kOff, kRecord, kFail };

// test/torture/shared.js has the same.
struct Shared {
  uint32_t mode;
  uint32_t function;  // the one that fails
  uint32_t offset;    // of the call in the addon
  uint32_t nth;       // which time that this call is reached fails, from 1
  uint32_t reached;
  uint32_t injected;
  uint32_t events;  // number of recorded calls
  uint32_t unused;
  int32_t live[kFunctions];  // successful calls, by the number of the function
  uint32_t event[kEvents][2];
};

struct Failure {
  int64_t value;
  int32_t error;
  int16_t counts;  // 0: every call counts; 1: only with a null first argument; 2: only with another one
  int16_t after;   // the call runs, and then reports a failure
};

Shared* shared = nullptr;
uintptr_t base = 0;

}  // namespace

extern "C" {

extern const Failure torture_failures[];

__attribute__((constructor)) void torture_start() {
  Dl_info info = {};
  dladdr(reinterpret_cast<void*>(&torture_start), &info);
  base = reinterpret_cast<uintptr_t>(info.dli_fbase);
  const char* path = std::getenv("TORTURE_FILE");
  if (path == nullptr) return;
  const int fd = ::open(path, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  ::close(fd);
  if (memory != MAP_FAILED) shared = static_cast<Shared*>(memory);
}

// Whether this call fails. The stub of `function`, called from `from` with this first argument, asks it.
__attribute__((visibility("hidden"))) int torture_fails(uint32_t function, uintptr_t from, uintptr_t first) {
  if (shared == nullptr) return 0;
  const auto offset = static_cast<uint32_t>(from - base);
  int fails = 0;
  const uint32_t mode = __atomic_load_n(&shared->mode, __ATOMIC_ACQUIRE);
  if (mode == kRecord) {
    const uint32_t at = __atomic_fetch_add(&shared->events, 1, __ATOMIC_RELAXED);
    if (at < kEvents) {
      shared->event[at][0] = function;
      shared->event[at][1] = offset;
    }
  } else if (mode == kFail && function == shared->function && offset == shared->offset &&
             __atomic_add_fetch(&shared->reached, 1, __ATOMIC_RELAXED) == shared->nth) {
    __atomic_store_n(&shared->injected, 1, __ATOMIC_RELEASE);
    fails = 1;
  }
  const int32_t counts = torture_failures[function].counts;
  if (fails == 1 && torture_failures[function].after == 0) return 1;
  if (counts == 0 || (counts == 1) == (first == 0)) __atomic_fetch_add(&shared->live[function], 1, __ATOMIC_RELAXED);
  return fails;
}

// What the failed call returns.
__attribute__((visibility("hidden"))) int64_t torture_value(uint32_t function) {
  if (torture_failures[function].error != 0) errno = torture_failures[function].error;
  return torture_failures[function].value;
}
}
