// Objects on the heap that do not use the operators of libstdc++. Without those, the addon needs no library but libc.
#pragma once

#include <cstdlib>
#include <new>

namespace sys_socket {

// A base class. `new (std::nothrow) T` of a derived class returns null when there is no memory.
struct Allocated {
  static void* operator new(size_t size, const std::nothrow_t&) noexcept { return std::malloc(size); }
  // The matching operator new would throw, and is not needed.
  // NOLINTNEXTLINE(cert-dcl54-cpp)
  static void operator delete(void* memory) noexcept { std::free(memory); }
  static void operator delete(void* memory, const std::nothrow_t&) noexcept { std::free(memory); }
};

}  // namespace sys_socket
