/** The TCP segment of a packet, read in place into an object that is reused. */
import { IPPROTO_TCP } from '../../native/constants.ts';
import { get16, get32 } from '../bytes/bytes.ts';
import { ipv4Text, ipv6Text } from '../bytes/text.ts';
import { ipv4Field } from '../layers/ipv4.ts';
import { ipv6Field } from '../layers/ipv6.ts';
import { tcpField, tcpFlag } from '../layers/tcp.ts';
import { IpHeader } from './ip-header.ts';
import type { TcpEndpoint } from './tcp-event.ts';

const HEADER = 20;
const { sourcePort: SOURCE_PORT, destinationPort: DESTINATION_PORT, dataOffset: DATA_OFFSET, flags: FLAGS } = tcpField;
const { sequenceNumber: SEQUENCE_NUMBER, acknowledgmentNumber: ACKNOWLEDGMENT_NUMBER } = tcpField;
const { fin: FIN, syn: SYN, rst: RST, ack: ACK } = tcpFlag;
const SOURCE_ADDRESS = ipv4Field.sourceAddress;
const SOURCE_ADDRESS6 = ipv6Field.sourceAddress;

/** A TCP segment. */
export class Segment {
  bytes: Uint8Array = new Uint8Array(0);
  /** Both endpoints with the lower one first, so that the key is the same in both directions. */
  key = '';
  /** Whether the lower endpoint sent the segment. */
  fromLower = false;
  sequence = 0;
  acknowledgment = 0;
  flags = 0;
  /** The start and the captured end of its data, and the length of the data on the wire. */
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

  /**
   * Reads the segment of a packet whose IP header is at an offset. Returns false if there is none, or only a fragment
   * of one.
   */
  read(bytes: Uint8Array, at: number): boolean {
    const ip = this.#ip;
    if (!ip.read(bytes, at) || ip.isFragment || ip.protocol !== IPPROTO_TCP) return false;
    const tcp = ip.start;
    if (tcp + HEADER > bytes.length || tcp + HEADER > ip.end) return false;
    const start = tcp + 4 * (bytes[tcp + DATA_OFFSET]! >>> 4);
    if (start < tcp + HEADER || start > ip.end) return false;
    this.bytes = bytes;
    this.#ports = tcp;
    this.sequence = get32(bytes, tcp + SEQUENCE_NUMBER);
    this.acknowledgment = get32(bytes, tcp + ACKNOWLEDGMENT_NUMBER);
    this.flags = bytes[tcp + FLAGS]!;
    this.start = Math.min(start, bytes.length);
    this.stop = Math.min(ip.end, bytes.length);
    this.length = ip.end - start;
    if (ip.version === 4) this.#key(SOURCE_ADDRESS, 4);
    else this.#key(SOURCE_ADDRESS6, 16);
    return true;
  }

  /** Sets the key from the addresses at this offset in the IP header. */
  #key(offset: number, size: number): void {
    const { bytes } = this;
    const source = this.#ip.at + offset;
    const destination = source + size;
    const sent = this.#ports + SOURCE_PORT;
    const received = this.#ports + DESTINATION_PORT;
    let order = 0;
    for (let i = 0; order === 0 && i < size; i++) order = bytes[source + i]! - bytes[destination + i]!;
    if (order === 0) order = get16(bytes, sent) - get16(bytes, received);
    this.fromLower = order <= 0;
    const [lower, higher] = order <= 0 ? [source, destination] : [destination, source];
    const [port, other] = order <= 0 ? [sent, received] : [received, sent];
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

  /** The endpoint that sent the segment. */
  get source(): TcpEndpoint {
    return this.#endpoint(0);
  }

  /** The endpoint that the segment was sent to. */
  get destination(): TcpEndpoint {
    return this.#endpoint(1);
  }

  #endpoint(which: 0 | 1): TcpEndpoint {
    const { bytes } = this;
    const { version, at } = this.#ip;
    const address =
      version === 4
        ? ipv4Text(bytes, at + SOURCE_ADDRESS + 4 * which)
        : ipv6Text(bytes, at + SOURCE_ADDRESS6 + 16 * which);
    return { address, port: get16(bytes, this.#ports + 2 * which) };
  }
}

/** Returns an IPv6 address as a string of 8 characters. */
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
