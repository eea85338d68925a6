import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { loopback, loopback6 } from '../helpers/fixtures.ts';
import { ipv6, need } from '../helpers/need.ts';

/** Sockets that share one port, in the order of their index. */
function group(
  count: number,
  type: number,
  at: s.InetAddress | s.Inet6Address = loopback,
): [fds: number[], address: s.InetAddress | s.Inet6Address] {
  let address = at;
  const fds = Array.from({ length: count }, () => {
    const fd = cleanup(s.socket(at.family, type | s.SOCK_NONBLOCK));
    s.setsockopt(fd, s.SOL_SOCKET, s.SO_REUSEPORT, true);
    s.bind(fd, address);
    address = s.getsockname(fd) as typeof address;
    if (type === s.SOCK_STREAM) s.listen(fd);
    return fd;
  });
  return [fds, address];
}

const ret = (k: number): s.FilterInstruction => ({ code: 0x06, jt: 0, jf: 0, k });
/** The index is the first digit of the datagram: the program sees the data without the UDP header. */
const byDigit: s.FilterProgram = '3\n48 0 0 0\n20 0 0 48\n22 0 0 0\n';

/** Sends datagrams from separate sockets, so that no hash of the ports decides, and returns who received which. */
function spread(fds: number[], address: s.AddressLike, ...texts: string[]): string[][] {
  const domain = s.getsockopt(fds[0]!, s.SOL_SOCKET, s.SO_DOMAIN);
  const got = fds.map((): string[] => []);
  for (const text of texts) {
    s.sendto(cleanup(s.socket(domain, s.SOCK_DGRAM)), text, 0, address);
    s.poll(
      fds.map((fd) => ({ fd, events: s.POLLIN })),
      5000,
    );
    fds.forEach((fd, i) => {
      const buffer = Buffer.alloc(64);
      const n = nothrow.recv(fd, buffer);
      if (n >= 0) got[i]!.push(buffer.toString('latin1', 0, n));
      else expect(n).toBe(-s.EAGAIN);
    });
  }
  return got;
}

test('the program selects the socket of the group, regardless of the socket that it was attached to', () => {
  for (const chosen of [0, 1, 2]) {
    const [fds, address] = group(3, s.SOCK_DGRAM);
    s.attachReusePortFilter(fds[chosen]!, byDigit);
    expect(spread(fds, address, '2a', '0b', '1c', '1d', '2e', '0f', '0g')).toEqual([
      ['0b', '0f', '0g'],
      ['1c', '1d'],
      ['2a', '2e'],
    ]);
  }
});

test('a new program replaces the old one for the whole group', () => {
  const [fds, address] = group(3, s.SOCK_DGRAM);
  s.attachReusePortFilter(fds[0]!, byDigit);
  s.attachReusePortFilter(fds[2]!, [ret(1)]);
  expect(spread(fds, address, '0', '1', '2')).toEqual([[], ['0', '1', '2'], []]);
});

test('with an invalid index, the kernel selects the socket, and no datagram is lost', () => {
  const [fds, address] = group(3, s.SOCK_DGRAM);
  s.attachReusePortFilter(fds[0]!, byDigit);
  const texts = Array.from({ length: 20 }, (_, i) => `9${i}`);
  expect(
    spread(fds, address, ...texts)
      .flat()
      .sort(),
  ).toEqual(texts.toSorted());
});

test('SO_DETACH_REUSEPORT_BPF removes the program, once', () => {
  const [fds] = group(3, s.SOCK_DGRAM);
  const detach = () => nothrow.setsockopt(fds[1]!, s.SOL_SOCKET, s.SO_DETACH_REUSEPORT_BPF, 0);
  expect(detach()).toBe(-s.ENOENT);
  s.attachReusePortFilter(fds[0]!, byDigit);
  expect([detach(), detach()]).toEqual([0, -s.ENOENT]);
});

test('a group of TCP listeners', () => {
  const [fds, address] = group(3, s.SOCK_STREAM);
  for (const chosen of [2, 0, 1, 1]) {
    s.attachReusePortFilter(fds[0]!, [ret(chosen)]);
    s.connect(cleanup(s.socket(s.AF_INET, s.SOCK_STREAM)), address);
    expect(s.poll([{ fd: fds[chosen]!, events: s.POLLIN }], 5000)).toEqual([s.POLLIN]);
    expect(fds.map((fd) => nothrow.accept(fd)).map((n) => (n < 0 ? n : cleanup(n) > 0))).toEqual(
      fds.map((_, i) => (i === chosen ? true : -s.EAGAIN)),
    );
  }
});

test('a group of IPv6', (context) => {
  need(context, ipv6);
  const [fds, address] = group(3, s.SOCK_DGRAM, loopback6);
  s.attachReusePortFilter(fds[0]!, byDigit);
  expect(spread(fds, address, '2', '0', '1')).toEqual([['0'], ['1'], ['2']]);
});

test('the program is not a filter: every datagram arrives completely, and getFilter does not return it', () => {
  const [fds, address] = group(2, s.SOCK_DGRAM);
  s.attachReusePortFilter(fds[0]!, [ret(1)]);
  expect(spread(fds, address, 'a whole datagram')).toEqual([[], ['a whole datagram']]);
  expect(fds.map((fd) => s.getFilter(fd))).toEqual([[], []]);
});

test('the program is copied', () => {
  const [fds, address] = group(2, s.SOCK_DGRAM);
  const program = [ret(1)];
  s.attachReusePortFilter(fds[0]!, program);
  program[0]!.k = 0;
  expect(spread(fds, address, 'x')).toEqual([[], ['x']]);
});

test('an invalid program, and a socket without SO_REUSEPORT, fail with EINVAL', () => {
  const [fds, address] = group(2, s.SOCK_DGRAM);
  const einval = expect.objectContaining({ name: 'SocketError', code: 'EINVAL', syscall: 'setsockopt' });
  s.attachReusePortFilter(fds[0]!, [ret(1)]);
  expect(() => s.attachReusePortFilter(fds[0]!, [])).toThrow(einval);
  expect(() => s.attachReusePortFilter(fds[0]!, [{ code: 0x30, jt: 0, jf: 0, k: 0 }])).toThrow(einval);
  expect(() => s.attachReusePortFilter(fds[0]!, [{ code: 0xffff, jt: 0, jf: 0, k: 0 }, ret(0)])).toThrow(einval);
  expect(() =>
    s.attachReusePortFilter(
      fds[0]!,
      Array.from({ length: 4097 }, () => ret(0)),
    ),
  ).toThrow(einval);
  expect(spread(fds, address, 'x')).toEqual([[], ['x']]);
  const alone = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  s.bind(alone, loopback);
  expect(() => s.attachReusePortFilter(alone, [ret(0)])).toThrow(einval);
});
