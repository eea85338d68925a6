#!/usr/bin/env node
// @ts-check
// Which TCP ports of a host are open? SYNs by a raw socket, whose answers a BPF program picks out: raw(7), RFC 9293.
// Scan only hosts that are yours, or whose owner agrees.
//   sudo node examples/syn-scan.js -p 22,80,8000-8010 127.0.0.1
import { randomInt } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  AbortError,
  AF_INET,
  attachFilter,
  bind,
  close,
  connect,
  getsockname,
  IPPROTO_TCP,
  SOCK_RAW,
  SOCK_STREAM,
  Socket,
  socket,
} from 'sys-socket';
import { assembleFilter, decodePacket, encodePacket, findLayer, tcp } from 'sys-socket/packet';
import { command, integer, number, UsageError } from './support/command.js';
import { next, now, reportErrors, send } from './support/error-queue.js';
import { hostOf, sourceAddress } from './support/host.js';
import { describe } from './support/icmp-error.js';
import { interruption } from './support/until.js';

const usage = `Usage: syn-scan.js -p ports [options] host
Sends a SYN to each port: one that answers with SYN, ACK is open, one that answers with RST is closed, one of which a
router or the host reports by ICMP, or nobody answers, is filtered. No connection is made.

  -4, -6                  only IPv4, only IPv6
  -p, --ports ports       as 22,80,8000-8010
  -r, --rate packets      the most to send in a second (100)
  -W, --timeout seconds   how long to wait for an answer (1)
  -n, --retries number    how often to ask again where nobody answered (1)
      --open              print open ports alone
  -h, --help              this text

Exit code: 0 the scan was done, 1 an error or Ctrl-C, 2 wrong usage.`;

const options = /** @type {const} */ ({
  4: { type: 'boolean', short: '4' },
  6: { type: 'boolean', short: '6' },
  ports: { type: 'string', short: 'p' },
  rate: { type: 'string', short: 'r', default: '100' },
  timeout: { type: 'string', short: 'W', default: '1' },
  retries: { type: 'string', short: 'n', default: '1' },
  open: { type: 'boolean', default: false },
});

/** @typedef {{ state: 'open' | 'closed' | 'filtered', reason: string, time?: number }} Answer */

/** The ports of a list with ranges. @param {string | undefined} text */
function portsOf(text) {
  if (text === undefined) throw new UsageError('--ports is missing');
  const ports = text.split(',').flatMap((part) => {
    const [first, last = first, ...rest] = part.split('-');
    if (rest.length > 0) throw new UsageError(`--ports: '${part}' is no range`);
    const [from, to] = [first, last].map((end) => integer(end, '--ports', 1, 65535));
    if (from > to) throw new UsageError(`--ports: '${part}' goes back`);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
  return [...new Set(ports)].sort((a, b) => a - b);
}

/** Sends SYNs to a host, and hears what is answered to its port. */
class Scanner {
  /** @type {Map<number, Answer>} */
  answers = new Map();
  /** When a port was asked, last. @type {Map<number, number>} */
  #sent = new Map();
  #sequenceNumber = randomInt(2 ** 32);
  #to;
  #source;
  #port;
  /** Keeps the port: no other program gets it. The kernel resets what it does not know, so no connection stays open. */
  #keeper;
  #socket;

  /** @param {import('./support/host.js').HostAddress} to */
  constructor(to) {
    this.#to = to;
    this.#source = sourceAddress(to);
    this.#socket = new Socket(to.family, SOCK_RAW, IPPROTO_TCP);
    this.#keeper = socket(to.family, SOCK_STREAM);
    bind(this.#keeper, { ...to, address: this.#source, port: 0 });
    this.#port = /** @type {import('./support/host.js').HostAddress} */ (getsockname(this.#keeper)).port;
    // A raw socket gets the TCP of all programs. Of IPv4 the program sees the IP header too, of IPv6 that of TCP alone.
    const load = to.family === AF_INET ? 'ldxb 4*([0]&0xf)\nldh [x + 2]' : 'ldh [2]';
    attachFilter(this.#socket.fd, assembleFilter(`${load}\njne #${this.#port}, drop\nret #-1\ndrop: ret #0`));
    reportErrors(this.#socket);
    connect(this.#socket.fd, { ...to, port: 0 }); // what others send does not come
  }

  /**
   * Asks all ports, and those again that nobody answered for. Gives the number of packets.
   * @param {{ ports: number[], rate: number, timeout: number, retries: number }} plan @param {AbortSignal} interrupted
   */
  async scan({ ports, rate, timeout, retries }, interrupted) {
    const done = new AbortController();
    const signal = AbortSignal.any([interrupted, done.signal]);
    const received = this.#receive(signal);
    const unanswered = () => ports.filter((port) => !this.answers.has(port));
    const start = now();
    let sent = 0;
    for (let round = 0; round <= retries; round++) {
      for (const port of unanswered()) {
        // Each has its time, counted from the start: one that is late does not delay the rest.
        const due = start + (1000 * sent) / rate;
        if (due > now()) await sleep(due - now(), undefined, { signal });
        await this.#send(port);
        sent += 1;
      }
      const end = now() + timeout;
      while (now() < end && unanswered().length > 0) await sleep(Math.min(20, end - now()), undefined, { signal });
    }
    done.abort();
    await received;
    return sent;
  }

  /** @param {number} port */
  async #send(port) {
    const layers = [
      tcp({
        sourcePort: this.#port,
        destinationPort: port,
        sequenceNumber: this.#sequenceNumber,
        syn: true,
        window: 1024,
        options: [{ name: 'maximumSegmentSize', maximumSegmentSize: 1460 }],
      }),
    ];
    const pseudoHeader = { sourceAddress: this.#source, destinationAddress: this.#to.address };
    this.#sent.set(port, await send(this.#socket, { buffers: [encodePacket(layers, { pseudoHeader })] }));
  }

  /** Takes answers until the signal is aborted. @param {AbortSignal} signal */
  async #receive(signal) {
    try {
      for (;;) this.#take(await next(this.#socket, { signal }));
    } catch (error) {
      if (!(error instanceof AbortError)) throw error;
    }
  }

  /** @param {import('./support/error-queue.js').Arrival} arrival */
  #take({ data, time, report }) {
    if (report !== undefined) {
      // It has the beginning of our packet: its ports.
      const segment = data.length >= 4 ? data : Buffer.alloc(4);
      if (segment.readUInt16BE(0) !== this.#port) return;
      const reason = `${describe(report)}${report.by === undefined ? '' : `, by ${report.by}`}`;
      this.#answer(segment.readUInt16BE(2), { state: 'filtered', reason }, time);
      return;
    }
    const packet = decodePacket(data, { first: this.#to.family === AF_INET ? 'ipv4' : 'tcp' });
    const segment = findLayer(packet, 'tcp');
    // A checksum does not count: of packets from this machine the network card would have filled it in.
    if (segment === undefined || !segment.ack) return;
    if (segment.acknowledgmentNumber !== (this.#sequenceNumber + 1) % 2 ** 32) return;
    if (segment.rst) this.#answer(segment.sourcePort, { state: 'closed', reason: 'RST' }, time);
    else if (segment.syn) this.#answer(segment.sourcePort, { state: 'open', reason: 'SYN, ACK' }, time);
  }

  /** The first answer counts. @param {number} port @param {Answer} answer @param {number} time */
  #answer(port, answer, time) {
    const sent = this.#sent.get(port);
    if (sent === undefined || this.answers.has(port)) return;
    this.answers.set(port, { ...answer, time: Math.max(0, time - sent) });
  }

  close() {
    this.#socket.close();
    close(this.#keeper);
  }
}

await command(usage, options, async (values, positionals) => {
  const ports = portsOf(values.ports);
  const rate = number(values.rate, '--rate', 0.1, 1_000_000);
  const timeout = 1000 * number(values.timeout, '--timeout', 0, 3600);
  const retries = integer(values.retries, '--retries', 0, 100);
  const { name, to } = await hostOf(positionals, values);

  const scanner = new Scanner(to);
  const sent = await scanner.scan({ ports, rate, timeout, retries }, interruption());
  scanner.close();

  const of = name === to.address ? name : `${name} (${to.address})`;
  const counts = { open: 0, closed: 0, filtered: 0 };
  for (const port of ports) {
    const { state, reason, time } = scanner.answers.get(port) ?? { state: 'filtered', reason: 'no answer' };
    counts[state] += 1;
    if (values.open && state !== 'open') continue;
    const after = time === undefined ? '' : `, ${time.toFixed(3)} ms`;
    console.log(`${`${port}/tcp`.padEnd(9)} ${state.padEnd(8)} ${reason}${after}`);
  }
  const { open, closed, filtered } = counts;
  console.log(`${of}: ${open} open, ${closed} closed, ${filtered} filtered; ${sent} packets sent`);
});
