/** Formats the headers of tunnels, IPsec, multicast groups and SCTP. */
import type { Gre } from '../layers/gre.ts';
import type { Igmp } from '../layers/igmp.ts';
import type { Ah, Esp } from '../layers/ipsec.ts';
import type { Mpls } from '../layers/mpls.ts';
import type { Pppoe } from '../layers/pppoe.ts';
import type { Sctp } from '../layers/sctp.ts';
import type { Geneve, Vxlan } from '../layers/vxlan.ts';
import { etherTypeText } from './link.ts';
import { bytesText, hex, list, type NumberNames, named, PROTOCOLS, sumText } from './words.ts';

const CODES: NumberNames = { 0: 'session', 7: 'PADO', 9: 'PADI', 25: 'PADR', 101: 'PADS', 167: 'PADT' };
const IGMP_TYPES: NumberNames = {
  17: 'query',
  18: 'report v1',
  22: 'report v2',
  23: 'leave',
  34: 'report v3',
};

export function mplsLine({ entries }: Mpls): string {
  return list(
    ...entries.map(({ label, trafficClass, timeToLive, bottomOfStack }) =>
      list(
        `label ${label}`,
        trafficClass > 0 && `class ${trafficClass}`,
        `ttl ${timeToLive}`,
        bottomOfStack && 'bottom',
      ),
    ),
  );
}

export function pppoeLine(layer: Pppoe): string {
  return list(named(CODES, layer.code, hex(layer.code, 2)), `session ${layer.sessionId}`, `length ${layer.length}`);
}

export function greLine(layer: Gre): string {
  return list(
    layer.version > 0 && `version ${layer.version}`,
    etherTypeText(layer.protocol),
    layer.key !== undefined && `key ${hex(layer.key, 8)}`,
    layer.sequenceNumber !== undefined && `seq ${layer.sequenceNumber}`,
    layer.acknowledgmentNumber !== undefined && `ack ${layer.acknowledgmentNumber}`,
    layer.checksum !== undefined && sumText(layer.checksum, layer.checksumOk),
  );
}

export function vxlanLine(layer: Vxlan): string {
  return `network ${layer.vni}`;
}

export function geneveLine(layer: Geneve): string {
  return list(
    `network ${layer.vni}`,
    etherTypeText(layer.protocol),
    ...layer.options.map(
      ({ optionClass, type, data }) => `option ${hex(optionClass, 4)}/${hex(type, 2)} ${bytesText(data)}`,
    ),
  );
}

export function ahLine(layer: Ah): string {
  return list(
    `spi ${hex(layer.spi, 8)}`,
    `seq ${layer.sequenceNumber}`,
    layer.icv.length > 0 && `icv ${bytesText(layer.icv)}`,
    named(PROTOCOLS, layer.nextHeader),
  );
}

export function espLine(layer: Esp): string {
  return list(`spi ${hex(layer.spi, 8)}`, `seq ${layer.sequenceNumber}`);
}

export function igmpLine(layer: Igmp): string {
  const { records = [], sources = [] } = layer;
  return list(
    named(IGMP_TYPES, layer.type, hex(layer.type, 2)),
    layer.groupAddress,
    layer.maxResponseCode > 0 && `max response ${layer.maxResponseCode}`,
    sources.length > 0 && `sources ${sources.join(' ')}`,
    ...records.map((record) => `record ${record.type} of ${[record.groupAddress, ...record.sources].join(' ')}`),
    sumText(layer.checksum, layer.checksumOk),
  );
}

export function sctpLine(layer: Sctp, pending: boolean): string {
  return list(
    `${layer.sourcePort} > ${layer.destinationPort}`,
    `tag ${hex(layer.verificationTag, 8)}`,
    sumText(layer.checksum, layer.checksumOk, pending, 8),
  );
}
