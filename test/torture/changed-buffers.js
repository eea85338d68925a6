// Buffers that a program detaches or resizes while a call reads its other arguments, or while an operation waits. The
// memory that was taken away must not change, nothing may crash, and only errors may be thrown. Run by
// shared-memory.js.
import { readdirSync } from 'node:fs';
import * as s from '../../dist/index.js';
import * as nothrow from '../../dist/nothrow.js';

const SIZE = 64;
const resizable = (size) => new ArrayBuffer(size, { maxByteLength: 4 * SIZE });

/** What happens to a buffer. Returns the memory that must not change, if there is any. */
const changes = {
  detach: (buffer) => structuredClone(buffer, { transfer: [buffer] }),
  empty: (buffer) => void buffer.resize(0),
  shorten: (buffer) => void buffer.resize(SIZE / 2),
  lengthen: (buffer) => void buffer.resize(4 * SIZE),
  'there and back': (buffer) => {
    buffer.resize(0);
    buffer.resize(SIZE);
  },
};

/** The kinds of views of the buffer. */
const views = {
  bytes: (buffer) => new Uint8Array(buffer, 0, SIZE),
  tracking: (buffer) => new Uint8Array(buffer),
  middle: (buffer) => new Uint8Array(buffer, SIZE / 4, SIZE / 4),
  doubles: (buffer) => new Float64Array(buffer),
  view: (buffer) => new DataView(buffer),
  whole: (buffer) => buffer,
};

/** Makes all calls, or only those with these names, and returns how many. */
export async function changedBuffers(rounds, names = Object.keys(calls)) {
  let made = 0;
  const before = readdirSync('/proc/self/fd').length;
  for (let round = 0; round < rounds; round++) {
    for (const [how, change] of Object.entries(changes)) {
      for (const [kind, view] of Object.entries(views)) {
        for (const name of names) {
          await one(name, calls[name], change, view, how === 'detach' && round % 2 === 0).catch((error) => {
            throw new Error(`${name}, ${how}, ${kind}`, { cause: error });
          });
          made++;
        }
      }
    }
  }
  const left = readdirSync('/proc/self/fd').length - before;
  if (left > 3) throw new Error(`${left} file descriptors are still open`); // the event loop keeps up to three
  return made;
}

async function one(name, run, change, view, fixed) {
  const buffer = fixed ? new ArrayBuffer(SIZE) : resizable(SIZE);
  new Uint8Array(buffer).fill(0x11);
  const data = view(buffer);
  let taken;
  let times = 0;
  const now = () => {
    if (times++ > 0) return;
    taken = change(buffer);
    if (taken !== undefined) new Uint8Array(taken).fill(0x11);
  };
  const [a, b] = s.Socket.pair(s.SOCK_DGRAM);
  const udp = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
  udp.bind({ family: s.AF_INET, address: '127.0.0.1', port: 0 });
  b.sendSync('x'.repeat(4 * SIZE));
  try {
    await run({ data, now, a, b, udp, fd: a.fd, here: udp.getsockname() });
  } catch (error) {
    const known = error instanceof TypeError || error instanceof RangeError || s.isErrno(error);
    if (!known && error?.name !== 'TimeoutError') throw error;
  } finally {
    for (const socket of [a, b, udp]) socket.close();
  }
  if (taken !== undefined && !new Uint8Array(taken).every((byte) => byte === 0x11)) {
    throw new Error(`${name} wrote into detached memory`);
  }
}

/** An object whose field `name`, or its setter, does something first. */
const getting = (fields, name, now) => {
  const value = fields[name];
  return Object.defineProperty({ ...fields }, name, {
    enumerable: true,
    get() {
      now();
      return value;
    },
  });
};
const setting = (fields, name, now) =>
  Object.defineProperty({ ...fields }, name, { enumerable: true, get: () => 0, set: now });
/** An array with an element that does something first. */
const list = (elements, now) =>
  new Proxy(elements, {
    get(target, key) {
      if (key === String(target.length - 1)) now();
      return Reflect.get(target, key);
    },
  });
/** A value that is not a number, but could be mistaken for one. */
const number = (value, now) => ({
  valueOf() {
    now();
    return value;
  },
});

const rights = [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [0] }];
const space = () => new Uint8Array(s.CMSG_SPACE(4));

const calls = {
  'recv, flags': ({ fd, data, now }) => nothrow.recv(fd, data, number(0, now)),
  'recv, length': ({ fd, data, now }) => nothrow.recv(fd, data, 0, number(8, now)),
  'recv, again': ({ fd, b, data, now }) => {
    for (let i = 0; i < 6; i++) {
      b.sendSync('y'.repeat(SIZE));
      nothrow.recv(fd, data);
      if (i === 3) now();
    }
  },
  'send, again': ({ fd, data, now }) => {
    for (let i = 0; i < 6; i++) {
      nothrow.send(fd, data, s.MSG_DONTWAIT);
      if (i === 3) now();
    }
  },
  'recvfrom, storage': ({ fd, data, now }) =>
    nothrow.recvfrom(fd, data, 0, setting({ bytes: new Uint8Array(128) }, 'length', now)),
  'recvfrom, into the storage': ({ fd, data, now }) =>
    nothrow.recvfrom(fd, new Uint8Array(8), 0, setting({ bytes: data }, 'length', now)),
  'recvfrom, again': ({ udp, data, now, here }) => {
    for (let i = 0; i < 6; i++) {
      udp.sendtoSync('y', here);
      nothrow.recvfrom(
        udp.fd,
        new Uint8Array(8),
        0,
        i < 3 ? { bytes: data, length: 0 } : setting({ bytes: data }, 'length', now),
      );
    }
  },
  'accept, storage': ({ fd, data, now }) => nothrow.accept(fd, setting({ bytes: data }, 'length', now)),
  'getsockname, storage': ({ udp, data, now }) => nothrow.getsockname(udp.fd, setting({ bytes: data }, 'length', now)),
  'sendto, address': ({ udp, data, now, here }) => s.sendto(udp.fd, data, 0, getting(here, 'port', now)),
  'sendto, again': ({ udp, data, now, here }) => {
    const name = s.encodeAddress(here);
    for (let i = 0; i < 6; i++) {
      nothrow.sendto(udp.fd, data, s.MSG_DONTWAIT, name);
      if (i === 3) now();
    }
  },
  'sendmsg, address': ({ udp, data, now, here }) =>
    s.sendmsg(udp.fd, { buffers: [data, data], address: getting(here, 'address', now) }),
  'sendmsg, control': ({ fd, data, now }) =>
    s.sendmsg(fd, { buffers: [data], control: [getting(rights[0], 'fds', now)] }),
  'sendmsg, control that is taken': ({ fd, data, now }) =>
    s.sendmsg(fd, { buffers: list(['x', 'y'], now), control: data }),
  'sendmsg, list': ({ fd, data, now }) => s.sendmsg(fd, { buffers: list([data, 'x'], now) }),
  'recvmsg, list': ({ fd, data, now }) =>
    s.recvmsg(fd, { buffers: list([data, new Uint8Array(8)], now), controlLength: 64 }),
  'recvmsg, length': ({ fd, data, now }) =>
    s.recvmsg(fd, getting({ buffers: [data], controlLength: 64 }, 'controlLength', now)),
  'recvmsg, setter': ({ fd, data, now }) =>
    nothrow.recvmsg(fd, setting({ buffers: [data], control: space() }, 'flags', now)),
  'recvmsg, control': ({ fd, b, data, now }) => {
    b.sendmsgSync({ buffers: ['x'], control: [] });
    nothrow.recvmsg(fd, setting({ buffers: [new Uint8Array(8)], control: data }, 'controlLength', now));
  },
  'recvmsg, storage': ({ fd, data, now }) =>
    nothrow.recvmsg(fd, { buffers: [data], name: setting({ bytes: new Uint8Array(128) }, 'length', now) }),
  'readv, list': ({ fd, data, now }) => s.readv(fd, list([data, data, new Uint8Array(8)], now)),
  'writev, list': ({ fd, data, now }) => s.writev(fd, list([data, data, 'x'], now)),
  'getsockopt, name': ({ fd, data, now }) => nothrow.getsockopt(fd, s.SOL_SOCKET, number(s.SO_PEERCRED, now), data),
  'setsockopt, level': ({ fd, data, now }) => nothrow.setsockopt(fd, number(s.SOL_SOCKET, now), s.SO_LINGER, data),
  'ioctl, request': ({ udp, data, now }) => nothrow.ioctl(udp.fd, number(s.SIOCGIFMTU, now), data),
  'bind, address': ({ udp, data, now }) => {
    now();
    nothrow.bind(udp.fd, data);
  },
  'batch, address': ({ data, now, here }) =>
    new s.MessageBatch({ messages: 2, size: SIZE }).push(data, getting(here, 'port', now)),
  'batch, its memory': ({ fd, now }) => {
    const batch = new s.MessageBatch({ messages: 2, size: SIZE, controlLength: 24 });
    now();
    structuredClone(batch.data.buffer, { transfer: [batch.data.buffer] });
    s.recvmmsg(fd, batch, s.MSG_DONTWAIT);
  },
  'poll, descriptor': ({ fd, now }) => s.poll([getting({ fd, events: s.POLLIN }, 'events', now)], 0),
  'getaddrinfo, hints': ({ now }) => s.getaddrinfo('127.0.0.1', 80, getting({ flags: s.AI_NUMERICHOST }, 'flags', now)),
  'recvInto, options': ({ a, data, now }) => a.recvInto(data, getting({ timeout: 20 }, 'timeout', now)),
  'recvInto, waiting': async ({ a, b, data, now }) => {
    a.recvSync(4 * SIZE);
    const received = a.recvInto(data);
    now();
    b.sendSync('y'.repeat(SIZE));
    await received;
  },
  'recvmsg, waiting': async ({ a, b, data, now }) => {
    a.recvSync(4 * SIZE);
    const received = a.recvmsg({ buffers: [data], controlLength: 64 });
    now();
    b.sendSync('y'.repeat(SIZE));
    await received;
  },
  'sendAll, waiting': async ({ data, now }) => {
    const [a, b] = s.Socket.pair();
    try {
      while (nothrow.send(a.fd, new Uint8Array(65536)) > 0);
      const sent = a.sendAll(data);
      now();
      b.recvSync(1 << 20);
      while (nothrow.recv(b.fd, new Uint8Array(65536)) > 0);
      await sent;
    } finally {
      a.close();
      b.close();
    }
  },
};
