// The reactor where uv_poll does not work (Bun, Deno): a thread waits for the epoll set, fills the ready list, and
// wakes JavaScript by a thread-safe function. It waits on until JavaScript has served the list, so that neither the
// list is overwritten nor a ready descriptor floods the queue. reactor.cc is the other one, which is faster.
#include <poll.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <initializer_list>
#include <new>

#include "reactor.h"

// The versions of glibc 2.34 on are the same functions: without these lines the addon would not load on older ones.
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
  napi_env env = nullptr;
  pthread_t thread = {};
  std::atomic<bool> ending = false;
  int served = -1;  // an eventfd: JavaScript has served the list, or the end has come
  int wake = -1;    // an eventfd in the epoll set: the end has come
  // What is ready: the thread writes it, and then JavaScript has it until it has served all.
  epoll_event events[kMostEvents] = {};
  std::atomic<int> count = 0;
  std::atomic<bool> unserved = false;
  napi_ref list = nullptr;
  napi_threadsafe_function function = nullptr;
};

constexpr uint64_t kWake = UINT64_MAX;

// It must arrive: without it the other side waits for ever.
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

// Before something that failed is tried again.
void Pause() { ::poll(nullptr, 0, 1); }

void* Run(void* data) {
  auto* reactor = static_cast<ReactorThread*>(data);
  while (!reactor->ending) {
    const int ready = ::epoll_wait(reactor->epoll, reactor->events, static_cast<int>(kMostEvents), -1);
    if (reactor->ending || ready <= 0) continue;
    reactor->count = ready;
    reactor->unserved = true;
    // EPOLLONESHOT tells each event once, so that none may be lost for a lack of memory.
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

// Calls JavaScript with as many events as the list has room for. What is left is told again. Whether it was called, or
// there is nothing to call it for.
bool ServeList(napi_env env, napi_value callback, const ReactorThread* reactor) {
  napi_value undefined = nullptr;
  int32_t* to = nullptr;
  size_t most = 0;
  if (!Places(env, reactor->list, &to, &most) || napi_get_undefined(env, &undefined) != napi_ok) return false;
  size_t count = 0;
  const int ready = reactor->count;
  for (int i = 0; i < ready && count < most; ++i) {
    const epoll_event& event = reactor->events[i];
    if (event.data.u64 == kWake) continue;
    *to++ = static_cast<int32_t>(event.data.u64 & UINT32_MAX);
    *to++ = static_cast<int32_t>(event.data.u64 >> 32);
    *to++ = static_cast<int32_t>(event.events);
    ++count;
  }
  if (count == 0) return true;
  napi_value argument = Number(env, static_cast<int64_t>(count));
  napi_value result = nullptr;
  const napi_status status = napi_call_function(env, undefined, callback, 1, &argument, &result);
  if (status == napi_pending_exception) {
    napi_value error = nullptr;
    if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
  }
  return status == napi_ok || status == napi_pending_exception;
}

// In the thread of JavaScript.
void Serve(napi_env env, napi_value callback, void* context, void*) {
  auto* reactor = static_cast<ReactorThread*>(context);
  reactor->unserved = env != nullptr && !reactor->ending && !ServeList(env, callback, reactor);
  Signal(reactor->served);
}

void CloseAll(const ReactorThread* reactor) {
  for (const int fd : {reactor->epoll, reactor->served, reactor->wake}) {
    if (fd >= 0) ::close(fd);
  }
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

ReactorThread* Get(const Environment* environment, int id) {
  EpollSet* set = Find(environment, id);
  return set == nullptr || !set->threaded ? nullptr : static_cast<ReactorThread*>(set);
}

}  // namespace

// (the ready list: an Int32Array, callback(count)): the number of the reactor, or -errno.
napi_value ReactorThreadStart(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const Bytes list = args.GetShared(0);
  if (!args.refused() && list.size < kFields * sizeof(int32_t)) args.Refuse(0, Refusal::kStorage);
  if (args.refused()) return args.Refused();
  auto* reactor = new (std::nothrow) ReactorThread;
  if (reactor == nullptr) return Number(env, -ENOMEM);
  reactor->threaded = true;
  reactor->env = env;
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
    Enter(args.environment(), reactor);
    status = reactor->id;
  }
  return Number(env, status);
}

// (whether the reactor keeps the process alive, reactor): 0.
napi_value ReactorThreadRef(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const int alive = args.Int(0);
  const ReactorThread* reactor = Get(args.environment(), args.Int(1));
  if (!args.refused() && reactor == nullptr) args.Refuse(1, Refusal::kStorage);
  if (args.refused()) return args.Refused();
  const napi_status status = alive != 0 ? napi_ref_threadsafe_function(env, reactor->function)
                                        : napi_unref_threadsafe_function(env, reactor->function);
  return Number(env, status == napi_ok ? 0 : -ENOMEM);
}

}  // namespace sys_socket
