import { execFileSync, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { describe, expect, onTestFinished, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { datagram, loopback } from '../helpers/fixtures.ts';
import { ipv6, type Need, namespaces, need } from '../helpers/need.ts';
import { link } from '../helpers/networks.ts';
import { python } from '../helpers/python.ts';

/** Addresses that nobody has: RFC 5737 and RFC 3849. */
const foreign = { family: s.AF_INET, address: '192.0.2.66', port: 0 } as const;
const foreign6 = { family: s.AF_INET6, address: '2001:db8::66', port: 0 } as const;

const timeout = new BigInt64Array([60n, 0n]);

function udp(family: number = s.AF_INET): number {
  const fd = cleanup(s.socket(family, s.SOCK_DGRAM));
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVTIMEO, timeout);
  return fd;
}

/**
 * Whether this process has the privilege: Python checks it, so that the library does not determine the expected result.
 */
function allowed(): boolean {
  return python<boolean>(`
try:
    socket(AF_INET, SOCK_DGRAM).setsockopt(SOL_IP, 19, 1)
    print('true')
except PermissionError: print('false')`);
}
const mayBeTransparent: Need = () => (allowed() ? undefined : 'this process may not set IP_TRANSPARENT');
const mayNotBeTransparent: Need = () => (allowed() ? 'this process may set IP_TRANSPARENT' : undefined);

describe('an address that does not belong to this host', () => {
  test('bind alone fails with EADDRNOTAVAIL', () => {
    expect(() => s.bind(udp(), foreign)).toThrow(
      expect.objectContaining({ code: 'EADDRNOTAVAIL', syscall: 'bind', address: foreign }),
    );
  });

  test('IP_FREEBIND without a privilege permits binding, but not sending', () => {
    const fd = udp();
    s.setsockopt(fd, s.IPPROTO_IP, s.IP_FREEBIND, true);
    expect(s.getsockopt(fd, s.IPPROTO_IP, s.IP_FREEBIND)).toBe(1);
    s.bind(fd, foreign);
    expect(s.getsockname(fd)).toEqual({ ...foreign, port: expect.any(Number) });
    // Older kernels return EINVAL, newer ones ENETUNREACH.
    const code = expect.stringMatching(/^(EINVAL|ENETUNREACH)$/);
    expect(() => s.sendto(fd, 'x', 0, { ...loopback, port: 9 })).toThrow(
      expect.objectContaining({ code, syscall: 'sendto' }),
    );
  });

  test('IP_FREEBIND works for a listening TCP socket', () => {
    const fd = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM));
    s.setsockopt(fd, s.IPPROTO_IP, s.IP_FREEBIND, true);
    s.bind(fd, foreign);
    s.listen(fd);
    expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_ACCEPTCONN)).toBe(1);
  });

  test('IPV6_FREEBIND', (context) => {
    need(context, ipv6);
    expect(() => s.bind(udp(s.AF_INET6), foreign6)).toThrow(expect.objectContaining({ code: 'EADDRNOTAVAIL' }));
    const fd = udp(s.AF_INET6);
    s.setsockopt(fd, s.IPPROTO_IPV6, s.IPV6_FREEBIND, true);
    s.bind(fd, foreign6);
    expect(s.getsockname(fd)).toMatchObject({ address: foreign6.address });
  });

  test('IP_TRANSPARENT without the privilege fails with EPERM', (context) => {
    need(context, mayNotBeTransparent);
    const fd = udp();
    expect(() => s.setsockopt(fd, s.IPPROTO_IP, s.IP_TRANSPARENT, true)).toThrow(
      expect.objectContaining({ code: 'EPERM', errno: s.EPERM, syscall: 'setsockopt' }),
    );
    expect(s.getsockopt(fd, s.IPPROTO_IP, s.IP_TRANSPARENT)).toBe(0);
    s.setsockopt(fd, s.IPPROTO_IP, s.IP_TRANSPARENT, false); // switching off what is off needs no privilege
    expect(nothrow.bind(fd, foreign)).toBe(-s.EADDRNOTAVAIL);
  });

  test('IP_TRANSPARENT permits sending from it', (context) => {
    need(context, mayBeTransparent);
    const receiver = datagram();
    s.setsockopt(receiver.fd, s.SOL_SOCKET, s.SO_RCVTIMEO, timeout);
    const fd = udp();
    s.setsockopt(fd, s.IPPROTO_IP, s.IP_TRANSPARENT, true);
    expect(s.getsockopt(fd, s.IPPROTO_IP, s.IP_TRANSPARENT)).toBe(1);
    s.bind(fd, foreign);
    const name = s.getsockname(fd) as s.InetAddress;
    expect(name.address).toBe(foreign.address);
    expect(s.sendto(fd, 'from a stranger', 0, receiver.address)).toBe(15);
    expect(s.recvfrom(receiver.fd, Buffer.alloc(15))).toEqual({ length: 15, address: name });
  });

  test('with IP_TRANSPARENT on a link, the other side sees the foreign address', async (context) => {
    need(context, namespaces, mayBeTransparent);
    const veth = await link();
    const enter = veth.enter.slice(1);
    // It only answers addresses to which it has a route.
    execFileSync(veth.enter[0]!, [...enter, 'ip', 'route', 'add', '192.0.2.0/24', 'dev', veth.peer.name]);
    const script = `
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(('', 0))
s.settimeout(60)
print(s.getsockname()[1], flush=True)
data, peer = s.recvfrom(100)
print(data.decode(), *peer, flush=True)`;
    const child = spawn(veth.enter[0]!, [...enter, 'python3', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
    const port = Number((await lines.next()).value);
    const fd = udp();
    s.setsockopt(fd, s.IPPROTO_IP, s.IP_TRANSPARENT, true);
    s.bind(fd, foreign);
    s.sendto(fd, 'hello', 0, { family: s.AF_INET, address: veth.peer.address, port });
    const name = s.getsockname(fd) as s.InetAddress;
    expect((await lines.next()).value).toBe(`hello ${foreign.address} ${name.port}`);
  });

  test('IPV6_TRANSPARENT permits binding to it', (context) => {
    need(context, ipv6, mayBeTransparent);
    const fd = udp(s.AF_INET6);
    s.setsockopt(fd, s.IPPROTO_IPV6, s.IPV6_TRANSPARENT, true);
    expect(s.getsockopt(fd, s.IPPROTO_IPV6, s.IPV6_TRANSPARENT)).toBe(1);
    s.bind(fd, foreign6);
    expect(s.getsockname(fd)).toMatchObject({ address: foreign6.address });
  });
});
