/** How `tcpStreams` handles contradicting segments, attacks, and connections that are captured in part. */
import { expect, test } from 'vitest';
import * as p from '../../../lib/packet/index.ts';
import { Chance } from '../../helpers/fragments.ts';
import { captured, events, type Sent, Session, session, told } from '../../helpers/tcp-sessions.ts';

/** A connection after its handshake, and its segments. */
function begun(first?: Session['first']) {
  const one = new Session(0, first).handshake();
  const c = (offset: number, data: string, fields: Partial<p.TcpFields> = { ack: true }) =>
    one.segment('client', offset, fields, data);
  const s = (offset: number, data: string, fields: Partial<p.TcpFields> = { ack: true }) =>
    one.segment('server', offset, fields, data);
  return { one, c, s, run: (...list: Sent[]) => told([...one.sent, ...list]) };
}

test('if bytes arrive twice, the first ones are used', async () => {
  const { c, run } = begun();
  expect(await run(c(0, 'abcdef'), c(3, 'XYZghi'))).toEqual(['open', 'c:abcdef', 'c:ghi', 'end']);
  expect(await run(c(3, 'def'), c(0, 'ABCXYZGHI'))).toEqual(['open', 'c:ABC', 'c:def', 'c:GHI', 'end']);
  expect(await run(c(2, 'cd'), c(6, 'gh'), c(0, 'ABCDEFGHIJ'))).toEqual([
    ...['open', 'c:AB', 'c:cd', 'c:EF', 'c:gh', 'c:IJ', 'end'],
  ]);
  expect(await run(c(4, 'e'), c(2, 'CDEF'), c(1, 'BCDEFG'), c(0, 'a'))).toEqual([
    ...['open', 'c:a', 'c:B', 'c:CD', 'c:e', 'c:F', 'c:G', 'end'],
  ]);
  expect(await run(c(0, 'abc'), c(0, 'XYZ'), c(1, 'Y'))).toEqual(['open', 'c:abc', 'end']);
});

test('sequence numbers wrap within a segment, between two, and at FIN', async () => {
  const { c, run } = begun({ client: 0xfffffffb, server: 0xffffffff });
  expect(await run(c(6, 'ghi', { ack: true, fin: true }), c(2, 'cdef'), c(0, 'ab'))).toEqual([
    ...['open', 'c:ab', 'c:cdef', 'c:ghi', 'c.', 'end'],
  ]);
});

test('keep-alive and window probes deliver nothing twice', async () => {
  const { c, run } = begun();
  expect(await run(c(0, 'abc'), c(2, ''), c(2, '\0'), c(3, 'd'), c(3, 'def'))).toEqual([
    ...['open', 'c:abc', 'c:d', 'c:ef', 'end'],
  ]);
});

test('a RST is accepted if its number is exactly the next one, not if it is only within the window', async () => {
  const { one, c, s, run } = begun();
  const rst = (offset: number) => c(offset, '', { rst: true });
  expect(await run(c(0, 'abc'), rst(3), c(3, 'late'))).toEqual(['open', 'c:abc', 'reset']);
  expect(await run(c(0, 'abc'), rst(4), rst(2), rst(1000), c(3, 'def'))).toEqual(['open', 'c:abc', 'c:def', 'end']);
  // The RST follows all captured data, and is at the sequence number that the other end expects.
  expect(await run(c(3, 'def'), rst(6))).toEqual(['open', 'c-3', 'c:def', 'reset']);
  expect(await run(s(0, '', one.ack('server', 9)), rst(9))).toEqual(['open', 'reset']);
  // For a refused SYN: the RST acknowledges it.
  const [syn] = one.sent;
  const refusal = (acknowledgmentNumber: number) => s(-1, '', { rst: true, ack: true, acknowledgmentNumber });
  expect(await told([syn!, refusal(1001)])).toEqual(['open', 'reset']);
  expect(await told([syn!, refusal(1002)])).toEqual(['open', 'end']);
});

test('a FIN ends its direction; data that overlaps or follows it is ignored', async () => {
  const { c, s, run } = begun();
  const fin = (offset: number, data = '') => c(offset, data, { ack: true, fin: true });
  expect(await run(fin(0, 'abc'), c(3, 'more'), c(1, 'bcde'))).toEqual(['open', 'c:abc', 'c.', 'end']);
  expect(await run(fin(3), c(0, 'abcde'))).toEqual(['open', 'c:abc', 'c.', 'end']);
  expect(await run(c(5, 'fgh'), fin(3), c(0, 'abcde'))).toEqual(['open', 'c:abc', 'c.', 'end']);
  // A FIN that nobody sent and that is far ahead does not keep the stream from going on, or from ending.
  expect(await run(fin(900), c(0, 'abc'), fin(3), s(0, '', { ack: true, fin: true }))).toEqual([
    ...['open', 'c:abc', 'c.', 's.', 'fin'],
  ]);
  // Half-closed: the other end continues.
  expect(await run(fin(0), s(0, 'still'), s(5, ' here'))).toEqual(['open', 'c.', 's:still', 's: here', 'end']);
});

test('a FIN whose data was lost ends the connection once it was acknowledged', async () => {
  const { one, c, s } = begun();
  const end = [c(0, 'abc'), c(9, '', { ack: true, fin: true })];
  const fin = s(0, '', { ...one.ack('server', 10), fin: true });
  expect(await told([...one.sent, ...end, fin, c(10, '')], { gapTimeout: 5 }, 10)).toEqual([
    ...['open', 'c:abc', 's.', 'c-6', 'c.', 'fin'],
  ]);
  const forged = [...end, s(0, 'x'), s(1, 'y'), c(3, 'def')];
  expect(await told([...one.sent, ...forged], { gapTimeout: 5 }, 10)).toEqual([
    ...['open', 'c:abc', 's:x', 's:y', 'c:def', 'c-3', 'c.', 'end'],
  ]);
});

test('a SYN on a connection is accepted if it is answered: reused ports, and forged SYNs', async () => {
  const { one, c, run } = begun();
  const again = new Session(0, { client: 700_000, server: 900_000 });
  again.handshake().say('client', 'second');
  const [syn, answer] = again.sent;
  expect(await run(c(0, 'first'), ...again.sent)).toEqual(['open', 'c:first', 'reuse', 'open', 'c:second', 'end']);
  expect(await run(c(0, 'ab'), syn!, c(2, 'cd'))).toEqual(['open', 'c:ab', 'c:cd', 'end']);
  expect(await run(c(0, 'ab'), answer!, c(2, 'cd'))).toEqual(['open', 'c:ab', 'c:cd', 'end']);
  // Nobody answered the first one.
  expect(await told([one.sent[0]!, one.sent[0]!, ...again.sent])).toEqual(['open', 'reuse', 'open', 'c:second', 'end']);
  // Immediately after both FINs.
  const whole = new Session(0).handshake();
  whole.say('client', 'first');
  whole.goodbye();
  expect(await told([...whole.sent, ...again.sent])).toEqual([
    ...['open', 'c:first', 'c.', 's.', 'fin', 'open', 'c:second', 'end'],
  ]);
});

test('late packets of a closed connection are ignored for a minute', async () => {
  const one = new Session(0).handshake();
  const data = one.say('client', 'data');
  one.goodbye();
  const late = [...one.sent, data, one.sent.at(-2)!, one.sent[0]!];
  const closed = ['open', 'c:data', 'c.', 's.', 'fin'];
  expect(await told(late)).toEqual(closed);
  expect(await told([...one.sent, data], {}, 61_000)).toEqual([...closed, 'open', 'c:data', 'end']);
});

test('an existing connection begins with its first data; a lone ACK, FIN or RST opens none', async () => {
  const { c, s } = begun();
  const lone = [c(0, ''), c(0, '', { rst: true }), c(0, '', { ack: true, fin: true })];
  expect(await told(lone)).toEqual([]);
  const [event] = await events(captured([s(5, 'hello').data]));
  expect(event).toMatchObject({ type: 'open', stream: { id: 0, handshake: false, client: { port: 80 } } });
  expect(await told([c(7, 'abc'), s(9, 'def'), c(0, 'before'), s(20, 'x')])).toEqual([
    ...['open', 'c:abc', 's:def', 's-8', 's:x', 'end'],
  ]);
});

test('a connection whose SYN was lost is recognized by the answer', async () => {
  const one = new Session(0).handshake();
  one.say('client', 'abc');
  const all = await events(captured(one.sent.slice(1).map(({ data }) => data)));
  expect(all[0]).toMatchObject({ stream: { handshake: false, client: { port: 40000 }, server: { port: 80 } } });
  expect(all[1]).toMatchObject({ type: 'data', from: 'client', offset: 0 });
  const whole = await events(captured(one.sent.map(({ data }) => data)));
  expect(whole[0]).toMatchObject({ type: 'open', stream: { handshake: true }, timestamp: 0n });
  expect(whole.at(-1)).toMatchObject({ type: 'close', reason: 'end', timestamp: 3_000_000n });
});

test('data with the SYN: TCP Fast Open', async () => {
  const one = new Session(0);
  one.push('client', 0, { syn: true }, 'early ');
  one.push('server', 0, { syn: true, ...one.ack('server', 6) });
  one.push('client', 6, one.ack('client', 0), 'later');
  expect(await told(one.sent)).toEqual(['open', 'c:early ', 'c:later', 'end']);
});

test('a segment that the capture truncated: missing bytes are reported at once', async () => {
  const { one, c } = begun();
  const cut = c(0, 'abcdef');
  const packets = captured([...one.sent.map(({ data }) => data), cut.data.subarray(0, -4), c(6, 'ghi').data]);
  const all = await events(packets);
  expect(all.slice(1, 4)).toMatchObject([
    { type: 'data', offset: 0 },
    { type: 'gap', offset: 2, length: 4 },
    { type: 'data', offset: 6 },
  ]);
});

test('memory is limited per connection and in total: missing bytes are reported, and the rest is delivered', async () => {
  const { one, c } = begun();
  const many = Array.from({ length: 100 }, (_, i) => c(10 + 2 * i, 'x'));
  const words = await told([...one.sent, ...many, c(0, 'late')], { maxBytesPerStream: 5000 });
  expect(words.slice(0, 4)).toEqual(['open', 'c-10', 'c:x', 'c-1']);
  expect(words.filter((word) => word === 'c:x')).toHaveLength(100);
  expect(words).not.toContain('c:late');
  expect(await told([...one.sent, c(5, 'x')], { maxBytesPerStream: 0 })).toEqual(['open', 'c-5', 'c:x', 'end']);
  const sessions = Array.from({ length: 50 }, (_, i) => new Session(i).handshake());
  const holes = sessions.flatMap((session) => [...session.sent, session.segment('client', 3, { ack: true }, 'data')]);
  const all = await events(captured(holes.map(({ data }) => data)), { maxBytes: 2040 });
  const firstClose = all.findIndex(({ type }) => type === 'close');
  expect(all.slice(0, firstClose).filter(({ type }) => type === 'gap')).toHaveLength(40);
  expect(all.filter(({ type }) => type === 'gap')).toHaveLength(50);
});

test('missing bytes are given up after a timeout measured by the packets', async () => {
  const { one, c } = begun();
  const list = [...one.sent, c(3, 'def'), c(6, 'ghi'), c(0, 'abc')];
  expect(await told(list, { gapTimeout: 100 }, 50)).toEqual(['open', 'c:abc', 'c:def', 'c:ghi', 'end']);
  expect(await told(list, { gapTimeout: 40 }, 50)).toEqual(['open', 'c-3', 'c:def', 'c:ghi', 'end']);
});

test('the number of connections is limited: an idle one is closed, not an active one', async () => {
  const used = new Session(0).handshake();
  const list: Sent[] = [...used.sent];
  for (let i = 1; i < 200; i++) {
    list.push(new Session(i).segment('client', 0, { syn: true }));
    list.push(used.say('client', 'x'));
  }
  const all = await events(captured(list.map(({ data }) => data)), { maxStreams: 10 });
  expect(all.filter((event) => event.type === 'close' && event.reason === 'memory')).toHaveLength(190);
  expect(all.filter((event) => event.type === 'data' && event.stream.id === 0)).toHaveLength(199);
});

test('the connection that was idle longest is closed, also if it was used before the limit came near', async () => {
  const [first, second, ...others] = [0, 1, 2, 3, 4].map((i) => new Session(i).segment('client', 0, { syn: true }));
  const active = new Session(0);
  const list = [first!, second!, ...active.handshake().sent, ...others];
  const all = await events(captured(list.map(({ data }) => data)), { maxStreams: 4 });
  const closed = all.filter((event) => event.type === 'close' && event.reason === 'memory');
  expect(closed.map(({ stream }) => stream.id)).toEqual([1]);
});

test('a flood of mutated segments causes no exception and delivers only what was sent, in order', async () => {
  const runs = 10 * Number(process.env.STRESS_REASSEMBLY ?? 1);
  const chance = new Chance(77);
  for (let i = 0; i < runs; i++) {
    const sessions = Array.from({ length: 10 }, (_, n) => session(n, chance));
    const packets = chance.shuffled(sessions.flatMap(({ sent }) => sent.map(({ data }) => data))).map((data) => {
      const changed = data.slice(0, chance.below(10) === 0 ? chance.below(data.length) : data.length);
      for (let n = chance.below(3); n > 0; n--) changed[14 + chance.below(60)] = chance.below(256);
      return changed;
    });
    const options = { maxBytes: 20_000, maxBytesPerStream: 5_000, maxStreams: 8, gapTimeout: 200 };
    const open = new Map<p.TcpStream, Record<'client' | 'server', number>>();
    for await (const event of p.tcpStreams(captured(packets, 10), options)) {
      if (event.type === 'open') open.set(event.stream, { client: 0, server: 0 });
      const offsets = open.get(event.stream)!;
      if (event.type === 'close') open.delete(event.stream);
      if (event.type !== 'data' && event.type !== 'gap') continue;
      expect(event.offset).toBe(offsets[event.from]);
      offsets[event.from] += event.type === 'data' ? event.data.length : event.length;
    }
    expect(open.size).toBe(0);
  }
});

test('invalid options are rejected at once', () => {
  expect(() => p.tcpStreams(5 as never)).toThrow('"source"');
  expect(() => p.tcpStreams([], { maxStreams: 0 })).toThrow('"options.maxStreams"');
  expect(() => p.tcpStreams([], { gapTimeout: Number.NaN })).toThrow('"options.gapTimeout"');
  expect(() => p.tcpStreams([], { maxByte: 5 } as never)).toThrow('"options.maxBytes"');
});
