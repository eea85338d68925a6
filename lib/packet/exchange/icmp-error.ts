/** What an ICMP error says, in the words of the error queue. */
import { SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6 } from '../../posix/constants.ts';
import type { Layer } from '../layers/layer.ts';
import type { RequestError } from './arrival.ts';
import { addressesOf, type Seen } from './pairing.ts';

type Message = Extract<Layer, { layer: 'icmp' | 'icmpv6' }>;

/** The error whose quotation begins at an index of the layers. `by` is who sent it, if the socket gives no IP header. */
export function errorOf(layers: readonly Seen[], quote: number, by: string | undefined): RequestError {
  const message = layers[quote - 1] as Message;
  const { type, code, pointer = 0 } = message;
  const info = message.layer === 'icmp' ? (message.nextHopMtu ?? pointer) : (message.mtu ?? pointer);
  const origin = message.layer === 'icmp' ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6;
  return { by: addressesOf(layers.slice(0, quote)).source ?? by, origin, type, code, info, errno: 0 };
}
