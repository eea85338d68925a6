import { join } from 'node:path';
import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { folder } from '../helpers/fixtures.ts';
import { ipv6, need, packetSockets, vsock } from '../helpers/need.ts';
import { keep, tcpPair, unixPair } from '../helpers/sockets.ts';

const portOf = (address: s.Address | undefined) => (address as s.InetAddress).port;

test('inspect shows family, type, file descriptor and addresses, by name', async () => {
  const [client, server] = await tcpPair();
  const [mine, theirs] = [client.getsockname(), client.getpeername()].map(portOf);
  expect(inspect(client)).toBe(
    `Socket { fd=${client.fd}, AF_INET, SOCK_STREAM, local=127.0.0.1:${mine}, remote=127.0.0.1:${theirs} }`,
  );
  expect(inspect(server)).toBe(
    `Socket { fd=${server.fd}, AF_INET, SOCK_STREAM, local=127.0.0.1:${theirs}, remote=127.0.0.1:${mine} }`,
  );
  client.close();
  expect(inspect(client)).toBe('Socket { closed, AF_INET, SOCK_STREAM }');
  expect(inspect({ socket: client })).toContain('socket: Socket { closed');
});

test('inspect shows other families, and a protocol', (context) => {
  const path = join(folder(), 's');
  const unix = keep(new s.Socket(s.AF_UNIX, s.SOCK_SEQPACKET));
  unix.bind({ family: s.AF_UNIX, path });
  expect(inspect(unix)).toBe(`Socket { fd=${unix.fd}, AF_UNIX, SOCK_SEQPACKET, local=${path} }`);
  const [a] = unixPair(s.SOCK_DGRAM);
  expect(inspect(a)).toContain(`fd=${a.fd}, AF_UNIX, SOCK_DGRAM`);
  const netlink = keep(new s.Socket(s.AF_NETLINK, s.SOCK_RAW, s.NETLINK_ROUTE));
  netlink.bind({ family: s.AF_NETLINK, pid: 0, groups: 1 });
  const { pid } = netlink.getsockname() as s.NetlinkAddress;
  expect(inspect(netlink)).toBe(
    `Socket { fd=${netlink.fd}, AF_NETLINK, SOCK_RAW, local=AF_NETLINK pid=${pid} groups=0x1, remote=AF_NETLINK pid=0 groups=0x0 }`,
  );
  const tcp = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM, s.IPPROTO_TCP));
  expect(inspect(tcp)).toContain(`protocol=${s.IPPROTO_TCP}`);
  need(context, ipv6);
  const six = keep(s.createServer({ host: '::1', port: 0 }));
  expect(inspect(six)).toContain(`AF_INET6, SOCK_STREAM, local=[::1]:${portOf(six.getsockname())}`);
});

test('inspect shows packet and vsock sockets', (context) => {
  need(context, packetSockets);
  const packet = keep(new s.Socket(s.AF_PACKET, s.SOCK_RAW));
  const ifindex = s.if_nametoindex('lo');
  packet.bind({ family: s.AF_PACKET, ifindex, protocol: s.ETH_P_ARP });
  expect(inspect(packet)).toContain(`local=AF_PACKET ETH_P_ARP ifindex=${ifindex} 00:00:00:00:00:00 }`);
  need(context, vsock);
  const virtual = keep(new s.Socket(s.AF_VSOCK, s.SOCK_STREAM));
  virtual.bind({ family: s.AF_VSOCK, cid: s.VMADDR_CID_ANY, port: s.VMADDR_PORT_ANY });
  const { port } = virtual.getsockname() as s.VsockAddress;
  expect(inspect(virtual)).toContain(`local=AF_VSOCK VMADDR_CID_ANY:${port} }`);
});

test('inspect shows a family or type without a name as its number, and does not query a closed descriptor', () => {
  const [a] = unixPair();
  const odd = new s.Socket(299, 77, 0, s.dup(a.fd));
  expect(inspect(odd)).toContain(`fd=${odd.fd}, 299, 77`);
  s.close(odd.detach());
  expect(inspect(odd)).toBe('Socket { closed, 299, 77 }');
});

test('inspect shows errors with what failed, and where', () => {
  expect(inspect(new s.ClosedError('recv'))).toContain('recv: the socket is closed');
  expect(inspect(new s.TimeoutError('accept', 50))).toContain('accept: not done within 50 ms');
});
