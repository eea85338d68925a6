import { spawnSync } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as n from '../../lib/nothrow.ts';
import { cleanup, openSockets } from '../helpers/fds.ts';
import { connection, pair } from '../helpers/fixtures.ts';
import { ipv6, type Need, need, packetSockets, rawSockets, vsock } from '../helpers/need.ts';

const kinds: [name: string, domain: number, type: number, protocol: number, told: number, ...needs: Need[]][] = [
  ['a TCP socket', s.AF_INET, s.SOCK_STREAM, 0, s.IPPROTO_TCP],
  ['a TCP socket by its protocol', s.AF_INET, s.SOCK_STREAM, s.IPPROTO_TCP, s.IPPROTO_TCP],
  ['a UDP socket', s.AF_INET, s.SOCK_DGRAM, 0, s.IPPROTO_UDP],
  ['a TCP socket of IPv6', s.AF_INET6, s.SOCK_STREAM, 0, s.IPPROTO_TCP, ipv6],
  ['a local stream', s.AF_UNIX, s.SOCK_STREAM, 0, 0],
  ['a local datagram socket', s.AF_UNIX, s.SOCK_DGRAM, 0, 0],
  ['a local packet socket', s.AF_UNIX, s.SOCK_SEQPACKET, 0, 0],
  ['a netlink socket', s.AF_NETLINK, s.SOCK_RAW, s.NETLINK_SOCK_DIAG, s.NETLINK_SOCK_DIAG],
  ['a raw socket', s.AF_INET, s.SOCK_RAW, s.IPPROTO_ICMP, s.IPPROTO_ICMP, rawSockets],
  ['a packet socket', s.AF_PACKET, s.SOCK_DGRAM, 0, 0, packetSockets],
  ['a virtual machine socket', s.AF_VSOCK, s.SOCK_STREAM, 0, 0, vsock],
];

for (const [name, domain, type, protocol, told, ...needs] of kinds) {
  test(`${name} has the requested properties`, (context) => {
    need(context, ...needs);
    for (const fd of [s.socket(domain, type, protocol), n.socket(domain, type, protocol)]) {
      cleanup(fd);
      expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_DOMAIN)).toBe(domain);
      expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_TYPE)).toBe(type);
      expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_PROTOCOL)).toBe(told);
    }
  });
}

test('the protocol is 0 by default', () => {
  const fd = cleanup(s.socket(s.AF_UNIX, s.SOCK_STREAM));
  expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_PROTOCOL)).toBe(0);
});

test('a socket is blocking without SOCK_NONBLOCK', () => {
  for (const socket of [s.socket, n.socket]) {
    const blocking = cleanup(socket(s.AF_INET, s.SOCK_STREAM));
    const not = cleanup(socket(s.AF_INET, s.SOCK_STREAM | s.SOCK_NONBLOCK));
    expect(s.fcntl(blocking, s.F_GETFL) & s.O_NONBLOCK).toBe(0);
    expect(s.fcntl(not, s.F_GETFL) & s.O_NONBLOCK).toBe(s.O_NONBLOCK);
  }
});

describe('close-on-exec', () => {
  /** Whether a program that this process starts inherits the socket. */
  function inherited(fd: number): boolean {
    const { stdout } = spawnSync('ls', ['-l', '/proc/self/fd'], { encoding: 'utf8' });
    expect(stdout).toContain('/proc/'); // the folder that ls reads is among its own
    return stdout.includes(readlinkSync(`/proc/self/fd/${fd}`));
  }

  function accepted(accept: (fd: number) => number): number {
    const listener = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM));
    s.bind(listener, { family: s.AF_INET, address: '127.0.0.1', port: 0 });
    s.listen(listener);
    s.connect(cleanup(s.socket(s.AF_INET, s.SOCK_STREAM)), s.getsockname(listener)!);
    return accept(listener);
  }

  function paired(): number {
    const sv = [-1, -1];
    expect(n.socketpair(s.AF_UNIX, s.SOCK_STREAM, 0, sv)).toBe(0);
    cleanup(sv[1]!);
    return sv[0]!;
  }

  const ways: [string, () => number][] = [
    ['socket', () => s.socket(s.AF_INET, s.SOCK_STREAM)],
    ['socket with SOCK_CLOEXEC', () => s.socket(s.AF_INET, s.SOCK_STREAM | s.SOCK_CLOEXEC)],
    ['socket, nothrow', () => n.socket(s.AF_INET, s.SOCK_STREAM)],
    ['socketpair', () => pair()[1]],
    ['socketpair, nothrow', paired],
    ['accept', () => accepted((fd) => s.accept(fd).fd)],
    ['accept, nothrow', () => accepted((fd) => n.accept(fd))],
    ['accept4', () => accepted((fd) => s.accept4(fd, 0).fd)],
    ['accept4, nothrow', () => accepted((fd) => n.accept4(fd, s.SOCK_NONBLOCK))],
    ['dup', () => s.dup(connection().client)],
    ['dup, nothrow', () => n.dup(connection().client)],
  ];

  test.each(ways)('%s', (_name, make) => {
    const fd = cleanup(make());
    expect(s.fcntl(fd, s.F_GETFD)).toBe(s.FD_CLOEXEC);
    expect(inherited(fd)).toBe(false);
    s.fcntl(fd, s.F_SETFD, 0);
    expect(inherited(fd)).toBe(true);
  });
});

test('the lowest free number is used, as in C', () => {
  const [a, b] = [cleanup(s.socket(s.AF_UNIX, s.SOCK_DGRAM)), cleanup(s.socket(s.AF_UNIX, s.SOCK_DGRAM))];
  expect(b).toBeGreaterThan(a);
  s.close(a);
  expect(s.socket(s.AF_UNIX, s.SOCK_DGRAM)).toBe(a);
});

describe('values that C cannot represent are rejected, and nothing is created', () => {
  const values: [unknown, typeof TypeError | typeof RangeError, string][] = [
    [Number.NaN, RangeError, 'ERR_OUT_OF_RANGE'],
    [Number.POSITIVE_INFINITY, RangeError, 'ERR_OUT_OF_RANGE'],
    [1.5, RangeError, 'ERR_OUT_OF_RANGE'],
    [2 ** 31, RangeError, 'ERR_OUT_OF_RANGE'],
    [2 ** 32 + 1, RangeError, 'ERR_OUT_OF_RANGE'],
    [-(2 ** 31) - 1, RangeError, 'ERR_OUT_OF_RANGE'],
    ['1', TypeError, 'ERR_INVALID_ARG_TYPE'],
    [1n, TypeError, 'ERR_INVALID_ARG_TYPE'],
    [null, TypeError, 'ERR_INVALID_ARG_TYPE'],
    [{ valueOf: () => 1 }, TypeError, 'ERR_INVALID_ARG_TYPE'],
  ];

  test.each(values)('%s', (value, type, code) => {
    const bad = value as number;
    const before = openSockets();
    for (const create of [
      s.socket,
      n.socket,
      s.socketpair,
      (domain: number, type: number, protocol: number) => n.socketpair(domain, type, protocol, [0, 0]),
    ]) {
      const attempts = [
        () => create(bad, s.SOCK_STREAM, 0),
        () => create(s.AF_UNIX, bad, 0),
        () => create(s.AF_UNIX, s.SOCK_STREAM, bad),
      ];
      const names = ['domain', 'type', 'protocol'];
      attempts.forEach((attempt, i) => {
        expect(attempt).toThrow(type);
        expect(attempt).toThrow(expect.objectContaining({ code }));
        expect(attempt).toThrow(`"${names[i]}"`);
      });
    }
    expect(openSockets()).toBe(before);
  });
});
