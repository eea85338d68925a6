import { execFileSync, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import * as s from '../../../lib/index.ts';
import * as p from '../../../lib/packet/index.ts';
import { openSockets } from '../../helpers/fds.ts';
import { folder } from '../../helpers/fixtures.ts';
import { frame, mac, number, numbered, PROTOCOL, sendFromPeer } from '../../helpers/frames.ts';
import { namespaces, need, packetSockets, program } from '../../helpers/need.ts';
import { fanoutId, link } from '../../helpers/networks.ts';
import { patient } from '../../helpers/programs.ts';
import { failure, isSettled, sleep } from '../../helpers/sockets.ts';
import { tshark } from '../../helpers/tshark.ts';

/** Accepts only frames of our protocol. */
const ours: s.FilterInstruction[] = [
  { code: 0x28, jt: 0, jf: 0, k: 12 }, // ldh [12]
  { code: 0x15, jt: 0, jf: 1, k: PROTOCOL }, // jeq #PROTOCOL
  { code: 0x06, jt: 0, jf: 0, k: 0xffffffff },
  { code: 0x06, jt: 0, jf: 0, k: 0 },
];

/** A capture that is closed when the test ends. */
function open(options: p.CaptureOptions): p.Capture {
  const capture = p.openCapture({ ringSize: 8 << 20, immediate: true, filter: ours, ...options });
  onTestFinished(() => capture.close());
  return capture;
}

/** Returns the next packets, and checks that no other follows. */
async function collect(capture: p.Capture, count: number): Promise<p.PacketCopy[]> {
  const packets: p.PacketCopy[] = [];
  const quiet = setTimeout(() => capture.close(), 60_000);
  if (count === 0) setTimeout(() => capture.close(), 100);
  for await (const packet of capture) {
    packets.push(packet.copy());
    if (packets.length === count) setTimeout(() => capture.close(), 60); // and nothing after the last one
  }
  clearTimeout(quiet);
  return packets;
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);

describe.each([
  ['a ring', {}],
  ['recvmmsg', { ringSize: 0 }],
] as const)('%s', (_, way) => {
  test.for([1, 16, 64])('%i captures at once: each receives every packet, in order', async (count, context) => {
    need(context, namespaces, packetSockets);
    const veth = await link();
    const size = 'ringSize' in way ? way : { ringSize: 1 << 20 };
    const captures = range(count).map(() => open({ interface: veth.name, snaplen: 2048, ...size }));
    const received = captures.map(async (capture) => {
      const numbers: number[] = [];
      for await (const packet of capture) {
        numbers.push(number(packet.data));
        if (numbers.length === 50) break;
      }
      return numbers;
    });
    sendFromPeer(veth, numbered(veth, 50));
    const expected = range(50);
    for (const numbers of await Promise.all(received)) expect(numbers).toEqual(expected);
    for (const capture of captures) expect(capture.statistics()).toMatchObject({ received: 50, dropped: 0 });
  });

  test('packets are delivered whole, in order, with their properties', async (context) => {
    need(context, namespaces, packetSockets);
    const veth = await link();
    const capture = open({ interface: veth.name, ...way });
    expect([capture.isRing, capture.linktype]).toEqual([!('ringSize' in way), p.LINKTYPE_ETHERNET]);
    const sent = range(100).map((i) => frame(veth, Buffer.from(`${i} `.repeat(1 + 3 * i))));
    const before = BigInt(Date.now() - 1) * 1_000_000n;
    sendFromPeer(veth, sent);
    const packets = await collect(capture, sent.length);
    const after = BigInt(Date.now() + 1) * 1_000_000n;
    expect(packets.length).toBe(sent.length);
    expect(packets.map(({ data }) => Buffer.from(data).toString('hex'))).toEqual(sent.map((f) => f.toString('hex')));
    let last = before;
    for (const [i, packet] of packets.entries()) {
      expect(packet).toMatchObject({
        originalLength: sent[i]!.length,
        capturedLength: sent[i]!.length,
        ifindex: veth.ifindex,
        protocol: PROTOCOL,
        hatype: s.ARPHRD_ETHER,
        pkttype: s.PACKET_HOST,
        flags: 5, // inbound, unicast
      });
      expect(packet.timestamp).toBe(BigInt(packet.seconds) * 1_000_000_000n + BigInt(packet.nanoseconds));
      expect(packet.timestamp >= last && packet.timestamp <= after).toBe(true);
      last = packet.timestamp;
    }
    expect(new Set(packets.map(({ nanoseconds }) => nanoseconds % 1000)).size, 'nanoseconds').toBeGreaterThan(1);
  });

  test('VLAN tags are put back in place: 802.1Q, 802.1ad and both', async (context) => {
    need(context, namespaces, packetSockets);
    const veth = await link();
    const tagged = (...tags: number[][]) => {
      const bytes = frame(veth, Buffer.from('tagged'));
      const words = tags.flat().flatMap((word) => [word >> 8, word & 255]);
      return Buffer.concat([bytes.subarray(0, 12), Buffer.from(words), bytes.subarray(12)]);
    };
    const sent = [
      tagged([s.ETH_P_8021Q, 0xe123]),
      tagged([s.ETH_P_8021AD, 7]),
      tagged([s.ETH_P_8021AD, 9], [s.ETH_P_8021Q, 0x0fff]),
      tagged([s.ETH_P_8021Q, 0]),
      frame(veth, Buffer.from('untagged')),
    ];
    const capture = open({ interface: veth.name, filter: undefined, direction: 'in', ...way });
    sendFromPeer(veth, sent);
    const got: p.PacketCopy[] = [];
    for await (const block of capture.blocks()) {
      for (const again of [1, 2]) {
        const packets = [...block].filter(({ data }) =>
          data.subarray(6, 12).every((b, i) => b === mac(veth.peer.mac)[i]),
        );
        if (again === 2) got.push(...packets.map((packet) => packet.copy())); // the tags are inserted only once
      }
      const tests = got.filter(({ data }) => Buffer.from(data).includes('tagged'));
      if (tests.length < sent.length) continue;
      expect(tests.map(({ data }) => Buffer.from(data).toString('hex'))).toEqual(sent.map((f) => f.toString('hex')));
      expect(tests.map(({ originalLength }) => originalLength)).toEqual(sent.map((f) => f.length));
      break;
    }
  });

  test('the snapshot length truncates packets, and the length on the wire is kept', async (context) => {
    need(context, namespaces, packetSockets);
    const veth = await link();
    const capture = open({ interface: veth.name, snaplen: 20, ...way });
    const sent = [frame(veth, Buffer.alloc(1000, 'x')), frame(veth, Buffer.alloc(1, 'y'))];
    sendFromPeer(veth, sent);
    const packets = await collect(capture, 2);
    expect(packets.map(({ data }) => Buffer.from(data))).toEqual(sent.map((f) => f.subarray(0, 20)));
    expect(packets.map((packet) => [packet.capturedLength, packet.originalLength])).toEqual([
      [20, 1014],
      [20, 60],
    ]);
  });

  test('only packets that the filter accepts are captured, and none from before', async (context) => {
    need(context, namespaces, packetSockets);
    const veth = await link();
    sendFromPeer(veth, numbered(veth, 5)); // before the capture
    const odd: s.FilterInstruction[] = [
      { code: 0x30, jt: 0, jf: 0, k: 15 }, // ldb [15]
      { code: 0x45, jt: 0, jf: 1, k: 1 }, // jset #1
      { code: 0x05, jt: 0, jf: 0, k: 1 },
      { code: 0x06, jt: 0, jf: 0, k: 0 },
      ...ours,
    ];
    const capture = open({ interface: veth.name, filter: odd, ...way });
    sendFromPeer(veth, [...numbered(veth, 100), frame(veth, Buffer.of(1, 1), PROTOCOL + 1)]);
    const packets = await collect(capture, 50);
    expect(packets.map(({ data }) => number(data))).toEqual(range(50).map((i) => 2 * i + 1));
  });

  test('direction: received packets, sent packets, or both', async (context) => {
    need(context, namespaces, packetSockets);
    const veth = await link();
    const fd = s.socket(s.AF_PACKET, s.SOCK_RAW, 0);
    onTestFinished(() => s.close(fd));
    s.bind(fd, { family: s.AF_PACKET, ifindex: veth.ifindex, protocol: 0 });
    const kinds = async (direction: 'in' | 'out' | 'both' | undefined, count: number) => {
      const capture = open({ interface: veth.ifindex, direction, ...way });
      s.send(fd, Buffer.concat([mac(veth.peer.mac), mac(veth.mac), frame(veth, Buffer.from('out')).subarray(12)]));
      sendFromPeer(veth, [frame(veth, Buffer.from('in'))]);
      return (await collect(capture, count)).map(({ pkttype, flags }) => [pkttype, flags]);
    };
    const [out, into] = [
      [s.PACKET_OUTGOING, 2],
      [s.PACKET_HOST, 5],
    ];
    expect(await kinds('in', 1)).toEqual([into]);
    expect(await kinds('out', 1)).toEqual([out]);
    expect(await kinds('both', 2)).toEqual([out, into]);
    expect(await kinds(undefined, 2)).toEqual([out, into]);
  });

  test('a direction and a filter of the other direction are accepted, as by tcpdump, and select nothing', async (context) => {
    need(context, namespaces, packetSockets, program('tcpdump'));
    const veth = await link();
    const direction = ['-i', veth.name, '-Q', 'in'];
    expect(spawnSync('tcpdump', [...direction, '-d', 'outbound']).status).toBe(0);
    expect(() => open({ interface: veth.name, filter: 'inbound and outbound', ...way })).toThrow(TypeError);
    const capture = open({ interface: veth.name, direction: 'in', filter: 'outbound', ...way });
    const other = open({
      interface: veth.name,
      direction: 'in',
      filter: `inbound and ether proto ${PROTOCOL}`,
      ...way,
    });
    sendFromPeer(veth, [frame(veth, Buffer.from('in'))]);
    expect((await collect(other, 1)).map(({ pkttype }) => pkttype)).toEqual([s.PACKET_HOST]);
    expect(capture.statistics().received).toBe(0);
  });

  test('frames for other stations are captured on request, and promiscuous mode ends with the capture', async (context) => {
    need(context, namespaces, packetSockets);
    const veth = await link();
    const promiscuity = () =>
      JSON.parse(execFileSync('ip', ['-j', '-d', 'link', 'show', veth.name], { encoding: 'utf8' }))[0].promiscuity;
    const sent = ['02:00:00:00:00:77', 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:fb'].map((to) =>
      frame(veth, Buffer.from('to'), PROTOCOL, to),
    );
    const plain = open({ interface: veth.name, ...way });
    expect(promiscuity()).toBe(0);
    const capture = open({ interface: veth.name, promiscuous: true, ...way });
    expect(promiscuity()).toBe(1);
    sendFromPeer(veth, sent);
    const packets = await collect(capture, 3);
    expect(packets.map(({ pkttype, flags }) => [pkttype, flags])).toEqual([
      [s.PACKET_OTHERHOST, 17],
      [s.PACKET_BROADCAST, 13],
      [s.PACKET_MULTICAST, 9],
    ]);
    expect(promiscuity()).toBe(0);
    plain.close();
  });

  test('two captures of a fanout group share the packets', async (context) => {
    need(context, namespaces, packetSockets);
    const veth = await link();
    const fanout = { id: fanoutId(), type: s.PACKET_FANOUT_LB };
    const captures = [open({ interface: veth.name, fanout, ...way }), open({ interface: veth.name, fanout, ...way })];
    sendFromPeer(veth, numbered(veth, 100));
    const [a, b] = await Promise.all(captures.map((capture) => collect(capture, 50)));
    expect(a!.length).toBe(50);
    const all = [...a!, ...b!].map(({ data }) => number(data));
    expect(all.toSorted((x, y) => x - y)).toEqual(range(100));
  });

  test('fanout without a filter, and a group whose mode is different', async (context) => {
    need(context, namespaces, packetSockets);
    const veth = await link();
    const fanout = { id: fanoutId(), type: s.PACKET_FANOUT_HASH };
    const capture = open({ interface: veth.name, filter: undefined, fanout, ...way });
    const sockets = openSockets();
    expect(() => open({ interface: veth.name, fanout: { ...fanout, type: s.PACKET_FANOUT_LB }, ...way })).toThrow(
      expect.objectContaining({ code: 'EINVAL', syscall: 'setsockopt' }),
    );
    expect(openSockets(), 'a capture that could not be opened leaves nothing').toBe(sockets);
    sendFromPeer(veth, [frame(veth, Buffer.from('here'))]);
    for await (const { data } of capture) if (Buffer.from(data).includes('here')) break;
  });

  test('after a loop was left, the next loop continues with the next packet', async (context) => {
    need(context, namespaces, packetSockets);
    const veth = await link();
    const capture = open({ interface: veth.name, ...way });
    sendFromPeer(veth, numbered(veth, 40));
    const numbers: number[] = [];
    while (numbers.length < 40) {
      for await (const packet of capture) {
        numbers.push(number(packet.data));
        if (numbers.length % 7 === 0 || numbers.length === 40) break;
      }
    }
    expect(numbers).toEqual(range(40));
  });

  test('closing ends a loop, both while it waits and in the middle of a block', async (context) => {
    need(context, namespaces, packetSockets);
    const veth = await link();
    const waits = open({ interface: veth.name, ...way });
    const ended = (async () => {
      for await (const _packet of waits) expect.fail('nothing was sent');
      return 'ended';
    })();
    expect(await isSettled(ended)).toBe(false);
    expect(await failure(waits.blocks().next()), 'a second loop').toMatchObject({
      code: 'ERR_CAPTURE_IN_USE',
      message: 'Another loop over this capture is already waiting',
    });
    waits.close();
    expect(await ended).toBe('ended');
    expect([waits.fd, waits.closed]).toEqual([-1, true]);
    waits.close();
    expect(() => waits.statistics()).toThrow(s.ClosedError);
    for await (const _packet of waits) expect.fail('it is closed');

    const reads = open({ interface: veth.name, ...way });
    sendFromPeer(veth, numbered(veth, 20));
    const seen: number[] = [];
    let kept: p.Packet | undefined;
    let view: Uint8Array = new Uint8Array(1);
    for await (const block of reads.blocks()) {
      for (const packet of block) {
        seen.push(number(packet.data));
        if (seen.length < 3) continue;
        [kept, view] = [packet, packet.data];
        reads.close();
      }
    }
    expect(seen).toEqual([0, 1, 2]);
    expect(() => kept!.data).toThrow(p.GivenBackError);
    expect(() => kept!.copy()).toThrow(expect.objectContaining({ code: 'ERR_BLOCK_GIVEN_BACK' }));
    expect(kept!.next()).toBe(false);
    if (reads.isRing) expect(view, 'a view of the ring').toEqual(new Uint8Array(60));
  });

  test('a signal closes the capture, and its loops throw', async (context) => {
    need(context, namespaces, packetSockets);
    const veth = await link();
    const controller = new AbortController();
    const capture = open({ interface: veth.name, signal: controller.signal, ...way });
    const next = () => capture[Symbol.asyncIterator]().next();
    const waits = failure(next());
    await sleep(10);
    controller.abort(new Error('enough'));
    const aborted = { name: 'AbortError', code: 'ABORT_ERR' };
    expect(await waits).toMatchObject({ ...aborted, syscall: 'poll', cause: { message: 'enough' } });
    expect(capture.closed).toBe(true);
    expect(await failure(next())).toMatchObject({ name: 'AbortError' });
    expect(() => open({ interface: veth.name, signal: controller.signal, ...way })).toThrow(
      expect.objectContaining({ ...aborted, syscall: 'openCapture' }),
    );
  });

  test('an interface goes down, comes up and is removed', async (context) => {
    need(context, namespaces, packetSockets);
    const veth = await link();
    const ip = (...args: string[]) => execFileSync('ip', ['link', ...args]);
    const capture = open({ interface: veth.name, ...way });
    const numbers: number[] = [];
    const read = async () => {
      for await (const { data } of capture) numbers.push(number(data));
    };
    let reading = failure(read());
    sendFromPeer(veth, numbered(veth, 10));
    ip('set', veth.name, 'down');
    expect(await reading).toMatchObject({ name: 'SocketError', code: 'ENETDOWN', interface: veth.name });
    expect(numbers, 'all that came before').toEqual(range(10));

    ip('set', veth.name, 'up');
    reading = failure(read());
    sendFromPeer(veth, numbered(veth, 5));
    await expect.poll(() => numbers.length, patient).toBe(15);
    ip('del', veth.name);
    const gone = { name: 'SocketError', code: 'ENODEV', interface: veth.name };
    expect(await reading).toMatchObject(gone);
    expect(await failure(read()), 'the interface is still gone').toMatchObject(gone);
    expect(capture.statistics().dropped).toBe(0);
  });

  test('integers of a packet are read without a view, up to its end', async (context) => {
    need(context, namespaces, packetSockets);
    const veth = await link();
    const capture = open({ interface: veth.name, snaplen: 18, ...way });
    sendFromPeer(veth, [frame(veth, Buffer.from('89abcdef', 'hex'))]);
    const { value: block } = await capture.blocks().next();
    const packet = block!.cursor();
    expect(() => packet.uint8(0)).toThrow(p.GivenBackError);
    expect(packet.next()).toBe(true);
    expect([packet.uint16(12), packet.uint32(14), packet.uint8(17)]).toEqual([PROTOCOL, 0x89abcdef, 0xef]);
    expect([
      packet.uint16(17),
      packet.uint32(15),
      packet.uint8(18),
      packet.uint8(-1),
      packet.uint8(Number.NaN),
    ]).toEqual(new Array(5).fill(undefined));
    expect([packet.next(), packet.next()]).toEqual([false, false]);
  });

  test('statistics add up, although the kernel resets its counters', async (context) => {
    need(context, namespaces, packetSockets);
    const veth = await link();
    const capture = open({ interface: veth.name, ...way });
    expect(capture.statistics()).toEqual({ received: 0, dropped: 0, freezes: 0 });
    for (const received of [10, 20]) {
      sendFromPeer(veth, numbered(veth, 10));
      expect(capture.statistics()).toEqual({ received, dropped: 0, freezes: 0 });
    }
  });

  test('all interfaces at once', async (context) => {
    need(context, namespaces, packetSockets);
    const [a, b] = [await link(), await link()];
    const protocol = 0xa000 + (process.pid % 0xfff); // other tests may send on other interfaces at the same time
    const capture = open({ direction: 'in', filter: `ether proto ${protocol}`, ...way });
    sendFromPeer(a, [frame(a, Buffer.from('one'), protocol)]);
    sendFromPeer(b, [frame(b, Buffer.from('two'), protocol)]);
    const packets = await collect(capture, 2);
    expect(packets.map(({ ifindex }) => ifindex)).toEqual([a.ifindex, b.ifindex]);
    expect([a, b].map(({ ifindex }) => capture.interfaceName(ifindex))).toEqual([a.name, b.name]);
  });

  test('a capture is written to a file with one line, and tshark reads what was sent', async (context) => {
    need(context, namespaces, packetSockets, program('tshark'));
    const veth = await link();
    const capture = open({ interface: veth.name, ...way });
    const sent = numbered(veth, 12);
    sendFromPeer(veth, sent);
    const chunks: Uint8Array[] = [];
    const writer = new p.PcapngWriter((bytes) => chunks.push(bytes));
    writer.addInterface({ linktype: capture.linktype!, snaplen: 0, name: veth.name });
    let left = sent.length;
    for await (const packet of capture) {
      writer.write(packet);
      if (--left === 0) break;
    }
    const file = join(folder(), 'capture.pcapng');
    writeFileSync(file, Buffer.concat(chunks));
    const fields = ['frame.len', 'frame.packet_flags_direction', 'eth.src'].flatMap((field) => ['-e', field]);
    const lines = tshark(file, '-T', 'fields', ...fields)
      .trimEnd()
      .split('\n');
    expect(lines).toEqual(sent.map((f) => `${f.length}\t0x00000001\t${veth.peer.mac}`));
  });

  test('both writers write the copy of a packet as they write the packet, and take a comment to it', async (context) => {
    need(context, namespaces, packetSockets);
    const veth = await link();
    const capture = open({ interface: veth.name, ...way });
    sendFromPeer(veth, numbered(veth, 1));
    const written = (write: (pcap: p.PcapWriter<number>, pcapng: p.PcapngWriter<number>) => void): string => {
      const chunks: Uint8Array[] = [];
      const push = (bytes: Uint8Array) => chunks.push(bytes);
      const pcapng = new p.PcapngWriter(push);
      pcapng.addInterface({ linktype: capture.linktype!, snaplen: 0 });
      write(new p.PcapWriter(push), pcapng);
      return Buffer.concat(chunks).toString('latin1');
    };
    for await (const packet of capture) {
      const copy = packet.copy();
      const [ofPacket, ofCopy] = [packet, copy].map((one) =>
        written((pcap, pcapng) => {
          pcap.write(one);
          pcapng.write(one);
        }),
      );
      expect(ofCopy).toBe(ofPacket);
      expect(written((_, pcapng) => pcapng.write({ ...copy, comment: 'the first' }))).toContain('the first');
      break;
    }
  });
});

test('a full ring drops and counts packets, keeps the others in order, and continues', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  const capture = open({ interface: veth.name, ringSize: 2 * 65536 });
  const payload = (i: number) => Buffer.concat([Buffer.of(i >> 8, i & 255), Buffer.alloc(1400)]);
  sendFromPeer(
    veth,
    range(300).map((i) => frame(veth, payload(i))),
  );
  const { received, dropped, freezes } = capture.statistics();
  expect([received, freezes > 0]).toEqual([300, true]);
  expect(dropped).toBeGreaterThan(150);
  const held = 300 - dropped;
  const numbers: number[] = [];
  const read = (async () => {
    for await (const { data } of capture) numbers.push(number(data));
  })();
  await expect.poll(() => numbers.length, patient).toBe(held);
  expect(numbers).toEqual(range(held));
  sendFromPeer(veth, [frame(veth, Buffer.of(99, 99))]);
  await expect.poll(() => numbers.at(-1), patient).toBe(99 * 256 + 99);
  capture.close();
  await read;
});

test('errors are the errors of the kernel', (context) => {
  need(context, packetSockets);
  const code = (name: s.ErrnoName, syscall: string) => expect.objectContaining({ code: name, syscall });
  const sockets = openSockets();
  expect(() => p.openCapture({ interface: 'nosuchif0' })).toThrow(code('ENODEV', 'if_nametoindex'));
  expect(() => p.openCapture({ interface: -1 })).toThrow(code('ENODEV', 'bind'));
  expect(() => p.openCapture({ interface: 999_999 })).toThrow(code('ENODEV', 'bind'));
  expect(() => p.openCapture({ filter: [{ code: 0xff, jt: 0, jf: 0, k: 0 }] })).toThrow(code('EINVAL', 'setsockopt'));
  expect(() => p.openCapture({ filter: [{ code: 0xff, jt: 0, jf: 0, k: 0 }] })).toThrow(/setsockopt SO_ATTACH_FILTER$/);
  expect(openSockets()).toBe(sockets);
});

test('opening without CAP_NET_RAW throws EPERM', (context) => {
  if (packetSockets() === undefined) context.skip('this process may open packet sockets');
  expect(() => p.openCapture()).toThrow(expect.objectContaining({ code: 'EPERM', syscall: 'socket' }));
});

test.each([
  [{ interface: true }, 'ERR_INVALID_ARG_TYPE'],
  [{ interface: 'a\0b' }, 'ERR_INVALID_ARG_VALUE'],
  [{ interface: -0.5 }, 'ERR_OUT_OF_RANGE'],
  [{ snaplen: 0 }, 'ERR_OUT_OF_RANGE'],
  [{ snaplen: 262145 }, 'ERR_OUT_OF_RANGE'],
  [{ snaplen: '9' }, 'ERR_INVALID_ARG_TYPE'],
  [{ ringSize: 65537 }, 'ERR_OUT_OF_RANGE'],
  [{ ringSize: -65536 }, 'ERR_OUT_OF_RANGE'],
  [{ ringSize: 2 ** 32 }, 'ERR_OUT_OF_RANGE'],
  [{ direction: 'up' }, 'ERR_INVALID_ARG_VALUE'],
  [{ signal: {} }, 'ERR_INVALID_ARG_TYPE'],
  [{ signal: null }, 'ERR_INVALID_ARG_TYPE'],
  [null, 'ERR_INVALID_ARG_TYPE'],
] as const)('options that C cannot express: %j', (options, code) => {
  expect(() => p.openCapture(options as p.CaptureOptions)).toThrow(expect.objectContaining({ code }));
});
