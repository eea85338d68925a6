// @ts-check
// Questions and answers of ARP on one link, by a packet socket of SOCK_DGRAM: the kernel writes and takes off the
// Ethernet header. RFC 826, packet(7).
import { AF_PACKET, ETH_P_ARP, PACKET_BROADCAST, PACKET_OUTGOING, SOCK_DGRAM, Socket } from 'sys-socket';
import { arp, decodePacket, encodePacket, findLayer } from 'sys-socket/packet';

const REQUEST = 1;
const REPLY = 2;
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
 * Who has an address, to be sent. Without `from` it is a probe (RFC 5227), which tells nobody a new address.
 * @param {import('./interface.js').Interface & { mac: string }} link
 * @param {string} address @param {string} [from] the own address @param {string} [to] the host that is asked; all
 */
export function question({ ifindex, mac }, address, from = '0.0.0.0', to = BROADCAST) {
  const sender = { senderHardwareAddress: mac, senderProtocolAddress: from };
  const data = encodePacket([arp({ operation: REQUEST, ...sender, targetProtocolAddress: address })]);
  return { data, to: { family: AF_PACKET, ifindex, protocol: ETH_P_ARP, address: to } };
}

/**
 * What a packet answers: an address, and whose it is.
 * @param {import('sys-socket').Datagram} datagram
 */
export function answerOf({ data, address: from }) {
  if (from === undefined || !('pkttype' in from) || from.pkttype === PACKET_OUTGOING) return undefined;
  const message = findLayer(decodePacket(data, { first: 'arp' }), 'arp');
  if (message?.operation !== REPLY) return undefined;
  const { senderProtocolAddress: address, senderHardwareAddress: mac } = message;
  return { address, mac, broadcast: from.pkttype === PACKET_BROADCAST };
}
