import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { expect, onTestFinished, test } from 'vitest';
import * as s from '../../../lib/index.ts';
import * as p from '../../../lib/packet/index.ts';
import { openSockets } from '../../helpers/fds.ts';
import { mac, PROTOCOL } from '../../helpers/frames.ts';
import { namespaces, need, packetSockets } from '../../helpers/need.ts';
import { type Link, link } from '../../helpers/networks.ts';
import { patient } from '../../helpers/programs.ts';
import { failure } from '../../helpers/sockets.ts';

/** A ring that is closed when the test ends. */
function open(options: p.TransmitRingOptions): p.TransmitRing {
  const ring = p.openTransmitRing(options);
  onTestFinished(() => ring.close());
  return ring;
}

/** A frame of ours to the other side, with its number. */
function frame(veth: Link, i: number, size = 60): Buffer {
  const bytes = Buffer.concat([mac(veth.peer.mac), mac(veth.mac), Buffer.of(PROTOCOL >> 8, PROTOCOL & 255)]);
  const whole = Buffer.concat([bytes, Buffer.alloc(size - bytes.length, i)]);
  whole.writeUInt32BE(i, 14);
  return whole;
}

/** Python on the other side receives until nothing arrives for a while; returns the frames in hex. */
async function listen(veth: Link, quiet = 1.5): Promise<() => Promise<string[]>> {
  const script = `
import socket, sys
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
s.bind((sys.argv[1], ${PROTOCOL}))
s.settimeout(60)
print('ready', flush=True)
got = []
try:
  while True:
    got.append(s.recv(65536).hex())
    s.settimeout(${quiet})
except TimeoutError: print('\\n'.join(got))`;
  const child = spawn(veth.enter[0]!, [...veth.enter.slice(1), 'python3', '-c', script, veth.peer.name]);
  onTestFinished(() => {
    child.kill('SIGKILL');
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
  });
  const closed = once(child, 'close');
  await expect.poll(() => text, patient).toContain('ready');
  return async () => {
    await closed;
    return text.trim().split('\n').slice(1);
  };
}

const hex = (frames: Buffer[]) => frames.map((bytes) => bytes.toString('hex'));
const range = (count: number) => Array.from({ length: count }, (_, i) => i);

test('frames are sent whole and in order, even more than the ring holds', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  const received = await listen(veth);
  const ring = open({ interface: veth.name, ringSize: 65536 });
  expect([ring.frames, ring.frameRoom]).toEqual([32, 2016]);
  const sent = range(150).map((i) => frame(veth, i, 60 + ((i * 37) % 1400)));
  let refused = 0;
  for (const bytes of sent) {
    while (!ring.push(bytes)) {
      refused++;
      await ring.drain();
    }
  }
  expect(refused).toBeGreaterThan(0);
  await ring.drain();
  expect([ring.sent, ring.queued]).toEqual([150, 0]);
  expect(await received()).toEqual(hex(sent));
});

test('many frames are sent with one call, and frames are written in place', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  const received = await listen(veth);
  const ring = open({ interface: veth.ifindex, frameSize: 128 });
  expect(ring.frames).toBe(8192);
  const sent = range(100).map((i) => frame(veth, i));
  for (const bytes of sent) {
    const place = ring.frame()!;
    expect(place.length).toBe(96);
    place.set(bytes);
    ring.commit(bytes.length);
  }
  expect([ring.queued, ring.sent]).toEqual([100, 0]);
  expect(ring.send()).toBe(100);
  expect([ring.queued, ring.sent]).toEqual([0, 100]);
  expect(ring.send(), 'nothing is left').toBe(0);
  expect(await received()).toEqual(hex(sent));
});

test.for([
  ['shorter than its header', 10, 'EINVAL'],
  ['longer than the MTU', 1519, 'EMSGSIZE'],
] as const)(
  'a packet %s: packets before it are sent, it and those after it are not',
  async ([, size, code], context) => {
    need(context, namespaces, packetSockets);
    const veth = await link();
    const received = await listen(veth);
    const ring = open({ interface: veth.name });
    const good = range(6).map((i) => frame(veth, i));
    for (const bytes of good.slice(0, 3)) ring.push(bytes);
    ring.push(Buffer.concat([frame(veth, 99, 60), Buffer.alloc(2000)]).subarray(0, size));
    ring.push(frame(veth, 98));
    expect(() => ring.send()).toThrow(expect.objectContaining({ name: 'SocketError', code, syscall: 'send' }));
    expect([ring.sent, ring.queued]).toEqual([3, 0]);
    for (const bytes of good.slice(3)) ring.push(bytes);
    await ring.drain();
    expect(ring.sent).toBe(6);
    expect(await received()).toEqual(hex(good));
  },
);

test('a full ring accepts nothing and loses nothing', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  const ring = open({ interface: veth.name, ringSize: 65536 });
  let held = 0;
  while (ring.push(frame(veth, held))) held++;
  expect([held, ring.queued]).toEqual([32, 32]);
  expect(ring.frame()).toBeUndefined();
  expect(() => ring.commit(60)).toThrow(RangeError);
  expect(ring.send()).toBe(32);
  await ring.drain();
  expect(ring.push(frame(veth, 1))).toBe(true);
});

test("the interface goes down and is removed: the kernel's errors are thrown, and queued packets stay", async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  const ring = open({ interface: veth.name });
  ring.push(frame(veth, 1));
  execFileSync('ip', ['link', 'set', veth.name, 'down']);
  expect(await failure(ring.drain())).toMatchObject({
    name: 'SocketError',
    code: 'ENETDOWN',
    syscall: 'send',
    interface: veth.name,
  });
  expect(ring.queued).toBe(1);
  execFileSync('ip', ['link', 'set', veth.name, 'up']);
  await ring.drain();
  expect([ring.queued, ring.sent]).toEqual([0, 1]);
  execFileSync('ip', ['link', 'del', veth.name]);
  ring.push(frame(veth, 2));
  expect(await failure(ring.drain())).toMatchObject({ code: 'ENXIO' });
});

test('after close, views show zeros, calls throw, and nothing leaks', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  const sockets = openSockets();
  const ring = open({ interface: veth.name });
  const place = ring.frame()!;
  place.fill(7);
  ring.close();
  ring.close();
  expect([ring.fd, openSockets() - sockets]).toEqual([-1, 0]);
  expect(place.some((byte) => byte !== 0)).toBe(false);
  place.fill(9);
  for (const call of [
    () => ring.frame(),
    () => ring.push(new Uint8Array(60)),
    () => ring.send(),
    () => ring.commit(1),
  ]) {
    expect(call).toThrow(s.ClosedError);
  }
  expect(await failure(ring.drain())).toBeInstanceOf(s.ClosedError);
});

test('arguments that C cannot express', (context) => {
  need(context, packetSockets);
  const bad = (options: unknown, code: string) =>
    expect(() => p.openTransmitRing(options as p.TransmitRingOptions)).toThrow(expect.objectContaining({ code }));
  bad(undefined, 'ERR_INVALID_ARG_TYPE');
  bad({}, 'ERR_INVALID_ARG_TYPE');
  bad({ interface: 'lo', ringSize: 1 }, 'ERR_OUT_OF_RANGE');
  bad({ interface: 'lo', ringSize: 65537 }, 'ERR_OUT_OF_RANGE');
  bad({ interface: 'lo', frameSize: 1000 }, 'ERR_OUT_OF_RANGE');
  bad({ interface: 'nosuchif0' }, 'ENODEV');
  const ring = open({ interface: 'lo' });
  expect(() => ring.push(new Uint8Array(2017))).toThrow(RangeError);
  expect(() => ring.push('x' as never)).toThrow(TypeError);
  expect(() => ring.commit(2017)).toThrow(RangeError);
  expect(() => ring.commit(1.5)).toThrow(RangeError);
});
