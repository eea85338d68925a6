#!/usr/bin/env node
// @ts-check
// Which DHCP servers are on the link, and what do they offer? Sends a DHCPDISCOVER and accepts none of the offers.
// RFC 2131, packet(7).
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
Asks the DHCP servers on a link for an address, and prints what they offer. It accepts no offer, so nothing changes.

  -t, --timeout seconds   wait so long for offers (10)
  -c, --count offers      end after so many offers
  -m, --mac address       ask as the client with this Ethernet address (default: that of the interface)
  -h, --help              print this text

Exit code: 0 an offer arrived, 1 none arrived or an error occurred, 2 wrong usage.`;

const options = /** @type {const} */ ({
  timeout: { type: 'string', short: 't', default: '10' },
  count: { type: 'string', short: 'c' },
  mac: { type: 'string', short: 'm' },
});

/** The program asks again after this many milliseconds, and doubles the pause each time (RFC 2131, section 4.1). */
const AGAIN = 4000;

const BROADCAST = 'ff:ff:ff:ff:ff:ff';

/** @param {string} text */
function hardwareAddress(text) {
  try {
    const bytes = Buffer.from(s.parseHardwareAddress(text));
    if (bytes.length === 6) return bytes;
  } catch {}
  throw new UsageError(`--mac must have the form 02:00:00:00:00:01, not '${text}'`);
}

/**
 * Returns the DHCP message in an IPv4 packet, or undefined if the packet is damaged or carries something else.
 * @param {Uint8Array} packet @param {readonly import('sys-socket').ControlMessage[]} control
 */
function received(packet, control) {
  const { layers } = decodePacket(packet, { first: 'ipv4' });
  const datagram = findLayer(layers, 'udp');
  const data = findLayer(layers, 'payload')?.data;
  if (datagram?.destinationPort !== CLIENT_PORT || data === undefined) return undefined;
  // A packet that never left this machine (on a virtual link) may have a checksum that has not been filled in yet.
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
  if (name === undefined || rest.length > 0) throw new UsageError('give one interface');
  const time = number(values.timeout, '--timeout') * 1000;
  const count = countOf(values.count);
  const { index: ifindex, hardwareAddress: own } = ethernetNamed(name);
  const hardware = hardwareAddress(values.mac ?? own);

  // A packet socket can send from 0.0.0.0 on an interface without an address, and receives packets to addresses that
  // this host does not have.
  const socket = new s.Socket(s.AF_PACKET, s.SOCK_DGRAM, 0); // protocol 0: no packet arrives before bind
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
