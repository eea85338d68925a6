// Options whose getsockopt writes as many elements as a count in the buffer says, whatever the length. Each test checks
// the bytes behind the buffer, in the same memory.
import { endianness } from 'node:os';
import { describe, expect, type TestContext, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { need } from '../helpers/need.ts';

expect(endianness()).toBe('LE');

const GROUP_FILTER = { count: 140, header: 144, element: 128 };
const MSFILTER = { count: 12, header: 16, element: 4 };
/** The default of igmp_max_msf. */
const MOST = 10;
const loopback = 1;

/** The sockaddr_storage of an address. */
function storage(address: s.AddressLike): Buffer {
  const bytes = Buffer.alloc(128);
  bytes.set(s.encodeAddress(address));
  return bytes;
}

function inet(last: number): s.Address {
  return { family: s.AF_INET, address: `10.1.2.${last}`, port: 0 } as s.Address;
}

function inet6(last: number): s.Address {
  return { family: s.AF_INET6, address: `fd00::${last.toString(16)}`, port: 0, flowinfo: 0, scopeId: 0 } as s.Address;
}

/** A struct group_filter with these sources, or with only their count. */
function groupFilter(group: s.Address, sources: Buffer[], count: number = sources.length): Buffer {
  const header = Buffer.alloc(GROUP_FILTER.header);
  header.writeUInt32LE(loopback, 0);
  storage(group).copy(header, 8);
  header.writeUInt32LE(s.MCAST_INCLUDE, 136);
  header.writeUInt32LE(count, GROUP_FILTER.count);
  return Buffer.concat([header, ...sources]);
}

/** A struct ip_msfilter. */
function msfilter(sources: number[], count: number = sources.length): Buffer {
  const header = Buffer.from([239, 1, 2, 3, 127, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0]); // MCAST_INCLUDE is 1
  header.writeUInt32LE(count, MSFILTER.count);
  return Buffer.concat([header, ...sources.map((last) => Buffer.from([10, 1, 2, last]))]);
}

const families = [
  {
    name: 'IPPROTO_IPV6',
    level: s.IPPROTO_IPV6,
    family: s.AF_INET6,
    group: { family: s.AF_INET6, address: 'ff15::1234', port: 0, flowinfo: 0, scopeId: 0 } as s.Address,
    source: inet6,
  },
  {
    name: 'IPPROTO_IP',
    level: s.IPPROTO_IP,
    family: s.AF_INET,
    group: { family: s.AF_INET, address: '239.1.2.3', port: 0 } as s.Address,
    source: inet,
  },
];

describe.each(families)('MCAST_MSFILTER of $name', ({ level, family, group, source }) => {
  function filtered(context: TestContext): { fd: number; sources: Buffer[] } {
    const fd = cleanup(s.socket(family, s.SOCK_DGRAM));
    const request = Buffer.alloc(136);
    request.writeUInt32LE(loopback, 0);
    storage(group).copy(request, 8);
    const joined = nothrow.setsockopt(fd, level, s.MCAST_JOIN_GROUP, request);
    need(context, () => (joined === 0 ? undefined : `the loopback joins no group: ${s.errnoName(-joined)}`));
    const sources = Array.from({ length: MOST }, (_, i) => storage(source(i + 1)));
    s.setsockopt(fd, level, s.MCAST_MSFILTER, groupFilter(group, sources));
    return { fd, sources };
  }

  test('writes no more sources than the buffer holds, whatever the count says', (context) => {
    const { fd, sources } = filtered(context);
    const { header, element, count } = GROUP_FILTER;
    for (const length of [header, header + 1, header + element, header + element + 127, 1024, 1025, 1200]) {
      for (const claimed of [0, 1, sources.length, 0x7fffffff, 0xffffffff]) {
        const slab = Buffer.alloc(16_384, 0xaa);
        const buffer = slab.subarray(64, 64 + length);
        groupFilter(group, [], claimed).copy(buffer);
        const told = nothrow.getsockopt(fd, level, s.MCAST_MSFILTER, buffer);
        const written = Math.min(claimed, sources.length, Math.floor((length - header) / element));
        expect(told, `length ${length}, count ${claimed}`).toBe(header + written * element);
        expect(buffer.readUInt32LE(count), 'the count is that of all sources').toBe(sources.length);
        expect(slab.subarray(64 + length).every((byte) => byte === 0xaa)).toBe(true);
        expect(slab.subarray(0, 64).every((byte) => byte === 0xaa)).toBe(true);
      }
    }
  });

  test('returns all sources if the buffer is large enough', (context) => {
    const { fd, sources } = filtered(context);
    const buffer = groupFilter(
      group,
      sources.map(() => Buffer.alloc(128)),
    );
    expect(nothrow.getsockopt(fd, level, s.MCAST_MSFILTER, buffer)).toBe(buffer.length);
    const last = buffer.subarray(-GROUP_FILTER.element);
    expect(sources.some((one) => one.subarray(8, 24).equals(last.subarray(8, 24)))).toBe(true);
  });

  test('passes a buffer that is too short to the kernel', (context) => {
    const { fd } = filtered(context);
    for (const length of [0, 4, GROUP_FILTER.count, GROUP_FILTER.header - 1]) {
      const buffer = groupFilter(group, [], 64).subarray(0, length);
      expect(nothrow.getsockopt(fd, level, s.MCAST_MSFILTER, buffer)).toBe(-s.EINVAL);
    }
  });
});

test('IP_MSFILTER writes no more sources than the buffer holds', (context) => {
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  const joined = nothrow.setsockopt(fd, s.IPPROTO_IP, s.IP_ADD_MEMBERSHIP, Buffer.from([239, 1, 2, 3, 127, 0, 0, 1]));
  need(context, () => (joined === 0 ? undefined : `the loopback joins no group: ${s.errnoName(-joined)}`));
  const sources = [1, 2, 3, 4, 5, 6, 7, 8];
  s.setsockopt(fd, s.IPPROTO_IP, s.IP_MSFILTER, msfilter(sources));
  for (const length of [16, 20, 27, 40, 48]) {
    const slab = Buffer.alloc(256, 0xaa);
    const buffer = slab.subarray(0, length);
    msfilter([], 0xffffffff).copy(buffer);
    const written = Math.min(sources.length, Math.floor((length - 16) / 4));
    expect(nothrow.getsockopt(fd, s.IPPROTO_IP, s.IP_MSFILTER, buffer)).toBe(16 + written * 4);
    expect(buffer.readUInt32LE(12)).toBe(sources.length);
    expect(slab.subarray(length).every((byte) => byte === 0xaa)).toBe(true);
  }
});

test('an option that creates an inheritable file descriptor is rejected', () => {
  const refused = (call: () => unknown) =>
    expect(call).toThrow(
      expect.objectContaining({ name: 'RangeError', message: expect.stringContaining('close-on-exec') }),
    );
  for (const length of [4, 8, 12, 16, 2000]) {
    refused(() => s.getsockopt(-1, s.IPPROTO_SCTP, 102, length)); // SCTP_SOCKOPT_PEELOFF
    refused(() => s.getsockopt(-1, s.IPPROTO_SCTP, 122, length)); // SCTP_SOCKOPT_PEELOFF_FLAGS
  }
  refused(() => s.getsockopt(-1, s.IPPROTO_SCTP, 102));
  const flags = new Uint32Array([0, 0, s.SOCK_CLOEXEC | s.SOCK_NONBLOCK]);
  expect(nothrow.getsockopt(-1, s.IPPROTO_SCTP, 122, flags), 'the call reaches the kernel').toBe(-s.EBADF);
});
