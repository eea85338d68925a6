#!/usr/bin/env node
// @ts-check
// Lists the routers on the way to a host, as traceroute(8) does: sends packets whose time to live expires at one router
// after the other, and reads from the error queue what the routers report. ip(7), ipv6(7).
//   node examples/traceroute.js 127.0.0.1
import { AF_INET } from 'sys-socket';
import { command, integer, number, UsageError } from './support/command.js';
import { hostOf } from './support/host.js';
import { isArrival, isExpired, mark } from './support/icmp-error.js';
import { icmpProbe, tcpProbe, udpProbe } from './support/probe.js';

const usage = `Usage: traceroute.js [options] host
Prints the address of each router on the way to a host, and how long its answer took.

  -4, -6                use only IPv4, or only IPv6
  -I, --icmp            send echo requests (by a ping socket, or with CAP_NET_RAW); the default, datagrams to ports
                        where nobody listens, needs no privilege
  -T, --tcp             send the SYN of connections, which needs no privilege either
  -p, --port number     UDP: the port of the first probe, which then increases (33434); TCP: that of all (80)
  -f, --first hop       begin with this hop (1)
  -m, --max hop         end with this hop (30)
  -q, --queries number  send so many probes for each hop (3)
  -w, --wait seconds    wait so long for an answer (5)
  -h, --help            print this text

Exit code: 0 the host was reached, 1 it was not or an error occurred, 2 wrong usage.`;

const flag = /** @type {const} */ ({ type: 'boolean', default: false });
const options = /** @type {const} */ ({
  4: { type: 'boolean', short: '4' },
  6: { type: 'boolean', short: '6' },
  icmp: { ...flag, short: 'I' },
  tcp: { ...flag, short: 'T' },
  port: { type: 'string', short: 'p' },
  first: { type: 'string', short: 'f', default: '1' },
  max: { type: 'string', short: 'm', default: '30' },
  queries: { type: 'string', short: 'q', default: '3' },
  wait: { type: 'string', short: 'w', default: '5' },
});

/**
 * Formats the answers to the probes of one hop, as traceroute(8) prints them.
 * @param {(import('./support/probe.js').Answer | undefined)[]} answers
 */
function line(answers) {
  let before = '';
  return answers.map((answer) => {
    if (answer === undefined) return ' *';
    const { from, time, report } = answer;
    const who = from === before ? '' : ` ${from}`;
    before = from;
    const note = report === undefined ? '' : mark(report);
    return `${who}  ${time.toFixed(3)} ms${note && ` ${note}`}`;
  });
}

await command(usage, options, async (values, positionals) => {
  if (values.icmp && values.tcp) throw new UsageError('-I and -T exclude each other');
  const probe = values.icmp ? icmpProbe : values.tcp ? tcpProbe : udpProbe;
  const first = integer(values.first, '--first', 1, 255);
  const max = integer(values.max, '--max', first, 255);
  const queries = integer(values.queries, '--queries', 1, 10);
  const ports = probe === udpProbe ? (max - first + 1) * queries : 1;
  const port = integer(values.port ?? (values.tcp ? '80' : '33434'), '--port', 1, 65536 - ports);
  const wait = 1000 * number(values.wait, '--wait', 0.001);
  const { name, to } = await hostOf(positionals, values);

  const packet = to.family === AF_INET ? 60 : 80;
  console.log(`traceroute to ${name} (${to.address}), ${max} hops max, ${packet} byte packets`);
  let sequence = 0;
  for (let hops = first; hops <= max; hops++) {
    const probes = Array.from({ length: queries }, () => probe({ to, hops, sequence: ++sequence, port, wait }));
    const answers = await Promise.all(probes);
    console.log(`${String(hops).padStart(2)} ${line(answers).join('')}`);
    const there = answers.filter((answer) => answer !== undefined);
    if (there.some(({ report }) => report === undefined || isArrival(report))) return 0;
    if (there.some(({ report }) => report !== undefined && !isExpired(report))) return 1; // the host cannot be reached
  }
  return 1;
});
