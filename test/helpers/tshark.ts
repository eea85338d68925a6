/** tshark as the judge of packets: its fields, and its complaints. */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as p from '../../lib/packet/index.ts';
import { printed, start } from './programs.ts';
import { folder } from './world.ts';

/** Checksums are verified; every packet stands for itself, without reassembly or the history of a connection. */
const PREFERENCES = [
  ...['ip.check_checksum:TRUE', 'tcp.check_checksum:TRUE', 'udp.check_checksum:TRUE', 'sctp.checksum:CRC 32c'],
  ...['ip.defragment:FALSE', 'ipv6.defragment:FALSE', 'tcp.desegment_tcp_streams:FALSE'],
  ...['tcp.analyze_sequence_numbers:FALSE', 'tcp.relative_sequence_numbers:FALSE'],
].flatMap((preference) => ['-o', preference]);

/** Runs tshark on a file. */
export function tshark(file: string, ...args: string[]): string {
  // Without a configuration of this machine's user, and without names for numbers.
  const env = { ...process.env, HOME: '/nonexistent', XDG_CONFIG_HOME: '/nonexistent' };
  const argv = ['-n', '-r', file, ...PREFERENCES, ...args];
  return execFileSync('tshark', argv, {
    encoding: 'utf8',
    env,
    maxBuffer: 2 ** 28,
    stdio: ['ignore', 'pipe', 'ignore'],
  });
}

/** A pcap file of packets, a second apart. */
export function pcapOf(packets: readonly Uint8Array[], linktype: number = p.LINKTYPE_ETHERNET): string {
  const chunks: Uint8Array[] = [];
  const writer = new p.PcapWriter((bytes) => chunks.push(bytes), { linktype });
  packets.forEach((data, i) => void writer.write({ timestamp: BigInt(i) * 1_000_000_000n, data }));
  const file = join(folder(), 'packets.pcap');
  writeFileSync(file, Buffer.concat(chunks));
  return file;
}

/** The values of fields, of each packet and field in their order in the packet. */
export function fieldsOf(file: string, fields: readonly string[]): string[][][] {
  const format = ['-T', 'fields', '-E', 'occurrence=a', '-E', 'aggregator=|'];
  const text = tshark(file, ...format, ...fields.flatMap((field) => ['-e', field]));
  return text
    .split('\n')
    .slice(0, -1)
    .map((row) => row.split('\t').map((cell) => (cell === '' ? [] : cell.split('|'))));
}

/** What tshark finds wrong, of which a packet that is in order has nothing. */
const COMPLAINTS = ['_ws.malformed', '_ws.expert.group == "Checksum"', '_ws.expert.group == "Malformed"'];

/** The packets of a file that tshark complains about, a line for each. */
export function complaints(file: string): string {
  return tshark(file, '-Y', COMPLAINTS.join(' || '));
}

/** dumpcap that captures an interface where the start of a command line enters; `stop` gives the file. */
export async function capture(
  enter: readonly string[],
  name: string,
  ...args: string[]
): Promise<() => Promise<string>> {
  const file = join(folder(), 'capture.pcap');
  const argv = [...enter, 'dumpcap', '-q', '-P', '-i', name, '-w', file, ...args];
  const running = start(argv[0]!, argv.slice(1));
  await printed(running, /^File: /m);
  return async () => {
    await sleep(600); // what came last is still in its ring
    running.child.kill('SIGINT');
    await running.ended;
    return file;
  };
}

/** The packets of a pcap file. */
export function packetsOf(file: string): Uint8Array[] {
  const reader = new p.CaptureReader();
  return reader.push(readFileSync(file)).map(({ data }) => data);
}
