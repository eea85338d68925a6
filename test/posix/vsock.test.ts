// These tests send nothing: CID 2 is the host, and without a loopback transport CID 1 leads there, too.
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { need, vsock } from '../helpers/need.ts';
import { python } from '../helpers/python.ts';

const any: s.VsockAddressInput = { family: s.AF_VSOCK, cid: s.VMADDR_CID_ANY, port: s.VMADDR_PORT_ANY };

function open(): number {
  return cleanup(s.socket(s.AF_VSOCK, s.SOCK_STREAM));
}

test('after bind to any port and listen, the name contains the port', (context) => {
  need(context, vsock);
  expect([s.VMADDR_CID_ANY, s.VMADDR_PORT_ANY]).toEqual([0xffffffff, 0xffffffff]);
  const fd = open();
  expect(s.getsockname(fd)).toEqual({ ...any, flags: 0 });
  s.bind(fd, any);
  const name = s.getsockname(fd) as s.VsockAddress;
  expect(name).toEqual({ ...any, port: expect.any(Number), flags: 0 });
  expect(name.port).toBeGreaterThan(1023);
  expect(name.port).toBeLessThan(s.VMADDR_PORT_ANY);
  s.listen(fd);
  expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_ACCEPTCONN)).toBe(1);
  s.fcntl(fd, s.F_SETFL, s.O_NONBLOCK);
  expect(() => s.accept(fd)).toThrow(expect.objectContaining({ code: 'EAGAIN', syscall: 'accept' }));

  expect(() => s.bind(open(), name)).toThrow(
    expect.objectContaining({ code: 'EADDRINUSE', syscall: 'bind', address: name }),
  );
});

test.for([
  ['a port for root', s.VMADDR_CID_ANY, 80],
  ['the CID of loopback', s.VMADDR_CID_LOCAL, s.VMADDR_PORT_ANY],
  ['a CID that nobody has', 0x7ffffffe, s.VMADDR_PORT_ANY],
] as const)('bind to %s has the same result as in Python', ([, cid, port], context) => {
  need(context, vsock);
  const expected = python<number>(
    `
s = socket(AF_VSOCK, SOCK_STREAM)
try:
    s.bind((int(sys.argv[1]), int(sys.argv[2])))
    print(0)
except OSError as error: print(-error.errno)`,
    String(cid),
    String(port),
  );
  expect(nothrow.bind(open(), { family: s.AF_VSOCK, cid, port })).toBe(expected);
});

test('errors are the same as those of the kernel', (context) => {
  need(context, vsock);
  const fd = open();
  expect(() => s.getpeername(fd)).toThrow(expect.objectContaining({ code: 'ENOTCONN' }));
  expect(() => s.listen(fd)).toThrow(expect.objectContaining({ code: 'EINVAL', syscall: 'listen' }));
  expect(() => s.send(fd, 'x')).toThrow(expect.objectContaining({ code: 'ENOTCONN' }));
  const inet = { family: s.AF_INET, address: '127.0.0.1', port: 1 } as const;
  expect(() => s.bind(fd, inet)).toThrow(expect.objectContaining({ code: 'EINVAL', address: inet }));
  const short = { family: s.AF_VSOCK, data: new Uint8Array(4) } as unknown as s.Address;
  expect(() => s.bind(fd, short)).toThrow(expect.objectContaining({ code: 'EINVAL' }));
});

test('options of 64 bits are passed as bytes', (context) => {
  need(context, vsock);
  const fd = open();
  const size = new BigUint64Array([98304n]);
  s.setsockopt(fd, s.AF_VSOCK, s.SO_VM_SOCKETS_BUFFER_SIZE, size);
  const bytes = s.getsockopt(fd, s.AF_VSOCK, s.SO_VM_SOCKETS_BUFFER_SIZE, 8);
  expect(bytes).toEqual(Buffer.from(size.buffer));
  expect(() => s.getsockopt(fd, s.AF_VSOCK, s.SO_VM_SOCKETS_BUFFER_SIZE, 4)).toThrow(
    expect.objectContaining({ code: 'EINVAL' }),
  );
});
