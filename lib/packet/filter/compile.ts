/** Filter expressions compiled to BPF programs: pcap-filter(7), pcap_compile(3PCAP). */
import { invalidType, invalidValue, outOfRange } from '../../posix/errno.ts';
import type { FilterInstruction } from '../../posix/filter.ts';
import { namesOf, onlyKnown } from '../../posix/known-names.ts';
import { object } from '../../posix/snapshot.ts';
import { get32, uint32 } from '../bytes.ts';
import { LINKTYPE_ETHERNET } from '../linktype.ts';
import { putIpv4 } from '../text.ts';
import { comparison } from './arithmetic.ts';
import { ENTER } from './encapsulation.ts';
import type { FilterExpression, Word } from './expression.ts';
import { Graph } from './graph.ts';
import { grouped } from './grouped.ts';
import { LINKS, type Link } from './link.ts';
import { linkTypeIs } from './link-type.ts';
import { decnetHost, direction, etherHost, interfaceIs, isoProtocol, llc, multicast } from './link-words.ts';
import { ipBroadcast, net, port, protocol } from './network-words.ts';
import { all, any, not, type Part } from './part.ts';
import { programOf } from './program.ts';
import { compiledFor } from './program-link.ts';
import { behind, type Scope, type Scopes, within } from './scope.ts';
import { wlan } from './wlan-words.ts';

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
  /** The netmask of the network of IPv4, `'255.255.255.0'`: `ip broadcast` needs it. */
  netmask?: string | undefined;
}

const NAMES = namesOf<CompileOptions>({ linktype: true, snaplen: true, netmask: true });

const SNAPLEN = 262144;
/** More words than a program can hold. Parts that are used again count each time. */
const MOST_WORDS = 10_000;

/** Compiles one expression. Where headers are depends on the tags and tunnels that the text names before. */
class Compiler {
  readonly #linktype: number;
  readonly #netmask: number | undefined;
  #ways: Scopes | undefined = undefined;
  #words = 0;

  constructor(linktype: number, netmask: number | undefined) {
    this.#linktype = linktype;
    this.#netmask = netmask;
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

  #within(part: (scope: Scope) => Part): Part {
    this.#ways ??= this.#link.scopes;
    return within(this.#ways, part);
  }

  /** A tag or a tunnel: what comes after it in the expression is behind it. */
  #enter(asked: Word<'vlan' | 'mpls' | 'pppoes' | 'geneve'>): Part {
    const enter = ENTER[asked.word];
    const part = this.#within((scope) => enter(scope, asked).part);
    this.#ways = behind(this.#ways!, (scope) => enter(scope, asked).scopes);
    return part;
  }

  #compare(asked: Word<'compare'>): Part {
    // Numbers that are not from a header need no link type.
    const isPlain = typeof asked.left !== 'object' && typeof asked.right !== 'object';
    return isPlain ? comparison(NOWHERE, asked) : this.#within((scope) => comparison(scope, asked));
  }

  /** The part of an expression. The order of calls is that of the text: a tag counts for what comes after it. */
  part(expression: FilterExpression): Part {
    if (++this.#words > MOST_WORDS) throw outOfRange('expression', `one of at most ${MOST_WORDS} words`);
    switch (expression.word) {
      case 'and':
        return all(...grouped(expression).map((one) => this.part(one)));
      case 'or':
        return any(...grouped(expression).map((one) => this.part(one)));
      case 'not':
        return not(this.part(expression.of));
      case 'ether proto':
        return this.#within((scope) => linkTypeIs(scope, expression.etherType, expression));
      case 'proto':
        return this.#within((scope) => protocol(scope, expression));
      case 'iso proto':
        return this.#within((scope) => isoProtocol(scope, expression));
      case 'net':
        return this.#within((scope) => net(scope, expression));
      case 'ether host':
        return this.#within((scope) => etherHost(scope, expression));
      case 'decnet host':
        return this.#within((scope) => decnetHost(scope, expression));
      case 'port':
        return this.#within((scope) => port(scope, expression));
      case 'vlan':
      case 'mpls':
      case 'pppoes':
      case 'geneve':
        return this.#enter(expression);
      case 'llc':
        return this.#within((scope) => llc(scope, expression));
      case 'wlan':
        return this.#within((scope) => wlan(scope, expression));
      case 'compare':
        return this.#compare(expression);
      case 'direction':
        return direction(this.#link, expression);
      case 'ifindex':
        return interfaceIs(this.#link, expression);
      case 'multicast':
        return this.#within((scope) => multicast(scope, expression));
      case 'ip broadcast':
        return this.#within((scope) => ipBroadcast(scope, expression, this.#netmask));
      default:
        throw invalidType('expression', 'a filter expression');
    }
  }
}

/** Without any header. */
const NOWHERE: Scope = {
  ...{ kind: 'ip', link: { at: 0 }, type: { at: 0 }, payload: { at: 0 } },
  ...{ network: 0, bare: 0, labels: 0, isCaptured: false },
};

function maskOf(netmask: unknown): number | undefined {
  if (netmask === undefined) return undefined;
  const bytes = new Uint8Array(4);
  putIpv4(bytes, 0, netmask as string, 'options.netmask');
  return get32(bytes, 0);
}

/**
 * A BPF program that lets those packets through which an expression tells: pcap_compile(3PCAP).
 *
 * Of packets that pass, `snaplen` bytes are kept. A packet that ends before a byte that is asked for is dropped, also
 * within `not`.
 *
 * @param expression What the functions of `match` make, or `parseFilter`.
 * @param options `linktype`, `snaplen`, `netmask`.
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
  const compiler = new Compiler(linktype, maskOf(options?.netmask));
  const keep = uint32(options?.snaplen, 'options.snaplen', SNAPLEN);
  if (typeof expression !== 'object' || expression === null) throw invalidType('expression', 'a filter expression');
  const part = compiler.part(expression);
  const graph = new Graph();
  const dropped = graph.end(0);
  return compiledFor(programOf(part(graph, graph.end(keep), dropped)), linktype);
}
