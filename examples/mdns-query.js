#!/usr/bin/env node
// @ts-check
// Asks the machines on the links for a name by multicast DNS, without a server. RFC 6762, ip(7), ipv6(7).
//   node examples/mdns-query.js printer.local
//   node examples/mdns-query.js _ipp._tcp.local
import { randomInt } from 'node:crypto';
import * as s from 'sys-socket';
import { command, countOf, number, UsageError } from './support/command.js';
import { decodeMessage, encodeName, encodeQuery, readName, TYPES, typeName } from './support/dns.js';
import { addressesOf, interfaceNamed, interfaces } from './support/interface.js';
import { asking, interruption } from './support/until.js';

const usage = `Usage: mdns-query.js [options] name [type...]
Asks by multicast DNS for the records of a name, and prints what the machines on the links answer. Types are A, AAAA,
PTR, SRV, TXT, HINFO, NSEC, ANY or numbers. The default is PTR for a service such as _ipp._tcp.local, else A and AAAA.

  -i, --interface name    ask on this interface; may be repeated (default: all multicast interfaces that are up)
  -4, -6                  use only IPv4, or only IPv6
  -o, --one-shot          ask from another port than 5353, so that the answers are unicast
  -t, --timeout seconds   wait so long for answers (3)
  -c, --count answers     end after so many answers
  -h, --help              print this text

Exit code: 0 an answer arrived, 1 none arrived or an error occurred, 2 wrong usage.`;

const options = /** @type {const} */ ({
  interface: { type: 'string', short: 'i', multiple: true },
  ipv4: { type: 'boolean', short: '4' },
  ipv6: { type: 'boolean', short: '6' },
  'one-shot': { type: 'boolean', short: 'o' },
  timeout: { type: 'string', short: 't', default: '3' },
  count: { type: 'string', short: 'c' },
});

const PORT = 5353;
const GROUP = '224.0.0.251';
const GROUP6 = 'ff02::fb';
/** The program asks again after this many milliseconds, and doubles the pause each time (RFC 6762, section 5.2). */
const AGAIN = 1000;

/** @typedef {import('./support/interface.js').Interface} Interface */

/**
 * Returns the types given on the command line, or the types that suit the name.
 * @param {string} name @param {readonly string[]} words @returns {number[]}
 */
function typesOf(name, words) {
  if (words.length === 0) return name.startsWith('_') ? [TYPES.PTR] : [TYPES.A, TYPES.AAAA];
  const known = /** @type {Record<string, number>} */ (TYPES);
  return words.map((word) => known[word.toUpperCase()] ?? number(word, 'type', 1, 0xffff));
}

/** Returns the name as a query encodes it and as answers repeat it. @param {string} name */
function canonical(name) {
  try {
    return readName(encodeName(name), 0)?.name ?? '';
  } catch (error) {
    throw new UsageError(/** @type {Error} */ (error).message);
  }
}

/** @param {Interface} entry */
const canMulticast = ({ flags }) =>
  (flags & s.IFF_UP) !== 0 && (flags & s.IFF_MULTICAST) !== 0 && (flags & s.IFF_LOOPBACK) === 0;

/**
 * Returns a socket for one family, and the function that sends a query on one interface.
 * @param {boolean} oneShot @param {readonly Interface[]} on
 */
function openIpv4(oneShot, on) {
  const socket = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
  const { fd } = socket;
  s.setOption(fd, 'IP_PKTINFO', true); // reports the interface that an answer arrived on
  s.setOption(fd, 'IP_MULTICAST_TTL', 255);
  if (!oneShot) {
    s.setOption(fd, 'SO_REUSEADDR', true); // the responder of this machine uses the same port
    s.setOption(fd, 'IP_MULTICAST_ALL', false); // only the groups that this socket joins
    socket.bind({ family: s.AF_INET, address: '0.0.0.0', port: PORT });
    for (const { index: ifindex } of on) s.setOption(fd, 'IP_ADD_MEMBERSHIP', { multiaddr: GROUP, ifindex });
  }
  /** @param {Uint8Array} query @param {number} ifindex */
  const ask = (query, ifindex) => {
    s.setOption(fd, 'IP_MULTICAST_IF', { ifindex });
    return socket.sendto(query, 0, { family: s.AF_INET, address: GROUP, port: PORT });
  };
  return { socket, ask, on };
}

/** As `openIpv4`. @param {boolean} oneShot @param {readonly Interface[]} on */
function openIpv6(oneShot, on) {
  const socket = new s.Socket(s.AF_INET6, s.SOCK_DGRAM);
  const { fd } = socket;
  s.setOption(fd, 'IPV6_V6ONLY', true);
  s.setOption(fd, 'IPV6_RECVPKTINFO', true);
  s.setOption(fd, 'IPV6_MULTICAST_HOPS', 255);
  if (!oneShot) {
    s.setOption(fd, 'SO_REUSEADDR', true);
    s.setOption(fd, 'IPV6_MULTICAST_ALL', false);
    socket.bind({ family: s.AF_INET6, address: '::', port: PORT });
    for (const { index: ifindex } of on) s.setOption(fd, 'IPV6_ADD_MEMBERSHIP', { multiaddr: GROUP6, ifindex });
  }
  /** @param {Uint8Array} query @param {number} ifindex */
  const ask = (query, ifindex) => {
    s.setOption(fd, 'IPV6_MULTICAST_IF', ifindex);
    return socket.sendto(query, 0, { family: s.AF_INET6, address: GROUP6, port: PORT });
  };
  return { socket, ask, on };
}

/**
 * Returns the index of the interface that a datagram arrived on.
 * @param {readonly import('sys-socket').ControlMessage[]} control
 */
function ifindexOf(control) {
  const info =
    s.findControl(control, s.IPPROTO_IP, s.IP_PKTINFO) ?? s.findControl(control, s.IPPROTO_IPV6, s.IPV6_PKTINFO);
  return info?.ifindex ?? 0;
}

await command(usage, options, async (values, [text, ...words]) => {
  if (text === undefined) throw new UsageError('give a name');
  const name = canonical(text);
  const types = typesOf(text, words);
  const oneShot = values['one-shot'] ?? false;
  const milliseconds = number(values.timeout, '--timeout') * 1000;
  const count = countOf(values.count);
  const on = values.interface?.map(interfaceNamed) ?? interfaces().filter(canMulticast);

  const both = values.ipv4 === values.ipv6; // neither option was given, or both were
  const ipv4 = both || values.ipv4 ? on.filter((entry) => addressesOf(entry, s.AF_INET).length > 0) : [];
  const ipv6 = both || values.ipv6 ? on.filter((entry) => addressesOf(entry, s.AF_INET6).length > 0) : [];
  if (ipv4.length + ipv6.length === 0) throw new Error('there is no interface to ask on');
  const sockets = [
    ...(ipv4.length > 0 ? [openIpv4(oneShot, ipv4)] : []),
    ...(ipv6.length > 0 ? [openIpv6(oneShot, ipv6)] : []),
  ];

  // The query of a plain resolver has an id that the answer repeats. A multicast query has none. RFC 6762, 6.7, 18.1.
  const id = oneShot ? randomInt(1, 2 ** 16) : 0;
  const query = encodeQuery(
    id,
    types.map((type) => ({ name, type })),
  );
  const enough = new AbortController();
  const signal = AbortSignal.any([interruption(), enough.signal]);
  const seen = new Set();
  let answers = 0;

  /** @param {import('./support/dns.js').ResourceRecord} record */
  const wanted = (record) =>
    record.name.toLowerCase() === name.toLowerCase() &&
    types.some((type) => type === record.type || type === TYPES.ANY);

  /** Prints the records of a message that are new. @param {Uint8Array} bytes @param {string} from */
  const take = (bytes, from) => {
    const message = decodeMessage(bytes);
    if (!message.response || message.id !== id || !message.answers.some(wanted)) return;
    // The additional records count, too: for a service they hold its port, its texts and the address of its host.
    for (const record of [...message.answers, ...message.additional]) {
      const line = `${from}: ${record.name} ${typeName(record.type)} ${record.text}`;
      if (record.type === TYPES.OPT || seen.has(line)) continue;
      seen.add(line);
      console.log(`${line} (${record.ttl} s)`);
      if (wanted(record)) answers += 1;
    }
    if (message.error !== undefined) console.log(`${from}: malformed: ${message.error}`);
    if (answers >= count) enough.abort();
  };

  await Promise.all(
    sockets.map(async ({ socket, ask, on: links }) => {
      const askAll = async () => {
        if (answers > 0) return; // hosts that have answered would only answer again
        for (const link of links) {
          try {
            await ask(query, link.index);
          } catch (error) {
            if (!(error instanceof s.SocketError)) throw error;
            console.error(`${link.name}: ${error.message}`);
          }
        }
      };
      const buffer = Buffer.alloc(65536);
      const message = { buffers: [buffer], controlLength: 64 };
      const times = { milliseconds, pause: AGAIN, signal };
      /** @returns {Promise<s.ReceivedMessage>} */
      const receive = (/** @type {s.WaitOptions} */ options) => socket.recvmsg(message, 0, options);
      for await (const { length, address, control } of asking(times, askAll, receive)) {
        const link = links.find(({ index }) => index === ifindexOf(control));
        // Answers come from this port only (RFC 6762, section 6).
        if (link === undefined || address === undefined || !('port' in address) || address.port !== PORT) continue;
        if ('address' in address) take(buffer.subarray(0, length), `${link.name} ${address.address}`);
      }
      socket.close();
    }),
  );
  if (answers === 0) console.error(`${name}: no answer`);
  return answers > 0 ? 0 : 1;
});
