import { execFileSync } from 'node:child_process';
import { openSync, readFileSync, readlinkSync } from 'node:fs';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup, openFds } from '../helpers/fds.ts';
import { connection, pair } from '../helpers/fixtures.ts';
import { namespaces, need, networkAdmin } from '../helpers/need.ts';
import { link } from '../helpers/networks.ts';

// asm-generic/ioctls.h, asm-generic/sockios.h
const FIOCLEX = 0x5451;
const FIOASYNC = 0x5452;
const FIOSETOWN = 0x8901;
const FIOGETOWN = 0x8903;

/**
 * Runs fcntl.ioctl in Python on this file descriptor, with this struct or int: returns it afterwards in hex, or
 * [errno].
 */
function pythonOn(fd: number, ...calls: [request: number, argument: string][]): (string | [number])[] {
  const script = `
import fcntl, json, sys
def answer(request, argument):
    try: return fcntl.ioctl(3, request, bytes.fromhex(argument)).hex()
    except OSError as error: return [error.errno]
print(json.dumps([answer(*call) for call in json.loads(sys.argv[1])]))`;
  const stdio = ['ignore', 'pipe', 'inherit', fd] as const;
  return JSON.parse(execFileSync('python3', ['-c', script, JSON.stringify(calls)], { stdio: [...stdio] }).toString());
}

const int = (value: number) => Buffer.from(Int32Array.of(value).buffer).toString('hex');

function udp(): number {
  return cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
}

/** Waits, for a limited time, for something that the network stack does by itself. */
async function until(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 12_000 && !condition(); i++) await new Promise((resolve) => setTimeout(resolve, 5));
}

test('FIONREAD returns the size of all data in a stream, or of the first datagram', () => {
  const [a, b] = pair();
  expect(s.ioctl(b, s.FIONREAD)).toBe(0);
  s.send(a, 'hello');
  s.send(a, 'world!');
  expect(s.ioctl(b, s.FIONREAD)).toBe(11);
  expect(pythonOn(b, [s.FIONREAD, int(0)])).toEqual([int(11)]);
  const [c, d] = pair(s.SOCK_DGRAM);
  s.send(c, 'hello');
  s.send(c, 'world!');
  expect(s.ioctl(d, s.FIONREAD)).toBe(5);
});

test('SIOCOUTQ returns how much the peer has not read', () => {
  const [a, b] = pair();
  expect(s.ioctl(a, s.SIOCOUTQ)).toBe(0);
  s.send(a, Buffer.alloc(1000));
  expect(s.ioctl(a, s.SIOCOUTQ)).toBeGreaterThanOrEqual(1000);
  expect([int(s.ioctl(a, s.SIOCOUTQ))]).toEqual(pythonOn(a, [s.SIOCOUTQ, int(0)]));
  s.recv(b, Buffer.alloc(1000));
  expect(s.ioctl(a, s.SIOCOUTQ)).toBe(0);
});

test('SIOCATMARK returns whether the urgent byte is next', async () => {
  const { client, server } = connection();
  s.setsockopt(server, s.SOL_SOCKET, s.SO_RCVTIMEO, new BigInt64Array([60n, 0n]));
  s.send(client, 'a');
  s.send(client, '!', s.MSG_OOB);
  await until(() => nothrow.recv(server, Buffer.alloc(1), s.MSG_OOB | s.MSG_PEEK | s.MSG_DONTWAIT) === 1);
  expect(s.ioctl(server, s.SIOCATMARK)).toBe(0);
  expect(s.recv(server, Buffer.alloc(1))).toBe(1);
  expect(s.ioctl(server, s.SIOCATMARK)).toBe(1);
  expect(pythonOn(server, [s.SIOCATMARK, int(0)])).toEqual([int(1)]);
});

test('FIONBIO and FIOASYNC set the file status flags', () => {
  const [fd] = pair();
  expect(s.ioctl(fd, s.FIONBIO, 1)).toBe(1);
  expect(s.fcntl(fd, s.F_GETFL)).toBe(s.O_RDWR | s.O_NONBLOCK);
  expect(s.ioctl(fd, FIOASYNC, 1)).toBe(1);
  expect(s.fcntl(fd, s.F_GETFL)).toBe(s.O_RDWR | s.O_NONBLOCK | s.O_ASYNC);
  s.ioctl(fd, FIOASYNC, 0);
  s.ioctl(fd, s.FIONBIO); // the default argument is 0
  expect(s.fcntl(fd, s.F_GETFL)).toBe(s.O_RDWR);
});

test('FIOCLEX and FIONCLEX set the file descriptor flag', () => {
  const fd = udp();
  expect(s.ioctl(fd, s.FIONCLEX)).toBe(0);
  expect(s.fcntl(fd, s.F_GETFD)).toBe(0);
  expect(s.ioctl(fd, FIOCLEX)).toBe(0);
  expect(s.fcntl(fd, s.F_GETFD)).toBe(s.FD_CLOEXEC);
});

test.each([
  ['FIOSETOWN and FIOGETOWN', FIOSETOWN, FIOGETOWN],
  ['SIOCSPGRP and SIOCGPGRP', s.SIOCSPGRP, s.SIOCGPGRP],
])('%s sets the receiver of signals', (_, set, get) => {
  const fd = udp();
  expect(s.ioctl(fd, get)).toBe(0);
  expect(s.ioctl(fd, set, process.pid)).toBe(process.pid);
  expect(s.ioctl(fd, get)).toBe(process.pid);
  expect(s.fcntl(fd, s.F_GETOWN)).toBe(process.pid);
  expect(nothrow.ioctl(fd, get, 0)).toBe(0);
  const value = new Int32Array(1);
  nothrow.ioctl(fd, get, 0, value);
  expect(value[0]).toBe(process.pid);
});

const gets = [
  ['SIOCGIFINDEX', s.SIOCGIFINDEX],
  ['SIOCGIFMTU', s.SIOCGIFMTU],
  ['SIOCGIFFLAGS', s.SIOCGIFFLAGS],
  ['SIOCGIFHWADDR', s.SIOCGIFHWADDR],
  ['SIOCGIFADDR', s.SIOCGIFADDR],
  ['SIOCGIFDSTADDR', s.SIOCGIFDSTADDR],
  ['SIOCGIFBRDADDR', s.SIOCGIFBRDADDR],
  ['SIOCGIFNETMASK', s.SIOCGIFNETMASK],
  ['SIOCGIFMETRIC', s.SIOCGIFMETRIC],
  ['SIOCGIFTXQLEN', s.SIOCGIFTXQLEN],
  ['SIOCGIFMAP', s.SIOCGIFMAP],
  ['SIOCGIFPFLAGS', s.SIOCGIFPFLAGS],
] as const;

test.each(gets)('%s for lo, for a missing interface and without a name is the same as in Python', (_, request) => {
  const fd = udp();
  const names = ['lo', 'nosuch0', ''];
  const got = names.map((name) => {
    const argument = s.ifreq(name);
    const n = nothrow.ioctl(fd, request, argument);
    return n < 0 ? [-n] : argument.toString('hex');
  });
  const calls = names.map((name): [number, string] => [request, s.ifreq(name).toString('hex')]);
  expect(got).toEqual(pythonOn(fd, ...calls));
  expect(typeof got[0] === 'string' || request === s.SIOCGIFPFLAGS).toBe(true);
});

test('the values of lo are the same as in /sys', () => {
  const fd = udp();
  const ask = (request: number) => {
    const argument = s.ifreq('lo');
    expect(s.ioctl(fd, request, argument)).toBe(0);
    return argument;
  };
  const sys = (name: string) => readFileSync(`/sys/class/net/lo/${name}`, 'utf8').trim();
  expect(ask(s.SIOCGIFINDEX).readInt32LE(16)).toBe(Number(sys('ifindex')));
  expect(ask(s.SIOCGIFMTU).readInt32LE(16)).toBe(Number(sys('mtu')));
  expect(ask(s.SIOCGIFHWADDR).readUInt16LE(16)).toBe(Number(sys('type')));
  expect(ask(s.SIOCGIFHWADDR).subarray(18, 24).toString('hex')).toBe(sys('address').replaceAll(':', ''));
  const flags = ask(s.SIOCGIFFLAGS).readUInt16LE(16);
  expect(flags & (s.IFF_LOOPBACK | s.IFF_UP)).toBe(Number(sys('flags')) & (s.IFF_LOOPBACK | s.IFF_UP));
  expect(s.decodeAddress(ask(s.SIOCGIFADDR).subarray(16, 32))).toEqual({
    family: s.AF_INET,
    address: '127.0.0.1',
    port: 0,
  });
});

test('SIOCGIFNAME returns the name for an index', () => {
  const argument = s.ifreq('');
  argument.writeInt32LE(1, 16);
  expect(s.ioctl(udp(), s.SIOCGIFNAME, argument)).toBe(0);
  expect(argument.toString('latin1', 0, 3)).toBe('lo\0');
});

test('SIOCSIFMTU, SIOCSIFFLAGS and SIOCSIFADDR change an interface', async (context) => {
  need(context, namespaces);
  const { name, ifindex } = await link();
  const fd = udp();
  const ip = () => JSON.parse(execFileSync('ip', ['-j', 'addr', 'show', name], { encoding: 'utf8' }))[0];
  const set = (request: number, fill: (argument: Buffer) => void) => {
    const argument = s.ifreq(name);
    fill(argument);
    expect(s.ioctl(fd, request, argument)).toBe(0);
  };
  set(s.SIOCSIFMTU, (argument) => argument.writeInt32LE(1400, 16));
  expect(ip()).toMatchObject({ mtu: 1400, ifindex });

  set(s.SIOCSIFADDR, (argument) =>
    argument.set(s.encodeAddress({ family: s.AF_INET, address: '10.66.251.9', port: 0 }), 16),
  );
  expect(ip().addr_info.map((info: { local: string }) => info.local)).toContain('10.66.251.9');

  expect(ip().flags).toContain('UP');
  set(s.SIOCSIFFLAGS, (argument) => argument.writeUInt16LE(0, 16));
  expect(ip().flags).not.toContain('UP');
});

test('SIOCSARP, SIOCGARP and SIOCDARP add, read and delete a neighbour', async (context) => {
  need(context, namespaces);
  const { name, peer } = await link();
  const fd = udp();
  const arpreq = () => {
    const request = Buffer.alloc(68);
    request.set(s.encodeAddress({ family: s.AF_INET, address: peer.address, port: 0 }), 0);
    request.write(name, 52);
    return request;
  };
  const hardware = Buffer.from('020000000042', 'hex');
  const entry = arpreq();
  entry.writeUInt16LE(s.ARPHRD_ETHER, 16);
  entry.set(hardware, 18);
  entry.writeInt32LE(2 | 4, 32); // ATF_COM | ATF_PERM
  expect(() => s.ioctl(fd, s.SIOCGARP, arpreq())).toThrow(expect.objectContaining({ code: 'ENXIO' }));
  expect(s.ioctl(fd, s.SIOCSARP, entry)).toBe(0);
  const found = arpreq();
  expect(s.ioctl(fd, s.SIOCGARP, found)).toBe(0);
  expect(found.subarray(18, 24)).toEqual(hardware);
  expect(s.ioctl(fd, s.SIOCDARP, arpreq())).toBe(0);
  const gone = arpreq();
  expect(nothrow.ioctl(fd, s.SIOCGARP, gone) < 0 || gone.subarray(18, 24).equals(Buffer.alloc(6))).toBe(true);
});

test('SIOCGSKNS returns a new file descriptor for the network namespace with close-on-exec', (context) => {
  need(context, networkAdmin);
  const n = nothrow.ioctl(udp(), s.SIOCGSKNS);
  expect(n).toBeGreaterThan(2);
  cleanup(n);
  expect(readlinkSync(`/proc/self/fd/${n}`)).toBe(readlinkSync('/proc/self/ns/net'));
  expect(s.fcntl(n, s.F_GETFD)).toBe(s.FD_CLOEXEC);
});

test('the file descriptor of SIOCGSKNS is closed if it cannot be stored', (context) => {
  need(context, networkAdmin);
  const fd = udp();
  const refusing = new Proxy([0], {
    set: () => {
      throw new Error('not stored');
    },
  });
  const before = openFds();
  expect(() => nothrow.ioctl(fd, s.SIOCGSKNS, undefined, refusing)).toThrow('not stored');
  expect(openFds()).toEqual(before);
});

test('errors are the same as in Python', () => {
  const file = cleanup(openSync('/dev/null', 'r'));
  const calls: [number, string][] = [
    [s.FIONREAD, int(0)],
    [s.SIOCOUTQ, int(0)],
    [s.SIOCOUTQNSD, int(0)],
    [s.SIOCATMARK, int(0)],
    [s.IOCTL_VM_SOCKETS_GET_LOCAL_CID, int(0)],
    [s.SIOCGIFMTU, s.ifreq('lo').toString('hex')],
    [s.SIOCSIFMTU, s.ifreq('nosuch0').toString('hex')],
    [s.SIOCSIFFLAGS, s.ifreq('nosuch0').toString('hex')],
    [s.SIOCSIFNAME, s.ifreq('nosuch0').toString('hex')],
    [s.SIOCADDMULTI, s.ifreq('nosuch0').toString('hex')],
    [s.SIOCDARP, Buffer.alloc(68).toString('hex')],
    [s.SIOCGSTAMP, Buffer.alloc(16).toString('hex')],
    [s.SIOCGIFVLAN, Buffer.alloc(56).toString('hex')],
    [s.SIOCGMIIPHY, s.ifreq('lo').toString('hex')],
    [s.SIOCBRDELBR, Buffer.from('nosuch0'.padEnd(16, '\0')).toString('hex')],
    [s.SIOCBONDENSLAVE, s.ifreq('lo').toString('hex')],
    [s.TUNGETIFF, s.ifreq('').toString('hex')],
    [s.TUNGETSNDBUF, int(0)],
  ];
  for (const fd of [file, udp(), pair(s.SOCK_SEQPACKET)[0], cleanup(s.socket(s.AF_NETLINK, s.SOCK_RAW))]) {
    const got = calls.map(([request, hex]) => {
      const bytes = Buffer.from(hex, 'hex');
      const value = [0];
      const n = nothrow.ioctl(fd, request, bytes.length === 4 ? 0 : bytes, value);
      if (n < 0) return [-n];
      return bytes.length === 4 ? int(value[0]!) : bytes.toString('hex');
    });
    expect(got).toEqual(pythonOn(fd, ...calls));
  }
  const error = (code: s.ErrnoName) => expect.objectContaining({ name: 'SocketError', code, syscall: 'ioctl' });
  expect(() => s.ioctl(-1, s.FIONREAD)).toThrow(error('EBADF'));
  expect(() => s.ioctl(file, s.SIOCATMARK)).toThrow(error('ENOTTY'));
  expect(() => s.ioctl(udp(), s.SIOCGIFMTU, s.ifreq('nosuch0'))).toThrow(error('ENODEV'));
});

test.each([
  ['SIOCETHTOOL', s.SIOCETHTOOL],
  ['SIOCGIFCONF', s.SIOCGIFCONF],
  ['SIOCGIFBR', s.SIOCGIFBR],
  ['SIOCBONDINFOQUERY', s.SIOCBONDINFOQUERY],
  ['TUNATTACHFILTER', s.TUNATTACHFILTER],
  ['TUNGETFILTER', s.TUNGETFILTER],
  ['SIOCSHWTSTAMP', s.SIOCSHWTSTAMP],
  ['SIOCADDRT', s.SIOCADDRT],
  ['TIOCGWINSZ', 0x5413],
  ['TIOCSTI', 0x5412],
  ['0', 0],
  ['0xffffffff', 0xffffffff],
])('%s is rejected before it reaches the kernel', (_, request) => {
  const fd = udp();
  const bytes = Buffer.alloc(40, 0x41);
  for (const argument of [undefined, 0, bytes]) {
    for (const target of [fd, -1]) {
      expect(() => s.ioctl(target, request, argument)).toThrow(RangeError);
      expect(() => nothrow.ioctl(target, request, argument)).toThrow(
        expect.objectContaining({ code: 'ERR_OUT_OF_RANGE', message: expect.stringContaining('"request"') }),
      );
    }
  }
  expect(bytes).toEqual(Buffer.alloc(40, 0x41));
});

test('a struct of the wrong size and a number in place of a struct are rejected', () => {
  const fd = udp();
  for (const size of [0, 16, 39, 41, 68]) {
    expect(() => s.ioctl(fd, s.SIOCGIFMTU, Buffer.alloc(size))).toThrow(RangeError);
  }
  for (const size of [0, 40, 67, 69]) expect(() => s.ioctl(fd, s.SIOCGARP, Buffer.alloc(size))).toThrow(RangeError);
  expect(() => s.ioctl(fd, s.SIOCGIFMTU, 1)).toThrow(TypeError);
  expect(() => s.ioctl(fd, s.SIOCGIFMTU)).toThrow(TypeError);
  expect(() => s.ioctl(fd, s.FIONREAD, Buffer.alloc(4))).toThrow(TypeError);
  const wide = new Float64Array(5); // 40 bytes
  wide.set(new Float64Array(Uint8Array.from(s.ifreq('lo')).buffer));
  expect(s.ioctl(fd, s.SIOCGIFINDEX, wide)).toBe(0);
  expect(new Int32Array(wide.buffer)[4]).toBe(1);
});

test('arguments that C cannot represent are rejected', () => {
  const fd = udp();
  for (const bad of [1.5, Number.NaN, 2 ** 31, -(2 ** 31) - 1]) {
    expect(() => s.ioctl(bad, s.FIONREAD)).toThrow(RangeError);
    expect(() => s.ioctl(fd, s.FIONBIO, bad)).toThrow(RangeError);
  }
  for (const bad of [1.5, Number.NaN, -1, 2 ** 32]) expect(() => s.ioctl(fd, bad)).toThrow(RangeError);
  for (const bad of ['1', 1n, null, {}] as unknown as number[]) {
    expect(() => s.ioctl(bad, s.FIONREAD)).toThrow(TypeError);
    expect(() => s.ioctl(fd, bad)).toThrow(TypeError);
    expect(() => s.ioctl(fd, s.FIONBIO, bad)).toThrow(TypeError);
  }
  expect(s.fcntl(fd, s.F_GETFL), 'the call had no effect').toBe(s.O_RDWR);
});

test('ifreq stores the name and never truncates it', () => {
  expect(s.ifreq('lo')).toEqual(Buffer.concat([Buffer.from('lo'), Buffer.alloc(38)]));
  expect(s.ifreq('a'.repeat(15)).indexOf(0)).toBe(15);
  expect(s.ifreq('ä').subarray(0, 3)).toEqual(Buffer.of(0xc3, 0xa4, 0));
  for (const bad of ['a'.repeat(16), 'ä'.repeat(8), 'a\0b', '\0']) expect(() => s.ifreq(bad)).toThrow(RangeError);
  for (const bad of [1, null, undefined, Buffer.from('lo')] as unknown as string[])
    expect(() => s.ifreq(bad)).toThrow(TypeError);
});
