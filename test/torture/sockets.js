// Sockets of every kind in every state that options depend on. Each entry returns its file descriptor and the values
// that its options were set to: other buffers for the same state start from these (which group, which interface, which
// key).

import * as s from '../../dist/index.js';
import * as nothrow from '../../dist/nothrow.js';

const LO = 1;
const AF_INET_BYTES = Uint8Array.of(2, 0, 0, 0, 224, 0, 0, 200);
const GROUP6 = Uint8Array.of(10, 0, 0, 0, 0, 0, 0, 0, 0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x12, 0x34);

/** struct group_req, or the start of struct group_filter: the interface, and a sockaddr_storage. */
function group(family, size) {
  const value = new Uint8Array(size);
  new DataView(value.buffer).setUint32(0, LO, true);
  value.set(family === s.AF_INET ? AF_INET_BYTES : GROUP6, 8);
  return value;
}

/** struct group_filter with this many sources. */
function groupFilter(family, sources) {
  const value = group(family, 144 + 128 * sources);
  const view = new DataView(value.buffer);
  view.setUint32(136, 1, true);
  view.setUint32(140, sources, true);
  for (let i = 0; i < sources; i++) {
    const at = 144 + 128 * i;
    if (family === s.AF_INET) value.set([2, 0, 0, 0, 10, 0, 0, 1 + i], at);
    else value.set([10, 0, 0, 0, 0, 0, 0, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 + i], at);
  }
  return value;
}

/** struct ip_msfilter with this many sources. */
function ipFilter(sources) {
  const value = new Uint8Array(16 + 4 * sources);
  value.set([224, 0, 0, 200, 127, 0, 0, 1, 1, 0, 0, 0, sources], 0);
  for (let i = 0; i < sources; i++) value.set([10, 0, 0, 1 + i], 16 + 4 * i);
  return value;
}

const words = (...numbers) => new Uint8Array(Uint32Array.from(numbers).buffer);
const loopback = (family) => ({ family, address: family === s.AF_INET ? '127.0.0.1' : '::1', port: 0 });
const MCAST_JOIN_GROUP = 42;
const MCAST_MSFILTER = 48;
const IP_MSFILTER = 41;

/** A socket that records the options that are set on it. */
class Made {
  others = [];
  seeds = [];

  constructor(...socket) {
    this.fd = s.socket(socket[0], socket[1] | s.SOCK_NONBLOCK, socket[2] ?? 0);
  }

  set(level, name, value) {
    this.seeds.push({ level, value: typeof value === 'number' ? words(value) : value });
    s.setsockopt(this.fd, level, name, value);
    return this;
  }

  /** The same for options that the kernel may lack. */
  try(level, name, value) {
    try {
      this.set(level, name, value);
    } catch {}
    return this;
  }

  close() {
    for (const fd of [this.fd, ...this.others]) nothrow.close(fd);
  }
}

const inet = {
  tcp4: [s.AF_INET, s.SOCK_STREAM],
  tcp6: [s.AF_INET6, s.SOCK_STREAM],
  udp4: [s.AF_INET, s.SOCK_DGRAM],
  udp6: [s.AF_INET6, s.SOCK_DGRAM],
};
const other = {
  raw4: [s.AF_INET, s.SOCK_RAW, 255],
  raw6: [s.AF_INET6, s.SOCK_RAW, 58],
  icmp4: [s.AF_INET, s.SOCK_RAW, 1],
  unixStream: [s.AF_UNIX, s.SOCK_STREAM],
  unixDatagram: [s.AF_UNIX, s.SOCK_DGRAM],
  packet: [s.AF_PACKET, s.SOCK_RAW, 0],
  route: [s.AF_NETLINK, s.SOCK_RAW, 0],
  generic: [s.AF_NETLINK, s.SOCK_RAW, 16],
  vsock: [40, s.SOCK_STREAM],
  sctp: [s.AF_INET, s.SOCK_STREAM, 132],
  mptcp: [s.AF_INET, s.SOCK_STREAM, 262],
  udplite: [s.AF_INET, s.SOCK_DGRAM, 136],
};

function bound(kind) {
  const made = new Made(...inet[kind]);
  s.bind(made.fd, loopback(inet[kind][0]));
  return made;
}

function listening(kind) {
  const made = bound(kind);
  s.listen(made.fd, 1);
  return made;
}

function connected(kind) {
  const [family, type] = inet[kind];
  const peer = type === s.SOCK_STREAM ? listening(kind) : bound(kind);
  const made = new Made(family, type);
  made.others.push(peer.fd);
  try {
    s.connect(made.fd, s.getsockname(peer.fd));
  } catch (error) {
    if (error.code !== 'EINPROGRESS') throw error;
  }
  return made;
}

function joined(kind) {
  const family = inet[kind][0];
  const level = family === s.AF_INET ? s.IPPROTO_IP : s.IPPROTO_IPV6;
  const made = new Made(...inet[kind]);
  made.set(level, MCAST_JOIN_GROUP, group(family, 136));
  return made.set(level, MCAST_MSFILTER, groupFilter(family, family === s.AF_INET ? 10 : 64));
}

function md5(kind) {
  const made = bound(kind);
  const key = new Uint8Array(216); // struct tcp_md5sig: address, flags, prefix, length, interface, key
  key.set(s.encodeAddress({ ...loopback(inet[kind][0]), port: 9 }));
  key.set([4, 0], 130);
  key.set([1, 2, 3, 4], 136);
  return made.try(s.IPPROTO_TCP, 14, key);
}

function authentication(kind) {
  const made = bound(kind);
  const key = new Uint8Array(288); // struct tcp_ao_add
  key.set(s.encodeAddress(loopback(inet[kind][0])));
  key.set(Buffer.from('hmac(sha1)'), 128);
  return made.set(s.IPPROTO_TCP, 38, key);
}

const acceptAll = () => new Uint8Array(Uint16Array.of(6, 0, 0xffff, 0).buffer);

export const states = {
  ...Object.fromEntries(
    Object.entries({ ...inet, ...other }).map(([kind, socket]) => [`${kind} fresh`, () => new Made(...socket)]),
  ),
  ...Object.fromEntries(Object.keys(inet).map((kind) => [`${kind} bound`, () => bound(kind)])),
  ...Object.fromEntries(Object.keys(inet).map((kind) => [`${kind} connected`, () => connected(kind)])),
  'tcp4 listening': () => listening('tcp4'),
  'tcp6 listening': () => listening('tcp6'),
  'udp4 joined': () => joined('udp4'),
  'udp6 joined': () => joined('udp6'),
  'udp4 joined, ip_msfilter': () => {
    const made = new Made(...inet.udp4);
    made.set(s.IPPROTO_IP, s.IP_ADD_MEMBERSHIP, Uint8Array.of(224, 0, 0, 200, 127, 0, 0, 1));
    return made.set(s.IPPROTO_IP, IP_MSFILTER, ipFilter(10));
  },
  'tcp4 md5': () => md5('tcp4'),
  'tcp6 md5': () => md5('tcp6'),
  'tcp4 authentication': () => authentication('tcp4'),
  'tcp4 tls': () => connected('tcp4').set(s.IPPROTO_TCP, 31, Uint8Array.from(Buffer.from('tls\0'))),
  'udp4 filter': () => {
    const made = new Made(...inet.udp4);
    nothrow.attachFilter?.(made.fd, acceptAll());
    return made;
  },
  'udp4 everything received': () => {
    const made = bound('udp4');
    for (const name of [1, 2, 6, 7, 8, 10, 11, 12, 13, 18, 19, 20, 25]) made.try(s.IPPROTO_IP, name, 1);
    return made;
  },
  'udp6 everything received': () => {
    const made = bound('udp6');
    for (const name of [2, 3, 4, 5, 6, 8, 25, 49, 51, 53, 54, 56, 58, 60, 66, 74, 75, 76])
      made.try(s.IPPROTO_IPV6, name, 1);
    return made;
  },
  'unix pair': () => {
    const made = new Made(...other.unixStream);
    nothrow.close(made.fd);
    const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM | s.SOCK_NONBLOCK);
    made.fd = a;
    made.others.push(b);
    return made.try(s.SOL_SOCKET, s.SO_PASSCRED, 1);
  },
  'packet ring': () => new Made(...other.packet).set(s.SOL_PACKET, s.PACKET_RX_RING, words(4096, 4, 2048, 8)),
  'packet fanout': () => {
    const made = new Made(s.AF_PACKET, s.SOCK_RAW, 0);
    s.bind(made.fd, {
      family: s.AF_PACKET,
      protocol: 3,
      ifindex: LO,
      hatype: 0,
      pkttype: 0,
      address: new Uint8Array(),
    });
    return made.try(s.SOL_PACKET, 18, words(7));
  },
  'packet member': () =>
    new Made(...other.packet).set(s.SOL_PACKET, 1, Uint8Array.of(LO, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0)),
  'route member': () => new Made(...other.route).try(270, 1, 1).try(270, 1, 36).try(270, 1, 5),
};

export function make(state) {
  return states[state]();
}
