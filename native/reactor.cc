// Readiness for the event loop: a private epoll set that one uv_poll watches. In each turn of the loop, one epoll_wait
// fills a ready list, which JavaScript then serves. lib/loop/reactor.ts is the other half.
//
// A uv_poll per file descriptor would not work: libuv turns every POLLERR into EBADF and stops, cannot watch a file
// descriptor that another handle watches, and breaks unrelated sockets when a watched file descriptor is closed.
#include <fcntl.h>
#include <unistd.h>
#include <uv.h>

#include <algorithm>
#include <new>

#include "epoll_set.h"

// Not every runtime that loads the addon has these functions. Those that lack them use reactor_thread.cc.
#pragma weak uv_poll_init
#pragma weak uv_poll_start
#pragma weak uv_poll_stop
#pragma weak uv_close
#pragma weak uv_ref
#pragma weak uv_unref

namespace sys_socket {

namespace {

// The handle belongs to the loop and outlives the environment until it is closed, and the list exists until it is
// garbage collected. The memory is freed when both are gone.
struct Reactor : EpollSet {
  uv_poll_t handle = {};
  int reserve = -1;  // an empty set for `reactorRenew`, which must not fail for lack of file descriptors
  int holders = 0;
  bool closing = false;
  // It is weak while nobody waits, as the reference to the list is, so that a copy of the module that is no longer used
  // is garbage collected.
  napi_ref callback = nullptr;
  napi_async_context context = nullptr;
  napi_async_cleanup_hook_handle hook = nullptr;
};

void Release(Reactor* reactor) {
  if (--reactor->holders == 0) delete reactor;
}

// The number of events that JavaScript receives at a time. The code that awaits these sockets runs before the next
// events are served, while the kernel's memory for them is in the processor caches. With many sockets, this saves more
// than the additional calls cost.
constexpr size_t kSlice = 64;

// Calls JavaScript for the events of the list from `first` to `last`. What it throws only reaches uncaughtException.
// Returns whether the next events may be served.
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
  return Continues(env, status) && !reactor->closing;
}

// Calls JavaScript for all events of the list.
void ServeAll(const Reactor* reactor, size_t count) {
  for (size_t first = 0; first < count; first += kSlice) {
    if (!Serve(reactor, count, first, std::min(first + kSlice, count))) return;
  }
}

// Called when the epoll set is readable, or when uv_poll reports that it is broken, which the next epoll_wait then
// shows.
void Ready(uv_poll_t* handle, int, int) {
  auto* reactor = static_cast<Reactor*>(handle->data);
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(reactor->env, &scope) != napi_ok) return;
  const napi_env env = reactor->env;
  ReadyList list;
  if (!GetList(*reactor, &list)) {
    // The events are reported again in the next turn.
  } else if (list.capacity == 0) {
    uv_poll_stop(handle);  // events cannot be delivered any more
  } else {
    epoll_event events[MAX_READY];
    const int count = ::epoll_wait(reactor->epoll, events, static_cast<int>(list.capacity), 0);
    for (int i = 0; i < count; ++i) list.events[i] = ToReady(events[i]);
    if (count > 0) ServeAll(reactor, static_cast<size_t>(count));
  }
  napi_close_handle_scope(env, scope);
}

// Called when the handle is closed. Only then may its file descriptors be closed and the environment end.
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
  Leave(reactor);
  napi_async_destroy(reactor->env, reactor->context);
  uv_poll_stop(&reactor->handle);
  uv_close(reinterpret_cast<uv_handle_t*>(&reactor->handle), Closed);
}

// Called when the environment ends.
void Cleanup(napi_async_cleanup_hook_handle, void* data) { Close(static_cast<Reactor*>(data)); }

// Called when the list was garbage collected, and with it the copy of the module that owned it, or when the environment
// has ended.
void Collected(napi_env env, void* data, void*) {
  auto* reactor = static_cast<Reactor*>(data);
  if (!reactor->closing) {
    napi_delete_reference(env, reactor->callback);
    napi_delete_reference(env, reactor->list);
    Close(reactor);
  }
  Release(reactor);
}

// Frees a reactor that did not start. The loop does not refer to it yet.
void Discard(Reactor* reactor) {
  const napi_env env = reactor->env;
  if (reactor->hook != nullptr) napi_remove_async_cleanup_hook(reactor->hook);
  if (reactor->callback != nullptr) napi_delete_reference(env, reactor->callback);
  if (reactor->context != nullptr) napi_async_destroy(env, reactor->context);
  CloseDescriptor(&reactor->epoll);
  CloseDescriptor(&reactor->reserve);
  delete reactor;
}

int Prepare(Reactor* reactor, napi_value callback) {
  const napi_env env = reactor->env;
  reactor->epoll = ::epoll_create1(EPOLL_CLOEXEC);
  if (reactor->epoll < 0) return -errno;
  reactor->reserve = ::epoll_create1(EPOLL_CLOEXEC);  // if this fails, `reactorRenew` tries to create one
  napi_value name = nullptr;
  napi_status status = napi_create_string_latin1(env, "sys-socket", NAPI_AUTO_LENGTH, &name);
  if (status == napi_ok) status = napi_async_init(env, nullptr, name, &reactor->context);
  if (status == napi_ok) status = napi_create_reference(env, callback, 0, &reactor->callback);
  if (status == napi_ok) status = napi_add_async_cleanup_hook(env, Cleanup, reactor, &reactor->hook);
  return Errno(status);
}

// Makes a reference weak. If that fails, its copy of the module stays in memory, which has no other effect.
void Weaken(napi_env env, napi_ref reference) {
  uint32_t count = 0;
  napi_reference_unref(env, reference, &count);
}

// Makes both references strong, or neither.
napi_status Hold(const Reactor* reactor) {
  uint32_t count = 0;
  napi_status status = napi_reference_ref(reactor->env, reactor->list, &count);
  if (status != napi_ok) return status;
  status = napi_reference_ref(reactor->env, reactor->callback, &count);
  if (status != napi_ok) Weaken(reactor->env, reactor->list);
  return status;
}

napi_status KeepAlive(EpollSet* set, bool alive) {
  auto* reactor = static_cast<Reactor*>(set);
  auto* handle = reinterpret_cast<uv_handle_t*>(&reactor->handle);
  if (alive) {
    const napi_status status = Hold(reactor);
    if (status == napi_ok) uv_ref(handle);
    return status;
  }
  Weaken(reactor->env, reactor->list);
  Weaken(reactor->env, reactor->callback);
  uv_unref(handle);
  return napi_ok;
}

int Renew(EpollSet* set) {
  auto* reactor = static_cast<Reactor*>(set);
  if (reactor->reserve < 0) reactor->reserve = ::epoll_create1(EPOLL_CLOEXEC);
  if (reactor->reserve < 0) return -errno;
  uv_poll_stop(&reactor->handle);
  const int replaced = ::dup3(reactor->reserve, reactor->epoll, O_CLOEXEC) < 0 ? -errno : 0;
  if (replaced == 0) {
    // The new set has two file descriptors now. One is closed, to be available for the next set.
    CloseDescriptor(&reactor->reserve);
    reactor->reserve = ::epoll_create1(EPOLL_CLOEXEC);
  }
  const int started = uv_poll_start(&reactor->handle, UV_READABLE, Ready);
  return replaced != 0 ? replaced : started;
}

}  // namespace

// (the ready list: an Int32Array, callback(count, first, last)): returns the number of the reactor, or -errno.
napi_value ReactorStart(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  CheckList(&args, 0);
  if (args.refused()) return args.Refused();
  auto* reactor = new (std::nothrow) Reactor;
  if (reactor == nullptr) return Number(env, -ENOMEM);
  reactor->env = env;
  reactor->environment = args.environment();
  reactor->keep_alive = KeepAlive;
  reactor->renew = Renew;
  reactor->handle.data = reactor;
  int status = Prepare(reactor, args.value(1));
  uv_loop_t* loop = nullptr;
  if (status == 0) status = Errno(napi_get_uv_event_loop(env, &loop));
  if (status == 0) status = uv_poll_init(loop, &reactor->handle, reactor->epoll);  // returns 0 or -errno
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
  Enter(reactor);
  return Number(env, reactor->id);
}

}  // namespace sys_socket
