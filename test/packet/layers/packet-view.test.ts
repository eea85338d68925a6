/** Views of packets of every link type: they return the same fields as the decoder. */
import { expect, test } from 'vitest';
import * as p from '../../../lib/packet/index.ts';

const four = p.ipv4({ sourceAddress: '192.0.2.1', destinationAddress: '192.0.2.2', timeToLive: 7 });
const six = p.ipv6({ sourceAddress: '2001:db8::1', destinationAddress: '2001:db8::2', hopLimit: 7 });
const link = { destination: 'ff:ff:ff:ff:ff:ff', source: '02:00:00:00:00:01' };
const tag = (vid: number) => p.vlan({ vid });

/** A link type, and the possible first layers of its packets. */
const links: [number, (p.LayerInput | undefined)[]][] = [
  [p.LINKTYPE_ETHERNET, [p.ethernet(link)]],
  [p.LINKTYPE_ETHERNET, [p.ethernet({ ...link, tags: [{ vid: 5 }, { vid: 6 }] })]],
  [p.LINKTYPE_LINUX_SLL, [p.linuxSll({ address: link.source })]],
  [p.LINKTYPE_LINUX_SLL2, [p.linuxSll2({ address: link.source, interfaceIndex: 3 })]],
  [p.LINKTYPE_LINUX_SLL2, [p.linuxSll2({ interfaceIndex: 3 }), tag(5), tag(6)]],
  [p.LINKTYPE_RAW, []],
  [p.LINKTYPE_NULL, [p.bsdLoopback({})]],
  [p.LINKTYPE_LOOP, [p.bsdLoopback({ littleEndian: false })]],
  [p.LINKTYPE_PPP, [p.ppp({})]],
  [p.LINKTYPE_PPP, [p.ppp({ framed: true, compressed: true })]],
];

test.each(links)('link type %i', (linktype, headers) => {
  const view = new p.PacketView();
  for (const ip of [four, six]) {
    for (const upper of [
      p.tcp({ sourcePort: 1, destinationPort: 2, syn: true }),
      p.udp({ sourcePort: 3, destinationPort: 4 }),
    ]) {
      const data = p.encodePacket([...(headers as p.LayerInput[]), ip, upper]);
      const { layers, error } = p.decodePacket({ data, linktype });
      expect(error).toBeUndefined();
      for (const turned of [view.of({ data, linktype }), new p.PacketView().of(data, p.layerOfLinktype(linktype))]) {
        expect([turned.sourceAddress, turned.hopLimit]).toEqual([ip.sourceAddress, 7]);
        expect([turned.sourcePort, turned.destinationPort]).toEqual([upper.sourcePort, upper.destinationPort]);
        expect(turned.tcpFlags).toBe(upper.layer === 'tcp' ? 2 : undefined);
        expect(turned.vlan).toBe(
          p.findLayer(layers, 'ethernet')?.tags[0]?.vid ?? p.findLayer(layers, 'vlan')?.vid ?? -1,
        );
      }
      for (let length = 0; length < data.length; length++) {
        view.of({ data: data.subarray(0, length), linktype });
        expect(view.bytes.length).toBe(length);
        void [view.sourceAddress, view.destinationAddress, view.sourcePort, view.destinationPort, view.tcpFlags];
      }
    }
  }
});

test('an unsupported link type has no fields, and an unsupported first header is rejected', () => {
  const view = new p.PacketView().of({ data: new Uint8Array(60), linktype: p.LINKTYPE_IEEE802_11_RADIOTAP });
  expect([view.networkOffset, view.etherType, view.sourceAddress]).toEqual([-1, -1, undefined]);
  expect(() => view.of(new Uint8Array(60), 'tcp')).toThrow(
    /"first" argument must be a layer that 'layerOfLinktype' returns/,
  );
  expect(() => view.of({} as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
});
