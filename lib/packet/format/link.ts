/** Formats link-layer headers. */
import type { Arp } from '../layers/arp.ts';
import type { BsdLoopback } from '../layers/bsd-loopback.ts';
import type { Ethernet } from '../layers/ethernet.ts';
import type { LinuxSll, LinuxSll2 } from '../layers/linux-cooked.ts';
import type { Llc, Snap } from '../layers/llc.ts';
import type { Ppp } from '../layers/ppp.ts';
import type { Stp } from '../layers/stp.ts';
import type { Vlan } from '../layers/vlan.ts';
import { ETHER_TYPES, hex, list, type NumberNames, named } from './words.ts';

const ARP_OPERATIONS: NumberNames = {
  1: 'request',
  2: 'reply',
  3: 'RARP request',
  4: 'RARP reply',
};

const PACKET_TYPES: NumberNames = { 0: 'in', 1: 'broadcast', 2: 'multicast', 3: 'other host', 4: 'out' };
const FAMILIES: NumberNames = { 2: 'IPv4', 10: 'IPv6', 24: 'IPv6', 28: 'IPv6', 30: 'IPv6' };
const PPP_PROTOCOLS: NumberNames = {
  33: 'IPv4',
  87: 'IPv6',
  641: 'MPLS',
  32801: 'IPCP',
  32855: 'IPV6CP',
  49185: 'LCP',
  49187: 'PAP',
  49699: 'CHAP',
};
const POINTS: NumberNames = { 6: 'IPv4', 66: 'STP', 170: 'SNAP', 224: 'IPX', 240: 'NetBEUI', 254: 'ISO' };
const STP_TYPES: NumberNames = { 0: 'configuration', 2: 'rapid configuration', 128: 'topology change' };

/** Formats an EtherType together with its name. */
export const etherTypeText = (etherType: number): string => named(ETHER_TYPES, etherType, hex(etherType, 4));

const tagText = (tag: { vid: number; pcp: number; dei: boolean }): string =>
  list(`vlan ${tag.vid}`, tag.pcp > 0 && `pcp ${tag.pcp}`, tag.dei && 'dei');

export function ethernetLine(layer: Ethernet): string {
  return list(
    `${layer.source} > ${layer.destination}`,
    ...layer.tags.map(tagText),
    layer.etherType <= 1500 ? `802.3 length ${layer.etherType}` : etherTypeText(layer.etherType),
  );
}

export function vlanLine(layer: Vlan): string {
  return list(tagText(layer), etherTypeText(layer.etherType));
}

export function arpLine(layer: Arp): string {
  return list(
    named(ARP_OPERATIONS, layer.operation),
    `${layer.senderProtocolAddress} (${layer.senderHardwareAddress}) > ` +
      `${layer.targetProtocolAddress} (${layer.targetHardwareAddress})`,
  );
}

export function cookedLine(layer: LinuxSll | LinuxSll2): string {
  return list(
    PACKET_TYPES[layer.packetType] ?? `type ${layer.packetType}`,
    layer.layer === 'linuxSll2' && `interface ${layer.interfaceIndex}`,
    layer.address !== '' && `from ${layer.address}`,
    `hardware type ${layer.hardwareType}`,
    etherTypeText(layer.protocol),
  );
}

export function bsdLoopbackLine(layer: BsdLoopback): string {
  return named(FAMILIES, layer.family, `family ${layer.family}`);
}

export function pppLine(layer: Ppp): string {
  return named(PPP_PROTOCOLS, layer.protocol, hex(layer.protocol, 4));
}

export function llcLine(layer: Llc): string {
  const { dsap, ssap } = layer;
  return list(
    named(POINTS, dsap, hex(dsap, 2)),
    ssap !== dsap && `from ${hex(ssap, 2)}`,
    layer.control !== 3 && `control ${hex(layer.control, 2)}`,
  );
}

export function snapLine(layer: Snap): string {
  return list(`oui ${hex(layer.oui, 6)}`, layer.oui === 0 ? etherTypeText(layer.protocol) : hex(layer.protocol, 4));
}

export function stpLine(layer: Stp): string {
  return list(
    named(STP_TYPES, layer.type, `type ${layer.type}`),
    layer.version > 0 && `version ${layer.version}`,
    layer.rootAddress !== undefined && `root ${layer.rootPriority}/${layer.rootAddress}`,
    layer.rootPathCost !== undefined && `cost ${layer.rootPathCost}`,
    layer.bridgeAddress !== undefined && `bridge ${layer.bridgePriority}/${layer.bridgeAddress}`,
    layer.portIdentifier !== undefined && `port ${hex(layer.portIdentifier, 4)}`,
    layer.flags !== undefined && layer.flags > 0 && `flags ${hex(layer.flags, 2)}`,
  );
}
