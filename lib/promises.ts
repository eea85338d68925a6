/**
 * `sys-socket/promises`: the look-ups that may wait for the network. They run on the thread pool of libuv and do not
 * block the calling thread. Each accepts an AbortSignal, which rejects its promise immediately. A look-up that has not
 * started by then never starts; one that is running cannot be interrupted, and its result is dropped.
 *
 * Each JavaScript thread runs at most half as many look-ups at a time as the thread pool has threads
 * (UV_THREADPOOL_SIZE, 4 by default), so that file system and cryptography operations can proceed while a name server
 * does not answer. Further look-ups wait.
 *
 * @module sys-socket/promises
 */

export {
  getaddrinfo,
  getfqdn,
  gethostbyaddr,
  gethostbyname,
  gethostbyname_ex,
  getnameinfo,
  type LookupOptions,
} from './loop/lookup.ts';
export { AddressInfoError, HostError } from './posix/lookup-error.ts';
