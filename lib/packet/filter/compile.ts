/** Compiles filter expressions to BPF programs: pcap-filter(7), pcap_compile(3PCAP). */
import { invalidValue, outOfRange } from '../../argument/argument-error.ts';
import { namesOf, onlyKnown } from '../../argument/known-names.ts';
import { assertObject } from '../../argument/snapshot.ts';
import type { FilterInstruction } from '../../posix/filter.ts';
import { get32, uint32 } from '../bytes/bytes.ts';
import { putIpv4 } from '../bytes/text.ts';
import { LINKTYPE_ETHERNET } from '../layers/linktype.ts';
import { comparison } from './arithmetic.ts';
import { ENTER } from './encapsulation.ts';
import type { FilterExpression, Word } from './expression.ts';
import { Graph, type Node } from './graph.ts';
import { grouped, MOST_WORDS } from './grouped.ts';
import { LINKS, type Link } from './link.ts';
import { linkTypeIs } from './link-type.ts';
import { decnetHost, direction, etherHost, interfaceIs, isoProtocol, llc, multicast } from './link-words.ts';
import { ipBroadcast, net, port, protocol } from './network-words.ts';
import { all, any, not, type Part } from './part.ts';
import { checked, instructionsOf } from './program.ts';
import { compiledFor } from './program-link.ts';
import { noExpression } from './refusal.ts';
import { behind, pathsOf, type Scope, type Scopes, within } from './scope.ts';
import { isSatisfiable, simplified } from './simplify.ts';
import { wlan } from './wlan-words.ts';

/**
 * The options of `compileFilter`.
 *
 * @see https://man7.org/linux/man-pages/man3/pcap_compile.3pcap.html
 */
export interface CompileOptions {
  /** The link type of the packets, a LINKTYPE_ number. The default is LINKTYPE_ETHERNET. */
  linktype?: number | undefined;
  /** The number of bytes to keep of an accepted packet. The default is 262144, as in tcpdump. */
  snaplen?: number | undefined;
  /** The netmask of the IPv4 network, such as `'255.255.255.0'`. `ip broadcast` requires it. */
  netmask?: string | undefined;
}

const NAMES = namesOf<CompileOptions>({ linktype: true, snaplen: true, netmask: true });

const SNAPLEN = 262144;
/** More levels might exhaust the stack. */
const DEEPEST = 1000;
/** Each `geneve` multiplies the number of paths through the headers. */
const MOST_PATHS = 300;

/**
 * Compiles one expression. The position of the headers depends on the tags and tunnels that occur earlier in the
 * expression.
 */
class Compiler {
  readonly #linktype: number;
  readonly #netmask: number | undefined;
  readonly #isFile: boolean;
  #ways: Scopes | undefined = undefined;
  #words = 0;
  #depth = 0;

  constructor(linktype: number, netmask: number | undefined, isFile: boolean) {
    this.#linktype = linktype;
    this.#netmask = netmask;
    this.#isFile = isFile;
  }

  /**
   * Returns the description of the link type. Expressions that do not read the packet, such as an empty one, do not
   * need it.
   */
  get #link(): Link {
    const link = LINKS.get(this.#linktype);
    if (link === undefined) {
      const known = [...LINKS.keys()].join(', ');
      throw invalidValue('linktype', `a link type that filters can be compiled for (${known})`);
    }
    return link;
  }

  /** Returns the paths through the headers at the beginning. In a file, all tags are still in the packet. */
  get #start(): Scopes {
    const { scopes } = this.#link;
    return this.#isFile ? behind(scopes, (scope) => ({ ...scope, isCaptured: false })) : scopes;
  }

  #within(part: (scope: Scope) => Part): Part {
    this.#ways ??= this.#start;
    return within(this.#ways, part);
  }

  /** Compiles a tag or a tunnel. The rest of the expression applies to the packet inside it. */
  #enter(asked: Word<'vlan' | 'mpls' | 'pppoes' | 'geneve'>): Part {
    const enter = ENTER[asked.word];
    const part = this.#within((scope) => enter(scope, asked).part);
    this.#ways = behind(this.#ways!, (scope) => enter(scope, asked).scopes);
    const paths = pathsOf(this.#ways);
    if (paths > MOST_PATHS) {
      const places = `the headers after them would be at ${paths} places`;
      throw outOfRange('expression', `an expression with fewer tunnels one after the other: ${places}`);
    }
    return part;
  }

  #compare(asked: Word<'compare'>): Part {
    // Comparisons of numbers that do not come from a header work for any link type.
    const isPlain = typeof asked.left !== 'object' && typeof asked.right !== 'object';
    return isPlain ? comparison(NOWHERE, asked) : this.#within((scope) => comparison(scope, asked));
  }

  /** Compiles an expression. The calls follow the order of the text, because a tag applies to everything after it. */
  part(expression: FilterExpression): Part {
    if (++this.#words > MOST_WORDS) throw outOfRange('expression', `an expression of at most ${MOST_WORDS} words`);
    if (++this.#depth > DEEPEST) throw outOfRange('expression', `an expression nested at most ${DEEPEST} times`);
    const part = this.#part(expression);
    this.#depth--;
    return part;
  }

  #part(expression: FilterExpression): Part {
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
        throw noExpression();
    }
  }
}

/** The scope of comparisons that use no header. */
const NOWHERE: Scope = {
  ...{ kind: 'ip', link: { at: 0 }, type: { at: 0 }, payload: { at: 0 } },
  ...{ network: 0, bare: 0, labels: 0, isCaptured: false },
};

/**
 * Returns the program of a graph. Tests whose outcome is known are omitted, unless that needs more loads than it saves.
 * If no packet can match, nothing else remains than its end.
 */
function programOf(graph: Graph, entry: Node): FilterInstruction[] {
  const better = simplified(graph, entry);
  if (!isSatisfiable(better)) return instructionsOf(graph.end(0));
  const program = instructionsOf(entry);
  if (better === entry) return checked(program);
  const other = instructionsOf(better);
  return checked(other.length < program.length ? other : program);
}

function maskOf(netmask: unknown): number | undefined {
  if (netmask === undefined) return undefined;
  const bytes = new Uint8Array(4);
  putIpv4(bytes, 0, netmask as string, 'options.netmask');
  return get32(bytes, 0);
}

/**
 * Compiles an expression to a BPF program that accepts the packets it describes: pcap_compile(3PCAP).
 *
 * The program keeps `snaplen` bytes of accepted packets. It drops a packet that ends before a byte that the expression
 * reads, even within `not`.
 *
 * @param expression The result of `parseFilter` or of the functions of `match`.
 * @param options The link type, the snapshot length and the netmask.
 * @returns The instructions, for `attachFilter` and `offlineFilter`.
 * @throws TypeError for an invalid expression, a link type that filters cannot be compiled for, and words that do not
 *   apply to the link type; RangeError for an expression that is too long for BPF.
 * @example
 * const filter = compileFilter(match.and(match.tcp(), match.port(80), match.not(match.host('10.0.0.1'))), { snaplen: 96 });
 * attachFilter(socket(AF_INET, SOCK_DGRAM), filter); // openCapture({ filter }) takes the expression
 * @see https://man7.org/linux/man-pages/man3/pcap_compile.3pcap.html
 */
export function compileFilter(expression: FilterExpression, options?: CompileOptions): FilterInstruction[] {
  return compiled(expression, options, false);
}

/** Compiles an expression for packets that the kernel filters, or for those of a file. */
export function compiled(
  expression: FilterExpression,
  options: CompileOptions | undefined,
  isFile: boolean,
): FilterInstruction[] {
  if (options !== undefined) onlyKnown(assertObject(options, 'options'), NAMES, 'options');
  const linktype = options?.linktype ?? LINKTYPE_ETHERNET;
  const compiler = new Compiler(linktype, maskOf(options?.netmask), isFile);
  const keep = uint32(options?.snaplen, 'options.snaplen', SNAPLEN);
  if (typeof expression !== 'object' || expression === null) throw noExpression();
  const part = compiler.part(expression);
  const graph = new Graph();
  const dropped = graph.end(0);
  return compiledFor(programOf(graph, part(graph, graph.end(keep), dropped)), linktype);
}
