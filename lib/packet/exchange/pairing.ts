/**
 * Matches answers to requests: the key that a request and its answers have in common, and the fields that must agree as
 * well.
 */
import { AF_INET6 } from '../../native/constants.ts';
import { inet_ntop, inet_pton } from '../../struct/inet.ts';
import { get16, get32 } from '../bytes/bytes.ts';
import type { Layer } from '../layers/layer.ts';
import { fieldsOf, type OwnLayer, typeOf } from '../layers/layer-type.ts';

export type Seen = Layer | OwnLayer;
type Of<Name extends Layer['layer']> = Extract<Layer, { layer: Name }>;

/** The ICMP type of the answer to each type of request. */
const REPLIES: ReadonlyMap<number, number> = new Map([
  [8, 0],
  [13, 14],
  [15, 16],
  [17, 18],
  [42, 43],
]);
const REPLIES6: ReadonlyMap<number, number> = new Map([
  [128, 129],
  [133, 134],
  [135, 136],
  [160, 161],
]);
/** The ICMP types that quote the packet that could not be delivered. */
const ERRORS: ReadonlySet<number> = new Set([3, 11, 12]);
const ERRORS6: ReadonlySet<number> = new Set([1, 2, 3, 4]);

const ARP_REQUEST = 1;
const ARP_REPLY = 2;
const ROUTER_SOLICITATION = 133;
const NEIGHBOR_SOLICITATION = 135;
const TCP = 6;
/** Replaces an unknown, multicast or broadcast address: the answer may come from any host. */
const ANY = '*';

/** The destination that stands for this host, which answers from another address. A port may follow it. */
const THIS_HOST = /^(?:0\.0\.0\.0|::)(?: |$)/;

/** How the packets of a socket are interpreted. */
export interface Reading {
  /** Whether the kernel replaces the identifier of echo requests, as a ping socket does. */
  readonly hasOtherIdentifier: boolean;
}

/** Returns the index of the first layer that an ICMP error quotes, or -1 if there is no ICMP error. */
export function quoteAt(layers: readonly Seen[]): number {
  const at = layers.findIndex(
    (layer) =>
      (layer.layer === 'icmp' && ERRORS.has((layer as Of<'icmp'>).type)) ||
      (layer.layer === 'icmpv6' && ERRORS6.has((layer as Of<'icmpv6'>).type)),
  );
  return at < 0 ? -1 : at + 1;
}

/** Returns the last of these layers, which is that of the innermost packet. */
function last<Name extends Layer['layer']>(layers: readonly Seen[], ...names: Name[]): Of<Name> | undefined {
  return layers.findLast(({ layer }) => (names as string[]).includes(layer)) as Of<Name> | undefined;
}

/** Returns the addresses in the innermost IP header of a packet. */
export function addressesOf(layers: readonly Seen[]): { source?: string; destination?: string } {
  const header = last(layers, 'ipv4', 'ipv6');
  return header === undefined ? {} : { source: header.sourceAddress, destination: header.destinationAddress };
}

/** Returns an address in the notation that decoders produce. */
export function canonical(address: string): string {
  const bytes = address.includes(':') ? inet_pton(AF_INET6, address) : undefined;
  return bytes === undefined ? address : inet_ntop(AF_INET6, bytes);
}

/**
 * Returns the address from which the answer must come, if there is only one: the destination in the packet or that of
 * the socket.
 */
function target(layers: readonly Seen[], to: string | undefined): string {
  const address = addressesOf(layers).destination ?? to;
  const broadcast = last(layers, 'ethernet')?.destination === 'ff:ff:ff:ff:ff:ff';
  if (address === undefined || broadcast) return ANY;
  const isMany = address.includes(':') ? /^ff/i.test(address) : Number.parseInt(address, 10) >= 224;
  const own = canonical(address);
  return isMany || THIS_HOST.test(own) ? ANY : own;
}

/** Returns the key of a request, or undefined for a packet whose answers cannot be recognized. */
export function requestKey(layers: readonly Seen[], to: string | undefined, reading: Reading): string | undefined {
  const asked = last(layers, 'arp', 'icmp', 'icmpv6', 'tcp', 'udp', 'sctp');
  switch (asked?.layer) {
    case 'arp':
      return asked.operation === ARP_REQUEST ? `arp ${asked.targetProtocolAddress}` : undefined;
    case 'icmp':
      return REPLIES.has(asked.type) ? `${echoKey(asked, asked.type, reading)}@${target(layers, to)}` : undefined;
    case 'icmpv6':
      if (!REPLIES6.has(asked.type)) return undefined;
      return discoveryKey(asked, asked.type) ?? `${echoKey(asked, asked.type, reading)}@${target(layers, to)}`;
    case 'tcp':
    case 'udp':
    case 'sctp':
      return `${asked.layer} ${asked.sourcePort} ${asked.destinationPort}@${target(layers, to)}`;
    default:
      return otherKey(layers, target(layers, to));
  }
}

/** Returns the keys of the requests that a packet may answer. The most specific one comes first. */
export function replyKeys(layers: readonly Seen[], from: string | undefined, reading: Reading): string[] {
  const answer = last(layers, 'arp', 'icmp', 'icmpv6', 'tcp', 'udp', 'sctp');
  const source = addressesOf(layers).source ?? from;
  const both = (key: string) =>
    source === undefined ? [`${key}@${ANY}`] : [`${key}@${canonical(source)}`, `${key}@${ANY}`];
  switch (answer?.layer) {
    case 'arp':
      return answer.operation === ARP_REPLY ? [`arp ${answer.senderProtocolAddress}`] : [];
    case 'icmp':
    case 'icmpv6': {
      const types = answer.layer === 'icmp' ? REPLIES : REPLIES6;
      for (const [request, reply] of types) {
        if (reply !== answer.type) continue;
        const discovery = answer.layer === 'icmpv6' ? discoveryKey(answer, request) : undefined;
        return discovery === undefined ? both(echoKey(answer, request, reading)) : [discovery];
      }
      return [];
    }
    case 'tcp':
    case 'udp':
    case 'sctp':
      return both(`${answer.layer} ${answer.destinationPort} ${answer.sourcePort}`);
    default: {
      const key = otherKey(layers, '');
      return key === undefined ? [] : both(key.slice(0, -1));
    }
  }
}

/**
 * Returns the keys of the request that an ICMP error quotes. The most specific one comes first; the second one is that
 * of a request without a destination, on a connected socket. The quotation may contain only the first 8 bytes of the
 * request's payload.
 */
export function quotedKeys(
  quote: readonly Seen[],
  to: string | undefined,
  reading: Reading,
  first: Layer['layer'] | 'ip',
): string[] {
  const data = last(quote, 'payload')?.data;
  const isCut = last(quote, 'tcp', 'udp', 'icmp', 'icmpv6') === undefined && data !== undefined && data.length >= 8;
  const header = last(quote, 'ipv4', 'ipv6');
  const protocol = header?.layer === 'ipv4' ? header.protocol : header?.nextHeader;
  const isTcp = protocol === TCP || (header === undefined && first === 'tcp');
  const key =
    isCut && isTcp ? `tcp ${get16(data, 0)} ${get16(data, 2)}@${target(quote, to)}` : requestKey(quote, to, reading);
  return key === undefined ? [] : [key, key.replace(/@.*/, `@${ANY}`)];
}

/** Returns the sequence number of the TCP segment that an ICMP error quotes. */
function quotedSequence(quote: readonly Seen[]): number | undefined {
  const data = last(quote, 'payload')?.data;
  return last(quote, 'tcp')?.sequenceNumber ?? (data !== undefined && data.length >= 8 ? get32(data, 4) : undefined);
}

function echoKey(message: Of<'icmp'> | Of<'icmpv6'>, request: number, { hasOtherIdentifier }: Reading): string {
  const { layer, identifier = message.restOfHeader >>> 16, sequenceNumber = message.restOfHeader & 0xffff } = message;
  return `${layer} ${request} ${hasOtherIdentifier ? ANY : identifier} ${sequenceNumber}`;
}

/**
 * Returns the key of a neighbor discovery request. The advertisement contains the requested address, whoever sends it.
 */
function discoveryKey(message: Of<'icmpv6'>, request: number): string | undefined {
  if (request === ROUTER_SOLICITATION) return 'router';
  return request === NEIGHBOR_SOLICITATION ? `neighbor ${message.targetAddress}` : undefined;
}

/**
 * Returns the key of any other packet: the IP protocol, a layer of the program, or the peer of the socket for plain
 * data.
 */
function otherKey(layers: readonly Seen[], address: string): string | undefined {
  const header = last(layers, 'ipv4', 'ipv6');
  if (header !== undefined) {
    const protocol = header.layer === 'ipv4' ? header.protocol : header.nextHeader;
    return `ip ${protocol}@${address}`;
  }
  const own = layers.findLast((layer) => typeOf(layer) !== undefined);
  if (own !== undefined) return `own ${own.layer}@${address}`;
  return layers.every(({ layer }) => layer === 'payload') ? `data@${address}` : undefined;
}

/** Returns whether a packet with the key of a request also agrees with it in all other fields. */
export function isReply(request: readonly Seen[], reply: readonly Seen[]): boolean {
  const { source } = addressesOf(request);
  const { destination } = addressesOf(reply);
  const isKnown = source !== undefined && source !== '0.0.0.0' && source !== '::';
  if (isKnown && destination !== undefined && source !== destination && target(reply, undefined) !== ANY) return false;
  const [asked, answer] = [last(request, 'tcp'), last(reply, 'tcp')];
  if (asked !== undefined && answer !== undefined && !acknowledges(asked, answer)) return false;
  return request.every((layer) => answersOwn(layer, reply));
}

/** Returns whether a segment answers another one: it acknowledges it, or it is a RST for what that acknowledges. */
function acknowledges(asked: Of<'tcp'>, answer: Of<'tcp'>): boolean {
  if (!answer.ack) return answer.rst && asked.ack && answer.sequenceNumber === asked.acknowledgmentNumber;
  const by = (answer.acknowledgmentNumber - asked.sequenceNumber) >>> 0;
  return asked.syn || asked.fin ? by >= 1 && by <= 65536 : by <= 65535;
}

/** Returns whether the `answers` method of a layer of the program accepts the answer. */
function answersOwn(layer: Seen, reply: readonly Seen[]): boolean {
  const type = typeOf(layer);
  const answers = type?.definition.answers;
  if (type === undefined || answers === undefined) return true;
  const answer = reply.findLast((one) => typeOf(one) === type) as OwnLayer | undefined;
  return answer !== undefined && answers(fieldsOf(layer as OwnLayer), fieldsOf(answer)) === true;
}

/** Returns whether an ICMP error with the key of a request is about this request. */
export function isAbout(request: readonly Seen[], quote: readonly Seen[]): boolean {
  const sequence = last(request, 'tcp')?.sequenceNumber;
  return sequence === undefined || (quotedSequence(quote) ?? sequence) === sequence;
}
