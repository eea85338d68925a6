/** A second owner of addresses on a link, for the tests of programs that detect one. */
import * as s from '../../lib/index.ts';
import { Socket } from '../../lib/index.ts';
import * as p from '../../lib/packet/index.ts';
import type { Link } from './networks.ts';
import { keep } from './sockets.ts';

/** Answers ARP requests of the other side for an address with a hardware address, until the test ends. */
export function claim({ ifindex }: Link, address: string, mac: string): void {
  const socket = keep(new Socket(s.AF_PACKET, s.SOCK_RAW, 0));
  socket.bind({ family: s.AF_PACKET, ifindex, protocol: s.ETH_P_ARP });
  void (async () => {
    for await (const { data } of socket.datagrams()) {
      const question = p.findLayer(p.decodePacket(data), 'arp');
      if (question?.operation !== 1 || question.targetProtocolAddress !== address) continue;
      const { senderHardwareAddress: asker, senderProtocolAddress } = question;
      const answer = p.arp({
        operation: 2,
        senderHardwareAddress: mac,
        senderProtocolAddress: address,
        targetHardwareAddress: asker,
        targetProtocolAddress: senderProtocolAddress,
      });
      await socket.send(p.encodePacket([p.ethernet({ destination: asker, source: mac }), answer]));
    }
  })();
}
