// The reactor for runtimes in which uv_poll does not work (Bun, Deno). A thread waits for the epoll set, fills the
// ready list, and wakes JavaScript with a thread-safe function. It then waits until JavaScript has served the list, so
// that the list is not overwritten and a ready file descriptor does not flood the queue. The reactor in reactor.cc is
// faster.
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <new>

#include "epoll_set.h"

// glibc 2.34 and later have new versions of these functions that do not differ. Without these lines, the addon would
// not load with older versions.
#if defined(__GLIBC__) && defined(__x86_64__)
__asm__(".symver pthread_create,pthread_create@GLIBC_2.2.5");
__asm__(".symver pthread_join,pthread_join@GLIBC_2.2.5");
#elif defined(__GLIBC__) && defined(__aarch64__)
__asm__(".symver pthread_create,pthread_create@GLIBC_2.17");
__asm__(".symver pthread_join,pthread_join@GLIBC_2.17");
#endif

namespace sys_socket {

namespace {

struct ReactorThread : EpollSet {
  pthread_t thread = {};
  std::atomic<bool> ending = false;
  int served = -1;  // an eventfd: JavaScript has served the list, or the reactor ends
  int wake = -1;    // an eventfd in the epoll set: the reactor ends
  // The ready events. The thread writes them, and then they belong to JavaScript until it has served all of them.
  epoll_event events[MAX_READY] = {};
  std::atomic<int> count = 0;
  std::atomic<bool> unserved = false;
  napi_threadsafe_function function = nullptr;
};

constexpr uint64_t kWake = UINT64_MAX;

// Must not fail, because the other side would wait forever.
void Signal(int eventfd) {
  const uint64_t one = 1;
  while (::write(eventfd, &one, sizeof(one)) < 0 && errno != EBADF) {
  }
}

void AwaitSignal(int eventfd) {
  uint64_t value = 0;
  while (::read(eventfd, &value, sizeof(value)) < 0 && errno == EINTR) {
  }
}

// Waits before a failed call is repeated.
void Pause() { ::poll(nullptr, 0, 1); }

void* Run(void* data) {
  auto* reactor = static_cast<ReactorThread*>(data);
  while (!reactor->ending) {
    const int ready = ::epoll_wait(reactor->epoll, reactor->events, MAX_READY, -1);
    if (reactor->ending || ready <= 0) continue;
    reactor->count = ready;
    reactor->unserved = true;
    // EPOLLONESHOT reports each event only once, so none may be lost when there is no memory.
    while (reactor->unserved && !reactor->ending) {
      const napi_status status = napi_call_threadsafe_function(reactor->function, nullptr, napi_tsfn_blocking);
      if (status == napi_ok) AwaitSignal(reactor->served);
      if (status == napi_closing) reactor->ending = true;
      if (reactor->unserved && !reactor->ending) Pause();
    }
  }
  napi_release_threadsafe_function(reactor->function, napi_tsfn_release);
  return nullptr;
}

// Calls JavaScript with as many events as the list can contain; the rest is reported again. Returns whether it was
// called, or there was nothing to call it for.
bool ServeList(napi_env env, napi_value callback, const ReactorThread* reactor) {
  napi_value undefined = nullptr;
  ReadyList list;
  if (!GetList(*reactor, &list) || napi_get_undefined(env, &undefined) != napi_ok) return false;
  size_t count = 0;
  const int ready = reactor->count;
  for (int i = 0; i < ready && count < list.capacity; ++i) {
    const epoll_event& event = reactor->events[i];
    if (event.data.u64 != kWake) list.events[count++] = ToReady(event);
  }
  if (count == 0) return true;
  napi_value argument = Number(env, static_cast<int64_t>(count));
  napi_value result = nullptr;
  const napi_status status = napi_call_function(env, undefined, callback, 1, &argument, &result);
  return Continues(env, status) || status == napi_pending_exception;
}

// Runs in the thread of JavaScript.
void Serve(napi_env env, napi_value callback, void* context, void*) {
  auto* reactor = static_cast<ReactorThread*>(context);
  reactor->unserved = env != nullptr && !reactor->ending && !ServeList(env, callback, reactor);
  Signal(reactor->served);
}

void CloseAll(ReactorThread* reactor) {
  CloseDescriptor(&reactor->epoll);
  CloseDescriptor(&reactor->served);
  CloseDescriptor(&reactor->wake);
}

void Cleanup(void* data) {
  auto* reactor = static_cast<ReactorThread*>(data);
  reactor->ending = true;
  Signal(reactor->wake);
  Signal(reactor->served);
  pthread_join(reactor->thread, nullptr);
  CloseAll(reactor);
}

void Finalize(napi_env, void* data, void*) { delete static_cast<ReactorThread*>(data); }

int Open(ReactorThread* reactor) {
  reactor->epoll = ::epoll_create1(EPOLL_CLOEXEC);
  if (reactor->epoll < 0) return -errno;
  reactor->served = ::eventfd(0, EFD_CLOEXEC);
  if (reactor->served < 0) return -errno;
  reactor->wake = ::eventfd(0, EFD_CLOEXEC);
  if (reactor->wake < 0) return -errno;
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = kWake;
  return ::epoll_ctl(reactor->epoll, EPOLL_CTL_ADD, reactor->wake, &event) < 0 ? -errno : 0;
}

napi_status KeepAlive(EpollSet* set, bool alive) {
  const auto* reactor = static_cast<ReactorThread*>(set);
  return alive ? napi_ref_threadsafe_function(reactor->env, reactor->function)
               : napi_unref_threadsafe_function(reactor->env, reactor->function);
}

}  // namespace

// (the ready list: an Int32Array, callback(count)): returns the number of the reactor, or -errno.
napi_value ReactorThreadStart(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  CheckList(&args, 0);
  if (args.refused()) return args.Refused();
  auto* reactor = new (std::nothrow) ReactorThread;
  if (reactor == nullptr) return Number(env, -ENOMEM);
  reactor->env = env;
  reactor->environment = args.environment();
  reactor->keep_alive = KeepAlive;
  int status = Open(reactor);
  napi_value name = nullptr;
  if (status == 0 && (napi_create_string_latin1(env, "sys-socket", NAPI_AUTO_LENGTH, &name) != napi_ok ||
                      napi_create_reference(env, args.value(0), 1, &reactor->list) != napi_ok ||
                      napi_create_threadsafe_function(env, args.value(1), nullptr, name, 1, 1, reactor, Finalize,
                                                      reactor, Serve, &reactor->function) != napi_ok)) {
    status = -ENOMEM;
  }
  if (status != 0) {
    if (reactor->list != nullptr) napi_delete_reference(env, reactor->list);
    CloseAll(reactor);
    delete reactor;
    return Number(env, status);
  }
  status = -pthread_create(&reactor->thread, nullptr, Run, reactor);
  if (status == 0 && napi_add_env_cleanup_hook(env, Cleanup, reactor) != napi_ok) {
    status = -ENOMEM;
    Cleanup(reactor);  // the thread releases the function, and Finalize deletes the reactor
  } else if (status != 0) {
    CloseAll(reactor);
    napi_release_threadsafe_function(reactor->function, napi_tsfn_release);  // Finalize deletes the reactor
  } else {
    napi_unref_threadsafe_function(env, reactor->function);
    Enter(reactor);
    status = reactor->id;
  }
  return Number(env, status);
}

}  // namespace sys_socket
