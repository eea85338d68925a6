// One step for each exported function of native/functions.def: it calls the function so that it succeeds, and in ways
// that take other paths. The ordinary build of this library (`s`), in which no call fails, creates what a step needs.
// `call` checks that the result is one that TypeScript expects.
import * as s from '../../dist/index.js';
import * as nothrow from '../../dist/nothrow.js';

const RING = 1 << 22;
const NONBLOCK = s.SOCK_NONBLOCK;
const loopback = s.encodeAddress({ family: s.AF_INET, address: '127.0.0.1', port: 0 });
const udp = () => s.socket(s.AF_INET, s.SOCK_DGRAM | NONBLOCK);
const pair = (type = s.SOCK_STREAM) => s.socketpair(s.AF_UNIX, type | NONBLOCK);
const name = () => new Uint8Array(128);
const bytes = (n = 8) => new Uint8Array(n);
const close = (...fds) => {
  for (const fd of fds) s.close(fd);
};
/** Closes the file descriptor that a call created, if any. */
const made = (fd) => {
  if (typeof fd === 'number' && fd >= 0) s.close(fd);
};
const onPair = (run, type) => (t) => {
  const [a, b] = pair(type);
  try {
    return run(t, a, b);
  } finally {
    close(a, b);
  }
};
const onUdp = (run) => (t) => {
  const fd = udp();
  try {
    s.bind(fd, loopback);
    return run(t, fd);
  } finally {
    close(fd);
  }
};

const isNumber = (value) => typeof value === 'number';
const isText = (value) => typeof value === 'number' || typeof value === 'string';
const isBuffer = (value) => typeof value === 'number' || value instanceof ArrayBuffer;
const isLookup = (value) => isBuffer(value) || (Array.isArray(value) && value.length === 2 && value.every(isNumber));
const isVoid = (value) => value === undefined || isNumber(value);

function messages(count = 4) {
  const headers = new Int32Array(4 * count);
  for (let i = 0; i < count; i++) headers[4 * i] = 8;
  return [headers, bytes(8 * count), bytes(128 * count), bytes(64 * count), 8, 64];
}

const rights = (fds) => s.encodeControl([{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds }]);
const longText = 'x'.repeat(100);

/** A buffer of each kind: every way to find the bytes of an argument. */
const kinds = () => [
  bytes(),
  new Uint16Array(4),
  new DataView(new ArrayBuffer(8)),
  new ArrayBuffer(8),
  new Float64Array(1),
];

export const steps = {
  socket: (t) => {
    made(t.call('socket', [s.AF_INET, s.SOCK_DGRAM, 0]));
    made(t.call('socket', [s.AF_INET, s.SOCK_DGRAM, 0, 1]));
  },
  socketpair(t) {
    const n = t.call('socketpair', [s.AF_UNIX, s.SOCK_STREAM, 0]);
    if (n === 0) close(t.native.out[0], t.native.out[1]);
  },
  bind(t) {
    const fd = udp();
    t.done = () => close(fd);
    t.call('bind', [fd, loopback]);
  },
  listen(t) {
    const fd = s.socket(s.AF_INET, s.SOCK_STREAM);
    t.done = () => close(fd);
    t.call('listen', [fd, 1]);
  },
  accept4(t) {
    const listener = s.socket(s.AF_INET, s.SOCK_STREAM | NONBLOCK);
    const client = s.socket(s.AF_INET, s.SOCK_STREAM);
    t.done = () => close(listener, client);
    s.bind(listener, loopback);
    s.listen(listener);
    s.connect(client, s.getsockname(listener));
    made(t.call('accept4', [listener, name(), 0]));
    made(t.call('accept4', [listener, undefined, 0, 1]));
  },
  connect: onUdp((t, fd) => t.call('connect', [fd, s.encodeAddress(s.getsockname(fd))])),
  shutdown: onPair((t, a) => t.call('shutdown', [a, s.SHUT_RD])),
  close(t) {
    const fd = udp();
    t.done = () => nothrow.close(fd);
    t.call('close', [fd]);
    t.call('close', [-1]);
  },
  getsockname: onUdp((t, fd) => t.call('getsockname', [fd, name()])),
  getpeername: onPair((t, a) => t.call('getpeername', [a, name()])),
  sockatmark: onPair((t, a) => t.call('sockatmark', [a])),

  read: onPair((t, a) => t.call('read', [a, bytes()])),
  write: onPair((t, a) => {
    for (const data of kinds()) t.call('write', [a, data]);
  }),
  readv: onPair((t, a) => t.call('readv', [a, [bytes(), new Uint16Array(2), new ArrayBuffer(4)]])),
  writev: onPair((t, a) => t.call('writev', [a, [bytes(), new DataView(new ArrayBuffer(4))]])),
  send: onPair((t, a) => t.call('send', [a, bytes(), 0])),
  sendto: onUdp((t, fd) => t.call('sendto', [fd, bytes(), 0, s.encodeAddress(s.getsockname(fd))])),
  sendmsg: onPair((t, a, b) => {
    t.call('sendmsg', [a, [bytes(), bytes()], undefined, rights([b]), 0]);
    t.call('sendmsg', [a, [bytes()], undefined, undefined, 0]);
  }),
  recv: onPair((t, a, b) => {
    s.send(b, 'x');
    t.call('recv', [a, bytes(), 0]);
    t.call('recv', [a, bytes(), 0]);
  }),
  recvfrom: onUdp((t, fd) => {
    s.sendto(fd, 'x', 0, s.getsockname(fd));
    t.call('recvfrom', [fd, bytes(), 0, name()]);
    t.call('recvfrom', [fd, bytes(), 0, undefined]);
  }),
  recvmsg: onPair((t, a, b) => {
    s.sendmsg(b, { buffers: ['x'], control: [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [a, b] }] });
    const control = bytes(64);
    // The control data hold file descriptors whether the call reports them or not: they are zero if there are none.
    t.done = () => {
      for (const { fds = [] } of s.decodeControl(control)) fds.forEach(made);
    };
    t.call('recvmsg', [a, [bytes()], name(), control, 0]);
    t.call('recvmsg', [a, [bytes()], undefined, undefined, 0]);
  }),
  pin: (t) => t.call('pin', [0, bytes(64)]),
  sendPinned: onPair((t, a) => pinned(t, 'sendPinned', a, bytes(8))),
  sendtoPinned: onUdp((t, fd) => pinned(t, 'sendtoPinned', fd, bytes(8), s.encodeAddress(s.getsockname(fd)))),
  recvPinned: onPair((t, a, b) => {
    s.send(b, 'x');
    pinned(t, 'recvPinned', a, bytes(8));
  }),
  recvfromPinned: onUdp((t, fd) => {
    s.sendto(fd, 'x', 0, s.getsockname(fd));
    pinned(t, 'recvfromPinned', fd, bytes(8), name());
  }),
  recvPooled: onPair((t, a, b) => {
    s.send(b, 'x');
    t.native.out.set([0, 0, 0, 0, a, 0, -1, 0, 64]);
    t.call('recvPooled', [bytes(100), bytes(100)], isVoid);
  }),
  received: (t) => t.call('received', [bytes()]),
  sendmmsg: onPair((t, a) => t.call('sendmmsg', [a, ...messages(), 0, 4, 0]), s.SOCK_DGRAM),
  recvmmsg: onPair((t, a, b) => {
    s.send(b, 'x');
    t.call('recvmmsg', [a, ...messages(), 0]);
    t.call('recvmmsg', [a, ...messages(), 0, 0n, 1000]);
  }, s.SOCK_DGRAM),

  getsockoptInt: onUdp((t, fd) => t.call('getsockoptInt', [fd, s.SOL_SOCKET, s.SO_TYPE])),
  getsockopt: onUdp((t, fd) => {
    t.call('getsockopt', [fd, s.SOL_SOCKET, s.SO_TYPE, bytes()]);
    t.call('getsockopt', [fd, s.SOL_SOCKET, s.SO_TYPE, bytes(2000)]);
  }),
  setsockoptInt: onUdp((t, fd) => t.call('setsockoptInt', [fd, s.SOL_SOCKET, s.SO_REUSEADDR, 1])),
  setsockopt: onUdp((t, fd) => t.call('setsockopt', [fd, s.SOL_SOCKET, s.SO_REUSEADDR, bytes(4)])),
  fcntl: onUdp((t, fd) => {
    t.call('fcntl', [fd, s.F_GETFL, 0]);
    t.call('fcntl', [fd, s.F_GETOWN_EX, bytes(8)]);
    made(t.call('fcntl', [fd, s.F_DUPFD_CLOEXEC, 0]));
    made(t.call('fcntl', [fd, s.F_DUPFD_CLOEXEC, 0, 1]));
  }),
  ioctl: onUdp((t, fd) => {
    t.call('ioctl', [fd, s.FIONREAD, undefined]);
    t.call('ioctl', [fd, s.FIONBIO, 1]);
    t.call('ioctl', [fd, s.SIOCGIFMTU, s.ifreq('lo')]);
  }),

  // ETHTOOL_GDRVINFO of the loopback interface.
  ioctlData: onUdp((t, fd) => {
    const data = bytes(196);
    data[0] = 3;
    t.call('ioctlData', [fd, s.SIOCETHTOOL ?? 0x8946, s.ifreq('lo'), data]);
  }),

  inet_pton: (t) => {
    t.call('inet_pton', [s.AF_INET6, '::1', bytes(16)]);
    t.call('inet_pton', [s.AF_INET, longText, bytes(16)]);
  },
  inet_ntop: (t) => t.call('inet_ntop', [s.AF_INET6, bytes(16)], isText),
  inet_aton: (t) => t.call('inet_aton', ['127.1', bytes(4)]),
  checksumSum: (t) => t.call('checksumSum', [bytes(20), 0, 20]),
  attachFilter: onUdp((t, fd) => t.call('attachFilter', [fd, s.SOL_SOCKET, s.SO_ATTACH_FILTER, acceptAll()])),
  getFilter: onUdp((t, fd) => {
    t.call('attachFilter', [fd, s.SOL_SOCKET, s.SO_ATTACH_FILTER, acceptAll()]);
    t.call('getFilter', [fd], isBuffer);
  }),

  poll: onPair((t, a) => t.call('poll', [new Int16Array(new Int32Array([a, 1]).buffer), 0])),
  ppoll: onPair((t, a) => {
    t.call('ppoll', [new Int16Array(new Int32Array([a, 1]).buffer), 0, 1000, new Int32Array([10])]);
  }),
  select: onPair((t, a) => t.call('select', [new Int32Array([a]), new Int32Array(), new Int32Array([a]), 0, 1])),
  pselect: onPair((t, a) => {
    t.call('pselect', [new Int32Array([a]), new Int32Array(), new Int32Array([a]), 0, 1, new Int32Array([10])]);
  }),
  sendfile: onPair((t, a) => {
    const file = t.file();
    t.call('sendfile', [a, file, 0, 8]);
    t.call('sendfile', [a, file, undefined, 8]);
  }),
  tee: (t) => t.call('tee', [t.pipe()[0], t.pipe()[1], 8, s.SPLICE_F_NONBLOCK]),
  splice: onPair((t, a) => {
    t.call('splice', [a, undefined, t.pipe()[1], undefined, 8, s.SPLICE_F_NONBLOCK]);
    t.call('splice', [t.file(), 0, t.pipe()[1], undefined, 8, s.SPLICE_F_NONBLOCK]);
  }),

  getaddrinfo: (t) => {
    t.call('getaddrinfo', ['127.0.0.1', '80', s.AI_NUMERICHOST | s.AI_NUMERICSERV, 0, s.SOCK_STREAM, 0], isLookup);
    t.call('getaddrinfo', [`${longText}.invalid`, undefined, s.AI_NUMERICHOST, 0, 0, 0], isLookup);
  },
  getaddrinfoLater: (t) =>
    t.later('getaddrinfoLater', ['127.0.0.1', '80', s.AI_NUMERICHOST | s.AI_NUMERICSERV, 0, 1, 0], isLookup),
  getnameinfo: (t) => t.call('getnameinfo', [loopback, s.NI_NUMERICHOST | s.NI_NUMERICSERV], isLookup),
  getnameinfoLater: (t) => t.later('getnameinfoLater', [loopback, s.NI_NUMERICHOST | s.NI_NUMERICSERV], isLookup),
  gethost: (t) => {
    t.call('gethost', [s.AF_INET, '127.0.0.1', undefined], isLookup);
    t.call('gethost', [s.AF_INET, undefined, Uint8Array.of(127, 0, 0, 1)], isLookup);
    t.call('gethost', [s.AF_UNIX, 'x', undefined], isLookup);
  },
  gethostLater: (t) => t.later('gethostLater', [s.AF_INET, '127.0.0.1', undefined], isLookup),
  async lookupCancel(t) {
    const question = ['127.0.0.1', '80', s.AI_NUMERICHOST | s.AI_NUMERICSERV, 0, 1, 0];
    const cancel = (id) => t.call('lookupCancel', [id], isVoid);
    await Promise.all([
      t.later('getaddrinfoLater', question, isLookup, 1),
      t.later('getaddrinfoLater', question, isLookup, 1, cancel),
    ]);
  },
  getserv: (t) => {
    t.call('getserv', ['http', 0, 'tcp'], isBuffer);
    t.call('getserv', [undefined, 80, undefined], isBuffer);
  },
  getproto: (t) => {
    t.call('getproto', ['tcp', 0], isBuffer);
    t.call('getproto', [undefined, 6], isBuffer);
  },
  gai_strerror: (t) => t.call('gai_strerror', [-2], isText),
  gethostname: (t) => t.call('gethostname', [], isText),
  sethostname: (t) => t.call('sethostname', ['\0'], isNumber), // refused: the host name does not change
  if_nametoindex: (t) => t.call('if_nametoindex', ['lo']),
  if_indextoname: (t) => t.call('if_indextoname', [1], isText),
  if_nameindex: (t) => t.call('if_nameindex', [], isBuffer),
  getifaddrs: (t) => t.call('getifaddrs', [], isBuffer),

  // Without a reactor in this environment. For those with one, see worker.js.
  reactorStart: (t) => t.call('reactorStart', [new Int32Array(1), () => {}]),
  reactorControl: (t) => t.call('reactorControl', [s.EPOLL_CTL_ADD, -1, s.EPOLLIN, 1]),
  reactorRenew: (t) => t.call('reactorRenew', [0]),
  reactorRef: (t) => t.call('reactorRef', [1], isVoid),
  reactorThreadStart: (t) => t.call('reactorThreadStart', [new Int32Array(1), () => {}]),
  disown: owning((t, fd) => t.call('disown', [fd])),
  hold: owning((t, fd) => t.call('hold', [fd])),
  closeHeld: owning((t, fd) => {
    t.call('hold', [fd]);
    t.call('closeHeld', [fd]);
  }),
  handOver: owning((t, fd) => t.call('handOver', [fd])),
  handOverReceived: onPair((t, a, b) => t.call('handOverReceived', [arrived(t, a, b)])),
  closeReceived: onPair((t, a, b) => t.call('closeReceived', [arrived(t, a, b), 1])),

  ringMap: onRing((t, fd, size) => {
    const id = t.call('ringMap', [fd, size]);
    t.pause();
    if (id >= 0) t.native.ringUnmap(id);
  }),
  ringBuffer: withRing(async (t, id) => {
    let buffer = t.call('ringBuffer', [id], (value) => value === undefined || isBuffer(value));
    buffer = undefined;
    return buffer;
  }),
  ringLoad: withRing((t, id) => t.call('ringLoad', [id, 0])),
  ringStore: withRing((t, id) => t.call('ringStore', [id, 0, 0])),
  ringRead: withRing((t, id) => t.call('ringRead', [id, 0, bytes()])),
  ringWrite: withRing((t, id) => t.call('ringWrite', [id, 0, bytes()])),
  ringUnmap: withRing((t, id) => {
    t.call('ringUnmap', [id]);
    // The same with a ring that has an ArrayBuffer.
    t.pause();
    const other = t.map();
    t.native.ringBuffer(other);
    t.resume();
    t.call('ringUnmap', [other]);
    t.pause();
    t.native.ringUnmap(other);
  }),
};

/** Runs with a file descriptor that nobody owns afterwards, and closes it if it is still open. */
function owning(run) {
  return (t) => {
    const fd = udp();
    run(t, fd);
    t.done = () => {
      t.native.disown(fd);
      nothrow.close(fd);
    };
  };
}

/** Receives two file descriptors, and closes those that are still open afterwards; returns their receipt. */
function arrived(t, a, b) {
  t.pause();
  const control = bytes(64);
  s.sendmsg(b, { buffers: ['x'], control: [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [a, b] }] });
  t.native.recvmsg(a, [bytes()], undefined, control, 0);
  t.done = () => {
    for (const { fds } of s.decodeControl(control)) fds.forEach(nothrow.close);
  };
  t.resume();
  return t.native.out[10];
}

function pinned(t, call, fd, data, address) {
  const { native } = t;
  if (t.call('pin', [0, data]) !== data.byteLength) return;
  if (address !== undefined && t.call('pin', [1, address]) !== address.byteLength) return;
  native.out.set([0, 0, 0, 0, fd, 0, -1, 0, data.byteLength]);
  t.call(call, [], isVoid);
}

function acceptAll() {
  return new Uint8Array(Uint16Array.of(6, 0, 0xffff, 0).buffer);
}

/** A packet socket with a ring. */
export function ringSocket() {
  const fd = s.socket(s.AF_PACKET, s.SOCK_RAW, 0);
  // struct tpacket_req: block size, blocks, frame size, frames.
  s.setsockopt(
    fd,
    s.SOL_PACKET,
    s.PACKET_RX_RING,
    new Uint8Array(Uint32Array.of(4096, RING / 4096, 2048, RING / 2048).buffer),
  );
  return fd;
}

export const ringSize = RING;

function onRing(run) {
  const step = (t) => {
    const fd = ringSocket();
    t.done = () => close(fd);
    return run(t, fd, RING);
  };
  return Object.assign(step, { needs: 'packet', memory: RING });
}

function withRing(run) {
  return onRing((t, fd, size) => {
    t.pause();
    t.map = () => t.native.ringMap(fd, size);
    const id = t.map();
    t.resume();
    const end = () => {
      t.pause();
      if (id >= 0) t.native.ringUnmap(id);
      t.collect = true;
    };
    const result = run(t, id);
    if (result instanceof Promise) return result.finally(end);
    end();
    return result;
  });
}

/** Whether this machine allows packet sockets. */
export function can(what) {
  if (what !== 'packet') return true;
  try {
    close(ringSocket());
    return true;
  } catch {
    return false;
  }
}
