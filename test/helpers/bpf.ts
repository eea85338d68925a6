/** BPF programs and filter expressions for tests, both judged by tcpdump. */
import { execFileSync, spawnSync } from 'node:child_process';
import fc from 'fast-check';
import type { FilterInstruction } from '../../lib/index.ts';
import { OPCODES } from '../../lib/packet/filter/instruction-text.ts';
import * as p from '../../lib/packet/index.ts';
import type { Need } from './need.ts';

const instruction = (code: fc.Arbitrary<number>, k: fc.Arbitrary<number>): fc.Arbitrary<FilterInstruction> =>
  fc.record({ code, jt: jump, jf: jump, k });
const jump = fc.oneof({ weight: 6, arbitrary: fc.nat(3) }, { weight: 1, arbitrary: fc.nat(255) });
const known = fc.constantFrom(...OPCODES.map(({ code }) => code));
const u32 = fc.nat(0xffffffff);
/** Numbers at the limits that the kernel checks: shifts, cells, divisors, ancillary offsets, jumps. */
const edge = fc.oneof(
  { weight: 6, arbitrary: fc.nat(17) },
  { weight: 1, arbitrary: fc.integer({ min: 30, max: 34 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0xfffff000 - 5, max: 0xfffff000 + 70 }) },
  { weight: 2, arbitrary: fc.nat(15).map((i) => 0xfffff000 + 4 * i) },
  { weight: 1, arbitrary: fc.constantFrom(0x7fffffff, 0x80000000, 0xffffffff, 0xfff00000, 0xffe00000) },
);

/** Programs of arbitrary numbers: few of them are valid. */
export const anyProgram: fc.Arbitrary<FilterInstruction[]> = fc.array(
  instruction(fc.oneof(known, fc.nat(0xff), fc.nat(0xffff)), fc.oneof(edge, u32)),
  { maxLength: 40 },
);

const back = (code: number, k: number): FilterInstruction => ({ code, jt: 0, jf: 0, k });

/** Programs of known instructions that end with a ret, with numbers often at a limit: many are valid. */
export const likelyProgram: fc.Arbitrary<FilterInstruction[]> = fc
  .tuple(
    fc.array(instruction(known, edge), { maxLength: 30 }),
    fc.array(fc.nat(15), { maxLength: 8 }),
    fc.constantFrom(back(6, 40), back(6, 0), back(0x16, 0)),
  )
  .map(([list, stored, last]) => [...stored.map((k) => back(2, k)), ...list, last]);

/** Valid programs in arbitrary order, with loads of a short packet's bytes, all arithmetic and jumps. */
export const validProgram: fc.Arbitrary<FilterInstruction[]> = fc
  .array(instruction(known, fc.oneof(edge, fc.nat(40), u32)), { maxLength: 40 })
  .map((list) => {
    const cells = Array.from({ length: 16 }, (_, k) => back(k % 2 === 0 ? 2 : 3, k));
    const size = cells.length + list.length + 2;
    const body = [back(0x20, 0), ...cells, ...list].slice(0, size - 1);
    const program = [...body, back(0x16, 0)];
    return program.map((one, i) => repaired(one, program.length - i - 1));
  });

/** An instruction whose numbers the kernel accepts, with `left` instructions after it. */
function repaired(one: FilterInstruction, left: number): FilterInstruction {
  const { operand, name } = OPCODES.find(({ code }) => code === one.code)!;
  const within = (k: number) => (left === 0 ? 0 : k % left);
  if (left > 0 && name === 'ret') return back(0x20, one.k % 40); // the program continues
  if (operand === 'target') return { ...one, k: within(one.k & 3) };
  if (operand === 'memory') return { ...one, k: one.k % 16 };
  if (name === 'div' || name === 'mod') return { ...one, k: one.k || 1 };
  if (name === 'lsh' || name === 'rsh') return { ...one, k: one.k % 32 };
  if (operand === 'absolute' && one.k >= 0xfffff000) return { ...one, k: 0xfffff000 + 4 * (one.k % 16) };
  return { ...one, jt: within(one.jt), jf: within(one.jf) };
}

/** Expressions of pcap-filter(7) that contain every word of the library's parser. */
export const EXPRESSIONS: readonly string[] = [
  '',
  ...['ip', 'ip6', 'arp', 'rarp', 'tcp', 'udp', 'sctp', 'icmp', 'icmp6', 'igmp'],
  ...['not ip', 'ip or ip6', 'arp or rarp', 'not tcp and not udp', 'not (tcp or udp)', '! icmp && ! icmp6'],
  ...['ip proto 17', 'ip6 proto 17', 'proto 17', 'ip proto \\tcp', 'ip6 proto 44', 'proto 0', 'ether proto 0x88cc'],
  ...['ether proto \\arp', 'ether proto \\ip6'],
  ...['host 10.0.0.1', 'src host 10.0.0.1', 'dst host 10.0.0.2', 'src and dst host 10.0.0.1'],
  ...[
    'src 10.0.0.1',
    'dst 10.0.0.2',
    'src or dst 10.0.0.2',
    'host 10.0.0.1 or 10.0.0.2',
    'not host 10.0.0.1 and 10.0.0.2',
  ],
  ...['ip host 10.0.0.1', 'arp host 10.0.0.1', 'ip src 10.0.0.1', 'rarp host 10.0.0.1'],
  ...['host fd00::1', 'src host fd00::1', 'ip6 dst fd00::2', 'src and dst host fd00::2', 'host fd00::1 or 10.0.0.1'],
  ...[
    'net 10.0.0.0/8',
    'src net 10.0.0.0/24',
    'dst net 10.0.0.2/31',
    'net 10.0.0.0 mask 255.255.255.0',
    'net 10',
    'net 10.0',
  ],
  ...['net fd00::/16', 'dst net fd00::/127', 'src net fd00::/64', 'net ::/0', 'src and dst net 10.0.0.0/30'],
  ...[
    'port 53',
    'port 41000',
    'src port 53',
    'dst port 41000',
    'src and dst port 53',
    'tcp port 80',
    'udp port 53 or 123',
  ],
  ...[
    'tcp src port 80',
    'udp dst port 53',
    'sctp port 41000',
    'portrange 1-100',
    'tcp portrange 50-90',
    'src portrange 53-123',
  ],
  ...[
    'tcp port 80 and host 10.0.0.1',
    'udp port 53 and not net 10.0.0.0/24',
    'host 10.0.0.1 and (port 53 or port 80 or icmp)',
  ],
  ...['port 53 or host 10.0.0.1 and tcp', 'tcp or udp and port 80', 'port 80 or port 53 or port 123 or icmp6 or arp'],
  ...[
    'less 60',
    'greater 61',
    'len > 100',
    'len <= 100',
    'len = 60',
    'len != 60',
    'not less 100',
    'greater 60 and less 100',
  ],
  ...[
    'ether host 02:00:00:00:00:01',
    'ether src 02:00:00:00:00:01',
    'ether dst 02:00:00:00:00:02',
    'broadcast',
    'multicast',
  ],
  ...['ether broadcast', 'ether multicast', 'not broadcast and not multicast'],
  ...[
    'vlan',
    'vlan 5',
    'vlan and tcp',
    'vlan 5 and port 53',
    'vlan and vlan',
    'vlan 5 and vlan 6 and ip',
    'not vlan',
    'ip or vlan',
  ],
  ...[
    'vlan or ip',
    'vlan and host 10.0.0.1',
    'vlan 5 and not tcp',
    'vlan and ip6 and udp',
    'vlan and arp',
    'vlan and ether src 02:00:00:00:00:01',
  ],
  ...[
    'tcp[13] & 2 != 0',
    'tcp[tcpflags] & (tcp-syn|tcp-ack) = tcp-syn',
    'tcp[0:2] >= 1024',
    'udp[4:2] > 20',
    'icmp[icmptype] = 8',
  ],
  ...[
    'icmp6[icmp6type] == icmp6-echo',
    'ip[8] < 64',
    'ip[6:2] & 0x1fff != 0',
    'ip6[7] <= 64',
    'arp[6:2] = 1',
    'ether[0] & 1 = 0',
  ],
  ...['ip[12:4] = 0x0a000001', 'vlan and tcp[13] & 2 != 0', 'icmp[0] = 3 or icmp[0] = 11', 'ip and ip[0] & 0xf > 5'],
];

/** Whether tcpdump compiles for Ethernet, which needs no privilege. */
export const tcpdumpCompiles: Need = () =>
  spawnSync('tcpdump', ['-ddd', '-y', 'EN10MB', 'ip']).status === 0 ? undefined : 'no tcpdump that compiles';

/** Returns what tcpdump compiles an expression to, with -d, -dd or -ddd; undefined if it finds that no packet can match. */
export function tcpdump(expression: string, format = '-ddd', ...link: string[]): string | undefined {
  const from = link.length === 0 ? ['-y', 'EN10MB'] : link;
  try {
    return execFileSync('tcpdump', [...from, format, expression], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    if (String((error as { stderr?: string }).stderr).includes('rejects all packets')) return undefined;
    throw error;
  }
}

const mac = fc.constantFrom('02:00:00:00:00:01', '02:00:00:00:00:02', 'ff:ff:ff:ff:ff:ff', '33:33:00:00:00:01');
const address4 = fc.constantFrom('10.0.0.1', '10.0.0.2', '10.0.1.7', '10.9.0.1', '192.0.2.1', '224.0.0.1');
const address6 = fc.constantFrom('fd00::1', 'fd00::2', 'fd00:0:0:1::1', '2001:db8::1', '::1', 'ff02::1');
const port = fc.constantFrom(53, 80, 123, 1023, 1024, 41000);
const data = fc.uint8Array({ maxLength: 60, size: 'max' });
const u8 = fc.nat(255);

type Part = fc.Arbitrary<(p.LayerInput | Uint8Array)[]>;
const tcp: Part = fc
  .record({ sourcePort: port, destinationPort: port, syn: fc.boolean(), ack: fc.boolean() })
  .map((fields) => [p.tcp(fields)]);
const udp: Part = fc.record({ sourcePort: port, destinationPort: port }).map((fields) => [p.udp(fields)]);
/** The ports of SCTP are at the same offset as those of UDP; other protocols have arbitrary bytes there. */
const portsAlone: Part = fc.tuple(port, port).map(([a, b]) => [Uint8Array.of(a >> 8, a, b >> 8, b, 0, 0, 0, 0)]);
const icmp: Part = fc.constantFrom(0, 3, 8, 11).map((type) => [p.icmp({ type })]);
const icmp6: Part = fc.constantFrom(1, 128, 129, 135).map((type) => [Uint8Array.of(type, 0, 0, 0, 0, 0, 0, 0)]);
const upper: fc.Arbitrary<[number, Part]> = fc.constantFrom<[number, Part]>(
  ...(
    [
      [6, tcp],
      [17, udp],
      [132, portsAlone],
      [1, icmp],
      [58, icmp6],
      [2, portsAlone],
      [44, portsAlone],
    ] as const
  ).map(([protocol, part]): [number, Part] => [protocol, part]),
);

const over4: Part = upper.chain(([protocol, part]) =>
  fc
    .record({
      sourceAddress: address4,
      destinationAddress: address4,
      timeToLive: u8,
      fragmentOffset: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: 1, max: 0x1fff })),
      moreFragments: fc.boolean(),
      options: fc.constantFrom<p.Ipv4Option[]>([], [], [{ name: 'noOperation' }, { name: 'routerAlert', value: 0 }]),
    })
    .chain((fields) => part.map((rest) => [p.ipv4({ ...fields, protocol }), ...rest])),
);
const over6: Part = upper.chain(([nextHeader, part]) =>
  fc
    .tuple(
      fc.record({ sourceAddress: address6, destinationAddress: address6, hopLimit: u8 }),
      fc.constantFrom(0, 0, 44, 60),
    )
    .chain(([fields, extension]) =>
      part.map((rest) => {
        if (extension === 0) return [p.ipv6({ ...fields, nextHeader }), ...rest];
        const header = Uint8Array.of(nextHeader, 0, 0, 1, 0, 0, 0, 9);
        return [p.ipv6({ ...fields, nextHeader: extension }), header, ...rest];
      }),
    ),
);
const arp: Part = fc
  .record({ operation: fc.constantFrom(1, 2), senderProtocolAddress: address4, targetProtocolAddress: address4 })
  .map((fields) => [p.arp({ ...fields, senderHardwareAddress: MAC, targetHardwareAddress: MAC })]);
const MAC = '02:00:00:00:00:01';

/** The network layer of a packet and its EtherType, with addresses and ports that the expressions match. */
export const networkLayer: fc.Arbitrary<{ etherType: number; bytes: Uint8Array }> = fc
  .oneof(
    { weight: 5, arbitrary: over4.map((layers) => ({ etherType: 0x800, layers })) },
    { weight: 4, arbitrary: over6.map((layers) => ({ etherType: 0x86dd, layers })) },
    {
      weight: 2,
      arbitrary: fc.tuple(fc.constantFrom(0x806, 0x8035), arp).map(([etherType, layers]) => ({ etherType, layers })),
    },
    { weight: 1, arbitrary: fc.constantFrom(0x88cc, 0x1234, 20).map((etherType) => ({ etherType, layers: [] })) },
  )
  .chain(({ etherType, layers }) => data.map((some) => ({ etherType, bytes: p.encodePacket([...layers, some]) })));

const tag = fc.record({ tpid: fc.constantFrom(0x8100, 0x88a8, 0x9100), vid: fc.constantFrom(5, 6, 7), pcp: fc.nat(7) });

/** Ethernet frames with up to three tags. */
export const frame: fc.Arbitrary<Uint8Array> = fc
  .tuple(mac, mac, fc.oneof({ weight: 2, arbitrary: fc.constant([]) }, fc.array(tag, { maxLength: 3 })), networkLayer)
  .map(([destination, source, tags, { etherType, bytes }]) =>
    p.encodePacket([p.ethernet({ destination, source, tags, etherType }), bytes]),
  );
