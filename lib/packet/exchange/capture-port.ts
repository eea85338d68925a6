/** Sends requests through a capture: on the captured interface, with the capture's own packet socket. */

import { invalidValue } from '../../argument/argument-error.ts';
import { waitFor } from '../../loop/condition.ts';
import { ClosedError } from '../../loop/errors.ts';
import { WRITE } from '../../loop/readiness.ts';
import { AF_PACKET, ETH_P_IP, ETH_P_IPV6, PACKET_OUTGOING } from '../../native/constants.ts';
import { getsockname } from '../../posix/socket.ts';
import { sendto } from '../../posix/transfer.ts';
import { isErrno } from '../../struct/errno.ts';
import type { Capture } from '../capture/capture.ts';
import type { LayerName } from '../layers/layer-name.ts';
import { LINKTYPE_LINUX_SLL2, LINKTYPE_RAW, layerOfLinktype } from '../layers/linktype.ts';
import type { Port, Take } from './arrival.ts';

/** The port of a capture. */
export class CapturePort implements Port {
  readonly hasOtherIdentifier = false;
  readonly #capture: Capture;
  readonly #ifindex: number;
  readonly #first: LayerName | 'ip';

  constructor(capture: Capture) {
    this.#capture = capture;
    const address = capture.closed ? undefined : getsockname(capture.fd);
    this.#ifindex = address?.family === AF_PACKET && 'ifindex' in address ? address.ifindex : 0;
    this.#first = layerOfLinktype(capture.linktype);
    if (capture.linktype === LINKTYPE_LINUX_SLL2) {
      throw invalidValue('through', 'a socket, or a capture of one interface that keeps its link-layer headers');
    }
  }

  addressOf(): undefined {
    return undefined;
  }

  async send({ data }: { data: Uint8Array }): Promise<void> {
    const { fd, closed } = this.#capture;
    if (closed) throw new ClosedError('sendto');
    const protocol = this.#capture.linktype === LINKTYPE_RAW ? (data[0]! >>> 4 === 6 ? ETH_P_IPV6 : ETH_P_IP) : 0;
    const to = { family: AF_PACKET, ifindex: this.#ifindex, protocol } as const;
    const attempt = (resolve: (sent: number) => void, reject: (error: Error) => void) => {
      try {
        resolve(sendto(fd, data, 0, to));
      } catch (error) {
        if (isErrno(error, 'EAGAIN')) return false;
        reject(error as Error);
      }
      return true;
    };
    if (!attempt(ignore, fail)) await waitFor<number>({ fd, kind: WRITE, syscall: 'sendto', owned: true, attempt }, {});
  }

  async receive(signal: AbortSignal, take: Take): Promise<void> {
    for await (const packet of this.#capture.packets({ signal })) {
      if (signal.aborted) return;
      if (packet.pkttype === PACKET_OUTGOING) continue;
      const time = packet.seconds * 1000 + packet.nanoseconds / 1e6;
      const data = packet.data.slice();
      await take({
        data,
        first: this.#first,
        address: undefined,
        sender: undefined,
        time,
        control: [],
        error: undefined,
      });
    }
    if (!signal.aborted) throw new ClosedError('exchange'); // a loop over a capture that is closed only ends
  }
}

function ignore(): void {}
function fail(error: Error): never {
  throw error;
}
