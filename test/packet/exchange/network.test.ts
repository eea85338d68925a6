/** `exchange` with the kernel of another namespace: over captures, packet sockets and raw sockets. */
import { execFileSync } from 'node:child_process';
import { expect, onTestFinished, test } from 'vitest';
import * as s from '../../../lib/index.ts';
import * as p from '../../../lib/packet/index.ts';
import { namespaces, need, packetSockets, program } from '../../helpers/need.ts';
import { type Link, link } from '../../helpers/networks.ts';
import { printed, start } from '../../helpers/programs.ts';

const patient = { timeout: 60_000 };

function opened(...args: ConstructorParameters<typeof s.Socket>): s.Socket {
  const socket = new s.Socket(...args);
  onTestFinished(() => socket.close());
  return socket;
}

async function all<T>(outcomes: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const outcome of outcomes) list.push(outcome);
  return list;
}

const layersOf = (outcome: p.Answered | p.Unanswered | undefined) =>
  outcome?.answered ? outcome.packet.layers.map(({ layer }) => layer).join(' ') : 'no answer';

/** A TCP server at port 80 and a UDP server at port 53 in the other namespace, which echo what they receive. */
async function server({ enter, peer }: Link): Promise<void> {
  const script = `
import socket
kept = []
for family, address in ((socket.AF_INET, '${peer.address}'), (socket.AF_INET6, '${peer.address6}')):
  l = socket.socket(family, socket.SOCK_STREAM); l.bind((address, 80)); l.listen(); kept.append(l)
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(('${peer.address}', 53))
print('listening', flush=True)
while True: u.sendto(*u.recvfrom(2000))`;
  await printed(start(enter[0]!, [...enter.slice(1), 'python3', '-c', script]), /listening/);
}

test('a capture: ARP, echoes, SYN, UDP and ICMP errors, all at once, and it stays open', async (context) => {
  need(context, namespaces, packetSockets, program('python3'));
  const there = await link();
  await server(there);
  const { mac, address, address6, peer, name } = there;
  const capture = p.openCapture({ interface: name, immediate: true });
  onTestFinished(() => capture.close());
  const ethernet = p.ethernet({ source: mac, destination: peer.mac });
  const ipv4 = p.ipv4({ sourceAddress: address, destinationAddress: peer.address });
  const ipv6 = p.ipv6({ sourceAddress: address6, destinationAddress: peer.address6 });
  const who = (target: string) =>
    p.arp({
      operation: 1,
      senderHardwareAddress: mac,
      senderProtocolAddress: address,
      targetProtocolAddress: target,
    });
  const syn = (destinationPort: number) =>
    p.tcp({ sourcePort: 40000, destinationPort, syn: true, sequenceNumber: 0xffffffff });
  const datagram = (destinationPort: number) => p.udp({ sourcePort: 40001, destinationPort });
  const all4 = { source: mac, destination: 'ff:ff:ff:ff:ff:ff' };
  const requests: p.RequestLayers[] = [
    [p.ethernet(all4), who(peer.address)],
    [p.ethernet(all4), who(peer.address.replace(/\d+$/, '99'))],
    [ethernet, ipv4, p.icmp({ type: s.ICMP_ECHO, identifier: 1, sequenceNumber: 2 }), 'data'],
    [ethernet, ipv4, p.icmp({ type: s.ICMP_TIMESTAMP, identifier: 1, sequenceNumber: 2 })],
    [ethernet, ipv4, syn(80)],
    [ethernet, ipv4, syn(81)],
    [ethernet, ipv4, datagram(53), 'data'],
    [ethernet, ipv4, datagram(54), 'data'],
    [ethernet, ipv6, p.icmpv6({ type: p.ICMPV6_ECHO_REQUEST, identifier: 1, sequenceNumber: 2 }), 'data'],
    [ethernet, ipv6, syn(80)],
    [ethernet, ipv6, syn(81)],
    [ethernet, ipv6, datagram(54), 'data'],
    [ethernet, { ...ipv4, protocol: 200 }, 'data'],
  ];
  const waiting = new Set(requests.keys());
  const outcomes: (p.Answered | p.Unanswered)[] = [];
  for await (const outcome of p.exchange(capture, requests, patient)) {
    outcomes[outcome.index] = outcome;
    waiting.delete(outcome.index);
    if (waiting.size === 1) break;
  }
  expect([...waiting]).toEqual([1]);
  expect(Array.from(outcomes, layersOf)).toEqual([
    'ethernet arp',
    'no answer',
    'ethernet ipv4 icmp payload',
    'ethernet ipv4 icmp',
    'ethernet ipv4 tcp',
    'ethernet ipv4 tcp',
    'ethernet ipv4 udp payload',
    'ethernet ipv4 icmp ipv4 udp payload',
    'ethernet ipv6 icmpv6 payload',
    'ethernet ipv6 tcp',
    'ethernet ipv6 tcp',
    'ethernet ipv6 icmpv6 ipv6 udp payload',
    'ethernet ipv4 icmp ipv4 payload',
  ]);
  const found = (index: number) => outcomes[index] as p.Answered;
  expect(p.findLayer(found(0).packet, 'arp')).toMatchObject({ senderHardwareAddress: peer.mac });
  expect(p.findLayer(found(4).packet, 'tcp')).toMatchObject({ syn: true, ack: true, acknowledgmentNumber: 0 });
  expect(p.findLayer(found(5).packet, 'tcp')).toMatchObject({ rst: true });
  expect(found(7)).toMatchObject({ from: peer.address, error: { by: peer.address, type: 3, code: 3, errno: 0 } });
  const from = s.inet_ntop(s.AF_INET6, s.inet_pton(s.AF_INET6, peer.address6)!);
  expect(found(11)).toMatchObject({ from, error: { by: from, type: 1, code: 4 } });
  expect(found(12)).toMatchObject({ error: { type: s.ICMP_DEST_UNREACH, code: s.ICMP_PROT_UNREACH } });
  // The capture remains usable: for another exchange, and in a loop.
  const again = await p.exchangeOne(capture, requests[2]!, patient);
  expect(layersOf(again)).toBe('ethernet ipv4 icmp payload');
  s.sendto(opened(s.AF_INET, s.SOCK_DGRAM).fd, 'x', 0, { family: s.AF_INET, address: peer.address, port: 54 });
  for await (const packet of capture.packets(patient)) {
    if (p.findLayer(p.decodePacket(packet), 'icmp')?.type === s.ICMP_DEST_UNREACH) break;
  }
  // What is there comes first.
  await expect(all(capture.packets({ signal: AbortSignal.abort() }))).rejects.toThrow(s.AbortError);
  await expect(all(capture.packets({ timeout: 1 }))).rejects.toThrow(s.TimeoutError);
});

test('a packet socket without the link-layer header sends ARP requests', async (context) => {
  need(context, namespaces, packetSockets);
  const { mac, address, peer, ifindex } = await link();
  const socket = opened(s.AF_PACKET, s.SOCK_DGRAM, 0);
  socket.bind({ family: s.AF_PACKET, ifindex, protocol: s.ETH_P_ARP });
  const requests = ['2', '98', '99'].map((host) => ({
    layers: [
      p.arp({
        operation: 1,
        senderHardwareAddress: mac,
        senderProtocolAddress: address,
        targetProtocolAddress: peer.address.replace(/\d+$/, host),
      }),
    ],
    to: { family: s.AF_PACKET, ifindex, protocol: s.ETH_P_ARP, address: new Uint8Array(6).fill(0xff) } as const,
  }));
  const outcomes = [];
  for await (const outcome of p.exchange(socket, requests, { timeout: 1500, retries: 1 })) outcomes.push(outcome);
  expect(outcomes.map(({ index, answered, attempts }) => [index, answered, attempts])).toEqual([
    [0, true, 1],
    [1, false, 2],
    [2, false, 2],
  ]);
});

test('IPv6 raw sockets: a neighbor solicitation, and a SYN with the report of its socket', async (context) => {
  need(context, namespaces, packetSockets, program('python3'));
  const there = await link();
  await server(there);
  const { mac, address6, peer, ifindex, name } = there;
  const raw = opened(s.AF_INET6, s.SOCK_RAW, s.IPPROTO_ICMPV6);
  s.setOption(raw.fd, 'SO_BINDTODEVICE', name);
  raw.setsockopt(s.IPPROTO_IPV6, s.IPV6_MULTICAST_HOPS, 255);
  const solicitation = p.icmpv6({
    type: p.ICMPV6_NEIGHBOR_SOLICITATION,
    targetAddress: peer.address6,
    options: [{ name: 'sourceLinkLayerAddress', linkLayerAddress: mac }],
  });
  const group = { family: s.AF_INET6, address: 'ff02::1:ff00:2', port: 0, flowinfo: 0, scopeId: ifindex } as const;
  const neighbour = await p.exchangeOne(raw, { layers: [solicitation], to: group }, { ...patient, retries: 5 });
  expect(p.findLayer(neighbour!.packet, 'icmpv6')).toMatchObject({
    type: p.ICMPV6_NEIGHBOR_ADVERTISEMENT,
    targetAddress: s.inet_ntop(s.AF_INET6, s.inet_pton(s.AF_INET6, peer.address6)!),
  });
  const tcp = opened(s.AF_INET6, s.SOCK_RAW, s.IPPROTO_TCP);
  const to = { family: s.AF_INET6, address: peer.address6, port: 0, flowinfo: 0, scopeId: 0 } as const;
  const pseudoHeader = { sourceAddress: address6, destinationAddress: peer.address6 };
  const syn = (destinationPort: number) => ({
    layers: [p.tcp({ sourcePort: 40002, destinationPort, syn: true, sequenceNumber: 5 })],
    pseudoHeader,
    to,
  });
  const outcomes = await all(p.exchange(tcp, [syn(80), syn(81)], patient));
  const flags = outcomes
    .sort((a, b) => a.index - b.index)
    .map((one) => one.answered && p.findLayer(one.packet, 'tcp'))
    .map((one) => one && { syn: one.syn, rst: one.rst, ack: one.acknowledgmentNumber });
  expect(flags).toEqual([
    { syn: true, rst: false, ack: 6 },
    { syn: false, rst: true, ack: 6 },
  ]);
});

test('a removed interface ends the exchange with the error of the kernel', async (context) => {
  need(context, namespaces, packetSockets, program('ip'));
  for (const kind of ['ring', 'batch', 'socket'] as const) {
    const { name, ifindex, mac, peer } = await link();
    const through =
      kind === 'socket'
        ? opened(s.AF_PACKET, s.SOCK_RAW)
        : p.openCapture({ interface: name, immediate: true, ringSize: kind === 'ring' ? undefined : 0 });
    onTestFinished(() => through.close());
    if (through instanceof s.Socket) through.bind({ family: s.AF_PACKET, ifindex, protocol: s.ETH_P_ALL });
    const layers = [p.ethernet({ source: mac, destination: peer.mac, etherType: 0x88b5 }), 'x'];
    const request = { layers, to: { family: s.AF_PACKET, ifindex, protocol: 0x88b5 } as const };
    const options = { timeout: 1e9, answers: () => false };
    const end = all(p.exchange(through, [request], options));
    const failed = expect(end).rejects.toMatchObject({ name: 'SocketError', code: /^(?:ENETDOWN|ENODEV|ENXIO)$/ });
    setTimeout(() => execFileSync('ip', ['link', 'del', name]), 20);
    await failed;
    // What is sent now is refused, unless the capture says first that its interface is gone.
    const now = all(p.exchange(through, [request], { ...options, timeout: 50 }));
    if (kind === 'batch') await expect(now).rejects.toMatchObject({ code: 'ENODEV' });
    else expect(await now).toMatchObject([{ answered: false, failure: { code: 'ENXIO' } }]);
  }
});

test('a capture of all interfaces cannot send', async (context) => {
  need(context, packetSockets);
  const capture = p.openCapture({ ringSize: 0 });
  onTestFinished(() => capture.close());
  expect(() => p.exchange(capture, [])).toThrow('"through"');
  capture.close();
});
