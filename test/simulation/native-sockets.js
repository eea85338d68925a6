/** The calls of the simulated kernel that create, name, connect and close sockets. */
import * as c from '../../dist/native/constants.js';
import { out } from '../../dist/native/native.js?compiled';
import { copyName, count, fault, isError, kind, open, told, view } from './call.js';
import { kernel } from './kernel.js';
import { Datagrams, Listener, Stream } from './sockets.js';

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

/** A file descriptor that a call created, owned by an object or by the program. */
function owned(fd, own) {
  if (fd >= 0 && own === 1) kernel.owned.set(fd, 'made');
  return fd;
}

export const sockets = {
  socket(family, type, protocol, own) {
    if (limited('socket')) return -c.EMFILE;
    const Kind = kind(type) === c.SOCK_STREAM ? Stream : Datagrams;
    return told('socket', '', owned(made(new Kind(kernel, family, kind(type), protocol)), own));
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

  accept4(fd, name, _flags, own) {
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
    return told('accept', fd, owned(accepted, own));
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

  // The owners of file descriptors: native/owned.cc.
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
    return sockets.close(fd);
  },

  getsockname(fd, name) {
    copyName(open('getsockname', fd)?.name, name);
    return 0;
  },

  getpeername(fd, name) {
    copyName(open('getpeername', fd)?.peer?.name, name);
    return 0;
  },

  fcntl(fd, command, _argument, own) {
    const description = open('fcntl', fd);
    if (description === undefined) return -c.EBADF;
    if (command === c.F_GETFL) return c.O_NONBLOCK;
    if (command === c.F_DUPFD_CLOEXEC) return told('dup', fd, owned(kernel.install(description), own));
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
    if (name === c.SO_MEMINFO) {
      // What was received, or waits in the error queue.
      buffer.fill(0);
      buffer[c.SK_MEMINFO_RMEM_ALLOC] = open('getsockopt', fd)?.queued ?? 0;
      out[0] = buffer.byteLength;
      return 0;
    }
    const n = sockets.getsockoptInt(fd, level, name);
    if (n < 0) return n;
    new DataView(buffer.buffer, buffer.byteOffset).setInt32(0, out[0], true);
    out[0] = 4;
    return 0;
  },

  setsockoptInt: () => 0,
  setsockopt: () => 0,
};
