#!/usr/bin/env node
// @ts-check
// Asks by ARP who has an IPv4 address on the link, as arping(8) does. RFC 826, packet(7).
//   sudo node examples/arping.js -c 3 192.0.2.1
import { isIPv4 } from 'node:net';
import { exchange } from 'sys-socket/packet';
import { openArp, ownerOf, question } from './support/arp.js';
import { command, countOf, number, UsageError } from './support/command.js';
import { linkTo } from './support/interface.js';
import { answersOf, interruption } from './support/until.js';

const usage = `Usage: arping.js [options] address
Asks who has an IPv4 address on a link, and prints each answer with the hardware address.

  -I, --interface name    send on this interface (default: the one of the route)
  -c, --count number      send so many requests (default: until Ctrl-C)
  -i, --interval seconds  wait so long after each request (1)
  -f, --first             stop at the first answer
  -D, --duplicate         probe as a host does before it uses the address (RFC 5227), 3 times by default
  -b, --broadcast         always ask all hosts, not only the one that answered
  -h, --help              print this text

Exit code: 0 a host answered (-D: no host has the address), 1 none answered (-D: a host has it) or an error occurred,
2 wrong usage.`;

const flag = /** @type {const} */ ({ type: 'boolean', default: false });
const options = /** @type {const} */ ({
  interface: { type: 'string', short: 'I' },
  count: { type: 'string', short: 'c' },
  interval: { type: 'string', short: 'i', default: '1' },
  first: { ...flag, short: 'f' },
  duplicate: { ...flag, short: 'D' },
  broadcast: { ...flag, short: 'b' },
});

await command(usage, options, async (values, [target, ...rest]) => {
  if (target === undefined || rest.length > 0 || !isIPv4(target)) throw new UsageError('give one IPv4 address');
  const { duplicate } = values;
  const count = countOf(values.count ?? (duplicate ? '3' : undefined));
  const interval = 1000 * number(values.interval, '--interval', 0.01);
  const { link, address } = linkTo(target, values.interface);
  const from = duplicate ? '0.0.0.0' : address;
  if (from === undefined) throw new Error(`${link.name} has no IPv4 address to ask from (-D needs none)`);
  const socket = openArp(link);
  const interrupted = interruption();
  /** The hardware addresses of the hosts that answered. @type {Set<string>} */
  const owners = new Set();
  let [sent, broadcasts, received] = [0, 0, 0];
  let done = false;

  console.log(`ARPING ${target} from ${from} ${link.name}`);
  while (sent < count && !done && !interrupted.aborted) {
    const [known] = values.broadcast ? [] : owners;
    const request = question(link, target, from, known);
    sent += 1;
    if (known === undefined) broadcasts += 1;
    const options = { timeout: interval, multiple: true, signal: interrupted };
    for await (const answer of answersOf(exchange(socket, [request], options))) {
      const { mac, broadcast } = ownerOf(answer);
      const time = answer.roundTrip.toFixed(3);
      console.log(`${broadcast ? 'Broadcast' : 'Unicast'} reply from ${target} [${mac.toUpperCase()}]  ${time}ms`);
      owners.add(mac);
      received += 1;
      done = values.first || duplicate;
      if (done) break;
    }
  }
  socket.close();
  console.log(`Sent ${sent} probes (${broadcasts} broadcast(s))\nReceived ${received} response(s)`);
  if (owners.size > 1) console.log(`${target} is the address of ${owners.size} hosts: ${[...owners].join(', ')}`);
  return owners.size > 0 === duplicate ? 1 : 0;
});
