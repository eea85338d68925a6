/**
 * getOption, setOption: the whole table on real sockets, compared with calls of the C library by Python on the same
 * sockets.
 */
import { closeSync, openSync, readFileSync, readlinkSync } from 'node:fs';
import { afterAll, describe, expect, onTestFinished, type TestContext, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as constants from '../../lib/native/constants.ts';
import { optionTable } from '../../lib/posix/option-table.ts';
import { cleanup } from '../helpers/fds.ts';
import { connection, datagram, loopback, pair } from '../helpers/fixtures.ts';
import { ipv6, need, packetSockets, rawSockets } from '../helpers/need.ts';
import { fanoutId } from '../helpers/networks.ts';
import { type Case, cases, sockets } from '../helpers/option-cases.ts';
import { type Answer, type Question, startOracle } from '../helpers/option-oracle.ts';

const numbers: Readonly<Record<string, number>> = constants;
const oracle = startOracle();
afterAll(() => oracle.stop());

/** The buffer size that Python uses; for options that are not listed, an int. */
const lengths: Record<string, number> = {
  u64: 8,
  text: 16,
  bytes: 1024,
  uints: 1024,
  memberships: 1024,
  linger: 8,
  timeval: 16,
  ucred: 12,
  meminfo: 36,
  timestamping: 8,
  txtime: 8,
  mtuInfo: 32,
  icmp6Filter: 32,
  packetStatistics: 12,
  rolloverStatistics: 24,
};

/** A value as Python prints it: its fields in order. */
function fields(value: unknown): unknown[] {
  if (value === undefined) return [];
  if (typeof value === 'bigint') return [String(value)];
  if (typeof value === 'boolean') return [Number(value)];
  if (value instanceof Uint8Array) return [Buffer.from(value).toString('hex')];
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(fields);
  return [value];
}

type Outcome = { errno: number } | { value: unknown };

function outcome(call: () => unknown, syscall: string): Outcome {
  try {
    return { value: call() };
  } catch (error) {
    if (!(error instanceof s.SocketError)) throw error;
    expect(error.syscall).toBe(syscall);
    return { errno: error.errno };
  }
}

const answer = (result: Outcome): Answer => ('errno' in result ? result : { fields: fields(result.value) });
const failure = (result: Outcome) => ('errno' in result ? s.errnoName(result.errno) : undefined);

/** A value that needs no Python expression of its own. */
function simple(type: string, value: unknown): unknown {
  return type === 'ipv6Mreq' ? fields(value) : fields(value)[0];
}

describe.each(Object.keys(optionTable) as s.OptionName[])('%s', (name) => {
  const row: Case<s.OptionName> = cases[name];
  const [level, type, direction] = optionTable[name];
  const [open, ...needs] = sockets[row.on];
  const question: Question = { level: numbers[level]!, name: numbers[name]!, type, length: lengths[type] ?? 4 };
  const get = (fd: number) => outcome(() => s.getOption(fd, name as s.ReadableOption), 'getsockopt');
  const set = (fd: number, value: unknown) =>
    outcome(() => s.setOption(fd, name as s.WritableOption, value as never), 'setsockopt');
  const start = () => {
    const fd = open();
    row.prepare?.(fd);
    return fd;
  };

  const reading = (context: TestContext) => {
    need(context, ...needs);
    const fd = start();
    const result = get(fd);
    if (!row.volatile) expect(answer(result)).toEqual(oracle.ask(fd, question));
    const errno = failure(result);
    if (errno !== undefined) expect([row.readFails, row.unless]).toContain(errno);
    else if (row.readFails !== undefined) expect.unreachable(`${row.readFails} expected`);
    else if ('before' in row) expect(result).toEqual({ value: row.before });
    if (name === 'SO_PEERPIDFD' && 'value' in result) s.close(result.value as number);
  };

  const writing = (context: TestContext) => {
    need(context, ...needs);
    const [mine, theirs] = [start(), start()];
    const first = direction === 'both' ? get(mine) : undefined;
    const flag = direction === 'both' && type === 'flag';
    const values = flag && first !== undefined && 'value' in first ? [!first.value, first.value] : [row.value];
    for (const value of values) {
      const before = direction === 'both' ? get(mine) : undefined;
      const result = set(mine, value);
      const asked = { ...question, value: simple(type, value), raw: row.raw };
      expect(answer(result)).toEqual(oracle.ask(theirs, asked));
      const errno = failure(result);
      // A locked filter stays locked.
      if (name === 'SO_LOCK_FILTER' && value === false) expect(errno).toBe('EPERM');
      else if (errno !== undefined) expect([row.writeFails, row.unless]).toContain(errno);
      else if (row.writeFails !== undefined) expect.unreachable(`${row.writeFails} expected`);
      if (before === undefined) continue;
      const after = get(mine);
      if (!row.volatile) {
        expect(answer(after)).toEqual(oracle.ask(mine, question));
        expect(answer(after)).toEqual(oracle.ask(theirs, question));
        // An older kernel may accept an option that it does not return.
        if ('errno' in after) expect(failure(after)).toBe(row.unless);
        else expect(after).toEqual(errno === undefined ? { value: 'after' in row ? row.after : value } : before);
      }
    }
  };

  if (direction !== 'write') test('is read as by C', reading);
  if (direction !== 'read') test('is written as by C', writing);
});

describe('names', () => {
  test('a name that is not in the table, or that has only the other direction, causes a TypeError', () => {
    const { fd } = datagram();
    const refused = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE', message: expect.stringContaining('"name"') };
    for (const name of ['SO_PEERNAME', 'so_error', 'toString', '__proto__', '', undefined, 4, Symbol.iterator, null]) {
      expect(() => s.getOption(fd, name as never)).toThrow(expect.objectContaining(refused));
      expect(() => s.setOption(fd, name as never, 1 as never)).toThrow(expect.objectContaining(refused));
    }
    // @ts-expect-error: it is write-only
    expect(() => s.getOption(fd, 'IP_ADD_MEMBERSHIP')).toThrow(expect.objectContaining(refused));
    // @ts-expect-error: it is read-only
    expect(() => s.setOption(fd, 'SO_ERROR', 0)).toThrow(expect.objectContaining(refused));
    // @ts-expect-error: no such name
    expect(() => s.getOption(fd, 'SO_NOTHING')).toThrow(expect.objectContaining(refused));
  });

  test('the level follows from the name', () => {
    const levels: Record<string, RegExp> = {
      SOL_SOCKET: /^SO_(?!VM_)/,
      SOL_IP: /^(IP|MCAST)_/,
      SOL_IPV6: /^IPV6_/,
      SOL_TCP: /^TCP_/,
      SOL_UDP: /^UDP_/,
      SOL_RAW: /^ICMP_/,
      SOL_ICMPV6: /^ICMP6_/,
      SOL_PACKET: /^PACKET_/,
      SOL_NETLINK: /^NETLINK_/,
      AF_VSOCK: /^SO_VM_/,
    };
    for (const [name, [level]] of Object.entries(optionTable)) expect(name).toMatch(levels[level]!);
  });
});

test('the error for a name says what was meant, or that the option cannot be read or written', () => {
  const set = (name: string) => () => s.setOption(-1, name as s.WritableOption, 1 as never);
  const get = (name: string) => () => s.getOption(-1, name as s.ReadableOption);
  expect(set('SO_REUSEADR')).toThrow(`The "name" argument must be written 'SO_REUSEADDR'`);
  expect(get('tcp_info')).toThrow(`The "name" argument must be written 'TCP_INFO'`);
  expect(set('SO_TYPE')).toThrow('argument must be the name of an option that can be written, which SO_TYPE is not');
  expect(get('IP_ADD_MEMBERSHIP')).toThrow('that can be read, which IP_ADD_MEMBERSHIP is not');
  expect(set('TCP_MD5SIG')).toThrow('that can be written; setsockopt accepts others');
  expect(get('IP_MSFILTER')).toThrow('that can be read; getsockopt accepts others');
  expect(set('reuseaddr')).toThrow(`must be written 'SO_REUSEADDR'`);
  for (const name of ['something else', 'SO_NONE', '', 5, undefined]) {
    expect(set(name as string)).toThrow('that can be written; setsockopt accepts others');
  }
});

test('the types of the values follow from the names', () => {
  const [fd] = pair();
  const flag: boolean = s.getOption(fd, 'SO_BROADCAST');
  const linger: s.Linger = s.getOption(fd, 'SO_LINGER');
  const cookie: bigint = s.getOption(fd, 'SO_COOKIE');
  const cred: { pid: number; uid: number; gid: number } = s.getOption(fd, 'SO_PEERCRED');
  const device: string = s.getOption(fd, 'SO_BINDTODEVICE');
  expect([flag, linger, cookie > 0n, cred.pid, device]).toEqual([
    false,
    { onoff: false, linger: 0 },
    true,
    process.pid,
    '',
  ]);
  // @ts-expect-error: not a number
  const number: number = s.getOption(fd, 'SO_BROADCAST');
  expect(number).toBe(false);
  const refused = (call: () => void) => expect(call).toThrow(TypeError);
  // @ts-expect-error: not a boolean
  refused(() => s.setOption(fd, 'SO_BROADCAST', 1));
  // @ts-expect-error: no linger
  refused(() => s.setOption(fd, 'SO_LINGER', { onoff: true }));
  // @ts-expect-error: not a struct linger
  refused(() => s.setOption(fd, 'SO_LINGER', 5));
  // @ts-expect-error: not a bigint
  refused(() => s.setOption(fd, 'SO_MAX_PACING_RATE', 5));
  // @ts-expect-error: not text
  refused(() => s.setOption(fd, 'SO_BINDTODEVICE', 1));
});

const TOO_BIG = { name: 'RangeError', code: 'ERR_OUT_OF_RANGE' };
const WRONG_TYPE = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
const WRONG_VALUE = { name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' };
const group: s.Address = { family: s.AF_INET, address: '224.0.0.251', port: 0 };

test.each<[s.WritableOption, unknown, string, object]>([
  ['SO_BROADCAST', 1, '', WRONG_TYPE],
  ['SO_BROADCAST', undefined, '', WRONG_TYPE],
  ['SO_RCVBUF', '1', '', WRONG_TYPE],
  ['SO_RCVBUF', true, '', WRONG_TYPE],
  ['SO_RCVBUF', 1.5, '', TOO_BIG],
  ['SO_RCVBUF', Number.NaN, '', TOO_BIG],
  ['SO_RCVBUF', 2 ** 31, '', TOO_BIG],
  ['SO_RCVBUF', -(2 ** 31) - 1, '', TOO_BIG],
  ['SO_MARK', -1, '', TOO_BIG],
  ['SO_MARK', 2 ** 32, '', TOO_BIG],
  ['SO_MAX_PACING_RATE', 1, '', WRONG_TYPE],
  ['SO_MAX_PACING_RATE', -1n, '', TOO_BIG],
  ['SO_MAX_PACING_RATE', 2n ** 64n, '', TOO_BIG],
  ['SO_BINDTODEVICE', Buffer.from('lo'), '', WRONG_TYPE],
  ['SO_BINDTODEVICE', 'a'.repeat(16), '', TOO_BIG],
  ['SO_BINDTODEVICE', 'lo\0', '', WRONG_VALUE],
  ['IP_OPTIONS', 'text', '', WRONG_TYPE],
  ['SO_LINGER', null, '', WRONG_TYPE],
  ['SO_LINGER', { onoff: 1, linger: 1 }, '.onoff', WRONG_TYPE],
  ['SO_LINGER', { onoff: true }, '.linger', WRONG_TYPE],
  ['SO_LINGER', { onoff: true, linger: 2 ** 31 }, '.linger', TOO_BIG],
  ['SO_RCVTIMEO', { sec: 1 }, '.usec', WRONG_TYPE],
  ['SO_RCVTIMEO', { sec: 2 ** 53, usec: 0 }, '.sec', TOO_BIG],
  ['SO_TIMESTAMPING', {}, '.flags', WRONG_TYPE],
  ['SO_TIMESTAMPING', 0.5, '', TOO_BIG],
  ['SO_TXTIME', { clockid: 1, flags: -1 }, '.flags', TOO_BIG],
  ['IP_LOCAL_PORT_RANGE', { low: 1, high: 65536 }, '.high', TOO_BIG],
  ['IP_ADD_MEMBERSHIP', '224.0.0.251', '', WRONG_TYPE],
  ['IP_ADD_MEMBERSHIP', { multiaddr: 1 }, '.multiaddr', WRONG_TYPE],
  ['IP_ADD_MEMBERSHIP', { multiaddr: 'ff02::1' }, '.multiaddr', WRONG_VALUE],
  ['IP_ADD_MEMBERSHIP', { multiaddr: '224.0.0.251\0' }, '.multiaddr', WRONG_VALUE],
  ['IP_ADD_MEMBERSHIP', { multiaddr: '224.0.0.251', address: 'lo' }, '.address', WRONG_VALUE],
  ['IP_MULTICAST_IF', 'lo', '', WRONG_VALUE],
  ['IP_MULTICAST_IF', { ifindex: 'lo' }, '.ifindex', WRONG_TYPE],
  ['IP_ADD_SOURCE_MEMBERSHIP', { multiaddr: '224.0.0.251', interface: '0.0.0.0' }, '.sourceaddr', WRONG_TYPE],
  ['IPV6_JOIN_GROUP', { multiaddr: '224.0.0.251', ifindex: 1 }, '.multiaddr', WRONG_VALUE],
  ['IPV6_JOIN_GROUP', { multiaddr: 'ff02::1' }, '.ifindex', WRONG_TYPE],
  ['MCAST_JOIN_GROUP', { interface: 1, group: '224.0.0.251' }, '.group', WRONG_TYPE],
  ['MCAST_JOIN_GROUP', { interface: 1, group: Buffer.alloc(129) }, '.group', TOO_BIG],
  ['MCAST_JOIN_SOURCE_GROUP', { interface: 1, group }, '.source', WRONG_TYPE],
  ['ICMP6_FILTER', {}, '.block', WRONG_TYPE],
  ['ICMP6_FILTER', { pass: [256] }, '.pass', TOO_BIG],
  ['ICMP6_FILTER', { block: ['1'] }, '.block', WRONG_TYPE],
  ['PACKET_ADD_MEMBERSHIP', { ifindex: 1, type: 1, address: 7 }, '.address', WRONG_TYPE],
  ['PACKET_ADD_MEMBERSHIP', { ifindex: 1, type: 1, address: Buffer.alloc(65536) }, '.address.length', TOO_BIG],
  ['PACKET_FANOUT', { id: 65536, type: 0 }, '.id', TOO_BIG],
  ['PACKET_FANOUT', { id: 1, type: 256 }, '.type', TOO_BIG],
  ['PACKET_FANOUT', { id: 1, type: 0, flags: 1 }, '.flags', TOO_BIG], // it would become type 1
])('%s rejects %o', (name, value, field, expected) => {
  const { fd } = datagram();
  const message = expect.stringContaining(`"${name}${field}"`);
  expect(() => s.setOption(fd, name, value as never)).toThrow(expect.objectContaining({ ...expected, message }));
});

test('inherited properties are ignored', () => {
  const { fd } = datagram();
  const inherited = Object.create({ onoff: true, linger: 5 }) as s.Linger;
  expect(() => s.setOption(fd, 'SO_LINGER', inherited)).toThrow(expect.objectContaining(WRONG_TYPE));
});

test('an invalid file descriptor causes the errno of the kernel, and a value of another type a TypeError', () => {
  const code = (errno: string, syscall: string) => expect.objectContaining({ code: errno, syscall });
  expect(() => s.getOption(-1, 'SO_TYPE')).toThrow(code('EBADF', 'getsockopt'));
  expect(() => s.setOption(-1, 'SO_BROADCAST', true)).toThrow(code('EBADF', 'setsockopt'));
  expect(() => s.getOption(0.5, 'SO_TYPE')).toThrow(RangeError);
  expect(() => s.getOption('0' as never, 'SO_TYPE')).toThrow(TypeError);
  const file = openSync('/dev/null', 'r');
  onTestFinished(() => closeSync(file));
  expect(() => s.getOption(file, 'SO_TYPE')).toThrow(code('ENOTSOCK', 'getsockopt'));
});

test('a level that the socket does not support causes the errno of the kernel', () => {
  const [fd] = pair();
  expect(() => s.getOption(fd, 'TCP_NODELAY')).toThrow(expect.objectContaining({ code: 'EOPNOTSUPP' }));
  expect(() => s.setOption(fd, 'IP_TTL', 5)).toThrow(expect.objectContaining({ code: 'EOPNOTSUPP' }));
});

describe('groups of either family', () => {
  const lo = s.if_nametoindex('lo');
  // Only for this process, as other tests may run beside it.
  const [high, low] = [(process.pid >> 8) & 0xff, process.pid & 0xff];
  const own: s.InetAddress = { family: s.AF_INET, address: `239.66.${high}.${low}`, port: 0 };
  const own6: s.Inet6AddressInput = {
    family: s.AF_INET6,
    address: `ff02::66:${((high << 8) | low | 0x1000).toString(16)}`,
    port: 0,
  };
  const hex = (address: s.InetAddress | s.Inet6AddressInput) =>
    s.inet_pton(address.family, address.address)!.toString('hex');
  const lists = (path: string, text: string) => readFileSync(path, 'utf8').toLowerCase().includes(text);
  // The kernel prints the four bytes as a number in host byte order.
  const joined = () => lists('/proc/net/igmp', Buffer.from(hex(own), 'hex').reverse().toString('hex'));
  const joined6 = () => lists('/proc/net/igmp6', hex(own6));
  const code = (errno: string) => expect.objectContaining({ code: errno });

  test('MCAST_JOIN_GROUP joins an IPv4 group, and MCAST_LEAVE_GROUP leaves it', () => {
    const { fd } = datagram();
    expect(joined()).toBe(false);
    s.setOption(fd, 'MCAST_JOIN_GROUP', { interface: lo, group: own });
    expect(joined()).toBe(true);
    expect(() => s.setOption(fd, 'MCAST_JOIN_GROUP', { interface: lo, group: own })).toThrow(code('EADDRINUSE'));
    s.setOption(fd, 'MCAST_LEAVE_GROUP', { interface: lo, group: own });
    expect(joined()).toBe(false);
  });

  test('MCAST_JOIN_GROUP joins an IPv6 group, at the level of its family', (context) => {
    need(context, ipv6);
    const fd = cleanup(s.socket(s.AF_INET6, s.SOCK_DGRAM));
    const again = { multiaddr: own6.address, ifindex: lo };
    s.setOption(fd, 'MCAST_JOIN_GROUP', { interface: lo, group: own6 });
    expect(joined6()).toBe(true);
    expect(() => s.setOption(fd, 'IPV6_JOIN_GROUP', again)).toThrow(code('EADDRINUSE'));
    s.setOption(fd, 'MCAST_LEAVE_GROUP', { interface: lo, group: s.encodeAddress(own6) });
    expect(joined6()).toBe(false);
    const source: s.AddressInput = { family: s.AF_INET6, address: '::1', port: 0 };
    s.setOption(fd, 'MCAST_JOIN_SOURCE_GROUP', { interface: lo, group: own6, source });
    expect(lists('/proc/net/mcfilter6', hex(own6))).toBe(true);
    s.setOption(fd, 'MCAST_LEAVE_SOURCE_GROUP', { interface: lo, group: own6, source });
    expect(joined6()).toBe(false);
  });

  test('datagrams to a joined group are received, except from a blocked source', () => {
    const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
    s.bind(fd, { ...loopback, address: '0.0.0.0' });
    s.setOption(fd, 'IP_ADD_MEMBERSHIP', { multiaddr: '224.0.0.251', address: '127.0.0.1' });
    s.setOption(fd, 'IP_MULTICAST_ALL', false);
    const { fd: sender } = datagram();
    s.setOption(sender, 'IP_MULTICAST_IF', { ifindex: lo });
    const to = { ...(s.getsockname(fd) as s.InetAddress), address: '224.0.0.251' };
    const buffer = Buffer.alloc(16);
    s.sendto(sender, 'one', 0, to);
    expect(s.recv(fd, buffer, s.MSG_DONTWAIT)).toBe(3);
    const blocked = { multiaddr: '224.0.0.251', interface: '127.0.0.1', sourceaddr: '127.0.0.1' };
    s.setOption(fd, 'IP_BLOCK_SOURCE', blocked);
    s.sendto(sender, 'two', 0, to);
    expect(() => s.recv(fd, buffer, s.MSG_DONTWAIT)).toThrow(code('EAGAIN'));
    s.setOption(fd, 'IP_UNBLOCK_SOURCE', blocked);
    s.sendto(sender, 'three', 0, to);
    expect(s.recv(fd, buffer, s.MSG_DONTWAIT)).toBe(5);
  });
});

describe('values with more than one form', () => {
  test('reading SO_ERROR clears it', () => {
    const closed = s.socket(s.AF_INET, s.SOCK_DGRAM);
    s.bind(closed, loopback);
    const address = s.getsockname(closed) as s.InetAddress;
    s.close(closed);
    const { fd } = datagram();
    s.connect(fd, address);
    s.send(fd, 'x');
    expect([s.getOption(fd, 'SO_ERROR'), s.getOption(fd, 'SO_ERROR')]).toEqual([111, 0]);
  });

  test('an empty name removes SO_BINDTODEVICE', () => {
    const { fd } = datagram();
    s.setOption(fd, 'SO_BINDTODEVICE', 'lo');
    const free = (() => {
      try {
        s.setOption(fd, 'SO_BINDTODEVICE', '');
        return true;
      } catch (error) {
        // CAP_NET_RAW
        if (s.isErrno(error, 'EPERM')) return false;
        throw error;
      }
    })();
    expect(s.getOption(fd, 'SO_BINDTODEVICE')).toBe(free ? '' : 'lo');
    expect(() => s.setOption(fd, 'SO_BINDTODEVICE', 'no-such-device')).toThrow(
      expect.objectContaining({ code: 'ENODEV' }),
    );
  });

  test('SO_TIMESTAMPING accepts the flags or its struct', () => {
    const { fd } = datagram();
    s.setOption(fd, 'SO_TIMESTAMPING', { flags: s.SOF_TIMESTAMPING_SOFTWARE });
    expect(s.getOption(fd, 'SO_TIMESTAMPING')).toEqual({ flags: s.SOF_TIMESTAMPING_SOFTWARE, bindPhc: 0 });
    s.setOption(fd, 'SO_TIMESTAMPING', 0);
    expect(s.getOption(fd, 'SO_TIMESTAMPING').flags).toBe(0);
  });

  test('IP_MULTICAST_IF accepts an address or an index, and returns the address', () => {
    const { fd } = datagram();
    s.setOption(fd, 'IP_MULTICAST_IF', { address: '127.0.0.1' });
    expect(s.getOption(fd, 'IP_MULTICAST_IF')).toBe('127.0.0.1');
    s.setOption(fd, 'IP_MULTICAST_IF', { ifindex: s.if_nametoindex('lo') });
    expect(s.getOption(fd, 'IP_MULTICAST_IF')).toBe('0.0.0.0');
    expect(() => s.setOption(fd, 'IP_MULTICAST_IF', { ifindex: 0x7fffffff })).toThrow(
      expect.objectContaining({ code: 'EADDRNOTAVAIL' }),
    );
  });

  test('ICMP6_FILTER passes or blocks a list of types', (context) => {
    need(context, rawSockets, ipv6);
    const fd = cleanup(s.socket(s.AF_INET6, s.SOCK_RAW, s.IPPROTO_ICMPV6));
    s.setOption(fd, 'ICMP6_FILTER', { block: [0, 31, 32, 255] });
    const { pass } = s.getOption(fd, 'ICMP6_FILTER');
    expect(pass).toHaveLength(252);
    for (const type of [0, 31, 32, 255]) expect(pass).not.toContain(type);
    s.setOption(fd, 'ICMP6_FILTER', { pass: [] });
    expect(s.getOption(fd, 'ICMP6_FILTER')).toEqual({ pass: [] });
  });

  test('SO_PEERPIDFD is a new file descriptor with close-on-exec', (context) => {
    const [fd] = pair();
    let pidfd: number;
    try {
      pidfd = s.getOption(fd, 'SO_PEERPIDFD');
    } catch (error) {
      if (s.isErrno(error, 'ENOPROTOOPT')) context.skip('SO_PEERPIDFD: Linux 6.5');
      throw error;
    }
    cleanup(pidfd);
    expect(readlinkSync(`/proc/self/fd/${pidfd}`)).toMatch(/pidfd/);
    expect(s.fcntl(pidfd, s.F_GETFD) & s.FD_CLOEXEC).toBe(s.FD_CLOEXEC);
  });

  test('SO_PEERGROUPS returns any number of groups', (context) => {
    const mine = process.getgroups!();
    const many = Array.from({ length: 300 }, (_, i) => 1000 + i);
    try {
      process.setgroups!(many);
    } catch (error) {
      context.skip(`setgroups: ${(error as NodeJS.ErrnoException).code}`);
    }
    try {
      expect(s.getOption(pair()[0], 'SO_PEERGROUPS')).toEqual(many);
    } finally {
      process.setgroups!(mine);
    }
  });

  test('a header of the maximum length is returned completely', (context) => {
    need(context, rawSockets, ipv6);
    const fd = cleanup(s.socket(s.AF_INET6, s.SOCK_DGRAM));
    // Its length is counted in units of 8 bytes after the first one; padding options fill it.
    const header = Buffer.alloc(8 * 255);
    header[1] = 254;
    s.setOption(fd, 'IPV6_DSTOPTS', header);
    expect(s.getOption(fd, 'IPV6_DSTOPTS')).toEqual(header);
  });

  test('TCP_SAVED_SYN returns the headers once', () => {
    const listening = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM));
    s.setOption(listening, 'TCP_SAVE_SYN', 1);
    s.bind(listening, loopback);
    s.listen(listening);
    const client = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM));
    s.connect(client, s.getsockname(listening)!);
    const server = cleanup(s.accept(listening).fd);
    const syn = s.getOption(server, 'TCP_SAVED_SYN');
    expect([syn[0]! >> 4, syn[9], syn[33]! & 0x12]).toEqual([4, s.IPPROTO_TCP, 2]);
    expect(s.getOption(server, 'TCP_SAVED_SYN')).toHaveLength(0);
  });

  test('TCP_CC_INFO and TCP_CONGESTION of a connection are read', () => {
    const { client } = connection();
    s.setOption(client, 'TCP_CONGESTION', 'reno');
    expect(s.getOption(client, 'TCP_CC_INFO')).toHaveLength(0);
    expect(() => s.setOption(client, 'TCP_CONGESTION', 'no-such')).toThrow(expect.objectContaining({ code: 'ENOENT' }));
  });

  test('PACKET_STATISTICS counts freezes only for TPACKET_V3', (context) => {
    need(context, packetSockets);
    const fd = cleanup(s.socket(s.AF_PACKET, s.SOCK_RAW));
    expect(s.getOption(fd, 'PACKET_STATISTICS')).toEqual({ packets: 0, drops: 0 });
    s.setOption(fd, 'PACKET_VERSION', 2);
    expect(s.getOption(fd, 'PACKET_STATISTICS')).toEqual({ packets: 0, drops: 0, freezes: 0 });
  });

  test('PACKET_ROLLOVER_STATS of a fanout group with rollover is read', (context) => {
    need(context, packetSockets);
    const [open] = sockets.packetOnLo;
    const fd = open();
    s.setOption(fd, 'PACKET_FANOUT', { id: fanoutId(), type: s.PACKET_FANOUT_ROLLOVER });
    expect(s.getOption(fd, 'PACKET_ROLLOVER_STATS')).toEqual({ all: 0n, huge: 0n, failed: 0n });
  });

  test('PACKET_ADD_MEMBERSHIP passes hardware addresses of any length to the kernel', (context) => {
    need(context, packetSockets);
    const fd = cleanup(s.socket(s.AF_PACKET, s.SOCK_RAW));
    const add = (length: number) =>
      s.setOption(fd, 'PACKET_ADD_MEMBERSHIP', {
        ifindex: s.if_nametoindex('lo'),
        type: s.PACKET_MR_MULTICAST,
        address: Buffer.alloc(length, 1),
      });
    add(6);
    for (const length of [20, 32, 33, 1000]) {
      expect(() => add(length)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    }
  });
});
