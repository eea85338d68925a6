/** Look-ups of names that do not block the thread. They are the entry point `sys-socket/promises`. */
import process from 'node:process';
import { text } from '../argument/argument-error.ts';
import { type Names, namesOf, onlyKnown } from '../argument/known-names.ts';
import { assertObject, ownProperty } from '../argument/snapshot.ts';
import { AF_INET } from '../native/constants.ts';
import { native } from '../native/native.ts';
import {
  type AddressInfo,
  type AddressInfoHints,
  addressInfoArguments,
  type NameInfo,
  readAddressInfo,
  readNameInfo,
} from '../posix/address-info.ts';
import {
  chooseFullName,
  FULL_NAME_HINTS,
  GETHOSTBYADDR,
  GETHOSTBYNAME,
  gethostname,
  type HostEntry,
  hostAddress,
  readHost,
} from '../posix/host.ts';
import { isLookupError, type Outcome } from '../posix/lookup-error.ts';
import { encodeAddress } from '../struct/address.ts';
import type { AddressLike } from '../struct/address-type.ts';
import { listen, unlisten } from './abort.ts';
import { AbortError } from './errors.ts';
import { optionalSignal } from './options.ts';

/**
 * The options of a look-up.
 *
 * @see https://nodejs.org/api/globals.html#class-abortsignal
 */
export interface LookupOptions {
  /** Rejects the promise with an AbortError when it is aborted. */
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
 * Returns the maximum number of look-ups that run at a time in this thread: half of the thread pool, so that file
 * system and cryptography operations have the other half while a name server does not answer. The size is parsed as
 * libuv does.
 */
function mostAtOnce(): number {
  if (most === 0) {
    const size = Number.parseInt(process.env.UV_THREADPOOL_SIZE ?? '4', 10) || 1;
    most = size < 0 ? 512 : Math.max(1, Math.min(512, size >> 1));
  }
  return most;
}

type Start = (most: number, done: (outcome: Outcome) => void) => number;

/** Starts a look-up and waits until it finishes or the signal is aborted. */
async function later(syscall: string, start: Start, options: LookupOptions, names: Names = OPTIONS): Promise<Outcome> {
  const signal = optionalSignal(ownProperty(onlyKnown(assertObject(options, 'options'), names, 'options'), 'signal'));
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
 * Resolves with the addresses of a host and a service: getaddrinfo(3).
 *
 * @param node A host name or the text of an IP address; null means this host.
 * @param service The name of a service, or a port as a number or text; null means none.
 * @param hints What to look for, and optionally an AbortSignal.
 * @returns The same entries as `getaddrinfo` of sys-socket.
 * @throws AddressInfoError; AbortError.
 * @example
 * const [first] = await getaddrinfo('127.0.0.1', 80, { signal: AbortSignal.timeout(1000) });
 * console.log(first?.address.port); // 80
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
 * Resolves with the names of an address and its port: getnameinfo(3).
 *
 * @param address A socket address.
 * @param flags NI_ flags.
 * @param options An optional AbortSignal.
 * @returns The names of the host and of the service.
 * @throws AddressInfoError; AbortError.
 * @example
 * const address = { family: AF_INET, address: '127.0.0.1', port: 80 };
 * console.log((await getnameinfo(address, NI_NUMERICHOST | NI_NUMERICSERV)).service); // 80
 * @see https://man7.org/linux/man-pages/man3/getnameinfo.3.html
 */
export async function getnameinfo(address: AddressLike, flags = 0, options: LookupOptions = {}): Promise<NameInfo> {
  const name = encodeAddress(address);
  const asked = name.byteLength === 0 ? name : name.slice(); // a copy, because the program may change the bytes
  const outcome = await later('getnameinfo', (...rest) => native.getnameinfoLater(name, flags, ...rest), options);
  return readNameInfo(outcome, asked);
}

/**
 * Resolves with the first IPv4 address of a host: gethostbyname(3).
 *
 * @param name A host name or the text of an IP address.
 * @param options An optional AbortSignal.
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
 * Resolves with the name, aliases and addresses of a host: gethostbyname2(3).
 *
 * @param name A host name or the text of an IP address.
 * @param family AF_INET or AF_INET6.
 * @param options An optional AbortSignal.
 * @returns The host entry.
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
  return readHost(await later('gethostbyname', start, options), name, GETHOSTBYNAME);
}

/**
 * Resolves with the name, aliases and addresses of the host that has an address: gethostbyaddr(3).
 *
 * @param address The text of an IPv4 or IPv6 address.
 * @param options An optional AbortSignal.
 * @returns The host entry.
 * @throws HostError; AbortError; RangeError if the text is not an address.
 * @example
 * const entry = await gethostbyaddr('127.0.0.1').catch((error) => error.code);
 * console.log(entry === 'HOST_NOT_FOUND' || entry.addresses[0] === '127.0.0.1'); // true
 * @see https://man7.org/linux/man-pages/man3/gethostbyname.3.html
 */
export async function gethostbyaddr(address: string, options: LookupOptions = {}): Promise<HostEntry> {
  const call = hostAddress(address);
  const outcome = await later('gethostbyaddr', (...rest) => native.gethostLater(...call, ...rest), options);
  return readHost(outcome, address, GETHOSTBYADDR);
}

/**
 * Resolves with the fully qualified name of a host, like Python's socket.getfqdn.
 *
 * @param name A host name. If it is omitted or empty, it means this host.
 * @param options An optional AbortSignal.
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
      signal: ownProperty(onlyKnown(assertObject(options, 'options'), OPTIONS, 'options'), 'signal'),
    });
    const { address } = found[0]!;
    return chooseFullName(await gethostbyaddr(address.address, options), asked);
  } catch (error) {
    if (isLookupError(error)) return asked;
    throw error;
  }
}
