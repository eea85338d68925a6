// Descriptors that an environment owns: those of objects, and those that arrived in control data and that the program
// has not been given yet. What an environment leaves open when it ends (a worker that was terminated) is closed then.
#include "owned.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>

#include "args.h"

namespace sys_socket {
namespace {

// Each descriptor of an object weighs on the garbage collector, so that dropped objects are found before descriptors
// run out. Beyond the first few hundred they weigh less: a program that has ten thousand sockets drops none of them,
// and the collector would only look at all of its memory again and again.
constexpr int64_t kHeavy = 256;
constexpr int64_t kHeavyWeight = int64_t{64} * 1024;
constexpr int64_t kLightWeight = int64_t{8} * 1024;

// The weight of one more object beside this many.
int64_t WeightBeside(int64_t objects) { return objects < kHeavy ? kHeavyWeight : kLightWeight; }

bool IsOfObject(Owner owner) { return owner == Owner::kMade || owner == Owner::kHeld; }

}  // namespace

Owned::~Owned() {
  for (size_t fd = 0; fd < capacity_; ++fd) {
    if (owners_[fd] != Owner::kProgram) ::close(static_cast<int>(fd));
  }
  std::free(owners_);
}

Owner Owned::Get(int fd) const {
  return fd >= 0 && static_cast<size_t>(fd) < capacity_ ? owners_[fd] : Owner::kProgram;
}

// The kernel has a table of descriptors too, of eight bytes each: this one is never larger, as only open descriptors
// get here.
bool Owned::Grow(int fd) {
  const size_t capacity = (static_cast<size_t>(fd) + 64) * 2;
  auto* owners = static_cast<Owner*>(std::realloc(owners_, capacity * sizeof(Owner)));
  if (owners == nullptr) return false;
  for (size_t i = capacity_; i < capacity; ++i) owners[i] = Owner::kProgram;
  owners_ = owners;
  capacity_ = capacity;
  return true;
}

// Adding and removing agree: the k-th object weighs the same whichever it is.
void Owned::Weigh(napi_env env, bool more) {
  const int64_t change = more ? WeightBeside(objects_) : -WeightBeside(objects_ - 1);
  int64_t total = 0;
  if (napi_adjust_external_memory(env, change, &total) == napi_ok) objects_ += more ? 1 : -1;
}

bool Owned::Set(napi_env env, int fd, Owner owner) {
  if (fd < 0) return false;
  const Owner before = Get(fd);
  if (before == owner) return true;
  if (static_cast<size_t>(fd) >= capacity_ && !Grow(fd)) return false;
  owners_[fd] = owner;
  if (IsOfObject(before) != IsOfObject(owner)) Weigh(env, IsOfObject(owner));
  return true;
}

void Owned::Forget(napi_env env, int fd) {
  const Owner before = Get(fd);
  if (before == Owner::kProgram) return;
  owners_[fd] = Owner::kProgram;
  if (IsOfObject(before)) Weigh(env, false);
}

// (fd): what was made for an object: the descriptor, or -ENOMEM, and then it is closed.
napi_value Own(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const int fd = args.Int(0);
  if (args.refused()) return args.Refused();
  if (args.environment()->owned.Set(env, fd, Owner::kMade)) return Number(env, fd);
  ::close(fd);
  return Number(env, -ENOMEM);
}

// (fd): the program has it from now on.
napi_value Disown(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const int fd = args.Int(0);
  if (args.refused()) return args.Refused();
  args.environment()->owned.Forget(env, fd);
  return Number(env, 0);
}

// (fd): an object has it from now on: 0, 1 when another one has it, or -errno. Of a descriptor that was not made here
// the kernel is asked whether there is one.
napi_value Hold(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const int fd = args.Int(0);
  if (args.refused()) return args.Refused();
  Owned& descriptors = args.environment()->owned;
  const Owner owner = descriptors.Get(fd);
  if (owner == Owner::kHeld) return Number(env, 1);
  if (owner != Owner::kMade && ::fcntl(fd, F_GETFD) < 0) return Result(env, -1);
  return Number(env, descriptors.Set(env, fd, Owner::kHeld) ? 0 : -ENOMEM);
}

// (fd): close(2) of what an object has. When it was closed behind its back, the number may be another's by now: EBADF.
napi_value CloseHeld(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const int fd = args.Int(0);
  if (args.refused()) return args.Refused();
  Owned& descriptors = args.environment()->owned;
  if (descriptors.Get(fd) != Owner::kHeld) return Number(env, -EBADF);
  descriptors.Forget(env, fd);
  return Result(env, ::close(fd));
}

// (fd): the program has a descriptor that arrived.
napi_value HandOver(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const int fd = args.Int(0);
  if (args.refused()) return args.Refused();
  Owned& descriptors = args.environment()->owned;
  if (descriptors.Get(fd) == Owner::kArrived) descriptors.Forget(env, fd);
  return Number(env, 0);
}

}  // namespace sys_socket
