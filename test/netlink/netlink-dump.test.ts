import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as constants from '../../lib/native/constants.ts';
import { expectSameAnywhere, some, uint8, uint16, uint32 } from '../helpers/arbitrary-bytes.ts';
import { cleanup, openSockets } from '../helpers/fds.ts';
import { ipv6, namespaces, need, packetSockets, program } from '../helpers/need.ts';
import { link } from '../helpers/networks.ts';
import { python } from '../helpers/python.ts';

const little = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;

/** A struct ifinfomsg. */
function ifinfomsg(ifindex: number): Uint8Array {
  return new Uint8Array(Int32Array.of(0, ifindex, 0, 0).buffer);
}

const attributes = fc.array(fc.record({ type: uint16, data: some(0, 70) }), { maxLength: 8 });
const messages = fc.array(fc.record({ type: uint16, flags: uint16, seq: uint32, pid: uint32, data: some(0, 90) }), {
  maxLength: 6,
});

describe('decoding encoded values returns the originals', () => {
  test('messages', () => {
    fc.assert(
      fc.property(messages, (list) => {
        const bytes = s.encodeNetlink(list);
        expect(bytes.length % 4).toBe(0);
        expect(s.decodeNetlink(bytes)).toEqual(list);
      }),
      { numRuns: 500 },
    );
  });

  test('attributes', () => {
    fc.assert(
      fc.property(attributes, (list) => {
        const bytes = s.encodeAttributes(list);
        expect(bytes.length % 4).toBe(0);
        expect(s.decodeAttributes(bytes)).toEqual(list);
      }),
      { numRuns: 500 },
    );
  });

  test('nested attributes', () => {
    const inner = [{ type: s.IFLA_INFO_KIND, data: Buffer.from('veth') }];
    const outer = [
      { type: s.IFLA_IFNAME, data: Buffer.from('v0\0') },
      { type: s.IFLA_LINKINFO | s.NLA_F_NESTED, data: s.encodeAttributes(inner) },
    ];
    const [name, info] = s.decodeAttributes(s.encodeAttributes(outer));
    expect(name).toEqual(outer[0]);
    expect(info!.type & s.NLA_TYPE_MASK).toBe(s.IFLA_LINKINFO);
    expect(s.decodeAttributes(info!.data)).toEqual(inner);
  });

  test('empty lists are encoded as no bytes', () => {
    expect(s.encodeNetlink([])).toHaveLength(0);
    expect(s.encodeAttributes([])).toHaveLength(0);
  });

  test('the bytes have the layout of the C structs', () => {
    const pack = `print(json.dumps(struct.pack('=IHHII3sxIHHII', 19, 1, 2, 3, 4, b'abc', 16, 65535, 5, 6, 4294967295).hex()))`;
    const bytes = s.encodeNetlink([
      { type: 1, flags: 2, seq: 3, pid: 4, data: Buffer.from('abc') },
      { type: 65535, flags: 5, seq: 6, pid: 4294967295, data: Buffer.alloc(0) },
    ]);
    expect(Buffer.from(bytes).toString('hex')).toBe(python<string>(pack));
    const attribute = s.encodeAttributes([{ type: 7, data: Buffer.from('abcde') }]);
    expect(Buffer.from(attribute).toString('hex')).toBe(
      python<string>(`print(json.dumps(struct.pack('=HH5s3x', 9, 7, b'abcde').hex()))`),
    );
  });
});

describe('decoding accepts any bytes', () => {
  /** Plausible messages with a changed length or a part cut off, or arbitrary bytes. */
  const wild = fc.oneof(
    some(0, 200),
    fc.tuple(messages, fc.nat(200), fc.option(fc.tuple(fc.nat(60), uint8))).map(([list, cut, change]) => {
      const bytes = Buffer.from(s.encodeNetlink(list));
      if (change !== null && change[0] < bytes.length) bytes[change[0]] = change[1];
      return bytes.subarray(0, bytes.length - Math.min(cut % 30, bytes.length));
    }),
    fc.tuple(attributes, fc.option(fc.tuple(fc.nat(60), uint8))).map(([list, change]) => {
      const bytes = Buffer.from(s.encodeAttributes(list));
      if (change !== null && change[0] < bytes.length) bytes[change[0]] = change[1];
      return bytes;
    }),
  );

  test('any bytes are accepted without throwing, and no bytes contain no messages', () => {
    fc.assert(
      fc.property(wild, fc.oneof(fc.nat(200), uint32), (bytes, length) => {
        const list = s.decodeNetlink(bytes, length);
        const taken = list.reduce((sum, { data }) => sum + 16 + data.length, 0);
        expect(taken).toBeLessThanOrEqual(Math.min(length, bytes.length));
        const nested = s.decodeAttributes(bytes).reduce((sum, { data }) => sum + 4 + data.length, 0);
        expect(nested).toBeLessThanOrEqual(bytes.length);
        for (const { data } of list) s.decodeAttributes(data);
      }),
      { numRuns: 3000 },
    );
  });

  test('neither bytes beyond the length nor the position in memory matter', () => {
    const decode = (bytes: Buffer, length: number) => [
      s.decodeNetlink(bytes, length),
      s.decodeAttributes(bytes.subarray(0, length)),
    ];
    expectSameAnywhere(wild, 200, decode, 1000);
  });

  test('links, addresses, routes and neighbours are also decoded from any bytes', () => {
    const body = fc.oneof(
      some(0, 120),
      // The attributes that are decoded, with data that do not fit them.
      fc
        .tuple(some(16, 16), fc.array(fc.record({ type: fc.nat(60), data: some(0, 30) }), { maxLength: 8 }))
        .chain(([head, list]) =>
          fc.constantFrom(8, 12, 16).map((size) => Buffer.concat([head.subarray(0, size), s.encodeAttributes(list)])),
        ),
    );
    fc.assert(
      fc.property(body, fc.constantFrom(undefined, s.AF_INET, s.AF_INET6), (bytes, family) => {
        if (family !== undefined && bytes.length > 0) bytes[0] = family;
        expect(s.decodeLink(bytes) === undefined).toBe(bytes.length < 16);
        expect(s.decodeInterfaceAddress(bytes) === undefined).toBe(bytes.length < 8);
        expect(s.decodeRoute(bytes) === undefined).toBe(bytes.length < 12);
        expect(s.decodeNeighbour(bytes) === undefined).toBe(bytes.length < 12);
      }),
      { numRuns: 3000 },
    );
  });

  test.each([0, 1, 15, 21, 1000, 0xffffffff])('a message with a length of %d ends the list', (told) => {
    const whole = { type: 16, flags: 0, seq: 1, pid: 2, data: Buffer.from('1234') };
    const bytes = Buffer.from(s.encodeNetlink([whole, whole]));
    new DataView(bytes.buffer, bytes.byteOffset).setUint32(20, told, little);
    expect(s.decodeNetlink(bytes)).toEqual([whole]);
  });

  test.each([0, 3, 9, 1000, 0xffff])('an attribute with a length of %d ends the list', (told) => {
    const whole = { type: 7, data: Buffer.from('1234') };
    const bytes = Buffer.from(s.encodeAttributes([whole, whole]));
    new DataView(bytes.buffer, bytes.byteOffset).setUint16(8, told, little);
    expect(s.decodeAttributes(bytes)).toEqual([whole]);
  });

  test('the messages have their own data, so that the buffer can be reused', () => {
    const bytes = s.encodeNetlink([{ type: 16, flags: 0, seq: 1, pid: 2, data: Buffer.from('1234') }]);
    const [message] = s.decodeNetlink(bytes);
    bytes.fill(0xff);
    expect(message!.data.toString()).toBe('1234');
  });
});

test('the counters are in the order of struct rtnl_link_stats64, and flags of a type do not hide it', () => {
  const names = `rx_packets tx_packets rx_bytes tx_bytes rx_errors tx_errors rx_dropped tx_dropped multicast collisions
    rx_length_errors rx_over_errors rx_crc_errors rx_frame_errors rx_fifo_errors rx_missed_errors tx_aborted_errors
    tx_carrier_errors tx_fifo_errors tx_heartbeat_errors tx_window_errors rx_compressed tx_compressed rx_nohandler
    rx_otherhost_dropped`.split(/\s+/);
  const camel = names.map((name) => name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase()));
  const counters = BigUint64Array.from(names, (_, i) => 2n ** 63n + BigInt(i));
  const kind = { type: s.IFLA_INFO_KIND, data: Buffer.from('veth\0') };
  const body = (count: number) =>
    s.encodeAttributes([
      { type: s.IFLA_STATS64, data: new Uint8Array(counters.buffer, 0, count * 8) },
      { type: s.IFLA_LINKINFO | s.NLA_F_NESTED, data: s.encodeAttributes([kind]) },
    ]);
  const decode = (count: number) => s.decodeLink(Buffer.concat([ifinfomsg(5), body(count)]))!;
  const { statistics, ...rest } = decode(names.length);
  expect(rest).toMatchObject({ ifindex: 5, kind: 'veth', name: undefined });
  expect(statistics).toEqual(Object.fromEntries(camel.map((name, i) => [name, counters[i]])));
  // An older kernel has fewer counters.
  expect(decode(23).statistics).toEqual({ ...statistics, rxNohandler: 0n, rxOtherhostDropped: 0n });
});

describe('encoding rejects values that the struct cannot hold, and the error names the field', () => {
  const message = { type: 1, flags: 0, seq: 0, pid: 0, data: Buffer.alloc(0) };
  test.each<[unknown, string, string]>([
    [undefined, 'messages', 'ERR_INVALID_ARG_TYPE'],
    [[null], 'messages', 'ERR_INVALID_ARG_TYPE'],
    [[{ ...message, type: 65536 }], 'message.type', 'ERR_OUT_OF_RANGE'],
    [[{ ...message, flags: -1 }], 'message.flags', 'ERR_OUT_OF_RANGE'],
    [[{ ...message, seq: 2 ** 32 }], 'message.seq', 'ERR_OUT_OF_RANGE'],
    [[{ ...message, pid: Number.NaN }], 'message.pid', 'ERR_OUT_OF_RANGE'],
    [[{ ...message, data: 'x' }], 'message.data', 'ERR_INVALID_ARG_TYPE'],
    [[Object.create(message)], 'message.type', 'ERR_INVALID_ARG_TYPE'],
  ])('message %o', (list, field, code) => {
    const call = () => s.encodeNetlink(list as s.NetlinkMessage[]);
    expect(call).toThrow(expect.objectContaining({ code }));
    expect(call).toThrow(`"${field}"`);
  });

  test.each<[unknown, string, string]>([
    [{}, 'attributes', 'ERR_INVALID_ARG_TYPE'],
    [[{ type: 1.5, data: Buffer.alloc(0) }], 'attribute.type', 'ERR_OUT_OF_RANGE'],
    [[{ type: 1 }], 'attribute.data', 'ERR_INVALID_ARG_TYPE'],
    [[{ type: 1, data: Buffer.alloc(65532) }], 'attribute.data.length', 'ERR_OUT_OF_RANGE'],
  ])('attribute %#', (list, field, code) => {
    const call = () => s.encodeAttributes(list as s.NetlinkAttribute[]);
    expect(call).toThrow(expect.objectContaining({ code }));
    expect(call).toThrow(`"${field}"`);
  });

  test('an attribute has at most 65531 bytes', () => {
    const [attribute] = s.decodeAttributes(s.encodeAttributes([{ type: 1, data: Buffer.alloc(65531, 7) }]));
    expect(attribute!.data).toEqual(Buffer.alloc(65531, 7));
  });
});

describe('requestNetlink', () => {
  /** Bit 12 of the effective capabilities. */
  const netAdmin = (BigInt(`0x${/CapEff:\t(\w+)/.exec(readFileSync('/proc/self/status', 'utf8'))![1]}`) >> 12n) & 1n;
  const nobody = 0x7ffffffe;

  test.each<[string, number, Uint8Array, s.ErrnoName]>([
    ['RTM_DELLINK of an index that is not there', s.RTM_DELLINK, ifinfomsg(nobody), netAdmin ? 'ENODEV' : 'EPERM'],
    ['RTM_GETLINK of an index that is not there', s.RTM_GETLINK, ifinfomsg(nobody), 'ENODEV'],
    ['a message too short for its struct', s.RTM_GETLINK, new Uint8Array(1), 'EINVAL'],
    // The answer repeats the request, and is longer than the first buffer.
    ['a type that is not there, with much data', 0x7000, new Uint8Array(60_000), 'EOPNOTSUPP'],
  ])('%s is the errno of the kernel', (_, type, body, code) => {
    const before = openSockets();
    expect(() => s.requestNetlink(type, 0, body)).toThrow(s.SocketError);
    expect(() => s.requestNetlink(type, 0, body)).toThrow(expect.objectContaining({ code, syscall: 'netlink' }));
    expect(openSockets()).toBe(before);
  });

  test('a protocol that does not exist', () => {
    expect(() => s.requestNetlink(s.RTM_GETLINK, 0, ifinfomsg(1), 31)).toThrow(
      expect.objectContaining({ code: 'EPROTONOSUPPORT', syscall: 'socket' }),
    );
    expect(() => s.requestNetlink(s.RTM_GETLINK, 0x10000, ifinfomsg(1))).toThrow(RangeError);
  });

  test('without a dump, the reply is a single message', () => {
    const { messages, interrupted } = s.requestNetlink(s.RTM_GETLINK, 0, ifinfomsg(1));
    expect(messages.map(({ type, seq }) => [type, seq])).toEqual([[s.RTM_NEWLINK, 1]]);
    expect(interrupted).toBe(false);
    expect(s.decodeLink(messages[0]!.data)).toMatchObject({ ifindex: 1, name: 'lo', hatype: s.ARPHRD_LOOPBACK });
  });

  test('it creates and deletes an interface', (context) => {
    need(context, namespaces, program('ip'));
    const name = `sn${process.pid}`;
    const text = (type: number, value: string) => ({ type, data: Buffer.from(`${value}\0`) });
    const info = s.encodeAttributes([{ type: s.IFLA_INFO_KIND, data: Buffer.from('veth') }]);
    const nested = { type: s.IFLA_LINKINFO, data: info };
    const body = Buffer.concat([ifinfomsg(0), s.encodeAttributes([text(s.IFLA_IFNAME, name), nested])]);
    const made = s.requestNetlink(s.RTM_NEWLINK, s.NLM_F_CREATE | s.NLM_F_EXCL, body);
    onTestFinished(() => {
      spawnSync('ip', ['link', 'del', name], { stdio: 'ignore' });
    });
    expect(made.messages).toEqual([]);
    const found = s.listLinks().find((entry) => entry.name === name)!;
    expect(found).toMatchObject({ kind: 'veth', ifindex: s.if_nametoindex(name) });
    expect(() => s.requestNetlink(s.RTM_NEWLINK, s.NLM_F_CREATE | s.NLM_F_EXCL, body)).toThrow(
      expect.objectContaining({ code: 'EEXIST' }),
    );
    s.requestNetlink(s.RTM_DELLINK, 0, ifinfomsg(found.ifindex));
    expect(s.listLinks().some((entry) => entry.name === name)).toBe(false);
  });
});

const ip = <T>(...args: string[]) => JSON.parse(execFileSync('ip', args, { encoding: 'utf8' })) as T;
const mac = (bytes: Uint8Array | undefined) => (bytes === undefined ? undefined : Buffer.from(bytes).toString('hex'));

interface IpLink {
  ifindex: number;
  ifname: string;
  flags: string[];
  mtu: number;
  qdisc: string;
  operstate: string;
  group: string;
  txqlen?: number;
  link_type: string;
  link_index?: number;
  address: string;
  broadcast: string;
  master?: string;
  ifalias?: string;
  linkinfo?: { info_kind?: string };
  stats64: { rx: Record<string, number>; tx: Record<string, number> };
}

/** The counters that `ip -s` shows, in order. */
const rx = ['rxBytes', 'rxPackets', 'rxErrors', 'rxDropped', 'rxOverErrors', 'multicast'] as const;
const tx = ['txBytes', 'txPackets', 'txErrors', 'txDropped', 'txCarrierErrors', 'collisions'] as const;

const byName = new Map<string, number>(Object.entries(constants));
const constant = (name: string) => byName.get(name)!;

function sameLink(name: string): s.LinkEntry {
  const show = () => ip<IpLink[]>('-N', '-j', '-d', '-s', 'link', 'show', 'dev', name)[0]!;
  const before = show();
  const ours = s.listLinks().find((entry) => entry.name === name)!;
  const after = show();
  expect(ours).toMatchObject({
    ifindex: after.ifindex,
    mtu: after.mtu,
    txqlen: after.txqlen ?? 0,
    qdisc: after.qdisc,
    group: Number(after.group),
    kind: after.linkinfo?.info_kind,
    alias: after.ifalias,
  });
  expect(`[${ours.hatype}]`).toBe(after.link_type);
  expect(mac(ours.address)).toBe(after.address.replaceAll(':', ''));
  expect(mac(ours.broadcast)).toBe(after.broadcast.replaceAll(':', ''));
  expect(ours.operstate).toBe(constant(`IF_OPER_${after.operstate}`));
  const flags = after.flags.filter((flag) => flag !== 'NO-CARRIER').map((flag) => constant(`IFF_${flag}`));
  expect(ours.flags & ~s.IFF_RUNNING).toBe(flags.reduce((sum, flag) => sum | flag, 0));
  for (const [names, side] of [
    [rx, 'rx'],
    [tx, 'tx'],
  ] as const) {
    const keys = Object.keys(after.stats64[side]).slice(0, names.length);
    for (const [i, key] of keys.entries()) {
      const value = ours.statistics![names[i]!];
      expect(value, key).toBeGreaterThanOrEqual(BigInt(before.stats64[side][key]!));
      expect(value, key).toBeLessThanOrEqual(BigInt(after.stats64[side][key]!));
    }
    expect(keys).toHaveLength(names.length);
  }
  return ours;
}

interface IpAddress {
  family: string;
  local: string;
  address?: string;
  prefixlen: number;
  broadcast?: string;
  scope: string;
  label?: string;
  valid_life_time: number;
  preferred_life_time: number;
  secondary?: boolean;
  noprefixroute?: boolean;
  nodad?: boolean;
  dynamic?: boolean;
}

/** One address as a line, from either side; lifetimes are omitted, as they change. */
const fromIp = (a: IpAddress) => ({
  family: a.family === 'inet' ? s.AF_INET : s.AF_INET6,
  local: a.local,
  address: a.address ?? a.local,
  prefixlen: a.prefixlen,
  broadcast: a.broadcast,
  scope: Number(a.scope),
  label: a.label,
  secondary: a.secondary ?? false,
  noprefixroute: a.noprefixroute ?? false,
  nodad: a.nodad ?? false,
  dynamic: a.dynamic ?? false,
});
const fromUs = (a: s.AddressEntry): ReturnType<typeof fromIp> => ({
  family: a.family as typeof s.AF_INET,
  local: a.local!,
  address: a.address!,
  prefixlen: a.prefixlen,
  broadcast: a.broadcast,
  scope: a.scope,
  label: a.label,
  secondary: (a.flags & s.IFA_F_SECONDARY) !== 0,
  noprefixroute: (a.flags & s.IFA_F_NOPREFIXROUTE) !== 0,
  nodad: (a.flags & s.IFA_F_NODAD) !== 0,
  dynamic: (a.flags & s.IFA_F_PERMANENT) === 0,
});

function sameAddresses(name: string): s.AddressEntry[] {
  const show = () => ip<{ ifindex: number; addr_info: IpAddress[] }[]>('-N', '-j', 'addr', 'show', 'dev', name)[0]!;
  const before = show().addr_info;
  const ours = s.listAddresses().filter(({ ifindex }) => ifindex === s.if_nametoindex(name));
  const after = show().addr_info;
  const sorted = <T extends { local: string }>(list: T[]) => list.sort((a, b) => (a.local < b.local ? -1 : 1));
  expect(sorted(ours.map(fromUs))).toEqual(sorted(after.map(fromIp)));
  for (const { local, cacheinfo } of ours) {
    const [old, now] = [before, after].map((list) => list.find((entry) => entry.local === local)!);
    for (const [life, key] of [
      [cacheinfo!.valid, 'valid_life_time'],
      [cacheinfo!.preferred, 'preferred_life_time'],
    ] as const) {
      expect(life, `${key} of ${local}`).toBeLessThanOrEqual(old![key]);
      expect(life, `${key} of ${local}`).toBeGreaterThanOrEqual(now![key]);
    }
  }
  return ours;
}

describe('the same as in iproute2', () => {
  test('lo', (context) => {
    need(context, program('ip'));
    const lo = sameLink('lo');
    expect(lo).toMatchObject({ ifindex: 1, hatype: s.ARPHRD_LOOPBACK, kind: undefined });
    expect(lo.attributes.length).toBeGreaterThan(10);
    const addresses = sameAddresses('lo').map(({ local, prefixlen, scope }) => [local, prefixlen, scope]);
    expect(addresses).toContainEqual(['127.0.0.1', 8, s.RT_SCOPE_HOST]);
  });

  test('a veth pair with traffic', async (context) => {
    need(context, namespaces, packetSockets, program('ip'));
    const veth = await link();
    execFileSync('ip', ['link', 'set', veth.name, 'mtu', '1444', 'txqueuelen', '77', 'alias', 'for a test']);
    const fd = cleanup(s.socket(s.AF_PACKET, s.SOCK_RAW, 0));
    const frame = Buffer.alloc(200, 1);
    for (let i = 0; i < 50; i++) s.sendto(fd, frame, 0, { family: s.AF_PACKET, ifindex: veth.ifindex, protocol: 0 });
    const ours = sameLink(veth.name);
    expect(ours).toMatchObject({ ifindex: veth.ifindex, mtu: 1444, txqlen: 77, alias: 'for a test', kind: 'veth' });
    expect(mac(ours.address)).toBe(veth.mac.replaceAll(':', ''));
    expect(ours.statistics!.txPackets).toBeGreaterThanOrEqual(50n);
    expect(ours.statistics!.txBytes).toBeGreaterThanOrEqual(10_000n);
    const peer = JSON.parse(
      execFileSync(veth.enter[0]!, [...veth.enter.slice(1), 'ip', '-j', 'link', 'show', veth.peer.name]).toString(),
    )[0];
    expect(ours.link).toBe(peer.ifindex);
  });

  test('a link that is down, in a bridge', async (context) => {
    need(context, namespaces, program('ip'));
    const veth = await link();
    const bridge = `br${process.pid}`;
    const added = spawnSync('ip', ['link', 'add', bridge, 'type', 'bridge'], { encoding: 'utf8' });
    if (added.status !== 0) context.skip(`no bridges: ${added.stderr.trim()}`);
    onTestFinished(() => {
      execFileSync('ip', ['link', 'del', bridge]);
    });
    execFileSync('ip', ['link', 'set', veth.name, 'down', 'master', bridge]);
    const ours = sameLink(veth.name);
    expect(ours.flags & s.IFF_UP).toBe(0);
    expect(ours.master).toBe(s.if_nametoindex(bridge));
    expect(sameLink(bridge).kind).toBe('bridge');
  });

  test('addresses of every kind', async (context) => {
    need(context, namespaces, program('ip'), ipv6);
    const { name, ifindex, address, address6 } = await link();
    const [a, b] = address.split('.').slice(1);
    for (const line of [
      `10.${a}.${b}.77/24 dev ${name} brd +`,
      `10.${a}.${b}.78/24 dev ${name} label ${name}:x valid_lft 1000 preferred_lft 500`,
      `10.98.${b}.1 peer 10.98.${b}.2/32 dev ${name} scope link`,
      `${address6}00/64 dev ${name} nodad noprefixroute valid_lft 3000 preferred_lft 2000`,
      `${address6}01/128 dev ${name} nodad peer ${address6}02`,
    ]) {
      execFileSync('ip', ['addr', 'add', ...line.split(' ')]);
    }
    const ours = sameAddresses(name);
    expect(ours.length).toBeGreaterThanOrEqual(7);
    const of = (local: string) => ours.find((entry) => entry.local === local)!;
    expect(of(`10.98.${b}.1`)).toMatchObject({ ifindex, address: `10.98.${b}.2`, scope: s.RT_SCOPE_LINK });
    expect(of(`${address6}01`)).toMatchObject({ family: s.AF_INET6, address: `${address6}02`, prefixlen: 128 });
    expect(of(`10.${a}.${b}.78`)).toMatchObject({ label: `${name}:x` });
    expect(of(address).cacheinfo).toMatchObject({ valid: 0xffffffff, preferred: 0xffffffff });
    const { created, updated } = of(address).cacheinfo!;
    const uptime = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 100;
    expect(created).toBeGreaterThan(uptime - 600_00);
    expect(updated).toBeLessThanOrEqual(uptime + 1);
  });
});

interface IpHop {
  gateway?: string;
  via?: { family: string; host: string };
  dev: string;
  weight: number;
}
interface IpRoute {
  type?: string;
  dst: string;
  from?: string;
  gateway?: string;
  via?: { family: string; host: string };
  dev?: string;
  table?: string;
  protocol?: string;
  scope?: string;
  prefsrc?: string;
  metric?: number;
  flags: string[];
  nexthops?: IpHop[];
}

test('routes of every kind are the same as in iproute2', async (context) => {
  need(context, namespaces, program('ip'), ipv6);
  const { name, address, peer } = await link();
  const other = peer.address.replace(/\.2$/, '.3');
  const table = String(100_000 + process.pid);
  for (const line of [
    `10.70.0.0/16 via ${peer.address} dev ${name} metric 77 src ${address} proto 99 table ${table}`,
    `10.71.0.0/16 table ${table} nexthop via ${peer.address} dev ${name} weight 3 nexthop via ${other} dev ${name} weight 5`,
    `10.72.0.0/16 via inet6 fe80::9 dev ${name} table ${table}`,
    `10.73.0.1 via 192.0.2.1 dev ${name} onlink table ${table}`,
    `default via ${peer.address} dev ${name} mtu 1300 table ${table}`,
    `fd70::/32 via ${peer.address6} dev ${name} metric 5 table ${table}`,
    `default via ${peer.address6} dev ${name} table ${table}`,
  ]) {
    execFileSync('ip', [...(line.includes('fd') ? ['-6'] : []), 'route', 'add', ...line.split(' ')]);
  }
  const width = { [s.AF_INET]: 32, [s.AF_INET6]: 128 } as Record<number, number>;
  const show = (family: number, dst: string | undefined, length: number) =>
    length === 0 ? 'default' : length === width[family] ? dst! : `${dst}/${length}`;

  const theirs = [s.AF_INET, s.AF_INET6].flatMap((family) =>
    ip<IpRoute[]>('-N', '-j', family === s.AF_INET ? '-4' : '-6', 'route', 'show', 'table', 'all')
      .filter((route) => route.dev === name || route.nexthops?.some(({ dev }) => dev === name))
      .map((route) => ({
        family,
        dst: route.dst,
        gateway: route.gateway ?? route.via?.host,
        dev: route.dev,
        prefsrc: route.prefsrc,
        metric: route.metric,
        table: Number(route.table ?? s.RT_TABLE_MAIN),
        protocol: Number(route.protocol ?? s.RTPROT_BOOT),
        scope: Number(route.scope ?? s.RT_SCOPE_UNIVERSE),
        type: Number(route.type ?? s.RTN_UNICAST),
        onlink: route.flags.includes('onlink'),
        nexthops: (route.nexthops ?? []).map((hop) => ({ dev: hop.dev, weight: hop.weight, gateway: hop.gateway })),
      })),
  );
  const names = new Map(s.listLinks().map((entry) => [entry.ifindex, entry.name]));
  const ours = s
    .listRoutes()
    .filter((route) => [route.oif, ...route.nexthops.map((hop) => hop.ifindex)].some((i) => names.get(i!) === name))
    .map((route) => ({
      family: route.family,
      dst: show(route.family, route.dst, route.dstLen),
      gateway: route.gateway,
      dev: names.get(route.oif!),
      prefsrc: route.prefsrc,
      metric: route.priority,
      table: route.table,
      protocol: route.protocol,
      scope: route.scope,
      type: route.type,
      onlink: (route.flags & s.RTNH_F_ONLINK) !== 0,
      nexthops: route.nexthops.map((hop) => ({
        dev: names.get(hop.ifindex),
        weight: hop.weight,
        gateway: hop.gateway,
      })),
    }));
  const lines = (list: object[]) => list.map((route) => JSON.stringify(route)).sort();
  expect(lines(ours)).toEqual(lines(theirs));
  const mine = ours.filter((route) => route.table === Number(table));
  expect(mine).toHaveLength(7);
  expect(mine.find(({ dst }) => dst === '10.72.0.0/16')).toMatchObject({ gateway: 'fe80::9' });
  expect(mine.find(({ dst }) => dst === '10.71.0.0/16')!.nexthops).toHaveLength(2);
  expect(ours.map(({ type }) => type)).toEqual(expect.arrayContaining([s.RTN_LOCAL, s.RTN_BROADCAST, s.RTN_MULTICAST]));
});

test('an interrupted dump is reported', async (context) => {
  need(context, namespaces, program('ip'));
  const { name, address } = await link();
  const [, , b] = address.split('.');
  const batch = (lines: string[]) => execFileSync('ip', ['-batch', '-'], { input: lines.join('\n') });
  // More than one datagram of addresses, so that there is time between the parts.
  const many = Array.from({ length: 800 }, (_, i) => `10.${100 + (i >> 8)}.${b}.${i & 255}`);
  batch(many.map((one) => `addr add ${one}/32 dev ${name} noprefixroute`));
  const churn: ChildProcess = spawn('ip', ['-batch', '-'], { stdio: ['pipe', 'ignore', 'ignore'] });
  onTestFinished(() => {
    churn.kill('SIGKILL');
  });
  const change = `addr add 10.90.${b}.1/32 dev ${name}\naddr del 10.90.${b}.1/32 dev ${name}\n`.repeat(500);
  churn.stdin!.on('error', () => {}); // it is killed while it reads
  const feed = (error?: Error | null) => error ?? churn.stdin!.write(change, feed);
  feed();
  const until = Date.now() + 40_000;
  let interrupted = false;
  while (!interrupted && Date.now() < until) {
    interrupted = s.requestNetlink(s.RTM_GETADDR, s.NLM_F_DUMP, new Uint8Array(8)).interrupted;
    await new Promise(setImmediate);
  }
  expect(interrupted).toBe(true);
  churn.kill('SIGKILL');
  const found = new Set(s.listAddresses().map(({ local }) => local));
  expect(many.filter((one) => !found.has(one))).toEqual([]);
});
