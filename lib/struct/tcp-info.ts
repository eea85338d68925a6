/** TCP_INFO: decodes what the kernel knows about a TCP connection from the bytes of a struct tcp_info. */
import { Buffer } from 'node:buffer';
import { uint8Array } from '../argument/snapshot.ts';
import { LITTLE } from '../native/byte-order.ts';

/**
 * The state of a TCP connection: tcp(7), struct tcp_info. 64-bit counters are bigints.
 *
 * Optional fields are newer than Linux 4.18. They are `undefined` if the kernel does not have them.
 *
 * @see https://man7.org/linux/man-pages/man7/tcp.7.html
 */
export interface TcpInfo {
  /** TCP_ESTABLISHED, TCP_SYN_SENT, ... */
  state: number;
  /** Congestion: 0 open, 1 disorder, 2 CWR, 3 recovery, 4 loss. */
  caState: number;
  /** The number of consecutive timeouts without an acknowledgement. */
  retransmits: number;
  /** Unanswered window or keep-alive probes. */
  probes: number;
  backoff: number;
  /** Bits: 1 timestamps, 2 SACK, 4 window scale, 8 ECN, 16 ECN seen, 32 data in SYN acknowledged. */
  options: number;
  sndWscale: number;
  rcvWscale: number;
  deliveryRateAppLimited: boolean;
  /** Why Fast Open was not used: 0 unknown, 1 no cookie, 2 SYN retransmitted, 3 data not acknowledged. */
  fastopenClientFail: number;
  /** Retransmission timeout, in microseconds. */
  rto: number;
  /** Delayed acknowledgement timeout, in microseconds. */
  ato: number;
  sndMss: number;
  rcvMss: number;
  /** The segments in flight; for a listening socket, the connections that wait for accept(2). */
  unacked: number;
  /** The number of segments; for a listening socket, its backlog. */
  sacked: number;
  lost: number;
  retrans: number;
  fackets: number;
  /** Milliseconds ago. */
  lastDataSent: number;
  /** Linux never sets this field. */
  lastAckSent: number;
  /** Milliseconds ago. */
  lastDataRecv: number;
  /** Milliseconds ago. */
  lastAckRecv: number;
  pmtu: number;
  rcvSsthresh: number;
  /** Round trip time, in microseconds. */
  rtt: number;
  /** In microseconds. */
  rttvar: number;
  /** 2147483647 means infinite. */
  sndSsthresh: number;
  /** In segments. */
  sndCwnd: number;
  advmss: number;
  reordering: number;
  /** In microseconds. */
  rcvRtt: number;
  rcvSpace: number;
  totalRetrans: number;
  /** In bytes per second. If all bits are set, there is no limit. */
  pacingRate: bigint;
  /** In bytes per second. If all bits are set, there is no limit. */
  maxPacingRate: bigint;
  /** This includes the SYN. */
  bytesAcked: bigint;
  bytesReceived: bigint;
  segsOut: number;
  segsIn: number;
  notsentBytes: number;
  /** In microseconds. 4294967295 means that there is none yet. */
  minRtt: number;
  dataSegsIn: number;
  dataSegsOut: number;
  /** In bytes per second. */
  deliveryRate: bigint;
  /** The time spent sending, in microseconds. */
  busyTime: bigint;
  /** The time during which the receiver's window limited sending, in microseconds. */
  rwndLimited: bigint;
  /** The time during which the send buffer limited sending, in microseconds. */
  sndbufLimited: bigint;
  /** The number of delivered segments, including the SYN. */
  delivered: number;
  deliveredCe: number;
  bytesSent?: bigint;
  bytesRetrans?: bigint;
  dsackDups?: number;
  reordSeen?: number;
  rcvOoopack?: number;
  /** The window of the peer after scaling, in bytes. */
  sndWnd?: number;
  /** The local window after scaling, in bytes. */
  rcvWnd?: number;
  /** How often the path changed after timeouts or duplicates. */
  rehash?: number;
  /** The number of retransmission timeouts. */
  totalRto?: number;
  totalRtoRecoveries?: number;
  /** In milliseconds. */
  totalRtoTime?: number;
  receivedCe?: number;
  deliveredE1Bytes?: number;
  deliveredE0Bytes?: number;
  deliveredCeBytes?: number;
  receivedE1Bytes?: number;
  receivedE0Bytes?: number;
  receivedCeBytes?: number;
  /** The bytes after the fields above, if the kernel has more fields. */
  rest?: Uint8Array;
}

type Bits = 'sndWscale' | 'rcvWscale' | 'deliveryRateAppLimited' | 'fastopenClientFail';
type Field = Exclude<keyof TcpInfo, Bits | 'rest'>;

/** The size of every field in bytes, in the order of the struct, which has no holes. Two bytes of bit fields follow `options`. */
const FIELDS: { readonly [K in Field]: TcpInfo[K] extends bigint | undefined ? 8 : 1 | 2 | 4 } = {
  state: 1,
  caState: 1,
  retransmits: 1,
  probes: 1,
  backoff: 1,
  options: 1,
  rto: 4,
  ato: 4,
  sndMss: 4,
  rcvMss: 4,
  unacked: 4,
  sacked: 4,
  lost: 4,
  retrans: 4,
  fackets: 4,
  lastDataSent: 4,
  lastAckSent: 4,
  lastDataRecv: 4,
  lastAckRecv: 4,
  pmtu: 4,
  rcvSsthresh: 4,
  rtt: 4,
  rttvar: 4,
  sndSsthresh: 4,
  sndCwnd: 4,
  advmss: 4,
  reordering: 4,
  rcvRtt: 4,
  rcvSpace: 4,
  totalRetrans: 4,
  pacingRate: 8,
  maxPacingRate: 8,
  bytesAcked: 8,
  bytesReceived: 8,
  segsOut: 4,
  segsIn: 4,
  notsentBytes: 4,
  minRtt: 4,
  dataSegsIn: 4,
  dataSegsOut: 4,
  deliveryRate: 8,
  busyTime: 8,
  rwndLimited: 8,
  sndbufLimited: 8,
  delivered: 4,
  deliveredCe: 4,
  bytesSent: 8,
  bytesRetrans: 8,
  dsackDups: 4,
  reordSeen: 4,
  rcvOoopack: 4,
  sndWnd: 4,
  rcvWnd: 4,
  rehash: 4,
  totalRto: 2,
  totalRtoRecoveries: 2,
  totalRtoTime: 4,
  receivedCe: 4,
  deliveredE1Bytes: 4,
  deliveredE0Bytes: 4,
  deliveredCeBytes: 4,
  receivedE1Bytes: 4,
  receivedE0Bytes: 4,
  receivedCeBytes: 4,
  // The bytes that follow have one meaning in Linux 6.18 (two 16-bit fields) and another one in 7.0, so they stay in `rest`.
};

/** Bit fields begin at the low bit on a little-endian machine and at the high bit on a big-endian one. */
const bits = (byte: number, at: number, width: number) => (byte >> (LITTLE ? at : 8 - at - width)) & ((1 << width) - 1);

function number(view: DataView, at: number, size: 1 | 2 | 4 | 8): number | bigint {
  if (size === 8) return view.getBigUint64(at, LITTLE);
  if (size === 4) return view.getUint32(at, LITTLE);
  return size === 2 ? view.getUint16(at, LITTLE) : view.getUint8(at);
}

/**
 * Decodes the bytes of a struct tcp_info, which come from TCP_INFO or from INET_DIAG_INFO of sock_diag(7). It accepts any bytes
 * without throwing.
 *
 * @param bytes The bytes that the kernel returned.
 * @returns The fields that the bytes contain completely. `rest` contains the bytes after the last known field.
 * @throws TypeError only if `bytes` is not a Uint8Array.
 * @example
 * const fd = socket(AF_INET, SOCK_STREAM);
 * console.log(decodeTcpInfo(getsockopt(fd, SOL_TCP, TCP_INFO, 512)).state === TCP_CLOSE); // true
 * @see https://man7.org/linux/man-pages/man7/tcp.7.html
 */
export function decodeTcpInfo(bytes: Uint8Array): Partial<TcpInfo> {
  uint8Array(bytes, 'bytes');
  if (bytes.byteLength === 0) return {};
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const info: Record<string, number | bigint | boolean | Uint8Array> = {};
  let at = 0;
  for (const [name, size] of Object.entries(FIELDS)) {
    if (at + size > bytes.length) return info;
    info[name] = number(view, at, size);
    at += size;
    if (name !== 'options') continue;
    const [scales, flags] = bytes.subarray(at);
    if (scales !== undefined) Object.assign(info, { sndWscale: bits(scales, 0, 4), rcvWscale: bits(scales, 4, 4) });
    if (flags !== undefined) {
      info.deliveryRateAppLimited = bits(flags, 0, 1) === 1;
      info.fastopenClientFail = bits(flags, 1, 2);
    }
    at += 2;
  }
  if (bytes.length > at) info.rest = Buffer.from(bytes.subarray(at));
  return info;
}
