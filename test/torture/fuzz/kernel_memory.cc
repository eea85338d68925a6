// The memory of rings under fuzz: each ring is on the heap with its exact size, so that AddressSanitizer finds an
// access beyond it.
#include <sys/mman.h>

#include <cstdint>
#include <set>

#include "input.h"

extern "C" {
void* __real_mmap(void*, size_t, int, int, int, off_t);
int __real_munmap(void*, size_t);
}

namespace {
constexpr size_t kLargest = 1 << 16;

std::set<void*>& Rings() {
  static std::set<void*> rings;
  return rings;
}
}  // namespace

extern "C" {

void* __wrap_mmap(void* at, size_t size, int protection, int flags, int fd, off_t offset) {
  if ((flags & MAP_SHARED) == 0) return __real_mmap(at, size, protection, flags, fd, offset);
  if (size == 0 || size > kLargest) return MAP_FAILED;
  auto* data = new uint8_t[size];
  fuzz::input.Take(data, size);
  Rings().insert(data);
  return data;
}

int __wrap_munmap(void* data, size_t size) {
  if (Rings().erase(data) == 0) return __real_munmap(data, size);
  delete[] static_cast<uint8_t*>(data);
  return 0;
}

int __wrap_madvise(void*, size_t, int) { return 0; }

}  // extern "C"
