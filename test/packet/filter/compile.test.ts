/** Compiled expressions match the same packets as tcpdump's program for the same text, whole and truncated. */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as s from '../../../lib/index.ts';
import * as nothrow from '../../../lib/nothrow.ts';
import * as p from '../../../lib/packet/index.ts';
import { EXPRESSIONS, frame, tcpdump, tcpdumpCompiles } from '../../helpers/bpf.ts';
import { cleanup } from '../../helpers/fds.ts';
import { type Need, need, packetSockets } from '../../helpers/need.ts';

const { match } = p;
const numRuns = Number(process.env.FUZZ_RUNS ?? 60);
const FRAMES = fc.sample(frame, { numRuns: 1500, seed: 3 });
const CUT = fc.sample(
  fc.tuple(frame, fc.nat(70)).map(([bytes, size]) => bytes.subarray(0, size)),
  { numRuns: 500, seed: 4 },
);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** How much tcpdump's program keeps of a packet; nothing if it reports that no packet can match. */
function theirs(text: string, ...options: string[]): p.OfflineFilter {
  const numbers = tcpdump(text, '-ddd', ...options);
  return numbers === undefined ? () => 0 : p.offlineFilter(numbers);
}
const ours = (text: string, options?: p.CompileOptions) =>
  p.offlineFilter(p.compileFilter(p.parseFilter(text), options));

/** Expects two filters to keep the same of each packet. Returns how many match. */
function same(
  what: string,
  packets: readonly Uint8Array[],
  own: p.OfflineFilter,
  ...others: p.OfflineFilter[]
): number {
  let passed = 0;
  for (const bytes of packets) {
    const kept = own(bytes);
    if (kept > 0) passed += 1;
    const expected = others.map((other) => other(bytes));
    if (!expected.includes(kept)) expect([what, hex(bytes), kept]).toEqual([what, hex(bytes), expected]);
  }
  return passed;
}

test('each expression accepts the same frames, whole and truncated, as the program of tcpdump', (context) => {
  need(context, tcpdumpCompiles);
  for (const text of EXPRESSIONS) {
    const own = ours(text);
    const other = theirs(text);
    expect(same(text, FRAMES, own, other), text).toBeGreaterThan(0);
    // For a truncated frame the order of the loads decides, which tcpdump's optimizer sometimes changes.
    same(text, CUT, own, other, theirs(text, '-y', 'EN10MB', '-O'));
  }
});

/** Composed expressions, without VLAN tags: another test compares their effect on what follows. */
const composed: fc.Arbitrary<string> = fc.letrec<{ one: string; many: string }>((tie) => ({
  one: fc.oneof(
    { maxDepth: 3 },
    { weight: 3, arbitrary: fc.constantFrom(...EXPRESSIONS.filter((text) => text !== '' && !text.includes('vlan'))) },
    tie('many').map((text) => `(${text})`),
    tie('one').map((text) => `not (${text})`),
  ),
  many: fc
    .tuple(tie('one'), fc.array(fc.tuple(fc.constantFrom('and', 'or'), tie('one')), { minLength: 1, maxLength: 3 }))
    .map(([first, rest]) => [first, ...rest.flat()].join(' ')),
})).many;

test('composed expressions accept the same frames as the program of tcpdump', (context) => {
  need(context, tcpdumpCompiles);
  fc.assert(
    // Its optimizer is sometimes wrong: it accepts frames for "dst net fd00::/127 and not (dst net fd00::/127)".
    fc.property(
      composed,
      (text) => void same(text, FRAMES.slice(0, 500), ours(text), theirs(text, '-y', 'EN10MB', '-O')),
    ),
    { numRuns, interruptAfterTimeLimit: 20_000 },
  );
});

/** Programs for an interface consider that the kernel removes tags; tcpdump only generates such programs there. */
const live: Need = () => {
  try {
    return tcpdump('vlan', '-ddd', '-i', 'lo')!.includes(String(s.SKF_AD_OFF >>> 0).slice(0, 6))
      ? undefined
      : 'tcpdump makes no programs with the tag of the kernel';
  } catch {
    return 'tcpdump may not open an interface';
  }
};

test('a tag that the kernel removed is treated like one in the packet', (context) => {
  need(context, live);
  const tags: p.FilterContext[] = [{}, ...[5, 6, 0x2005].map((vlanTci) => ({ vlanTci, vlanTpid: s.ETH_P_8021Q }))];
  for (const text of EXPRESSIONS.filter((one) => one.includes('vlan'))) {
    const own = ours(text);
    const other = theirs(text, '-i', 'lo');
    for (const context of tags) {
      const what = `${text}, ${context.vlanTci}`;
      same(
        what,
        FRAMES,
        (bytes) => own(bytes, context),
        (bytes) => other(bytes, context),
      );
    }
  }
});

test('inbound and outbound use the packet type that the kernel reports', (context) => {
  need(context, live);
  for (const text of ['inbound', 'outbound', 'inbound and tcp', 'not outbound']) {
    const [own, other] = [ours(text), theirs(text, '-i', 'lo')];
    for (const pkttype of [0, 1, 2, 3, 4, 6]) {
      same(
        text,
        FRAMES,
        (bytes) => own(bytes, { pkttype }),
        (bytes) => other(bytes, { pkttype }),
      );
    }
  }
});

test('many alternatives: jumps are longer than a conditional jump reaches', (context) => {
  need(context, tcpdumpCompiles);
  const hosts = Array.from({ length: 340 }, (_, i) => `10.0.${i >> 5}.${i & 31}`);
  const program = p.compileFilter(match.or(...hosts.map((one) => match.host(one))));
  expect(program.length).toBeGreaterThan(1000);
  expect(program.some(({ code }) => code === (s.BPF_JMP | s.BPF_JA))).toBe(true);
  expect(p.verifyFilter(program)).toBeUndefined();
  expect(same('hosts', FRAMES, p.offlineFilter(program), theirs(`host ${hosts.join(' or ')}`))).toBeGreaterThan(100);
  const none = p.offlineFilter(p.compileFilter(match.and(...hosts.map((one) => match.not(match.host(one))))));
  same('no host', FRAMES, none, theirs(`not (host ${hosts.join(' or ')})`));
  const more = Array.from({ length: 2000 }, (_, i) => match.host(`10.0.${i >> 8}.${i & 255}`));
  expect(() => p.compileFilter(match.or(...more))).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
});

test('a BSD loopback file: the address families of all systems, as tcpdump reads them', (context) => {
  need(context, tcpdumpCompiles);
  const packet = (family: number, version: number) => {
    const bytes = Buffer.alloc(64);
    bytes.writeUInt32LE(family);
    bytes[4] = version << 4;
    return bytes;
  };
  const packets = [packet(2, 4), packet(24, 6), packet(28, 6), packet(30, 6), packet(7, 4)];
  const chunks: Uint8Array[] = [];
  const writer = new p.PcapWriter((bytes) => void chunks.push(bytes), { linktype: p.LINKTYPE_NULL });
  for (const data of packets) writer.write({ timestamp: 0n, data });
  for (const text of ['ip', 'ip6', 'not ip', 'not ip6', 'ip or ip6']) {
    const reader = new p.CaptureReader({ filter: text });
    const ours = chunks.flatMap((chunk) => reader.push(chunk)).length;
    const { stdout } = spawnSync('tcpdump', ['-r', '-', '-w', '-', text], { input: Buffer.concat(chunks) });
    expect([text, ours]).toEqual([text, new p.CaptureReader().push(stdout).length]);
  }
  // From a host with the other byte order, and from Linux.
  const accepts = p.offlineFilter(p.compileFilter(match.ip6(), { linktype: p.LINKTYPE_NULL }));
  expect([packet(10, 6), packet(30, 6).swap32(), packet(2, 4).swap32()].map((bytes) => accepts(bytes) > 0)).toEqual([
    ...[true, true, false],
  ]);
});

test('an address or a port after an absent tunnel does not match', () => {
  const accepts = (text: string, bytes: Uint8Array) => p.offlineFilter(p.compileFilter(p.parseFilter(text)))(bytes) > 0;
  const packet = p.encodePacket([
    p.ethernet({ destination: '02:00:00:00:00:02', source: '02:00:00:00:00:01' }),
    p.ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' }),
    p.udp({ sourcePort: 5000, destinationPort: 6082 }),
    new Uint8Array(40),
  ]);
  expect(accepts('geneve or ip', packet)).toBe(false);
  expect(accepts('ip or geneve and ip', packet)).toBe(false); // from the left: (ip or geneve) and ip, inside
  expect(accepts('ip or (geneve and ip)', packet)).toBe(true);
  expect(accepts('not geneve', packet)).toBe(true);
});

test('the functions return the same expressions as the text', () => {
  const pairs: [p.FilterExpression, string][] = [
    [match.and(), ''],
    [
      match.and(match.tcp(), match.port(80), match.not(match.host('10.0.0.1'))),
      'tcp and port 80 and not host 10.0.0.1',
    ],
    [match.or(match.udp(), match.icmp(), match.icmp6()), 'udp or icmp or icmp6'],
    [match.net('10.0.0.0/8', 'src'), 'src net 10.0.0.0/8'],
    [match.net('fd00::/16', 'src and dst'), 'src and dst net fd00::/16'],
    [match.host('10.0.0.1', 'dst', [s.ETH_P_ARP]), 'arp dst host 10.0.0.1'],
    [match.portrange(1, 1023, 'dst'), 'dst portrange 1-1023'],
    [match.and(match.vlan(5), match.sctp()), 'vlan 5 and sctp'],
    [match.and(match.less(100), match.greater(60)), 'less 100 and greater 60'],
    [match.and(match.inbound(), match.not(match.outbound())), 'inbound and not outbound'],
    [match.bytes('tcp', 13, '!=', 0, { mask: 2 }), 'tcp[tcpflags] & tcp-syn != 0'],
    [match.bytes('ip', 2, '>=', 100, { size: 2 }), 'ip[2:2] >= 100'],
    [match.or(match.broadcast(), match.multicast()), 'broadcast or multicast'],
    [
      match.and(match.etherHost('02:00:00:00:00:01', 'src'), match.etherProto(0x88cc)),
      'ether src 02:00:00:00:00:01 and ether proto 0x88cc',
    ],
    [match.and(match.proto(89), match.proto(2, 'ip'), match.igmp()), 'proto 89 and ip proto 2 and igmp'],
    [match.or(match.ip(), match.ip6(), match.arp(), match.rarp()), 'ip or ip6 or arp or rarp'],
  ];
  for (const [expression, text] of pairs) {
    const program = p.compileFilter(expression);
    expect([text, p.disassembleFilter(program)]).toEqual([
      text,
      p.disassembleFilter(p.compileFilter(p.parseFilter(text))),
    ]);
  }
  // No alternative: nothing matches. The snaplen is how much is kept.
  expect(p.compileFilter(match.or())).toEqual([{ code: 6, jt: 0, jf: 0, k: 0 }]);
  expect(p.compileFilter(match.and(), { snaplen: 96 })).toEqual([{ code: 6, jt: 0, jf: 0, k: 96 }]);
  expect(p.compileFilter(match.and())).toEqual([{ code: 6, jt: 0, jf: 0, k: 262144 }]);
});

test('meaningless expressions are rejected', () => {
  const type = expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' });
  const value = expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' });
  const range = expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' });
  const calls: [() => unknown, unknown][] = [
    [() => match.host('10.0.0'), value],
    [() => match.host('fd00::g'), value],
    [() => match.host(5 as never), type],
    [() => match.host('10.0.0.1', 'both' as never), value],
    [() => match.net('10.0.0.0'), value],
    [() => match.net('10.0.0.0/33'), range],
    [() => match.net('fd00::/129'), range],
    [() => match.net('10.0.0.1/24'), value],
    [() => match.port(65536), range],
    [() => match.port('80' as never), type],
    [() => match.portrange(80, 79), range],
    [() => match.proto(256), range],
    [() => match.proto(6, 'ipv4' as never), value],
    [() => match.etherProto(-1), range],
    [() => match.etherHost('02:00:00:00:00'), value],
    [() => match.vlan(4096), range],
    [() => match.less(-1), range],
    [() => match.len('~' as never, 1), value],
    [() => match.bytes('tls' as never, 0, '=', 0), value],
    [() => match.bytes('tcp', 0, '=', 0, { size: 3 as never }), range],
    [() => match.bytes('tcp', 70000, '=', 0), range],
    [() => match.not(undefined as never), type],
    [() => match.and('tcp' as never), type],
    [() => p.compileFilter('tcp' as never), type],
    [() => p.compileFilter({ word: 'nothing' } as never), type],
    [() => p.compileFilter(match.ip(), { linktype: 147 }), value],
    [() => p.compileFilter(match.ipBroadcast()), value],
    [() => p.compileFilter(match.ip(), { netmask: '255.255' }), value],
    [() => p.compileFilter(match.ip(), { netmask: 24 as never }), type],
    [() => match.compare('length' as never, '=', 1), type],
    [() => match.compare(1, '=', { header: 'tls' as never, offset: 0 }), value],
    [() => match.compare(1, '=', { header: 'tcp', offset: 0, size: 3 as never }), range],
    [() => match.compare(1, '=', { left: 1, operator: '**' as never, right: 1 }), value],
    [() => match.compare(1, '=', { left: 1, operator: '+', right: 1, more: 1 } as never), value],
    [() => match.compare(-1, '=', 1), range],
    [() => match.mpls(2 ** 20), range],
    [() => match.pppoes(65536), range],
    [() => match.geneve(2 ** 24), range],
    [() => match.ifindex(-1), range],
    [() => match.llc(256), range],
    [() => match.isoProto(0x83, 256), range],
    [() => match.decnetHost('10'), value],
    [() => match.decnetHost('64.1'), range],
    [() => match.decnetHost('10.1', 'addr1' as never), value],
    [() => match.etherHost('02:00:00:00:00:01', 'addr5' as never), value],
    [() => p.compileFilter(match.ip(), { snaplen: -1 }), range],
  ];
  for (const [call, error] of calls) expect(call).toThrow(error);
});

test('an expression that is too long is rejected early, as text and as a reused object', () => {
  const terms = Array.from(
    { length: 300 },
    (_, i) => `(src host 10.0.0.${i % 255} or vlan ${i}) and (dst port ${i} or ip6)`,
  );
  expect(() => p.compileFilter(p.parseFilter(terms.join(' or ')))).toThrow(RangeError);
  let twice = match.port(80);
  for (let i = 0; i < 40; i++) twice = match.or(twice, match.not(twice));
  expect(() => p.compileFilter(twice)).toThrow(RangeError);
});

test('in the kernel, the loopback interface removes the tag of received packets', (context) => {
  need(context, packetSockets);
  const ifindex = s.if_nametoindex('lo');
  const open = (text: string) => {
    const fd = cleanup(s.socket(s.AF_PACKET, s.SOCK_RAW | s.SOCK_NONBLOCK));
    s.attachFilter(fd, p.compileFilter(p.parseFilter(`${text} and host 10.77.0.2`)));
    s.bind(fd, { family: s.AF_PACKET, ifindex, protocol: s.ETH_P_ALL });
    return fd;
  };
  // The socket sees the outgoing frame with its tag inside, and the incoming frame with its tag beside it.
  const expected = {
    vlan: 2,
    'vlan 5': 2,
    'vlan 6': 0,
    'vlan 5 and outbound and icmp[0] = 8': 1,
    'vlan 5 and inbound and icmp[0] = 8': 1,
    'vlan 5 and udp': 0,
    'icmp[0] = 8': 1, // as in tcpdump: without "vlan" it matches only packets without a tag inside
  };
  const fds = Object.keys(expected).map(open);
  const frame = p.encodePacket([
    p.ethernet({ destination: '00:00:00:00:00:00', source: '00:00:00:00:00:00', tags: [{ vid: 5 }] }),
    p.ipv4({ sourceAddress: '10.77.0.1', destinationAddress: '10.77.0.2' }),
    p.icmp({ type: 8 }),
  ]);
  const sender = cleanup(s.socket(s.AF_PACKET, s.SOCK_RAW));
  const to = { family: s.AF_PACKET, ifindex, protocol: 0, hatype: 0, pkttype: 0, address: new Uint8Array(6) };
  s.sendto(sender, frame, 0, to);
  const buffer = Buffer.alloc(256);
  const counts = fds.map((fd) => {
    let count = 0;
    while (nothrow.recv(fd, buffer) >= 0) count += 1;
    return count;
  });
  expect(Object.fromEntries(Object.keys(expected).map((text, i) => [text, counts[i]]))).toEqual(expected);
});
