// What the two reactors share, and the functions that JavaScript calls for either.
#include "epoll_set.h"

#include <unistd.h>

#include <algorithm>

namespace sys_socket {

namespace {

// Returns the set whose number is an argument. Refuses a number that no set has.
template <size_t N>
EpollSet* GetSet(Args<N>* args, size_t index) {
  const int id = args->Int(index);
  EpollSet* set = args->environment()->sets;
  while (set != nullptr && set->id != id) set = set->next;
  if (!args->refused() && set == nullptr) args->Refuse(index, Refusal::kStorage);
  return set;
}

}  // namespace

void Enter(EpollSet* set) {
  EpollSet*& first = set->environment->sets;
  set->id = first == nullptr ? 0 : first->id + 1;
  set->next = first;
  first = set;
}

void Leave(const EpollSet* set) {
  EpollSet** link = &set->environment->sets;
  while (*link != nullptr && *link != set) link = &(*link)->next;
  if (*link == set) *link = set->next;
}

bool GetList(const EpollSet& set, ReadyList* list) {
  napi_value array = nullptr;
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  void* data = nullptr;
  if (napi_get_reference_value(set.env, set.list, &array) != napi_ok) return false;
  if (array == nullptr) return true;
  if (napi_get_typedarray_info(set.env, array, &type, &length, &data, nullptr, nullptr) != napi_ok) return false;
  if (type != napi_int32_array) return true;
  list->events = static_cast<ReadyEvent*>(data);
  list->capacity = std::min<size_t>(length * sizeof(int32_t) / sizeof(ReadyEvent), MAX_READY);
  return true;
}

bool Continues(napi_env env, napi_status status) {
  if (status != napi_pending_exception) return status == napi_ok;
  napi_value error = nullptr;
  return napi_get_and_clear_last_exception(env, &error) == napi_ok && napi_fatal_exception(env, error) == napi_ok;
}

void CloseDescriptor(int* fd) {
  if (*fd >= 0) ::close(*fd);
  *fd = -1;
}

int Errno(napi_status status) { return status == napi_ok ? 0 : status == napi_invalid_arg ? -EINVAL : -ENOMEM; }

// (operation: EPOLL_CTL_, fd, events, generation, reactor): returns 0 or -errno.
napi_value ReactorControl(napi_env env, napi_callback_info info) {
  Args<5> args(env, info);
  const int operation = args.Int(0);
  const int fd = args.Int(1);
  const uint32_t events = args.Unsigned(2);
  const uint32_t generation = args.Unsigned(3);
  const EpollSet* set = GetSet(&args, 4);
  if (args.refused()) return args.Refused();
  epoll_event event = {};
  event.events = events;
  event.data.u64 = (static_cast<uint64_t>(generation) << 32) | static_cast<uint32_t>(fd);
  return Result(env, ::epoll_ctl(set->epoll, operation, fd, &event));
}

// (reactor): replaces the set, because nobody can remove what an unknown file descriptor keeps in the old one.
napi_value ReactorRenew(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  EpollSet* set = GetSet(&args, 0);
  if (!args.refused() && set->renew == nullptr) args.Refuse(0, Refusal::kStorage);
  if (args.refused()) return args.Refused();
  return Number(env, set->renew(set));
}

// (whether the reactor keeps the process alive, reactor): returns 0 or -errno.
napi_value ReactorRef(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const bool alive = args.Int(0) != 0;
  EpollSet* set = GetSet(&args, 1);
  if (args.refused()) return args.Refused();
  if (alive == set->alive) return Number(env, 0);
  const napi_status status = set->keep_alive(set, alive);
  if (status == napi_ok) set->alive = alive;
  return Number(env, Errno(status));
}

}  // namespace sys_socket
