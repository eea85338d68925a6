// The received file descriptors are those that the kernel wrote, whatever numbers the memory of the program contains
// when they are closed or handed over.
import { Buffer } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { numbered, numberOf, openFds } from '../helpers/fds.ts';
import { folder, pair } from '../helpers/fixtures.ts';
import { need, node } from '../helpers/need.ts';

const rights = (...fds: number[]): s.ControlMessage[] => [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds }];
const CONTROL = s.CMSG_SPACE(4);

/** Sends a file descriptor with this number. */
function send(fd: number, number: number, data: Uint8Array | string = 'x'): void {
  const sent = numbered(number);
  s.sendmsg(fd, { buffers: [data], control: rights(sent) });
  s.close(sent);
}

/** A batch with one message whose file descriptor was not taken, and the number of that file descriptor. */
function untaken(number: number): { batch: s.MessageBatch; fd: number } {
  const [a, b] = pair(s.SOCK_DGRAM);
  send(a, number);
  const before = openFds();
  const batch = new s.MessageBatch({ messages: 1, size: 8, controlLength: CONTROL });
  s.recvmmsg(b, batch);
  return { batch, fd: [...openFds().keys()].find((fd) => !before.has(fd))! };
}

const fdsOf = (messages: s.ControlMessage[]): number[] =>
  messages.flatMap((message) => ('fds' in message ? message.fds : []));

test('recvmsg that fails after receiving closes the received file descriptors, not those in overwritten control data', () => {
  const [a, b] = pair(s.SOCK_DGRAM);
  const other = untaken(7);
  send(a, 8);
  const before = openFds().size;
  const control = new Uint8Array(CONTROL);
  const message = {
    buffers: [new Uint8Array(8)],
    control,
    set flags(value: number) {
      if (value === 0) return;
      control.set(s.encodeControl(rights(other.fd)));
      throw new Error('the result cannot be stored');
    },
  };
  expect(() => nothrow.recvmsg(b, message, s.MSG_CMSG_CLOEXEC)).toThrow('the result cannot be stored');
  expect(openFds().size).toBe(before);
  expect(fdsOf(other.batch.control(0)).map(numberOf)).toEqual([7]);
});

test('recvmsg hands over the received file descriptors, not those in overwritten control data', (context) => {
  need(context, node);
  const here = folder();
  const dist = new URL('../../dist/', import.meta.url).href;
  // A worker sees the file descriptor, overwrites it, and ends: it belongs to the program nevertheless.
  writeFileSync(
    join(here, 'main.mjs'),
    `import { once } from 'node:events';
    import { isMainThread, parentPort, Worker } from 'node:worker_threads';
    import * as s from '${dist}index.js';
    import * as nothrow from '${dist}nothrow.js';
    if (isMainThread) {
      const worker = new Worker(new URL(import.meta.url));
      const [fd] = await once(worker, 'message');
      await once(worker, 'exit');
      console.log(nothrow.fcntl(fd, s.F_GETFD) >= 0);
    } else {
      const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM);
      s.sendmsg(a, { buffers: ['x'], control: [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [0] }] });
      const control = new Uint8Array(s.CMSG_SPACE(4));
      nothrow.recvmsg(b, {
        buffers: [new Uint8Array(8)],
        control,
        set flags(value) {
          if (value === 0) return;
          parentPort.postMessage(s.decodeControl(control)[0].fds[0]);
          control.fill(0);
        },
      }, s.MSG_CMSG_CLOEXEC);
    }`,
  );
  const { stdout, stderr } = spawnSync(process.execPath, [join(here, 'main.mjs')], { encoding: 'utf8' });
  expect([stdout, stderr]).toEqual(['true\n', '']);
});

test('recvmmsg knows the received file descriptors even if data of the peer overlap the control data', () => {
  const SIZE = 64;
  const MESSAGES = 2;
  // A program that replaced Buffer.from gives the batch overlapping memory: the data of message 1 overlap the control
  // data of message 0.
  const memory = new ArrayBuffer(SIZE * 4);
  const original = Buffer.from;
  onTestFinished(() => {
    Buffer.from = original;
  });
  let made = 0;
  Buffer.from = ((...given: Parameters<typeof original>) => {
    const length = (given[0] as unknown as ArrayBuffer).byteLength;
    made++;
    if (made === 2) return original.apply(Buffer, given); // the addresses
    return original(memory, made === 1 ? 0 : SIZE, length);
  }) as typeof original;
  const batch = new s.MessageBatch({ messages: MESSAGES, size: SIZE, controlLength: SIZE });
  Buffer.from = original;

  const [a, b] = pair(s.SOCK_DGRAM);
  const other = untaken(7);
  const before = openFds().size;
  send(a, 8);
  send(a, 9, s.encodeControl(rights(other.fd)));
  expect(s.recvmmsg(b, batch)).toBe(2);
  batch.clear();
  expect(openFds().size).toBe(before);
  expect(fdsOf(other.batch.control(0)).map(numberOf)).toEqual([7]);
});

test('a batch whose memory was detached closes the received file descriptors', () => {
  const [a, b] = pair(s.SOCK_DGRAM);
  const before = openFds().size;
  send(a, 8);
  const batch = new s.MessageBatch({ messages: 1, size: 8, controlLength: CONTROL });
  expect(s.recvmmsg(b, batch)).toBe(1);
  const { subarray } = Buffer.prototype;
  onTestFinished(() => {
    Buffer.prototype.subarray = subarray;
  });
  // A program that replaced subarray sees the control data, and transfers them away.
  Buffer.prototype.subarray = function (this: Buffer, ...given: [number?, number?]): Buffer {
    if (this.length === CONTROL) structuredClone(this.buffer, { transfer: [this.buffer as ArrayBuffer] });
    return subarray.apply(this, given);
  } as typeof subarray;
  try {
    batch.clear();
  } finally {
    Buffer.prototype.subarray = subarray;
  }
  expect(openFds().size).toBe(before);
});

test('recvmsg returns the control data that the kernel wrote even if the address of the sender overlaps it', () => {
  const [a, b] = pair(s.SOCK_DGRAM);
  const other = untaken(7);
  // The kernel writes the address last. An abstract name contains any bytes: here, a message with the number of another
  // file descriptor, which overlaps the control data.
  const AT = 64;
  const forged = s.encodeControl(rights(other.fd));
  const name = Buffer.alloc(4 + forged.length);
  name.set(forged, 1);
  name[0] = 0;
  s.bind(a, { family: s.AF_UNIX, path: name });
  send(a, 8);
  const memory = new Uint8Array(256);
  const before = openFds().size;
  const control = memory.subarray(AT, AT + CONTROL);
  const message = {
    buffers: [new Uint8Array(8)],
    name: { bytes: memory.subarray(AT - 3), length: 0 } as unknown as s.SockaddrStorage, // the family, a zero, the name
    control,
  };
  expect(nothrow.recvmsg(b, { ...message, controlLength: 0, flags: 0 })).toBe(1);
  const [fd] = fdsOf(s.decodeControl(control));
  expect(fd).not.toBe(other.fd);
  expect(openFds().size).toBe(before + 1);
  expect(numberOf(fd!)).toBe(8);
  expect(fdsOf(other.batch.control(0)).map(numberOf)).toEqual([7]);
});
