/** Converts an ICMP error into the form of the error queue. */
import { SO_EE_ORIGIN_ICMP, SO_EE_ORIGIN_ICMP6 } from '../../native/constants.ts';
import type { Layer } from '../layers/layer.ts';
import type { RequestError } from './arrival.ts';
import { addressesOf, type Seen } from './pairing.ts';

type Message = Extract<Layer, { layer: 'icmp' | 'icmpv6' }>;

/**
 * Returns the error whose quoted packet begins at an index of the layers. `by` is the sender, in case the socket
 * delivers no IP header.
 */
export function errorOf(layers: readonly Seen[], quote: number, by: string | undefined): RequestError {
  const message = layers[quote - 1] as Message;
  const { type, code, pointer = 0 } = message;
  const info = message.layer === 'icmp' ? (message.nextHopMtu ?? pointer) : (message.mtu ?? pointer);
  const origin = message.layer === 'icmp' ? SO_EE_ORIGIN_ICMP : SO_EE_ORIGIN_ICMP6;
  return { by: addressesOf(layers.slice(0, quote)).source ?? by, origin, type, code, info, errno: 0 };
}
