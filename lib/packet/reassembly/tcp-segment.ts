/** The TCP segment in a packet: read where it stands, into an object that is used again. */
import { IPPROTO_TCP } from '../../posix/constants.ts';
import { get16, get32 } from '../bytes.ts';
import { ipv4Text, ipv6Text } from '../text.ts';
import { IpHeader } from './ip-header.ts';
import type { TcpEndpoint } from './tcp-event.ts';

const HEADER = 20;
const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;

/** A segment. */
export class Segment {
  bytes: Uint8Array = new Uint8Array(0);
  /** Both ends, the lesser one first: the same text in both directions. */
  key = '';
  /** Whether the lesser end sent it. */
  fromLower = false;
  sequence = 0;
  acknowledgment = 0;
  flags = 0;
  /** Where its data begin, and end as far as they were captured; and how long they were. */
  start = 0;
  stop = 0;
  length = 0;
  readonly #ip = new IpHeader();
  #ports = 0;

  get fin(): boolean {
    return (this.flags & FIN) !== 0;
  }
  get syn(): boolean {
    return (this.flags & SYN) !== 0;
  }
  get rst(): boolean {
    return (this.flags & RST) !== 0;
  }
  get ack(): boolean {
    return (this.flags & ACK) !== 0;
  }

  /** Reads the segment of a packet whose IP header is at an offset. False when there is none, or only a fragment of one. */
  read(bytes: Uint8Array, at: number): boolean {
    const ip = this.#ip;
    if (!ip.read(bytes, at) || ip.isFragment || ip.protocol !== IPPROTO_TCP) return false;
    const tcp = ip.start;
    if (tcp + HEADER > bytes.length || tcp + HEADER > ip.end) return false;
    const start = tcp + 4 * (bytes[tcp + 12]! >>> 4);
    if (start < tcp + HEADER || start > ip.end) return false;
    this.bytes = bytes;
    this.#ports = tcp;
    this.sequence = get32(bytes, tcp + 4);
    this.acknowledgment = get32(bytes, tcp + 8);
    this.flags = bytes[tcp + 13]!;
    this.start = Math.min(start, bytes.length);
    this.stop = Math.min(ip.end, bytes.length);
    this.length = ip.end - start;
    if (ip.version === 4) this.#key(12, 4);
    else this.#key(8, 16);
    return true;
  }

  /** The key, by the addresses that are so far behind the start of the IP header. */
  #key(offset: number, size: number): void {
    const { bytes } = this;
    const source = this.#ip.at + offset;
    const destination = source + size;
    const ports = this.#ports;
    let order = 0;
    for (let i = 0; order === 0 && i < size; i++) order = bytes[source + i]! - bytes[destination + i]!;
    if (order === 0) order = get16(bytes, ports) - get16(bytes, ports + 2);
    this.fromLower = order <= 0;
    const [lower, higher] = order <= 0 ? [source, destination] : [destination, source];
    const [port, other] = order <= 0 ? [ports, ports + 2] : [ports + 2, ports];
    this.key =
      size === 4
        ? String.fromCharCode(
            get16(bytes, lower),
            get16(bytes, lower + 2),
            get16(bytes, port),
            get16(bytes, higher),
            get16(bytes, higher + 2),
            get16(bytes, other),
          )
        : `${halves(bytes, lower)}${halves(bytes, higher)}${String.fromCharCode(get16(bytes, port), get16(bytes, other))}`;
  }

  /** Who sent it. */
  get source(): TcpEndpoint {
    return this.#endpoint(0);
  }

  /** Whom it is for. */
  get destination(): TcpEndpoint {
    return this.#endpoint(1);
  }

  #endpoint(which: 0 | 1): TcpEndpoint {
    const { bytes } = this;
    const { version, at } = this.#ip;
    const address = version === 4 ? ipv4Text(bytes, at + 12 + 4 * which) : ipv6Text(bytes, at + 8 + 16 * which);
    return { address, port: get16(bytes, this.#ports + 2 * which) };
  }
}

/** An IPv6 address as 8 characters. */
function halves(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(
    get16(bytes, at),
    get16(bytes, at + 2),
    get16(bytes, at + 4),
    get16(bytes, at + 6),
    get16(bytes, at + 8),
    get16(bytes, at + 10),
    get16(bytes, at + 12),
    get16(bytes, at + 14),
  );
}
