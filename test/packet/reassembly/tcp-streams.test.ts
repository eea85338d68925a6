import { createHash } from 'node:crypto';
import { once } from 'node:events';
import net from 'node:net';
import { expect, test } from 'vitest';
import * as p from '../../../lib/packet/index.ts';
import { cleanup } from '../../helpers/fds.ts';
import { Chance } from '../../helpers/fragments.ts';
import { need, packetSockets, program } from '../../helpers/need.ts';
import { captured, events, type Sent, Session, type Side, session, told } from '../../helpers/tcp-sessions.ts';
import { pcapOf, tshark } from '../../helpers/tshark.ts';

/** Both directions as a short text, so that differences can be read. */
const both = (client: Uint8Array, server: Uint8Array) =>
  [client, server].map((bytes) => `${bytes.length} ${createHash('sha1').update(bytes).digest('base64')}`).join(', ');

/** Both directions of each connection, by its ends; a gap is written as in tshark. */
function byStream(all: readonly p.TcpEvent[]): Map<string, string> {
  const text = new Map<p.TcpStream, Record<Side, Buffer[]>>();
  for (const event of all) {
    if (event.type === 'open') text.set(event.stream, { client: [], server: [] });
    if (event.type === 'data') text.get(event.stream)![event.from].push(Buffer.from(event.data));
    if (event.type === 'gap') {
      text.get(event.stream)![event.from].push(Buffer.from(`[${event.length} bytes missing in capture file]\0`));
    }
  }
  return new Map(
    [...text].map(([{ client, server }, { client: c, server: s }]) => [
      `${client.address} ${client.port} ${server.address} ${server.port}`,
      both(Buffer.concat(c), Buffer.concat(s)),
    ]),
  );
}

/** The same by tshark. */
function follow(file: string, count: number): Map<string, string> {
  const taps = Array.from({ length: count }, (_, i) => ['-z', `follow,tcp,raw,${i}`]).flat();
  const reassembly = ['-o', 'tcp.desegment_tcp_streams:TRUE', '-o', 'tcp.analyze_sequence_numbers:TRUE'];
  const output = tshark(file, '-q', ...reassembly, ...taps);
  const found = new Map<string, string>();
  for (const [, a, b, body] of output.matchAll(/Node 0: (\S+)\nNode 1: (\S+)\n([^=]*)=/g)) {
    const ends = (text: string) => text.replace(/^\[?(.*?)\]?:(\d+)$/, '$1 $2');
    const lines = body!.split('\n').filter((line) => line !== '');
    const of = (second: boolean) =>
      Buffer.from(
        lines
          .filter((line) => line.startsWith('\t') === second)
          .join('')
          .replaceAll('\t', ''),
        'hex',
      );
    found.set(`${ends(a!)} ${ends(b!)}`, both(of(false), of(true)));
  }
  return found;
}

/** What one end sent before the other did, in another order. */
function shuffledTurns(list: readonly Sent[], chance: Chance): Sent[] {
  const turns: Sent[][] = [];
  for (const [i, one] of list.entries()) {
    if (list[i - 1]?.from === one.from) turns.at(-1)!.push(one);
    else turns.push([one]);
  }
  return turns.flatMap((turn) => chance.shuffled(turn));
}

/** Interleaves packets of many connections, the data of each in another order, some twice; handshakes stay in order. */
function mixed(sessions: readonly Session[], chance: Chance, order: (list: Sent[]) => Sent[]): Uint8Array[] {
  const lists = sessions.map(({ sent }) => {
    const rest = sent.slice(3).flatMap((one) => (chance.below(10) === 0 ? [one, one] : [one]));
    return [...sent.slice(0, 3), ...order(rest)];
  });
  const out: Uint8Array[] = [];
  for (
    let open = lists.filter((list) => list.length > 0);
    open.length > 0;
    open = open.filter((list) => list.length > 0)
  ) {
    out.push(open[chance.below(open.length)]!.shift()!.data);
  }
  return out;
}

const widths = process.env.STRESS_REASSEMBLY === undefined ? [1, 16, 300] : [1, 16, 300, 1000];

test.each(widths)('%i connections, shuffled, repeated, overlapping and wrapping, are what was sent', async (width) => {
  const chance = new Chance(width);
  const sessions = Array.from({ length: width }, (_, i) => session(i, chance));
  const all = await events(captured(mixed(sessions, chance, (list) => chance.shuffled(list, 6))));
  const found = [...byStream(all).values()].sort();
  const sent = sessions
    .map(({ streams: { client, server } }) => both(Uint8Array.from(client), Uint8Array.from(server)))
    .sort();
  expect(found).toEqual(sent);
  const count = (type: string) => all.filter((event) => event.type === type).length;
  expect([count('open'), count('gap'), count('end'), count('close')]).toEqual([width, 0, 2 * width, width]);
  expect(all.filter((event) => event.type === 'close').every(({ reason }) => reason === 'fin')).toBe(true);
});

test('tshark returns the same streams: repeated, overlapping and wrapping, in order and out of order', async (context) => {
  need(context, program('tshark'));
  const width = process.env.STRESS_REASSEMBLY === undefined ? 20 : 1000;
  for (const isInOrder of [true, false]) {
    const chance = new Chance(width);
    const sessions = Array.from({ length: width }, (_, i) => session(i, chance));
    // For an acknowledgment that precedes its data, tshark reports missing data: directions stay in turns.
    const packets = mixed(sessions, chance, (list) => (isInOrder ? list : shuffledTurns(list, chance)));
    expect(byStream(await events(captured(packets)))).toEqual(follow(pcapOf(packets), width));
  }
});

test('real connections: captured as they are, and shuffled', async (context) => {
  need(context, packetSockets, program('tshark'));
  const chance = new Chance(5);
  const server = net.createServer((socket) => socket.pipe(socket)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  const capture = p.openCapture({ interface: 'lo', filter: `tcp port ${port}`, immediate: true });
  cleanup(capture.fd);
  const sent = Array.from({ length: 16 }, () => Buffer.from(chance.bytes(1 + chance.below(100_000))));
  const done = sent.map(async (data) => {
    const socket = net.connect(port, '127.0.0.1');
    socket.end(data);
    for await (const chunk of socket) void chunk;
  });
  const packets: p.PacketCopy[] = [];
  const copying = (async function* () {
    for await (const packet of capture) {
      packets.push(packet.copy());
      yield packet;
    }
  })();
  const text = (all: readonly p.TcpEvent[]) => [...byStream(all).values()].sort();
  const all: p.TcpEvent[] = [];
  let closed = 0;
  for await (const event of p.tcpStreams(copying)) {
    all.push(event);
    if (event.type === 'close' && ++closed === sent.length) break;
  }
  await Promise.all(done);
  capture.close();
  server.close();
  const expected = sent.map((data) => both(data, data)).sort();
  expect(text(all)).toEqual(expected);
  expect(text(await events(packets))).toEqual(expected);
  expect(byStream(all)).toEqual(follow(pcapOf(packets.map(({ data }) => data)), sent.length));
  const begin = packets.findIndex(({ data }) => data.length > 100);
  const shuffled = [...packets.slice(0, begin), ...chance.shuffled(packets.slice(begin), 8)];
  expect(text(await events(shuffled)).length).toBe(expected.length);
});

test('bytes that the capture lost are reported with their number, as by tshark', async (context) => {
  need(context, program('tshark'));
  const one = new Session(0).handshake();
  one.say('client', 'first ');
  const lost = one.say('client', 'second ');
  one.say('client', 'third ');
  one.push('server', 0, one.ack('server', 19));
  one.say('server', 'answer');
  one.say('client', 'fourth');
  one.goodbye();
  const kept = one.sent.filter((sent) => sent !== lost);
  expect(await told(kept)).toEqual(['open', 'c:first ', 's:answer', 's.', 'c-7', 'c:third ', 'c:fourth', 'c.', 'end']);
  const packets = kept.map(({ data }) => data);
  expect(byStream(await events(captured(packets)))).toEqual(follow(pcapOf(packets), 1));
});

test('what follows an IPv6 header whose length is 0 is no segment, as for tshark, unless the packet is too long for it', async (context) => {
  need(context, program('tshark'));
  const ends = { sourceAddress: '2001:db8::1', destinationAddress: '2001:db8::2' };
  const empty = (layers: p.LayerInput[], length: number) =>
    p.encodePacket([
      p.ipv6({ ...ends, payloadLength: 0 }),
      ...layers,
      p.tcp({ sourcePort: 40000, destinationPort: 80, ack: true }),
      new Uint8Array(length),
    ]);
  const jumbo = p.hopByHop({ options: [{ name: 'jumboPayload', jumboPayloadLength: 8 + 20 + 70_000 }] });
  const bytesOf = async (packet: Uint8Array) => {
    const all = [];
    for await (const event of p.tcpStreams([{ data: packet, linktype: p.LINKTYPE_RAW }])) all.push(event);
    return all.flatMap((event) => (event.type === 'data' ? [event.data.length] : []));
  };
  const short = empty([], 100);
  expect(await bytesOf(short)).toEqual([]);
  expect(p.findLayer(p.decodePacket(short, { first: 'ip' }), 'tcp')).toBeUndefined();
  const ethernet = p.ethernet({ destination: '02:00:00:00:00:02', source: '02:00:00:00:00:01', etherType: 0x86dd });
  const path = pcapOf([p.encodePacket([ethernet, short])]);
  expect(tshark(path, '-T', 'fields', '-e', 'tcp.len').trim()).toBe('');
  expect(await bytesOf(empty([], 70_000))).toEqual([70_000]);
  expect(await bytesOf(empty([jumbo], 70_000))).toEqual([70_000]);
});
