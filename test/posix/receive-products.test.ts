/** Combinations of options that add control messages: each message is the same as when its option is set alone. */
import { describe, expect, onTestFinished, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { loopback, loopback6 } from '../helpers/fixtures.ts';
import { ipv6, need } from '../helpers/need.ts';

/** An option, and whether its message differs each time. */
type Option = readonly [level: number, name: number, value: number, varies?: 'varies'];
type Options = Record<string, Option>;

const RX_SOFTWARE = s.SOF_TIMESTAMPING_RX_SOFTWARE | s.SOF_TIMESTAMPING_SOFTWARE;
const common: Options = {
  SO_TIMESTAMPNS: [s.SOL_SOCKET, s.SO_TIMESTAMPNS, 1, 'varies'],
  SO_TIMESTAMPING: [s.SOL_SOCKET, s.SO_TIMESTAMPING, RX_SOFTWARE, 'varies'],
  SO_RXQ_OVFL: [s.SOL_SOCKET, s.SO_RXQ_OVFL, 1],
  SO_RCVMARK: [s.SOL_SOCKET, s.SO_RCVMARK, 1],
  SO_RCVPRIORITY: [s.SOL_SOCKET, s.SO_RCVPRIORITY, 1],
};
const inet: Options = {
  IP_PKTINFO: [s.SOL_IP, s.IP_PKTINFO, 1],
  IP_RECVTTL: [s.SOL_IP, s.IP_RECVTTL, 1],
  IP_RECVTOS: [s.SOL_IP, s.IP_RECVTOS, 1],
  IP_RECVOPTS: [s.SOL_IP, s.IP_RECVOPTS, 1],
  IP_RETOPTS: [s.SOL_IP, s.IP_RETOPTS, 1],
  IP_RECVORIGDSTADDR: [s.SOL_IP, s.IP_RECVORIGDSTADDR, 1],
  IP_RECVFRAGSIZE: [s.SOL_IP, s.IP_RECVFRAGSIZE, 1],
  IP_CHECKSUM: [s.SOL_IP, s.IP_CHECKSUM, 1, 'varies'],
};
const inet6: Options = {
  IPV6_RECVPKTINFO: [s.SOL_IPV6, s.IPV6_RECVPKTINFO, 1],
  IPV6_2292PKTINFO: [s.SOL_IPV6, s.IPV6_2292PKTINFO, 1],
  IPV6_RECVHOPLIMIT: [s.SOL_IPV6, s.IPV6_RECVHOPLIMIT, 1],
  IPV6_2292HOPLIMIT: [s.SOL_IPV6, s.IPV6_2292HOPLIMIT, 1],
  IPV6_RECVTCLASS: [s.SOL_IPV6, s.IPV6_RECVTCLASS, 1],
  IPV6_RECVORIGDSTADDR: [s.SOL_IPV6, s.IPV6_RECVORIGDSTADDR, 1],
  IPV6_FLOWINFO: [s.SOL_IPV6, s.IPV6_FLOWINFO, 1],
  IPV6_RECVFRAGSIZE: [s.SOL_IPV6, s.IPV6_RECVFRAGSIZE, 1],
};
/** Without SO_TIMESTAMPING: AF_UNIX reports a time only if SO_TIMESTAMPNS is set. */
const { SO_TIMESTAMPING: _, ...beside } = common;
const unix: Options = {
  ...beside,
  SO_PASSCRED: [s.SOL_SOCKET, s.SO_PASSCRED, 1],
  SO_PASSPIDFD: [s.SOL_SOCKET, s.SO_PASSPIDFD, 1, 'varies'],
  SO_PASSSEC: [s.SOL_SOCKET, s.SO_PASSSEC, 1],
  SO_INQ: [s.SOL_SOCKET, s.SO_INQ, 1],
};

function udp(address: s.Address): [number, number] {
  const fds = [
    cleanup(s.socket(address.family, s.SOCK_DGRAM)),
    cleanup(s.socket(address.family, s.SOCK_DGRAM)),
  ] as const;
  for (const fd of fds) s.bind(fd, address);
  s.connect(fds[0], s.getsockname(fds[1])!);
  return [...fds];
}

function tcp(address: s.Address): [number, number] {
  const listener = cleanup(s.socket(address.family, s.SOCK_STREAM));
  s.bind(listener, address);
  s.listen(listener);
  const client = cleanup(s.socket(address.family, s.SOCK_STREAM));
  s.connect(client, s.getsockname(listener)!);
  return [client, cleanup(s.accept(listener).fd)];
}

function pairOf(type: number): [number, number] {
  const fds = s.socketpair(s.AF_UNIX, type);
  cleanup(...fds);
  return fds;
}

const kinds: [string, Options, () => [number, number], least: number][] = [
  ['AF_INET, SOCK_DGRAM', { ...common, ...inet }, () => udp(loopback), 7],
  ['AF_INET, SOCK_STREAM', { ...common, TCP_INQ: [s.SOL_TCP, s.TCP_INQ, 1] }, () => tcp(loopback), 2],
  ['AF_INET6, SOCK_DGRAM', { ...common, ...inet6 }, () => udp(loopback6), 8],
  ['AF_INET6, SOCK_STREAM', { ...common, TCP_INQ: [s.SOL_TCP, s.TCP_INQ, 1] }, () => tcp(loopback6), 2],
  ['AF_UNIX, SOCK_DGRAM', unix, () => pairOf(s.SOCK_DGRAM), 2],
  ['AF_UNIX, SOCK_STREAM', unix, () => pairOf(s.SOCK_STREAM), 1],
  ['AF_UNIX, SOCK_SEQPACKET', unix, () => pairOf(s.SOCK_SEQPACKET), 1],
];

/** A message as text; for a varying one only its type. */
function texts(control: s.ControlMessage[], varying: Set<string>): string[] {
  return control
    .map((message) => {
      if (s.isControl(message, s.SOL_SOCKET, s.SCM_PIDFD)) s.close(message.pidfd);
      const { level, type } = message;
      const what = `${level}/${type}`;
      return varying.has(what)
        ? what
        : JSON.stringify(message, (_, value) => (typeof value === 'bigint' ? `${value}n` : value));
    })
    .sort();
}

/** The kernel takes timestamps only while a socket requests them, and starts a little later. */
async function timestampsBegin(): Promise<void> {
  const holder = s.socket(s.AF_INET, s.SOCK_DGRAM);
  onTestFinished(() => s.close(holder));
  s.bind(holder, { family: s.AF_INET, address: '127.0.0.1', port: 0 });
  s.setsockopt(holder, s.SOL_SOCKET, s.SO_TIMESTAMPING, s.SOF_TIMESTAMPING_SOFTWARE | s.SOF_TIMESTAMPING_RX_SOFTWARE);
  await expect
    .poll(() => {
      s.sendto(holder, 'time', 0, s.getsockname(holder)!);
      return s.recvmsg(holder, { buffers: [Buffer.alloc(16)], controlLength: 256 }).control.length;
    })
    .toBe(1);
}

describe.each(kinds)('%s', (kind, options, open, least) => {
  test('every pair of options, and all options together', async (context) => {
    if (kind.includes('INET6')) need(context, ipv6);
    await timestampsBegin();
    const names = Object.keys(options);
    const [sender, receiver] = open();
    s.setsockopt(receiver, s.SOL_SOCKET, s.SO_RCVTIMEO, new BigInt64Array([60n, 0n]));
    const batch = new s.MessageBatch({ messages: 1, size: 16, controlLength: 1024 });

    /** The messages with these options set, by both ways to receive. */
    const received = (chosen: string[], room: number) => {
      for (const name of chosen) {
        const [level, option, value] = options[name]!;
        nothrow.setsockopt(receiver, level, option, value); // an older kernel, or another family, may not support it
      }
      s.send(sender, 'one');
      const message = s.recvmsg(receiver, { buffers: [Buffer.alloc(16)], controlLength: room });
      expect(message.flags & s.MSG_CTRUNC, chosen.join()).toBe(0);
      s.send(sender, 'two');
      expect(s.recvmmsg(receiver, batch)).toBe(1);
      expect(batch.flags(0) & s.MSG_CTRUNC, chosen.join()).toBe(0);
      const control = batch.control(0);
      for (const name of chosen.toReversed()) nothrow.setsockopt(receiver, options[name]![0], options[name]![1], 0);
      return [message.control, control] as const;
    };

    const alone = new Map(names.map((name) => [name, received([name], 1024)]));
    const varying = new Set(
      names.flatMap((name) =>
        options[name]![3] ? alone.get(name)![0].map(({ level, type }) => `${level}/${type}`) : [],
      ),
    );
    const expected = new Map(names.map((name) => [name, texts(alone.get(name)![0], varying)]));
    for (const name of names) expect(texts(alone.get(name)![1], varying), name).toEqual(expected.get(name));
    expect([...expected.values()].filter((list) => list.length > 0).length).toBeGreaterThanOrEqual(least);

    const pairs = names.flatMap((one, i) => names.slice(i + 1).map((two) => [one, two]));
    for (const chosen of [...pairs, names, names.toReversed(), []]) {
      const wanted = chosen.flatMap((name) => expected.get(name)!).sort();
      for (const control of received(chosen, 1024)) {
        expect(texts(control, varying), chosen.join(' and ')).toEqual(wanted);
      }
    }
  });
});
