#!/usr/bin/env node
// @ts-check
// Who has this IPv6 address on the link, and which routers are there? Neighbour and router solicitations, as ndisc6(8)
// and rdisc6(8), by a raw socket: RFC 4861, ipv6(7).
//   sudo node examples/ndisc.js -I eth0 fe80::1
//   sudo node examples/ndisc.js -I eth0 --router
import {
  AF_INET6,
  IPPROTO_ICMPV6,
  IPPROTO_IPV6,
  IPV6_HOPLIMIT,
  IPV6_MULTICAST_HOPS,
  IPV6_RECVHOPLIMIT,
  inet_ntop,
  inet_pton,
  isControl,
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
Asks on a link who has an IPv6 address, or which routers are there, and prints what they advertise.

  -I, --interface name  the link
  -r, --router          ask for routers
  -c, --count number    how often to ask while nobody answers (3)
  -w, --wait seconds    for answers to each question (1)
  -m, --multiple        wait for more answers after the first one
  -h, --help            this text

Exit code: 0 somebody answered, 1 nobody did or an error, 2 wrong usage.`;

const options = /** @type {const} */ ({
  interface: { type: 'string', short: 'I' },
  router: { type: 'boolean', short: 'r', default: false },
  count: { type: 'string', short: 'c', default: '3' },
  wait: { type: 'string', short: 'w', default: '1' },
  multiple: { type: 'boolean', short: 'm', default: false },
});

const ALL_ROUTERS = 'ff02::2';
/** What every packet of neighbour discovery arrives with: a router would have lowered it. RFC 4861, 7.1. */
const HOPS = 255;

/** The bytes of an address. @param {string} text */
function bytesOf(text) {
  const bytes = inet_pton(AF_INET6, text);
  if (bytes === undefined) throw new UsageError(`an IPv6 address is wanted, not '${text}'`);
  return bytes;
}

/** The group that the owner of an address listens to: RFC 4291, 2.7.1. @param {Uint8Array} address */
function solicitedNode(address) {
  return inet_ntop(AF_INET6, Buffer.concat([bytesOf('ff02::1:ff00:0').subarray(0, 13), address.subarray(13)]));
}

/** A socket that hears one kind of advertisement on a link. @param {string} name @param {number} type */
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
  if (values.interface === undefined) throw new UsageError('-I: an interface is wanted');
  if (rest.length > 0 || (target === undefined) !== router) throw new UsageError('one address or --router is wanted');
  const wanted = target === undefined ? undefined : bytesOf(target);
  const targetAddress = wanted && inet_ntop(AF_INET6, wanted);
  const count = countOf(values.count);
  const wait = 1000 * number(values.wait, '--wait', 0.001);
  const { name, ifindex, mac } = ethernetNamed(values.interface);

  const socket = open(name, router ? ICMPV6_ROUTER_ADVERTISEMENT : ICMPV6_NEIGHBOR_ADVERTISEMENT);
  const own = [{ name: /** @type {const} */ ('sourceLinkLayerAddress'), linkLayerAddress: mac }];
  const solicitation = router
    ? icmpv6({ type: ICMPV6_ROUTER_SOLICITATION, options: own })
    : icmpv6({ type: ICMPV6_NEIGHBOR_SOLICITATION, targetAddress, options: own });
  const address = wanted === undefined ? ALL_ROUTERS : solicitedNode(wanted);
  const to = { family: AF_INET6, address, port: 0, flowinfo: 0, scopeId: ifindex };
  const request = { layers: [solicitation], to }; // the kernel writes its checksum
  const interrupted = interruption();
  const options = { timeout: wait, multiple: true, signal: interrupted };
  let answers = 0;

  console.log(`Soliciting ${targetAddress ?? 'routers'} (${address}) on ${name}`);
  for (let sent = 0; sent < count && answers === 0 && !interrupted.aborted; sent++) {
    for await (const { packet, from, control, roundTrip } of answersOf(exchange(socket, [request], options))) {
      const hops = control.find((m) => isControl(m, IPPROTO_IPV6, IPV6_HOPLIMIT));
      if (hops === undefined || !('value' in hops) || hops.value !== HOPS) continue; // it came through a router
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
