#!/usr/bin/env node
// @ts-check
// Which DHCP servers are there, and what do they offer? Sends a DHCPDISCOVER and takes nothing: RFC 2131, packet(7).
//   sudo node examples/dhcp-discover.js eth0
import { randomInt } from 'node:crypto';
import * as s from 'sys-socket';
import { decodePacket, encodePacket, findLayer, ipv4, udp } from 'sys-socket/packet';
import { command, countOf, number, UsageError } from './support/command.js';
import {
  CLIENT_PORT,
  decodeDhcp,
  encodeDiscover,
  messageType,
  OFFER,
  optionText,
  SERVER_PORT,
} from './support/dhcp.js';
import { ethernetNamed } from './support/interface.js';
import { asking, interruption } from './support/until.js';

const usage = `Usage: dhcp-discover.js [options] interface
Asks the DHCP servers on a link for an address, and prints what they offer. No offer is taken, so that nothing changes.

  -t, --timeout seconds   wait so long for offers (10)
  -c, --count offers      end after so many offers
  -m, --mac address       ask for the client of this Ethernet address (that of the interface)
  -h, --help              this text

Exit code: 0 an offer came, 1 none came or an error, 2 wrong usage.`;

const options = /** @type {const} */ ({
  timeout: { type: 'string', short: 't', default: '10' },
  count: { type: 'string', short: 'c' },
  mac: { type: 'string', short: 'm' },
});

/** Ask again after so many milliseconds, and then after twice as many: RFC 2131, 4.1. */
const AGAIN = 4000;

const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** @param {string} text */
function hardwareAddress(text) {
  try {
    const bytes = Buffer.from(s.parseHardwareAddress(text));
    if (bytes.length === 6) return bytes;
  } catch {}
  throw new UsageError(`--mac: an address like 02:00:00:00:00:01, not '${text}'`);
}

/**
 * The DHCP message in an IPv4 packet; undefined for any other packet, and for a damaged one.
 * @param {Uint8Array} packet @param {readonly import('sys-socket').ControlMessage[]} control
 */
function received(packet, control) {
  const { layers } = decodePacket(packet, { first: 'ipv4' });
  const datagram = findLayer(layers, 'udp');
  const data = findLayer(layers, 'payload')?.data;
  if (datagram?.destinationPort !== CLIENT_PORT || data === undefined) return undefined;
  // A packet that never left this machine (a virtual link) may have a checksum that is still to be filled in.
  const auxdata = control.find((message) => s.isControl(message, s.SOL_PACKET, s.PACKET_AUXDATA));
  const unfinished = auxdata !== undefined && 'status' in auxdata && (auxdata.status & s.TP_STATUS_CSUMNOTREADY) !== 0;
  if (datagram.checksumOk === false && !unfinished) return undefined;
  return decodeDhcp(data);
}

/** @param {import('./support/dhcp.js').DhcpMessage} offer @param {string} from */
function print({ yourAddress, nextServer, relay, serverName, bootFile, options: all, error }, from) {
  console.log(`${yourAddress} offered by ${from}`);
  if (nextServer !== '0.0.0.0') console.log(`  Next server: ${nextServer}`);
  if (relay !== '0.0.0.0') console.log(`  Relay: ${relay}`);
  if (serverName !== '') console.log(`  Server name: ${serverName}`);
  if (bootFile !== '') console.log(`  Boot file: ${bootFile}`);
  for (const [code, data] of [...all].sort(([a], [b]) => a - b)) {
    const { name, text } = optionText(code, data);
    console.log(`  ${name} (${code}): ${text}`);
  }
  if (error !== undefined) console.log(`  malformed: ${error}`);
}

await command(usage, options, async (values, [name, ...rest]) => {
  if (name === undefined || rest.length > 0) throw new UsageError('one interface is wanted');
  const time = number(values.timeout, '--timeout') * 1000;
  const count = countOf(values.count);
  const { ifindex, mac: own } = ethernetNamed(name);
  const hardware = hardwareAddress(values.mac ?? own);

  // A packet socket: an interface without an address can send 0.0.0.0 by it, and hears what is for no address of ours.
  const socket = new s.Socket(s.AF_PACKET, s.SOCK_DGRAM, 0); // protocol 0: nothing comes before bind
  s.setOption(socket.fd, 'PACKET_AUXDATA', true);
  socket.bind({ family: s.AF_PACKET, ifindex, protocol: s.ETH_P_IP });

  const xid = randomInt(2 ** 32);
  const start = performance.now();
  const discover = async () => {
    const secs = Math.floor((performance.now() - start) / 1000);
    const packet = encodePacket([
      ipv4({ sourceAddress: '0.0.0.0', destinationAddress: '255.255.255.255' }),
      udp({ sourcePort: CLIENT_PORT, destinationPort: SERVER_PORT }),
      encodeDiscover({ xid, secs, hardware }),
    ]);
    await socket.sendto(packet, 0, { family: s.AF_PACKET, ifindex, protocol: s.ETH_P_IP, address: BROADCAST });
  };

  const buffer = Buffer.alloc(65536);
  const message = { buffers: [buffer], controlLength: 64 };
  const offers = new Set(); // a server answers each of our messages
  const times = { milliseconds: time, pause: AGAIN, signal: interruption() };
  for await (const { length: bytes, control, address } of asking(times, discover, (o) =>
    socket.recvmsg(message, 0, o),
  )) {
    const reply = received(buffer.subarray(0, bytes), control);
    if (reply === undefined || reply.xid !== xid || messageType(reply) !== OFFER || !hardware.equals(reply.hardware))
      continue;
    const sender = address !== undefined && 'ifindex' in address ? address.address : undefined;
    const hardwareOf = sender === undefined ? '?' : s.formatHardwareAddress(sender);
    const from = `${reply.options.get(54)?.join('.') ?? '?'} (${hardwareOf})`;
    if (offers.has(`${reply.yourAddress} ${from}`)) continue;
    offers.add(`${reply.yourAddress} ${from}`);
    print(reply, from);
    if (offers.size >= count) break;
  }
  socket.close();
  if (offers.size === 0) console.error(`${name}: no offer`);
  return offers.size > 0 ? 0 : 1;
});
