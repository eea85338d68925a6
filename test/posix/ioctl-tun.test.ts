/** Tunnels: /dev/net/tun and its requests, as VPN programs use them. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { expect, onTestFinished, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { checksum } from '../../lib/packet/index.ts';
import { namespaces, need, otherUsers, tunnels } from '../helpers/need.ts';
import { namespace } from '../helpers/networks.ts';
import { start } from '../helpers/programs.ts';

/** Opens /dev/net/tun. Deno keeps its own record of what it opened, so Node's API has to close it. */
function open(): number {
  const fd = openSync('/dev/net/tun', 'r+');
  onTestFinished(() => close(fd));
  opened.add(fd);
  return fd;
}
const opened = new Set<number>();

function close(fd: number): void {
  if (opened.delete(fd)) closeSync(fd);
}

/** A new device of this kind, and its name. */
function tunnel(flags: number, name = 'sstun%d'): { fd: number; name: string } {
  const fd = open();
  const request = s.ifreq(name);
  request.writeUInt16LE(flags, 16);
  expect(s.ioctl(fd, s.TUNSETIFF, request)).toBe(0);
  return { fd, name: request.toString('latin1', 0, request.indexOf(0)) };
}

const flagsOf = (request: Buffer) => request.readUInt16LE(16);
const sys = (name: string, file: string) => Number(readFileSync(`/sys/class/net/${name}/${file}`, 'utf8'));

test('a packet is read from a tun device with readable and read, and the reply is written with write', async (context) => {
  need(context, namespaces, tunnels);
  const { pid, enter, run } = await namespace();
  const { fd, name } = tunnel(s.IFF_TUN | s.IFF_NO_PI);
  execFileSync('ip', ['link', 'set', name, 'netns', pid]);
  run('ip', 'addr', 'add', '10.77.0.1/24', 'dev', name);
  run('ip', 'link', 'set', name, 'up');
  const ping = start(enter[0]!, [...enter.slice(1), 'ping', '-c', '1', '-W', '30', '-p', 'c0ffee', '10.77.0.2']);

  const buffer = Buffer.alloc(2048);
  let packet: Buffer;
  do {
    await s.readable(fd, { timeout: 60_000 });
    packet = buffer.subarray(0, s.read(fd, buffer));
  } while (packet[0]! >> 4 !== 4 || packet[9] !== s.IPPROTO_ICMP); // IPv6 sends router solicitations, too
  expect(packet.length).toBe(84);
  expect([packet.subarray(12, 16), packet.subarray(16, 20)]).toEqual([
    Buffer.of(10, 77, 0, 1),
    Buffer.of(10, 77, 0, 2),
  ]);
  expect(packet.toString('hex')).toContain('c0ffeec0ffee');

  const answer = Buffer.from(packet);
  answer.set(packet.subarray(12, 16), 16);
  answer.set(packet.subarray(16, 20), 12);
  answer[20] = 0; // ICMP_ECHOREPLY
  answer.writeUInt16BE(0, 22);
  answer.writeUInt16BE(checksum(answer.subarray(20)), 22);
  await s.writable(fd, { timeout: 60_000 });
  expect(s.write(fd, answer)).toBe(84);
  expect(await ping.ended, ping.output()).toBe(0);
});

test('the properties of a device are read and set', (context) => {
  need(context, namespaces, tunnels, otherUsers); // to whom the device is given
  const { fd, name } = tunnel(s.IFF_TAP | s.IFF_NO_PI | s.IFF_VNET_HDR | s.IFF_MULTI_QUEUE);
  const features = s.IFF_TUN | s.IFF_TAP | s.IFF_NO_PI | s.IFF_VNET_HDR | s.IFF_MULTI_QUEUE;
  expect(s.ioctl(fd, s.TUNGETFEATURES) & features).toBe(features);
  const state = s.ifreq('');
  s.ioctl(fd, s.TUNGETIFF, state);
  expect(state.toString('latin1', 0, name.length + 1)).toBe(`${name}\0`);
  expect(flagsOf(state) & features).toBe(features & ~s.IFF_TUN);

  s.ioctl(fd, s.TUNSETSNDBUF, 65536);
  expect(s.ioctl(fd, s.TUNGETSNDBUF)).toBe(65536);
  expect(s.ioctl(fd, s.TUNGETVNETHDRSZ)).toBe(10); // struct virtio_net_hdr
  s.ioctl(fd, s.TUNSETVNETHDRSZ, 12);
  expect(s.ioctl(fd, s.TUNGETVNETHDRSZ)).toBe(12);
  expect(s.ioctl(fd, s.TUNSETOFFLOAD, s.TUN_F_CSUM | s.TUN_F_TSO4 | s.TUN_F_TSO6)).toBe(0);
  expect(s.ioctl(fd, s.TUNSETLINK, s.ARPHRD_IEEE802)).toBe(0);
  expect(sys(name, 'type')).toBe(s.ARPHRD_IEEE802);
  expect(s.ioctl(fd, s.TUNSETOWNER, 1)).toBe(0);
  expect(s.ioctl(fd, s.TUNSETGROUP, 2)).toBe(0);
  expect([sys(name, 'owner'), sys(name, 'group')]).toEqual([1, 2]);

  const queue = s.ifreq('');
  queue.writeUInt16LE(s.IFF_DETACH_QUEUE, 16);
  s.ioctl(fd, s.TUNSETQUEUE, queue);
  s.ioctl(fd, s.TUNGETIFF, state);
  expect(flagsOf(state) & s.IFF_DETACH_QUEUE).toBe(s.IFF_DETACH_QUEUE);
  queue.writeUInt16LE(s.IFF_ATTACH_QUEUE, 16);
  s.ioctl(fd, s.TUNSETQUEUE, queue);
  s.ioctl(fd, s.TUNGETIFF, state);
  expect(flagsOf(state) & s.IFF_DETACH_QUEUE).toBe(0);
});

test('a device persists while TUNSETPERSIST is set', (context) => {
  need(context, namespaces, tunnels);
  const { fd, name } = tunnel(s.IFF_TUN);
  expect(s.ioctl(fd, s.TUNSETPERSIST, 1)).toBe(0);
  close(fd);
  expect(s.if_nametoindex(name)).toBeGreaterThan(0);
  const again = tunnel(s.IFF_TUN, name);
  expect(again.name).toBe(name);
  s.ioctl(again.fd, s.TUNSETPERSIST, 0);
  close(again.fd);
  expect(() => s.if_nametoindex(name)).toThrow(expect.objectContaining({ code: 'ENODEV' }));
});

test('TUNSETTXFILTER reads as many addresses as its count says, and never beyond the bytes', (context) => {
  need(context, namespaces, tunnels);
  const { fd } = tunnel(s.IFF_TAP | s.IFF_NO_PI);
  const filter = (count: number, addresses: number) => {
    const bytes = Buffer.alloc(4 + 6 * addresses, 2);
    bytes.writeUInt16LE(0, 0);
    bytes.writeUInt16LE(count, 2);
    return bytes;
  };
  expect(s.ioctl(fd, s.TUNSETTXFILTER, filter(3, 3))).toBe(3);
  expect(s.ioctl(fd, s.TUNSETTXFILTER, filter(2, 3))).toBe(2);
  expect(s.ioctl(fd, s.TUNSETTXFILTER, filter(0, 0))).toBe(0);
  for (const bytes of [Buffer.alloc(0), Buffer.alloc(3), filter(1, 0), filter(65535, 3), filter(65535, 65534)]) {
    expect(() => s.ioctl(fd, s.TUNSETTXFILTER, bytes)).toThrow(expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' }));
  }
  expect(() => s.ioctl(fd, s.TUNSETTXFILTER, 1)).toThrow(TypeError);
});

test('a tunnel fails with the errnos of the kernel, and accepts numbers that C passes by value', (context) => {
  need(context, namespaces, tunnels);
  const fresh = open();
  const error = (code: s.ErrnoName) => expect.objectContaining({ name: 'SocketError', code, syscall: 'ioctl' });
  expect(() => s.ioctl(fresh, s.TUNGETIFF, s.ifreq(''))).toThrow(error('EBADFD'));
  expect(() => s.ioctl(fresh, s.TUNSETIFF, s.ifreq('sstun%d'))).toThrow(error('EINVAL')); // neither tun nor tap
  const { fd, name } = tunnel(s.IFF_TUN);
  const taken = s.ifreq(name);
  taken.writeUInt16LE(s.IFF_TUN, 16);
  expect(nothrow.ioctl(fresh, s.TUNSETIFF, taken)).toBe(-s.EBUSY);
  expect(nothrow.ioctl(fd, s.TUNSETOFFLOAD, 0xffffffff)).toBe(-s.EINVAL);
  expect(nothrow.ioctl(fd, s.TUNSETOWNER, 0xffffffff)).toBe(-s.EINVAL);
  for (const bad of [-1, 1.5, 2 ** 32, Number.NaN]) {
    expect(() => s.ioctl(fd, s.TUNSETOWNER, bad)).toThrow(RangeError);
  }
  for (const bad of [undefined, Buffer.alloc(4), '1', 1n] as unknown as number[]) {
    expect(() => s.ioctl(fd, s.TUNSETPERSIST, bad)).toThrow(TypeError);
  }
  expect(() => s.ioctl(fd, s.TUNSETIFF, Buffer.alloc(4))).toThrow(RangeError); // the size in _IOC_SIZE
});
