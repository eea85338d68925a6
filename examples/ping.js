#!/usr/bin/env node
// @ts-check
// Does a host respond, and how long does it take? Sends ICMP or ICMPv6 echo requests, as ping(8) does. icmp(7), raw(7).
//   node examples/ping.js -c 3 127.0.0.1
import { setTimeout as sleep } from 'node:timers/promises';
import { AF_INET, isErrno, strerror } from 'sys-socket';
import { exchange } from 'sys-socket/packet';
import { command, countOf, integer, number } from './support/command.js';
import { echoRequest, openEcho, replyOf } from './support/echo.js';
import { hostOf } from './support/host.js';
import { describe } from './support/icmp-error.js';
import { interruption } from './support/until.js';

const usage = `Usage: ping.js [options] host
Sends echo requests to a host and prints its answers.

  -4, -6                  use only IPv4, or only IPv6
  -c, --count number      send so many requests (default: until Ctrl-C)
  -i, --interval seconds  wait so long between requests (1)
  -s, --size bytes        send so much data in each request (56)
  -t, --ttl hops          let so many routers forward a request
  -W, --timeout seconds   wait so long after the last request (10)
      --raw               use a raw socket (CAP_NET_RAW), not a ping socket (net.ipv4.ping_group_range)
  -h, --help              print this text

Exit code: 0 a reply arrived, 1 none arrived or an error occurred, 2 wrong usage.`;

const options = /** @type {const} */ ({
  4: { type: 'boolean', short: '4' },
  6: { type: 'boolean', short: '6' },
  count: { type: 'string', short: 'c' },
  interval: { type: 'string', short: 'i', default: '1' },
  size: { type: 'string', short: 's', default: '56' },
  ttl: { type: 'string', short: 't' },
  timeout: { type: 'string', short: 'W', default: '10' },
  raw: { type: 'boolean', default: false },
});

/** Formats milliseconds with about three digits. @param {number} time */
const digits = (time) => time.toFixed(time >= 100 ? 0 : time >= 10 ? 1 : time >= 1 ? 2 : 3);

/** Counts the packets that were sent and received. */
class Statistics {
  sent = 0;
  errors = 0;
  duplicates = 0;
  /** @type {number[]} */
  times = [];
  start = performance.now();

  /** @param {string} name */
  print(name) {
    const { sent, errors, duplicates, times } = this;
    const loss = sent === 0 ? 0 : (100 * (sent - times.length)) / sent;
    const counts = [
      `${sent} packets transmitted, ${times.length} received`,
      ...(duplicates > 0 ? [`+${duplicates} duplicates`] : []),
      ...(errors > 0 ? [`+${errors} errors`] : []),
      `${Number(loss.toPrecision(6))}% packet loss`,
      `time ${Math.round(performance.now() - this.start)}ms`,
    ];
    console.log(`\n--- ${name} ping statistics ---\n${counts.join(', ')}`);
    if (times.length === 0) return;
    const mean = times.reduce((sum, time) => sum + time, 0) / times.length;
    const deviation = Math.sqrt(times.reduce((sum, time) => sum + (time - mean) ** 2, 0) / times.length);
    const values = [Math.min(...times), mean, Math.max(...times), deviation].map((value) => value.toFixed(3));
    console.log(`rtt min/avg/max/mdev = ${values.join('/')} ms`);
  }
}

await command(usage, options, async (values, positionals) => {
  const count = countOf(values.count);
  const interval = 1000 * number(values.interval, '--interval', 0.002);
  const timeout = 1000 * number(values.timeout, '--timeout');
  const data = Buffer.from(Array.from({ length: integer(values.size, '--size', 0, 65507) }, (_, i) => i & 0xff));
  const hops = values.ttl === undefined ? undefined : integer(values.ttl, '--ttl', 1, 255);
  const { name, to } = await hostOf(positionals, values);
  const socket = openEcho(to, values.raw);
  const statistics = new Statistics();
  /** The requests that have not been answered yet. @type {Set<number>} */
  const pending = new Set();
  const signal = interruption();
  let last = false;

  async function* requests() {
    for (let sequence = 1; sequence <= count; sequence++) {
      if (sequence > 1) await sleep(interval, undefined, { signal });
      last = sequence === count;
      statistics.sent += 1;
      pending.add(sequence & 0xffff);
      yield echoRequest(to, sequence & 0xffff, data, hops);
    }
  }

  /** @param {import('sys-socket/packet').Answered<number>} answer @param {number} sequence */
  function print(answer, sequence) {
    const { error, duplicate, from, roundTrip } = answer;
    if (error !== undefined) {
      statistics.errors += 1;
      console.log(`From ${from ?? '?'} icmp_seq=${sequence} ${describe(error)}`);
      return;
    }
    const { bytes, hops: left, damaged } = replyOf(answer);
    if (duplicate) statistics.duplicates += 1;
    else statistics.times.push(roundTrip);
    const notes = `${duplicate ? ' (DUP!)' : ''}${damaged ? ' (BAD CHECKSUM!)' : ''}`;
    const trip = duplicate ? '' : ` time=${digits(roundTrip)} ms`;
    console.log(`${bytes} bytes from ${from}: icmp_seq=${sequence} ttl=${left ?? '?'}${trip}${notes}`);
  }

  const size =
    to.family === AF_INET ? `${data.length}(${data.length + 28}) bytes of data.` : `${data.length} data bytes`;
  console.log(`PING ${name}${to.family === AF_INET ? ' ' : ''}(${to.address}) ${size}`);
  try {
    for await (const outcome of exchange(socket, requests(), { timeout, multiple: true, signal })) {
      const sequence = outcome.request.tag ?? 0;
      pending.delete(sequence);
      if (outcome.answered) print(outcome, sequence);
      else if (isErrno(outcome.failure)) {
        console.error(`ping: ${strerror(outcome.failure.errno)}`); // ENETUNREACH, EMSGSIZE: the next may succeed
        statistics.errors += 1;
      }
      if (last && pending.size === 0) break;
    }
  } catch (error) {
    if (/** @type {Error} */ (error).name !== 'AbortError') throw error;
  } finally {
    socket.close();
  }
  statistics.print(name);
  return statistics.times.length > 0 ? 0 : 1;
});
