// @ts-check
// Questions and answers of ARP on one link, by a packet socket of SOCK_DGRAM: the kernel writes and takes off the
// Ethernet header. RFC 826, packet(7).
import { AF_PACKET, ETH_P_ARP, PACKET_BROADCAST, SOCK_DGRAM, Socket } from 'sys-socket';
import { arp, findLayer } from 'sys-socket/packet';

const REQUEST = 1;
const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/**
 * A socket for the ARP of a link.
 * @param {import('./interface.js').Interface} link
 */
export function openArp({ ifindex }) {
  const socket = new Socket(AF_PACKET, SOCK_DGRAM, 0); // hears nothing before it is bound to the link
  socket.bind({ family: AF_PACKET, ifindex, protocol: ETH_P_ARP });
  return socket;
}

/**
 * Who has an address: a request for `exchange`. Without `from` it is a probe (RFC 5227), which tells nobody a new address.
 * @param {import('./interface.js').Interface & { mac: string }} link
 * @param {string} address @param {string} [from] the own address @param {string} [to] the host that is asked; all
 */
export function question({ ifindex, mac }, address, from = '0.0.0.0', to = BROADCAST) {
  const sender = { senderHardwareAddress: mac, senderProtocolAddress: from };
  const layers = [arp({ operation: REQUEST, ...sender, targetProtocolAddress: address })];
  return { layers, to: { family: AF_PACKET, ifindex, protocol: ETH_P_ARP, address: to }, tag: address };
}

/**
 * Whose an address is.
 * @param {import('sys-socket/packet').Answered} answer
 */
export function ownerOf({ packet, address }) {
  const broadcast = address !== undefined && 'pkttype' in address && address.pkttype === PACKET_BROADCAST;
  return { mac: findLayer(packet, 'arp')?.senderHardwareAddress ?? '?', broadcast };
}
