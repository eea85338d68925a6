/**
 * Sockets of SOCK_DGRAM for ICMP echo: icmp(7). net.ipv4.ping_group_range determines which groups may open one in a
 * network namespace: where ours allows nobody, Python opens one in another namespace and hands it over.
 */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { ipv6, namespaces, need, packetSockets, program } from '../helpers/need.ts';
import { link } from '../helpers/networks.ts';
import { python } from '../helpers/python.ts';

const timeout = new BigInt64Array([60n, 0n]);

test.each([
  ['IPPROTO_ICMP', s.AF_INET, s.IPPROTO_ICMP],
  ['IPPROTO_ICMPV6', s.AF_INET6, s.IPPROTO_ICMPV6],
] as const)('%s: this process has the permission if Python has it', (_, family, protocol) => {
  const errno = python<number>(`
try:
    socket(${family}, SOCK_DGRAM, ${protocol})
    print(0)
except OSError as error: print(error.errno)`);
  const open = () => s.close(s.socket(family, s.SOCK_DGRAM, protocol));
  if (errno === 0) expect(open).not.toThrow();
  else expect(open).toThrow(expect.objectContaining({ errno, syscall: 'socket' }));
  expect([0, s.EACCES, s.EAFNOSUPPORT]).toContain(errno);
});

/** Lets our group open ping sockets in the namespace where it runs. */
const allow = 'echo "$(id -g) $(id -g)" > /proc/sys/net/ipv4/ping_group_range';

/** A ping socket of another network namespace, which the start of a command line enters. */
function pingSocket(enter: string[], family: number): number {
  const [here, there] = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM);
  cleanup(here, there);
  s.setsockopt(here, s.SOL_SOCKET, s.SO_RCVTIMEO, timeout);
  const protocol = family === s.AF_INET ? s.IPPROTO_ICMP : s.IPPROTO_ICMPV6;
  const script = `
import socket
ping = socket.socket(${family}, socket.SOCK_DGRAM, ${protocol})
socket.send_fds(socket.socket(fileno=3), [b'x'], [ping.fileno()])`;
  const shell = `ip link set lo up; ${allow} && exec python3 -c "$0"`;
  const stdio = ['ignore', 'inherit', 'inherit', there] as const;
  execFileSync(enter[0]!, [...enter.slice(1), 'sh', '-c', shell, script], { stdio: [...stdio] });
  const { control } = s.recvmsg(here, { buffers: [new Uint8Array(1)], controlLength: s.CMSG_SPACE(4) });
  const fd = cleanup(control.find((m) => s.isControl(m, s.SOL_SOCKET, s.SCM_RIGHTS))!.fds[0]!);
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVTIMEO, timeout);
  expect([s.SO_DOMAIN, s.SO_TYPE, s.SO_PROTOCOL].map((name) => s.getsockopt(fd, s.SOL_SOCKET, name))).toEqual([
    family,
    s.SOCK_DGRAM,
    protocol,
  ]);
  return fd;
}

/** Writing to /proc/sys may be forbidden even where new namespaces are allowed. */
const settings = () =>
  spawnSync('unshare', ['-n', 'sh', '-c', allow], { stdio: 'ignore' }).status === 0
    ? undefined
    : 'ping_group_range cannot be written';

/** An echo request; the kernel fills in the identifier and the checksum. */
const echo = (type: number, sequence: number, payload: Uint8Array) =>
  Buffer.concat([Buffer.of(type, 0, 0, 0, 0xff, 0xff, 0, sequence), payload]);

function checksum(bytes: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < bytes.length; i += 2) sum += (bytes[i]! << 8) | (bytes[i + 1] ?? 0);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

describe('in a namespace of its own', () => {
  test('IPv4: the port is the identifier, and the kernel replies', (context) => {
    need(context, namespaces, settings);
    const fd = pingSocket(['unshare', '-n'], s.AF_INET);
    s.bind(fd, { family: s.AF_INET, address: '127.0.0.1', port: 0 });
    const { port } = s.getsockname(fd) as s.InetAddress;
    expect(port).toBeGreaterThan(0);
    s.setsockopt(fd, s.IPPROTO_IP, s.IP_RECVTTL, true);
    const payload = randomBytes(33);
    const to = { family: s.AF_INET, address: '127.0.0.5', port: 0 } as const;
    expect(s.sendto(fd, echo(s.ICMP_ECHO, 7, payload), 0, to)).toBe(41);

    const buffer = Buffer.alloc(100);
    const { length: bytes, address, control } = s.recvmsg(fd, { buffers: [buffer], controlLength: 64 });
    const reply = buffer.subarray(0, bytes);
    expect(address).toEqual(to);
    expect([reply[0], reply[1]]).toEqual([s.ICMP_ECHOREPLY, 0]); // without an IPv4 header before it
    expect(checksum(reply)).toBe(0);
    expect([reply.readUInt16BE(4), reply.readUInt16BE(6)]).toEqual([port, 7]);
    expect(reply.subarray(8)).toEqual(payload);
    expect(control).toContainEqual({ level: s.IPPROTO_IP, type: s.IP_TTL, value: 64 });
  });

  test('IPv4: a socket can be bound to an identifier and connected', (context) => {
    need(context, namespaces, settings);
    const fd = pingSocket(['unshare', '-n'], s.AF_INET);
    const address = { family: s.AF_INET, address: '127.0.0.1', port: 4711 } as const;
    s.bind(fd, address);
    expect(s.getsockname(fd)).toEqual(address);
    s.connect(fd, { ...address, port: 0 });
    s.send(fd, echo(s.ICMP_ECHO, 1, Buffer.from('connected')));
    const reply = Buffer.alloc(100);
    expect(s.recv(fd, reply)).toBe(17);
    expect(reply.readUInt16BE(4)).toBe(4711);
  });

  test('only echo requests can be sent', (context) => {
    need(context, namespaces, settings);
    const fd = pingSocket(['unshare', '-n'], s.AF_INET);
    const to = { family: s.AF_INET, address: '127.0.0.1', port: 0 } as const;
    const send = (data: Uint8Array) => () => s.sendto(fd, data, 0, to);
    const invalid = expect.objectContaining({ code: 'EINVAL', syscall: 'sendto' });
    expect(send(echo(s.ICMP_ECHOREPLY, 1, Buffer.alloc(0)))).toThrow(invalid);
    expect(send(echo(s.ICMP_DEST_UNREACH, 1, Buffer.alloc(0)))).toThrow(invalid);
    expect(send(Buffer.of(s.ICMP_ECHO, 0, 0, 0, 0, 0, 0))).toThrow(invalid);
    send(echo(s.ICMP_ECHO, 1, Buffer.alloc(0)))();
    expect(s.recv(fd, new Uint8Array(100))).toBe(8);
  });

  test('IPv6', (context) => {
    need(context, namespaces, settings, ipv6);
    const fd = pingSocket(['unshare', '-n'], s.AF_INET6);
    s.setsockopt(fd, s.IPPROTO_IPV6, s.IPV6_RECVHOPLIMIT, true);
    const to = { family: s.AF_INET6, address: '::1', port: 0 } as const;
    s.sendto(fd, echo(s.ICMP6_ECHO_REQUEST, 3, Buffer.from('six')), 0, to);
    const buffer = Buffer.alloc(100);
    const { length: bytes, address, control } = s.recvmsg(fd, { buffers: [buffer], controlLength: 64 });
    expect(address).toMatchObject(to);
    expect([buffer[0], buffer[1]]).toEqual([s.ICMP6_ECHO_REPLY, 0]);
    expect(buffer.readUInt16BE(4)).toBe((s.getsockname(fd) as s.Inet6Address).port);
    expect(buffer.toString('utf8', 8, bytes)).toBe('six');
    expect(control).toContainEqual({ level: s.IPPROTO_IPV6, type: s.IPV6_HOPLIMIT, value: 64 });
  });
});

describe('over a link', () => {
  test('the host on the other side replies, and a missing host causes an entry in the error queue', async (context) => {
    need(context, namespaces, settings, program('ip'));
    const veth = await link();
    const change = ['ip', 'ntable', 'change', 'name', 'arp_cache', 'dev', veth.peer.name, 'retrans', '20'];
    execFileSync(veth.enter[0]!, [...veth.enter.slice(1), ...change]);
    const fd = pingSocket(veth.enter, s.AF_INET);
    const to: s.InetAddress = { family: s.AF_INET, address: veth.address, port: 0 };
    s.sendto(fd, echo(s.ICMP_ECHO, 1, Buffer.from('over there?')), 0, to);
    const buffer = Buffer.alloc(100);
    expect(s.recvfrom(fd, buffer)).toEqual({ length: 19, address: to });
    expect(buffer[0]).toBe(s.ICMP_ECHOREPLY);

    s.setsockopt(fd, s.IPPROTO_IP, s.IP_RECVERR, true);
    const nobody: s.InetAddress = { ...to, address: veth.address.replace(/1$/, '99') };
    s.sendto(fd, echo(s.ICMP_ECHO, 2, Buffer.from('anybody?')), 0, nobody);
    const [ready] = s.poll([{ fd, events: 0 }], 10_000);
    expect(ready).toBe(s.POLLERR);
    const {
      length: bytes,
      address,
      control,
    } = s.recvmsg(fd, { buffers: [buffer], controlLength: 128 }, s.MSG_ERRQUEUE);
    expect(buffer.toString('utf8', 8, bytes)).toBe('anybody?');
    expect(address).toEqual(nobody);
    expect(control.find((m) => s.isControl(m, s.IPPROTO_IP, s.IP_RECVERR))).toMatchObject({
      error: {
        errno: s.EHOSTUNREACH,
        origin: s.SO_EE_ORIGIN_ICMP,
        type: s.ICMP_DEST_UNREACH,
        code: s.ICMP_HOST_UNREACH,
      },
      offender: { address: veth.peer.address },
    });
  });

  test('the host replies to ping(8)', async (context) => {
    need(context, namespaces, program('ping'));
    const { enter, address } = await link();
    const { status, stdout } = spawnSync(enter[0]!, [...enter.slice(1), 'ping', '-n', '-c1', '-W5', address], {
      encoding: 'utf8',
    });
    expect(stdout).toContain(`64 bytes from ${address}: icmp_seq=1 ttl=64`);
    expect(status).toBe(0);
  });

  test('this program replies to ping(8) for an address that no host has', async (context) => {
    need(context, namespaces, packetSockets, program('ping'), program('ip'));
    const veth = await link();
    const nobody = veth.address.replace(/1$/, '77');
    const inside = veth.enter.slice(1);
    const neighbour = ['ip', 'neigh', 'add', nobody, 'lladdr', veth.mac, 'dev', veth.peer.name];
    execFileSync(veth.enter[0]!, [...inside, ...neighbour]);
    const fd = cleanup(s.socket(s.AF_PACKET, s.SOCK_DGRAM, 0));
    s.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVTIMEO, timeout);
    s.bind(fd, { family: s.AF_PACKET, ifindex: veth.ifindex, protocol: s.ETH_P_IP });

    const child: ChildProcess = spawn(veth.enter[0]!, [...inside, 'ping', '-n', '-c1', '-W5', '-s24', nobody], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    onTestFinished(() => {
      child.kill('SIGKILL');
    });
    const output: Buffer[] = [];
    child.stdout!.on('data', (chunk: Buffer) => output.push(chunk));
    const closed = once(child, 'close');
    const buffer = Buffer.alloc(2048);
    const target = s.inet_aton(nobody)!;
    let request: Buffer;
    do {
      const n = nothrow.recv(fd, buffer); // a blocking call, as ping is another process
      // The end of a child interrupts it.
      if (n < 0 && n !== -s.EINTR) throw new s.SocketError(-n, 'recv');
      request = buffer.subarray(0, Math.max(0, n));
    } while (request[9] !== s.IPPROTO_ICMP || !request.subarray(16, 20).equals(target) || request[20] !== s.ICMP_ECHO);

    // The same packet is returned: the addresses change places, and the type differs.
    const reply = Buffer.from(request);
    request.copy(reply, 12, 16, 20);
    request.copy(reply, 16, 12, 16);
    reply[8] = 42;
    reply.writeUInt16BE(0, 10);
    reply.writeUInt16BE(checksum(reply.subarray(0, 20)), 10);
    reply[20] = s.ICMP_ECHOREPLY;
    reply.writeUInt16BE(0, 22);
    reply.writeUInt16BE(checksum(reply.subarray(20)), 22);
    const mac = Buffer.from(veth.peer.mac.replaceAll(':', ''), 'hex');
    s.sendto(fd, reply, 0, { family: s.AF_PACKET, ifindex: veth.ifindex, protocol: s.ETH_P_IP, address: mac });

    const [code] = await closed;
    expect(Buffer.concat(output).toString()).toContain(`32 bytes from ${nobody}: icmp_seq=1 ttl=42`);
    expect(code).toBe(0);
  });
});
