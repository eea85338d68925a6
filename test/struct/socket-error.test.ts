import { describe, expect, expectTypeOf, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as n from '../../lib/nothrow.ts';
import { datagram } from '../helpers/fixtures.ts';
import { python } from '../helpers/python.ts';

function caught(call: () => unknown): s.SocketError {
  try {
    call();
  } catch (error) {
    expect(error).toBeInstanceOf(s.SocketError);
    return error as s.SocketError;
  }
  return expect.unreachable();
}

test('a SocketError contains the errno of the kernel and the name of the call', () => {
  const error = caught(() => s.listen(-1));
  expect(error).toBeInstanceOf(Error);
  expect(error.name).toBe('SocketError');
  expect(error.code).toBe('EBADF');
  expect(error.errno).toBe(9); // positive, as in errno.h
  expect(error.syscall).toBe('listen');
  expect(error.message).toBe('EBADF: Bad file descriptor, listen');
  expect(String(error)).toBe('SocketError: EBADF: Bad file descriptor, listen');
  expect(Object.hasOwn(error, 'address')).toBe(false);
});

describe('the address that was passed', () => {
  const address: s.InetAddress = { family: s.AF_INET, address: '127.0.0.1', port: 80 };
  const bytes = s.encodeAddress(address);

  test.each([
    ['bind', (to: s.AddressLike) => s.bind(-1, to)],
    ['connect', (to: s.AddressLike) => s.connect(-1, to)],
    ['sendto', (to: s.AddressLike) => s.sendto(-1, 'x', 0, to)],
    ['sendmsg', (to: s.AddressLike) => s.sendmsg(-1, { buffers: ['x'], address: to })],
  ])('%s', (name, call) => {
    const error = caught(() => call(address));
    expect(error.address).toEqual(address);
    expect(error.message).toBe(`EBADF: Bad file descriptor, ${name} 127.0.0.1:80`);
  });

  test.each([
    ['bind', () => s.bind(-1, bytes)],
    ['connect', () => s.connect(-1, bytes)],
  ])('%s, with encoded bytes', (_name, call) => {
    expect(caught(call).address).toEqual(address);
  });

  const written: [s.AddressInput, string][] = [
    [{ family: s.AF_INET6, address: '::1', port: 80 }, '[::1]:80'],
    [{ family: s.AF_UNIX, path: '/run/x' }, '/run/x'],
    [{ family: s.AF_UNIX, path: '\0abstract' }, '@abstract'],
    [{ family: s.AF_UNIX, path: Buffer.from('/run/bytes') }, '/run/bytes'],
    [{ family: s.AF_INET6, address: 'fe80::1', port: 80, scopeId: 2 }, '[fe80::1%2]:80'],
    [{ family: s.AF_NETLINK, pid: 4711, groups: 17 }, 'AF_NETLINK pid=4711 groups=0x11'],
    [{ family: s.AF_PACKET, ifindex: 3, protocol: s.ETH_P_IP }, 'AF_PACKET ETH_P_IP ifindex=3'],
    [
      { family: s.AF_PACKET, ifindex: 3, protocol: 0x1234, address: Uint8Array.of(2, 0, 0, 0, 0, 255) },
      'AF_PACKET 4660 ifindex=3 02:00:00:00:00:ff',
    ],
    [{ family: s.AF_VSOCK, cid: s.VMADDR_CID_HOST, port: 1024 }, 'AF_VSOCK VMADDR_CID_HOST:1024'],
    [{ family: s.AF_VSOCK, cid: 7, port: s.VMADDR_PORT_ANY }, 'AF_VSOCK 7:VMADDR_PORT_ANY'],
    [{ family: s.AF_CAN, data: new Uint8Array(14) }, 'AF_CAN'],
    [{ family: 299 as never, data: new Uint8Array(14) }, '299'],
  ];
  test.each(written)('%o in the message is %s', (given, text) => {
    expect(caught(() => s.connect(-1, given)).message).toBe(`EBADF: Bad file descriptor, connect ${text}`);
  });
});

describe('the stack begins where the caller called', () => {
  const calls: [string, () => unknown][] = [
    ['bind', () => s.bind(-1, { family: s.AF_INET, address: '127.0.0.1', port: 0 })],
    ['close', () => s.close(-1)],
    ['recv', () => s.recv(-1, new Uint8Array(1))],
    ['recvmsg', () => s.recvmsg(-1, { buffers: [] })],
    ['getsockopt', () => s.getsockopt(-1, s.SOL_SOCKET, s.SO_TYPE)],
    ['recvmmsg', () => s.recvmmsg(-1, new s.MessageBatch({ messages: 1, size: 1 }))],
  ];

  test.each(calls)('%s', function caller(name, call) {
    const frames = caught(call).stack!.split('\n').slice(1);
    // At most the called function is on the stack, and nothing of how its error was created.
    const mine = frames.findIndex((frame) => frame.includes('socket-error.test'));
    expect(mine, frames.join('\n')).toBeLessThanOrEqual(1);
    expect(mine).toBeGreaterThanOrEqual(0);
    if (mine === 1) expect(frames[0]).toContain(name);
    expect(frames.join('\n')).not.toContain('errno.ts');
  });
});

describe('isErrno', () => {
  const error: unknown = caught(() => s.close(-1));

  test('accepts one of several names, or none for any error', () => {
    expect(s.isErrno(error, 'EBADF')).toBe(true);
    expect(s.isErrno(error, 'EAGAIN', 'EBADF')).toBe(true);
    expect(s.isErrno(error)).toBe(true);
    expect(s.isErrno(error, 'EAGAIN', 'EINTR')).toBe(false);
  });

  test('returns false for any other error, whatever its properties are', () => {
    for (const other of [Object.assign(new Error('EBADF'), { code: 'EBADF', errno: 9 }), { code: 'EBADF' }, null, 9]) {
      expect(s.isErrno(other, 'EBADF')).toBe(false);
      expect(s.isErrno(other)).toBe(false);
    }
  });

  test('narrows the code in TypeScript', () => {
    if (s.isErrno(error, 'EBADF', 'EINTR')) {
      expectTypeOf(error).toExtend<s.SocketError>();
      expectTypeOf(error.code).toEqualTypeOf<'EBADF' | 'EINTR'>();
    }
    expectTypeOf(s.isErrno<'EAGAIN'>)
      .parameter(1)
      .toEqualTypeOf<'EAGAIN'>();
    expectTypeOf<s.ErrnoName>().not.toEqualTypeOf<string>();
    expect(s.isErrno(error, 'EBADF', 'EINTR')).toBe(true);
  });
});

describe('errnoName and strerror', () => {
  const told = python<[number, string | null, string][]>(
    'print(json.dumps([[n, errno.errorcode.get(n), os.strerror(n)] for n in range(1, 201)]))',
  );
  /** One number with two names: Python's table keeps the later one. */
  const twice: Record<string, string> = { EWOULDBLOCK: 'EAGAIN', EDEADLOCK: 'EDEADLK', ENOTSUP: 'EOPNOTSUPP' };

  /** Names that Python's table may lack. */
  const later: Record<number, string> = { 133: 'EHWPOISON' };

  test('every number from 1 to 200 is the same as in Python', () => {
    const ours = told.map(([number]) => [number, s.errnoName(number) ?? null, s.strerror(number)]);
    expect(ours).toEqual(
      told.map(([number, name, text]) => [
        number,
        name === null ? (later[number] ?? null) : (twice[name] ?? name),
        text,
      ]),
    );
  });

  test('all 131 names of Linux, up to EHWPOISON', () => {
    expect(told.filter(([number]) => s.errnoName(number) !== undefined).length).toBe(131);
    expect(s.errnoName(133)).toBe('EHWPOISON');
  });

  test('numbers that are not an errno', () => {
    for (const number of [0, -9, 4000, 1.5, Number.NaN]) expect(s.errnoName(number)).toBeUndefined();
    expect(s.strerror(4000)).toBe('Unknown error 4000');
  });
});

test('the error for a rejected argument is not a SocketError, and it names the parameter and the call', () => {
  const { fd } = datagram();
  const refusals: [() => unknown, typeof TypeError | typeof RangeError, string, string][] = [
    [() => s.listen(Number.NaN), RangeError, 'ERR_OUT_OF_RANGE', '"fd"'],
    [() => s.listen(fd, 2 ** 31), RangeError, 'ERR_OUT_OF_RANGE', '"backlog"'],
    [() => s.shutdown(fd, '1' as unknown as number), TypeError, 'ERR_INVALID_ARG_TYPE', '"how"'],
    [() => s.recv(fd, 'x' as unknown as s.Bytes), TypeError, 'ERR_INVALID_ARG_TYPE', '"buffer"'],
    [() => s.send(fd, 'x', 0.5), RangeError, 'ERR_OUT_OF_RANGE', '"flags"'],
    [() => n.listen(fd, Number.NaN), RangeError, 'ERR_OUT_OF_RANGE', '"backlog"'],
    [() => n.close('3' as unknown as number), TypeError, 'ERR_INVALID_ARG_TYPE', '"fd"'],
  ];
  for (const [call, type, code, parameter] of refusals) {
    expect(call).toThrow(type);
    expect(call).toThrow(expect.objectContaining({ code }));
    expect(call).toThrow(parameter);
    expect(call).not.toThrow(s.SocketError);
  }
});
