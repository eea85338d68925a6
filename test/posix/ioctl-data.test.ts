/** Requests whose struct ifreq points to further data: ethtool and hardware timestamps. */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { pair } from '../helpers/fixtures.ts';
import { namespaces, need } from '../helpers/need.ts';
import { link } from '../helpers/networks.ts';

type Request = readonly [request: number, name: string, data: Buffer];

/** The same requests by Python, with a pointer of ctypes: the data afterwards in hex, or [errno]. */
function pythonSays(requests: readonly Request[]): (string | [number])[] {
  const script = `
import ctypes, fcntl, json, socket, struct, sys
def answer(request, name, data):
    data = ctypes.create_string_buffer(bytes.fromhex(data), len(data) // 2)
    ifreq = struct.pack('16sP16x', name.encode(), ctypes.addressof(data))
    try: fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), request, ifreq)
    except OSError as error: return [error.errno]
    return data.raw.hex()
print(json.dumps([answer(*request) for request in json.loads(sys.argv[1])]))`;
  const told = JSON.stringify(requests.map(([request, name, data]) => [request, name, data.toString('hex')]));
  return JSON.parse(execFileSync('python3', ['-c', script, told], { encoding: 'utf8' }));
}

function udp(): number {
  return cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
}

/** A struct of linux/ethtool.h: its command, further words, and room. */
function command(cmd: number, size: number, ...words: number[]): Buffer {
  const data = Buffer.alloc(size);
  for (const [i, word] of [cmd, ...words].entries()) data.writeUInt32LE(word, 4 * i);
  return data;
}

/** How many strings of this set the device has: ETHTOOL_GSSET_INFO. */
function countOf(name: string, set: number): number {
  const data = command(s.ETHTOOL_GSSET_INFO, 20, 0, 1 << set, 0);
  s.ioctlData(udp(), s.SIOCETHTOOL, s.ifreq(name), data);
  return data.readUInt32LE(8) === 0 ? 0 : data.readUInt32LE(16);
}

test('every kind of result is the same as in Python', async (context) => {
  need(context, namespaces);
  const { name } = await link();
  const statistics = countOf(name, s.ETH_SS_STATS);
  const features = countOf(name, s.ETH_SS_FEATURES);
  expect(statistics).toBeGreaterThan(0);
  expect(features).toBeGreaterThan(30);
  const ethtool = [
    command(s.ETHTOOL_GLINK, 8),
    command(s.ETHTOOL_GDRVINFO, 196),
    command(s.ETHTOOL_GET_TS_INFO, 44),
    command(s.ETHTOOL_GLINKSETTINGS, 48 + 3 * 4 * 127),
    command(s.ETHTOOL_GCHANNELS, 36),
    command(s.ETHTOOL_GSTRINGS, 12 + 32 * statistics, s.ETH_SS_STATS),
    command(s.ETHTOOL_GSTRINGS, 12 + 32 * features, s.ETH_SS_FEATURES),
    command(s.ETHTOOL_GSTATS, 8 + 8 * statistics),
    command(s.ETHTOOL_GFEATURES, 8 + 16 * Math.ceil(features / 32), Math.ceil(features / 32)),
    command(s.ETHTOOL_GPERMADDR, 8 + 32, 32),
    command(s.ETHTOOL_GEEPROM, 16 + 64, 0, 0, 64),
    command(0xffff, 4),
  ];
  const requests: Request[] = [];
  for (const device of [name, 'lo', 'nosuch0', '']) {
    for (const data of ethtool) requests.push([s.SIOCETHTOOL, device, data]);
    requests.push([s.SIOCGHWTSTAMP, device, Buffer.alloc(12)]);
    requests.push([
      s.SIOCSHWTSTAMP,
      device,
      Buffer.from(Int32Array.of(0, s.HWTSTAMP_TX_ON, s.HWTSTAMP_FILTER_ALL).buffer),
    ]);
    requests.push([s.SIOCBONDINFOQUERY, device, Buffer.alloc(12)]);
  }
  const expected = pythonSays(requests);
  const got = requests.map(([request, device, data]) => {
    const mine = Buffer.from(data);
    const n = nothrow.ioctlData(udp(), request, s.ifreq(device), mine);
    return n < 0 ? [-n] : mine.toString('hex');
  });
  expect(got).toEqual(expected);
  expect(got.filter((answer) => typeof answer === 'string').length).toBeGreaterThan(8);
  const driver = Buffer.from(got[1] as string, 'hex');
  expect(driver.toString('latin1', 4, 9)).toBe('veth\0');
});

test('a result that is longer than the data fails with EFAULT, and nothing beyond the data changes', () => {
  const fd = udp();
  const features = countOf('lo', s.ETH_SS_FEATURES);
  const slab = Buffer.alloc(4096, 0xee);
  for (const size of [4, 8, 12, 13, 44, 12 + 32 * features - 1]) {
    const data = slab.subarray(0, size);
    data.set(command(s.ETHTOOL_GSTRINGS, 12, s.ETH_SS_FEATURES).subarray(0, size));
    expect(() => s.ioctlData(fd, s.SIOCETHTOOL, s.ifreq('lo'), data), String(size)).toThrow(
      expect.objectContaining({ name: 'SocketError', code: 'EFAULT', syscall: 'ioctl' }),
    );
    expect(slab.subarray(size).every((byte) => byte === 0xee)).toBe(true);
    slab.fill(0xee);
  }
  const exact = command(s.ETHTOOL_GSTRINGS, 12 + 32 * features, s.ETH_SS_FEATURES);
  expect(s.ioctlData(fd, s.SIOCETHTOOL, s.ifreq('lo'), exact)).toBe(0);
  expect(exact.readUInt32LE(8)).toBe(features);
  expect(exact.toString('latin1')).toContain('tx-checksum-ip-generic\0');
  expect(nothrow.ioctlData(fd, s.SIOCETHTOOL, s.ifreq('lo'), new Uint8Array(0))).toBe(-s.EFAULT);
  expect(nothrow.ioctlData(fd, s.SIOCSHWTSTAMP, s.ifreq('lo'), new Uint8Array(4))).toBeLessThan(0);
});

test('data of any type and of whole pages is accepted, and lengths that the program fakes are ignored', () => {
  const fd = udp();
  const words = new Uint32Array([s.ETHTOOL_GLINK, 7]);
  expect(s.ioctlData(fd, s.SIOCETHTOOL, s.ifreq('lo'), words)).toBe(0);
  expect(words[1]).toBe(1);
  for (const size of [4096, 8192, 8191]) {
    const data = Buffer.alloc(size);
    data.writeUInt32LE(s.ETHTOOL_GLINK, 0);
    expect(s.ioctlData(fd, s.SIOCETHTOOL, s.ifreq('lo'), data)).toBe(0);
    expect(data.readUInt32LE(4)).toBe(1);
  }
  const lying = command(s.ETHTOOL_GFEATURES, 8 + 16, 1000);
  expect(nothrow.ioctlData(fd, s.SIOCETHTOOL, s.ifreq('lo'), lying)).toBe(-s.EFAULT);
});

test('invalid arguments are rejected by the library or by the kernel', () => {
  const fd = udp();
  const data = command(s.ETHTOOL_GLINK, 8);
  for (const request of [s.FIONREAD, s.SIOCGIFMTU, s.SIOCGIFCONF, s.TUNATTACHFILTER, s.SIOCADDRT, 0]) {
    expect(() => s.ioctlData(fd, request, s.ifreq('lo'), data)).toThrow(
      expect.objectContaining({ code: 'ERR_OUT_OF_RANGE', message: expect.stringContaining('"request"') }),
    );
  }
  for (const size of [0, 16, 39, 41]) {
    expect(() => s.ioctlData(fd, s.SIOCETHTOOL, Buffer.alloc(size), data)).toThrow(RangeError);
  }
  for (const bad of [undefined, null, 1, 'lo', {}] as unknown as Buffer[]) {
    expect(() => s.ioctlData(fd, s.SIOCETHTOOL, bad, data)).toThrow(TypeError);
    expect(() => s.ioctlData(fd, s.SIOCETHTOOL, s.ifreq('lo'), bad)).toThrow(TypeError);
  }
  const request = s.ifreq('lo');
  request.fill(0xff, 16); // a pointer of the program itself
  expect(s.ioctlData(fd, s.SIOCETHTOOL, request, data)).toBe(0);
  const error = (code: s.ErrnoName) => expect.objectContaining({ name: 'SocketError', code, syscall: 'ioctl' });
  expect(() => s.ioctlData(-1, s.SIOCETHTOOL, s.ifreq('lo'), data)).toThrow(error('EBADF'));
  expect(() => s.ioctlData(fd, s.SIOCETHTOOL, s.ifreq('nosuch0'), data)).toThrow(error('ENODEV'));
  expect(nothrow.ioctlData(pair()[0], s.SIOCETHTOOL, s.ifreq('lo'), data)).toBe(0); // any socket works
});
