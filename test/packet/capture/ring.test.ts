import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import * as s from '../../../lib/index.ts';
import { layout } from '../../../lib/native/native.ts';
import { Block } from '../../../lib/packet/capture/block.ts';
import { BlockMemory, BlockViews } from '../../../lib/packet/capture/block-memory.ts';
import { RingSource } from '../../../lib/packet/capture/capture-source.ts';
import * as p from '../../../lib/packet/index.ts';
import { cleanup, SOCKETS } from '../../helpers/fds.ts';
import { number, numbered, PROTOCOL, sendFromPeer } from '../../helpers/frames.ts';
import { HANGING } from '../../helpers/limits.ts';
import { type Need, namespaces, need, packetSockets, strace } from '../../helpers/need.ts';
import { link } from '../../helpers/networks.ts';
import { MAJORS, nodeLine, nodeOf } from '../../helpers/node-versions.ts';
import { patient } from '../../helpers/programs.ts';
import { output } from '../../helpers/scripts.ts';

/** A namespace of its own, where lo is up. */
const namespace = ['unshare', '-n', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];

/** The start of the programs: captures of lo, datagrams on it, and what is mapped and open. */
const start = `
  const p = await import('${new URL('../../../dist/packet/index.js', import.meta.url).href}');
  const udp = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
  udp.bind(loopback);
  const send = (count = 1) => { for (let i = 0; i < count; i++) udp.sendtoSync('datagram ' + i, 0, udp.getsockname()); };
  const open = (options) => p.openCapture({ interface: 'lo', immediate: true, ...options });
  const maps = async () => {
    const { readFileSync } = await import('node:fs');
    return readFileSync('/proc/self/maps', 'latin1').split('\\n');
  };
  const rings = async () => (await maps()).filter((line) => line.includes('socket:')).length;
  ${SOCKETS}
  const first = async (capture) => (await capture[Symbol.asyncIterator]().next()).value;
`;

const needs: Need[] = [namespaces, packetSockets];
const program = (script: string, flags: string[] = [], files: Record<string, string> = {}, prefix: string[] = []) =>
  output(start + script, flags, files, [...namespace, ...prefix]);

describe('a view of the ring', () => {
  test("shows zeros after close, and the kernel's memory is released at once", async (context) => {
    need(context, ...needs);
    const script = `
      const capture = open();
      const view = (send(), await first(capture)).data;
      const before = [view.some((byte) => byte !== 0), await rings()];
      capture.close();
      console.log(before.join(), view.length, view.some((byte) => byte !== 0), await rings());`;
    expect(await program(script)).toBe('true,1 52 false 0');
  });

  test('keeps the ring alive', async (context) => {
    need(context, ...needs);
    const script = `
      process.removeAllListeners('warning');
      const take = async () => { const capture = open(); send(); return (await first(capture)).data; };
      const view = await take();
      const before = Buffer.from(view).toString('hex');
      for (let i = 0; i < 5; i++) { gc(); await sleep(10); }
      console.log(Buffer.from(view).toString('hex') === before, await rings());`;
    expect(await program(script, ['--expose-gc', '--no-warnings'])).toBe('true 1');
  });

  // Moving an ArrayBuffer moves the memory behind it: where that is possible, it reads as zeros after close.
  const moved = `
    const capture = open();
    send();
    const { buffer } = (await first(capture)).data;
    const attempt = (name, move) => {
      try { return name + ' ' + move().byteLength; } catch (error) { return name + ' ' + error.name; }
    };
    const copies = [];
    const keep = (copy) => { copies.push(new Uint8Array(copy)); return copy; };
    const { port1, port2 } = new MessageChannel();
    port2.on('message', (copy) => keep(copy));
    attempt('structuredClone', () => keep(structuredClone(buffer, { transfer: [buffer] })));
    attempt('postMessage', () => port1.postMessage(buffer, [buffer]));
    await sleep(20);
    const whole = buffer.byteLength;
    attempt('transfer', () => keep(buffer.transfer()));
    const moved = buffer.byteLength;
    capture.close();
    for (const copy of copies) copy.fill(1);
    gc();
    await sleep(20);
    for (const copy of copies) copy.fill(2);
    console.log(whole, moved, await rings());
    process.exit();`;
  const flags = (major: number) => ['--expose-gc', ...(major === 20 ? ['--harmony-rab-gsab-transfer'] : [])];
  test.for(MAJORS)('that was moved away is safe to use: Node %i', async (major, context) => {
    need(context, ...needs, nodeLine(major));
    const instead = ['sh', '-c', `shift; exec ${nodeOf(major)} "$@"`, 'sh'];
    expect(await program(moved, flags(major), {}, instead)).toBe(`${32 << 20} 0 0`);
  });

  test('may be read by zlib on another thread while the ring is closed', async (context) => {
    need(context, ...needs);
    const script = `
      const { deflate } = await import('node:zlib');
      let ended = 0;
      for (let i = 0; i < 30; i++) {
        const capture = open({ ringSize: 4 << 20 });
        send();
        const { buffer } = (await first(capture)).data;
        for (let j = 0; j < 4; j++) deflate(new Uint8Array(buffer), () => ended++);
        await sleep(i % 5);
        capture.close();
        if (i % 3 === 0) gc();
      }
      while (ended < 120) await sleep(10);
      console.log(await rings());`;
    expect(await program(script, ['--expose-gc'])).toBe('0');
  });
});

test('a capture that is garbage collected is closed, with its file descriptor and its ring', async (context) => {
  need(context, ...needs);
  const script = `
    const warnings = [];
    process.on('warning', (warning) => warnings.push(warning.code));
    const before = sockets();
    const held = new Set(); // until they are counted, so that none is collected earlier
    const hold = async () => { const capture = open({ ringSize: 1 << 20 }); held.add(capture); send(); await first(capture); };
    for (let i = 0; i < 10; i++) await hold();
    const open10 = [sockets() - before, await rings()];
    held.clear();
    for (let i = 0; i < 8; i++) { gc(); await sleep(10); }
    console.log(open10.join(), sockets() - before, await rings(), warnings.join());`;
  expect(await program(script, ['--expose-gc', '--no-warnings'])).toBe('10,10 0 0 SYS_SOCKET_UNCLOSED');
});

test('opening and closing repeatedly leaks no memory, addresses or file descriptors', async (context) => {
  need(context, ...needs);
  const script = `
    const round = async (count) => {
      for (let i = 0; i < count; i++) {
        const capture = open({ ringSize: 4 << 20 });
        send();
        (await first(capture)).data.fill(0);
        capture.close();
      }
      for (let i = 0; i < 4; i++) { gc(); await sleep(10); }
      return [sockets(), await rings(), (await maps()).length, process.memoryUsage().rss];
    };
    const before = await round(30);
    const after = await round(100);
    const [fds, mapped, lines, bytes] = after.map((value, i) => value - before[i]);
    console.log(fds, mapped, lines < 20 || lines, bytes < 64e6 || bytes);`;
  expect(await program(script, ['--expose-gc'])).toBe('0 0 true true');
});

/** The number of workers: `npm run test:stress` uses 500. */
const WORKERS = Number(process.env.CAPTURE_WORKERS ?? 16);

test('workers that are terminated with a capture do not crash or leak', {
  timeout: 600_000,
}, async (context) => {
  need(context, ...needs);
  const worker = `${start}
    const capture = open({ ringSize: 1 << 20 });
    send(20);
    if (workerData % 3 === 0) (async () => { for await (const packet of capture) parentPort.postMessage(packet.data.length); })();
    else if (workerData % 3 === 1) { const packet = await first(capture); parentPort.postMessage(packet.data.length); for (;;) packet.data.fill(1); }
    else parentPort.postMessage(0);
    setTimeout(() => {}, 60_000);`;
  const main = `
    const one = async (workerData) => {
      const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData });
      worker.on('error', (error) => { console.error(error); process.exit(3); });
      if (workerData % 7 !== 0) await once(worker, 'message');
      await worker.terminate();
    };
    const now = async () => { gc(); await sleep(50); return [sockets(), await rings(), (await maps()).length, process.memoryUsage().rss]; };
    for (let i = 0; i < 8; i += 4) await Promise.all([one(i), one(i + 1), one(i + 2), one(i + 3)]);
    const before = await now();
    for (let i = 0; i < ${WORKERS}; i += 4) await Promise.all([one(i), one(i + 1), one(i + 2), one(i + 3)]);
    const [fds, mapped, lines, bytes] = (await now()).map((value, i) => value - before[i]);
    console.log(fds, mapped, lines < 400 || lines, bytes < 200e6 || bytes);`;
  expect(await program(main, ['--expose-gc'], { 'worker.mjs': worker })).toBe('0 0 true true');
});

test.for(['open', 'closed', 'exit'])(
  'the addresses of a ring are unmapped when its worker ends: %s',
  async (way, context) => {
    need(context, ...needs);
    const worker = `${start}
    const capture = open({ ringSize: 32 << 20 });
    send();
    globalThis.kept = await first(capture);
    if (workerData === 'closed') capture.close();
    if (workerData === 'exit') process.exit();
    parentPort.postMessage(0);
    setInterval(() => {}, 60_000);`;
    const main = `
    const one = async () => {
      const worker = new Worker(new URL('worker.mjs', import.meta.url), { workerData: '${way}' });
      await once(worker, '${way}' === 'exit' ? 'exit' : 'message');
      await worker.terminate();
    };
    const { readFileSync } = await import('node:fs');
    const mapped = () => Number(/VmSize:\\s*(\\d+)/.exec(readFileSync('/proc/self/status', 'latin1'))[1]) * 1024;
    await one();
    const before = mapped();
    for (let i = 0; i < 5; i++) await one();
    const more = mapped() - before;
    console.log(more < 96 << 20 || more);`;
    expect(await program(main, [], { 'worker.mjs': worker })).toBe('true');
  },
);

test('overwriting the ring while it is read causes no crash and no endless loop', async (context) => {
  need(context, ...needs);
  const script = `
    const capture = open({ ringSize: 1 << 20 });
    send(5);
    let random = 1;
    const next = () => (random = (Math.imul(random, 1103515245) + 12345) >>> 0);
    let looks = 0;
    for await (const block of capture.blocks()) {
      for (const packet of block) {
        const words = new Uint32Array(packet.data.buffer);
        for (let i = 0; i < 20_000; i++) words[next() % words.length] = i % 3 === 0 ? next() : next() % 4096;
        packet.copy();
        looks++;
        if (looks % 3 === 0) break;
      }
      send(3);
      if (looks > 300) capture.close();
    }
    console.log(looks > 300);`;
  // The kernel and the capture may lose track of its blocks: then it waits, and reaching the time limit is also a
  // success.
  const limit = 'setTimeout(() => { console.log(true); process.exit(); }, 3000);';
  expect(await program(limit + script.replace('capture.close();', 'process.exit(console.log(true));'))).toBe('true');
});

const size = 4096;
const AT = { next: 'tp3_next_offset', mac: 'tp3_mac', snaplen: 'tp3_snaplen', status: 'tp3_status' } as const;
/** Values near those with a meaning. */
const wild = fc.oneof(fc.nat(200), fc.nat(size + 64), fc.integer({ min: 0, max: 0xffffffff }), fc.constant(0x80000000));

test('memory that no kernel wrote: packets end within their block, and every field can be read', () => {
  const header = fc.record({ at: fc.nat(size / 16 - 8), next: wild, mac: wild, snaplen: wild, status: wild });
  const property = fc.property(
    fc.array(header, { minLength: 1, maxLength: 12 }),
    wild,
    wild,
    fc.boolean(),
    fc.boolean(),
    (headers, first, count, ethernet, cooked) => {
      const bytes = new Uint8Array(size).map((_, i) => i);
      const view = new DataView(bytes.buffer);
      for (const { at, ...fields } of headers) {
        view.setUint32(at * 16 + layout(AT.next), fields.next, true);
        view.setUint16(at * 16 + layout(AT.mac), fields.mac & 0xffff, true);
        if (cooked) view.setUint16(at * 16 + layout('tp3_net'), fields.mac & 0xffff, true);
        view.setUint32(at * 16 + layout(AT.snaplen), fields.snaplen, true);
        view.setUint32(at * 16 + layout(AT.status), fields.status, true);
        if (ethernet) view.setUint16(at * 16 + layout('tpacket3_hdr') + layout('sll_hatype'), 1, true);
      }
      const [start, end] = [1024, 3072];
      const linktype = cooked ? p.LINKTYPE_LINUX_SLL2 : p.LINKTYPE_ETHERNET;
      const memory = new BlockMemory(
        new BlockViews(bytes.buffer, start, end - start),
        { first, end: end - start, count },
        { linktype, cooked },
      );
      const outside = [bytes.slice(0, start), bytes.slice(end)];
      let packets = 0;
      for (const packet of new Block(memory)) {
        packets++;
        const { data } = packet;
        expect(data.byteOffset >= start && data.byteOffset + data.length <= end).toBe(true);
        const copy = packet.copy();
        expect([copy.capturedLength, Buffer.compare(copy.data, data)]).toEqual([data.length, 0]);
      }
      expect(packets).toBeLessThanOrEqual(Math.min(count, (end - start) / 16));
      const same = [bytes.subarray(0, start), bytes.subarray(end)].every(
        (part, i) => Buffer.compare(part, outside[i]!) === 0,
      );
      expect(same, 'no other memory was written').toBe(true);
    },
  );
  fc.assert(property, { numRuns: 3000 });
});

/** A block with one packet of 60 bytes, which begins at this offset of a buffer. */
function oneBlock(buffer: ArrayBuffer, offset: number): BlockMemory {
  const views = new BlockViews(buffer, offset, size);
  const at = 48;
  const view = new DataView(buffer, offset);
  view.setUint16(at + layout(AT.mac), 96, true);
  view.setUint32(at + layout(AT.snaplen), 60, true);
  view.setUint32(at + layout('tp3_len'), 1500, true);
  new Uint8Array(buffer, offset).fill(7, at + 96, at + 96 + 60);
  return new BlockMemory(views, { first: at, end: size, count: 1 }, { linktype: p.LINKTYPE_ETHERNET, cooked: false });
}

test.for([0, 1.5, 2.5])('packets of a ring are read %s GiB after its beginning', (gigabytes) => {
  const offset = gigabytes * 2 ** 30;
  const packets = [...new Block(oneBlock(new ArrayBuffer(offset + size), offset))];
  const found = packets.map((packet) => [packet.originalLength, packet.uint16(58), packet.uint8(60)]);
  expect(found).toEqual([[1500, 0x0707, undefined]]);
  expect(packets.map(({ data }) => [data.byteOffset - offset, ...data])).toEqual([
    [48 + 96, ...new Array<number>(60).fill(7)],
  ]);
});

test('a packet whose memory was transferred away throws, and so does moving to the next one', () => {
  const buffer = new ArrayBuffer(size);
  const block = new Block(oneBlock(buffer, 0));
  const [cursor, before] = [block.cursor(), block.cursor()];
  expect(cursor.next()).toBe(true);
  structuredClone(buffer, { transfer: [buffer] });
  expect(() => before.next()).toThrow(TypeError);
  expect(() => cursor.data).toThrow(TypeError);
  expect(() => cursor.originalLength).toThrow(TypeError);
  expect(() => cursor.uint16(0)).toThrow(TypeError);
  expect(cursor.uint8(0)).toBeUndefined();
});

test('if the runtime cannot map the ring, blocks are copied out of it', async (context) => {
  need(context, ...needs);
  const here = await link();
  const fd = cleanup(s.socket(s.AF_PACKET, s.SOCK_RAW, 0));
  const source = new RingSource(
    fd,
    { blockSize: 65536, blocks: 32, retire: 4 },
    { linktype: p.LINKTYPE_ETHERNET, cooked: false },
    false,
  );
  onTestFinished(() => source.close());
  s.bind(fd, { family: s.AF_PACKET, ifindex: here.ifindex, protocol: PROTOCOL });
  const numbers: number[] = [];
  for (let round = 0; round < 3; round++) {
    sendFromPeer(here, numbered(here, 600));
    await expect
      .poll(() => {
        for (let memory = source.take(); memory !== undefined; memory = source.take()) {
          for (const packet of new Block(memory)) numbers.push(number(packet.data));
          source.giveBack();
        }
        return numbers.length;
      }, patient)
      .toBe(600 * (round + 1));
  }
  expect(numbers).toEqual(Array.from({ length: 1800 }, (_, i) => i % 600));
});

test.for([
  ['ENOPROTOOPT', 1],
  ['ENOMEM', 2],
] as const)(
  'a kernel without rings (%s): packets are read by recvmmsg, unless a ring was requested',
  async ([errno, call], context) => {
    need(context, ...needs, strace);
    const script = `
    const plain = open();
    send();
    const packet = await first(plain);
    console.log(plain.isRing, packet.data.length);
    plain.close();`;
    const inject = ['strace', '-f', '-o', '/dev/null', '-e', `inject=setsockopt:error=${errno}:when=${call}`];
    expect(await program(script, [], {}, inject)).toBe('false 52');
    const asked = `
    const before = sockets();
    try { open({ ringSize: 1 << 20 }); } catch (error) { console.log(error.code, error.syscall, sockets() - before); }`;
    expect(await program(asked, [], {}, inject)).toBe(`${errno} setsockopt 0`);
  },
);

test('a child process does not inherit the ring', async (context) => {
  need(context, ...needs);
  const capture = p.openCapture({ ringSize: 1 << 20 });
  onTestFinished(() => capture.close());
  const text = readFileSync('/proc/self/smaps', 'latin1');
  const ring = text.split(/^(?=[0-9a-f]+-[0-9a-f]+ )/m).filter((entry) => entry.includes('socket:'));
  expect(ring.map((entry) => /VmFlags:.*\bdc\b/.test(entry))).toEqual([true]);
  execFileSync('true');
});

test.for(MAJORS)('the memory outlives the worker for another thread that has it: Node %i', (major, context) => {
  need(context, packetSockets, nodeLine(major));
  const script = new URL('../../helpers/ring-memory.js', import.meta.url).pathname;
  const { status, signal, stdout, stderr } = spawnSync(nodeOf(major)!, [script], {
    encoding: 'utf8',
    timeout: HANGING,
  });
  expect([status, signal], stderr).toEqual([0, null]);
  const moved = [1 << 20, true];
  expect(JSON.parse(stdout)).toEqual({ open: true, stream: moved, transfer: moved, crowded: [false, 47] });
});
