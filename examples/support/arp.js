// @ts-check
// ARP requests and replies on one link, by a packet socket of type SOCK_DGRAM: the kernel adds and removes the Ethernet
// header. RFC 826, packet(7).
import { AF_PACKET, ETH_P_ARP, PACKET_BROADCAST, SOCK_DGRAM, Socket } from 'sys-socket';
import { arp, findLayer } from 'sys-socket/packet';

const REQUEST = 1;
const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/**
 * Opens a socket that sends and receives ARP packets on a link.
 * @param {import('./interface.js').Interface} link
 */
export function openArp({ index: ifindex }) {
  const socket = new Socket(AF_PACKET, SOCK_DGRAM, 0); // receives nothing before it is bound to the link
  socket.bind({ family: AF_PACKET, ifindex, protocol: ETH_P_ARP });
  return socket;
}

/**
 * Returns the ARP request for an address, to pass to `exchange`. Without `from` it is a probe (RFC 5227), from which no
 * host learns a new address.
 * @param {import('./interface.js').Ethernet} link
 * @param {string} address @param {string} [from] our own address @param {string} [to] the host to ask (default: all)
 */
export function question({ index: ifindex, hardwareAddress }, address, from = '0.0.0.0', to = BROADCAST) {
  const sender = { senderHardwareAddress: hardwareAddress, senderProtocolAddress: from };
  const layers = [arp({ operation: REQUEST, ...sender, targetProtocolAddress: address })];
  return { layers, to: { family: AF_PACKET, ifindex, protocol: ETH_P_ARP, address: to }, tag: address };
}

/**
 * Returns the owner of an address.
 * @param {import('sys-socket/packet').Answered} answer
 */
export function ownerOf({ packet, address }) {
  const broadcast = address !== undefined && 'pkttype' in address && address.pkttype === PACKET_BROADCAST;
  return { mac: findLayer(packet, 'arp')?.senderHardwareAddress ?? '?', broadcast };
}
