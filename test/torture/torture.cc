// The part of the torture that is linked into the addon. stubs.js makes a stub for each function that the addon calls;
// the stub asks here whether this call fails. What to do, and what was seen, is in a file that is shared with the
// script: it is still there when the process has crashed. Nothing here calls the C library but at the start.
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
  uint32_t function;  // that fails
  uint32_t offset;    // of the call in the addon
  uint32_t nth;       // time that this call is reached, from 1
  uint32_t reached;
  uint32_t injected;
  uint32_t events;  // that were recorded
  uint32_t unused;
  int32_t live[kFunctions];  // calls of a function that took something, by its number
  uint32_t event[kEvents][2];
};

struct Failure {
  int64_t value;
  int32_t error;
  int16_t counts;  // 0, or 1 when only a first argument that is null counts, 2 when only one that is not
  int16_t after;   // the call runs, and says that it failed
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

// Whether this call fails: asked by the stub of `function`, called from `from`, with its first argument.
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
