// Readiness for the event loop: a private epoll set, watched by one uv_poll. Per turn of the loop one epoll_wait fills
// a ready list, and one JavaScript callback serves all of it. lib/socket/reactor.ts is the other half.
//
// Not a uv_poll per descriptor: libuv makes EBADF of every POLLERR and stops, cannot watch a descriptor that another
// handle watches, and breaks unrelated sockets when a descriptor is closed under it.
#include "reactor.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <initializer_list>
#include <new>

// Not every runtime that loads the addon has these: there, reactor_thread.cc serves.
#pragma weak uv_poll_init
#pragma weak uv_poll_start
#pragma weak uv_poll_stop
#pragma weak uv_close
#pragma weak uv_ref
#pragma weak uv_unref

namespace sys_socket {

namespace {

// The handle belongs to the loop and outlives the environment until it is closed, and the list lives until it is
// collected: the memory is given back when both are gone.
struct Reactor : EpollSet {
  napi_env env = nullptr;
  Environment* environment = nullptr;
  uv_poll_t handle = {};
  int reserve = -1;  // an empty set for `reactorRenew`, which must not fail when the process has no descriptor left
  int holders = 0;
  bool closing = false;
  bool alive = false;
  // Weak while nobody waits: a copy of the module that nobody uses any more is collected.
  napi_ref list = nullptr;
  napi_ref callback = nullptr;
  napi_async_context context = nullptr;
  napi_async_cleanup_hook_handle hook = nullptr;
};

void CloseDescriptor(int* fd) {
  if (*fd >= 0) ::close(*fd);
  *fd = -1;
}

void Release(Reactor* reactor) {
  if (--reactor->holders == 0) delete reactor;
}

// How many events JavaScript is given at a time. What awaits these sockets runs before the next are served, while the
// memory of the kernel for them is in the caches of the processor: with many sockets that saves more than a call costs.
constexpr size_t kSlice = 64;

// One call into JavaScript for the events of the list from `first` to `last`. What it throws reaches uncaughtException,
// and nothing else. Whether the next ones may be served.
bool Serve(const Reactor* reactor, size_t count, size_t first, size_t last) {
  const napi_env env = reactor->env;
  napi_value callback = nullptr;
  napi_value global = nullptr;
  if (napi_get_reference_value(env, reactor->callback, &callback) != napi_ok || callback == nullptr ||
      napi_get_global(env, &global) != napi_ok) {
    return false;
  }
  const napi_value arguments[] = {Number(env, static_cast<int64_t>(count)), Number(env, static_cast<int64_t>(first)),
                                  Number(env, static_cast<int64_t>(last))};
  napi_value result = nullptr;
  const napi_status status = napi_make_callback(env, reactor->context, global, callback, 3, arguments, &result);
  bool served = status == napi_ok;
  if (status == napi_pending_exception) {
    // A program that handles uncaught exceptions goes on, and so do the sockets that are served next.
    napi_value error = nullptr;
    served = napi_get_and_clear_last_exception(env, &error) == napi_ok && napi_fatal_exception(env, error) == napi_ok;
  }
  return served && !reactor->closing;
}

// Calls JavaScript for all events of the list.
void ServeAll(const Reactor* reactor, size_t count) {
  for (size_t first = 0; first < count; first += kSlice) {
    if (!Serve(reactor, count, first, std::min(first + kSlice, count))) return;
  }
}

// The epoll set is readable, or uv_poll says that it is broken, which the next epoll_wait shows.
void Ready(uv_poll_t* handle, int, int) {
  auto* reactor = static_cast<Reactor*>(handle->data);
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(reactor->env, &scope) != napi_ok) return;
  const napi_env env = reactor->env;
  int32_t* to = nullptr;
  size_t most = 0;
  if (!Places(env, reactor->list, &to, &most)) {
    // The events are told again in the next turn.
  } else if (most == 0) {
    uv_poll_stop(handle);  // there is nowhere to tell of events, now or later
  } else {
    epoll_event events[kMostEvents];
    const int count = ::epoll_wait(reactor->epoll, events, static_cast<int>(most), 0);
    for (int i = 0; i < count; ++i) {
      *to++ = static_cast<int32_t>(events[i].data.u64 & UINT32_MAX);
      *to++ = static_cast<int32_t>(events[i].data.u64 >> 32);
      *to++ = static_cast<int32_t>(events[i].events);
    }
    if (count > 0) ServeAll(reactor, static_cast<size_t>(count));
  }
  napi_close_handle_scope(env, scope);
}

// The handle is closed, and only then are its descriptors, and the environment may end.
void Closed(uv_handle_t* handle) {
  auto* reactor = static_cast<Reactor*>(handle->data);
  CloseDescriptor(&reactor->epoll);
  CloseDescriptor(&reactor->reserve);
  napi_remove_async_cleanup_hook(reactor->hook);
  Release(reactor);
}

void Close(Reactor* reactor) {
  if (reactor->closing) return;
  reactor->closing = true;
  Leave(reactor->environment, reactor);
  napi_async_destroy(reactor->env, reactor->context);
  uv_poll_stop(&reactor->handle);
  uv_close(reinterpret_cast<uv_handle_t*>(&reactor->handle), Closed);
}

// The environment ends.
void Cleanup(napi_async_cleanup_hook_handle, void* data) { Close(static_cast<Reactor*>(data)); }

// The list was collected, and with it the copy of the module that had it; or the environment has ended.
void Collected(napi_env env, void* data, void*) {
  auto* reactor = static_cast<Reactor*>(data);
  if (!reactor->closing) {
    napi_delete_reference(env, reactor->callback);
    napi_delete_reference(env, reactor->list);
    Close(reactor);
  }
  Release(reactor);
}

// What a reactor has that did not start, in which nothing was handed to the loop yet.
void Discard(Reactor* reactor) {
  const napi_env env = reactor->env;
  if (reactor->hook != nullptr) napi_remove_async_cleanup_hook(reactor->hook);
  if (reactor->callback != nullptr) napi_delete_reference(env, reactor->callback);
  if (reactor->context != nullptr) napi_async_destroy(env, reactor->context);
  CloseDescriptor(&reactor->epoll);
  CloseDescriptor(&reactor->reserve);
  delete reactor;
}

// What Node-API refused, as an errno.
int Errno(napi_status status) { return status == napi_ok ? 0 : status == napi_invalid_arg ? -EINVAL : -ENOMEM; }

int Prepare(Reactor* reactor, napi_value callback) {
  const napi_env env = reactor->env;
  reactor->epoll = ::epoll_create1(EPOLL_CLOEXEC);
  if (reactor->epoll < 0) return -errno;
  reactor->reserve = ::epoll_create1(EPOLL_CLOEXEC);  // without it, `reactorRenew` tries to get one
  napi_value name = nullptr;
  napi_status status = napi_create_string_latin1(env, "sys-socket", NAPI_AUTO_LENGTH, &name);
  if (status == napi_ok) status = napi_async_init(env, nullptr, name, &reactor->context);
  if (status == napi_ok) status = napi_create_reference(env, callback, 0, &reactor->callback);
  if (status == napi_ok) status = napi_add_async_cleanup_hook(env, Cleanup, reactor, &reactor->hook);
  return Errno(status);
}

// Makes a reference weak. One that stays strong keeps its copy of the module in memory, and harms nobody else.
void Release(napi_env env, napi_ref reference) {
  uint32_t count = 0;
  napi_reference_unref(env, reference, &count);
}

// Makes both references strong, or none.
napi_status Hold(const Reactor* reactor) {
  uint32_t count = 0;
  napi_status status = napi_reference_ref(reactor->env, reactor->list, &count);
  if (status != napi_ok) return status;
  status = napi_reference_ref(reactor->env, reactor->callback, &count);
  if (status != napi_ok) Release(reactor->env, reactor->list);
  return status;
}

Reactor* Get(const Environment* environment, int id) {
  EpollSet* set = Find(environment, id);
  return set == nullptr || set->threaded ? nullptr : static_cast<Reactor*>(set);
}

}  // namespace

// (the ready list: an Int32Array, callback(count, first, last)): the number of the reactor, or -errno.
napi_value ReactorStart(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const Bytes list = args.GetShared(0);
  if (!args.refused() && list.size < kFields * sizeof(int32_t)) args.Refuse(0, Refusal::kStorage);
  if (args.refused()) return args.Refused();
  auto* reactor = new (std::nothrow) Reactor;
  if (reactor == nullptr) return Number(env, -ENOMEM);
  reactor->env = env;
  reactor->environment = args.environment();
  reactor->handle.data = reactor;
  int status = Prepare(reactor, args.value(1));
  uv_loop_t* loop = nullptr;
  if (status == 0) status = Errno(napi_get_uv_event_loop(env, &loop));
  if (status == 0) status = uv_poll_init(loop, &reactor->handle, reactor->epoll);  // 0 or -errno
  if (status != 0) {
    Discard(reactor);
    return Number(env, status);
  }
  reactor->holders = 1;
  status = uv_poll_start(&reactor->handle, UV_READABLE, Ready);
  if (status == 0) status = Errno(napi_add_finalizer(env, args.value(0), reactor, Collected, nullptr, &reactor->list));
  if (status != 0) {
    napi_delete_reference(env, reactor->callback);
    Close(reactor);
    return Number(env, status);
  }
  reactor->holders = 2;
  uv_unref(reinterpret_cast<uv_handle_t*>(&reactor->handle));
  Enter(args.environment(), reactor);
  return Number(env, reactor->id);
}

// (operation: EPOLL_CTL_, fd, events, generation, reactor): 0 or -errno.
napi_value ReactorControl(napi_env env, napi_callback_info info) {
  Args<5> args(env, info);
  const int operation = args.Int(0);
  const int fd = args.Int(1);
  const uint32_t events = args.Unsigned(2);
  const uint32_t generation = args.Unsigned(3);
  const EpollSet* set = Find(args.environment(), args.Int(4));
  if (!args.refused() && set == nullptr) args.Refuse(4, Refusal::kStorage);
  if (args.refused()) return args.Refused();
  epoll_event event = {};
  event.events = events;
  event.data.u64 = (static_cast<uint64_t>(generation) << 32) | static_cast<uint32_t>(fd);
  return Result(env, ::epoll_ctl(set->epoll, operation, fd, &event));
}

// (reactor): a new, empty set in the place of the old one, of which nobody can take out what an unknown descriptor
// holds. 0 or -errno; then the old one is as it was.
napi_value ReactorRenew(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  Reactor* reactor = Get(args.environment(), args.Int(0));
  if (!args.refused() && reactor == nullptr) args.Refuse(0, Refusal::kStorage);
  if (args.refused()) return args.Refused();
  if (reactor->reserve < 0) reactor->reserve = ::epoll_create1(EPOLL_CLOEXEC);
  if (reactor->reserve < 0) return Result(env, -1);
  uv_poll_stop(&reactor->handle);
  const int replaced = ::dup3(reactor->reserve, reactor->epoll, O_CLOEXEC) < 0 ? -errno : 0;
  if (replaced == 0) {
    // The new set has two numbers now: one is given up, and taken again for the next one.
    CloseDescriptor(&reactor->reserve);
    reactor->reserve = ::epoll_create1(EPOLL_CLOEXEC);
  }
  const int started = uv_poll_start(&reactor->handle, UV_READABLE, Ready);
  return Number(env, replaced != 0 ? replaced : started);
}

// (whether the reactor keeps the process alive, reactor): 0.
napi_value ReactorRef(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const bool alive = args.Int(0) != 0;
  Reactor* reactor = Get(args.environment(), args.Int(1));
  if (!args.refused() && reactor == nullptr) args.Refuse(1, Refusal::kStorage);
  if (args.refused()) return args.Refused();
  if (alive == reactor->alive) return Number(env, 0);
  auto* handle = reinterpret_cast<uv_handle_t*>(&reactor->handle);
  if (alive) {
    const napi_status status = Hold(reactor);
    if (status != napi_ok) return Number(env, Errno(status));
    uv_ref(handle);
  } else {
    Release(env, reactor->list);
    Release(env, reactor->callback);
    uv_unref(handle);
  }
  reactor->alive = alive;
  return Number(env, 0);
}

}  // namespace sys_socket
