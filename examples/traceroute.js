#!/usr/bin/env node
// @ts-check
// The routers on the way to a host, as traceroute(8): packets whose time to live ends at each of them, one after the
// other, and what they report about that, from the error queue: ip(7), ipv6(7).
//   node examples/traceroute.js 127.0.0.1
import { AF_INET } from 'sys-socket';
import { command, integer, number, UsageError } from './support/command.js';
import { hostOf } from './support/host.js';
import { isArrival, isExpired, mark } from './support/icmp-error.js';
import { icmpProbe, tcpProbe, udpProbe } from './support/probe.js';

const usage = `Usage: traceroute.js [options] host
Prints the address of each router on the way to a host, and after what time it answered.

  -4, -6                only IPv4, only IPv6
  -I, --icmp            by echo requests (a ping socket, or CAP_NET_RAW); without -I and -T: by datagrams to ports
                        where nobody listens, which needs no privilege
  -T, --tcp             by the SYN of connections, which needs no privilege either
  -p, --port number     UDP: of the first probe, counted up (33434); TCP: of all (80)
  -f, --first hop       to begin with (1)
  -m, --max hop         to end with (30)
  -q, --queries number  of probes for each hop (3)
  -w, --wait seconds    for an answer (5)
  -h, --help            this text

Exit code: 0 the host was reached, 1 it was not or an error, 2 wrong usage.`;

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

/** The answers to the probes of one hop, as traceroute(8) prints them. @param {(import('./support/probe.js').Answer | undefined)[]} answers */
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
    if (there.some(({ report }) => report !== undefined && !isExpired(report))) return 1; // no way leads there
  }
  return 1;
});
