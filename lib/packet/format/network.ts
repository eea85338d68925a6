/** Formats IP headers. */
import type { Ipv4 } from '../layers/ipv4.ts';
import type { Ipv6 } from '../layers/ipv6.ts';
import type { Fragment } from '../layers/ipv6-fragment.ts';
import type { Routing } from '../layers/ipv6-routing.ts';
import { bytesText, hex, list, named, optionsText, PROTOCOLS, sumText } from './words.ts';

export function ipv4Line(layer: Ipv4): string {
  return list(
    `${layer.sourceAddress} > ${layer.destinationAddress}`,
    named(PROTOCOLS, layer.protocol),
    `ttl ${layer.timeToLive}`,
    `id ${layer.identification}`,
    layer.reserved && 'reserved flag',
    layer.dontFragment && 'DF',
    layer.moreFragments && 'MF',
    (layer.fragmentOffset > 0 || layer.moreFragments) && `fragment at ${8 * layer.fragmentOffset}`,
    layer.dscp > 0 && `dscp ${layer.dscp}`,
    layer.ecn > 0 && `ecn ${layer.ecn}`,
    `length ${layer.totalLength}`,
    optionsText(layer.options),
    sumText(layer.headerChecksum, layer.checksumOk),
  );
}

export function routingLine(layer: Routing): string {
  return list(
    `type ${layer.routingType}`,
    `${layer.segmentsLeft} segments left`,
    layer.addresses.join(' '),
    layer.data.length > 0 && `data ${bytesText(layer.data)}`,
    named(PROTOCOLS, layer.nextHeader),
  );
}

export function ipv6Line(layer: Ipv6): string {
  return list(
    `${layer.sourceAddress} > ${layer.destinationAddress}`,
    named(PROTOCOLS, layer.nextHeader),
    `hop limit ${layer.hopLimit}`,
    layer.trafficClass > 0 && `class ${hex(layer.trafficClass, 2)}`,
    layer.flowLabel > 0 && `flow ${hex(layer.flowLabel, 5)}`,
    `length ${layer.payloadLength}`,
  );
}

export function fragmentLine(layer: Fragment): string {
  return list(
    `at ${8 * layer.fragmentOffset}`,
    layer.moreFragments && 'more follow',
    `id ${hex(layer.identification, 8)}`,
    named(PROTOCOLS, layer.nextHeader),
  );
}
