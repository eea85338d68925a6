import { decode, encode } from 'dns-packet';
import { expect, onTestFinished, test } from 'vitest';
import * as s from '../../../lib/index.ts';
import * as p from '../../../lib/packet/index.ts';
import { loopback } from '../../helpers/fixtures.ts';
import { Chance } from '../../helpers/fragments.ts';
import { ipv6, need, packetSockets, rawSockets } from '../../helpers/need.ts';
import { patient } from '../../helpers/programs.ts';
import { unixPair } from '../../helpers/sockets.ts';

/** A Socket that is closed when the test ends. */
function opened(...args: ConstructorParameters<typeof s.Socket>): s.Socket {
  const socket = new s.Socket(...args);
  onTestFinished(() => socket.close());
  return socket;
}

const to = (address = '127.0.0.1', port = 0) => ({ family: s.AF_INET, address, port }) as const;
const echo = (identifier: number, sequenceNumber: number, address?: string) => ({
  layers: [p.icmp({ type: s.ICMP_ECHO, identifier, sequenceNumber }), 'data'],
  to: to(address),
});

async function all<T>(outcomes: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const outcome of outcomes) list.push(outcome);
  return list;
}

/** A datagram socket that answers whatever it receives. */
function responder(answer: (data: Buffer, count: number) => (Uint8Array | string)[]) {
  const socket = opened(s.AF_INET, s.SOCK_DGRAM);
  socket.bind(loopback);
  let count = 0;
  const done = (async () => {
    for await (const { data, address } of socket.datagrams(65536)) {
      for (const one of answer(data, count++)) await socket.sendto(one, 0, address!);
    }
  })();
  done.catch(() => {});
  return { socket, address: socket.getsockname() as s.InetAddress };
}

test('echoes of a raw socket, many at once: each answer belongs to its request', async (context) => {
  need(context, rawSockets);
  const socket = opened(s.AF_INET, s.SOCK_RAW, s.IPPROTO_ICMP);
  socket.setsockopt(s.SOL_SOCKET, s.SO_RCVBUF, 1 << 20);
  const requests = Array.from({ length: 100 }, (_, i) => echo(i % 7, i, `127.0.0.${1 + (i % 5)}`));
  const outcomes = await all(p.exchange(socket, requests, { timeout: 60_000 }));
  expect(outcomes.map(({ index }) => index).sort((a, b) => a - b)).toEqual(requests.map((_, i) => i));
  for (const outcome of outcomes) {
    if (!outcome.answered) throw new Error(`${outcome.index} is not answered`);
    const { type, identifier, sequenceNumber } = p.findLayer(outcome.packet, 'icmp')!;
    const [asked] = requests[outcome.index]!.layers as [p.IcmpInput];
    expect({ type, identifier, sequenceNumber }).toEqual({ ...asked, type: s.ICMP_ECHOREPLY, layer: undefined });
    expect(outcome).toMatchObject({
      from: requests[outcome.index]!.to.address,
      attempts: 1,
      error: undefined,
      duplicate: false,
    });
    expect(outcome.request).toBe(requests[outcome.index]);
    expect(outcome.roundTrip).toBeGreaterThanOrEqual(0);
  }
});

test('a second simultaneous exchange on a socket is rejected, because each would take the answers of the other', async () => {
  const { address } = responder((data) => [data]);
  const socket = opened(s.AF_INET, s.SOCK_DGRAM);
  const other = opened(s.AF_INET, s.SOCK_DGRAM);
  const request = { layers: ['question'], to: address };
  const [first, second, third] = await Promise.allSettled(
    [socket, socket, other].map((through) => p.exchangeOne(through, request, { timeout: 60_000 })),
  );
  expect(first).toMatchObject({ status: 'fulfilled', value: { answered: true } });
  expect(second).toMatchObject({ status: 'rejected', reason: { name: 'BusyError', code: 'ERR_SOCKET_BUSY' } });
  expect(third).toMatchObject({ status: 'fulfilled', value: { answered: true } });
  expect(await p.exchangeOne(socket, request, { timeout: 60_000 })).toMatchObject({ answered: true });
});

test('an unanswered request is reported after its retries', async () => {
  const asked: string[] = [];
  const { socket: silent, address } = responder((data) => {
    asked.push(data.toString());
    return [];
  });
  const socket = opened(s.AF_INET, s.SOCK_DGRAM);
  const request = { layers: ['question'], to: address, tag: 'first' };
  const outcomes = await all(p.exchange(socket, [request], { timeout: 20, retries: 2 }));
  expect(outcomes).toEqual([{ answered: false, request, index: 0, attempts: 3, failure: undefined }]);
  expect(await p.exchangeOne(socket, request, { timeout: 1 })).toBe(undefined);
  await expect.poll(() => asked, { timeout: 60_000 }).toEqual(Array(4).fill('question'));
  silent.close();
});

test('a retry is answered, and counted', async () => {
  const { address } = responder((_data, count) => (count < 2 ? [] : ['answer']));
  const socket = opened(s.AF_INET, s.SOCK_DGRAM);
  const answer = await p.exchangeOne(socket, { layers: ['question'], to: address }, { timeout: 50, retries: 1000 });
  expect(answer?.attempts).toBeGreaterThan(2);
  expect(answer).toMatchObject({ answered: true, from: `${address.address} ${address.port}`, error: undefined });
  expect(Buffer.from(answer!.data).toString()).toBe('answer');
});

test('if a host answers several times, the first answer counts, or all with `multiple`', async () => {
  const { address } = responder(() => ['one', 'two', 'three']);
  const socket = opened(s.AF_INET, s.SOCK_DGRAM);
  const request = { layers: ['question'], to: address };
  const outcomes = [];
  for await (const outcome of p.exchange(socket, [request], { timeout: 60_000, multiple: true })) {
    outcomes.push(outcome);
    if (outcomes.length === 3) break;
  }
  expect(outcomes.map((one) => one.answered && one.duplicate)).toEqual([false, true, true]);
  // Its remaining answers do not count as answers to another request.
  const other = responder(() => ['other']);
  const answer = await p.exchangeOne(socket, { layers: ['?'], to: other.address }, { timeout: 60_000 });
  expect(Buffer.from(answer!.data).toString()).toBe('other');
});

test('the answer belongs to its request however the destination is spelled, also if it stands for this host', async (context) => {
  need(context, ipv6);
  const hosts = [
    [s.AF_INET, '0.0.0.0', ['127.0.0.1', '0.0.0.0']],
    [s.AF_INET6, '::', ['::1', '0:0:0:0:0:0:0:1', '::0001', '::', '0::0', '::ffff:127.0.0.1', '::FFFF:7F00:1']],
  ] as const;
  for (const [family, any, addresses] of hosts) {
    const host = opened(family, s.SOCK_DGRAM);
    host.bind({ family, address: any, port: 0 } as s.AddressLike);
    const done = (async () => {
      for await (const { data, address } of host.datagrams(100)) await host.sendto(data, 0, address!);
    })();
    done.catch(() => {});
    const { port } = host.getsockname() as s.InetAddress;
    for (const address of addresses) {
      const socket = opened(family, s.SOCK_DGRAM);
      const request = { layers: ['question'], to: { family, address, port } as s.AddressLike };
      expect(await p.exchangeOne(socket, request, { timeout: 20_000 }), address).toMatchObject({ answered: true });
    }
  }
});

test('a request that is answered while it waits to be sent again is not sent, and its exchange ends', async () => {
  const timeout = 50;
  type Decoded = p.DecodedPacket<p.OwnLayer>;
  const text = ({ layers }: Decoded) => Buffer.from((layers[0] as p.Payload).data).toString();
  const answers = (request: Decoded, packet: Decoded) => text(request) === text(packet);
  /** The rate keeps the packets apart: one, two, one again, three, two again. Two is answered after it timed out. */
  const run = async (multiple: boolean, whenSentAgain: boolean) => {
    const asked: string[] = [];
    const host = opened(s.AF_INET, s.SOCK_DGRAM);
    host.bind(loopback);
    const done = (async () => {
      for await (const { data, address } of host.datagrams(100)) {
        const answer = () => host.sendto('two', 0, address!);
        if (asked.push(data.toString()) === 3 && whenSentAgain) await answer();
        else if (asked.length === 2 && !whenSentAgain) setTimeout(answer, 2 * timeout);
      }
    })();
    done.catch(() => {});
    const requests = ['one', 'two', 'three'].map((data) => ({ layers: [data], to: host.getsockname()! }));
    const options = { timeout, retries: 1, rate: 2, multiple, answers };
    const outcomes = await all(p.exchange(opened(s.AF_INET, s.SOCK_DGRAM), requests, options));
    const sorted = outcomes.sort((a, b) => a.index - b.index);
    expect(sorted).toMatchObject([{ answered: false }, { answered: true, attempts: 1 }, { answered: false }]);
    expect(asked.filter((one) => one === 'two')).toEqual(['two']);
  };
  await Promise.all([run(false, false), run(false, true), run(true, false), run(true, true)]);
});

const dns = p.defineLayer({
  name: 'dns',
  udpPort: 53,
  decode: (bytes) => ({ fields: decode(Buffer.from(bytes)) }),
  encode: (fields) => encode(fields),
  answers: (request, answer) => answer.type === 'response' && answer.id === request.id,
});
const EMPTY = decode(encode({}));
const query = (id: number) => dns({ ...EMPTY, type: 'query', id, questions: [{ type: 'A', name: 'example.com' }] });
const response = (id: number) =>
  encode({ type: 'response', id, answers: [{ type: 'A', name: 'a', data: '192.0.2.1' }] });

test('a layer of the program recognizes its answers', async (context) => {
  need(context, rawSockets);
  const server = opened(s.AF_INET, s.SOCK_DGRAM);
  server.bind({ family: s.AF_INET, address: '127.0.0.53', port: 53 });
  const raw = opened(s.AF_INET, s.SOCK_RAW, s.IPPROTO_UDP);
  const keeper = opened(s.AF_INET, s.SOCK_DGRAM); // reserves its port, so that nothing else answers
  keeper.bind(loopback);
  const { port } = keeper.getsockname() as s.InetAddress;
  const ask = (id: number) => ({
    layers: [p.udp({ sourcePort: port, destinationPort: 53 }), query(id)],
    pseudoHeader: { sourceAddress: '127.0.0.1', destinationAddress: '127.0.0.53' },
    to: to('127.0.0.53'),
  });
  const answering = (async () => {
    const asked = [];
    for await (const { data, address } of server.datagrams(65536)) {
      asked.push({ id: decode(data).id!, address: address! });
      if (asked.length < 2) continue;
      for (const { id, address: client } of [{ id: 99, address: address! }, ...asked.reverse()]) {
        await server.sendto(response(id), 0, client);
      }
      return;
    }
  })();
  const outcomes = await all(p.exchange(raw, [ask(7), ask(8)], { timeout: 60_000 }));
  await answering;
  expect(outcomes.map(({ index }) => index)).toEqual([1, 0]);
  for (const outcome of outcomes) {
    const found = outcome.answered
      ? p.findLayer(outcome.packet as p.DecodedPacket<p.LayerOf<typeof dns>>, dns)
      : undefined;
    expect(found).toMatchObject({ type: 'response', id: [7, 8][outcome.index] });
  }
});

test('the program recognizes answers to its bytes', async () => {
  const { address } = responder((data) => [`not ${data}`, `yes ${data}`]);
  const socket = opened(s.AF_INET, s.SOCK_DGRAM);
  const text = (packet: p.DecodedPacket) => Buffer.from(p.findLayer(packet, 'payload')!.data).toString();
  const answers = (request: p.DecodedPacket<p.OwnLayer>, packet: p.DecodedPacket) =>
    text(packet) === `yes ${text(request as p.DecodedPacket)}`;
  const requests = ['a', 'b', 'c'].map((name) => ({ layers: [name], to: address }));
  const outcomes = await all(p.exchange(socket, requests, { answers, timeout: 60_000 }));
  expect(outcomes.map((one) => one.answered && `${one.index} ${text(one.packet)}`).sort()).toEqual([
    ...['0 yes a', '1 yes b', '2 yes c'],
  ]);
});

test('a report of the error queue is about the request that it quotes', async () => {
  const free = opened(s.AF_INET, s.SOCK_DGRAM);
  free.bind(loopback);
  const closed = free.getsockname() as s.InetAddress;
  free.close();
  const { address } = responder(() => ['answer']);
  const socket = opened(s.AF_INET, s.SOCK_DGRAM);
  s.setOption(socket.fd, 'IP_RECVERR', true);
  const requests = [closed, address].map((where) => ({ layers: ['question'], to: where }));
  const outcomes = (await all(p.exchange(socket, requests, { timeout: 60_000 }))).sort((a, b) => a.index - b.index);
  expect(outcomes).toMatchObject([
    {
      answered: true,
      from: '127.0.0.1',
      error: { by: '127.0.0.1', type: s.ICMP_DEST_UNREACH, code: s.ICMP_PORT_UNREACH },
    },
    { answered: true, error: undefined },
  ]);
  expect(outcomes[0]).toMatchObject({ error: { errno: s.ECONNREFUSED, origin: s.SO_EE_ORIGIN_ICMP } });
});

test('timestamps and notices in the error queue are no answers, because they are no errors', async () => {
  const { address } = responder(() => ['answer']);
  const socket = opened(s.AF_INET, s.SOCK_DGRAM);
  socket.connect(address);
  s.setOption(socket.fd, 'SO_TIMESTAMPING', s.SOF_TIMESTAMPING_TX_SOFTWARE | s.SOF_TIMESTAMPING_SOFTWARE);
  const answer = await p.exchangeOne(socket, { layers: ['question'] }, { timeout: 60_000 });
  expect(answer).toMatchObject({ answered: true, error: undefined });
  expect(Buffer.from(answer!.data).toString()).toBe('answer');
});

test('a request that cannot be sent is reported, and the others are sent', async () => {
  const { address } = responder(() => ['answer']);
  const socket = opened(s.AF_INET, s.SOCK_DGRAM);
  const requests = [
    { layers: ['x'], to: to('127.255.255.255', 9) },
    { layers: ['x'], to: address },
  ]; // SO_BROADCAST is not set
  const outcomes = await all(p.exchange(socket, requests, { timeout: 60_000 }));
  expect(outcomes).toMatchObject([
    { index: 0, answered: false, failure: { code: 'EACCES' } },
    { index: 1, answered: true },
  ]);
  await expect(p.exchangeOne(socket, requests[0]!)).rejects.toThrow('EACCES');
  await expect(p.exchangeOne(socket, { layers: ['x'], to: { family: 1 } as never })).rejects.toThrow(TypeError);
});

test('requests come from a loop that controls the rate, and wait for room', async () => {
  let open = 0;
  let most = 0;
  const { address } = responder((data) => [data]);
  const socket = opened(s.AF_INET, s.SOCK_DGRAM);
  const requests = (async function* () {
    for (let i = 0; i < 20; i++) {
      most = Math.max(most, ++open);
      yield { layers: [String(i)], to: address, tag: i };
    }
  })();
  let answered = 0;
  for await (const outcome of p.exchange(socket, requests, { timeout: 60_000, concurrency: 3, rate: 1000 })) {
    open--;
    answered += outcome.answered ? 1 : 0;
  }
  expect(answered).toBe(20);
  expect(most).toBeLessThan(20);
  await expect(all(p.exchange(socket, failing()))).rejects.toThrow('of the requests');
});

async function* failing(): AsyncGenerator<p.ExchangeRequest> {
  yield { layers: ['x'], to: to('127.0.0.1', 9) };
  throw new Error('of the requests');
}

test('a signal, closing the socket and leaving the loop end the exchange', async () => {
  const { address } = responder(() => []);
  const socket = opened(s.AF_INET, s.SOCK_DGRAM);
  const controller = new AbortController();
  const request = { layers: ['question'], to: address };
  const waiting = all(p.exchange(socket, [request], { timeout: 1e9, signal: controller.signal }));
  controller.abort();
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' });
  expect(() => p.exchange(socket, [], { signal: controller.signal })).toThrow(s.AbortError);
  for await (const outcome of p.exchange(socket, [request, request], { timeout: 1 })) {
    expect(outcome.answered).toBe(false);
    break;
  }
  expect(await all(p.exchange(socket, []))).toEqual([]);
  const closing = all(p.exchange(socket, [request], { timeout: 1e9 }));
  setImmediate(() => socket.close());
  await expect(closing).rejects.toThrow(s.ClosedError);
});

test('leaving the loop ends the exchange when more outcomes wait than it keeps, and takes nothing more from the socket', async () => {
  const [socket, peer] = unixPair(s.SOCK_DGRAM);
  let answered = 0;
  const answering = (async () => {
    for (; ; answered++) await peer.send(await peer.recv());
  })();
  answering.catch(() => {});
  const requests = Array.from({ length: 5000 }, (_, i) => [String(i)]);
  for await (const outcome of p.exchange(socket, requests, { timeout: 1e9 })) {
    expect(outcome.answered).toBe(true);
    await expect.poll(() => answered, patient).toBeGreaterThan(1024);
    break;
  }
  expect(await all(p.exchange(socket, []))).toEqual([]);
});

/** Requests that nothing answers, through each kind of socket and through a capture. */
const silence: [string, () => Pick<s.Socket, 'close'>, p.ExchangeRequest][] = [
  [
    'a raw socket',
    () => new s.Socket(s.AF_INET, s.SOCK_RAW, s.IPPROTO_ICMP),
    { layers: [p.icmp({ type: s.ICMP_ECHO, identifier: 1 })], to: to() },
  ],
  ['a packet socket', packetSocket, link(40998)],
  ['a capture', () => p.openCapture({ interface: 'lo', immediate: true }), link(40998)],
  ['a capture without a ring', () => p.openCapture({ interface: 'lo', ringSize: 0 }), link(40998)],
];
function packetSocket(): s.Socket {
  const socket = new s.Socket(s.AF_PACKET, s.SOCK_RAW);
  socket.bind({ family: s.AF_PACKET, ifindex: s.if_nametoindex('lo'), protocol: s.ETH_P_ALL });
  return socket;
}
function link(destinationPort: number): p.ExchangeRequest {
  const addresses = { sourceAddress: '127.0.0.1', destinationAddress: '127.0.0.1' };
  const ethernet = p.ethernet({ destination: '00:00:00:00:00:00', source: '00:00:00:00:00:00' });
  const layers = [ethernet, p.ipv4(addresses), p.udp({ sourcePort: 40999, destinationPort }), 'x'];
  return { layers, to: { family: s.AF_PACKET, ifindex: s.if_nametoindex('lo'), protocol: s.ETH_P_IP } as never };
}

test.for(silence)(
  '%s that is closed before or during the exchange ends it with a ClosedError',
  async ([, open, one], context) => {
    need(context, rawSockets, packetSockets);
    const closed = { name: 'ClosedError', code: 'ERR_SOCKET_CLOSED' };
    const start = (answers: () => boolean, more: p.ExchangeOptions = {}) => {
      const through = open() as s.Socket;
      onTestFinished(() => through.close());
      return { through, run: () => p.exchange(through, [one], { timeout: 1e9, ...more, answers }) };
    };
    const before = start(() => false);
    before.through.close();
    await expect(all(before.run())).rejects.toMatchObject(closed);
    await expect(p.exchangeOne(before.through, one)).rejects.toMatchObject(closed);
    const called = start(() => false);
    const outcomes = called.run();
    called.through.close();
    await expect(all(outcomes)).rejects.toMatchObject(closed);
    const waiting = start(() => false);
    const end = all(waiting.run());
    setImmediate(() => waiting.through.close());
    await expect(end).rejects.toMatchObject(closed);
    // Between two attempts, and while the program looks at a packet that arrived.
    const again = start(() => false, { timeout: 5, retries: 1e6 });
    const retried = all(again.run());
    setTimeout(() => again.through.close(), 30);
    await expect(retried).rejects.toMatchObject(closed);
    const looking = start(() => {
      looking.through.close();
      return false;
    });
    const looked = all(looking.run());
    const sender = opened(s.AF_INET, s.SOCK_DGRAM);
    const traffic = setInterval(() => {
      sender.sendto('x', 0, to('127.0.0.1', 40997)).catch(() => {}); // nobody listens: lo and raw sockets receive both packets
    }, 5);
    onTestFinished(() => clearInterval(traffic));
    await expect(looked).rejects.toMatchObject(closed);
  },
);

test('a capture whose signal is aborted ends the exchange with the AbortError of the capture', async (context) => {
  need(context, packetSockets);
  const controller = new AbortController();
  const capture = p.openCapture({ interface: 'lo', signal: controller.signal });
  const end = all(p.exchange(capture, [link(40998)], { timeout: 1e9, answers: () => false }));
  setImmediate(() => controller.abort());
  await expect(end).rejects.toMatchObject({ name: 'AbortError' });
  await expect(all(p.exchange(capture, [link(40998)]))).rejects.toMatchObject({ name: 'AbortError' });
});

test('forged packets neither end the exchange nor answer anything', async (context) => {
  need(context, rawSockets);
  const socket = opened(s.AF_INET, s.SOCK_RAW, s.IPPROTO_ICMP);
  const attacker = opened(s.AF_INET, s.SOCK_RAW, s.IPPROTO_RAW);
  const chance = new Chance(3);
  const quoted = p.encodePacket([
    p.ipv4({ sourceAddress: '127.0.0.1', destinationAddress: '127.0.0.9' }),
    p.icmp({ type: s.ICMP_ECHO, identifier: 7, sequenceNumber: 2 }),
  ]);
  const whole = p.encodePacket([
    p.ipv4({ sourceAddress: '127.0.0.3', destinationAddress: '127.0.0.1' }),
    p.icmp({ type: s.ICMP_DEST_UNREACH, code: 1 }),
    quoted,
  ]);
  const wrong = echo(7, 1, '127.0.0.9'); // its number differs from that of the quotation
  s.setOption(socket.fd, 'ICMP_FILTER', 1 << s.ICMP_ECHOREPLY); // so that nobody answers
  const outcome = all(p.exchange(socket, [wrong], { timeout: 300 }));
  for (let i = 0; i < 500; i++) {
    const packet = whole.slice(0, 28 + chance.below(whole.length - 27));
    if (i > 0)
      for (let n = chance.below(5); n > 0; n--) packet[20 + chance.below(packet.length - 20)] = chance.below(256);
    // A mutation that creates an error about the request itself is excluded.
    packet[55] = 2;
    await attacker.sendto(packet, 0, to());
  }
  expect(await outcome).toMatchObject([{ answered: false }]);
});

test('invalid options and requests are rejected', async () => {
  const socket = opened(s.AF_INET, s.SOCK_DGRAM);
  expect(() => p.exchange(5 as never, [])).toThrow('"through"');
  expect(() => p.exchange({} as never, [])).toThrow('"through"');
  expect(() => p.exchange(socket, 5 as never)).toThrow('"requests"');
  for (const options of [
    { timeout: -1 },
    { retries: 0.5 },
    { rate: 0 },
    { concurrency: 0 },
    { answers: 1 },
    { layers: 1 },
  ]) {
    expect(() => p.exchange(socket, [], options as never)).toThrow(`"options.${Object.keys(options)[0]}"`);
  }
  await expect(all(p.exchange(socket, [{ layer: 1 } as never]))).rejects.toThrow('"request.layers"');
  await expect(all(p.exchange(socket, [{ layers: [p.icmp({ type: 0 })] }]))).rejects.toThrow('"request.layers"');
});
