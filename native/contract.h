// The C++ side of contract.def: the numbers and structs that TypeScript knows too.
#pragma once

#include <cstddef>
#include <cstdint>

namespace sys_socket {

#define CONTRACT(name, value) inline constexpr int32_t name = value;
#include "contract.def"

// The header of one message of a batch.
struct Header {
#define HEADER_FIELD(name) int32_t name;
#include "contract.def"
};

// One event in the ready list of a reactor.
struct ReadyEvent {
#define READY_FIELD(name) int32_t name;
#include "contract.def"
};

// Why C could not express an argument. lib/struct/errno.ts creates the error.
enum class Refusal : uint8_t {
  kFailed,  // Node-API failed, and an exception is pending
#define REFUSAL(name, error, description) name,
#include "contract.def"
  kCount
};
static_assert(static_cast<int32_t>(Refusal::kCount) <= REFUSAL_STEP);

// Represents a refusal by a number below every -errno.
constexpr int32_t RefusalResult(size_t index, Refusal why) {
  return -MAX_ERRNO - 1 - (static_cast<int32_t>(index) * REFUSAL_STEP) - static_cast<int32_t>(why);
}

}  // namespace sys_socket
