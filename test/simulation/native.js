/** In the place of dist/posix/native.js: the calls of the simulated kernel, with numbers and bytes as the binary has them. */
import * as c from '../../dist/posix/constants.js';
import { native as compiled, layout, out } from '../../dist/posix/native.js?compiled';
import { kernel } from './kernel.js';
import { Datagrams, Listener, Stream } from './sockets.js';

export * from '../../dist/posix/native.js?compiled';

/** Places in `out`: native/pinned.cc. */
const FD = 4;
const FLAGS = 5;
const RESULT = 6;
const SIZE = 8;
const POOLED = 9;
/** What a pool takes at most. */
const SMALL = 2048;
const pins = [undefined, undefined];
let last = new Uint8Array(0);

const view = (bytes) =>
  ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes);

/** The numbers of flags that are no part of a type. */
const kind = (type) => type & ~(c.SOCK_NONBLOCK | c.SOCK_CLOEXEC);

function count(name, fd) {
  kernel.calls++;
  kernel.counts[name] = (kernel.counts[name] ?? 0) + 1;
  if (fd !== undefined) kernel.turn.set(fd, (kernel.turn.get(fd) ?? 0) + 1);
}

function told(name, fd, n) {
  if (kernel.trace !== undefined) kernel.log(`${name}(${fd}) = ${n}`);
  return n;
}

/** What a descriptor stands for. The library calls nothing with one that it has closed. */
function open(name, fd) {
  count(name, fd);
  const description = kernel.fds.get(fd);
  if (description === undefined && !kernel.foreign.has(fd)) kernel.violate(`${name}(${fd}): EBADF`);
  return description;
}

function copyName(name, to) {
  const bytes = name ?? new Uint8Array([c.AF_UNIX, 0]);
  if (to !== undefined) view(to).set(bytes);
  out[0] = bytes.length;
}

/** A fault that a read or a write meets: 0 for none. */
function fault(description, blocked) {
  const { random, faults } = kernel;
  if (description.error !== 0) return 0;
  if (random.chance(faults.interrupt)) return -c.EINTR;
  if (description[blocked] > 0) return -c.EAGAIN;
  if (random.chance(faults.eagain)) {
    description[blocked] = random.between(1, 3);
    return -c.EAGAIN;
  }
  if (random.chance(faults.spurious)) {
    description.wake();
    return -c.EAGAIN;
  }
  return 0;
}

const isError = (n) => n < 0 && n !== -c.EAGAIN && n !== -c.EINTR;

/** One read: the bytes that it took, or -errno. `store` puts them into the memory of the caller. */
function take(description, room, flags) {
  if ((flags & c.MSG_ERRQUEUE) !== 0) {
    if (description.queued === 0) return -c.EAGAIN;
    description.queued--;
    return { data: new Uint8Array(0), from: undefined, queue: true };
  }
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

/** One write: how much of it was taken, or -errno. */
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

/** The storage of a batch: lib/posix/batch.ts. */
const FIELDS = 4;
const NAME_SIZE = layout('sockaddr_storage');

function made(description) {
  const fd = kernel.install(description);
  if (fd < 0) kernel.descriptions.pop();
  return fd;
}

function limited(name) {
  count(name);
  return kernel.fds.size >= kernel.limit || kernel.random.chance(kernel.faults.files ?? 0);
}

function connect(description, name) {
  const { random } = kernel;
  const to = kernel.names.get(String(view(name)));
  if (description instanceof Datagrams) {
    description.peer = to;
    return 0;
  }
  if (description.connecting !== undefined) return -c.EALREADY;
  if (description.announced === true) {
    description.announced = false;
    return 0;
  }
  if (description.connected) return -c.EISCONN;
  if (description.error !== 0) return description.takeError();
  if (description.family === c.AF_UNIX) {
    if (!(to instanceof Listener) || to.closed) return -c.ECONNREFUSED;
    if (to.full) return -c.EAGAIN;
    to.welcome(description);
    description.wake();
    return 0;
  }
  description.connecting = () => {
    description.connecting = undefined;
    if (!(to instanceof Listener) || to.closed || to.full) description.error = c.ECONNREFUSED;
    else {
      to.welcome(description);
      description.announced = true;
    }
    description.wake();
  };
  return random.chance(kernel.faults.interrupt) ? -c.EINTR : -c.EINPROGRESS;
}

const simulated = {
  socket(family, type, protocol) {
    if (limited('socket')) return -c.EMFILE;
    const Kind = kind(type) === c.SOCK_STREAM ? Stream : Datagrams;
    return told('socket', '', made(new Kind(kernel, family, kind(type), protocol)));
  },

  socketpair(family, type, protocol) {
    if (limited('socketpair') || kernel.fds.size + 1 >= kernel.limit) return -c.EMFILE;
    const Kind = kind(type) === c.SOCK_STREAM ? Stream : Datagrams;
    const pair = [new Kind(kernel, family, kind(type), protocol), new Kind(kernel, family, kind(type), protocol)];
    if (Kind === Stream) Stream.join(...pair);
    else [pair[0].peer, pair[1].peer] = [pair[1], pair[0]];
    [out[0], out[1]] = pair.map((one) => kernel.install(one));
    told('socketpair', `${out[0]}, ${out[1]}`, 0);
    return 0;
  },

  bind(fd, name) {
    const description = open('bind', fd);
    const bytes = view(name).slice();
    if (bytes[0] === c.AF_INET && bytes[2] === 0 && bytes[3] === 0) {
      const port = kernel.port++;
      bytes[2] = port >> 8;
      bytes[3] = port & 255;
    }
    if (kernel.names.has(String(bytes))) return -c.EADDRINUSE;
    description.name = bytes;
    kernel.names.set(String(bytes), description);
    return told('bind', fd, 0);
  },

  listen(fd, backlog) {
    const description = open('listen', fd);
    const listener = new Listener(kernel, description.family, description.type, description.protocol);
    listener.backlog = Math.max(1, backlog);
    listener.name = description.name;
    listener.refs = description.refs;
    kernel.fds.set(fd, listener);
    kernel.names.set(String(listener.name), listener);
    return told('listen', fd, 0);
  },

  accept4(fd, name) {
    const listener = open('accept', fd);
    if (listener === undefined) return -c.EBADF;
    let n = fault(listener, 'blockedRead');
    if (n === 0 && listener.queue.length === 0) n = -c.EAGAIN;
    if (n === 0 && (kernel.fds.size >= kernel.limit || kernel.random.chance(kernel.faults.files ?? 0))) n = -c.EMFILE;
    if (n === 0 && kernel.random.chance(kernel.faults.memory)) n = -c.ECONNABORTED;
    if (n < 0) {
      if (isError(n)) listener.taken.push({ errno: -n });
      if (n === -c.ECONNABORTED) listener.queue.shift().close();
      return told('accept', fd, n);
    }
    const accepted = kernel.install(listener.queue.shift());
    listener.taken.push({ fd: accepted, description: kernel.fds.get(accepted) });
    copyName(undefined, name);
    return told('accept', fd, accepted);
  },

  connect(fd, name) {
    const description = open('connect', fd);
    return told('connect', fd, description === undefined ? -c.EBADF : connect(description, name));
  },

  shutdown(fd, how) {
    const description = open('shutdown', fd);
    return told('shutdown', fd, description === undefined ? -c.EBADF : description.shutdown(how));
  },

  close(fd) {
    count('close', fd);
    kernel.owned.delete(fd);
    const n = kernel.close(fd);
    if (n < 0 && !kernel.foreign.has(fd)) kernel.violate(`close(${fd}): EBADF`);
    return told('close', fd, n);
  },

  // Whose descriptors are: native/owned.cc.
  own(fd) {
    kernel.owned.set(fd, 'made');
    return fd;
  },
  disown(fd) {
    kernel.owned.delete(fd);
    return 0;
  },
  hold(fd) {
    if (kernel.owned.get(fd) === 'held') return 1;
    if (!kernel.fds.has(fd)) return -c.EBADF;
    kernel.owned.set(fd, 'held');
    return 0;
  },
  closeHeld(fd) {
    if (kernel.owned.get(fd) !== 'held') {
      if (!kernel.foreign.has(fd)) kernel.violate(`closeHeld(${fd}) of what nobody holds`);
      return -c.EBADF;
    }
    return simulated.close(fd);
  },

  getsockname(fd, name) {
    copyName(open('getsockname', fd)?.name, name);
    return 0;
  },

  getpeername(fd, name) {
    copyName(open('getpeername', fd)?.peer?.name, name);
    return 0;
  },

  fcntl(fd, command) {
    const description = open('fcntl', fd);
    if (description === undefined) return -c.EBADF;
    if (command === c.F_GETFL) return c.O_NONBLOCK;
    if (command === c.F_DUPFD_CLOEXEC) return told('dup', fd, kernel.install(description));
    return 0;
  },

  getsockoptInt(fd, _level, name) {
    const description = open('getsockopt', fd);
    if (description === undefined) return -c.EBADF;
    const values = {
      [c.SO_DOMAIN]: description.family,
      [c.SO_TYPE]: description.type,
      [c.SO_PROTOCOL]: description.protocol,
      [c.SO_ERROR]: 0,
      [c.SO_ACCEPTCONN]: description instanceof Listener ? 1 : 0,
    };
    if (name === c.SO_ERROR) values[name] = -description.takeError();
    out[0] = values[name] ?? 0;
    return 0;
  },

  getsockopt(fd, level, name, buffer) {
    const n = simulated.getsockoptInt(fd, level, name);
    if (n < 0) return n;
    new DataView(buffer.buffer, buffer.byteOffset).setInt32(0, out[0], true);
    out[0] = 4;
    return 0;
  },

  setsockoptInt: () => 0,
  setsockopt: () => 0,

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
  closeRights: () => 0,

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

  recvPooled(pool) {
    const memory = new Uint8Array(Math.min(out[SIZE] >>> 0, 65536));
    const place = out[POOLED];
    const n = receive('recv', out[FD], [memory], out[FLAGS]);
    last = memory.subarray(0, Math.max(n, 0));
    const pooled = n > 0 && n <= SMALL && place + n <= pool.length;
    if (pooled) pool.set(last, place);
    out[POOLED] = pooled ? 1 : 0;
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
      // An error of a later message is told by the next call.
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

  poll(fds, timeout) {
    count('poll');
    kernel.pass();
    for (let round = 0; ; round++) {
      let ready = 0;
      for (let i = 0; i < fds.length; i += 4) {
        const fd = (fds[i] & 0xffff) | (fds[i + 1] << 16);
        const description = kernel.fds.get(fd);
        const wanted = fds[i + 2] | c.POLLERR | c.POLLHUP;
        fds[i + 3] = description === undefined ? c.POLLNVAL : description.mask() & wanted;
        if (fds[i + 3] !== 0) ready++;
      }
      if (ready > 0 || round === 2) return told('poll', '', ready);
      if (timeout === 0) return 0;
      // The world goes on while the thread sleeps; what does not come then does not come at all.
      kernel.arrive(1);
      if (round === 1) kernel.sleep(timeout < 0 ? 1_000_000 : timeout);
    }
  },

  reactorStart(list, serve) {
    kernel.list = list;
    kernel.serve = serve;
    return 0;
  },
  reactorThreadStart(list, serve) {
    kernel.threaded = true;
    return simulated.reactorStart(list, serve);
  },
  reactorControl(operation, fd, events, generation) {
    count('epoll_ctl', fd);
    const n = kernel.control(operation, fd, events, generation);
    if (n < 0) kernel.refused.add(`${fd} ${-n}`);
    const name = { [c.EPOLL_CTL_ADD]: 'ADD', [c.EPOLL_CTL_MOD]: 'MOD', [c.EPOLL_CTL_DEL]: 'DEL' }[operation];
    return told(`epoll_ctl ${name} 0x${events.toString(16)} generation ${generation} `, fd, n);
  },
  reactorRenew() {
    count('renew');
    return told('renew', '', kernel.renew());
  },
  reactorRef(alive) {
    kernel.alive = alive !== 0;
  },
  reactorThreadRef(alive) {
    kernel.alive = alive !== 0;
  },
};

/** What has nothing to do with descriptors is that of the binary. */
const same = /^(inet_|checksum|gai_strerror|getaddrinfo|getnameinfo|gethost|getserv|getproto|if_|getifaddrs)/;

export const native = {};
for (const [name, value] of Object.entries(compiled)) {
  if (typeof value !== 'function' || same.test(name)) native[name] = value;
  else {
    native[name] =
      simulated[name] ??
      (() => {
        throw new Error(`native.${name} is not simulated`);
      });
  }
}
