#!/usr/bin/env node
// @ts-check
// Which switch and port is this machine plugged into? Prints the LLDP messages of the neighbours: IEEE 802.1AB, packet(7).
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
import { ethernetNamed, interfaces } from './support/interface.js';
import { decodeLldp, LLDP_GROUPS } from './support/lldp.js';
import { interruption, until } from './support/until.js';

const usage = `Usage: lldp-listen.js [options] [interface...]
Prints what the neighbours on the links tell of themselves by LLDP. Without an interface: on all Ethernet interfaces.

  -t, --timeout seconds   end after this time (switches send every 30 seconds; without: until Ctrl-C)
  -c, --count messages    end after so many messages
  -h, --help              this text

Exit code: 0 something came, 1 nothing came or an error, 2 wrong usage.`;

const options = /** @type {const} */ ({
  timeout: { type: 'string', short: 't' },
  count: { type: 'string', short: 'c' },
});

await command(usage, options, async (values, names) => {
  const time = values.timeout === undefined ? undefined : number(values.timeout, '--timeout') * 1000;
  const count = countOf(values.count);
  const on = names.length > 0 ? names.map(ethernetNamed) : interfaces().filter((entry) => entry.mac !== undefined);
  if (on.length === 0) throw new Error('there is no Ethernet interface');

  // SOCK_DGRAM: the kernel takes the Ethernet header off. The protocol alone selects the frames: no filter is needed.
  const socket = new Socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_LLDP));
  for (const { ifindex } of on) {
    // The interface drops multicast that nobody asked for.
    for (const address of LLDP_GROUPS) {
      setOption(socket.fd, 'PACKET_ADD_MEMBERSHIP', { ifindex, type: PACKET_MR_MULTICAST, address });
    }
  }

  let heard = 0;
  for await (const { data, address: from } of until(time, interruption(), (o) => socket.recvfrom(65536, 0, o))) {
    if (from === undefined || !('pkttype' in from) || from.pkttype === PACKET_OUTGOING) continue; // of this host
    const name = on.find(({ ifindex }) => ifindex === from.ifindex)?.name;
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
