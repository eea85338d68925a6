// Options whose bytes hold a pointer, or whose length does not count bytes. JavaScript has no pointers: arbitrary bytes
// would make the kernel read or write memory that does not belong to the call. They are refused before the kernel sees
// them.
import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { folder } from '../helpers/fixtures.ts';
import { need, packetSockets, strace } from '../helpers/need.ts';
import { python } from '../helpers/python.ts';

const options = [
  ['SO_ATTACH_FILTER', s.SOL_SOCKET, s.SO_ATTACH_FILTER],
  ['SO_GET_FILTER', s.SOL_SOCKET, s.SO_GET_FILTER],
  ['SO_ATTACH_REUSEPORT_CBPF', s.SOL_SOCKET, s.SO_ATTACH_REUSEPORT_CBPF],
  ['IPT_SO_SET_REPLACE', s.IPPROTO_IP, 64],
  ['IPT_SO_SET_ADD_COUNTERS', s.IPPROTO_IP, 65],
  ['ARPT_SO_SET_REPLACE', s.IPPROTO_IP, 96],
  ['ARPT_SO_SET_ADD_COUNTERS', s.IPPROTO_IP, 97],
  ['EBT_SO_SET_ENTRIES', s.IPPROTO_IP, 128],
  ['EBT_SO_SET_COUNTERS', s.IPPROTO_IP, 129],
  ['EBT_SO_GET_INIT_INFO', s.IPPROTO_IP, 130],
  ['EBT_SO_GET_INIT_ENTRIES', s.IPPROTO_IP, 131],
  ['IP6T_SO_SET_REPLACE', s.IPPROTO_IPV6, 64],
  ['IP6T_SO_SET_ADD_COUNTERS', s.IPPROTO_IPV6, 65],
  ['TCP_ZEROCOPY_RECEIVE', s.IPPROTO_TCP, s.TCP_ZEROCOPY_RECEIVE],
  ['SCTP_SOCKOPT_CONNECTX_OLD', s.IPPROTO_SCTP, 107],
  ['SCTP_SOCKOPT_CONNECTX3', s.IPPROTO_SCTP, 111],
  ['RDS_GET_MR', s.SOL_RDS, 2],
  ['RDS_GET_MR_FOR_DEST', s.SOL_RDS, 7],
  ['XDP_UMEM_REG', s.SOL_XDP, 4],
  ['MPTCP_FULL_INFO', s.SOL_MPTCP, 4],
] as const;

const refusal = (call: string) =>
  expect.objectContaining({
    name: 'RangeError',
    code: 'ERR_OUT_OF_RANGE',
    message: expect.stringMatching(new RegExp(`"name" .*without pointers \\(${call}\\)$`)),
  });

describe.each(options)('%s', (_, level, name) => {
  // -1: the kernel would return EBADF.
  test.each([-1, 0])('getsockopt rejects it (fd %i)', (fd) => {
    expect(() => s.getsockopt(fd, level, name)).toThrow(refusal('getsockopt'));
    for (const length of [0, 1, 4, 16, 4096]) {
      expect(() => s.getsockopt(fd, level, name, length)).toThrow(refusal('getsockopt'));
      expect(() => nothrow.getsockopt(fd, level, name, new Uint8Array(length))).toThrow(refusal('getsockopt'));
    }
  });

  test.each([-1, 0])('setsockopt rejects its bytes (fd %i)', (fd) => {
    for (const length of [0, 1, 4, 16, 4096]) {
      const value = Buffer.alloc(length, 0x41);
      for (const bytes of [
        value,
        new DataView(value.buffer, value.byteOffset, length),
        Uint8Array.from(value).buffer,
      ]) {
        expect(() => s.setsockopt(fd, level, name, bytes)).toThrow(refusal('setsockopt'));
        expect(() => nothrow.setsockopt(fd, level, name, bytes)).toThrow(refusal('setsockopt'));
      }
    }
  });
});

test('PACKET_FANOUT_DATA is rejected if it is a struct with a pointer', () => {
  for (const length of [5, 8, 16, 4096]) {
    const value = Buffer.alloc(length);
    expect(() => s.getsockopt(-1, s.SOL_PACKET, s.PACKET_FANOUT_DATA, length)).toThrow(refusal('getsockopt'));
    expect(() => s.setsockopt(-1, s.SOL_PACKET, s.PACKET_FANOUT_DATA, value)).toThrow(refusal('setsockopt'));
    expect(() => nothrow.setsockopt(-1, s.SOL_PACKET, s.PACKET_FANOUT_DATA, value)).toThrow(refusal('setsockopt'));
  }
});

test('PACKET_FANOUT_DATA is passed to the kernel if it is a file descriptor', (context) => {
  need(context, packetSockets);
  const fd = cleanup(s.socket(s.AF_PACKET, s.SOCK_RAW, 0));
  for (const value of [0, Buffer.alloc(4)]) {
    expect(nothrow.setsockopt(fd, s.SOL_PACKET, s.PACKET_FANOUT_DATA, value), 'no fanout yet').toBe(-s.EINVAL);
  }
});

/** A script in Python on this socket, as its file descriptor 3. */
function pythonOn<T>(fd: number, script: string): T {
  const prelude = 'import ctypes, json, struct\nlibc = ctypes.CDLL(None, use_errno=True)\n';
  return JSON.parse(
    execFileSync('python3', ['-c', prelude + script], { stdio: ['ignore', 'pipe', 'inherit', fd] }).toString(),
  );
}

test('SO_GET_FILTER of a socket with a filter writes nothing', () => {
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  // SO_GET_FILTER counts instructions of 8 bytes: for a length of 5 the kernel writes 40 bytes.
  const written = pythonOn<number>(
    fd,
    `
code = (ctypes.c_uint64 * 5)(*[struct.unpack('=Q', struct.pack('=HBBI', 0x06, 0, 0, 0xffff))[0]] * 5)
filter = struct.pack('=HxxxxxxQ', 5, ctypes.addressof(code))
assert libc.setsockopt(3, ${s.SOL_SOCKET}, ${s.SO_ATTACH_FILTER}, filter, 16) == 0, ctypes.get_errno()
room, length = ctypes.create_string_buffer(b'\\xaa' * 64, 64), ctypes.c_uint32(5)
assert libc.getsockopt(3, ${s.SOL_SOCKET}, ${s.SO_GET_FILTER}, room, ctypes.byref(length)) == 0, ctypes.get_errno()
print(len(room.raw.rstrip(b'\\xaa')))`,
  );
  expect(written).toBe(40);

  const memory = Buffer.alloc(64, 0xaa);
  for (const length of [0, 1, 2, 4, 5, 6, 64]) {
    const window = memory.subarray(0, length);
    expect(() => nothrow.getsockopt(fd, s.SOL_SOCKET, s.SO_GET_FILTER, window)).toThrow(refusal('getsockopt'));
    expect(() => s.getsockopt(fd, s.SOL_SOCKET, s.SO_GET_FILTER, length)).toThrow(refusal('getsockopt'));
  }
  expect(() => s.getsockopt(fd, s.SOL_SOCKET, s.SO_GET_FILTER)).toThrow(refusal('getsockopt'));
  expect(memory).toEqual(Buffer.alloc(64, 0xaa));
});

test('options with adjacent numbers are passed to the kernel', () => {
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  const neighbours = [
    [s.SOL_SOCKET, s.SO_DETACH_FILTER],
    [s.SOL_SOCKET, s.SO_ATTACH_BPF],
    [s.SOL_SOCKET, s.SO_LOCK_FILTER],
    [s.IPPROTO_IP, 63],
    [s.IPPROTO_IPV6, 66],
    [s.SOL_XDP, 3],
    [s.SOL_RDS, 4],
    [s.SOL_MPTCP, 3],
  ] as const;
  const expected = python<number[]>(
    `
def answer(level, name):
    try: socket(AF_INET, SOCK_DGRAM).setsockopt(level, name, bytes(4))
    except OSError as error: return -error.errno
    return 0
print(json.dumps([answer(*line) for line in json.loads(sys.argv[1])]))`,
    JSON.stringify(neighbours),
  );
  expect(neighbours.map(([level, name]) => nothrow.setsockopt(fd, level, name, Buffer.alloc(4)))).toEqual(expected);
});

test('no rejected call reaches the kernel', (context) => {
  need(context, strace);
  const log = join(folder(), 'log');
  const script = `
    import { getsockopt, setsockopt } from 'sys-socket';
    const names = ${JSON.stringify([...options, ['PACKET_FANOUT_DATA', s.SOL_PACKET, s.PACKET_FANOUT_DATA]])};
    let refused = 0;
    for (const [, level, name] of names) {
      for (const attempt of [
        () => getsockopt(-76, level, name, 16),
        () => setsockopt(-76, level, name, new Uint8Array(16)),
      ]) {
        try { attempt(); } catch (error) { if (error instanceof RangeError) refused++; else throw error; }
      }
    }
    try { getsockopt(-77, 1, 3); } catch {}
    console.log(refused);`;
  const traced = ['-f', '-e', 'trace=getsockopt,setsockopt', '-e', 'signal=none', '-o', log];
  const child = spawnSync('strace', [...traced, process.execPath, '--input-type=module', '-e', script], {
    cwd: join(import.meta.dirname, '../..'),
    encoding: 'utf8',
  });
  expect(child.stderr).toBe('');
  expect(child.stdout).toBe(`${2 * (options.length + 1)}\n`);
  // Node itself queries its standard streams.
  const calls = readFileSync(log, 'utf8')
    .split('\n')
    .filter((line) => line.includes('sockopt(-'));
  expect(calls).toEqual([expect.stringContaining('getsockopt(-77, SOL_SOCKET, SO_TYPE')]);
});

describe('control messages in which the kernel would follow a pointer', () => {
  const refused = (call: string, argument = 'control') =>
    expect.objectContaining({
      name: 'RangeError',
      message: expect.stringMatching(new RegExp(`"${argument}" .*without pointers \\(${call}\\)$`)),
    });
  const message = (type: number): s.ControlMessage => ({ level: s.SOL_RDS, type, data: Buffer.alloc(48, 0x41) });
  const harmless: s.ControlMessage = { level: s.IPPROTO_IP, type: s.IP_TTL, value: 9 };

  // RDS_CMSG_RDMA_ARGS, RDMA_MAP, ATOMIC_FADD, ATOMIC_CSWP, MASKED_ATOMIC_FADD, MASKED_ATOMIC_CSWP
  test.each([1, 3, 6, 7, 8, 9])('sendmsg and sendmmsg reject SOL_RDS, type %i', (type) => {
    for (const control of [[message(type)], [harmless, message(type)]]) {
      const bytes = s.encodeControl(control);
      const cut = bytes.subarray(0, bytes.length - 40); // a part of its data
      expect(() => s.sendmsg(-1, { buffers: ['x'], control })).toThrow(refused('sendmsg'));
      expect(() => nothrow.sendmsg(-1, { buffers: ['x'], control: bytes })).toThrow(refused('sendmsg'));
      expect(() => nothrow.sendmsg(-1, { buffers: ['x'], control: cut })).toThrow(refused('sendmsg'));
      const batch = new s.MessageBatch({ messages: 2, size: 8, controlLength: 256 });
      batch.push('x');
      batch.push('x', undefined, control);
      expect(() => s.sendmmsg(-1, batch)).toThrow(refused('sendmmsg', 'batch'));
    }
  });

  test.each([2, 4, 5, 10])('the others are passed to the kernel: type %i', (type) => {
    expect(nothrow.sendmsg(-1, { buffers: ['x'], control: [message(type), harmless] })).toBe(-s.EBADF);
    const batch = new s.MessageBatch({ messages: 1, size: 8, controlLength: 256 });
    batch.push('x', undefined, [message(type)]);
    expect(nothrow.sendmmsg(-1, batch)).toBe(-s.EBADF);
  });
});
