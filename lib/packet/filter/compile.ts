/** Filter expressions compiled to BPF programs: pcap-filter(7), pcap_compile(3PCAP). */

import {
  AF_INET6,
  BPF_JEQ,
  BPF_JGE,
  BPF_JGT,
  BPF_JSET,
  ETH_P_802_2,
  ETH_P_802_3,
  ETH_P_8021AD,
  ETH_P_8021Q,
  ETH_P_ARP,
  ETH_P_IP,
  ETH_P_IPV6,
  ETH_P_IPX,
  ETH_P_QINQ1,
  ETH_P_RARP,
  IPPROTO_FRAGMENT,
  IPPROTO_ICMP,
  IPPROTO_ICMPV6,
  IPPROTO_IGMP,
  IPPROTO_SCTP,
  IPPROTO_TCP,
  IPPROTO_UDP,
  PACKET_OUTGOING,
  SKF_AD_OFF,
  SKF_AD_VLAN_TAG,
} from '../../posix/constants.ts';
import { invalidType, invalidValue, outOfRange } from '../../posix/errno.ts';
import type { FilterInstruction } from '../../posix/filter.ts';
import { namesOf, onlyKnown } from '../../posix/known-names.ts';
import { object } from '../../posix/snapshot.ts';
import { get16, get32, uint32 } from '../bytes.ts';
import { LINKTYPE_ETHERNET, LINKTYPE_LINUX_SLL2 } from '../linktype.ts';
import { putHardware } from '../text.ts';
import { Graph, type Node, programOf } from './graph.ts';
import { LINKS, type Link } from './link.ts';
import { LENGTH, type Load, load, loadBehind, remembered, TAG_TAKEN } from './load.ts';
import type { Direction, FilterExpression, HeaderName, Relation } from './match.ts';
import { compiledFor } from './program-link.ts';

/**
 * What `compileFilter` may be told.
 *
 * @see https://man7.org/linux/man-pages/man3/pcap_compile.3pcap.html
 */
export interface CompileOptions {
  /** A LINKTYPE_ number: what packets begin with; LINKTYPE_ETHERNET unless given. */
  linktype?: number | undefined;
  /** How many bytes are kept of a packet that passes; 262144 unless given, as with tcpdump. */
  snaplen?: number | undefined;
}

const NAMES = namesOf<CompileOptions>({ linktype: true, snaplen: true });

const SNAPLEN = 262144;
/** More words than a program can hold. Parts that are used again count each time. */
const MOST_WORDS = 10_000;
const TAG = 4;
/** The longest frame of 802.3: greater numbers in its place are EtherTypes. */
const LARGEST_LENGTH = 1500;
/** NetBEUI and ISO: these frames have the same point as the source. */
const BOTH_POINTS: readonly number[] = [0xf0, 0xfe];
const IPX_POINT = 0xe0;
const TRANSPORTS = [IPPROTO_SCTP, IPPROTO_TCP, IPPROTO_UDP];

/** Which headers stand for which protocol of IP. */
const PROTOCOLS: { readonly [Name in HeaderName]?: number } = {
  tcp: IPPROTO_TCP,
  udp: IPPROTO_UDP,
  sctp: IPPROTO_SCTP,
  icmp: IPPROTO_ICMP,
  igmp: IPPROTO_IGMP,
};
const ETHER_TYPES: { readonly [Name in HeaderName]?: number } = {
  ip: ETH_P_IP,
  ip6: ETH_P_IPV6,
  arp: ETH_P_ARP,
  rarp: ETH_P_RARP,
};

/** A part of the program: it makes the nodes before `yes` and `no`. */
type Part = (yes: Node, no: Node) => Node;

/** Compiles one expression. What stands behind VLAN tags is where the number of tags before it in the text tells. */
class Compiler {
  readonly graph = new Graph();
  readonly #linktype: number;
  readonly #isEthernet: boolean;
  /** The VLAN tags asked for so far in the expression. */
  #tags = 0;
  #words = 0;

  constructor(linktype: number) {
    this.#linktype = linktype;
    this.#isEthernet = linktype === LINKTYPE_ETHERNET;
  }

  /** What is known of the link type. What asks for nothing of the packet, as an empty expression, needs none. */
  get #link(): Link {
    const link = LINKS.get(this.#linktype);
    if (link === undefined) {
      const known = [...LINKS.keys()].join(', ');
      throw invalidValue('linktype', `one of those that filters are compiled for (${known})`);
    }
    return link;
  }

  #equal(from: Load, ...values: number[]): Part {
    return (yes, no) => {
      return values.reduceRight((otherwise, k) => {
        return this.graph.test(from, { operation: BPF_JEQ, k }, yes, otherwise);
      }, no);
    };
  }

  #compare(from: Load, relation: Relation, k: number): Part {
    const test = (operation: number) => (yes: Node, no: Node) => this.graph.test(from, { operation, k }, yes, no);
    const swapped = (operation: number) => (yes: Node, no: Node) => this.graph.test(from, { operation, k }, no, yes);
    switch (relation) {
      case '=':
        return test(BPF_JEQ);
      case '!=':
        return swapped(BPF_JEQ);
      case '>':
        return test(BPF_JGT);
      case '>=':
        return test(BPF_JGE);
      case '<':
        return swapped(BPF_JGE);
      case '<=':
        return swapped(BPF_JGT);
    }
  }

  #all(...parts: readonly Part[]): Part {
    return (yes, no) => parts.reduceRight((next, part) => part(next, no), yes);
  }

  #any(...parts: readonly Part[]): Part {
    return (yes, no) => parts.reduceRight((otherwise, part) => part(yes, otherwise), no);
  }

  /** A part that depends on how far the tags move it. One of them may have been taken out of the packet. */
  #behindTags(part: (moved: number) => Part): Part {
    const tags = this.#tags;
    if (tags === 0) return part(0);
    return (yes, no) => {
      const taken = part((tags - 1) * TAG)(yes, no);
      return this.graph.test(TAG_TAKEN, { operation: BPF_JEQ, k: 1 }, taken, part(tags * TAG)(yes, no));
    };
  }

  /**
   * Numbers that are no EtherTypes tell the service access point to which an 802.2 frame is addressed. In place of the
   * length cooked packets have ETH_P_802_2 for such frames.
   */
  #serviceAccessPoint(field: Load, moved: number, point: number): Part {
    if (this.#linktype === LINKTYPE_LINUX_SLL2) return this.#equal(field, point);
    const at = this.#network(moved);
    const isFrame: Part = this.#isEthernet
      ? (yes, no) => this.graph.test(field, { operation: BPF_JGT, k: LARGEST_LENGTH }, no, yes)
      : this.#equal(field, ETH_P_802_2);
    const addressed = this.#equal(load(at, 1), point);
    if (BOTH_POINTS.includes(point)) return this.#all(isFrame, this.#equal(load(at, 2), (point << 8) | point));
    if (point !== IPX_POINT) return this.#all(isFrame, addressed);
    // IPX is sent in frames of 802.2 and SNAP, in raw ones of 802.3, and under an EtherType.
    const snap = this.#all(this.#equal(load(at, 4), 0xaaaa0300), this.#equal(load(at + 4, 4), ETH_P_IPX));
    if (!this.#isEthernet) {
      return this.#any(this.#equal(field, ETH_P_802_3, ETH_P_IPX), this.#all(isFrame, this.#any(addressed, snap)));
    }
    const raw = this.#equal(load(at, 2), 0xffff);
    return this.#any(this.#equal(field, ETH_P_IPX), this.#all(isFrame, this.#any(addressed, raw, snap)));
  }

  #etherType(moved: number, ...types: number[]): Part {
    const { etherType, versions } = this.#link;
    if (etherType !== undefined) {
      const field = remembered(etherType + moved, 2);
      const [type] = types as [number];
      return type > LARGEST_LENGTH ? this.#equal(field, ...types) : this.#serviceAccessPoint(field, moved, type);
    }
    const wanted = versions!.filter((version) => types.includes(version === 4 ? ETH_P_IP : ETH_P_IPV6));
    if (wanted.length === 0) return (_yes, no) => no;
    if (wanted.length === versions!.length) return (yes) => yes;
    return this.#equal(remembered(0, 1, 0xf0), ...wanted.map((version) => version << 4));
  }

  #network(moved: number): number {
    return this.#link.network + moved;
  }

  #protocol(moved: number, over: number, ...protocols: number[]): Part {
    const network = this.#network(moved);
    const field = remembered(network + (over === ETH_P_IP ? 9 : 6), 1);
    return this.#all(this.#etherType(moved, over), this.#equal(field, ...protocols));
  }

  #anyProtocol(moved: number, protocol: number, over: 'ip' | 'ip6' | 'any'): Part {
    const behindFragment = this.#all(
      this.#protocol(moved, ETH_P_IPV6, IPPROTO_FRAGMENT),
      this.#equal(remembered(this.#network(moved) + 40, 1), protocol),
    );
    const six = this.#any(this.#protocol(moved, ETH_P_IPV6, protocol), behindFragment);
    const four = this.#protocol(moved, ETH_P_IP, protocol);
    if (over === 'any') return this.#any(four, six);
    return over === 'ip' ? four : six;
  }

  /** Not a later fragment of IPv4. */
  #first(moved: number): Part {
    const field = remembered(this.#network(moved) + 6, 2);
    return (yes, no) => this.graph.test(field, { operation: BPF_JSET, k: 0x1fff }, no, yes);
  }

  /** One of two places or both, as the direction says. */
  #directed(direction: Direction, source: Part, destination: Part): Part {
    switch (direction) {
      case 'src':
        return source;
      case 'dst':
        return destination;
      case 'src or dst':
        return this.#any(source, destination);
      case 'src and dst':
        return this.#all(source, destination);
    }
  }

  #net({ family, address, mask, direction, over }: FilterExpression & { word: 'net' }, moved: number): Part {
    const network = this.#network(moved);
    const words = (at: number) => {
      const asked = address.map((word, i) => ({ word, bits: mask[i]!, from: at + 4 * i }));
      // A network of all addresses is asked for its first word, too: it must be there.
      const counting = asked.filter(({ bits }, i) => bits !== 0 || (i === 0 && family !== AF_INET6));
      return this.#all(...counting.map(({ word, bits, from }) => this.#equal(load(from, 4, bits), word)));
    };
    const at = (source: number, destination: number) => {
      return this.#directed(direction, words(network + source), words(network + destination));
    };
    if (family === AF_INET6) return this.#all(this.#etherType(moved, ETH_P_IPV6), at(8, 24));
    return this.#any(
      ...over.map((type) => {
        return this.#all(this.#etherType(moved, type), type === ETH_P_IP ? at(12, 16) : at(14, 24));
      }),
    );
  }

  #port({ from, to, direction }: FilterExpression & { word: 'port' }, moved: number): Part {
    const network = this.#network(moved);
    const inRange = (field: Load) => {
      if (from === to) return this.#equal(field, from);
      return this.#all(this.#compare(field, '>=', from), this.#compare(field, '<=', to));
    };
    const six = this.#directed(direction, inRange(load(network + 40, 2)), inRange(load(network + 42, 2)));
    const field = (at: number) => inRange(loadBehind(network, at, 2));
    const four = this.#directed(direction, field(network), field(network + 2));
    return this.#any(
      this.#all(this.#protocol(moved, ETH_P_IPV6, ...TRANSPORTS), six),
      this.#all(this.#protocol(moved, ETH_P_IP, ...TRANSPORTS), this.#first(moved), four),
    );
  }

  #etherHost({ address, direction }: FilterExpression & { word: 'ether host' }): Part {
    const bytes = new Uint8Array(6);
    putHardware(bytes, 0, address, 'address', 6);
    const at = (offset: number) => {
      const last = this.#equal(load(offset + 2, 4), get32(bytes, 2));
      return this.#all(last, this.#equal(load(offset, 2), get16(bytes, 0)));
    };
    return this.#directed(direction, at(6), at(0));
  }

  /** A tag; what comes after it in the expression is behind it. */
  #vlan(id: number | undefined): Part {
    const tags = this.#tags;
    const numbered = (from: Load) => (id === undefined ? this.#all() : this.#equal(from, id));
    const inPacket = (index: number) => {
      const type = this.#etherType(index * TAG, ETH_P_8021Q, ETH_P_8021AD, ETH_P_QINQ1);
      return this.#all(type, numbered(load(this.#network(index * TAG), 2, 0xfff)));
    };
    const taken = tags > 0 ? inPacket(tags - 1) : numbered(load(SKF_AD_OFF + SKF_AD_VLAN_TAG, 2, 0xfff));
    const present = this.#equal(TAG_TAKEN, 1);
    this.#tags += 1;
    return (yes, no) => present(taken(yes, no), inPacket(tags)(yes, no));
  }

  #bytes(expression: FilterExpression & { word: 'bytes' }, moved: number): Part {
    const { header, offset, size, mask, relation, value } = expression;
    const field = (from: Load) => this.#compare(from, relation, value);
    const network = this.#network(moved);
    const protocol = PROTOCOLS[header];
    if (header === 'ether') return field(load(offset, size, mask));
    if (header === 'icmp6') {
      const icmp6 = this.#protocol(moved, ETH_P_IPV6, IPPROTO_ICMPV6);
      return this.#all(icmp6, field(load(network + 40 + offset, size, mask)));
    }
    if (protocol === undefined) {
      return this.#all(this.#etherType(moved, ETHER_TYPES[header]!), field(load(network + offset, size, mask)));
    }
    const from = loadBehind(network, network + offset, size, mask);
    return this.#all(this.#protocol(moved, ETH_P_IP, protocol), this.#first(moved), field(from));
  }

  #needsEthernet(word: string): void {
    if (!this.#isEthernet) throw invalidValue('expression', `without '${word}', which is of Ethernet alone`);
  }

  /** The part of an expression. The order of calls is that of the text: a tag counts for what comes after it. */
  part(expression: FilterExpression): Part {
    if (++this.#words > MOST_WORDS) throw outOfRange('expression', `one of at most ${MOST_WORDS} words`);
    switch (expression.word) {
      case 'and':
        return this.#all(...expression.of.map((one) => this.part(one)));
      case 'or':
        return this.#any(...expression.of.map((one) => this.part(one)));
      case 'not': {
        const part = this.part(expression.of);
        return (yes, no) => part(no, yes);
      }
      case 'ether proto':
        return this.#behindTags((moved) => this.#etherType(moved, expression.etherType));
      case 'proto':
        return this.#behindTags((moved) => this.#anyProtocol(moved, expression.protocol, expression.over));
      case 'net':
        return this.#behindTags((moved) => this.#net(expression, moved));
      case 'port':
        return this.#behindTags((moved) => this.#port(expression, moved));
      case 'bytes':
        if (expression.header === 'ether') {
          this.#needsEthernet('ether[...]');
          return this.#bytes(expression, 0); // the link header stays where it is
        }
        return this.#behindTags((moved) => this.#bytes(expression, moved));
      case 'ether host':
        this.#needsEthernet(expression.word);
        return this.#etherHost(expression);
      case 'multicast':
        this.#needsEthernet(expression.word);
        return (yes, no) => this.graph.test(load(0, 1), { operation: BPF_JSET, k: 1 }, yes, no);
      case 'vlan':
        this.#needsEthernet(expression.word);
        return this.#vlan(expression.id);
      case 'len':
        return this.#compare(LENGTH, expression.relation, expression.value);
      case 'direction':
        return this.#compare(this.#link.pkttype, expression.outbound ? '=' : '!=', PACKET_OUTGOING);
      default:
        throw invalidType('expression', 'a filter expression');
    }
  }
}

/**
 * A BPF program that lets those packets through which an expression tells: pcap_compile(3PCAP).
 *
 * Of packets that pass, `snaplen` bytes are kept. A packet that ends before a byte that is asked for is dropped, also
 * within `not`.
 *
 * @param expression What the functions of `match` make, or `parseFilter`.
 * @param options `linktype`, `snaplen`.
 * @returns The instructions, for `attachFilter` and `offlineFilter`.
 * @throws TypeError for what is no expression, a link type without such, or words that a link type has no meaning for;
 *   RangeError for one that is too long for BPF.
 * @example
 * const filter = compileFilter(match.and(match.tcp(), match.port(80), match.not(match.host('10.0.0.1'))), { snaplen: 96 });
 * attachFilter(socket(AF_INET, SOCK_DGRAM), filter); // openCapture({ filter }) takes the expression
 * @see https://man7.org/linux/man-pages/man3/pcap_compile.3pcap.html
 */
export function compileFilter(expression: FilterExpression, options?: CompileOptions): FilterInstruction[] {
  if (options !== undefined) onlyKnown(object(options, 'options'), NAMES, 'options');
  const linktype = options?.linktype ?? LINKTYPE_ETHERNET;
  const compiler = new Compiler(linktype);
  const keep = uint32(options?.snaplen, 'options.snaplen', SNAPLEN);
  if (typeof expression !== 'object' || expression === null) throw invalidType('expression', 'a filter expression');
  const part = compiler.part(expression);
  const dropped = compiler.graph.end(0);
  return compiledFor(programOf(part(compiler.graph.end(keep), dropped)), linktype);
}
