/**
 * Combinations of capture options: each has the same effect as alone. Every pair of options is tried, and with
 * ALL_PRODUCTS=1 in the environment every combination of all of them.
 */
import { execFileSync } from 'node:child_process';
import { expect, onTestFinished, test } from 'vitest';
import * as s from '../../../lib/index.ts';
import * as p from '../../../lib/packet/index.ts';
import { openSockets } from '../../helpers/fds.ts';
import { frame, mac, number, PROTOCOL, sendFromPeer } from '../../helpers/frames.ts';
import { namespaces, need, packetSockets } from '../../helpers/need.ts';
import { fanoutId, type Link, link } from '../../helpers/networks.ts';

/** Accepts frames with an even number. */
const even: s.FilterInstruction[] = [
  { code: 0x30, jt: 0, jf: 0, k: 15 }, // ldb [15]
  { code: 0x45, jt: 1, jf: 0, k: 1 }, // jset #1
  { code: 0x06, jt: 0, jf: 0, k: 0xffffffff },
  { code: 0x06, jt: 0, jf: 0, k: 0 },
];

/** Every option with the values to try. The first one is the default. */
const OPTIONS = {
  direction: ['both', 'in', 'out'],
  fanout: [false, true],
  ringSize: [4 * 65536, 0],
  filter: [undefined, even],
  snaplen: [undefined, 20],
  promiscuous: [false, true],
  immediate: [true, false],
} as const;
type Choice = { -readonly [K in keyof typeof OPTIONS]: (typeof OPTIONS)[K][number] };
const names = Object.keys(OPTIONS) as (keyof Choice)[];
const DEFAULTS = Object.fromEntries(names.map((name) => [name, OPTIONS[name][0]])) as Choice;

/** Every pair of options, or every combination. */
const choices = names
  .reduce<Choice[]>(
    (list, name) => list.flatMap((choice) => OPTIONS[name].map((value) => ({ ...choice, [name]: value }) as Choice)),
    [DEFAULTS],
  )
  .filter((choice) => {
    const changed = names.filter((name) => choice[name] !== DEFAULTS[name]);
    return changed.length <= 2 || process.env.ALL_PRODUCTS === '1';
  });
const told = (choice: Choice) =>
  names.map((name) => `${name} ${name === 'filter' ? !!choice[name] : choice[name]}`).join();

/** Stops what the kernel sends by itself: each such packet would occupy a block of every ring. */
function silence({ name, peer, enter }: Link): void {
  for (const [command, device] of [
    [[], name],
    [enter, peer.name],
  ] as const) {
    const [program, ...args] = [...command, 'sh', '-c', `echo 1 > /proc/sys/net/ipv6/conf/${device}/disable_ipv6`];
    execFileSync(program!, args);
  }
}

/** A capture, or the two of a fanout group. */
function open(veth: Link, { fanout, ...options }: Choice, id: number): p.Capture[] {
  const group = fanout ? { fanout: { id, type: s.PACKET_FANOUT_LB } } : {};
  return Array.from({ length: fanout ? 2 : 1 }, () => {
    const capture = p.openCapture({ interface: veth.name, ...options, ...group });
    onTestFinished(() => capture.close());
    return capture;
  });
}

/** The captured frames of ours: their numbers, each with its length. The kernel has counted them already. */
async function read(captures: p.Capture[]): Promise<Map<number, number>> {
  const found = new Map<number, number>();
  for (const capture of captures) {
    const { received, dropped } = capture.statistics();
    expect(dropped).toBe(0);
    let left = received;
    const quiet = setTimeout(() => capture.close(), 60_000);
    if (left > 0) {
      for await (const { data } of capture) {
        if (data[12]! * 256 + data[13]! === PROTOCOL) {
          expect(found.has(number(data)), 'no frame comes twice').toBe(false);
          found.set(number(data), data.length);
        }
        if (--left === 0) break;
      }
    }
    clearTimeout(quiet);
    expect(left).toBe(0);
  }
  return found;
}

test('combined options capture what each of them captures alone', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  silence(veth);
  const before = openSockets();
  const opened = choices.map((choice) => ({
    choice,
    captures: open(veth, choice, fanoutId()),
  }));

  const sender = s.socket(s.AF_PACKET, s.SOCK_RAW, 0);
  s.bind(sender, { family: s.AF_PACKET, ifindex: veth.ifindex, protocol: 0 });
  const numbered = (i: number, to?: string) =>
    frame(veth, Buffer.concat([Buffer.of(0, i), Buffer.alloc(100)]), PROTOCOL, to);
  for (let i = 0; i < 8; i++)
    s.send(sender, Buffer.concat([mac(veth.peer.mac), mac(veth.mac), numbered(i).subarray(12)]));
  s.close(sender);
  const stations = [veth.mac, 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:fb', '02:00:00:00:00:77'];
  sendFromPeer(
    veth,
    Array.from({ length: 8 }, (_, i) => numbered(8 + i, stations[i % 4])),
  );

  const results = new Map<string, Map<number, number>>();
  for (const { choice, captures } of opened) results.set(told(choice), await read(captures));
  const alone = (name: keyof Choice, choice: Choice) => results.get(told({ ...DEFAULTS, [name]: choice[name] }))!;

  // First, each option alone must have its documented effect.
  const all = results.get(told(DEFAULTS))!;
  expect([...all.keys()]).toEqual(Array.from({ length: 16 }, (_, i) => i));
  const of = (option: Partial<Choice>) =>
    [...results.get(told({ ...DEFAULTS, ...option }))!.keys()].sort((a, b) => a - b);
  expect(of({ direction: 'in' })).toEqual([8, 9, 10, 11, 12, 13, 14, 15]);
  expect(of({ direction: 'out' })).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(of({ filter: even })).toEqual([0, 2, 4, 6, 8, 10, 12, 14]);
  expect(new Set(results.get(told({ ...DEFAULTS, snaplen: 20 }))!.values())).toEqual(new Set([20]));

  const wrong = choices.filter((choice) => {
    const sets = names.map((name) => alone(name, choice));
    const expected = [...all.keys()]
      .filter((i) => sets.every((set) => set.has(i)))
      .map((i) => [i, Math.min(...sets.map((set) => set.get(i)!))]);
    const found = [...results.get(told(choice))!].sort(([a], [b]) => a - b);
    return JSON.stringify(found) !== JSON.stringify(expected);
  });
  expect(wrong.map(told)).toEqual([]);
  for (const { captures } of opened) for (const capture of captures) capture.close();
  expect(openSockets()).toBe(before);
});

test('a group that ignores sent packets has the flag, and only captures with the flag can join it', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  const fanout = { id: fanoutId(), type: s.PACKET_FANOUT_HASH, flags: s.PACKET_FANOUT_FLAG_ROLLOVER };
  const options = { interface: veth.name, ringSize: 0, fanout } as const;
  const open = (direction: 'in' | 'out' | 'both') => {
    const capture = p.openCapture({ ...options, direction });
    onTestFinished(() => capture.close());
    return capture;
  };
  const { flags } = s.getOption(open('in').fd, 'PACKET_FANOUT');
  expect(flags).toBe(s.PACKET_FANOUT_FLAG_ROLLOVER | s.PACKET_FANOUT_FLAG_IGNORE_OUTGOING);
  expect(open('in').closed).toBe(false);
  for (const direction of ['out', 'both'] as const) {
    expect(() => open(direction)).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'setsockopt' }));
  }
  for (const bad of [{ ...fanout, flags: -1 }, { ...fanout, flags: 1.5 }, 1, null] as unknown as s.Fanout[]) {
    expect(() => p.openCapture({ ...options, fanout: bad, direction: 'in' })).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^ERR_/) }),
    );
  }
});
