#!/usr/bin/env node
// @ts-check
// Which switch and port is this machine plugged into? Prints the LLDP messages of the neighbours.
// IEEE 802.1AB, packet(7).
//   sudo node examples/lldp-listen.js [interface...]
import {
  AF_PACKET,
  ETH_P_LLDP,
  formatHardwareAddress,
  htons,
  PACKET_MR_MULTICAST,
  PACKET_OUTGOING,
  SOCK_DGRAM,
  Socket,
  setOption,
} from 'sys-socket';
import { command, countOf, number } from './support/command.js';
import { ethernetNamed, interfaces, isEthernet } from './support/interface.js';
import { decodeLldp, LLDP_GROUPS } from './support/lldp.js';
import { interruption, until } from './support/until.js';

const usage = `Usage: lldp-listen.js [options] [interface...]
Prints what the neighbours on the links announce by LLDP. Without an interface, it listens on all Ethernet interfaces.

  -t, --timeout seconds   end after this time (default: at Ctrl-C; switches send every 30 seconds)
  -c, --count messages    end after so many messages
  -h, --help              print this text

Exit code: 0 a message arrived, 1 none arrived or an error occurred, 2 wrong usage.`;

const options = /** @type {const} */ ({
  timeout: { type: 'string', short: 't' },
  count: { type: 'string', short: 'c' },
});

await command(usage, options, async (values, names) => {
  const time = values.timeout === undefined ? undefined : number(values.timeout, '--timeout') * 1000;
  const count = countOf(values.count);
  const on = names.length > 0 ? names.map(ethernetNamed) : interfaces().filter(isEthernet);
  if (on.length === 0) throw new Error('there is no Ethernet interface');

  // With SOCK_DGRAM the kernel removes the Ethernet header. The protocol selects the frames, so no filter is needed.
  const socket = new Socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_LLDP));
  for (const { index: ifindex } of on) {
    // The interface drops multicast frames unless a socket has joined their group.
    for (const address of LLDP_GROUPS) {
      setOption(socket.fd, 'PACKET_ADD_MEMBERSHIP', { ifindex, type: PACKET_MR_MULTICAST, address });
    }
  }

  let heard = 0;
  for await (const { data, address: from } of until(time, interruption(), (o) => socket.recvfrom(65536, 0, o))) {
    if (from === undefined || !('pkttype' in from) || from.pkttype === PACKET_OUTGOING) continue; // sent by this host
    const name = on.find(({ index }) => index === from.ifindex)?.name;
    if (name === undefined) continue;
    const { tlvs, error } = decodeLldp(data);
    console.log(`${name}: ${formatHardwareAddress(from.address ?? new Uint8Array())}`);
    for (const tlv of tlvs) console.log(`  ${tlv.name}: ${tlv.text}`);
    if (error !== undefined) console.log(`  malformed: ${error}`);
    heard += 1;
    if (heard >= count) break;
  }
  socket.close();
  return heard > 0 ? 0 : 1;
});
