import { spawnSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { datagram } from '../helpers/fixtures.ts';
import { need, packetSockets } from '../helpers/need.ts';
import { python } from '../helpers/python.ts';

const lo = () => python<number>('print(if_nametoindex("lo"))');

/** A packet socket on lo that receives metadata about its frames. */
function capture(type: number, protocol: number): number {
  const fd = cleanup(s.socket(s.AF_PACKET, type));
  s.setsockopt(fd, s.SOL_PACKET, s.PACKET_AUXDATA, 1);
  // Other traffic on lo must not displace ours.
  nothrow.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVBUFFORCE, 1 << 26);
  s.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVTIMEO, new BigInt64Array([60n, 0n])); // a lost frame fails instead of hanging
  s.bind(fd, { family: s.AF_PACKET, ifindex: lo(), protocol });
  return fd;
}

interface Frame {
  bytes: Buffer;
  length: number;
  address: s.PacketAddress;
  aux: s.AuxiliaryData;
  flags: number;
}

/** Returns the next frame that contains this text and is not outgoing. Others are skipped. */
function find(fd: number, text: string, size = 2048, flags = 0): Frame {
  const buffer = Buffer.alloc(size);
  for (;;) {
    const message = s.recvmsg(fd, { buffers: [buffer], controlLength: 64 }, flags);
    const address = message.address as s.PacketAddress;
    const bytes = Buffer.from(buffer.subarray(0, Math.min(message.length, size)));
    if (!bytes.includes(text) || address.pkttype === s.PACKET_OUTGOING) continue;
    expect(message.control).toHaveLength(1);
    const aux = message.control.find((one) => s.isControl(one, s.SOL_PACKET, s.PACKET_AUXDATA))!;
    return { bytes, length: message.length, address, aux, flags: message.flags };
  }
}

describe('PACKET_AUXDATA', () => {
  test.for([
    ['SOCK_RAW', s.SOCK_RAW, 14],
    ['SOCK_DGRAM', s.SOCK_DGRAM, 0],
  ] as const)('a complete frame on %s', ([, type, header], context) => {
    need(context, packetSockets);
    const fd = capture(type, s.ETH_P_IP);
    const { fd: from, address } = datagram();
    const text = `auxdata-${process.pid}-${type}`;
    s.sendto(from, text, 0, address);
    const frame = find(fd, text);
    const length = header + 20 + 8 + text.length;
    expect(frame.length).toBe(length);
    expect(frame.aux).toMatchObject({ len: length, snaplen: length, mac: 0, net: header, vlanTci: 0, vlanTpid: 0 });
    expect(frame.aux.status & 1).toBe(1); // TP_STATUS_USER
    expect(frame.flags).toBe(0);
    expect(frame.address).toEqual({
      family: s.AF_PACKET,
      ifindex: lo(),
      protocol: s.ETH_P_IP,
      hatype: s.ARPHRD_LOOPBACK,
      pkttype: s.PACKET_HOST,
      address: Buffer.alloc(6),
    });
  });

  test('packet sockets can receive although the kernel rejects unknown flags for them', (context) => {
    need(context, packetSockets);
    // An experimental protocol that nobody sends, so that the queue is empty.
    const fd = capture(s.SOCK_DGRAM, 0x88b6);
    const buffers = [Buffer.alloc(64)];
    expect(nothrow.recvmsg(fd, { buffers }, s.MSG_DONTWAIT)).toBe(-s.EAGAIN);
    expect(nothrow.recvmsg(fd, { buffers, control: new Uint8Array(64) }, s.MSG_DONTWAIT)).toBe(-s.EAGAIN);
    for (const controlLength of [0, 64]) {
      expect(nothrow.recvmmsg(fd, new s.MessageBatch({ messages: 1, size: 64, controlLength }), s.MSG_DONTWAIT)).toBe(
        -s.EAGAIN,
      );
    }
    expect(nothrow.recvmsg(fd, { buffers }, s.MSG_DONTWAIT | s.MSG_OOB)).toBe(-s.EINVAL);
  });

  test('a truncated frame is reported with its whole length', (context) => {
    need(context, packetSockets);
    const fd = capture(s.SOCK_DGRAM, s.ETH_P_IP);
    const { fd: from, address } = datagram();
    const text = `cut-${process.pid}`;
    const length = 28 + 500;
    s.sendto(from, text.padEnd(500), 0, address);
    const frame = find(fd, text, 64, s.MSG_TRUNC);
    expect(frame.length).toBe(length);
    expect(frame.aux).toMatchObject({ len: length, snaplen: length });
    expect(frame.flags).toBe(s.MSG_TRUNC);
  });

  test('recvmmsg receives it, too', (context) => {
    need(context, packetSockets);
    const fd = capture(s.SOCK_DGRAM, s.ETH_P_IP);
    const { fd: from, address } = datagram();
    const text = `batch-${process.pid}`;
    s.sendto(from, text, 0, address);
    const batch = new s.MessageBatch({ messages: 1, size: 2048, controlLength: 64 });
    do s.recvmmsg(fd, batch);
    while (!batch.bytes(0).includes(text));
    expect(batch.control(0)).toMatchObject([
      { level: s.SOL_PACKET, type: s.PACKET_AUXDATA, len: batch.length(0), vlanTci: 0 },
    ]);
    expect(batch.flags(0)).toBe(0);
  });

  test('a frame with a VLAN tag, which the kernel removes', (context) => {
    need(context, packetSockets);
    const fd = capture(s.SOCK_RAW, s.ETH_P_ALL);
    const text = `vlan-${process.pid}`;
    const tci = (5 << 13) | 42;
    const frame = Buffer.concat([
      Buffer.alloc(12),
      Buffer.of(s.ETH_P_8021Q >> 8, s.ETH_P_8021Q & 0xff, tci >> 8, tci & 0xff, 0x88, 0xb5),
      Buffer.from(text.padEnd(46)),
    ]);
    const out = cleanup(s.socket(s.AF_PACKET, s.SOCK_RAW));
    s.sendto(out, frame, 0, { family: s.AF_PACKET, ifindex: lo(), protocol: s.ETH_P_8021Q });
    const { bytes, aux } = find(fd, text);
    const VALID = 1 << 4; // TP_STATUS_VLAN_VALID
    const TPID_VALID = 1 << 6; // TP_STATUS_VLAN_TPID_VALID
    expect(aux.status & (VALID | TPID_VALID)).toBe(VALID | TPID_VALID);
    expect(aux).toMatchObject({ vlanTci: tci, vlanTpid: s.ETH_P_8021Q, len: frame.length - 4 });
    expect(bytes.readUInt16BE(12)).toBe(0x88b5);
  });

  test('the message is byte for byte the same as in Python', (context) => {
    need(context, packetSockets);
    const fd = capture(s.SOCK_DGRAM, s.ETH_P_IP);
    const { fd: from, address } = datagram();
    const text = `python-${process.pid}`;
    // Two equal datagrams, one for each receiver: MSG_PEEK makes the kernel forget tp_len.
    for (const _ of [1, 2]) s.sendto(from, text, 0, address);
    const { aux, address: peer } = find(fd, text);
    const script = `
import json, sys
from socket import *
s = socket(fileno=3)
while True:
  data, ancillary, flags, peer = s.recvmsg(2048, 64)
  if sys.argv[1].encode() in data: break
print(json.dumps([[[l, t, b.hex()] for l, t, b in ancillary], peer[1], peer[2], peer[3], peer[4].hex()]))`;
    const run = spawnSync('python3', ['-c', script, text], { stdio: ['ignore', 'pipe', 'inherit', fd] });
    const bytes = Buffer.from(s.encodeControl([aux]));
    const { protocol, pkttype, hatype, address: mac } = peer;
    expect(JSON.parse(run.stdout.toString())).toEqual([
      [[s.SOL_PACKET, s.PACKET_AUXDATA, bytes.toString('hex', 16, bytes.readUInt32LE(0))]],
      protocol,
      pkttype,
      hatype,
      Buffer.from(mac!).toString('hex'),
    ]);
  });
});
