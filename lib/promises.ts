/**
 * `sys-socket/promises`: the look-ups that may wait on the network, on the thread pool of libuv instead of this thread.
 * Each takes an AbortSignal: its promise is rejected at once, while the look-up, which nothing can interrupt, ends unseen.
 *
 * @module sys-socket/promises
 */
import { type Address, type AddressLike, encodeAddress } from './posix/address.ts';
import { GETHOST } from './posix/calls.ts';
import { AF_INET } from './posix/constants.ts';
import { invalidType } from './posix/errno.ts';
import { native } from './posix/native.ts';
import {
  type AddressInfo,
  AddressInfoError,
  type AddressInfoHints,
  addressInfoArguments,
  chooseFullName,
  FULL_NAME_HINTS,
  gethostname,
  type HostEntry,
  HostError,
  hostAddress,
  type NameInfo,
  type Outcome,
  readAddressInfo,
  readHost,
  readNameInfo,
} from './posix/netdb.ts';
import { object, own } from './posix/snapshot.ts';

/**
 * How a look-up can be given up.
 *
 * @see https://nodejs.org/api/globals.html#class-abortsignal
 */
export interface LookupOptions {
  /** Rejects the promise with an AbortError. */
  signal?: AbortSignal | undefined;
}

function abortError(signal: AbortSignal): Error {
  return Object.assign(new Error('The operation was aborted', { cause: signal.reason }), {
    name: 'AbortError',
    code: 'ABORT_ERR',
  });
}

/** Starts a look-up and waits for it, or for the signal. */
async function later(start: () => Promise<Outcome> | number, options: LookupOptions): Promise<Outcome> {
  const signal = own(object(options, 'options'), 'signal');
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') {
    throw invalidType('signal', 'an AbortSignal');
  }
  if (signal?.aborted) throw abortError(signal);
  const work = start();
  if (typeof work === 'number' || signal === undefined) return work;
  let abort = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    abort = () => reject(abortError(signal));
    signal.addEventListener('abort', abort, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
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
  const call = addressInfoArguments(node, service, hints);
  return readAddressInfo(await later(() => native.getaddrinfoLater(...call), hints));
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
  return readNameInfo(await later(() => native.getnameinfoLater(name, flags), options));
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
  return readHost(await later(() => native.gethostLater(family, name ?? null, undefined), options));
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
  return readHost(await later(() => native.gethostLater(...call), options), { ...GETHOST, name: 'gethostbyaddr' });
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
  const asked = name.trim() === '' || name.trim() === '0.0.0.0' ? gethostname() : name.trim();
  try {
    const found = await getaddrinfo(asked, null, {
      ...FULL_NAME_HINTS,
      signal: own(object(options, 'options'), 'signal'),
    });
    const { address } = found[0]! as { address: Address & { address: string } };
    return chooseFullName(await gethostbyaddr(address.address, options), asked);
  } catch (error) {
    if (error instanceof AddressInfoError || error instanceof HostError) return asked;
    throw error;
  }
}

export { AddressInfoError, HostError } from './posix/netdb.ts';
