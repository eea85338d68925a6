import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { loopback } from '../helpers/fixtures.ts';
import { HANGING } from '../helpers/limits.ts';
import { namespaces, need, program } from '../helpers/need.ts';
import { link } from '../helpers/networks.ts';
import { python } from '../helpers/python.ts';

const timeout = new BigInt64Array([60n, 0n]);

function udp(device?: string): number {
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVTIMEO, timeout);
  if (device !== undefined) s.setsockopt(fd, s.SOL_SOCKET, s.SO_BINDTODEVICE, Buffer.from(device));
  return fd;
}

/** The name as the kernel returns it: with its NUL, and empty if there is none. */
const device = (fd: number) => s.getsockopt(fd, s.SOL_SOCKET, s.SO_BINDTODEVICE, 16).toString('latin1');

test('the name of the device is returned, also if it was set by index, as in Python', () => {
  const fd = udp();
  expect(device(fd)).toBe('');
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_BINDTODEVICE, Buffer.from('lo'));
  expect(device(fd)).toBe('lo\0');
  expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_BINDTOIFINDEX)).toBe(1);
  const theirs = python<string>(`
a = socket(AF_INET, SOCK_DGRAM)
a.setsockopt(SOL_SOCKET, 25, b'lo')
print(json.dumps(a.getsockopt(SOL_SOCKET, 25, 16).hex()))`);
  expect(Buffer.from(device(fd)).toString('hex')).toBe(theirs);

  const other = udp();
  s.setsockopt(other, s.SOL_SOCKET, s.SO_BINDTOIFINDEX, 1);
  expect(device(other)).toBe('lo\0');
});

test('the binding can be removed if the kernel permits it', () => {
  const fd = udp('lo');
  const allowed = python<boolean>(`
a = socket(AF_INET, SOCK_DGRAM)
a.setsockopt(SOL_SOCKET, 25, b'lo')
try:
    a.setsockopt(SOL_SOCKET, 25, b'')
    print(json.dumps(True))
except PermissionError: print(json.dumps(False))`);
  const n = nothrow.setsockopt(fd, s.SOL_SOCKET, s.SO_BINDTODEVICE, Buffer.from('\0'));
  expect(n).toBe(allowed ? 0 : -s.EPERM);
  expect(device(fd)).toBe(allowed ? '' : 'lo\0');
});

test('errors for a missing device, a name that is too long and a buffer that is too short', () => {
  const fd = udp();
  const bindTo = (name: string) => () => s.setsockopt(fd, s.SOL_SOCKET, s.SO_BINDTODEVICE, Buffer.from(name));
  expect(bindTo('no-such-device')).toThrow(expect.objectContaining({ code: 'ENODEV', syscall: 'setsockopt' }));
  expect(() => s.setsockopt(fd, s.SOL_SOCKET, s.SO_BINDTOIFINDEX, -1)).toThrow(
    expect.objectContaining({ code: 'EINVAL' }),
  );
  bindTo('lo')();
  expect(() => s.getsockopt(fd, s.SOL_SOCKET, s.SO_BINDTODEVICE, 15)).toThrow(
    expect.objectContaining({ code: 'EINVAL', syscall: 'getsockopt' }),
  );
});

test('SO_BINDTOIFINDEX accepts an index that does not exist and therefore has no name', () => {
  const fd = udp();
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_BINDTOIFINDEX, 0x7ffffffe);
  expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_BINDTOIFINDEX)).toBe(0x7ffffffe);
  expect(() => device(fd)).toThrow(expect.objectContaining({ code: 'ENODEV', syscall: 'getsockopt' }));
});

test('two sockets on different devices share a port, and each receives only from its device', async (context) => {
  need(context, namespaces, program('socat'));
  const veth = await link();
  const onLink = udp(veth.name);
  s.bind(onLink, { family: s.AF_INET, address: '0.0.0.0', port: 0 });
  const { port } = s.getsockname(onLink) as s.InetAddress;
  const any = { family: s.AF_INET, address: '0.0.0.0', port } as const;
  const onLo = udp('lo');
  s.bind(onLo, any);
  expect(() => s.bind(udp(), any)).toThrow(expect.objectContaining({ code: 'EADDRINUSE' }));

  const here = udp();
  s.sendto(here, 'from lo', 0, { ...loopback, port });
  s.sendto(here, 'our own address', 0, { ...loopback, address: veth.address, port });
  const send = `printf 'from afar' | socat - UDP4-SENDTO:${veth.address}:${port}`;
  execFileSync(veth.enter[0]!, [...veth.enter.slice(1), 'sh', '-c', send], { timeout: HANGING });

  const buffer = Buffer.alloc(64);
  const text = (fd: number) => buffer.toString('utf8', 0, s.recv(fd, buffer));
  // Data sent to an address of this host goes over lo, but counts as traffic of the device with that address.
  expect([text(onLink), text(onLink)]).toEqual(['our own address', 'from afar']);
  expect(text(onLo)).toBe('from lo');
  for (const fd of [onLink, onLo]) expect(nothrow.recv(fd, buffer, s.MSG_DONTWAIT)).toBe(-s.EAGAIN);
});

test('the option selects the outgoing interface', async (context) => {
  need(context, namespaces);
  const [one, two] = [await link(), await link()];
  for (const { name, address } of [one, two]) {
    const fd = udp(name);
    // The route leads out of the first device, but the binding takes precedence, and determines the local address.
    s.connect(fd, { family: s.AF_INET, address: one.peer.address, port: 9 });
    expect(s.getsockname(fd)).toMatchObject({ address });
  }
});

test('the index of a deleted device remains, without a name', async (context) => {
  need(context, namespaces, program('ip'));
  const veth = await link();
  const fd = udp(veth.name);
  expect(device(fd)).toBe(`${veth.name}\0`);
  execFileSync('ip', ['link', 'del', veth.name]);
  expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_BINDTOIFINDEX)).toBe(veth.ifindex);
  expect(() => device(fd)).toThrow(expect.objectContaining({ code: 'ENODEV' }));
  expect(() => s.sendto(fd, 'x', 0, { family: s.AF_INET, address: veth.peer.address, port: 9 })).toThrow(s.SocketError);
});
