/** UDP-Lite: the kernel receives what is encoded, and its checksum covers what the header says. */
import { expect, test } from 'vitest';
import * as s from '../../../lib/index.ts';
import * as p from '../../../lib/packet/index.ts';
import { cleanup } from '../../helpers/fds.ts';
import { loopback } from '../../helpers/fixtures.ts';
import { need, rawSockets, udpLite } from '../../helpers/need.ts';

test('the kernel receives a datagram unless a byte that the checksum covers is wrong', (context) => {
  need(context, udpLite, rawSockets);
  const receiver = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM, s.IPPROTO_UDPLITE));
  s.bind(receiver, loopback);
  s.setOption(receiver, 'UDPLITE_RECV_CSCOV', 8);
  const { port } = s.getsockname(receiver) as s.InetAddress;
  const sender = cleanup(s.socket(s.AF_INET, s.SOCK_RAW, s.IPPROTO_UDPLITE));
  const header = p.ipv4({ sourceAddress: '127.0.0.1', destinationAddress: '127.0.0.1' });
  const datagram = (checksumCoverage: number, data: string) =>
    p.encodePacket([header, p.udplite({ sourcePort: 9, destinationPort: port, checksumCoverage }), data]);
  const receive = () => {
    const buffer = Buffer.alloc(9);
    return buffer.toString('latin1', 0, s.recv(receiver, buffer));
  };
  /** Sends a datagram, of whose data one byte is wrong. Returns whether the kernel receives it, and how it is decoded. */
  const send = (checksumCoverage: number, wrong?: number) => {
    const packet = datagram(checksumCoverage, 'data');
    if (wrong !== undefined) packet[28 + wrong]! ^= 1;
    for (const one of [packet, datagram(0, 'marker')]) s.sendto(sender, one.subarray(20), 0, loopback);
    const received = receive() !== 'marker';
    if (received) expect(receive()).toBe('marker');
    return [received, p.findLayer(p.decodePacket(packet, { first: 'ip' }), 'udplite')?.checksumOk];
  };
  expect(send(0)).toEqual([true, true]);
  expect(send(8, 0)).toEqual([true, true]);
  expect(send(11, 3)).toEqual([true, true]);
  expect(send(11, 2)).toEqual([false, false]);
  expect(send(12, 3)).toEqual([false, false]);
  expect(send(0, 3)).toEqual([false, false]);
});

test('formatPacket names the protocol in the IP header, as it names UDP', () => {
  const header = p.ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2' });
  const packet = p.encodePacket([header, p.udplite({ sourcePort: 1, destinationPort: 2 })]);
  expect(p.formatPacket(p.decodePacket(packet, { first: 'ip' }))).toContain('192.0.2.2, UDP-Lite (136), ttl 64');
});
