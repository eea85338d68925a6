import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { cleanup } from '../helpers/fds.ts';
import { type Need, namespaces, need, program } from '../helpers/need.ts';
import { link } from '../helpers/networks.ts';
import { python } from '../helpers/python.ts';

/** An entry of getifaddrs with its addresses as bytes. */
interface Raw {
  name: string;
  flags: number;
  addresses: (string | null)[];
  statistics: number[] | null;
}

/** The answers of the C library itself, with ctypes. */
const oracle = `
import ctypes, json, os, socket, struct
from ctypes import c_char_p, c_uint, c_void_p, POINTER, Structure
class ifaddrs(Structure): pass
ifaddrs._fields_ = [('next', POINTER(ifaddrs)), ('name', c_char_p), ('flags', c_uint), ('address', c_void_p),
                    ('netmask', c_void_p), ('other', c_void_p), ('data', c_void_p)]
c = ctypes.CDLL(None, use_errno=True)
def sockaddr(at):
    if not at: return None
    family = struct.unpack('=H', ctypes.string_at(at, 2))[0]
    size = {2: 16, 10: 28, 17: 12 + ctypes.string_at(at, 12)[11]}[family] if family in (2, 10, 17) else 2
    return ctypes.string_at(at, size).hex()
def getifaddrs():
    first = POINTER(ifaddrs)()
    if c.getifaddrs(ctypes.byref(first)) != 0: raise OSError(ctypes.get_errno())
    found, entry = [], first
    while entry:
        e = entry.contents
        addresses = [sockaddr(at) for at in (e.address, e.netmask, e.other)]
        link = e.data and (addresses[0] is None or addresses[0].startswith(struct.pack('=H', 17).hex()))
        found.append({'name': e.name.decode(), 'flags': e.flags, 'addresses': addresses,
                      'statistics': list(struct.unpack('=23I', ctypes.string_at(e.data, 92))) if link else None})
        entry = e.next
    c.freeifaddrs(first)
    return found
def if_nametoindex(name):
    ctypes.set_errno(0)
    return c.if_nametoindex(name.encode()) or -ctypes.get_errno()
def if_indextoname(index):
    name = ctypes.create_string_buffer(16)
    c.if_indextoname.restype = c_char_p
    found = c.if_indextoname(c_uint(index), name)
    return -ctypes.get_errno() if found is None else found.decode()
def if_nameindex(): return [{'index': index, 'name': name} for index, name in socket.if_nameindex()]
`;

/** What C returns, in the format of the library. */
function worded({ name, flags, addresses, statistics }: Raw): s.InterfaceAddress {
  const [address, netmask, other] = addresses.map((hex) =>
    hex === null ? undefined : s.decodeAddress(Buffer.from(hex, 'hex')),
  );
  const names = 'rxPackets txPackets rxBytes txBytes rxErrors txErrors rxDropped txDropped multicast collisions'.split(
    ' ',
  );
  names.push('rxLengthErrors', 'rxOverErrors', 'rxCrcErrors', 'rxFrameErrors', 'rxFifoErrors', 'rxMissedErrors');
  names.push('txAbortedErrors', 'txCarrierErrors', 'txFifoErrors', 'txHeartbeatErrors', 'txWindowErrors');
  names.push('rxCompressed', 'txCompressed');
  return {
    name,
    flags,
    address,
    netmask,
    broadaddr: flags & s.IFF_BROADCAST ? other : undefined,
    dstaddr: flags & s.IFF_POINTOPOINT ? other : undefined,
    statistics:
      statistics === null
        ? undefined
        : (Object.fromEntries(statistics.map((n, i) => [names[i], n])) as unknown as s.LinkStatistics),
  };
}

/** Repeats until nothing changed meanwhile: other tests create and delete interfaces in the same namespace. */
function steady<T, U>(ours: () => T, theirs: () => U): { ours: T; theirs: U } {
  for (let i = 0; ; i++) {
    const before = ours();
    const answer = theirs();
    if (JSON.stringify(ours()) === JSON.stringify(before) || i > 50) return { ours: before, theirs: answer };
  }
}

/** The error code of a call, whose error must name this system call; 0 for none. */
function errno(call: () => unknown, syscall: string): string | number {
  try {
    call();
    return 0;
  } catch (error) {
    expect(error).toBeInstanceOf(s.SocketError);
    expect((error as s.SocketError).syscall).toBe(syscall);
    return (error as s.SocketError).code;
  }
}

// ---- names and indexes --------------------------------------------------------------------------------------------

test('a name of 16 bytes or more never stands for an interface whose shorter name it begins with', (context) => {
  need(context, namespaces, program('ip'));
  const script = `
    import * as s from 'sys-socket';
    const answer = (call) => {
      try {
        return call();
      } catch (error) {
        return error.code;
      }
    };
    const names = ['sixteen-minus-1', 'sixteen-minus-12', 'sixteen-minus-1' + 'x'.repeat(100)];
    for (const name of names) {
      const index = answer(() => s.if_nametoindex(name) > 1);
      const scope = answer(() => s.getaddrinfo('fe80::1%' + name, 9)[0].address.scopeId > 1);
      console.log(index, scope, answer(() => s.ifreq(name).length));
    }
    const zeros = answer(() => s.getaddrinfo('fe80::1%' + '1'.padStart(20, '0'), 9)[0].address.scopeId);
    console.log(zeros);`;
  const shell = `ip link add sixteen-minus-1 type veth && exec "$0" --input-type=module -e "$1"`;
  const options = { cwd: join(import.meta.dirname, '../..'), encoding: 'utf8' } as const;
  const { stdout, stderr } = spawnSync('unshare', ['-n', 'sh', '-c', shell, process.execPath, script], options);
  expect(stderr).toBe('');
  expect(stdout.split('\n')).toEqual([
    'true true 40',
    'ENODEV EAI_NONAME ERR_OUT_OF_RANGE',
    'ENODEV EAI_NONAME ERR_OUT_OF_RANGE',
    '1',
    '',
  ]);
});

test('if_nameindex agrees with Python and with the kernel', () => {
  const inProc = () =>
    readFileSync('/proc/thread-self/net/dev', 'utf8')
      .split('\n')
      .slice(2)
      .flatMap((line) => /^\s*(.+?):/.exec(line)?.[1] ?? []);
  const { ours, theirs } = steady(s.if_nameindex, () => ({
    python: python<s.NameIndex[]>(`${oracle}\nprint(json.dumps(if_nameindex()))`),
    kernel: inProc(),
  }));
  expect(ours).toEqual(theirs.python);
  expect(ours.map(({ name }) => name).sort()).toEqual(theirs.kernel.sort());
  expect(ours).toContainEqual({ name: 'lo', index: 1 });
});

/** /sys may show the interfaces of another namespace than ours. */
const sysfs: Need = () => {
  const { ours, theirs } = steady(s.if_nameindex, () => {
    try {
      return readdirSync('/sys/class/net').filter((name) => name !== 'bonding_masters');
    } catch {
      return [];
    }
  });
  const names = ours.map(({ name }) => name).sort();
  return JSON.stringify(names) === JSON.stringify(theirs.sort()) ? undefined : '/sys shows another namespace';
};

test('names and indexes agree with /sys/class/net', (context) => {
  need(context, sysfs);
  const { ours, theirs } = steady(s.if_nameindex, () =>
    s.if_nameindex().map(({ name }) => {
      try {
        return { name, index: Number(readFileSync(`/sys/class/net/${name}/ifindex`, 'latin1')) };
      } catch {
        return { name, index: -1 };
      }
    }),
  );
  const sort = (list: s.NameIndex[]) => list.toSorted((a, b) => a.index - b.index);
  expect(sort(ours)).toEqual(sort(theirs));
});

test('if_nametoindex and if_indextoname are inverse, and fail as in C if there is no such interface', () => {
  expect([s.if_nametoindex('lo'), s.if_indextoname(1)]).toEqual([1, 'lo']);
  const names = [
    'lo',
    '',
    'nonesuch',
    'LO',
    ' lo',
    'lo ',
    'x'.repeat(15),
    'x'.repeat(16),
    'x'.repeat(500),
    'lo:1',
    'bücher',
  ];
  names.push('/', '.', '..', '%d');
  const indexes = [0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 99_999_999];
  const answer = (call: () => number | string) => {
    try {
      return call();
    } catch (error) {
      return -(error as s.SocketError).errno;
    }
  };
  const script = `${oracle}
names, indexes = json.loads(sys.argv[1])
print(json.dumps([[if_nametoindex(name) for name in names], [if_indextoname(index) for index in indexes]]))`;
  expect([
    names.map((name) => answer(() => s.if_nametoindex(name))),
    indexes.map((index) => answer(() => s.if_indextoname(index))),
  ]).toEqual(python(script, JSON.stringify([names, indexes])));
  expect(errno(() => s.if_nametoindex('nonesuch'), 'if_nametoindex')).toBe('ENODEV');
  const thrown = (name: string, about: string | number) =>
    expect.objectContaining({ interface: about, message: expect.stringMatching(new RegExp(`, ${name}$`)) });
  expect(() => s.if_nametoindex('none\x1bsuch')).toThrow(thrown('if_nametoindex "none\\\\u001bsuch"', 'none\x1bsuch'));
  expect(() => s.if_indextoname(0)).toThrow(thrown('if_indextoname 0', 0));
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  expect(() => s.getInterfaceMtu(fd, 'nonesuch')).toThrow(thrown('ioctl "nonesuch"', 'nonesuch'));
  expect(errno(() => s.if_indextoname(0), 'if_indextoname')).toBe('ENXIO');
});

test('values that C cannot represent are rejected', () => {
  const type = expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
  const value = expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' });
  const range = expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
  const bad = (value: unknown) => value as never;
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  for (const name of ['lo\0', '\0', 'l\0o']) {
    expect(() => s.if_nametoindex(name)).toThrow(value);
    expect(() => s.getInterfaceMtu(fd, name)).toThrow(range);
    expect(() => s.getInterfaceFlags(fd, name)).toThrow(range);
  }
  for (const name of [undefined, null, 5, {}]) {
    expect(() => s.if_nametoindex(bad(name))).toThrow(type);
    expect(() => s.getInterfaceMtu(fd, bad(name))).toThrow(type);
    expect(() => s.setInterfaceFlags(fd, bad(name), 0)).toThrow(type);
  }
  for (const index of [undefined, null, '1', 1n]) expect(() => s.if_indextoname(bad(index))).toThrow(type);
  for (const index of [-1, 1.5, 2 ** 32, Number.NaN]) expect(() => s.if_indextoname(index)).toThrow(range);
  for (const name of ['x'.repeat(16), 'ü'.repeat(8)]) {
    expect(() => s.getInterfaceMtu(fd, name)).toThrow(range); // struct ifreq has room for 15 bytes
    expect(() => s.setInterfaceMtu(fd, name, 1500)).toThrow(range);
  }
  for (const flags of [-1, 0x10000, 1.5, Number.NaN]) expect(() => s.setInterfaceFlags(fd, 'lo', flags)).toThrow(range);
  for (const mtu of [2 ** 31, 1.5, Number.NaN]) expect(() => s.setInterfaceMtu(fd, 'lo', mtu)).toThrow(range);
});

// ---- getifaddrs ---------------------------------------------------------------------------------------------------

test('getifaddrs returns the same entries as C, in the same order', () => {
  const still = (list: s.InterfaceAddress[]) =>
    list.map(({ statistics, ...rest }) => ({ ...rest, counted: statistics !== undefined })); // they change all the time
  const { ours, theirs } = steady(
    () => still(s.getifaddrs()),
    () => python<Raw[]>(`${oracle}\nprint(json.dumps(getifaddrs()))`),
  );
  expect(ours).toEqual(still(theirs.map(worded)));
  // Most counters are always 0: the order of their names shows that each has its own place in the struct.
  const counters = (list: s.InterfaceAddress[]) => Object.keys(list.find(({ name }) => name === 'lo')!.statistics!);
  expect(counters(s.getifaddrs())).toEqual(counters(theirs.map(worded)));
  expect(ours.length).toBeGreaterThan(0);
});

test('getifaddrs returns the link, the addresses and the netmasks of lo', () => {
  const lo = s.getifaddrs().filter(({ name }) => name === 'lo');
  const of = (family: number) => lo.find(({ address }) => address?.family === family);
  const packet = of(s.AF_PACKET)!;
  expect(packet.flags & (s.IFF_LOOPBACK | s.IFF_UP)).toBe(s.IFF_LOOPBACK | s.IFF_UP);
  expect(packet.address).toMatchObject({ ifindex: 1, hatype: s.ARPHRD_LOOPBACK, address: Buffer.alloc(6) });
  expect(packet.netmask).toBeUndefined();
  expect(packet.statistics!.rxPackets).toBe(packet.statistics!.txPackets);
  expect(of(s.AF_INET)).toEqual({
    name: 'lo',
    flags: packet.flags,
    address: { family: s.AF_INET, address: '127.0.0.1', port: 0 },
    netmask: { family: s.AF_INET, address: '255.0.0.0', port: 0 },
    broadaddr: undefined,
    dstaddr: undefined,
    statistics: undefined,
  });
});

/** Runs a child in its own namespace, where that is allowed. */
const own = [
  ['unshare', '-n'],
  ['unshare', '-Urn'],
].find(([program, ...flags]) => {
  const probe = 'ip link set lo up && ip link add probe0 type veth peer name probe1';
  return spawnSync(program!, [...flags, 'sh', '-c', probe]).status === 0;
});
const ownNetwork: Need = () => (own === undefined ? 'no network namespace with veth for a child' : undefined);

/** What `ip -j` reports about an address and a link, as far as the test needs it. */
interface IpAddress {
  family: string;
  local: string;
  prefixlen: number;
  broadcast?: string;
  address?: string;
  label?: string;
}
interface IpLink {
  ifindex: number;
  ifname: string;
  flags: string[];
  address: string;
  broadcast: string;
  addr_info: IpAddress[];
  stats64: { rx: Record<string, number>; tx: Record<string, number> };
}

interface Seen {
  ours: s.InterfaceAddress[];
  c: Raw[];
  names: s.NameIndex[];
  ip: IpLink[];
  quiet: boolean;
}

/** Everything that is reported about a namespace from inside it, while nothing changes there. */
function seen(setup: string): Seen {
  const script = `
    import { execFileSync } from 'node:child_process';
    const s = await import(process.argv[1]);
    const ip = (...args) => JSON.parse(execFileSync('ip', ['-j', ...args], { encoding: 'utf8' }));
    const links = () => ip('-s', '-s', 'link');
    // Some traffic, so that there is something to count.
    const fd = s.socket(s.AF_INET, s.SOCK_DGRAM);
    s.bind(fd, { family: s.AF_INET, address: '127.0.0.1', port: 0 });
    for (let i = 0; i < 7; i++) s.sendto(fd, 'x'.repeat(100 * i), 0, s.getsockname(fd));
    for (let i = 0; i < 200; i++) {
      const before = links();
      const found = {
        ours: s.getifaddrs(),
        c: JSON.parse(execFileSync('python3', ['-c', process.argv[2], 'x'], { encoding: 'utf8' })),
        names: s.if_nameindex(),
      };
      const quiet = JSON.stringify(links()) === JSON.stringify(before);
      if (!quiet && i < 199) continue;
      const addresses = ip('addr');
      found.ip = before.map((link, i) => ({ ...link, addr_info: addresses[i].addr_info }));
      found.quiet = quiet;
      console.log(JSON.stringify(found));
      break;
    }
  `;
  const built = new URL('../../dist/index.js', import.meta.url).href;
  const child = [
    process.execPath,
    '--input-type=module',
    '-e',
    script,
    built,
    `${oracle}\nprint(json.dumps(getifaddrs()))`,
  ];
  const all = [...own!.slice(1), 'sh', '-c', `set -e\n${setup}\nexec "$@"`, 'sh', ...child];
  const text = execFileSync(own![0]!, all, { encoding: 'utf8', env: { ...process.env, PYTHONUTF8: '1' } });
  const revive = (_: string, value: { type?: unknown; data: number[] } | null) =>
    value?.type === 'Buffer' ? Buffer.from(value.data) : value;
  return JSON.parse(text, revive) as Seen;
}

const SETUP = `
ip link set lo up
ip link add va address 02:00:00:00:00:0a mtu 1400 type veth peer name vb-ü
ip link set va addrgenmode none
ip link set vb-ü addrgenmode none
ip link add quiet0 type veth peer name quiet1
ip addr add 10.1.0.1/24 brd + dev va
ip addr add 10.1.0.2/24 dev va
ip addr add 10.2.0.1/9 brd 10.127.255.255 dev va label va:one
ip addr add 10.3.0.1/32 dev va
ip addr add 10.4.0.1 peer 10.4.0.2 dev va
ip addr add 10.5.0.1/31 dev vb-ü
ip addr add 0.0.0.0/0 dev vb-ü 2>/dev/null || :
ip -6 addr add fd00::1/64 nodad dev va
ip -6 addr add fd01::1/128 nodad dev va
ip -6 addr add fd02::1 peer fd02::2/127 nodad dev va
ip -6 addr add fe80::a/64 nodad dev va
ip -6 addr add fd03::1/1 nodad dev vb-ü
ip link set va up
ip link set vb-ü up
ip link set va promisc on
`;

/** The length of a netmask, which must be one run of bits. */
function prefixLength(netmask: s.Address | undefined): number {
  const { family, address } = netmask as s.InetAddress | s.Inet6Address;
  const bits = Array.from(s.inet_pton(family, address)!, (byte) => byte.toString(2).padStart(8, '0')).join('');
  expect(bits).toMatch(/^1*0*$/);
  return bits.replaceAll('0', '').length;
}

const mac = (bytes: Uint8Array | undefined) =>
  Buffer.from(bytes!)
    .toString('hex')
    .replace(/..(?=.)/g, '$&:');

test('getifaddrs agrees with ip: links, flags, hardware addresses, statistics and addresses of every kind', (context) => {
  need(context, program('ip'), ownNetwork);
  const { ours, c, names, ip, quiet } = seen(SETUP);
  expect(quiet).toBe(true);
  expect(ours).toEqual(c.map(worded));
  expect(names).toEqual(ip.map(({ ifindex: index, ifname: name }) => ({ index, name })));
  expect(ip.map(({ ifname }) => ifname)).toEqual(expect.arrayContaining(['lo', 'va', 'vb-ü', 'quiet0', 'quiet1']));

  const links = ours.filter(({ address }) => address?.family === s.AF_PACKET);
  expect(links.map(({ name }) => name)).toEqual(ip.map(({ ifname }) => ifname));
  // The flags of netdevice(7); tunnels have others with the same prefix.
  const known = [
    ...['UP', 'BROADCAST', 'DEBUG', 'LOOPBACK', 'POINTOPOINT', 'NOTRAILERS', 'RUNNING', 'NOARP', 'PROMISC', 'ALLMULTI'],
    ...['MASTER', 'SLAVE', 'MULTICAST', 'PORTSEL', 'AUTOMEDIA', 'DYNAMIC', 'LOWER_UP', 'DORMANT', 'ECHO'],
  ].map((name) => `IFF_${name}`);
  const bits = Object.entries(s).filter(([name]) => known.includes(name)) as [string, number][];
  links.forEach(({ flags, address, broadaddr, statistics }, i) => {
    const told = ip[i]!;
    const { ifindex, hatype, address: bytes } = address as s.PacketAddress;
    expect([ifindex, mac(bytes)]).toEqual([told.ifindex, told.address]);
    expect(hatype).toBe(told.ifname === 'lo' ? s.ARPHRD_LOOPBACK : s.ARPHRD_ETHER);
    if (told.flags.includes('BROADCAST')) expect(mac((broadaddr as s.PacketAddress).address)).toBe(told.broadcast);
    else expect(broadaddr).toBeUndefined();
    // ip omits IFF_RUNNING, and reports more than flags: NO-CARRIER, M-DOWN.
    const set = bits.filter(([, bit]) => flags & bit).map(([name]) => name.slice(4));
    expect(set.filter((name) => name !== 'RUNNING').sort()).toEqual(
      told.flags.filter((name) => bits.some(([known]) => known === `IFF_${name}`)).sort(),
    );
    const { rx, tx } = told.stats64;
    const words = (n: number | undefined) => (n ?? 0) % 2 ** 32;
    expect(statistics).toMatchObject({
      rxPackets: words(rx.packets),
      rxBytes: words(rx.bytes),
      rxErrors: words(rx.errors),
      rxDropped: words(rx.dropped),
      multicast: words(rx.multicast),
      txPackets: words(tx.packets),
      txBytes: words(tx.bytes),
      txErrors: words(tx.errors),
      txDropped: words(tx.dropped),
      collisions: words(tx.collisions),
      rxLengthErrors: words(rx.length_errors),
      rxCrcErrors: words(rx.crc_errors),
      rxFrameErrors: words(rx.frame_errors),
      rxFifoErrors: words(rx.fifo_errors),
      txAbortedErrors: words(tx.aborted_errors),
      txFifoErrors: words(tx.fifo_errors),
      txWindowErrors: words(tx.window_errors),
      txHeartbeatErrors: words(tx.heartbeat_errors),
    });
  });
  expect(links[0]!.statistics).toMatchObject({ rxPackets: 7, txPackets: 7 });

  const kinds = { inet: s.AF_INET, inet6: s.AF_INET6 } as Record<string, number>;
  for (const { ifname, ifindex, addr_info } of ip) {
    for (const { family, local, prefixlen, broadcast, address: peer, label = ifname } of addr_info) {
      const entry = ours.find(
        ({ address }) => address?.family === kinds[family] && (address as s.InetAddress).address === local,
      );
      expect(entry).toMatchObject({ name: label, address: { port: 0 } });
      expect(entry!.statistics).toBeUndefined();
      expect([local, prefixLength(entry!.netmask)]).toEqual([local, prefixlen]);
      if (broadcast !== undefined) expect(entry!.broadaddr).toMatchObject({ address: broadcast });
      // The other end of an address on an interface without IFF_POINTOPOINT: C stores it in the same place.
      if (peer !== undefined) expect(entry!.broadaddr).toMatchObject({ address: peer });
      if (local.startsWith('fe80:')) expect(entry!.address).toMatchObject({ scopeId: ifindex });
    }
  }
  const addresses = ours.filter(({ address }) => address?.family !== s.AF_PACKET);
  expect(addresses).toHaveLength(ip.flatMap(({ addr_info }) => addr_info).length);
  const told = (local: string) => addresses.find(({ address }) => (address as s.InetAddress).address === local)!;
  expect(told('10.2.0.1')).toMatchObject({
    name: 'va:one',
    netmask: { address: '255.128.0.0' },
    broadaddr: { address: '10.127.255.255' },
  });
  expect(told('10.4.0.1').broadaddr).toMatchObject({ address: '10.4.0.2' });
  expect(told('fd02::1').broadaddr).toMatchObject({ address: 'fd02::2' });
  expect(told('fd03::1')).toMatchObject({ name: 'vb-ü', netmask: { family: s.AF_INET6, address: '8000::' } });
});

const tun: Need = () =>
  own !== undefined && spawnSync(own[0]!, [...own.slice(1), 'ip', 'tuntap', 'add', 't0', 'mode', 'tun']).status === 0
    ? undefined
    : 'no tun interfaces';

test('getifaddrs returns the other end of a point-to-point interface as dstaddr', (context) => {
  need(context, program('ip'), ownNetwork, tun);
  const { ours, c } = seen(`
    ip link set lo up
    ip tuntap add t0 mode tun
    ip link set t0 addrgenmode none
    ip addr add 10.8.0.1 peer 10.8.0.2 dev t0
    ip -6 addr add fd08::1 peer fd08::2 nodad dev t0
  `);
  expect(ours).toEqual(c.map(worded));
  const t0 = ours.filter(({ name }) => name === 't0');
  expect(t0.map(({ flags }) => flags & (s.IFF_POINTOPOINT | s.IFF_BROADCAST))).toEqual(t0.map(() => s.IFF_POINTOPOINT));
  // The link itself has no hardware address, but statistics.
  expect(t0.map(({ address }) => address?.family)).toEqual([undefined, s.AF_INET, s.AF_INET6]);
  expect(t0.map(({ statistics }) => statistics?.rxErrors)).toEqual([0, undefined, undefined]);
  expect(t0[1]).toMatchObject({ address: { address: '10.8.0.1' }, dstaddr: { address: '10.8.0.2' } });
  expect(t0[2]).toMatchObject({ address: { address: 'fd08::1' }, dstaddr: { address: 'fd08::2' } });
  expect(t0.map((entry) => 'broadaddr' in entry && entry.broadaddr !== undefined)).toEqual([false, false, false]);
});

test('getifaddrs works in a namespace with only lo, and in one with many addresses', (context) => {
  need(context, program('ip'), ownNetwork);
  const alone = seen('ip link set lo up').ours;
  expect(alone.every(({ name }) => name === 'lo')).toBe(true);
  const many = 'for i in $(seq 250); do echo addr add 10.9.$i.1/24 dev va; done | ip -batch -';
  const { ours, c } = seen(`ip link set lo up\nip link add va type veth peer name vb\n${many}`);
  const found = ours.flatMap(({ name, address }) => (name === 'va' ? [(address as s.InetAddress).address] : []));
  expect(found.filter((address) => typeof address === 'string')).toEqual(
    Array.from({ length: 250 }, (_, i) => `10.9.${i + 1}.1`),
  );
  expect(ours).toHaveLength(c.length);
});

test('getifaddrs returns a link of this namespace', async (context) => {
  need(context, namespaces);
  const { name, ifindex, mac: told, address, address6 } = await link();
  const entries = s.getifaddrs().filter((entry) => entry.name === name);
  expect(s.if_nametoindex(name)).toBe(ifindex);
  expect(s.if_indextoname(ifindex)).toBe(name);
  const of = (family: number) => entries.filter((entry) => entry.address?.family === family);
  expect(of(s.AF_PACKET)).toHaveLength(1);
  expect(of(s.AF_PACKET)[0]!.address).toMatchObject({ ifindex });
  expect(mac((of(s.AF_PACKET)[0]!.address as s.PacketAddress).address)).toBe(told);
  expect(of(s.AF_INET)).toMatchObject([{ address: { address }, netmask: { address: '255.255.255.0' } }]);
  expect(of(s.AF_INET6)).toContainEqual(
    expect.objectContaining({
      address: { family: s.AF_INET6, address: address6, port: 0, flowinfo: 0, scopeId: 0 },
      netmask: expect.objectContaining({ address: 'ffff:ffff:ffff:ffff::' }),
    }),
  );
});

// ---- flags and MTU ------------------------------------------------------------------------------------------------

test('getInterfaceFlags and getInterfaceMtu return the values of lo', () => {
  const fd = cleanup(s.socket(s.AF_UNIX, s.SOCK_DGRAM)); // any socket works
  const { flags } = s.getifaddrs().find(({ name }) => name === 'lo')!;
  expect(s.getInterfaceFlags(fd, 'lo')).toBe(flags & 0xffff);
  const script =
    "fd = socket(AF_INET, SOCK_DGRAM)\nask = lambda code: fcntl.ioctl(fd, code, b'lo'.ljust(40, bytes(1)))\n" +
    "print(json.dumps([struct.unpack_from('=H', ask(0x8913), 16)[0], struct.unpack_from('=i', ask(0x8921), 16)[0]]))";
  expect([s.getInterfaceFlags(fd, 'lo'), s.getInterfaceMtu(fd, 'lo')]).toEqual(python(script));
});

test('flags and MTU of a link can be set', async (context) => {
  need(context, namespaces);
  const { name } = await link();
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  const ip = () => {
    const [told] = JSON.parse(execFileSync('ip', ['-j', 'link', 'show', name], { encoding: 'utf8' }));
    return told as { flags: string[]; mtu: number };
  };
  expect(s.getInterfaceMtu(fd, name)).toBe(ip().mtu);
  for (const mtu of [68, 1280, 1499, 65535]) {
    s.setInterfaceMtu(fd, name, mtu);
    expect([s.getInterfaceMtu(fd, name), ip().mtu]).toEqual([mtu, mtu]);
  }
  for (const mtu of [-1, 0, 67, 65536, 2147483647, -2147483648]) {
    expect([mtu, errno(() => s.setInterfaceMtu(fd, name, mtu), 'ioctl')]).toEqual([mtu, 'EINVAL']);
  }
  expect(s.getInterfaceMtu(fd, name)).toBe(65535);

  const flags = s.getInterfaceFlags(fd, name);
  expect(flags & (s.IFF_UP | s.IFF_BROADCAST | s.IFF_MULTICAST)).toBe(s.IFF_UP | s.IFF_BROADCAST | s.IFF_MULTICAST);
  s.setInterfaceFlags(fd, name, flags | s.IFF_PROMISC | s.IFF_ALLMULTI);
  expect(ip().flags).toEqual(expect.arrayContaining(['PROMISC', 'ALLMULTI', 'UP']));
  s.setInterfaceFlags(fd, name, flags & ~s.IFF_UP);
  expect(ip().flags).not.toContain('UP');
  expect(s.getInterfaceFlags(fd, name) & (s.IFF_UP | s.IFF_PROMISC)).toBe(0);
  s.setInterfaceFlags(fd, name, flags | s.IFF_DYNAMIC); // the highest of the 16 bits
  expect(s.getInterfaceFlags(fd, name) & (s.IFF_UP | s.IFF_DYNAMIC)).toBe(s.IFF_UP | s.IFF_DYNAMIC);
});

test('a missing interface is ENODEV, and a file descriptor that is not a socket is EBADF or ENOTTY', () => {
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  const closed = s.dup(fd);
  s.close(closed);
  const calls = [
    (fd: number, name: string) => s.getInterfaceFlags(fd, name),
    (fd: number, name: string) => s.getInterfaceMtu(fd, name),
  ];
  for (const call of calls) {
    expect(errno(() => call(fd, 'nonesuch'), 'ioctl')).toBe('ENODEV');
    expect(errno(() => call(fd, ''), 'ioctl')).toBe('ENODEV');
    expect(errno(() => call(closed, 'lo'), 'ioctl')).toBe('EBADF');
    expect(() => call(1.5, 'lo')).toThrow(RangeError);
  }
  // Missing privileges are reported first.
  for (const call of [s.setInterfaceFlags, s.setInterfaceMtu]) {
    expect(errno(() => call(fd, 'nonesuch', 1500), 'ioctl')).toMatch(/^(ENODEV|EPERM)$/);
    expect(errno(() => call(-1, 'lo', 1500), 'ioctl')).toBe('EBADF');
  }
});

/** Whether CAP_NET_ADMIN is missing: tested by setting an MTU to its current value. */
const noNetAdmin: Need = () => {
  const fd = s.socket(s.AF_INET, s.SOCK_DGRAM);
  try {
    s.setInterfaceMtu(fd, 'lo', s.getInterfaceMtu(fd, 'lo'));
    return 'this process may set interfaces';
  } catch {
    return undefined;
  } finally {
    s.close(fd);
  }
};

test('setting them without the privilege fails with EPERM', (context) => {
  need(context, noNetAdmin);
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  const [flags, mtu] = [s.getInterfaceFlags(fd, 'lo'), s.getInterfaceMtu(fd, 'lo')];
  expect(errno(() => s.setInterfaceFlags(fd, 'lo', flags), 'ioctl')).toBe('EPERM');
  expect(errno(() => s.setInterfaceMtu(fd, 'lo', mtu), 'ioctl')).toBe('EPERM');
});
