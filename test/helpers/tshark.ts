/** tshark as the judge of packets: its fields, and the faults that it finds. */
import { execFileSync } from 'node:child_process';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as p from '../../lib/packet/index.ts';
import { folder } from './fixtures.ts';
import { printed, start } from './programs.ts';

/** Options that verify checksums, and dissect every packet on its own, without reassembly or the history of a connection. */
const PREFERENCES = [
  ...[
    'ip.check_checksum:TRUE',
    'tcp.check_checksum:TRUE',
    'udp.check_checksum:TRUE',
    'udplite.check_checksum:TRUE',
    'sctp.checksum:CRC 32c',
  ],
  ...['ip.defragment:FALSE', 'ipv6.defragment:FALSE', 'tcp.desegment_tcp_streams:FALSE'],
  ...['tcp.analyze_sequence_numbers:FALSE', 'tcp.relative_sequence_numbers:FALSE'],
].flatMap((preference) => ['-o', preference]);

/** Runs tshark on a file. */
export function tshark(file: string, ...args: string[]): string {
  // Without the configuration of the user of this machine, and without names for numbers.
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

/** Returns the values of the fields of each packet, in their order in the packet. */
export function fieldsOf(file: string, fields: readonly string[]): string[][][] {
  const format = ['-T', 'fields', '-E', 'occurrence=a', '-E', 'aggregator=|'];
  const text = tshark(file, ...format, ...fields.flatMap((field) => ['-e', field]));
  return text
    .split('\n')
    .slice(0, -1)
    .map((row) => row.split('\t').map((cell) => (cell === '' ? [] : cell.split('|'))));
}

/** The faults that tshark reports; a correct packet has none. */
const COMPLAINTS = ['_ws.malformed', '_ws.expert.group == "Checksum"', '_ws.expert.group == "Malformed"'];

/** Returns the packets of a file in which tshark finds a fault, one line for each. */
export function complaints(file: string): string {
  return tshark(file, '-Y', COMPLAINTS.join(' || '));
}

/** Starts dumpcap on an interface of the namespace that the start of a command line enters; `stop` returns the file. */
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
    // The last packets are in its ring until the kernel retires the block: the file must stop growing.
    for (let size = -1; size !== statSync(file).size; ) {
      size = statSync(file).size;
      await sleep(600);
    }
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
