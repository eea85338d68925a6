// Every call that reads or writes memory, on memory that another thread writes: run by shared-memory.js.
import { readdirSync, readlinkSync } from 'node:fs';
import * as s from '../../dist/index.js';
import { native } from '../../dist/native/native.js';
import * as nothrow from '../../dist/nothrow.js';

/** The open file descriptors, except that of the folder that lists them. */
export function openNow() {
  const open = new Set();
  for (const fd of readdirSync('/proc/self/fd')) {
    try {
      readlinkSync(`/proc/self/fd/${fd}`);
      open.add(Number(fd));
    } catch {
      // closed by now
    }
  }
  return open;
}

/** Every call that reads or writes memory, on windows of it. `settle` restores the sockets. */
export function everyCall({ w, ints, tracking }) {
  const opened = [];
  const open = (fd) => {
    opened.push(fd);
    return fd;
  };
  const pair = (type) => s.socketpair(s.AF_UNIX, type).map(open);
  const [a, b] = pair(s.SOCK_STREAM);
  const [c, d] = pair(s.SOCK_DGRAM);
  const [pipeIn, pipeOut] = pair(s.SOCK_SEQPACKET);
  // Calls wait for a moment: without data they would not see much of what the other thread writes.
  for (const fd of [a, b, c, d, pipeIn, pipeOut]) {
    s.setOption(fd, 'SO_RCVTIMEO', { sec: 0, usec: 1000 });
    s.setOption(fd, 'SO_SNDTIMEO', { sec: 0, usec: 1000 });
  }
  const udp = open(s.socket(s.AF_INET, s.SOCK_DGRAM | s.SOCK_NONBLOCK));
  s.bind(udp, { family: s.AF_INET, address: '127.0.0.1', port: 0 });
  const listener = open(s.socket(s.AF_INET, s.SOCK_STREAM | s.SOCK_NONBLOCK));
  s.bind(listener, { family: s.AF_INET, address: '127.0.0.1', port: 0 });
  s.listen(listener);
  const filtered = open(s.socket(s.AF_INET, s.SOCK_DGRAM));
  const group = Buffer.alloc(136);
  group.writeUInt32LE(1); // the loopback interface
  group.set(s.encodeAddress({ family: s.AF_INET, address: '239.1.2.3', port: 0 }), 8);
  nothrow.setsockopt(filtered, s.IPPROTO_IP, s.MCAST_JOIN_GROUP, group);
  const victims = Array.from({ length: 4 }, () => open(s.socket(s.AF_INET, s.SOCK_DGRAM)));

  const settle = () => {
    const into = Buffer.alloc(65536);
    for (const fd of [a, b, c, d, pipeIn, pipeOut]) while (nothrow.recv(fd, into, s.MSG_DONTWAIT) > 0);
  };
  const rights = [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [a, b] }];
  const arrived = () => s.sendmsg(c, { buffers: ['data'], control: rights });
  /** Receives with `receive`, and closes all file descriptors that were not open before. */
  const receiving = (receive) => () => {
    const before = openNow();
    for (let i = 0; i < 4; i++) arrived();
    try {
      receive();
    } finally {
      for (const fd of openNow()) if (!before.has(fd)) s.close(fd);
    }
  };
  const batch = () => [ints(Int32Array, 16), w(256), w(512), w(96), 64, 24];
  const storage = (size) => ({ bytes: w(size), length: 0 });
  const options = [
    [filtered, s.IPPROTO_IP, s.MCAST_MSFILTER, 1040],
    [filtered, s.IPPROTO_IP, s.IP_MSFILTER, 64],
    [listener, s.IPPROTO_TCP, s.TCP_INFO, 256],
    [a, s.SOL_SOCKET, s.SO_PEERGROUPS, 64],
    [a, s.SOL_SOCKET, s.SO_PEERCRED, 20],
    [udp, s.SOL_SOCKET, s.SO_BINDTODEVICE, 16],
    [udp, s.SOL_SOCKET, s.SO_LINGER, 8],
    [udp, s.SOL_SOCKET, s.SO_RCVTIMEO, 16],
    [udp, s.IPPROTO_IP, s.IP_TOS, 1],
  ];
  const each = (list, call) => () => {
    for (const item of list) {
      try {
        call(item);
      } catch (error) {
        if (!s.isErrno(error) && !(error instanceof RangeError)) throw error;
      }
    }
  };
  const calls = {
    read: () => {
      s.send(b, 'data');
      s.read(a, w(64));
    },
    'read, waiting': () => nothrow.read(a, w(4096)),
    write: () => s.write(a, w(2000)),
    readv: () => {
      s.send(b, 'data');
      s.readv(a, [w(1), w(3), w(64)]);
    },
    writev: () => s.writev(a, [w(1), w(1040), w(64)]),
    send: () => s.send(c, w(256), s.MSG_DONTWAIT),
    'send, growing': () => s.send(c, tracking, s.MSG_DONTWAIT),
    'recv, growing': () => {
      s.send(c, 'x'.repeat(100));
      s.recv(d, tracking);
    },
    sendto: () => nothrow.sendto(c, w(64), s.MSG_DONTWAIT, w(28)),
    'sendto, pinned': () => {
      const [data, name] = [w(64), w(128)];
      for (let i = 0; i < 4; i++) nothrow.sendto(c, data, s.MSG_DONTWAIT, name);
    },
    sendmsg: () => nothrow.sendmsg(c, { buffers: [w(16), w(64)], address: w(28), control: w(64) }, s.MSG_DONTWAIT),
    'sendmsg, control': () => nothrow.sendmsg(c, { buffers: [w(16)], control: w(2000) }, s.MSG_DONTWAIT),
    sendmmsg: () => native.sendmmsg(c, ...batch(), 0, 4, s.MSG_DONTWAIT),
    recv: () => {
      s.send(c, 'data');
      s.recv(d, w(3));
    },
    'recv, pinned': () => {
      const buffer = w(64);
      for (let i = 0; i < 4; i++) {
        s.send(c, 'data');
        nothrow.recv(d, buffer);
      }
    },
    'recv, waiting': () => nothrow.recv(d, w(4096)),
    recvfrom: () => {
      s.sendto(udp, 'x', 0, s.getsockname(udp));
      nothrow.recvfrom(udp, w(8), 0, storage(16));
    },
    'recvfrom, waiting': () => nothrow.recvfrom(d, w(8), 0, storage(128)),
    recvmsg: receiving(() => {
      for (const size of [16, 20, 24, 128, 2000]) {
        nothrow.recvmsg(d, { buffers: [w(3), w(64)], name: storage(128), control: w(size) }, s.MSG_DONTWAIT);
      }
    }),
    'recvmsg, a setter that throws': receiving(() => {
      const message = {
        buffers: [w(8)],
        control: w(128),
        set flags(value) {
          if (value !== 0) throw new RangeError('the result cannot be stored');
        },
      };
      nothrow.recvmsg(d, message, s.MSG_CMSG_CLOEXEC);
    }),
    'recvmsg, waiting': () => nothrow.recvmsg(d, { buffers: [w(8)], control: w(128) }),
    recvmmsg: receiving(() => {
      const n = native.recvmmsg(d, ...batch(), s.MSG_DONTWAIT);
      if (n > 0) native.closeReceived(native.out[11] * 2 ** 32 + (native.out[10] >>> 0), 4);
    }),
    poll: () => native.poll(ints(Int16Array, 64), 1),
    ppoll: () => native.ppoll(ints(Int16Array, 64), 0, 1000, ints(Int32Array, 8)),
    select: () => native.select(ints(Int32Array, 8), ints(Int32Array, 4), ints(Int32Array, 2), 0, 1000),
    pselect: () =>
      native.pselect(ints(Int32Array, 8), ints(Int32Array, 4), new Int32Array(), 0, 1000, ints(Int32Array, 4)),
    getsockopt: each(options, ([fd, level, name, size]) => nothrow.getsockopt(fd, level, name, w(size))),
    setsockopt: each(options, ([fd, level, name, size]) => nothrow.setsockopt(fd, level, name, w(size))),
    attachFilter: () => native.attachFilter(udp, s.SOL_SOCKET, s.SO_ATTACH_FILTER, w(64)),
    ioctl: each([s.SIOCGIFMTU, s.SIOCGIFADDR, s.SIOCGIFHWADDR, s.SIOCGIFNAME, s.SIOCGIFINDEX], (request) =>
      nothrow.ioctl(udp, request, w(40)),
    ),
    ioctlData: each(
      [s.ETHTOOL_GDRVINFO, s.ETHTOOL_GSTRINGS, s.ETHTOOL_GSSET_INFO, s.ETHTOOL_GLINKSETTINGS],
      (command) => {
        const data = w(196);
        new DataView(data.buffer, data.byteOffset).setUint32(0, command, true);
        nothrow.ioctlData(udp, s.SIOCETHTOOL, new Uint8Array(40), data); // for an interface that does not exist
      },
    ),
    connect: () => {
      const fd = s.socket(s.AF_INET, s.SOCK_DGRAM);
      try {
        nothrow.connect(fd, w(16));
      } finally {
        s.close(fd);
      }
    },
    bind: () => nothrow.bind(udp, w(28)),
    'connect of AF_UNIX': () => nothrow.connect(c, w(40)),
    accept4: () => nothrow.accept(listener, storage(28)),
    getsockname: each([16, 28, 128], (size) => nothrow.getsockname(udp, storage(size))),
    getpeername: each([3, 128], (size) => nothrow.getpeername(a, storage(size))),
    getnameinfo: () => s.getnameinfo(w(28), s.NI_NUMERICHOST | s.NI_NUMERICSERV),
    inet_ntop: each([4, 16], (size) => s.inet_ntop(size === 4 ? s.AF_INET : s.AF_INET6, w(size))),
    inet_pton: () => native.inet_pton(s.AF_INET6, '::1', w(16)),
    inet_aton: () => native.inet_aton('127.1', w(4)),
    checksum: () => native.checksumSum(w(2000), 1, 1999),
    decodeControl: () => s.decodeControl(w(512)),
    decodeAddress: each([3, 16, 28, 128], (size) => s.decodeAddress(w(size), size)),
  };
  return { calls, victims, settle, opened };
}
