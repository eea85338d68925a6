/** The calls of the simulated kernel that transfer data. */
import * as c from '../../dist/native/constants.js';
import { layout, out } from '../../dist/native/native.js?compiled';
import { copyName, fault, isError, open, told, view } from './call.js';
import { kernel } from './kernel.js';
import { Datagrams } from './sockets.js';

/** Places in `out`: native/pinned.cc. */
const FD = 4;
const FLAGS = 5;
const RESULT = 6;
const SIZE = 8;
const POOLED = 9;
const TINY = 12;
/** The limits of the pools. */
const SMALL = 2048;
const TINY_RESULT = 64;
const pins = [undefined, undefined];
let last = new Uint8Array(0);

/**
 * One read: returns the number of bytes that it received, or -errno. `store` puts them into the memory of the caller.
 */
function take(description, room, flags) {
  if ((flags & c.MSG_ERRQUEUE) !== 0) {
    if (description.queued === 0) return -c.EAGAIN;
    description.queued--;
    return { data: new Uint8Array(0), from: undefined, queue: true };
  }
  if ((flags & c.MSG_PEEK) !== 0) return peek(description);
  let n = fault(description, 'blockedRead');
  if (n === 0 && kernel.random.chance(kernel.faults.memory)) n = -c.ENOMEM;
  const message = n === 0 ? description.read(room) : n;
  if (typeof message === 'number') {
    if (isError(message)) description.taken.push({ errno: -message });
    return message;
  }
  if (message instanceof Uint8Array) {
    description.taken.push({ data: message });
    return { data: message, from: undefined };
  }
  const data = message.data.subarray(0, room);
  description.taken.push({ data, from: message.from });
  return { data, from: message.from };
}

/** Receives nothing but an error, which the next read of the library reports. */
function peek(description) {
  const { error } = description;
  if ((description.mask() & c.EPOLLIN) !== 0) return { data: new Uint8Array(0), from: undefined };
  if (error === 0) return -c.EAGAIN;
  description.taken.push({ errno: error, peeked: true });
  return description.takeError();
}

function receive(name, fd, buffers, flags, from) {
  const description = open(name, fd);
  if (description === undefined) return told(name, fd, -c.EBADF);
  const lists = buffers.map(view);
  const room = lists.reduce((sum, { length }) => sum + length, 0);
  const message = take(description, room, flags);
  if (typeof message === 'number') return told(name, fd, message);
  let at = 0;
  for (const to of lists) {
    const part = message.data.subarray(at, at + to.length);
    to.set(part);
    at += part.length;
  }
  if (from !== undefined && description instanceof Datagrams) copyName(message.from, from);
  else out[0] = 0;
  out[1] = 0;
  out[2] = message.queue === true ? c.MSG_ERRQUEUE : 0;
  return told(name, fd, message.data.length);
}

/** One write: returns how much of it was accepted, or -errno. */
function give(description, data, name) {
  let n = fault(description, 'blockedWrite');
  if (n === 0 && kernel.random.chance(kernel.faults.memory)) n = -kernel.random.pick([c.ENOBUFS, c.ENOMEM]);
  if (n === 0) {
    if (name === undefined) n = description.write(data);
    else {
      const to = kernel.names.get(String(view(name)));
      n = to instanceof Datagrams ? description.write(data, to) : -c.ECONNREFUSED;
    }
  }
  if (n >= 0) description.given.push({ data: data.slice(0, n) });
  else if (isError(n)) description.given.push({ errno: -n });
  return n;
}

function send(called, fd, buffers, name) {
  const description = open(called, fd);
  if (description === undefined) return told(called, fd, -c.EBADF);
  return told(called, fd, give(description, buffers.length === 1 ? view(buffers[0]) : Buffer.concat(buffers), name));
}

const room = () => pins[0].subarray(0, Math.min(out[SIZE] >>> 0, pins[0].length));

/** The storage of a batch: lib/call/message-batch.ts. */
const FIELDS = 4;
const NAME_SIZE = layout('sockaddr_storage');

export const transfers = {
  send: (fd, data) => send('send', fd, [data]),
  sendto: (fd, data, _flags, name) => send('sendto', fd, [data], name),
  sendmsg: (fd, buffers, name) => send('sendmsg', fd, buffers, name),
  write: (fd, data) => send('write', fd, [data]),
  writev: (fd, buffers) => send('writev', fd, buffers),
  recv: (fd, buffer, flags) => receive('recv', fd, [buffer], flags),
  recvfrom: (fd, buffer, flags, name) => receive('recvfrom', fd, [buffer], flags, name),
  recvmsg: (fd, buffers, name, _control, flags) => receive('recvmsg', fd, buffers, flags, name),
  read: (fd, buffer) => receive('read', fd, [buffer], 0),
  readv: (fd, buffers) => receive('readv', fd, buffers, 0),

  pin(slot, array) {
    pins[slot] = view(array);
    return pins[slot].length;
  },
  sendPinned() {
    out[RESULT] = send('send', out[FD], [room()]);
  },
  sendtoPinned() {
    out[RESULT] = send('sendto', out[FD], [pins[0]], pins[1]);
  },
  recvPinned() {
    out[RESULT] = receive('recv', out[FD], [room()], out[FLAGS]);
  },
  recvfromPinned() {
    out[RESULT] = receive('recvfrom', out[FD], [room()], out[FLAGS], pins[1]);
  },

  recvPooled(...pools) {
    const memory = new Uint8Array(Math.min(out[SIZE] >>> 0, 65536));
    const places = [out[POOLED], out[TINY]];
    const n = receive('recv', out[FD], [memory], out[FLAGS]);
    last = memory.subarray(0, Math.max(n, 0));
    const which = n <= TINY_RESULT ? 1 : 0;
    const pooled = n > 0 && n <= SMALL && places[which] + n <= pools[which].length;
    if (pooled) pools[which].set(last, places[which]);
    out[POOLED] = pooled ? which + 1 : 0;
    out[RESULT] = n;
  },
  received(to) {
    view(to).set(last.subarray(0, to.byteLength));
    return Math.min(last.length, to.byteLength);
  },

  sendmmsg(fd, headers, data, names, _control, size, _controlSize, first, most) {
    const description = open('sendmmsg', fd);
    if (description === undefined) return -c.EBADF;
    let sent = 0;
    for (; sent < most; sent++) {
      const i = first + sent;
      const [length, nameLength] = headers.subarray(FIELDS * i);
      const name = nameLength === 0 ? undefined : names.subarray(NAME_SIZE * i, NAME_SIZE * i + nameLength);
      const n = give(description, data.subarray(size * i, size * i + length), name);
      if (n >= 0) continue;
      // An error of a later message is returned by the next call.
      if (sent === 0) return told('sendmmsg', fd, n);
      if (isError(n)) description.given.pop();
      break;
    }
    return told('sendmmsg', fd, sent);
  },

  recvmmsg(fd, headers, data, names, _control, size) {
    const description = open('recvmmsg', fd);
    if (description === undefined) return -c.EBADF;
    let got = 0;
    for (; FIELDS * got < headers.length; got++) {
      const message = take(description, size, 0);
      if (typeof message === 'number') {
        if (got === 0) return told('recvmmsg', fd, message);
        if (isError(message)) description.taken.pop();
        break;
      }
      data.set(message.data, size * got);
      const name = message.from ?? new Uint8Array([c.AF_UNIX, 0]);
      names.set(name, NAME_SIZE * got);
      headers.set([message.data.length, name.length, 0, 0], FIELDS * got);
    }
    return told('recvmmsg', fd, got);
  },
};
