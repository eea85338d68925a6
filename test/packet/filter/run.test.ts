/**
 * Programs run here return what the kernel returns for the same bytes: over a socket pair, and for frames on the
 * loopback.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as s from '../../../lib/index.ts';
import * as nothrow from '../../../lib/nothrow.ts';
import * as p from '../../../lib/packet/index.ts';
import { validProgram } from '../../helpers/bpf.ts';
import { cleanup } from '../../helpers/fds.ts';
import { datagram, pair } from '../../helpers/fixtures.ts';
import { need, packetSockets } from '../../helpers/need.ts';

const numRuns = Number(process.env.FUZZ_RUNS ?? 3000);
const run = (text: string, packet: readonly number[] | Uint8Array = [], context?: p.FilterContext) =>
  p.offlineFilter(p.assembleFilter(text))(Uint8Array.from(packet), context);

/** Sends packets through a program in the kernel: returns how many bytes of each are left, -1 for a dropped one. */
function kernel(): (program: readonly s.FilterInstruction[], packet: Uint8Array) => number {
  const [a, b] = pair(s.SOCK_DGRAM | s.SOCK_NONBLOCK);
  const buffer = Buffer.alloc(256);
  return (program, packet) => {
    s.attachFilter(b, program);
    s.send(a, packet);
    const n = nothrow.recv(b, buffer);
    return n === -s.EAGAIN ? -1 : n;
  };
}

/** The same with the interpreter of this library. */
function here(program: readonly s.FilterInstruction[], packet: Uint8Array): number {
  const kept = p.offlineFilter(program)(packet);
  return kept === 0 ? -1 : Math.min(kept, packet.length);
}

const BY_OFFSET = [0x20, 0x28, 0x30, 0xb1];
const BY_X = [0x40, 0x48, 0x50];

/** Whether a program uses data that differ between calls or machines, or those at the offset of a header that does not exist. */
function depends(program: readonly s.FilterInstruction[]): boolean {
  const names = [s.SKF_AD_CPU, s.SKF_AD_RANDOM, s.SKF_AD_RXHASH].map((offset) => (s.SKF_AD_OFF + offset) >>> 0);
  const byX = program.some(({ code }) => BY_X.includes(code));
  return program.some(({ code, k }) => {
    if ([0x20, 0x28, 0x30].includes(code) && names.includes(k)) return true;
    // Such a number may also reach X.
    return k >= 0x80000000 && k < 0xfffff000 && (byX || BY_OFFSET.includes(code));
  });
}

test('random programs on random packets keep as much as in the kernel', () => {
  const theirs = kernel();
  let kept = 0;
  fc.assert(
    fc.property(validProgram, fc.uint8Array({ minLength: 1, maxLength: 80 }), (program, packet) => {
      if (depends(program)) return;
      const ours = here(program, packet);
      if (ours > 0) kept += 1;
      expect(ours).toBe(theirs(program, packet));
    }),
    { numRuns, interruptAfterTimeLimit: 25_000 },
  );
  expect(kept).toBeGreaterThan(numRuns / 20);
});

const PACKET = Uint8Array.from({ length: 32 }, (_, i) => 255 - 3 * i);

test.each([
  'add #5|add x|sub #3|sub x|mul #65537|mul x|div #7|div x|mod #7|mod x|and #0xff|and x|or #0xf0|or x|xor #0xff|xor x',
  'lsh #3|lsh x|rsh #3|rsh x|neg|neg\nadd #1|sub #-1\nrsh #26|mul #-1|div #-1|mod #-1|ld #-1\nmul x|ldx #33\nlsh x',
  'ldx #0\ndiv x|ldx #0\nmod x|ldx #32\nrsh x|ldx #-1\nlsh x|ldx #-1\ndiv x',
  'ldb [31]|ldb [32]|ldh [30]|ldh [31]|ld [28]|ld [29]|ld [x + 27]|ld [x + 28]|ldh [x + -1]|ldb [x + -2]|ldb [x + -1]',
  'ldxb 4*([3]&0xf)\ntxa|ldxb 4*([31]&0xf)\ntxa|ldxb 4*([32]&0xf)\ntxa|ldx #pktlen\ntxa|ld #pktlen|tax\nld [x + 0]',
  'st M[15]\nld #0\nld M[15]|stx M[0]\nld M[0]|st M[1]\nldx M[1]\ntxa',
  'jeq x, a, b\na: ld #1\nb: add #7|jgt x, a, b\na: ld #1\nb: add #7|jge x, a, b\na: ld #1\nb: add #7',
  'jset x, a, b\na: ld #1\nb: add #7|ld #-1\njgt #0x7fffffff, a, b\na: ld #1\nb: add #7',
  'ld #1\njgt #-2, a, b\na: ld #2\nb: add #7|ld #-1\njset #0x80000000, a, b\na: ld #1\nb: add #7',
  'ld [proto]|ld [type]|ld [mark]|ld [queue]|ld [vlan_tci]|ld [vlanp]|ld [vlan_tpid]|ldh [xor_x]|ld [poff]',
  // A packet of a socket pair has no interface: the program ends with the value of A.
  'ld #9\nld [ifidx]\nld #3|ld #9\nldb [hatype]\nld #3',
])('one instruction of each kind: %s', (list) => {
  const theirs = kernel();
  for (const text of list.split('|')) {
    for (const a of ['#0', '#12', '#0x80000001']) {
      const program = p.assembleFilter(`ld ${a}\nldx #1\n${text}\nst M[0]\nand #0x1f\nret a`);
      expect([a, text, here(program, PACKET)]).toEqual([a, text, theirs(program, PACKET)]);
      const high = p.assembleFilter(`ld ${a}\nldx #1\n${text}\nrsh #27\nret a`);
      expect([a, text, here(high, PACKET)]).toEqual([a, text, theirs(high, PACKET)]);
    }
  }
});

test('netlink attributes are found as in the kernel', () => {
  const theirs = kernel();
  const attribute = fc
    .record({ type: fc.integer({ min: 0, max: 4 }), flags: fc.constantFrom(0, 0x8000, 0x4000), size: fc.nat(9) })
    .map(({ type, flags, size }) => {
      const bytes = Buffer.alloc((4 + size + 3) & ~3, 1);
      bytes.writeUInt16LE(4 + size, 0);
      bytes.writeUInt16LE(type | flags, 2);
      return bytes;
    });
  const list = fc.array(attribute, { minLength: 1, maxLength: 4 }).map((parts) => Buffer.concat(parts));
  const nested = list.map((inner) => {
    const header = Buffer.alloc(4);
    header.writeUInt16LE(4 + inner.length, 0);
    return Buffer.concat([header, inner]);
  });
  fc.assert(
    fc.property(
      fc.oneof(list, nested),
      fc.nat(5),
      fc.constantFrom(0, 0, 1, 4, 200),
      fc.nat(3),
      (bytes, type, at, cut) => {
        const packet = bytes.subarray(0, bytes.length - cut);
        for (const name of ['nla', 'nlan']) {
          const program = p.assembleFilter(`ld #${at}\nldx #${type}\nld [${name}]\nadd #1\nret a`);
          expect(here(program, packet)).toBe(theirs(program, packet));
        }
      },
    ),
    { numRuns: numRuns / 4, interruptAfterTimeLimit: 20_000 },
  );
});

test('frames on the loopback interface: ancillary data and offsets from the headers', (context) => {
  need(context, packetSockets);
  const { fd: sender, address } = datagram();
  const lo = s.if_nametoindex('lo');
  const fd = cleanup(s.socket(s.AF_PACKET, s.SOCK_RAW | s.SOCK_NONBLOCK));
  const port = p.assembleFilter(`ldh [36]\njne #${address.port}, drop\nret #-1\ndrop: ret #0`);
  s.attachFilter(fd, port);
  s.bind(fd, { family: s.AF_PACKET, ifindex: lo, protocol: s.ETH_P_ALL });
  const buffer = Buffer.alloc(256);
  const frames = (): Buffer[] => {
    s.sendto(sender, 'some data', 0, address);
    const seen: Buffer[] = [];
    for (let n = nothrow.recv(fd, buffer); n >= 0; n = nothrow.recv(fd, buffer))
      seen.push(Buffer.from(buffer.subarray(0, n)));
    return seen;
  };
  const [frame] = frames();
  expect(frame).toHaveLength(14 + 20 + 8 + 9);
  const known = { networkOffset: 14, protocol: s.ETH_P_IP, ifindex: lo, hatype: s.ARPHRD_LOOPBACK, payloadOffset: 42 };
  const texts = [
    ...[
      'ld [proto]',
      'ld [type]',
      'ld [ifidx]',
      'ld [hatype]',
      'ld [vlanp]',
      'ld [vlan_tci]',
      'ld [mark]',
      'ld [poff]',
    ],
    ...['ldb [-1048576]', 'ld [-1048564]', 'ldh [-1048546]', 'ldb [-1048530]', 'ldb [-1048529]', 'ldb [-1048540]'],
    ...['ldh [-2097140]', 'ldb [-2097102]', 'ldb [-2097101]', 'ldb [-2097153]', 'ldb [-1048577]', 'ld [-5000]'],
    ...[
      'ldx #-1048576\nldb [x + 9]',
      'ldx #4\nldh [x + -1048548]',
      'ldxb 4*([-1048576]&0xf)\ntxa',
      'ldxb 4*([-4096]&0xf)\ntxa',
    ],
  ];
  for (const text of texts) {
    for (const operation of ['and #0x1f', 'rsh #4\nand #0x1f', 'rsh #8\nand #0x1f', 'rsh #16\nand #0x1f']) {
      // The program reports a number of bytes for both frames, the outgoing and the incoming one.
      const program = p.assembleFilter(
        `ldh [36]\njne #${address.port}, drop\n${text}\n${operation}\nadd #1\nret a\ndrop: ret #0`,
      );
      s.attachFilter(fd, program);
      const ours = [s.PACKET_OUTGOING, s.PACKET_HOST]
        .map((pkttype) => p.offlineFilter(program)(frame!, { ...known, pkttype }))
        .filter((kept) => kept > 0);
      expect([text, frames().map(({ length }) => length)]).toEqual([text, ours]);
    }
  }
});

test('the context provides data that is not in the bytes; the default is 0', () => {
  const context: p.FilterContext = {
    ...{ length: 1500, networkOffset: 2, protocol: 0x800, pkttype: 4, ifindex: 7, hatype: 1, mark: 11, queue: 12 },
    ...{ rxhash: 13, cpu: 14, random: 15, payloadOffset: 16, vlanTci: 0x6005, vlanTpid: 0x8100 },
  };
  const loads: [string, number][] = [
    ...([
      ['#pktlen', 1500],
      ['[proto]', 0x800],
      ['[type]', 4],
      ['[ifidx]', 7],
      ['[hatype]', 1],
      ['[mark]', 11],
    ] as const),
    ...([
      ['[queue]', 12],
      ['[rxhash]', 13],
      ['[cpu]', 14],
      ['[random]', 15],
      ['[poff]', 16],
    ] as const),
    ...([
      ['[vlan_tci]', 0x6005],
      ['[vlanp]', 1],
      ['[vlan_tpid]', 0x8100],
    ] as const),
  ].map(([name, value]) => [name, value]);
  for (const [name, value] of loads) {
    expect([name, run(`ld ${name}\nret a`, [1, 2, 3], context)]).toEqual([name, value]);
    expect([name, run(`ld ${name}\nret a`, [1, 2, 3], { ifindex: 0, length: 0 })]).toEqual([name, 0]);
  }
  expect(run('ldb [-1048576]\nret a', [1, 2, 3], context)).toBe(3);
  expect(run('ldx #pktlen\ntxa\nret a', [1, 2, 3])).toBe(3);
  expect(run('ldx #pktlen\ntxa\nret a', [1, 2, 3], context)).toBe(1500);
  // A truncated packet: its length is the one on the wire, its bytes are those that are present.
  expect(run('ldb [3]\nret #-1', [1, 2, 3], context)).toBe(0);
  expect(run('ret #-1', [])).toBe(0xffffffff);
});

test('a program that the kernel would reject is rejected, and a valid one is copied', () => {
  expect(() => p.offlineFilter([])).toThrow(/instruction 0: a program has from 1 to 4096/);
  expect(() => p.offlineFilter(p.assembleFilter('ld M[1]\nret'))).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }),
  );
  for (const packet of [undefined, [1], new ArrayBuffer(4), new DataView(new ArrayBuffer(4))]) {
    expect(() => p.offlineFilter(p.assembleFilter('ret #5'))(packet as never)).toThrow(TypeError);
  }
  const program = p.assembleFilter('ret #5');
  const accepts = p.offlineFilter(program);
  program[0]!.k = 6;
  expect(accepts(PACKET)).toBe(5);
  expect(p.offlineFilter('1\n6 0 0 7')(PACKET)).toBe(7);
});
