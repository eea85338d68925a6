import { execFileSync, spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { connection, datagram, loopback, loopback6 } from '../helpers/fixtures.ts';
import { ipv6, namespaces, need, packetSockets, program, rawSockets } from '../helpers/need.ts';
import { type Link, link } from '../helpers/networks.ts';

/** Port 1, on an address of the loopback network that nobody else uses: nobody listens there. */
const closed: s.InetAddress = { family: s.AF_INET, address: '127.0.0.66', port: 1 };
const closed6: s.Inet6Address = { ...loopback6, port: 1 };

function udp(family: number = s.AF_INET): number {
  const fd = cleanup(s.socket(family, s.SOCK_DGRAM | s.SOCK_NONBLOCK));
  if (family === s.AF_INET) s.setsockopt(fd, s.IPPROTO_IP, s.IP_RECVERR, true);
  else s.setsockopt(fd, s.IPPROTO_IPV6, s.IPV6_RECVERR, true);
  return fd;
}

interface Entry extends s.ReceivedMessage {
  data: string;
}

/** Receives from the error queue, where something must arrive within 10 seconds. */
function next(fd: number): Entry {
  const [ready] = s.poll([{ fd, events: 0 }], 10_000);
  expect(ready! & s.POLLERR, 'POLLERR').toBe(s.POLLERR);
  const buffer = Buffer.alloc(4096);
  const message = s.recvmsg(fd, { buffers: [buffer], controlLength: 512 }, s.MSG_ERRQUEUE);
  expect(message.flags & s.MSG_ERRQUEUE).toBe(s.MSG_ERRQUEUE);
  return { ...message, data: buffer.toString('latin1', 0, message.length) };
}

const extended = ({ control }: s.ReceivedMessage) =>
  control.find((m) => s.isControl(m, s.IPPROTO_IP, s.IP_RECVERR)) as s.ExtendedError;
const extended6 = ({ control }: s.ReceivedMessage) =>
  control.find((m) => s.isControl(m, s.IPPROTO_IPV6, s.IPV6_RECVERR)) as s.ExtendedError;

/** Returns -EAGAIN when the queue is empty. It never blocks, not even on a blocking socket. */
const rest = (fd: number) => nothrow.recvmsg(fd, { buffers: [new Uint8Array(1)] }, s.MSG_ERRQUEUE);

const refused = {
  errno: s.ECONNREFUSED,
  origin: s.SO_EE_ORIGIN_ICMP,
  type: s.ICMP_DEST_UNREACH,
  code: s.ICMP_PORT_UNREACH,
  info: 0,
  data: 0,
};

describe('ICMP errors on the loopback interface', () => {
  test('UDP: the entry contains the origin of the error, the destination of the datagram and its data', () => {
    const fd = udp();
    s.sendto(fd, 'to nobody', 0, closed);
    const entry = next(fd);
    expect(entry.data).toBe('to nobody');
    expect(entry.address).toEqual(closed);
    expect(extended(entry)).toEqual({
      level: s.IPPROTO_IP,
      type: s.IP_RECVERR,
      error: refused,
      offender: { family: s.AF_INET, address: closed.address, port: 0 },
    });
    expect(rest(fd)).toBe(-s.EAGAIN);
    expect(s.poll([{ fd, events: 0 }], 0)).toEqual([0]);
  });

  test('UDP: the next call fails with the error, and the entries remain, in their order', () => {
    const fd = udp();
    expect(nothrow.sendto(fd, 'one', 0, closed)).toBe(3);
    expect(s.poll([{ fd, events: 0 }], 10_000)).toEqual([s.POLLERR]);
    expect(nothrow.sendto(fd, 'not sent', 0, closed)).toBe(-s.ECONNREFUSED);
    expect(nothrow.sendto(fd, 'two', 0, closed)).toBe(3);
    expect([next(fd), next(fd)].map(({ data }) => data)).toEqual(['one', 'two']);
    expect(rest(fd)).toBe(-s.EAGAIN);
    const receiver = datagram();
    expect(s.sendto(fd, 'x', 0, receiver.address)).toBe(1);
    expect(s.recv(receiver.fd, new Uint8Array(1))).toBe(1);
  });

  test('UDP, IPv6', (context) => {
    need(context, ipv6);
    const fd = udp(s.AF_INET6);
    s.sendto(fd, 'six', 0, closed6);
    const entry = next(fd);
    expect(entry.data).toBe('six');
    expect(entry.address).toMatchObject({ family: s.AF_INET6, address: '::1', port: 1 });
    expect(extended6(entry)).toMatchObject({
      error: {
        errno: s.ECONNREFUSED,
        origin: s.SO_EE_ORIGIN_ICMP6,
        type: s.ICMP6_DST_UNREACH,
        code: s.ICMP6_DST_UNREACH_NOPORT,
      },
      offender: { family: s.AF_INET6, address: '::1' },
    });
  });

  test('connected UDP: the error is also pending until its entry is read', () => {
    const fd = udp();
    s.connect(fd, closed);
    s.send(fd, 'one');
    expect(s.poll([{ fd, events: 0 }], 10_000)).toEqual([s.POLLERR]);
    expect(() => s.recv(fd, new Uint8Array(9))).toThrow(expect.objectContaining({ code: 'ECONNREFUSED' }));
    expect(extended(next(fd)).error).toEqual(refused);
    s.send(fd, 'two');
    expect(next(fd).data).toBe('two');
    expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_ERROR)).toBe(0);
    expect(nothrow.recv(fd, new Uint8Array(9))).toBe(-s.EAGAIN);
  });

  test('buffers that are too short cause MSG_TRUNC and MSG_CTRUNC', () => {
    const fd = udp();
    s.sendto(fd, 'long enough', 0, closed);
    expect(s.poll([{ fd, events: 0 }], 10_000)).toEqual([s.POLLERR]);
    const entry = s.recvmsg(fd, { buffers: [Buffer.alloc(4)], controlLength: s.CMSG_SPACE(16) }, s.MSG_ERRQUEUE);
    expect(entry.length).toBe(4);
    expect(entry.flags).toBe(s.MSG_ERRQUEUE | s.MSG_TRUNC | s.MSG_CTRUNC);
    // The kernel returns what fits: the error without its offender.
    const lone = { level: s.IPPROTO_IP, type: s.IP_RECVERR, error: refused, offender: undefined };
    expect(entry.control).toEqual([lone]);
  });

  test('without IP_RECVERR, the queue stays empty', () => {
    const loose = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM | s.SOCK_NONBLOCK));
    const tied = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM | s.SOCK_NONBLOCK));
    s.connect(tied, closed);
    s.sendto(loose, 'x', 0, closed);
    s.send(tied, 'x');
    const witness = udp();
    s.sendto(witness, 'x', 0, closed);
    next(witness); // the errors of the earlier ones have arrived, too
    expect(s.poll([{ fd: loose, events: 0 }], 0)).toEqual([0]);
    expect(rest(loose)).toBe(-s.EAGAIN);
    expect(rest(tied)).toBe(-s.EAGAIN);
    expect(s.getsockopt(tied, s.SOL_SOCKET, s.SO_ERROR)).toBe(s.ECONNREFUSED);
  });

  test('MSG_ERRQUEUE does not wait on a blocking socket', () => {
    const { fd } = datagram();
    expect(() => s.recvmsg(fd, { buffers: [new Uint8Array(1)] }, s.MSG_ERRQUEUE)).toThrow(
      expect.objectContaining({ code: 'EAGAIN', syscall: 'recvmsg' }),
    );
  });

  test('TCP: a refused connection is not an ICMP error', () => {
    const fd = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM));
    s.setsockopt(fd, s.IPPROTO_IP, s.IP_RECVERR, true);
    expect(() => s.connect(fd, closed)).toThrow(expect.objectContaining({ code: 'ECONNREFUSED' }));
    expect(rest(fd)).toBe(-s.EAGAIN);
  });

  test('raw IPv4: a protocol that is not supported', (context) => {
    need(context, rawSockets);
    const fd = cleanup(s.socket(s.AF_INET, s.SOCK_RAW, 254));
    s.setsockopt(fd, s.IPPROTO_IP, s.IP_RECVERR, true);
    s.bind(fd, { ...loopback, address: '127.0.0.67' }); // so that it does not receive its own datagrams
    s.sendto(fd, 'protocol 254', 0, { ...closed, port: 0 });
    const entry = next(fd);
    expect(entry.data).toBe('protocol 254');
    expect(extended(entry)).toMatchObject({
      error: {
        errno: s.ENOPROTOOPT,
        origin: s.SO_EE_ORIGIN_ICMP,
        type: s.ICMP_DEST_UNREACH,
        code: s.ICMP_PROT_UNREACH,
      },
      offender: { address: closed.address },
    });
  });
});

describe('errors on a link', () => {
  const peer = (veth: Link, ...command: string[]) =>
    execFileSync(veth.enter[0]!, [...veth.enter.slice(1), ...command], { stdio: ['ignore', 'ignore', 'inherit'] });

  test('raw IPv6: an unknown next header, with its position', async (context) => {
    need(context, namespaces, rawSockets, ipv6);
    const veth = await link();
    const fd = cleanup(s.socket(s.AF_INET6, s.SOCK_RAW, 254));
    s.setsockopt(fd, s.IPPROTO_IPV6, s.IPV6_RECVERR, true);
    const address = veth.peer.address6;
    s.sendto(fd, 'header 254', 0, { family: s.AF_INET6, address, port: 0 });
    expect(extended6(next(fd))).toMatchObject({
      error: {
        errno: s.EPROTO,
        origin: s.SO_EE_ORIGIN_ICMP6,
        type: s.ICMP6_PARAM_PROB,
        code: s.ICMP6_PARAMPROB_NEXTHEADER,
        info: 6, // the offset of the next header field in the IPv6 header
      },
      offender: { address },
    });
  });

  test('TCP and UDP: a host that does not answer', async (context) => {
    need(context, namespaces, program('ip'));
    const veth = await link();
    execFileSync('ip', ['ntable', 'change', 'name', 'arp_cache', 'dev', veth.name, 'retrans', '20']);
    const nobody: s.InetAddress = { family: s.AF_INET, address: veth.address.replace(/1$/, '99'), port: 7 };
    const unreachable = {
      error: {
        errno: s.EHOSTUNREACH,
        origin: s.SO_EE_ORIGIN_ICMP,
        type: s.ICMP_DEST_UNREACH,
        code: s.ICMP_HOST_UNREACH,
      },
      offender: { family: s.AF_INET, address: veth.address }, // this host reports it itself
    };
    const tcp = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM | s.SOCK_NONBLOCK));
    s.setsockopt(tcp, s.IPPROTO_IP, s.IP_RECVERR, true);
    expect(nothrow.connect(tcp, nobody)).toBe(-s.EINPROGRESS);
    const entry = next(tcp);
    expect(extended(entry)).toMatchObject(unreachable);
    expect(entry.address).toEqual(nobody);

    const fd = udp();
    s.sendto(fd, 'x', 0, nobody);
    expect(extended(next(fd))).toMatchObject(unreachable);
  });

  test('EMSGSIZE from this host reports the MTU', async (context) => {
    need(context, namespaces, ipv6);
    const veth = await link();
    const fd = udp();
    s.setsockopt(fd, s.IPPROTO_IP, s.IP_MTU_DISCOVER, s.IP_PMTUDISC_DO);
    s.connect(fd, { family: s.AF_INET, address: veth.peer.address, port: 9 });
    expect(s.getsockopt(fd, s.IPPROTO_IP, s.IP_MTU)).toBe(1500);
    const fits = Buffer.alloc(1500 - 20 - 8);
    expect(() => s.send(fd, Buffer.alloc(fits.length + 1))).toThrow(expect.objectContaining({ code: 'EMSGSIZE' }));
    expect(extended(next(fd))).toEqual({
      level: s.IPPROTO_IP,
      type: s.IP_RECVERR,
      error: { errno: s.EMSGSIZE, origin: s.SO_EE_ORIGIN_LOCAL, type: 0, code: 0, info: 1500, data: 0 },
      offender: undefined,
    });
    expect(s.send(fd, fits)).toBe(fits.length);

    const six = udp(s.AF_INET6);
    s.setsockopt(six, s.IPPROTO_IPV6, s.IPV6_MTU_DISCOVER, s.IPV6_PMTUDISC_DO);
    s.setsockopt(six, s.IPPROTO_IPV6, s.IPV6_DONTFRAG, true);
    s.connect(six, { family: s.AF_INET6, address: veth.peer.address6, port: 9 });
    expect(() => s.send(six, Buffer.alloc(1500 - 40 - 8 + 1))).toThrow(expect.objectContaining({ code: 'EMSGSIZE' }));
    expect(extended6(next(six))).toMatchObject({
      error: { errno: s.EMSGSIZE, origin: s.SO_EE_ORIGIN_LOCAL, info: 1500 },
      offender: undefined,
    });
  });

  test('a router on the path reports the path MTU and time exceeded', async (context) => {
    need(context, namespaces, ipv6, program('ip'));
    const veth = await link();
    const settings = 'echo 1 > /proc/sys/net/ipv4/ip_forward && echo 1 > /proc/sys/net/ipv6/conf/all/forwarding';
    const forwarding = spawnSync(veth.enter[0]!, [...veth.enter.slice(1), 'sh', '-c', settings], {
      encoding: 'utf8',
    });
    if (forwarding.status !== 0) context.skip(`no forwarding: ${forwarding.stderr.trim()}`);
    // The link behind the other end has a smaller MTU.
    peer(veth, 'ip', 'link', 'add', 'narrow0', 'mtu', '1280', 'type', 'veth', 'peer', 'name', 'narrow1');
    const far = `10.67.${veth.address.split('.')[2]}`;
    const far6 = veth.address6.replace(/^fd66/, 'fd67').replace(/1$/, '');
    peer(veth, 'ip', 'addr', 'add', `${far}.1/24`, 'dev', 'narrow0');
    peer(veth, 'ip', '-6', 'addr', 'add', `${far6}1/64`, 'dev', 'narrow0', 'nodad');
    for (const name of ['narrow0', 'narrow1']) peer(veth, 'ip', 'link', 'set', name, 'up');
    execFileSync('ip', ['route', 'add', `${far}.0/24`, 'via', veth.peer.address, 'dev', veth.name]);
    execFileSync('ip', ['-6', 'route', 'add', `${far6}/64`, 'via', veth.peer.address6, 'dev', veth.name]);
    const to: s.InetAddress = { family: s.AF_INET, address: `${far}.2`, port: 9 };
    const to6: s.Inet6AddressInput = { family: s.AF_INET6, address: `${far6}2`, port: 9 };

    const big = udp();
    s.setsockopt(big, s.IPPROTO_IP, s.IP_MTU_DISCOVER, s.IP_PMTUDISC_DO);
    s.connect(big, to);
    s.send(big, Buffer.alloc(1400));
    expect(extended(next(big))).toEqual({
      level: s.IPPROTO_IP,
      type: s.IP_RECVERR,
      error: {
        errno: s.EMSGSIZE,
        origin: s.SO_EE_ORIGIN_ICMP,
        type: s.ICMP_DEST_UNREACH,
        code: s.ICMP_FRAG_NEEDED,
        info: 1280,
        data: 0,
      },
      offender: { family: s.AF_INET, address: veth.peer.address, port: 0 },
    });
    expect(s.getsockopt(big, s.IPPROTO_IP, s.IP_MTU)).toBe(1280);

    const short = udp();
    s.setsockopt(short, s.IPPROTO_IP, s.IP_TTL, 1);
    s.sendto(short, 'x', 0, to);
    expect(extended(next(short))).toMatchObject({
      error: { errno: s.EHOSTUNREACH, origin: s.SO_EE_ORIGIN_ICMP, type: s.ICMP_TIME_EXCEEDED, code: s.ICMP_EXC_TTL },
      offender: { address: veth.peer.address },
    });

    const big6 = udp(s.AF_INET6);
    s.setsockopt(big6, s.IPPROTO_IPV6, s.IPV6_MTU_DISCOVER, s.IPV6_PMTUDISC_DO);
    s.connect(big6, to6);
    s.send(big6, Buffer.alloc(1400));
    expect(extended6(next(big6))).toMatchObject({
      error: { errno: s.EMSGSIZE, origin: s.SO_EE_ORIGIN_ICMP6, type: s.ICMP6_PACKET_TOO_BIG, code: 0, info: 1280 },
      offender: { address: veth.peer.address6 },
    });

    const short6 = udp(s.AF_INET6);
    s.setsockopt(short6, s.IPPROTO_IPV6, s.IPV6_UNICAST_HOPS, 1);
    s.sendto(short6, 'x', 0, to6);
    expect(extended6(next(short6))).toMatchObject({
      error: { errno: s.EHOSTUNREACH, type: s.ICMP6_TIME_EXCEEDED, code: s.ICMP6_TIME_EXCEED_TRANSIT },
      offender: { address: veth.peer.address6 },
    });
  });
});

describe('timestamps of sent packets', () => {
  const stamps = s.SOF_TIMESTAMPING_TX_SOFTWARE | s.SOF_TIMESTAMPING_SOFTWARE | s.SOF_TIMESTAMPING_OPT_ID;
  const only = stamps | s.SOF_TIMESTAMPING_OPT_TSONLY;
  const time = ({ control }: s.ReceivedMessage) =>
    control.find((m) => s.isControl(m, s.SOL_SOCKET, s.SCM_TIMESTAMPING))!.software;
  const now = () => BigInt(Date.now()) * 1_000_000n;
  /** Clocks differ by less than this. */
  const tolerance = 1_000_000_000n;

  test('UDP: each datagram has a numbered timestamp', () => {
    const receiver = datagram();
    const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
    s.setsockopt(fd, s.SOL_SOCKET, s.SO_TIMESTAMPING, only);
    const before = now() - tolerance;
    for (const data of ['a', 'bb', 'ccc']) s.sendto(fd, data, 0, receiver.address);
    const times: bigint[] = [];
    for (const id of [0, 1, 2]) {
      const entry = next(fd);
      expect(entry.length).toBe(0);
      expect(extended(entry)).toMatchObject({
        error: { errno: s.ENOMSG, origin: s.SO_EE_ORIGIN_TIMESTAMPING, info: s.SCM_TSTAMP_SND, data: id },
      });
      times.push(time(entry));
    }
    expect(times).toEqual(times.toSorted((a, b) => (a < b ? -1 : 1)));
    expect(times[0]).toBeGreaterThan(before);
    expect(times[2]).toBeLessThan(now() + tolerance);
    expect(rest(fd)).toBe(-s.EAGAIN);
  });

  test('UDP, IPv6: without SOF_TIMESTAMPING_OPT_TSONLY, the packet is returned', (context) => {
    need(context, ipv6);
    const receiver = cleanup(s.socket(s.AF_INET6, s.SOCK_DGRAM));
    s.bind(receiver, loopback6);
    const fd = cleanup(s.socket(s.AF_INET6, s.SOCK_DGRAM));
    s.setsockopt(fd, s.SOL_SOCKET, s.SO_TIMESTAMPING, stamps);
    s.sendto(fd, 'payload', 0, s.getsockname(receiver)!);
    const entry = next(fd);
    expect(entry.data).toHaveLength(14 + 40 + 8 + 7);
    expect(entry.data.slice(-7)).toBe('payload');
    expect(extended6(entry)).toMatchObject({
      error: { errno: s.ENOMSG, origin: s.SO_EE_ORIGIN_TIMESTAMPING, data: 0 },
    });
    expect(time(entry)).toBeGreaterThan(now() - 60n * tolerance);
  });

  test('TCP: the times when data was sent and acknowledged, with the last byte as the key', () => {
    const { client } = connection();
    s.setsockopt(client, s.SOL_SOCKET, s.SO_TIMESTAMPING, only | s.SOF_TIMESTAMPING_TX_ACK);
    s.send(client, Buffer.alloc(100));
    const entries = [next(client), next(client)];
    const found = entries.map((entry) => ({ ...extended(entry).error, time: time(entry) }));
    found.sort((a, b) => a.info - b.info);
    const common = { errno: s.ENOMSG, origin: s.SO_EE_ORIGIN_TIMESTAMPING, data: 99 };
    expect(found).toMatchObject([
      { ...common, info: s.SCM_TSTAMP_SND },
      { ...common, info: s.SCM_TSTAMP_ACK },
    ]);
    expect(found[1]!.time).toBeGreaterThanOrEqual(found[0]!.time);
    s.send(client, Buffer.alloc(50));
    expect(extended(next(client)).error.data).toBe(149);
  });

  /** What a packet socket reports about its frame number `data`. */
  const ofPacket = (data: number): s.ExtendedError => ({
    level: s.SOL_PACKET,
    type: s.PACKET_TX_TIMESTAMP,
    error: { errno: s.ENOMSG, origin: s.SO_EE_ORIGIN_TIMESTAMPING, type: 0, code: 0, info: s.SCM_TSTAMP_SND, data },
    offender: undefined,
  });
  function packetSocket(): number {
    const fd = cleanup(s.socket(s.AF_PACKET, s.SOCK_RAW, 0));
    s.setsockopt(fd, s.SOL_SOCKET, s.SO_TIMESTAMPING, only);
    return fd;
  }
  function sendFrame(fd: number): void {
    const frame = Buffer.alloc(60);
    frame.writeUInt16BE(s.ETH_P_802_EX1, 12);
    s.sendto(fd, frame, 0, { family: s.AF_PACKET, ifindex: 1, protocol: s.ETH_P_802_EX1 });
    expect(s.poll([{ fd, events: 0 }], 10_000)).toEqual([s.POLLERR]);
  }

  test('packet sockets use their own level: the same as in Python', (context) => {
    need(context, packetSockets, program('python3'));
    const fd = packetSocket();
    sendFrame(fd);
    sendFrame(fd);
    const script = `
import json, socket
s = socket.socket(fileno=3)
entries = [s.recvmsg(100, 200, socket.MSG_ERRQUEUE)[1] for _ in range(2)]
print(json.dumps([[[level, type, data.hex()] for level, type, data in entry] for entry in entries]))`;
    const { stdout } = spawnSync('python3', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit', fd] });
    const entries = JSON.parse(stdout.toString()) as [number, number, string][][];
    const decoded = entries.map((entry) =>
      s.decodeControl(
        s.encodeControl(entry.map(([level, type, data]) => ({ level, type, data: Buffer.from(data, 'hex') }))),
      ),
    );
    expect(decoded.map((entry) => entry.find(({ level }) => level === s.SOL_PACKET))).toEqual([
      ofPacket(0),
      ofPacket(1),
    ]);
  });

  test('packet sockets use their own level', (context) => {
    need(context, packetSockets);
    const fd = packetSocket();
    for (const id of [0, 1]) {
      sendFrame(fd);
      const entry = next(fd);
      expect(entry.control.find((m) => s.isControl(m, s.SOL_PACKET, s.PACKET_TX_TIMESTAMP))).toEqual(ofPacket(id));
      expect(time(entry)).toBeGreaterThan(now() - 60n * tolerance);
    }
  });
});

describe('MSG_ZEROCOPY', () => {
  const size = 16384;

  test('TCP: every send is completed once, by its number, and the loopback interface copies', () => {
    const { client, server } = connection();
    s.setsockopt(client, s.SOL_SOCKET, s.SO_ZEROCOPY, true);
    const sent = [1, 2, 3, 4, 5].map((n) => Buffer.alloc(size, n)); // unchanged until they are completed
    const numbers: number[] = [];
    for (const data of sent) {
      expect(s.send(client, data, s.MSG_ZEROCOPY)).toBe(size);
      const received = Buffer.alloc(size);
      expect(s.recv(server, received, s.MSG_WAITALL)).toBe(size);
      expect(received.equals(data)).toBe(true);
    }
    while (numbers.length < sent.length) {
      const entry = next(client);
      expect(entry.length).toBe(0);
      const { error, offender } = extended(entry);
      expect(error).toMatchObject({ errno: 0, origin: s.SO_EE_ORIGIN_ZEROCOPY, code: s.SO_EE_CODE_ZEROCOPY_COPIED });
      expect(error.data).toBeGreaterThanOrEqual(error.info);
      for (let i = error.info; i <= error.data; i++) numbers.push(i);
      expect(offender).toBeUndefined();
    }
    expect(numbers).toEqual([0, 1, 2, 3, 4]);
    expect(rest(client)).toBe(-s.EAGAIN);
  });

  test('unread completions are merged into a range', () => {
    const { client, server } = connection();
    s.setsockopt(client, s.SOL_SOCKET, s.SO_ZEROCOPY, true);
    const data = Buffer.alloc(size, 1);
    for (let i = 0; i < 3; i++) {
      s.send(client, data, s.MSG_ZEROCOPY);
      s.recv(server, Buffer.alloc(size), s.MSG_WAITALL);
    }
    // The answer acknowledges all of the data.
    s.send(server, 'x');
    expect(s.recv(client, new Uint8Array(1))).toBe(1);
    expect(extended(next(client)).error).toMatchObject({ origin: s.SO_EE_ORIGIN_ZEROCOPY, info: 0, data: 2 });
    expect(rest(client)).toBe(-s.EAGAIN);
  });

  test('a string is rejected, because the kernel would read its memory when it belongs to other data', async () => {
    const { client } = connection();
    const socket = new s.Socket(s.AF_INET, s.SOCK_STREAM);
    const address = s.getsockname(client);
    const message = { buffers: [new Uint8Array(1), 'text'] };
    const flags = s.MSG_ZEROCOPY;
    const calls: (() => unknown)[] = [
      () => s.send(client, 'text', flags),
      () => s.sendto(client, 'text', flags, address),
      () => s.sendmsg(client, message, flags),
      () => nothrow.send(client, 'text', flags),
      () => nothrow.sendto(client, 'text', flags, address),
      () => nothrow.sendmsg(client, message, flags),
      () => socket.send('text', flags),
      () => socket.sendSync('text', flags),
      () => socket.sendAll('text', flags),
      () => socket.sendAllSync('text', flags),
      () => socket.sendto('text', flags, address),
      () => socket.sendtoSync('text', flags, address),
      () => socket.sendmsg(message, flags),
      () => socket.sendmsgSync(message, flags),
    ];
    const refused = expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
    for (const call of calls) await expect((async () => call())(), String(call)).rejects.toEqual(refused);
    socket.close();
  });

  test('without SO_ZEROCOPY, the flag has no effect', () => {
    const { client, server } = connection();
    s.send(client, Buffer.alloc(size), s.MSG_ZEROCOPY);
    expect(s.recv(server, Buffer.alloc(size), s.MSG_WAITALL)).toBe(size);
    expect(s.poll([{ fd: client, events: 0 }], 50)).toEqual([0]);
    expect(rest(client)).toBe(-s.EAGAIN);
  });
});
