import { describe, expect, test } from 'vitest';
import * as s from '../lib/index.ts';
import * as nothrow from '../lib/nothrow.ts';
import * as p from '../lib/packet/index.ts';
import * as promises from '../lib/promises.ts';

// Every object of names that the library accepts: each name is misspelt in turn, which throws and suggests the right name.

type Fields = { [name: string]: unknown };
type Call = (given: never) => unknown;

const bytes = new Uint8Array(4);
const address = { family: s.AF_INET, address: '127.0.0.1', port: 9 } as const;
const encode = (given: Fields) => s.encodeAddress(given as never);
const control = (given: Fields) => s.encodeControl([given as never]);
const packet = (given: Fields) => p.encodePacket([given as never], { pseudoHeader: pseudo });
const pseudo = { sourceAddress: '127.0.0.1', destinationAddress: '127.0.0.2' };
const ignore = () => {};
const aborted = AbortSignal.abort();
const [stdin] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
const message = (given: Fields) => s.sendmsg(-1, given as never);
const filter = p.compileFilter(p.parseFilter('udp'));

/** A function, its arguments, and its name in errors. */
const objects: { [what: string]: [call: Call, given: Fields, argument: string] } = {
  AF_INET: [encode, { ...address }, 'address'],
  AF_INET6: [encode, { family: s.AF_INET6, address: '::1', port: 9, flowinfo: 0, scopeId: 1 }, 'address'],
  AF_UNIX: [encode, { family: s.AF_UNIX, path: '/tmp/x' }, 'address'],
  AF_PACKET: [
    encode,
    { family: s.AF_PACKET, ifindex: 1, protocol: 3, hatype: 1, pkttype: 0, address: bytes },
    'address',
  ],
  AF_NETLINK: [encode, { family: s.AF_NETLINK, pid: 0, groups: 0 }, 'address'],
  AF_VSOCK: [encode, { family: s.AF_VSOCK, cid: 1, port: 9, flags: 0 }, 'address'],
  'another family': [encode, { family: 99, data: bytes }, 'address'],

  sendmsg: [message, { buffers: [], address, control: [] }, 'message'],
  'sendmsg of a Socket': [
    (given) => {
      const pair = s.Socket.pair();
      try {
        return pair[0].sendmsgSync(given as never);
      } finally {
        for (const socket of pair) socket.close();
      }
    },
    { buffers: [], address, control: [] },
    'message',
  ],
  'sendmsg of nothrow': [(given) => nothrow.sendmsg(-1, given), { buffers: [], address, control: [] }, 'message'],
  recvmsg: [(given) => s.recvmsg(-1, given), { buffers: [], controlLength: 0 }, 'message'],
  'recvmsg of nothrow': [
    (given) => nothrow.recvmsg(-1, given),
    { buffers: [], name: new s.SockaddrStorage(), control: bytes, controlLength: 0, flags: 0 },
    'message',
  ],
  MessageBatch: [(given) => new s.MessageBatch(given), { messages: 1, size: 1, controlLength: 0 }, 'options'],
  poll: [(given) => s.poll([given], 0), { fd: -1, events: 0 }, 'fds'],
  ppoll: [(given) => s.ppoll([given], 0n), { fd: -1, events: 0 }, 'fds'],
  'poll of nothrow': [(given) => nothrow.poll([given], 0), { fd: -1, events: 0, revents: 0 }, 'fds'],
  'filter instructions': [(given) => s.encodeFilter([given]), { code: 6, jt: 0, jf: 0, k: 0 }, 'program'],
  encodeNetlink: [(given) => s.encodeNetlink([given]), { type: 0, flags: 0, seq: 0, pid: 0, data: bytes }, 'message'],
  encodeAttributes: [(given) => s.encodeAttributes([given]), { type: 0, data: bytes }, 'attribute'],

  getaddrinfo: [
    (given) => s.getaddrinfo('127.0.0.1', 9, given),
    { flags: 0, family: 0, socktype: 0, protocol: 0 },
    'hints',
  ],
  'getaddrinfo of promises': [
    (given) => promises.getaddrinfo('127.0.0.1', 9, given),
    { flags: 0, family: 0, socktype: 0, protocol: 0, signal: new AbortController().signal },
    'hints',
  ],
  getnameinfo: [
    (given) => promises.getnameinfo(address, s.NI_NUMERICHOST, given),
    { signal: new AbortController().signal },
    'options',
  ],
  gethostbyname: [
    (given) => promises.gethostbyname('127.0.0.1', given),
    { signal: new AbortController().signal },
    'options',
  ],

  readable: [(given) => s.readable(stdin, given), { signal: aborted, timeout: 1 }, 'options'],
  onReadable: [
    (given) => s.onReadable(stdin, ignore, given).stop(),
    { signal: new AbortController().signal, onError: ignore },
    'options',
  ],
  makefile: [
    (given) => {
      const [one, two] = s.Socket.pair();
      one.close();
      try {
        two.makefile(given).destroy();
      } finally {
        two.close();
      }
    },
    { allowHalfOpen: true, fds: 0, readableHighWaterMark: 1, writableHighWaterMark: 1 },
    'options',
  ],
  createConnection: [
    (given) => s.createConnection(given),
    {
      host: '127.0.0.1',
      port: 9,
      family: 0,
      protocol: 0,
      localAddress: '127.0.0.1',
      localPort: 0,
      control: ignore,
      attemptDelay: 1,
      noDelay: true,
      keepAlive: true,
      signal: aborted,
      timeout: 1,
    },
    'options',
  ],
  'createConnection to a path': [
    (given) => s.createConnection(given),
    { path: '/nonexistent', type: s.SOCK_STREAM, control: ignore, signal: aborted, timeout: 1 },
    'options',
  ],
  createServer: [
    (given) => (s.createServer(given) as s.Socket).close(),
    {
      host: '127.0.0.1',
      port: 0,
      protocol: 0,
      reusePort: false,
      dualStack: false,
      backlog: 1,
      control: ignore,
      noDelay: true,
      keepAlive: true,
    },
    'options',
  ],
  'createServer of a path': [
    (given) => (s.createServer(given) as s.Socket).close(),
    {
      path: '\0sys-socket known names',
      type: s.SOCK_STREAM,
      mode: undefined,
      stale: 'fail',
      backlog: 1,
      control: ignore,
    },
    'options',
  ],

  'a raw control message': [control, { level: 1, type: 99, data: bytes }, 'control'],
  SCM_RIGHTS: [control, { level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [] }, 'control'],
  SCM_CREDENTIALS: [control, { level: s.SOL_SOCKET, type: s.SCM_CREDENTIALS, pid: 1, uid: 0, gid: 0 }, 'control'],
  SCM_PIDFD: [control, { level: s.SOL_SOCKET, type: s.SCM_PIDFD, pidfd: 0 }, 'control'],
  SCM_TIMESTAMPNS: [control, { level: s.SOL_SOCKET, type: s.SCM_TIMESTAMPNS, nanoseconds: 0n }, 'control'],
  SCM_TIMESTAMPING: [control, { level: s.SOL_SOCKET, type: s.SCM_TIMESTAMPING, software: 0n, hardware: 0n }, 'control'],
  SO_RXQ_OVFL: [control, { level: s.SOL_SOCKET, type: s.SO_RXQ_OVFL, value: 0 }, 'control'],
  IP_PKTINFO: [
    control,
    { level: s.IPPROTO_IP, type: s.IP_PKTINFO, ifindex: 0, specDst: '127.0.0.1', addr: '127.0.0.1' },
    'control',
  ],
  IPV6_PKTINFO: [control, { level: s.IPPROTO_IPV6, type: s.IPV6_PKTINFO, addr: '::1', ifindex: 0 }, 'control'],
  IP_TTL: [control, { level: s.IPPROTO_IP, type: s.IP_TTL, value: 1 }, 'control'],
  IP_TOS: [control, { level: s.IPPROTO_IP, type: s.IP_TOS, value: 1 }, 'control'],
  TCP_CM_INQ: [control, { level: s.SOL_TCP, type: s.TCP_CM_INQ, value: 1 }, 'control'],
  UDP_SEGMENT: [control, { level: s.SOL_UDP, type: s.UDP_SEGMENT, value: 1 }, 'control'],
  IP_ORIGDSTADDR: [control, { level: s.IPPROTO_IP, type: s.IP_ORIGDSTADDR, address }, 'control'],
  IP_RECVERR: [
    control,
    {
      level: s.IPPROTO_IP,
      type: s.IP_RECVERR,
      error: { errno: 1, origin: 0, type: 0, code: 0, info: 0, data: 0 },
      offender: undefined,
    },
    'control',
  ],
  'the error of IP_RECVERR': [
    (error) => control({ level: s.IPPROTO_IP, type: s.IP_RECVERR, error, offender: undefined }),
    { errno: 1, origin: 0, type: 0, code: 0, info: 0, data: 0 },
    'control.error',
  ],
  PACKET_AUXDATA: [
    control,
    {
      level: s.SOL_PACKET,
      type: s.PACKET_AUXDATA,
      status: 0,
      len: 0,
      snaplen: 0,
      mac: 0,
      net: 0,
      vlanTci: 0,
      vlanTpid: 0,
    },
    'control',
  ],

  openCapture: [
    (given) => p.openCapture({ ...(given as Fields), snaplen: -1 } as never),
    {
      interface: 'lo',
      filter,
      promiscuous: false,
      immediate: false,
      ringSize: 0,
      fanout: { id: 1, type: 0 },
      direction: 'both',
      hardwareTimestamps: false,
      signal: new AbortController().signal,
    },
    'options',
  ],
  'the fanout of openCapture': [
    (given) => p.openCapture({ interface: 999_999, fanout: given }),
    { id: 1, type: 0, flags: s.PACKET_FANOUT_FLAG_DEFRAG },
    'options.fanout',
  ],
  'the fanout of openCapture for received packets': [
    (given) => p.openCapture({ interface: 999_999, direction: 'in', fanout: given }),
    { id: 1, type: 0, flags: s.PACKET_FANOUT_FLAG_DEFRAG },
    'options.fanout',
  ],
  CaptureReader: [(given) => new p.CaptureReader(given), { filter: 'udp' }, 'options'],
  openTransmitRing: [
    (given) => p.openTransmitRing({ ...(given as Fields), interface: 'no such interface' } as never),
    { ringSize: 65536, frameSize: 2048 },
    'options',
  ],
  compileFilter: [(given) => p.compileFilter(p.parseFilter('ip'), given), { linktype: 1, snaplen: 9 }, 'options'],
  'match.bytes': [(given) => p.match.bytes('ip', 0, '=', 0, given), { size: 1, mask: 1 }, 'options'],
  offlineFilter: [
    (given) => p.offlineFilter(filter)(new Uint8Array(99), given),
    {
      length: 99,
      networkOffset: 14,
      protocol: 0,
      pkttype: 0,
      ifindex: 0,
      hatype: 0,
      mark: 0,
      queue: 0,
      rxhash: 0,
      cpu: 0,
      random: 0,
      payloadOffset: 0,
      vlanTci: 0,
      vlanTpid: 0,
    },
    'context',
  ],
  encodePacket: [(given) => p.encodePacket([], given), { pseudoHeader: pseudo }, 'options'],
  decodePacket: [(given) => p.decodePacket(bytes, given), { first: 'ip', pseudoHeader: pseudo }, 'options'],
  PcapWriter: [(given) => new p.PcapWriter(ignore, given), { linktype: 1, snaplen: 1, resolution: 'us' }, 'options'],
  PcapngWriter: [
    (given) => new p.PcapngWriter(ignore, given),
    { hardware: 'a', os: 'a', application: 'a', comment: 'a' },
    'options',
  ],
  addInterface: [
    (given) => new p.PcapngWriter(ignore).addInterface(given),
    { linktype: 1, snaplen: 0, name: 'a', description: 'a', hardware: 'a', os: 'a', filter: 'a', speed: 1n },
    'interface',
  ],
  'write of pcap': [
    (given) => new p.PcapWriter(ignore).write(given),
    {
      timestamp: 0n,
      data: bytes,
      originalLength: 4,
      interfaceId: 0,
      comment: 'a',
      flags: 0,
      dropCount: 0n,
      linktype: 1,
    },
    'packet',
  ],
  statistics: [
    (given) => {
      const writer = new p.PcapngWriter(ignore);
      writer.addInterface({ linktype: 1, snaplen: 0 });
      return writer.statistics(given);
    },
    {
      interfaceId: 0,
      timestamp: 0n,
      startTime: 0n,
      endTime: 0n,
      received: 0n,
      dropped: 0n,
      filterAccepted: 0n,
      osDropped: 0n,
      delivered: 0n,
    },
    'statistics',
  ],
};

// Values of options whose type is a struct.
const structs: { [Name in string]: Fields } = {
  SO_LINGER: { onoff: true, linger: 1 },
  SO_RCVTIMEO: { sec: 0, usec: 0 },
  SO_TIMESTAMPING: { flags: 0, bindPhc: 0 },
  IP_ADD_MEMBERSHIP: { multiaddr: '224.0.0.1', address: '127.0.0.1', ifindex: 0 },
  IP_ADD_SOURCE_MEMBERSHIP: { multiaddr: '224.0.0.1', interface: '127.0.0.1', sourceaddr: '127.0.0.1' },
  IPV6_ADD_MEMBERSHIP: { multiaddr: 'ff02::1', ifindex: 1 },
  MCAST_JOIN_GROUP: { interface: 1, group: address },
  PACKET_ADD_MEMBERSHIP: { ifindex: 1, type: 1, address: bytes },
  PACKET_FANOUT: { id: 1, type: 0, flags: 0 },
  ICMP6_FILTER: { pass: [1] },
};
for (const [name, given] of Object.entries(structs)) {
  objects[name] = [(value) => s.setOption(-1, name as 'SO_LINGER', value), given, name];
}

// Headers: the decoded object contains every name of a layer.
const headers: Fields[] = [
  { layer: 'ethernet', destination: '02:00:00:00:00:01', source: '02:00:00:00:00:02', tags: [], etherType: 9 },
  {
    layer: 'arp',
    hardwareType: 1,
    protocolType: 0x800,
    hardwareLength: 6,
    protocolLength: 4,
    operation: 1,
    senderHardwareAddress: '02:00:00:00:00:01',
    senderProtocolAddress: '127.0.0.1',
    targetHardwareAddress: '02:00:00:00:00:02',
    targetProtocolAddress: '127.0.0.2',
  },
  ...(['hopByHop', 'destinationOptions'] as const).map((layer) => ({
    layer,
    nextHeader: 59,
    headerExtensionLength: 0,
    options: [],
  })),
  {
    layer: 'routing',
    nextHeader: 59,
    headerExtensionLength: 0,
    routingType: 9,
    segmentsLeft: 0,
    typeSpecific: 0,
    addresses: [],
    data: bytes,
  },
  {
    layer: 'fragment',
    nextHeader: 59,
    reserved: 0,
    fragmentOffset: 0,
    reserved2: 0,
    moreFragments: false,
    identification: 1,
  },
  { layer: 'payload', data: bytes },
  { layer: 'trailer', data: bytes },
];
const ip = { sourceAddress: '127.0.0.1', destinationAddress: '127.0.0.2' };
const ip6 = { sourceAddress: '::1', destinationAddress: '::2' };
const [ipv4, udp] = p.decodePacket(p.encodePacket([p.ipv4(ip), p.udp({ sourcePort: 1, destinationPort: 2 })]), {
  first: 'ip',
}).layers;
const [ipv6, tcp] = p.decodePacket(p.encodePacket([p.ipv6(ip6), p.tcp({ sourcePort: 1, destinationPort: 2 })]), {
  first: 'ip',
}).layers;
headers.push({ ...ipv4 }, { ...ipv6 }, { ...tcp }, { ...udp });
// Messages of each type: decoding returns the fields of the type.
const messages = [
  p.icmp({ type: s.ICMP_TIMESTAMP }),
  p.icmp({ type: s.ICMP_DEST_UNREACH }),
  p.icmp({ type: s.ICMP_PARAMETERPROB }),
  p.icmp({ type: s.ICMP_REDIRECT, gatewayInternetAddress: '127.0.0.1' }),
  p.icmpv6({ type: p.ICMPV6_ECHO_REQUEST }),
  p.icmpv6({ type: p.ICMPV6_PACKET_TOO_BIG }),
  p.icmpv6({ type: p.ICMPV6_PARAMETER_PROBLEM }),
  p.icmpv6({ type: p.ICMPV6_TIME_EXCEEDED }),
  p.icmpv6({ type: p.ICMPV6_ROUTER_ADVERTISEMENT }),
  p.icmpv6({ type: p.ICMPV6_NEIGHBOR_ADVERTISEMENT, targetAddress: '::1' }),
  p.icmpv6({ type: p.ICMPV6_REDIRECT, targetAddress: '::1', destinationAddress: '::2' }),
];
for (const message of messages) {
  const options = { first: message.layer, pseudoHeader: ip6 };
  const [layer] = p.decodePacket(p.encodePacket([message]), options).layers;
  headers.push({ ...layer });
}
for (const header of headers) {
  const type = String(header.layer).startsWith('icmp') ? ` of type ${header.type}` : '';
  objects[`layer ${header.layer}${type}`] = [packet, header, String(header.layer)];
}

const tag = { tpid: 0x8100, pcp: 1, dei: false, vid: 1 };
objects['VLAN tags'] = [(given) => packet({ ...headers[0], tags: [given] }), tag, 'ethernet.tags'];

// Options of headers, by the header that contains them.
const options: { [argument: string]: [header: Fields, list: Fields[]] } = {
  'ipv4.options': [
    { layer: 'ipv4', ...ip, protocol: 1 },
    [
      { name: 'endOfOptionList', data: bytes },
      ...['recordRoute', 'looseSourceRoute', 'strictSourceRoute'].map((name) => ({ name, pointer: 4, route: [] })),
      { name: 'timestamp', pointer: 5, overflow: 0, flag: 0, entries: [] },
      { name: 'routerAlert', value: 0 },
      { name: 'other', type: 99, data: bytes },
      { name: 'malformed', data: bytes },
    ],
  ],
  'tcp.options': [
    { layer: 'tcp', sourcePort: 1, destinationPort: 2 },
    [
      { name: 'maximumSegmentSize', maximumSegmentSize: 1 },
      { name: 'windowScale', shiftCount: 1 },
      { name: 'sackPermitted' },
      { name: 'sack', blocks: [] },
      { name: 'timestamps', tsVal: 1, tsEcr: 1 },
      { name: 'fastOpen', cookie: bytes },
      { name: 'md5Signature', digest: bytes },
      { name: 'other', kind: 99, data: bytes },
    ],
  ],
  'ipv6.options': [
    { layer: 'hopByHop', nextHeader: 59 },
    [
      { name: 'padN', length: 1 },
      { name: 'routerAlert', value: 0 },
      { name: 'jumboPayload', jumboPayloadLength: 1 },
      { name: 'other', type: 99, data: bytes },
    ],
  ],
  'icmpv6.options': [
    { layer: 'icmpv6', type: p.ICMPV6_ROUTER_ADVERTISEMENT },
    [
      { name: 'sourceLinkLayerAddress', linkLayerAddress: '02:00:00:00:00:01' },
      { name: 'redirectedHeader', reserved: bytes, data: bytes },
      { name: 'mtu', reserved: 0, mtu: 1 },
      {
        name: 'routeInformation',
        length: 1,
        prefixLength: 0,
        preference: 0,
        reserved: 0,
        routeLifetime: 1,
        prefix: '::',
      },
      { name: 'recursiveDnsServer', reserved: 0, lifetime: 1, addresses: [] },
      { name: 'dnsSearchList', reserved: 0, lifetime: 1, domainNames: [] },
      {
        name: 'prefixInformation',
        prefixLength: 64,
        onLink: true,
        autonomous: true,
        reserved1: 0,
        validLifetime: 1,
        preferredLifetime: 1,
        reserved2: 0,
        prefix: '::',
      },
    ],
  ],
};
for (const [argument, [header, list]] of Object.entries(options)) {
  for (const option of list) {
    objects[`${argument} ${option.name}`] = [(given) => packet({ ...header, options: [given] }), option, argument];
  }
}

/** Ways to misspell a name. */
const misspellings = (name: string) => [`${name}x`, name.slice(0, -1) + name.slice(-1).repeat(2), name.toUpperCase()];

async function errorOf(call: Call, given: Fields): Promise<unknown> {
  try {
    await call(given as never);
    return undefined;
  } catch (error) {
    return error;
  }
}

test('an address is refused whichever address was used before it', async () => {
  const socket = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
  const sending = (to: object) => socket.sendto('data', 0, to as s.AddressLike);
  await expect(sending({ family: s.AF_INET, address: '', port: -1 })).rejects.toThrow(/"address\./);
  await sending(address);
  await expect(sending({ ...address, prot: 9 })).rejects.toThrow(/"address\.prot" .* "address\.port"/);
  socket.close();
});

test('a name that no form of the options has is reported, but not one of another form', async () => {
  const calls: ((options: never) => unknown)[] = [s.createServer, s.createConnection];
  for (const call of calls) {
    const tell = async (given: Fields) => {
      try {
        await call(given as never);
      } catch (error) {
        return (error as Error).message.replace(/omitted: .*/, 'among the names');
      }
      return expect.unreachable();
    };
    expect(await tell({ type: 1, pathx: '/x' })).toBe('The "options.pathx" argument must be written "options.path"');
    expect(await tell({ pathx: '/x', type: 1 })).toBe('The "options.pathx" argument must be written "options.path"');
    expect(await tell({ path: '/x', tpye: 1 })).toBe('The "options.tpye" argument must be written "options.type"');
    expect(await tell({ port: 0, type: 1 })).toBe('The "options.type" argument must be among the names');
    expect(await tell({ path: '/x', port: 0 })).toBe('The "options.port" argument must be among the names');
  }
});

const isAboutNames = (error: unknown) =>
  String((error as Error | undefined)?.message).includes('must be omitted: the properties');

describe('a misspelt name throws, and the error suggests the right one', () => {
  for (const [what, [call, given, argument]] of Object.entries(objects)) {
    test(what, async () => {
      const right = await errorOf(call, given);
      expect(isAboutNames(right) || String(right).includes('must be written'), String(right)).toBe(false);
      expect(await errorOf(call, { ...given, unknown: undefined })).toEqual(right);
      expect(await errorOf(call, { ...given, zzzzzzzz: 1 })).toMatchObject({
        code: 'ERR_INVALID_ARG_VALUE',
        message: expect.stringContaining(
          `"${argument}.zzzzzzzz" argument must be omitted: the properties of "${argument}" are`,
        ),
      });
      for (const name of Object.keys(given)) {
        // For these, the meaning of an object depends on the value.
        if ((name === 'family' && argument === 'address') || name === 'layer' || name === 'level') continue;
        if (
          name === 'name' ||
          (name === 'type' && argument === 'control') ||
          (name === 'path' && argument === 'options')
        )
          continue;
        for (const misspelt of misspellings(name)) {
          if (misspelt in given) continue;
          const { [name]: value, ...rest } = given;
          if (value === undefined) continue;
          const error = await errorOf(call, { ...rest, [misspelt]: value });
          expect(error, misspelt).toBeInstanceOf(TypeError);
          expect(error, misspelt).toMatchObject({
            code: 'ERR_INVALID_ARG_VALUE',
            message: expect.stringContaining(`The "${argument}.${misspelt}" argument must be`),
          });
          expect((error as Error).message, misspelt).toContain(name);
        }
      }
    });
  }
});

test('an unknown name of an option or of a layer throws, and the error suggests the right one', () => {
  const refused = (header: Fields, text: string) =>
    expect(() => packet(header)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE', message: text }));
  const header = { layer: 'ipv4', ...ip, protocol: 1 };
  const route = { name: 'looseSourceRout', pointer: 4, route: ['127.0.0.1'] };
  refused({ ...header, options: [route] }, `The "ipv4.options.name" argument must be written 'looseSourceRoute'`);
  refused(
    { ...header, options: [{ name: 'routerAlrt', value: 0 }] },
    `The "ipv4.options.name" argument must be written 'routerAlert'`,
  );
  refused({ ...header, layer: 'ipv5' }, `The "layer" argument must be written 'ipv4'`);
  refused({ ...header, ttl: 1 }, 'The "ipv4.ttl" argument must be written "ipv4.timeToLive"');
  refused(
    { ...header, colour: 1 },
    expect.stringContaining('"ipv4.colour" argument must be omitted: the properties of "ipv4" are'),
  );
});

/** Values of every kind. */
const kinds = [undefined, null, 1, -1, 'x', {}, [], [null], Symbol('a'), 1n, true, ignore];
/** Numbers that are families, layers and levels, and names to resolve, are tested elsewhere. */
const lookedUp = /^(host|path)$/;

test('a value of a wrong type for any name works, or its error has a code', async () => {
  const faults: string[] = [];
  let calls = 0;
  for (const [what, [call, given]] of Object.entries(objects)) {
    for (const name of Object.keys(given)) {
      for (const value of kinds) {
        if (lookedUp.test(name) && typeof value === 'string') continue;
        const error = await errorOf(call, { ...given, [name]: value });
        calls++;
        const code = String((error as { code?: unknown } | undefined)?.code);
        if (error !== undefined && !/^(ERR_|E[A-Z0-9]+$|EAI_|HOST_|ABORT_ERR)/.test(code)) {
          faults.push(`${what}, ${name} = ${typeof value}: ${error}`);
        }
      }
    }
  }
  expect(faults).toEqual([]);
  expect(calls).toBeGreaterThan(3000);
});

test.each<[Call, Fields, string]>([
  ...['iface', 'device', 'dev', 'ifname'].map((name): [Call, Fields, string] => [
    p.openCapture,
    { [name]: 'lo' },
    'interface',
  ]),
  [p.openCapture, { snap: 64 }, 'snaplen'],
  [p.openCapture, { promisc: true }, 'promiscuous'],
  [(given) => new s.MessageBatch(given), { count: 1, size: 8 }, 'messages'],
  [message, { iov: [] }, 'buffers'],
  [encode, { family: s.AF_INET, ip: '127.0.0.1', port: 9 }, 'address'],
  [encode, { family: s.AF_PACKET, protocol: 3, interface: 1 }, 'ifindex'],
])('the error for a name of another interface names that of this one: %s %o %s', (call, given, right) => {
  expect(() => call(given as never)).toThrow(
    expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE', message: expect.stringContaining(`.${right}"`) }),
  );
});
