#!/usr/bin/env node
// @ts-check
// The packets of an interface or of a file, by a filter, as a person reads them: a small tcpdump(1) over a ring, packet(7).
//   sudo node examples/sniff.js -i eth0 -c 10 tcp port 80
import { createReadStream, openSync, writeSync } from 'node:fs';
import { BPF_K, BPF_RET, PACKET_HOST, PACKET_OUTGOING } from 'sys-socket';
import {
  CaptureReader,
  compileFilter,
  disassembleFilter,
  formatHex,
  formatPacket,
  LINKTYPE_ETHERNET,
  layerOfLinktype,
  offlineFilter,
  openCapture,
  PcapWriter,
  parseFilter,
} from 'sys-socket/packet';
import { command, number, UsageError } from './support/command.js';
import { interfaceNamed } from './support/interface.js';
import { interruption } from './support/until.js';

const usage = `Usage: sniff.js -i interface [options] [filter]
       sniff.js -r file [options] [filter]
Prints the packets that a filter lets through. The filter is of pcap-filter(7): 'tcp port 80 and not host 10.0.0.1',
'icmp or arp', 'vlan 5 and udp', 'tcp[tcpflags] & tcp-syn != 0', 'net 2001:db8::/32'; addresses and ports are numbers.

  -i, --interface name    capture there
  -r, --read file         read a pcap or pcapng file in place of an interface; - is the standard input
  -w, --write file        write a pcap file in place of the text; - is the standard output
  -c, --count number      end after so many packets
  -s, --snaplen bytes     the most to keep of a packet (262144)
  -x, --hex               the bytes of each packet, too
  -Q, --direction which   in, out or inout: which packets of the interface
  -p, --no-promiscuous    only what is for this host
  -d, --dump              print the program of the filter, as tcpdump -d does, and end
  -h, --help              this text

Exit code: 0 it worked, 1 an error, 2 wrong usage.`;

const options = /** @type {const} */ ({
  interface: { type: 'string', short: 'i' },
  read: { type: 'string', short: 'r' },
  write: { type: 'string', short: 'w' },
  count: { type: 'string', short: 'c' },
  snaplen: { type: 'string', short: 's', default: '262144' },
  hex: { type: 'boolean', short: 'x' },
  direction: { type: 'string', short: 'Q', default: 'inout' },
  'no-promiscuous': { type: 'boolean', short: 'p' },
  dump: { type: 'boolean', short: 'd' },
});

/** @typedef {{ timestamp: bigint, data: Uint8Array, originalLength: number, flags?: number | undefined }} Seen */

/** The program that lets nothing through. */
const DROP = { code: BPF_RET | BPF_K, jt: 0, jf: 0, k: 0 };
const DIRECTIONS = /** @type {const} */ ({ in: 'in', out: 'out', inout: 'both' });

/** The local time of day, to the microsecond. @param {bigint} timestamp */
function clock(timestamp) {
  const time = new Date(Number(timestamp / 1_000_000n));
  const part = (/** @type {number} */ value) => String(value).padStart(2, '0');
  const fraction = String((timestamp % 1_000_000_000n) / 1000n).padStart(6, '0');
  return `${part(time.getHours())}:${part(time.getMinutes())}:${part(time.getSeconds())}.${fraction}`;
}

/** Direction in the flags of pcapng: 1 in, 2 out. @param {Seen} packet */
const isOutgoing = ({ flags = 0 }) => (flags & 3) === 2;

/** Prints one packet. @param {Seen} packet @param {number} linktype @param {boolean} hex */
function print(packet, linktype, hex) {
  const { timestamp, data, originalLength } = packet;
  const cut = data.length < originalLength ? `, ${data.length} kept` : '';
  console.log(`${clock(timestamp)} ${isOutgoing(packet) ? 'out' : 'in'} ${originalLength} bytes${cut}`);
  console.log(formatPacket(data, { first: layerOfLinktype(linktype) }).replace(/^/gm, '  '));
  if (hex) console.log(formatHex(data, '  '));
}

/** Where packets go: the screen, or a file. */
class Output {
  seen = 0;
  #hex;
  #snaplen;
  /** @type {number | undefined} */
  #fd;
  /** @type {{ linktype: number, write: (packet: Seen) => void } | undefined} */
  #file;

  /** @param {string | undefined} path @param {boolean} hex @param {number} snaplen */
  constructor(path, hex, snaplen) {
    this.#hex = hex;
    this.#snaplen = snaplen;
    if (path !== undefined) this.#fd = path === '-' ? 1 : openSync(path, 'w');
  }

  /** Begins the file; one of no packets has its header, too. @param {number} linktype */
  begin(linktype) {
    const fd = this.#fd;
    if (fd === undefined) return;
    if (this.#file !== undefined && this.#file.linktype !== linktype) {
      throw new Error('a pcap file has packets of one link type alone');
    }
    if (this.#file !== undefined) return;
    const writer = new PcapWriter((bytes) => void writeSync(fd, bytes), { linktype, snaplen: this.#snaplen });
    this.#file = { linktype, write: (packet) => writer.write(packet) };
  }

  /** @param {Seen} packet @param {number} linktype */
  take(packet, linktype) {
    this.begin(linktype);
    if (this.#file === undefined) print(packet, linktype, this.#hex);
    else this.#file.write(packet);
    this.seen += 1;
  }
}

/**
 * The packets of a file that the filter lets through.
 * @param {string} path @param {import('sys-socket/packet').FilterExpression} filter @param {number} snaplen
 * @param {Output} output @param {number} count
 */
async function read(path, filter, snaplen, output, count) {
  const reader = new CaptureReader();
  /** @type {Map<number, import('sys-socket/packet').OfflineFilter>} */
  const filters = new Map();
  for await (const packet of reader.read(path === '-' ? process.stdin : createReadStream(path))) {
    const { linktype, originalLength: length, data } = packet;
    const accepts = filters.get(linktype) ?? offlineFilter(compileFilter(filter, { linktype, snaplen }));
    filters.set(linktype, accepts);
    const kept = accepts(data, { length, pkttype: isOutgoing(packet) ? PACKET_OUTGOING : PACKET_HOST });
    if (kept === 0) continue;
    output.take({ ...packet, data: data.subarray(0, kept) }, linktype);
    if (output.seen >= count) return;
  }
  if (reader.error !== undefined) throw new Error(`${path}: ${reader.error.reason}`);
  output.begin(reader.interfaces[0]?.linktype ?? LINKTYPE_ETHERNET);
}

/**
 * The packets of an interface that the filter lets through.
 * @param {import('sys-socket/packet').CaptureOptions} options
 * @param {import('sys-socket/packet').FilterExpression} expression @param {number} snaplen
 * @param {Output} output @param {number} count
 */
async function listen(options, expression, snaplen, output, count) {
  const linktype = linktypeOf(options);
  const filter = compileFilter(expression, { linktype, snaplen });
  const capture = openCapture({ ...options, filter, snaplen, immediate: true });
  console.error(`listening on ${options.interface}`);
  output.begin(linktype);
  let { received, dropped } = capture.statistics();
  const end = () => {
    if (capture.closed) return;
    ({ received, dropped } = capture.statistics());
    capture.close();
  };
  interruption().addEventListener('abort', end);
  process.stdout.on('error', end); // who read along, as head(1), has gone
  try {
    for await (const packet of capture) {
      output.take(packet, linktype);
      if (output.seen >= count) break;
    }
  } finally {
    end();
    console.error(`${output.seen} packets shown, ${received} passed the filter, ${dropped} dropped`);
  }
}

/** What packets of an interface begin with. @param {import('sys-socket/packet').CaptureOptions} options */
function linktypeOf(options) {
  const capture = openCapture({ interface: options.interface, filter: [DROP], ringSize: 0 });
  capture.close();
  if (capture.linktype === undefined) throw new Error(`${options.interface} is of a kind that is not known here`);
  return capture.linktype;
}

await command(usage, options, async (values, words) => {
  const { interface: name, read: path, write, hex = false, dump = false } = values;
  const snaplen = number(values.snaplen, '--snaplen', 1, 262144);
  const count = values.count === undefined ? Number.POSITIVE_INFINITY : number(values.count, '--count', 1);
  const direction = Object.hasOwn(DIRECTIONS, values.direction) && DIRECTIONS[/** @type {'in'} */ (values.direction)];
  if (!direction) throw new UsageError(`--direction: in, out or inout is wanted, not '${values.direction}'`);
  const filter = filterOf(words.join(' '));
  if (dump) {
    process.stdout.write(disassembleFilter(compileFilter(filter, { snaplen })));
    return;
  }
  if ((name === undefined) === (path === undefined)) throw new UsageError('one of --interface and --read is wanted');
  if (name !== undefined) interfaceNamed(name);
  const output = new Output(write, hex, snaplen);
  if (path !== undefined) await read(path, filter, snaplen, output, count);
  else {
    const promiscuous = values['no-promiscuous'] !== true;
    await listen({ interface: name, promiscuous, direction }, filter, snaplen, output, count);
  }
});

/** @param {string} text */
function filterOf(text) {
  try {
    return parseFilter(text);
  } catch (error) {
    throw new UsageError(/** @type {Error} */ (error).message);
  }
}
