/** Happy eyeballs (RFC 8305): connects to several addresses of a host until one attempt succeeds. */

import { LONGEST, type WaitOptions } from '../loop/options.ts';
import { clearTimeout, setTimeout } from '../loop/timers.ts';
import { SOCK_STREAM } from '../native/constants.ts';
import type { AddressInfo } from '../posix/address-info.ts';
import { type Control, type InetSocket, setTcpOptions, type TcpOptions } from './endpoint.ts';
import type { LocalAddress } from './local-address.ts';
import { Socket } from './socket.ts';

/**
 * Returns the addresses with alternating families, beginning with the family of the first one (RFC 8305, section 4).
 */
function interlace(list: readonly AddressInfo[]): AddressInfo[] {
  const first = list[0]?.family;
  const same = list.filter(({ family }) => family === first);
  const other = list.filter(({ family }) => family !== first);
  return same.flatMap((info, i) => [info, ...other.slice(i, i + 1)]).concat(other.slice(same.length));
}

/** The checked options that every attempt needs. */
export interface Attempts extends TcpOptions {
  readonly protocol: number | undefined;
  readonly local: LocalAddress;
  readonly control: Control | undefined;
  /** The Connection Attempt Delay in milliseconds. */
  readonly delay: number;
}

/** Creates a socket and connects it to one address. Calls `refuse` if `control` throws. */
async function attempt(
  info: AddressInfo,
  options: Attempts,
  wait: WaitOptions,
  refuse: (error: unknown) => void,
): Promise<InetSocket> {
  const socket = new Socket(info.family, SOCK_STREAM, options.protocol ?? info.protocol);
  try {
    setTcpOptions(socket, options);
    try {
      options.control?.(socket.fd, { family: info.family, address: info.address });
    } catch (error) {
      refuse(error);
      throw error;
    }
    const local = options.local.of(info.family);
    if (local !== undefined) socket.bind(local);
    await socket.connect(info.address, wait);
    return socket;
  } catch (error) {
    socket.close();
    throw error;
  }
}

/**
 * Connects to the addresses of a host, each attempt `delay` after the previous one or as soon as that has failed. With a
 * local port, the previous attempt then ends with a TimeoutError. Returns the first Socket that connects, or the errors of
 * all attempts. Aborting `giveUp` ends all attempts.
 */
export function connectToAny(
  addresses: readonly AddressInfo[],
  options: Attempts,
  giveUp: AbortController,
): Promise<InetSocket | readonly Error[]> {
  const { delay } = options;
  const list = interlace(addresses);
  const others = new AbortController();
  const signal = AbortSignal.any([giveUp.signal, others.signal]);
  return new Promise((resolve, reject) => {
    const errors: Error[] = [];
    let failed = 0;
    let timer: NodeJS.Timeout | undefined;
    let next = 0;
    let done = false;
    const finish = () => {
      done = true;
      clearTimeout(timer);
      others.abort();
    };
    // `control` threw. The error does not depend on the address, so no other address is tried.
    const refuse = (error: unknown) => {
      if (done) return;
      finish();
      reject(error);
    };
    const start = () => {
      clearTimeout(timer);
      const info = list[next];
      if (done || info === undefined) return;
      const index = next++;
      const limited = next < list.length && delay <= LONGEST;
      // A pending attempt holds the local port. It has to end before the next one can bind, and its failure starts that.
      const alone = options.local.hasPort;
      if (limited && !alone) timer = setTimeout(start, delay);
      attempt(info, options, { signal, timeout: limited && alone ? delay : undefined }, refuse).then(
        (socket) => {
          if (done) return socket.close();
          finish();
          resolve(socket);
        },
        (error: Error) => {
          errors[index] = error;
          failed++;
          if (done) return;
          if (giveUp.signal.aborted || failed === list.length) {
            finish();
            resolve(errors.filter(() => true)); // without holes
          } else {
            start();
          }
        },
      );
    };
    start();
  });
}
