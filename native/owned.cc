// File descriptors that the environments of a thread own: those of objects, and those that arrived in control data and
// were not handed to the program yet. If they are still open when the last environment ends (a worker that was
// terminated), they are closed.
#include "owned.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include <cstdlib>
#include <new>

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

// Those of all threads. Not thread_local, for which a library that is loaded late has no room on musl, or calls the
// linker.
Owned* all = nullptr;
pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;

}  // namespace

Owned* Owned::Join() {
  pthread_mutex_lock(&mutex);
  Owned* owned = all;
  while (owned != nullptr && pthread_equal(owned->thread_, pthread_self()) == 0) owned = owned->next_;
  if (owned == nullptr) owned = new (std::nothrow) Owned;
  if (owned != nullptr && owned->environments_++ == 0) owned->next_ = std::exchange(all, owned);
  pthread_mutex_unlock(&mutex);
  return owned;
}

void Owned::Leave() {
  if (--environments_ > 0) return;
  pthread_mutex_lock(&mutex);
  Owned** link = &all;
  while (*link != this) link = &(*link)->next_;
  *link = next_;
  pthread_mutex_unlock(&mutex);
  delete this;
}

Owned::~Owned() {
  for (size_t fd = 0; fd < capacity_; ++fd) {
    if (entries_[fd].owner != Owner::kProgram) ::close(static_cast<int>(fd));
  }
  std::free(entries_);
}

Owner Owned::Get(int fd) const {
  return fd >= 0 && static_cast<size_t>(fd) < capacity_ ? entries_[fd].owner : Owner::kProgram;
}

// The kernel has a table of file descriptors as well, with an open file for each. This table is never longer, because
// only open file descriptors are added to it.
bool Owned::Grow(int fd) {
  const size_t capacity = (static_cast<size_t>(fd) + 64) * 2;
  auto* entries = static_cast<Entry*>(std::realloc(entries_, capacity * sizeof(Entry)));
  if (entries == nullptr) return false;
  for (size_t i = capacity_; i < capacity; ++i) new (entries + i) Entry;
  entries_ = entries;
  capacity_ = capacity;
  return true;
}

void Owned::Link(int fd, Receipt receipt) {
  Entry& entry = entries_[fd];
  entry.receipt = receipt;
  entry.before = std::exchange(last_, fd);
  entry.after = kNone;
  (entry.before == kNone ? first_ : entries_[entry.before].after) = fd;
}

void Owned::Unlink(int fd) {
  const Entry& entry = entries_[fd];
  (entry.before == kNone ? first_ : entries_[entry.before].after) = entry.after;
  (entry.after == kNone ? last_ : entries_[entry.after].before) = entry.before;
}

// Adding and removing use the same weights: the k-th object weighs the same regardless of which object it is.
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
  if (before == Owner::kArrived) Unlink(fd);
  entries_[fd].owner = owner;
  if (IsOfObject(before) != IsOfObject(owner)) Weigh(env, IsOfObject(owner));
  return true;
}

void Owned::Forget(napi_env env, int fd) {
  const Owner before = Get(fd);
  if (before == Owner::kProgram) return;
  if (before == Owner::kArrived) Unlink(fd);
  entries_[fd].owner = Owner::kProgram;
  if (IsOfObject(before)) Weigh(env, false);
}

// If the number had an owner, its file descriptor was closed behind the owner's back.
bool Owned::Arrive(napi_env env, int fd, Receipt receipt) {
  Forget(env, fd);
  if (!Set(env, fd, Owner::kArrived)) return false;
  Link(fd, receipt);
  return true;
}

template <typename Use>
int Owned::EndArrived(napi_env env, Receipt first, Receipt count, Use use) {
  int ended = 0;
  for (int fd = first_; fd >= 0 && entries_[fd].receipt - first < count;) {
    const int after = entries_[fd].after;
    if (entries_[fd].receipt >= first) {
      Forget(env, fd);
      use(fd);
      ++ended;
    }
    fd = after;
  }
  return ended;
}

int Owned::HandOver(napi_env env, Receipt first, Receipt count) {
  return EndArrived(env, first, count, [](int) {});
}

int Owned::CloseArrived(napi_env env, Receipt first, Receipt count) {
  return EndArrived(env, first, count, [](int fd) { ::close(fd); });
}

// (fd): the program owns the file descriptor from now on.
napi_value Disown(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const int fd = args.Int(0);
  if (args.refused()) return args.Refused();
  args.environment()->owned.Forget(env, fd);
  return Number(env, 0);
}

// (fd): an object owns the file descriptor from now on. Returns 0, 1 if another object owns it, or -errno. If it was
// not created here, the kernel is asked whether it exists.
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

// (fd): calls close(2) for the file descriptor of an object. If it was closed behind the object's back, the number may
// belong to another owner by now: EBADF.
napi_value CloseHeld(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const int fd = args.Int(0);
  if (args.refused()) return args.Refused();
  Owned& descriptors = args.environment()->owned;
  if (descriptors.Get(fd) != Owner::kHeld) return Number(env, -EBADF);
  descriptors.Forget(env, fd);
  return Result(env, ::close(fd));
}

// (fd): hands a file descriptor that arrived over to the program.
napi_value HandOver(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const int fd = args.Int(0);
  if (args.refused()) return args.Refused();
  Owned& descriptors = args.environment()->owned;
  if (descriptors.Get(fd) == Owner::kArrived) descriptors.Forget(env, fd);
  return Number(env, 0);
}

// (receipt): hands the file descriptors with a receipt over to the program. Returns how many there were.
napi_value HandOverReceived(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const Receipt receipt = args.Long(0);
  if (args.refused()) return args.Refused();
  return Number(env, args.environment()->owned.HandOver(env, receipt, 1));
}

// (first receipt, count): closes the file descriptors with these receipts that were not handed over. Returns how many
// there were.
napi_value CloseReceived(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const Receipt first = args.Long(0);
  const auto count = static_cast<Receipt>(args.Unsigned(1));
  if (args.refused()) return args.Refused();
  return Number(env, args.environment()->owned.CloseArrived(env, first, count));
}

}  // namespace sys_socket
