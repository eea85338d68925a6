#!/usr/bin/env node
// @ts-check
// The hosts of a link, as arp-scan(1): asks for each address of a network by ARP, many at a time. RFC 826, packet(7).
//   sudo node examples/arp-scan.js 192.0.2.0/24
import { setTimeout as sleep } from 'node:timers/promises';
import { AF_INET, inet_ntoa, inet_pton, MessageBatch } from 'sys-socket';
import { answerOf, openArp, question } from './support/arp.js';
import { command, integer, number, UsageError } from './support/command.js';
import { linkTo } from './support/interface.js';
import { interruption, until } from './support/until.js';

const usage = `Usage: arp-scan.js [options] network
Prints the addresses of a network (192.0.2.0/24) that a host answers for, and the hardware address of the host.

  -I, --interface name     the link (without: where the routes lead to)
  -R, --rate number        of questions a second (256)
  -r, --retry number       how often each address is asked for (2)
  -w, --wait milliseconds  for answers after each round (500)
  -h, --help               this text

Exit code: 0 somebody answered, 1 nobody did or an error, 2 wrong usage.`;

const options = /** @type {const} */ ({
  interface: { type: 'string', short: 'I' },
  rate: { type: 'string', short: 'R', default: '256' },
  retry: { type: 'string', short: 'r', default: '2' },
  wait: { type: 'string', short: 'w', default: '500' },
});

/** How often packets are sent, in milliseconds: those that are due, by one system call. */
const TICK = 20;

/** The addresses of a network in the notation of RFC 4632. @param {string} text @returns {string[]} */
function addressesOf(text) {
  const [, address = '', length = '32'] = /^([\d.]+)(?:\/(\d+))?$/.exec(text) ?? [];
  const bits = integer(length, 'network', 12, 32); // a million addresses are enough
  const bytes = inet_pton(AF_INET, address);
  if (bytes === undefined) throw new UsageError(`a network like 192.0.2.0/24 is wanted, not '${text}'`);
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
  if (network === undefined || rest.length > 0) throw new UsageError('one network is wanted');
  const all = addressesOf(network);
  const rate = number(values.rate, '--rate', 1, 1_000_000);
  const rounds = integer(values.retry, '--retry', 1, 100);
  const wait = number(values.wait, '--wait');
  const { link, address: from } = linkTo(/** @type {string} */ (all[0]), values.interface);
  const socket = openArp(link);
  const done = new AbortController();
  const signal = AbortSignal.any([interruption(), done.signal]);
  /** The hosts that answered for each address. @type {Map<string, Set<string>>} */
  const owners = new Map(all.map((address) => [address, new Set()]));
  const silent = () => all.filter((address) => owners.get(address)?.size === 0);
  const start = performance.now();

  async function ask() {
    const batch = new MessageBatch({ messages: 64, size: 28 });
    for (let round = 0; round < rounds; round++) {
      const addresses = silent();
      const begin = performance.now();
      for (let sent = 0; sent < addresses.length; ) {
        const due = Math.min(addresses.length, Math.ceil(((performance.now() - begin) * rate) / 1000));
        while (sent < due) {
          batch.clear();
          while (sent < due && batch.count < batch.capacity) {
            const { data, to } = question(link, /** @type {string} */ (addresses[sent++]), from);
            batch.push(data, to);
          }
          await socket.sendmmsg(batch);
        }
        await sleep(TICK, undefined, { signal });
      }
      await sleep(wait, undefined, { signal });
    }
    done.abort();
  }

  async function listen() {
    for await (const datagram of until(undefined, signal, (options) => socket.recvfrom(65536, 0, options))) {
      const answer = answerOf(datagram);
      const known = answer && owners.get(answer.address);
      if (answer === undefined || known === undefined || known.has(answer.mac)) continue;
      known.add(answer.mac);
      console.log(`${answer.address}\t${answer.mac}${known.size > 1 ? '\t(duplicate)' : ''}`);
    }
  }

  try {
    await Promise.all([ask(), listen()]);
  } catch (error) {
    if (/** @type {Error} */ (error).name !== 'AbortError') throw error;
  } finally {
    done.abort();
    socket.close();
  }
  const seconds = ((performance.now() - start) / 1000).toFixed(3);
  const found = all.length - silent().length;
  console.log(`${all.length} addresses in ${seconds} seconds, ${found} answered`);
  return found > 0 ? 0 : 1;
});
