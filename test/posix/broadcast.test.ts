import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { cleanup } from '../helpers/fds.ts';
import { HANGING } from '../helpers/limits.ts';
import { namespaces, need, program } from '../helpers/need.ts';
import { type Link, link } from '../helpers/networks.ts';

const timeout = new BigInt64Array([60n, 0n]);
/** A broadcast address of the loopback network: no other host can receive it. */
const broadcast: s.InetAddress = { family: s.AF_INET, address: '127.255.255.255', port: 9 };

function udp(): number {
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVTIMEO, timeout);
  return fd;
}

test('without SO_BROADCAST, sending and connecting fail with EACCES', () => {
  const fd = udp();
  expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_BROADCAST)).toBe(0);
  expect(() => s.sendto(fd, 'x', 0, broadcast)).toThrow(
    expect.objectContaining({ code: 'EACCES', syscall: 'sendto', address: broadcast }),
  );
  expect(() => s.connect(fd, broadcast)).toThrow(expect.objectContaining({ code: 'EACCES', syscall: 'connect' }));
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_BROADCAST, true);
  s.connect(fd, broadcast);
  expect(s.getpeername(fd)).toEqual(broadcast);
});

test('a datagram to the broadcast address of lo is received and recognized as a broadcast', () => {
  const receiver = udp();
  s.bind(receiver, { family: s.AF_INET, address: '0.0.0.0', port: 0 });
  s.setsockopt(receiver, s.IPPROTO_IP, s.IP_PKTINFO, true);
  const { port } = s.getsockname(receiver) as s.InetAddress;
  const fd = udp();
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_BROADCAST, true);
  expect(s.sendto(fd, 'to all', 0, { ...broadcast, port })).toBe(6);
  const buffer = Buffer.alloc(16);
  const { length: bytes, control } = s.recvmsg(receiver, { buffers: [buffer], controlLength: 128 });
  expect(buffer.toString('utf8', 0, bytes)).toBe('to all');
  const info = control.find((m) => s.isControl(m, s.IPPROTO_IP, s.IP_PKTINFO));
  expect(info).toMatchObject({ addr: broadcast.address, ifindex: 1 });
});

function start({ enter }: Link, ...command: string[]): ChildProcess {
  const child = spawn(enter[0]!, [...enter.slice(1), ...command], { stdio: ['ignore', 'pipe', 'pipe'] });
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  return child;
}

test.for([
  ['255.255.255.255', () => '255.255.255.255'],
  ['the one of the subnet', ({ address }: Link) => address.replace(/1$/, '255')],
] as const)('socat on the other side of a link receives a datagram to %s', async ([, target], context) => {
  need(context, namespaces, program('socat'), program('ip'));
  const veth = await link();
  const child = start(veth, 'socat', '-d', '-d', '-u', 'UDP4-RECV:7007', 'STDOUT');
  let log = '';
  while (!log.includes('starting data transfer loop')) log += String((await once(child.stderr!, 'data'))[0]);
  const fd = udp();
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_BROADCAST, true);
  // 255.255.255.255 is on every link: this chooses one.
  s.setsockopt(fd, s.IPPROTO_IP, s.IP_UNICAST_IF, Buffer.from([0, 0, veth.ifindex >> 8, veth.ifindex & 255]));
  s.bind(fd, { family: s.AF_INET, address: veth.address, port: 0 });
  const heard = once(child.stdout!, 'data');
  s.sendto(fd, 'to all', 0, { family: s.AF_INET, address: target(veth), port: 7007 });
  expect(String((await heard)[0])).toBe('to all');
});

test('we receive a broadcast from the other side of a link', async (context) => {
  need(context, namespaces, program('socat'));
  const veth = await link();
  const fd = udp();
  s.bind(fd, { family: s.AF_INET, address: '0.0.0.0', port: 0 });
  s.setsockopt(fd, s.IPPROTO_IP, s.IP_PKTINFO, true);
  const { port } = s.getsockname(fd) as s.InetAddress;
  const address = veth.address.replace(/1$/, '255');
  const send = `printf 'from afar' | socat - UDP4-DATAGRAM:${address}:${port},broadcast`;
  execFileSync(veth.enter[0]!, [...veth.enter.slice(1), 'sh', '-c', send], { timeout: HANGING });
  const buffer = Buffer.alloc(16);
  const { length: bytes, address: from, control } = s.recvmsg(fd, { buffers: [buffer], controlLength: 128 });
  expect(buffer.toString('utf8', 0, bytes)).toBe('from afar');
  expect(from).toMatchObject({ address: veth.peer.address });
  const info = control.find((m) => s.isControl(m, s.IPPROTO_IP, s.IP_PKTINFO));
  expect(info).toMatchObject({ addr: address, ifindex: veth.ifindex });
});
