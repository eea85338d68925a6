// What each function that the addon calls does when the torture makes it fail. Every function of another library that
// native/*.cc calls must be in one of these lists, so that a new call cannot be forgotten: otherwise the build fails.

const NAPI_GENERIC_FAILURE = 9;
const EINTR = 4;
const EIO = 5;
const EAGAIN = 11;
const ENOMEM = 12;
const EMFILE = 24;
const ERANGE_NEVER = ENOMEM;
const EAI_SYSTEM = -11;
const UV_ENOMEM = -12;

/** [the value that the call returns, the errno that it sets]. The call itself does not run. */
export const failures = {
  // Memory.
  malloc: [0, ENOMEM],
  calloc: [0, ENOMEM],
  realloc: [0, ENOMEM],
  strdup: [0, ENOMEM],
  mmap: [-1, ENOMEM],
  mmap64: [-1, ENOMEM],
  madvise: [-1, ENOMEM],
  mprotect: [-1, ENOMEM],

  // The set-up of the reactors.
  epoll_create1: [-1, EMFILE],
  epoll_ctl: [-1, ENOMEM],
  epoll_wait: [-1, EINTR],
  eventfd: [-1, EMFILE],
  dup3: [-1, EMFILE],
  pthread_create: [EAGAIN, 0],
  uv_poll_init: [UV_ENOMEM, 0],
  uv_poll_start: [UV_ENOMEM, 0],
  uv_poll_stop: [UV_ENOMEM, 0],

  // System calls that the addon exports as functions. Those that return -1 and nothing else are listed by `call` below.
  ...Object.fromEntries(
    (
      'socket socketpair bind listen accept4 connect shutdown getsockname getpeername read write readv writev send ' +
      'sendto sendmsg sendmmsg recv recvfrom recvmsg recvmmsg getsockopt setsockopt fcntl fcntl64 ioctl poll ppoll ' +
      'select pselect sendfile64 splice tee gethostname sethostname getifaddrs inet_pton'
    )
      .split(' ')
      .map((name) => [name, [-1, EIO]]),
  ),
  if_nametoindex: [0, EIO],
  if_indextoname: [0, EIO],
  if_nameindex: [0, ENOMEM],
  inet_ntop: [0, EIO],
  inet_aton: [0, 0],
  sigaddset: [-1, EIO],
  sigemptyset: [-1, EIO],
  getaddrinfo: [EAI_SYSTEM, ENOMEM],
  getnameinfo: [EAI_SYSTEM, ENOMEM],
  gethostbyname2_r: [ERANGE_NEVER, ENOMEM],
  gethostbyaddr_r: [ERANGE_NEVER, ENOMEM],
  getservbyname_r: [ERANGE_NEVER, ENOMEM],
  getservbyport_r: [ERANGE_NEVER, ENOMEM],
  getprotobyname_r: [ERANGE_NEVER, ENOMEM],
  getprotobynumber_r: [ERANGE_NEVER, ENOMEM],
};

/**
 * Calls that release something. They run, and then report a failure: a caller that tried again, or that skipped the
 * rest of its cleanup, would be found by the balance of what was acquired and released.
 */
export const failAfter = {
  close: [-1, EINTR],
  munmap: [-1, EIO],
  pthread_join: [EIO, 0],
  napi_async_destroy: [NAPI_GENERIC_FAILURE, 0],
  napi_close_handle_scope: [NAPI_GENERIC_FAILURE, 0],
  napi_delete_async_work: [NAPI_GENERIC_FAILURE, 0],
  napi_delete_reference: [NAPI_GENERIC_FAILURE, 0],
  napi_release_threadsafe_function: [NAPI_GENERIC_FAILURE, 0],
  napi_remove_async_cleanup_hook: [NAPI_GENERIC_FAILURE, 0],
  napi_remove_env_cleanup_hook: [NAPI_GENERIC_FAILURE, 0],
  // Both consume the deferred; when they fail in practice, the environment no longer runs JavaScript.
  napi_resolve_deferred: [NAPI_GENERIC_FAILURE, 0],
  napi_reject_deferred: [NAPI_GENERIC_FAILURE, 0],
};

/** Calls that cannot fail, and the two that end the process or report what others threw. */
export const infallible = new Set(
  (
    'sysconf free freeaddrinfo freeifaddrs if_freenameindex gai_strerror strlen memcpy memmove memset memcmp strcmp strnlen ' +
    'sigfillset sigismember __errno_location __stack_chk_fail __cxa_finalize __cxa_atexit __tls_get_addr __assert_fail ' +
    'uv_close uv_ref uv_unref napi_fatal_error napi_fatal_exception napi_throw napi_throw_error ' +
    'napi_throw_type_error napi_throw_range_error napi_module_register _GLOBAL_OFFSET_TABLE_ ' +
    'pthread_mutex_lock pthread_mutex_unlock pthread_self pthread_equal uv_translate_sys_error uv_strerror uv_err_name'
  ).split(' '),
);

/** What is left on purpose. */
export const accepted = [
  // Memory that another thread may be using stays mapped: losing it is better than unmapping it under that thread.
  { left: 'address space is lost', source: 'ring.cc' },
];

/** What a function that the addon calls does when it fails; undefined if it never fails. */
export function failureOf(name) {
  if (infallible.has(name)) return undefined;
  if (failAfter[name]) return { after: true, value: failAfter[name][0], errno: failAfter[name][1] };
  if (failures[name]) return { after: false, value: failures[name][0], errno: failures[name][1] };
  if (name.startsWith('napi_') || name.startsWith('node_api_')) {
    return { after: false, value: NAPI_GENERIC_FAILURE, errno: 0 };
  }
  throw new Error(`native/*.cc calls ${name}, which test/torture/failures.js does not list`);
}
