// Readiness for the event loop: a private epoll set, watched by one uv_poll. Per turn of the loop one epoll_wait fills
// a ready list in shared memory, and one JavaScript callback serves all of it. lib/socket/reactor.ts is the other half.
//
// Not a uv_poll per descriptor: libuv makes EBADF of every POLLERR and stops, cannot watch a descriptor that another
// handle watches, and breaks unrelated sockets when a descriptor is closed under it.
#include <fcntl.h>
#include <sys/epoll.h>
#include <unistd.h>
#include <uv.h>

#include <new>

#include "allocated.h"
#include "args.h"

// Not every runtime that loads the addon has these: there, reactor_thread.cc serves.
#pragma weak uv_poll_init
#pragma weak uv_poll_start
#pragma weak uv_poll_stop
#pragma weak uv_close
#pragma weak uv_ref
#pragma weak uv_unref

namespace sys_socket {

// The handle belongs to the loop and outlives the environment until it is closed, so that it has its own memory.
struct Reactor : Allocated {
  napi_env env = nullptr;
  uv_poll_t handle = {};
  int epoll = -1;
  // The ready list: three numbers for each event, descriptor, generation and events.
  int32_t* list = nullptr;
  size_t capacity = 0;
  napi_ref list_ref = nullptr;
  napi_ref callback = nullptr;
  napi_async_context context = nullptr;
  napi_async_cleanup_hook_handle hook = nullptr;
};

namespace {

constexpr size_t kFields = 3;
constexpr size_t kMostEvents = 1024;

// One call into JavaScript for all events. What it throws reaches uncaughtException, and nothing else.
void Serve(Reactor* reactor, size_t count) {
  const napi_env env = reactor->env;
  napi_handle_scope scope = nullptr;
  if (napi_open_handle_scope(env, &scope) != napi_ok) return;
  napi_value callback = nullptr;
  napi_value global = nullptr;
  if (napi_get_reference_value(env, reactor->callback, &callback) == napi_ok &&
      napi_get_global(env, &global) == napi_ok) {
    napi_value argument = Number(env, static_cast<int64_t>(count));
    napi_value result = nullptr;
    const napi_status status = napi_make_callback(env, reactor->context, global, callback, 1, &argument, &result);
    if (status == napi_pending_exception) {
      napi_value error = nullptr;
      if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
    }
  }
  napi_close_handle_scope(env, scope);
}

// The epoll set is readable, or uv_poll says that it is broken, which the next epoll_wait shows.
void Ready(uv_poll_t* handle, int, int) {
  auto* reactor = static_cast<Reactor*>(handle->data);
  epoll_event events[kMostEvents];
  const size_t most = reactor->capacity < kMostEvents ? reactor->capacity : kMostEvents;
  const int count = ::epoll_wait(reactor->epoll, events, static_cast<int>(most), 0);
  if (count <= 0) return;
  int32_t* to = reactor->list;
  for (int i = 0; i < count; ++i) {
    *to++ = static_cast<int32_t>(events[i].data.u64 & UINT32_MAX);
    *to++ = static_cast<int32_t>(events[i].data.u64 >> 32);
    *to++ = static_cast<int32_t>(events[i].events);
  }
  Serve(reactor, static_cast<size_t>(count));
}

// The environment ends: the handle is closed, and only then is its memory given back.
void Cleanup(napi_async_cleanup_hook_handle, void* data) {
  auto* reactor = static_cast<Reactor*>(data);
  napi_async_destroy(reactor->env, reactor->context);
  uv_poll_stop(&reactor->handle);
  uv_close(reinterpret_cast<uv_handle_t*>(&reactor->handle), [](uv_handle_t* handle) {
    auto* closed = static_cast<Reactor*>(handle->data);
    ::close(closed->epoll);
    napi_remove_async_cleanup_hook(closed->hook);
    delete closed;
  });
}

Reactor* Get(Environment* environment) { return environment->reactor; }

}  // namespace

// (the ready list: an Int32Array, callback(count)): 0 or -errno. Once in an environment.
napi_value ReactorStart(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const Bytes list = args.GetShared(0);
  if (!args.refused() && (list.size < kFields * sizeof(int32_t) || Get(args.environment()) != nullptr)) {
    args.Refuse(0, Refusal::kStorage);
  }
  if (args.refused()) return args.Refused();
  auto* reactor = new (std::nothrow) Reactor;
  if (reactor == nullptr) return Number(env, -ENOMEM);
  reactor->env = env;
  reactor->list = reinterpret_cast<int32_t*>(list.data);
  reactor->capacity = list.size / (kFields * sizeof(int32_t));
  reactor->epoll = ::epoll_create1(EPOLL_CLOEXEC);
  if (reactor->epoll < 0) {
    napi_value result = Result(env, -1);
    delete reactor;
    return result;
  }
  uv_loop_t* loop = nullptr;
  napi_value name = nullptr;
  if (napi_get_uv_event_loop(env, &loop) != napi_ok ||
      napi_create_string_latin1(env, "sys-socket", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_async_init(env, nullptr, name, &reactor->context) != napi_ok ||
      napi_create_reference(env, args.value(0), 1, &reactor->list_ref) != napi_ok ||
      napi_create_reference(env, args.value(1), 1, &reactor->callback) != napi_ok ||
      uv_poll_init(loop, &reactor->handle, reactor->epoll) != 0) {
    ::close(reactor->epoll);
    delete reactor;
    return Number(env, -ENOMEM);
  }
  reactor->handle.data = reactor;
  uv_poll_start(&reactor->handle, UV_READABLE, Ready);
  uv_unref(reinterpret_cast<uv_handle_t*>(&reactor->handle));
  napi_add_async_cleanup_hook(env, Cleanup, reactor, &reactor->hook);
  args.environment()->reactor = reactor;
  args.environment()->epoll = reactor->epoll;
  return Number(env, 0);
}

// (operation: EPOLL_CTL_, fd, events, generation): 0 or -errno.
napi_value ReactorControl(napi_env env, napi_callback_info info) {
  Args<4> args(env, info);
  const int operation = args.Int(0);
  const int fd = args.Int(1);
  const uint32_t events = args.Unsigned(2);
  const uint32_t generation = args.Unsigned(3);
  const int epoll = args.environment()->epoll;
  if (!args.refused() && epoll == -1) args.Refuse(0, Refusal::kStorage);
  if (args.refused()) return args.Refused();
  epoll_event event = {};
  event.events = events;
  event.data.u64 = (static_cast<uint64_t>(generation) << 32) | static_cast<uint32_t>(fd);
  return Result(env, ::epoll_ctl(epoll, operation, fd, &event));
}

// A new, empty set in the place of the old one, of which nobody can take out what an unknown descriptor holds.
napi_value ReactorRenew(napi_env env, napi_callback_info info) {
  const Args<1> args(env, info);
  Reactor* reactor = Get(args.environment());
  if (reactor == nullptr) return Number(env, 0);
  const int fresh = ::epoll_create1(EPOLL_CLOEXEC);
  if (fresh < 0) return Result(env, fresh);
  uv_poll_stop(&reactor->handle);
  const int result = ::dup3(fresh, reactor->epoll, O_CLOEXEC);
  napi_value value = Result(env, result < 0 ? result : 0);
  ::close(fresh);
  uv_poll_start(&reactor->handle, UV_READABLE, Ready);
  return value;
}

// (whether the reactor keeps the process alive)
napi_value ReactorRef(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const int alive = args.Int(0);
  Reactor* reactor = Get(args.environment());
  if (args.refused() || reactor == nullptr) return args.Refused();
  auto* handle = reinterpret_cast<uv_handle_t*>(&reactor->handle);
  if (alive != 0) {
    uv_ref(handle);
  } else {
    uv_unref(handle);
  }
  return nullptr;
}

}  // namespace sys_socket
