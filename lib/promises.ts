/**
 * `sys-socket/promises`: the look-ups that may wait on the network, on the thread pool of libuv instead of this thread.
 * Each takes an AbortSignal, which rejects its promise at once. A look-up that has not begun by then never does; nothing
 * can interrupt one that runs, and its result is dropped.
 *
 * Each thread of JavaScript runs at most as many look-ups at once as half of the thread pool has threads (UV_THREADPOOL_SIZE,
 * 4 by default), so that files and cryptography go on while a name server does not answer. Further ones wait their turn.
 *
 * @module sys-socket/promises
 */
import process from 'node:process';
import { encodeAddress } from './posix/address.ts';
import type { AddressLike } from './posix/address-type.ts';
import { GETHOST } from './posix/calls.ts';
import { AF_INET } from './posix/constants.ts';
import { text } from './posix/errno.ts';
import { type Names, namesOf, onlyKnown } from './posix/known-names.ts';
import { native } from './posix/native.ts';
import {
  type AddressInfo,
  type AddressInfoHints,
  addressInfoArguments,
  chooseFullName,
  FULL_NAME_HINTS,
  gethostname,
  type HostEntry,
  hostAddress,
  isLookupError,
  type NameInfo,
  type Outcome,
  readAddressInfo,
  readHost,
  readNameInfo,
} from './posix/netdb.ts';
import { object, own } from './posix/snapshot.ts';
import { listen, unlisten } from './socket/abort.ts';
import { AbortError } from './socket/errors.ts';
import { optionalSignal } from './socket/options.ts';

/**
 * How a look-up can be given up.
 *
 * @see https://nodejs.org/api/globals.html#class-abortsignal
 */
export interface LookupOptions {
  /** Rejects the promise with an AbortError. */
  signal?: AbortSignal | undefined;
}

const OPTIONS = namesOf<LookupOptions>({ signal: true });
const HINTS = namesOf<AddressInfoHints & LookupOptions>({
  flags: true,
  family: true,
  socktype: true,
  protocol: true,
  signal: true,
});

let most = 0;

/**
 * How many look-ups run at once in this thread: as many as half of the thread pool, so that files and cryptography have
 * the other half while a name server does not answer. The size is what libuv takes it for.
 */
function mostAtOnce(): number {
  if (most === 0) {
    const size = Number.parseInt(process.env.UV_THREADPOOL_SIZE ?? '4', 10) || 1;
    most = size < 0 ? 512 : Math.max(1, Math.min(512, size >> 1));
  }
  return most;
}

type Start = (most: number, done: (outcome: Outcome) => void) => number;

/** Starts a look-up and waits for it, or for the signal. */
async function later(syscall: string, start: Start, options: LookupOptions, names: Names = OPTIONS): Promise<Outcome> {
  const signal = optionalSignal(own(onlyKnown(object(options, 'options'), names, 'options'), 'signal'));
  if (signal?.aborted) throw new AbortError(signal, syscall);
  return new Promise((resolve, reject) => {
    const id = start(mostAtOnce(), (outcome) => {
      if (signal !== undefined) unlisten(signal, member);
      resolve(outcome);
    });
    const member = {
      abort: () => {
        reject(new AbortError(signal!, syscall));
        native.lookupCancel(id);
      },
    };
    if (id < 0) resolve(id);
    else if (signal !== undefined) listen(signal, member);
  });
}

/**
 * The addresses of a host and a service: getaddrinfo(3), as a promise. As `getaddrinfo` of sys-socket.
 *
 * @param node A name or an address text; null is the own host.
 * @param service A service name, or a port as number or text; null is none.
 * @param hints What to look for, and perhaps an AbortSignal.
 * @returns The entries, as `getaddrinfo` of sys-socket.
 * @throws AddressInfoError; AbortError.
 * @example
 * const [{ address }] = await getaddrinfo('127.0.0.1', 80, { signal: AbortSignal.timeout(1000) });
 * console.log(address.port); // 80
 * @see https://man7.org/linux/man-pages/man3/getaddrinfo.3.html
 */
export async function getaddrinfo(
  node: string | null,
  service: string | number | null = null,
  hints: AddressInfoHints & LookupOptions = {},
): Promise<AddressInfo[]> {
  const call = addressInfoArguments(node, service, hints, HINTS);
  const outcome = await later('getaddrinfo', (...rest) => native.getaddrinfoLater(...call, ...rest), hints, HINTS);
  return readAddressInfo(outcome, node, service);
}

/**
 * The names of an address and its port: getnameinfo(3), as a promise. As `getnameinfo` of sys-socket.
 *
 * @param address A socket address.
 * @param flags NI_ flags.
 * @param options Perhaps an AbortSignal.
 * @returns The name of the host and of the service.
 * @throws AddressInfoError; AbortError.
 * @example
 * const address = { family: AF_INET, address: '127.0.0.1', port: 80 };
 * console.log((await getnameinfo(address, NI_NUMERICHOST | NI_NUMERICSERV)).service); // 80
 * @see https://man7.org/linux/man-pages/man3/getnameinfo.3.html
 */
export async function getnameinfo(address: AddressLike, flags = 0, options: LookupOptions = {}): Promise<NameInfo> {
  const name = encodeAddress(address);
  const asked = name.byteLength === 0 ? name : name.slice(); // as it is now
  const outcome = await later('getnameinfo', (...rest) => native.getnameinfoLater(name, flags, ...rest), options);
  return readNameInfo(outcome, asked);
}

/**
 * The first IPv4 address of a name: gethostbyname(3), as a promise.
 *
 * @param name A host name or an address text.
 * @param options Perhaps an AbortSignal.
 * @returns The address as text.
 * @throws HostError; AbortError.
 * @example
 * console.log(await gethostbyname('127.0.0.1')); // 127.0.0.1
 * @see https://man7.org/linux/man-pages/man3/gethostbyname.3.html
 */
export async function gethostbyname(name: string, options: LookupOptions = {}): Promise<string> {
  return (await gethostbyname_ex(name, AF_INET, options)).addresses[0]!;
}

/**
 * All that is known of a name: gethostbyname2(3), as a promise.
 *
 * @param name A host name or an address text.
 * @param family AF_INET or AF_INET6.
 * @param options Perhaps an AbortSignal.
 * @returns Its name, aliases and addresses.
 * @throws HostError; AbortError.
 * @example
 * console.log((await gethostbyname_ex('::1', AF_INET6)).addresses); // [ '::1' ]
 * @see https://man7.org/linux/man-pages/man3/gethostbyname.3.html
 */
export async function gethostbyname_ex(
  name: string,
  family: number = AF_INET,
  options: LookupOptions = {},
): Promise<HostEntry> {
  const start: Start = (...rest) => native.gethostLater(family, name ?? null, undefined, ...rest);
  return readHost(await later('gethostbyname', start, options), name);
}

/**
 * The host that has an address: gethostbyaddr(3), as a promise.
 *
 * @param address The text of an IPv4 or IPv6 address.
 * @param options Perhaps an AbortSignal.
 * @returns Its name, aliases and addresses.
 * @throws HostError; AbortError; RangeError when the text is no address.
 * @example
 * const entry = await gethostbyaddr('127.0.0.1').catch((error) => error.code);
 * console.log(entry === 'HOST_NOT_FOUND' || entry.addresses[0] === '127.0.0.1'); // true
 * @see https://man7.org/linux/man-pages/man3/gethostbyname.3.html
 */
export async function gethostbyaddr(address: string, options: LookupOptions = {}): Promise<HostEntry> {
  const call = hostAddress(address);
  const outcome = await later('gethostbyaddr', (...rest) => native.gethostLater(...call, ...rest), options);
  return readHost(outcome, address, { ...GETHOST, name: 'gethostbyaddr' });
}

/**
 * The full name of a host, as Python's socket.getfqdn, as a promise.
 *
 * @param name A host name; left out or empty: this host.
 * @param options Perhaps an AbortSignal.
 * @returns The name.
 * @throws AbortError.
 * @example
 * console.log((await getfqdn()).length > 0); // true
 * @see https://docs.python.org/3/library/socket.html#socket.getfqdn
 * @see https://man7.org/linux/man-pages/man3/gethostbyname.3.html
 */
export async function getfqdn(name = '', options: LookupOptions = {}): Promise<string> {
  text(name, 'name');
  const asked = name.trim() === '' || name.trim() === '0.0.0.0' ? gethostname() : name.trim();
  try {
    const found = await getaddrinfo(asked, null, {
      ...FULL_NAME_HINTS,
      signal: own(onlyKnown(object(options, 'options'), OPTIONS, 'options'), 'signal'),
    });
    const { address } = found[0]!;
    return chooseFullName(await gethostbyaddr(address.address, options), asked);
  } catch (error) {
    if (isLookupError(error)) return asked;
    throw error;
  }
}

export { AddressInfoError, HostError } from './posix/netdb.ts';
