#!/usr/bin/env node
// @ts-check
// Prints the packets of an interface or of a file that match a filter, in readable form: a small tcpdump(1) over a
// ring. packet(7).
//   sudo node examples/sniff.js -i eth0 -c 10 tcp port 80
import { createReadStream, openSync, writeSync } from 'node:fs';
import { PACKET_OUTGOING } from 'sys-socket';
import {
  CaptureReader,
  compileFilter,
  decodePacket,
  disassembleFilter,
  formatHex,
  formatPacket,
  LINKTYPE_ETHERNET,
  match,
  openCapture,
  PcapWriter,
  parseFilter,
  summarizePacket,
} from 'sys-socket/packet';
import { command, countOf, integer, UsageError } from './support/command.js';
import { interfaceNamed } from './support/interface.js';
import { interruption } from './support/until.js';

const usage = `Usage: sniff.js -i interface [options] [filter]
       sniff.js -r file [options] [filter]
Prints the packets that match a filter. Filters are those of pcap-filter(7): 'tcp port 80 and not host 10.0.0.1',
'icmp or arp', 'vlan 5 and udp', 'tcp[tcpflags] & tcp-syn != 0', 'net 2001:db8::/32'. Host names are not resolved.

  -i, --interface name    capture on this interface; any means all, and gives packets a cooked header
  -r, --read file         read a pcap or pcapng file, not an interface; - is the standard input
  -w, --write file        write a pcap file, not text; - is the standard output
  -c, --count number      end after so many packets
  -s, --snaplen bytes     keep at most so much of each packet (262144)
  -v, --verbose           print a line for each header, not one for each packet
  -x, --hex               also print the bytes of each packet
  -Q, --direction which   capture packets of this direction: in, out or inout
  -p, --no-promiscuous    capture only packets for this host
  -d, --dump              print the program of the filter, as tcpdump -d does, and end
  -h, --help              print this text

Exit code: 0 success, 1 an error occurred, 2 wrong usage.`;

const options = /** @type {const} */ ({
  interface: { type: 'string', short: 'i' },
  read: { type: 'string', short: 'r' },
  write: { type: 'string', short: 'w' },
  count: { type: 'string', short: 'c' },
  snaplen: { type: 'string', short: 's', default: '262144' },
  verbose: { type: 'boolean', short: 'v' },
  hex: { type: 'boolean', short: 'x' },
  direction: { type: 'string', short: 'Q', default: 'inout' },
  'no-promiscuous': { type: 'boolean', short: 'p' },
  dump: { type: 'boolean', short: 'd' },
});

/** @typedef {{ timestamp: bigint, data: Uint8Array, originalLength: number, flags?: number | undefined, status?: number }} Seen */

const DIRECTIONS = new Map([
  ['in', match.inbound()],
  ['out', match.outbound()],
  ['inout', match.and()],
]);

/** Returns the local time of day, to the microsecond. @param {bigint} timestamp */
function clock(timestamp) {
  const time = new Date(Number(timestamp / 1_000_000n));
  const part = (/** @type {number} */ value) => String(value).padStart(2, '0');
  const fraction = String((timestamp % 1_000_000_000n) / 1000n).padStart(6, '0');
  return `${part(time.getHours())}:${part(time.getMinutes())}:${part(time.getSeconds())}.${fraction}`;
}

/**
 * Returns the direction according to the flags of pcapng or a cooked header. Most files do not record it.
 * @param {Seen} packet @param {import('sys-socket/packet').DecodedPacket} decoded
 */
function direction({ flags = 0 }, { layers: [first] }) {
  if ((flags & 3) !== 0) return (flags & 3) === 2 ? ['out'] : ['in'];
  if (first?.layer !== 'linuxSll' && first?.layer !== 'linuxSll2') return [];
  return first.packetType === PACKET_OUTGOING ? ['out'] : ['in'];
}

/**
 * Prints one packet.
 * @param {Seen} packet @param {number} linktype @param {{ hex: boolean, verbose: boolean }} form
 * @param {string | undefined} name the interface, in a capture of all interfaces
 */
function print(packet, linktype, { hex, verbose }, name) {
  const { timestamp, data, originalLength, status } = packet;
  const decoded = decodePacket({ data, linktype, status });
  const begin = [clock(timestamp), ...(name === undefined ? [] : [name]), ...direction(packet, decoded)].join(' ');
  if (verbose) {
    const cut = data.length < originalLength ? `, ${data.length} kept` : '';
    console.log(`${begin} ${originalLength} bytes${cut}\n${formatPacket(decoded).replace(/^/gm, '  ')}`);
  } else {
    console.log(`${begin} ${summarizePacket(decoded)}`);
  }
  if (hex) console.log(formatHex(data, '  '));
}

/** Where packets are written: the terminal or a file. */
class Output {
  seen = 0;
  #form;
  #snaplen;
  /** @type {((bytes: Uint8Array) => void) | undefined} */
  #write;
  /** @type {{ linktype: number, writer: PcapWriter<void> } | undefined} */
  #file;

  /** @param {{ write?: string | undefined, hex?: boolean | undefined, verbose?: boolean | undefined }} values @param {number} snaplen */
  constructor({ write, hex = false, verbose = false }, snaplen) {
    this.#form = { hex, verbose };
    this.#snaplen = snaplen;
    if (write === undefined) return;
    const fd = write === '-' ? undefined : openSync(write, 'w');
    this.#write = (bytes) => void (fd === undefined ? process.stdout.write(bytes) : writeSync(fd, bytes));
  }

  /** Begins the file. A file without packets has a header, too. @param {number} linktype */
  begin(linktype) {
    if (this.#write === undefined) return;
    this.#file ??= { linktype, writer: new PcapWriter(this.#write, { linktype, snaplen: this.#snaplen }) };
    if (this.#file.linktype !== linktype) throw new Error('a pcap file has packets of one link type alone');
  }

  /** @param {Seen} packet @param {number} linktype @param {string} [name] the interface, of a capture of all */
  take(packet, linktype, name) {
    this.begin(linktype);
    if (this.#file === undefined) print(packet, linktype, this.#form, name);
    else this.#file.writer.write(packet);
    this.seen += 1;
  }
}

/**
 * @typedef {object} Wanted
 * @property {import('sys-socket/packet').FilterExpression} expression
 * @property {number} snaplen
 * @property {number} count
 * @property {AbortSignal} signal ends the capture
 */

/** Reads the packets of a file. @param {string} path @param {Wanted} wanted @param {Output} output */
async function read(path, { expression, snaplen, count, signal }, output) {
  const reader = new CaptureReader({ filter: expression });
  for await (const packet of reader.read(path === '-' ? process.stdin : createReadStream(path))) {
    output.take({ ...packet, data: packet.data.subarray(0, snaplen) }, packet.linktype);
    if (output.seen >= count || signal.aborted) return;
  }
  if (reader.error !== undefined) throw new Error(`${path}: ${reader.error.reason}`);
  output.begin(reader.interfaces[0]?.linktype ?? LINKTYPE_ETHERNET);
}

/**
 * Captures the packets of an interface until there are enough of them or the signal is aborted.
 * @param {string} name @param {boolean} promiscuous @param {Wanted} wanted @param {Output} output
 */
async function listen(name, promiscuous, { expression, snaplen, count, signal }, output) {
  const capture = openCapture({ interface: name, promiscuous, filter: expression, snaplen, immediate: true });
  const { linktype } = capture;
  console.error(`listening on ${name}`);
  output.begin(linktype);
  let { received, dropped } = capture.statistics();
  const end = () => {
    if (capture.closed) return;
    ({ received, dropped } = capture.statistics());
    capture.close();
  };
  signal.addEventListener('abort', end);
  try {
    for await (const packet of capture) {
      output.take(packet, linktype, name === 'any' ? capture.interfaceName(packet.ifindex) : undefined);
      if (output.seen >= count) break;
    }
  } finally {
    end();
    console.error(`${output.seen} packets shown, ${received} passed the filter, ${dropped} dropped`);
  }
}

/** @param {string} text */
function expressionOf(text) {
  try {
    return parseFilter(text);
  } catch (error) {
    throw new UsageError(/** @type {Error} */ (error).message);
  }
}

await command(usage, options, async (values, words) => {
  const { interface: name, read: path, dump = false } = values;
  const snaplen = integer(values.snaplen, '--snaplen', 1, 262144);
  const count = countOf(values.count);
  const direction = DIRECTIONS.get(values.direction);
  if (direction === undefined) throw new UsageError(`--direction: give in, out or inout, not '${values.direction}'`);
  const expression = match.and(direction, expressionOf(words.join(' ')));
  if (dump) {
    const program = compileFilter(expression, { snaplen });
    if (program.length === 1 && program[0]?.k === 0) throw new Error('the filter rejects all packets');
    process.stdout.write(disassembleFilter(program));
    return;
  }
  if ((name === undefined) === (path === undefined)) throw new UsageError('give either --interface or --read');
  if (name !== undefined && name !== 'any') interfaceNamed(name);
  const gone = new AbortController();
  process.stdout.on('error', () => gone.abort()); // the reader of the output, for example head(1), has exited
  const wanted = { expression, snaplen, count, signal: AbortSignal.any([interruption(), gone.signal]) };
  const output = new Output(values, snaplen);
  if (path !== undefined) await read(path, wanted, output);
  else if (name !== undefined) await listen(name, values['no-promiscuous'] !== true && name !== 'any', wanted, output);
});
