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

/** Returns the sums of the addresses in place of an IP header. */
export function pseudoSums(pseudoHeader: PseudoHeader | undefined): { sourceSum: number; destinationSum: number } {
  if (pseudoHeader === undefined) return { sourceSum: -1, destinationSum: -1 };
  const bytes = new Uint8Array(32);
  const { sourceAddress, destinationAddress } = assertObject(pseudoHeader, 'pseudoHeader');
  const put = String(sourceAddress).includes(':') ? putIpv6 : putIpv4;
  put(bytes, 0, sourceAddress, 'pseudoHeader.sourceAddress');
  put(bytes, 16, destinationAddress, 'pseudoHeader.destinationAddress');
  return { sourceSum: sum(bytes, 0, 16), destinationSum: sum(bytes, 16, 32) };
}
