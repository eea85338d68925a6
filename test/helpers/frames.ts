/** Ethernet frames on the link of a test: built by hand, and sent by Python from the other side. */
import { execFileSync } from 'node:child_process';
import * as s from '../../lib/index.ts';
import type { Link } from './networks.ts';

/** The EtherType for local experiments: no other program sends it. */
export const PROTOCOL: typeof s.ETH_P_802_EX1 = s.ETH_P_802_EX1;

export const mac = (text: string): Buffer => Buffer.from(text.replaceAll(':', ''), 'hex');

/** A frame from the other side to this one. */
export function frame(veth: Link, payload: Uint8Array, protocol: number = PROTOCOL, to: string = veth.mac): Buffer {
  const bytes = Buffer.concat([mac(to), mac(veth.peer.mac), Buffer.of(protocol >> 8, protocol & 255), payload]);
  return Buffer.concat([bytes, Buffer.alloc(Math.max(0, 60 - bytes.length))]);
}

/** Frames whose payload begins with their number. */
export const numbered = (veth: Link, count: number): Buffer[] =>
  Array.from({ length: count }, (_, i) => frame(veth, Buffer.of(i >> 8, i & 255)));

/** The number of such a frame. */
export const number = (bytes: Uint8Array): number => bytes[14]! * 256 + bytes[15]!;

/** Sends frames from the other side; they have arrived when it returns. */
export function sendFromPeer({ enter, peer }: Link, frames: readonly Uint8Array[]): void {
  const script = `
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.bind((sys.argv[1], 0))
for line in sys.stdin: s.send(bytes.fromhex(line))`;
  execFileSync(enter[0]!, [...enter.slice(1), 'python3', '-c', script, peer.name], {
    input: frames.map((bytes) => Buffer.from(bytes).toString('hex')).join('\n'),
  });
}
