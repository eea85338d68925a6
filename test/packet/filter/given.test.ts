/** Filters as text, as expressions and as programs, passed to captures and to readers of files. */
import { expect, onTestFinished, test } from 'vitest';
import * as s from '../../../lib/index.ts';
import * as p from '../../../lib/packet/index.ts';
import { tcpdump, tcpdumpCompiles } from '../../helpers/bpf.ts';
import { cleanup } from '../../helpers/fds.ts';
import { need, packetSockets } from '../../helpers/need.ts';

const network = [p.ipv4({ sourceAddress: '10.0.0.1', destinationAddress: '10.0.0.2' })];
const tcp = (destinationPort: number) => [...network, p.tcp({ sourcePort: 1024, destinationPort })];
const frame = (destinationPort: number) =>
  p.encodePacket([
    p.ethernet({ destination: '02:00:00:00:00:02', source: '02:00:00:00:00:01' }),
    ...tcp(destinationPort),
  ]);
const misnamed = { linktype: p.LINKTYPE_RAW };

function file(linktype: number, ...packets: Uint8Array[]): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  const writer = new p.PcapWriter((bytes) => void chunks.push(bytes), { linktype });
  for (const data of packets) writer.write({ timestamp: 0n, data });
  return chunks;
}
function read(filter: p.PacketFilter, linktype: number, ...packets: Uint8Array[]) {
  const reader = new p.CaptureReader({ filter });
  const found = file(linktype, ...packets).flatMap((chunk) => reader.push(chunk));
  reader.end();
  return { found: found.map(({ data }) => packets.findIndex((one) => Buffer.compare(one, data) === 0)), reader };
}

test('a reader compiles text and expressions for the link type of the packets', () => {
  const raw = [80, 443].map((port) => p.encodePacket(tcp(port)));
  for (const filter of ['tcp port 80', p.match.port(80), p.parseFilter('dst port 80')]) {
    expect(read(filter, p.LINKTYPE_RAW, ...raw).found).toEqual([0]);
    expect(read(filter, p.LINKTYPE_ETHERNET, frame(443), frame(80)).found).toEqual([1]);
  }
  expect(read('', p.LINKTYPE_RAW, ...raw).found).toEqual([0, 1]);
});

test('a reader accepts a program for the right link type and rejects one for another', () => {
  const packets = [p.encodePacket(tcp(80))];
  const program = p.compileFilter(p.match.port(80), misnamed);
  expect(read(program, p.LINKTYPE_RAW, ...packets).found).toEqual([0]);
  expect(read(p.disassembleFilter(program, 'ddd'), p.LINKTYPE_RAW, ...packets).found).toEqual([0]);
  const { found, reader } = read(p.compileFilter(p.match.port(80)), p.LINKTYPE_RAW, ...packets);
  expect(found).toEqual([]);
  expect(reader.error).toEqual({
    offset: 24,
    cut: false,
    reason: expect.stringMatching(/compiled for link type 101, not for 1/),
  });
  // A filter that loads no byte of the packet fits every link type.
  expect(read(p.compileFilter(p.match.greater(1)), p.LINKTYPE_RAW, ...packets).found).toEqual([0]);
});

test('an unsupported link type is an error of the file, unless the filter does not read the packet', () => {
  const bytes = new Uint8Array(40);
  expect(read('tcp', 147, bytes).reader.error?.reason).toMatch(
    /link type 147 .*"options\.filter".*does not read the packet/,
  );
  expect(read('', 147, bytes).found).toEqual([0]);
  expect(read('greater 40', 147, bytes).found).toEqual([0]);
});

test('a filter can test the direction of a packet in pcapng', () => {
  const chunks: Uint8Array[] = [];
  const writer = new p.PcapngWriter((bytes) => void chunks.push(bytes));
  writer.addInterface({ linktype: p.LINKTYPE_ETHERNET, snaplen: 0 });
  for (const flags of [1, 2]) writer.write({ timestamp: 0n, data: frame(80), flags });
  const given = new p.CaptureReader({ filter: 'outbound' });
  expect(chunks.flatMap((chunk) => given.push(chunk)).map(({ flags }) => flags)).toEqual([2]);
});

test.each<[unknown, RegExp]>([
  ['tcp port', /"options\.filter".*is missing before the end/],
  ['nonsense', /"options\.filter".*'nonsense'/],
  [5, /"options\.filter"/],
  [null, /"options\.filter"/],
  [{ word: 'nothing' }, /"options\.filter"/],
  [{ word: 'port' }, /"options\.filter" property must be text in the syntax of pcap-filter/],
  [[{ code: 70000, jt: 0, jf: 0, k: 0 }], /"options\.filter\.code" property must be an integer/],
  ['2\n6 0 0 0', /"options\.filter".*whole/],
])('%j is rejected with the name of the option, before anything is opened', (filter, reason) => {
  expect(() => p.openCapture({ filter: filter as never })).toThrow(reason);
  expect(() => new p.CaptureReader({ filter: filter as never })).toThrow(reason);
});

test('a capture compiles text for its interface and rejects a program for another link type', async (context) => {
  need(context, packetSockets);
  const options = { interface: 'lo', immediate: true, snaplen: 43, loopbackTwice: true };
  const capture = p.openCapture({ filter: 'udp dst port 40999', ...options });
  onTestFinished(() => capture.close());
  expect(s.getFilter(capture.fd)).toEqual(p.compileFilter(p.parseFilter('udp dst port 40999'), { snaplen: 43 }));
  const sender = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  for (const port of [40998, 40999]) s.sendto(sender, 'hello', 0, { family: s.AF_INET, address: '127.0.0.1', port });
  for await (const packet of capture) {
    expect(new p.PacketView().of(packet.data).destinationPort).toBe(40999);
    break;
  }
  for (const filter of ['tcp && udp', 'ip and not ip', 'port 80 and not port 80', p.match.or()]) {
    expect(() => p.openCapture({ interface: 'lo', filter })).toThrow(/"options\.filter".*rejects all packets/);
  }
  expect(() => p.openCapture({ interface: 'lo', filter: 'ip and len > 100 and len < 50' })).toThrow(
    "rejects all packets: 'len < 50' contradicts 'len > 100'\n" +
      '  ip and len > 100 and len < 50\n' +
      '                       ^',
  );
  const program = p.compileFilter(p.match.port(80), misnamed);
  expect(() => p.openCapture({ interface: 'lo', filter: program })).toThrow(
    /"options\.filter".*link type 1, not for 101/,
  );
});

test('ether proto with a number up to 1500 is the service access point of an 802.2 frame', (context) => {
  const spanningTree = Buffer.from('0180c200000000112233445500264242030000', 'hex');
  const accepts = (text: string, bytes: Uint8Array) => p.offlineFilter(p.compileFilter(p.parseFilter(text)))(bytes) > 0;
  expect(accepts('ether proto 0x42', spanningTree)).toBe(true);
  expect(accepts('ether proto 0x26', spanningTree)).toBe(false);
  need(context, tcpdumpCompiles);
  const links = { EN10MB: p.LINKTYPE_ETHERNET, LINUX_SLL: p.LINKTYPE_LINUX_SLL, LINUX_SLL2: p.LINKTYPE_LINUX_SLL2 };
  for (const [name, linktype] of Object.entries(links)) {
    const { etherType, network: at } = {
      1: { etherType: 12, network: 14 },
      113: { etherType: 14, network: 16 },
      276: { etherType: 0, network: 20 },
    }[linktype]!;
    const packets = [0, 1, 4, 0x26, 0x42, 0xe0, 1500, 1501, 0x8137].flatMap((type) =>
      ['424203', 'e0e003', 'ffff03', 'f0f003', 'fefe03', 'fe4203', 'aaaa030000008137', 'aaaa030000000800'].map(
        (llc) => {
          const bytes = Buffer.alloc(60);
          bytes.writeUInt16BE(type, etherType);
          bytes.write(llc, at, 'hex');
          return bytes;
        },
      ),
    );
    for (const number of [0, 1, 4, 0x26, 0x42, 0xe0, 0xf0, 0xfe, 255]) {
      const ours = p.offlineFilter(p.compileFilter(p.match.etherProto(number), { linktype }));
      const program = tcpdump(`ether proto ${number}`, '-ddd', '-y', name)!;
      const theirs = p.offlineFilter(program);
      for (const bytes of packets)
        expect([name, number, bytes.toString('hex'), ours(bytes)]).toEqual([
          name,
          number,
          bytes.toString('hex'),
          theirs(bytes),
        ]);
    }
  }
});
