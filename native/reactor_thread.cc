// The reactor where uv_poll does not work (Bun, Deno): a thread waits for the epoll set, fills the ready list, and
// wakes JavaScript by a thread-safe function. It waits on until JavaScript has served the list, so that neither the
// list is overwritten nor a ready descriptor floods the queue. reactor.cc is the other one, which is faster.
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <initializer_list>
#include <new>

#include "allocated.h"
#include "args.h"

// The versions of glibc 2.34 on are the same functions: without these lines the addon would not load on older ones.
#if defined(__GLIBC__) && defined(__x86_64__)
__asm__(".symver pthread_create,pthread_create@GLIBC_2.2.5");
__asm__(".symver pthread_join,pthread_join@GLIBC_2.2.5");
#elif defined(__GLIBC__) && defined(__aarch64__)
__asm__(".symver pthread_create,pthread_create@GLIBC_2.17");
__asm__(".symver pthread_join,pthread_join@GLIBC_2.17");
#endif

namespace sys_socket {

struct ReactorThread : Allocated {
  napi_env env = nullptr;
  pthread_t thread = {};
  std::atomic<bool> ending = false;
  int epoll = -1;
  int served = -1;  // an eventfd: JavaScript has served the list, or the end has come
  int wake = -1;    // an eventfd in the epoll set: the end has come
  int32_t* list = nullptr;
  size_t capacity = 0;
  std::atomic<size_t> count = 0;
  napi_ref list_ref = nullptr;
  napi_threadsafe_function function = nullptr;
};

namespace {

constexpr size_t kFields = 3;
constexpr size_t kMostEvents = 1024;
constexpr uint64_t kWake = UINT64_MAX;

void Signal(int eventfd) {
  const uint64_t one = 1;
  (void)!::write(eventfd, &one, sizeof(one));
}

void AwaitSignal(int eventfd) {
  uint64_t value = 0;
  while (::read(eventfd, &value, sizeof(value)) < 0 && errno == EINTR) {
  }
}

void* Run(void* data) {
  auto* reactor = static_cast<ReactorThread*>(data);
  epoll_event events[kMostEvents];
  while (!reactor->ending) {
    const int ready = ::epoll_wait(reactor->epoll, events, static_cast<int>(reactor->capacity), -1);
    size_t count = 0;
    for (int i = 0; i < ready; ++i) {
      if (events[i].data.u64 == kWake) continue;
      int32_t* to = reactor->list + (count++ * kFields);
      to[0] = static_cast<int32_t>(events[i].data.u64 & UINT32_MAX);
      to[1] = static_cast<int32_t>(events[i].data.u64 >> 32);
      to[2] = static_cast<int32_t>(events[i].events);
    }
    if (reactor->ending || count == 0) continue;
    reactor->count = count;
    if (napi_call_threadsafe_function(reactor->function, nullptr, napi_tsfn_blocking) != napi_ok) break;
    AwaitSignal(reactor->served);
  }
  napi_release_threadsafe_function(reactor->function, napi_tsfn_release);
  return nullptr;
}

// In the thread of JavaScript.
void Serve(napi_env env, napi_value callback, void* context, void*) {
  auto* reactor = static_cast<ReactorThread*>(context);
  napi_value undefined = nullptr;
  if (env != nullptr && !reactor->ending && napi_get_undefined(env, &undefined) == napi_ok) {
    napi_value argument = Number(env, static_cast<int64_t>(reactor->count.load()));
    napi_value result = nullptr;
    if (napi_call_function(env, undefined, callback, 1, &argument, &result) == napi_pending_exception) {
      napi_value error = nullptr;
      if (napi_get_and_clear_last_exception(env, &error) == napi_ok) napi_fatal_exception(env, error);
    }
  }
  Signal(reactor->served);
}

void Cleanup(void* data) {
  auto* reactor = static_cast<ReactorThread*>(data);
  reactor->ending = true;
  Signal(reactor->wake);
  Signal(reactor->served);
  pthread_join(reactor->thread, nullptr);
  for (const int fd : {reactor->epoll, reactor->served, reactor->wake}) ::close(fd);
}

void Finalize(napi_env, void* data, void*) { delete static_cast<ReactorThread*>(data); }

}  // namespace

// (the ready list: an Int32Array, callback(count)): 0 or -errno. Once in an environment.
napi_value ReactorThreadStart(napi_env env, napi_callback_info info) {
  Args<2> args(env, info);
  const Bytes list = args.GetShared(0);
  Environment* environment = args.environment();
  if (!args.refused() && (list.size < kFields * sizeof(int32_t) || environment->epoll != -1)) {
    args.Refuse(0, Refusal::kStorage);
  }
  if (args.refused()) return args.Refused();
  auto* reactor = new (std::nothrow) ReactorThread;
  if (reactor == nullptr) return Number(env, -ENOMEM);
  reactor->env = env;
  reactor->list = reinterpret_cast<int32_t*>(list.data);
  const size_t places = list.size / (kFields * sizeof(int32_t));
  reactor->capacity = places < kMostEvents ? places : kMostEvents;
  reactor->epoll = ::epoll_create1(EPOLL_CLOEXEC);
  reactor->served = ::eventfd(0, EFD_CLOEXEC);
  reactor->wake = ::eventfd(0, EFD_CLOEXEC);
  epoll_event event = {};
  event.events = EPOLLIN;
  event.data.u64 = kWake;
  napi_value name = nullptr;
  if (::epoll_ctl(reactor->epoll, EPOLL_CTL_ADD, reactor->wake, &event) < 0 ||
      napi_create_string_latin1(env, "sys-socket", NAPI_AUTO_LENGTH, &name) != napi_ok ||
      napi_create_reference(env, args.value(0), 1, &reactor->list_ref) != napi_ok ||
      napi_create_threadsafe_function(env, args.value(1), nullptr, name, 1, 1, reactor, Finalize, reactor, Serve,
                                      &reactor->function) != napi_ok) {
    for (const int fd : {reactor->epoll, reactor->served, reactor->wake}) {
      if (fd >= 0) ::close(fd);
    }
    delete reactor;
    return Number(env, -EMFILE);
  }
  napi_unref_threadsafe_function(env, reactor->function);
  const int refused = pthread_create(&reactor->thread, nullptr, Run, reactor);
  if (refused != 0) {
    for (const int fd : {reactor->epoll, reactor->served, reactor->wake}) ::close(fd);
    napi_release_threadsafe_function(reactor->function, napi_tsfn_release);  // Finalize deletes the reactor
    return Number(env, -refused);
  }
  napi_add_env_cleanup_hook(env, Cleanup, reactor);
  environment->epoll = reactor->epoll;
  environment->thread = reactor;
  return Number(env, 0);
}

// (whether the reactor keeps the process alive)
napi_value ReactorThreadRef(napi_env env, napi_callback_info info) {
  Args<1> args(env, info);
  const int alive = args.Int(0);
  const ReactorThread* reactor = args.environment()->thread;
  if (args.refused() || reactor == nullptr) return args.Refused();
  if (alive != 0) {
    napi_ref_threadsafe_function(env, reactor->function);
  } else {
    napi_unref_threadsafe_function(env, reactor->function);
  }
  return nullptr;
}

}  // namespace sys_socket
