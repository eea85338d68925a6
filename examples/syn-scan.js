#!/usr/bin/env node
// @ts-check
// Which TCP ports of a host are open? Sends SYNs by a raw socket and selects their answers with a BPF program.
// raw(7), RFC 9293.
// Scan only hosts that are yours or whose owner agrees.
//   sudo node examples/syn-scan.js -p 22,80,8000-8010 127.0.0.1
import { randomInt } from 'node:crypto';
import {
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
import { assembleFilter, exchange, findLayer, tcp } from 'sys-socket/packet';
import { command, integer, number, UsageError } from './support/command.js';
import { reportErrors } from './support/error-queue.js';
import { hostOf, sourceAddress as ownAddress } from './support/host.js';
import { describe } from './support/icmp-error.js';
import { interruption } from './support/until.js';

const usage = `Usage: syn-scan.js -p ports [options] host
Sends a SYN to each port. A port that answers with SYN, ACK is open, and one that answers with RST is closed. It is
filtered if nobody answers, or if a router or the host reports an ICMP error. No connection is made.

  -4, -6                  use only IPv4, or only IPv6
  -p, --ports ports       scan these ports, for example 22,80,8000-8010
  -r, --rate packets      send at most so many a second (100)
  -W, --timeout seconds   wait so long for an answer (1)
  -n, --retries number    ask so many more times if nobody answers (1)
      --open              print only open ports
  -h, --help              print this text

Exit code: 0 the scan is complete, 1 an error or Ctrl-C ended it, 2 wrong usage.`;

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

/** Returns the ports of a list that may contain ranges. @param {string | undefined} text */
function portsOf(text) {
  if (text === undefined) throw new UsageError('--ports is missing');
  const ports = text.split(',').flatMap((part) => {
    const [first, last = first, ...rest] = part.split('-');
    if (rest.length > 0) throw new UsageError(`--ports: '${part}' is not a range`);
    const [from, to] = [first, last].map((end) => integer(end, '--ports', 1, 65535));
    if (from > to) throw new UsageError(`--ports: '${part}' goes back`);
    return Array.from({ length: to - from + 1 }, (_, i) => from + i);
  });
  return [...new Set(ports)].sort((a, b) => a - b);
}

/**
 * Opens a raw socket for the SYNs to a host and their answers, and a socket that reserves our port so that no other
 * program gets it. The kernel resets connections that it does not know, so none stays open.
 * @param {import('./support/host.js').HostAddress} to @param {string} source our own address
 */
function openSockets(to, source) {
  const raw = new Socket(to.family, SOCK_RAW, IPPROTO_TCP);
  const keeper = socket(to.family, SOCK_STREAM);
  bind(keeper, { ...to, address: source, port: 0 });
  const { port } = /** @type {import('./support/host.js').HostAddress} */ (getsockname(keeper));
  // A raw socket receives the TCP segments of all programs. The BPF program sees the IP header of IPv4 packets, but
  // only the TCP header of IPv6 packets.
  const load = to.family === AF_INET ? 'ldxb 4*([0]&0xf)\nldh [x + 2]' : 'ldh [2]';
  attachFilter(raw.fd, assembleFilter(`${load}\njne #${port}, drop\nret #-1\ndrop: ret #0`));
  reportErrors(raw);
  connect(raw.fd, { ...to, port: 0 }); // packets from other hosts do not arrive
  return { raw, keeper, port };
}

/**
 * Returns what an answer says about a port.
 * @param {import('sys-socket/packet').Answered<number>} answer @returns {Answer}
 */
function stateOf({ packet, error, roundTrip: time }) {
  if (error !== undefined) {
    return { state: 'filtered', reason: `${describe(error)}${error.by === undefined ? '' : `, by ${error.by}`}`, time };
  }
  if (findLayer(packet, 'tcp')?.rst) return { state: 'closed', reason: 'RST', time };
  return { state: 'open', reason: 'SYN, ACK', time };
}

await command(usage, options, async (values, positionals) => {
  const ports = portsOf(values.ports);
  const rate = number(values.rate, '--rate', 0.1, 1_000_000);
  const timeout = 1000 * number(values.timeout, '--timeout', 0, 3600);
  const retries = integer(values.retries, '--retries', 0, 100);
  const { name, to } = await hostOf(positionals, values);

  const sourceAddress = ownAddress(to);
  const { raw, keeper, port: sourcePort } = openSockets(to, sourceAddress);
  const sequenceNumber = randomInt(2 ** 32);
  const options = [{ name: /** @type {const} */ ('maximumSegmentSize'), maximumSegmentSize: 1460 }];
  const syns = ports.map((destinationPort) => ({
    layers: [tcp({ sourcePort, destinationPort, sequenceNumber, syn: true, window: 1024, options })],
    pseudoHeader: { sourceAddress, destinationAddress: to.address },
    tag: destinationPort,
  }));
  /** @type {Map<number | undefined, Answer>} */
  const answers = new Map();
  let sent = 0;
  for await (const outcome of exchange(raw, syns, { rate, timeout, retries, signal: interruption() })) {
    sent += outcome.attempts;
    if (outcome.answered) answers.set(outcome.request.tag, stateOf(outcome));
    else if (outcome.failure !== undefined) throw outcome.failure;
  }
  raw.close();
  close(keeper);

  const of = name === to.address ? name : `${name} (${to.address})`;
  const counts = { open: 0, closed: 0, filtered: 0 };
  for (const port of ports) {
    const { state, reason, time } = answers.get(port) ?? { state: 'filtered', reason: 'no answer' };
    counts[state] += 1;
    if (values.open && state !== 'open') continue;
    const after = time === undefined ? '' : `, ${time.toFixed(3)} ms`;
    console.log(`${`${port}/tcp`.padEnd(9)} ${state.padEnd(8)} ${reason}${after}`);
  }
  const { open, closed, filtered } = counts;
  console.log(`${of}: ${open} open, ${closed} closed, ${filtered} filtered; ${sent} packets sent`);
});
