import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { python } from '../helpers/python.ts';

const names = Object.entries(s).filter(([name]) => name.startsWith('AF_')) as [string, number][];
const families = [...new Set([...names.map(([, family]) => family), -1, 200, 65536])].sort((a, b) => a - b);
const types = [
  0,
  s.SOCK_STREAM,
  s.SOCK_DGRAM,
  s.SOCK_RAW,
  s.SOCK_RDM,
  s.SOCK_SEQPACKET,
  s.SOCK_DCCP,
  s.SOCK_PACKET,
  11,
  s.SOCK_STREAM | s.SOCK_NONBLOCK,
  s.SOCK_STREAM | 0x100000,
];

/** -errno, or what the kernel reports about the new socket: SO_DOMAIN, SO_TYPE, SO_PROTOCOL. */
type Made = number | [number, number, number];

/** The C calls, without Python's socket class in between. They run first: they may load a kernel module. */
const oracle = python<{ socket: Made[][]; socketpair: Made[][] }>(
  `
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def option(fd, name):
    value, size = ctypes.c_int(), ctypes.c_uint32(4)
    if libc.getsockopt(fd, SOL_SOCKET, name, ctypes.byref(value), ctypes.byref(size)) != 0: return -ctypes.get_errno()
    return value.value
def made(fd):
    answer = [option(fd, name) for name in (SO_DOMAIN, SO_TYPE, SO_PROTOCOL)]
    os.close(fd)
    return answer
def one(family, type):
    fd = libc.socket(family, type | SOCK_CLOEXEC, 0)
    return -ctypes.get_errno() if fd < 0 else made(fd)
def two(family, type):
    fds = (ctypes.c_int * 2)()
    if libc.socketpair(family, type | SOCK_CLOEXEC, 0, fds) != 0: return -ctypes.get_errno()
    os.close(fds[1])
    return made(fds[0])
families, types = json.loads(sys.argv[1])
print(json.dumps({
    'socket': [[one(family, type) for type in types] for family in families],
    'socketpair': [[two(family, type) for type in types] for family in families],
}))`,
  JSON.stringify([families, types]),
);

function made(fd: number): Made {
  const option = (name: number) => s.getsockopt(fd, s.SOL_SOCKET, name);
  const answer: Made = [option(s.SO_DOMAIN), option(s.SO_TYPE), option(s.SO_PROTOCOL)];
  s.close(fd);
  return answer;
}

test('every address family has its constant', () => {
  expect(families.filter((family) => family >= 0 && family < s.AF_MAX)).toEqual(
    Array.from({ length: s.AF_MAX }, (_, i) => i),
  );
});

test.each(families.map((family, i) => ({ family, i, name: names.find(([, n]) => n === family)?.[0] ?? family })))(
  '$name: socket and socketpair give what C gives, for every type',
  ({ family, i }) => {
    for (const [j, type] of types.entries()) {
      const fd = nothrow.socket(family, type);
      expect(fd < 0 ? fd : made(fd), `socket of type ${type}`).toEqual(oracle.socket[i]![j]);

      const fds = new Int32Array(2);
      const n = nothrow.socketpair(family, type, 0, fds);
      if (n === 0) s.close(fds[1]!);
      expect(n < 0 ? n : made(fds[0]!), `socketpair of type ${type}`).toEqual(oracle.socketpair[i]![j]);
    }
  },
);

test('a family that the kernel does not support causes a SocketError', () => {
  expect(() => s.socket(s.AF_MAX, s.SOCK_STREAM)).toThrow(s.SocketError);
  expect(() => s.socket(s.AF_MAX, s.SOCK_STREAM)).toThrow(
    expect.objectContaining({ code: 'EAFNOSUPPORT', errno: s.EAFNOSUPPORT, syscall: 'socket' }),
  );
});

const addresses = [s.AF_UNSPEC, 5, 11, s.AF_CAN, s.AF_ALG, s.AF_MCTP, 200, 0xffff].flatMap((family) =>
  [0, 6, 14, 26, 108, 126, 127].map((size) => [family, '00'.repeat(size)] as const),
);
const binders = [
  ['AF_INET stream', s.AF_INET, s.SOCK_STREAM],
  ['AF_INET datagram', s.AF_INET, s.SOCK_DGRAM],
  ['AF_INET6', s.AF_INET6, s.SOCK_DGRAM],
  ['AF_UNIX', s.AF_UNIX, s.SOCK_DGRAM],
  ['AF_NETLINK', s.AF_NETLINK, s.SOCK_RAW],
] as const;

test.each(binders)('%s: bind to an address of another family fails with the errno of the kernel', (_, domain, type) => {
  const expected = python<number[]>(
    `
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
domain, type, addresses = json.loads(sys.argv[1])
answers = []
for family, data in addresses:
    fd = libc.socket(domain, type | SOCK_CLOEXEC, 0)
    name = struct.pack('=H', family) + bytes.fromhex(data)
    answers.append(0 if libc.bind(fd, name, len(name)) == 0 else -ctypes.get_errno())
    os.close(fd)
print(json.dumps(answers))`,
    JSON.stringify([domain, type, addresses]),
  );
  const got = addresses.map(([family, data]) => {
    const fd = s.socket(domain, type);
    const n = nothrow.bind(fd, { family: family as s.OtherFamily, data: Buffer.from(data, 'hex') });
    s.close(fd);
    return n;
  });
  expect(got).toEqual(expected);
  expect(got.some((n) => n < 0)).toBe(true);
});

test('the error of bind for an unknown family contains the address', () => {
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  const address: s.OtherAddressInput = { family: s.AF_CAN, data: new Uint8Array(14) };
  expect(() => s.bind(fd, address)).toThrow(
    expect.objectContaining({ code: 'EAFNOSUPPORT', syscall: 'bind', address }),
  );
});

test('an address of a family that the library does not know is returned as bytes', () => {
  // In C, AF_UNSPEC stands for "any" when an AF_INET socket is bound; Linux treats it as INADDR_ANY.
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  s.bind(fd, { family: s.AF_UNSPEC, data: new Uint8Array(14) });
  expect(s.getsockname(fd)).toMatchObject({ family: s.AF_INET, address: '0.0.0.0' });

  const bytes = s.encodeAddress({ family: s.AF_CAN, data: Uint8Array.of(1, 2, 3) });
  expect(s.decodeAddress(bytes)).toEqual({ family: s.AF_CAN, data: Buffer.of(1, 2, 3) });
});
