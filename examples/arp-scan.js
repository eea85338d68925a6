#!/usr/bin/env node
// @ts-check
// Lists the hosts of a link, as arp-scan(1) does: asks by ARP for each address of a network, many at a time.
// RFC 826, packet(7).
//   sudo node examples/arp-scan.js 192.0.2.0/24
import { AF_INET, inet_ntoa, inet_pton } from 'sys-socket';
import { exchange } from 'sys-socket/packet';
import { openArp, ownerOf, question } from './support/arp.js';
import { command, integer, number, UsageError } from './support/command.js';
import { linkTo } from './support/interface.js';
import { answersOf, interruption } from './support/until.js';

const usage = `Usage: arp-scan.js [options] network
Asks for every address of a network, such as 192.0.2.0/24, and prints those that a host answers for, with its hardware
address.

  -I, --interface name     send on this interface (default: the one of the route)
  -R, --rate number        send so many requests a second (256)
  -r, --retry number       ask for each address so often (2)
  -w, --wait milliseconds  wait so long for the answer to a request (500)
  -h, --help               print this text

Exit code: 0 a host answered, 1 none answered or an error occurred, 2 wrong usage.`;

const options = /** @type {const} */ ({
  interface: { type: 'string', short: 'I' },
  rate: { type: 'string', short: 'R', default: '256' },
  retry: { type: 'string', short: 'r', default: '2' },
  wait: { type: 'string', short: 'w', default: '500' },
});

/** Returns the addresses of a network in the notation of RFC 4632. @param {string} text @returns {string[]} */
function addressesOf(text) {
  const [, address = '', length = '32'] = /^([\d.]+)(?:\/(\d+))?$/.exec(text) ?? [];
  const bits = integer(length, 'network', 12, 32); // at most about a million addresses
  const bytes = inet_pton(AF_INET, address);
  if (bytes === undefined) throw new UsageError(`the network must have the form 192.0.2.0/24, not '${text}'`);
  const size = 2 ** (32 - bits);
  const first = Buffer.from(bytes).readUInt32BE();
  const start = first - (first % size);
  const word = Buffer.alloc(4);
  return Array.from({ length: size }, (_, i) => {
    word.writeUInt32BE(start + i);
    return inet_ntoa(word);
  });
}

await command(usage, options, async (values, [network, ...rest]) => {
  if (network === undefined || rest.length > 0) throw new UsageError('give one network');
  const all = addressesOf(network);
  const rate = number(values.rate, '--rate', 1, 1_000_000);
  const rounds = integer(values.retry, '--retry', 1, 100);
  const wait = number(values.wait, '--wait');
  const { link, address: from } = linkTo(/** @type {string} */ (all[0]), values.interface);
  const socket = openArp(link);
  /** The hosts that answered for each address. @type {Map<string, Set<string>>} */
  const owners = new Map();
  const start = performance.now();
  const requests = all.map((target) => question(link, target, from));
  // Two hosts may have the same address, so the program listens for answers to each request until its timeout.
  const options = { rate, retries: rounds - 1, timeout: wait, multiple: true, signal: interruption() };
  for await (const answer of answersOf(exchange(socket, requests, options))) {
    const target = /** @type {string} */ (answer.request.tag);
    const known = owners.get(target) ?? new Set();
    const { mac } = ownerOf(answer);
    if (known.has(mac)) continue;
    owners.set(target, known.add(mac));
    console.log(`${target}\t${mac}${known.size > 1 ? '\t(duplicate)' : ''}`);
  }
  socket.close();
  const seconds = ((performance.now() - start) / 1000).toFixed(3);
  const found = owners.size;
  console.log(`${all.length} addresses in ${seconds} seconds, ${found} answered`);
  return found > 0 ? 0 : 1;
});
