/** The addresses of the IP header of a packet that is encoded or decoded without it. */
import { assertObject } from '../../argument/snapshot.ts';
import { sum } from '../bytes/checksum.ts';
import { putIpv4, putIpv6 } from '../bytes/text.ts';

/**
 * The addresses of the IP header of a packet without an IP header, such as one from a raw socket.
 *
 * @see https://www.rfc-editor.org/rfc/rfc8200#section-8.1
 */
export interface PseudoHeader {
  sourceAddress: string;
  destinationAddress: string;
}

/** What the addresses of an IP header determine: its version, and their sums. */
interface Sums {
  ipVersion: 0 | 4 | 6;
  sourceSum: number;
  destinationSum: number;
}

/** Returns the version and the sums of the addresses in place of an IP header. */
export function pseudoSums(pseudoHeader: PseudoHeader | undefined): Sums {
  if (pseudoHeader === undefined) return { ipVersion: 0, sourceSum: -1, destinationSum: -1 };
  const bytes = new Uint8Array(32);
  const { sourceAddress, destinationAddress } = assertObject(pseudoHeader, 'pseudoHeader');
  const ipVersion = String(sourceAddress).includes(':') ? 6 : 4;
  const put = ipVersion === 6 ? putIpv6 : putIpv4;
  put(bytes, 0, sourceAddress, 'pseudoHeader.sourceAddress');
  put(bytes, 16, destinationAddress, 'pseudoHeader.destinationAddress');
  return { ipVersion, sourceSum: sum(bytes, 0, 16), destinationSum: sum(bytes, 16, 32) };
}
