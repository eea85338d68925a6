#!/usr/bin/env node
// @ts-check
// Who has this IPv6 address on the link, and which routers are there? Sends neighbour and router solicitations by a raw
// socket, as ndisc6(8) and rdisc6(8) do. RFC 4861, ipv6(7).
//   sudo node examples/ndisc.js -I eth0 fe80::1
//   sudo node examples/ndisc.js -I eth0 --router
import {
  AF_INET6,
  findControl,
  IPPROTO_ICMPV6,
  IPPROTO_IPV6,
  IPV6_HOPLIMIT,
  IPV6_MULTICAST_HOPS,
  IPV6_RECVHOPLIMIT,
  inet_ntop,
  inet_pton,
  SOCK_RAW,
  Socket,
  setOption,
} from 'sys-socket';
import {
  exchange,
  findLayer,
  ICMPV6_NEIGHBOR_ADVERTISEMENT,
  ICMPV6_NEIGHBOR_SOLICITATION,
  ICMPV6_ROUTER_ADVERTISEMENT,
  ICMPV6_ROUTER_SOLICITATION,
  icmpv6,
} from 'sys-socket/packet';
import { command, countOf, number, UsageError } from './support/command.js';
import { ethernetNamed } from './support/interface.js';
import { advertisementLines } from './support/nd-text.js';
import { answersOf, interruption } from './support/until.js';

const usage = `Usage: ndisc.js -I interface [options] address
       ndisc.js -I interface [options] --router
Asks who has an IPv6 address on a link, or which routers it has, and prints what they advertise.

  -I, --interface name  send on this interface
  -r, --router          ask for routers
  -c, --count number    ask so often while nobody answers (3)
  -w, --wait seconds    wait so long for answers to each request (1)
  -m, --multiple        wait for more answers after the first one
  -h, --help            print this text

Exit code: 0 a host answered, 1 none answered or an error occurred, 2 wrong usage.`;

const options = /** @type {const} */ ({
  interface: { type: 'string', short: 'I' },
  router: { type: 'boolean', short: 'r', default: false },
  count: { type: 'string', short: 'c', default: '3' },
  wait: { type: 'string', short: 'w', default: '1' },
  multiple: { type: 'boolean', short: 'm', default: false },
});

const ALL_ROUTERS = 'ff02::2';
/** The hop limit of every neighbour discovery packet. A router would have decremented it (RFC 4861, section 7.1). */
const HOPS = 255;

/** Returns the bytes of an address. @param {string} text */
function bytesOf(text) {
  const bytes = inet_pton(AF_INET6, text);
  if (bytes === undefined) throw new UsageError(`give an IPv6 address, not '${text}'`);
  return bytes;
}

/** Returns the group that the owner of an address listens to (RFC 4291, section 2.7.1). @param {Uint8Array} address */
function solicitedNode(address) {
  return inet_ntop(AF_INET6, Buffer.concat([bytesOf('ff02::1:ff00:0').subarray(0, 13), address.subarray(13)]));
}

/** Opens a socket that receives one type of advertisement on a link. @param {string} name @param {number} type */
function open(name, type) {
  const socket = new Socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
  setOption(socket.fd, 'SO_BINDTODEVICE', name);
  setOption(socket.fd, 'ICMP6_FILTER', { pass: [type] });
  socket.setsockopt(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, HOPS);
  socket.setsockopt(IPPROTO_IPV6, IPV6_RECVHOPLIMIT, true);
  return socket;
}

await command(usage, options, async (values, [target, ...rest]) => {
  const { router, multiple } = values;
  if (values.interface === undefined) throw new UsageError('-I: give an interface');
  if (rest.length > 0 || (target === undefined) !== router) throw new UsageError('give one address or --router');
  const wanted = target === undefined ? undefined : bytesOf(target);
  const targetAddress = wanted && inet_ntop(AF_INET6, wanted);
  const count = countOf(values.count);
  const wait = 1000 * number(values.wait, '--wait', 0.001);
  const { name, index, hardwareAddress } = ethernetNamed(values.interface);

  const socket = open(name, router ? ICMPV6_ROUTER_ADVERTISEMENT : ICMPV6_NEIGHBOR_ADVERTISEMENT);
  const own = [{ name: /** @type {const} */ ('sourceLinkLayerAddress'), linkLayerAddress: hardwareAddress }];
  const solicitation = router
    ? icmpv6({ type: ICMPV6_ROUTER_SOLICITATION, options: own })
    : icmpv6({ type: ICMPV6_NEIGHBOR_SOLICITATION, targetAddress, options: own });
  const address = wanted === undefined ? ALL_ROUTERS : solicitedNode(wanted);
  const to = { family: AF_INET6, address, port: 0, flowinfo: 0, scopeId: index };
  const request = { layers: [solicitation], to }; // the kernel fills in the checksum
  const interrupted = interruption();
  const options = { timeout: wait, multiple: true, signal: interrupted };
  let answers = 0;

  console.log(`Soliciting ${targetAddress ?? 'routers'} (${address}) on ${name}`);
  for (let sent = 0; sent < count && answers === 0 && !interrupted.aborted; sent++) {
    for await (const { packet, from, control, roundTrip } of answersOf(exchange(socket, [request], options))) {
      if (findControl(control, IPPROTO_IPV6, IPV6_HOPLIMIT)?.value !== HOPS) continue; // it came through a router
      const message = findLayer(packet, 'icmpv6');
      if (message === undefined) continue;
      console.log(`Answer from ${from ?? '?'} after ${roundTrip.toFixed(3)} ms`);
      for (const line of advertisementLines(message)) console.log(`  ${line}`);
      answers += 1;
      if (!multiple) break;
    }
  }
  socket.close();
  if (answers === 0) console.log('No answer');
  return answers > 0 ? 0 : 1;
});
