// Descriptors that objects of this environment own. What it leaves open when it ends (a worker that was terminated) is
// closed then; and each weighs on the collector of garbage, so that dropped objects are found before descriptors run
// out.
#include "owned.h"

#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "args.h"

namespace sys_socket {
namespace {

constexpr int64_t kWeight = int64_t{64} * 1024;

}  // namespace

Owned::~Owned() {
  for (int fd = 0; fd < capacity_; ++fd) {
    if (flags_[fd] != 0) ::close(fd);
  }
  std::free(flags_);
}

bool Owned::Set(int fd, bool owned) {
  if (fd >= capacity_) {
    if (!owned) return false;
    const int capacity = (fd + 64) * 2;
    auto* flags = static_cast<uint8_t*>(std::realloc(flags_, static_cast<size_t>(capacity)));
    if (flags == nullptr) return false;
    std::memset(flags + capacity_, 0, static_cast<size_t>(capacity - capacity_));
    flags_ = flags;
    capacity_ = capacity;
  }
  const bool changed = (flags_[fd] != 0) != owned;
  flags_[fd] = owned ? 1 : 0;
  return changed;
}

// (fd, 1 to own it or 0 to give it up): 1 when that changed anything.
napi_value Own(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const int fd = args.Int(0);
  const int owned = args.Int(1);
  if (!args.refused() && (fd < 0 || fd > (1 << 30))) args.Refuse(0, Refusal::kInt);
  if (args.refused()) return args.Refused();
  const bool changed = args.environment()->owned.Set(fd, owned != 0);
  int64_t total = 0;
  if (changed) napi_adjust_external_memory(env, owned != 0 ? kWeight : -kWeight, &total);
  return Number(env, changed ? 1 : 0);
}

}  // namespace sys_socket
