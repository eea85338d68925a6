import { SocketAddress } from 'node:net';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as promises from '../../lib/promises.ts';
import { cleanup } from '../helpers/fds.ts';

// A value that is refused in one form is refused in every form: C would truncate or wrap it.

const refusal = (code: string, name: string) =>
  expect.objectContaining({ code, message: expect.stringMatching(new RegExp(`"(\\w+\\.)*${name}" argument`)) });
const outOfRange = (name: string) => refusal('ERR_OUT_OF_RANGE', name);
const lookUp = (service: string | number) =>
  s.getaddrinfo('127.0.0.1', service, { socktype: s.SOCK_STREAM })[0]!.address;

/** Whatever strtoul(3) reads as a number of more than 16 bits, or as a negative one. */
const BAD_PORTS = [
  65536,
  99999,
  -1,
  1.5,
  Number.NaN,
  2 ** 32 + 80,
  '65536',
  '99999',
  '104635',
  '0099999',
  '+99999',
  ' 99999',
  '\t\n\v\f\r99999',
  '-1',
  ' -2',
  '4294967376',
  '18446744073709551696',
  '-18446744073709551596',
];

test('a port of more than 16 bits is a RangeError as a number and as text', async () => {
  for (const port of BAD_PORTS) {
    expect(() => lookUp(port), String(port)).toThrow(outOfRange('service'));
    await expect(promises.getaddrinfo('127.0.0.1', port), String(port)).rejects.toThrow(outOfRange('service'));
    await expect(s.createConnection({ host: '127.0.0.1', port }), String(port)).rejects.toThrow(outOfRange('port'));
    expect(() => s.createServer({ host: '127.0.0.1', port }), String(port)).toThrow(outOfRange('port'));
    expect(() => s.createServer({ port }), String(port)).toThrow(outOfRange('port'));
    if (typeof port === 'number') {
      expect(() => s.getservbyport(port), String(port)).toThrow(outOfRange('port'));
      expect(() => s.encodeAddress({ family: s.AF_INET, address: '127.0.0.1', port })).toThrow(outOfRange('port'));
      expect(() => s.encodeAddress({ family: s.AF_INET6, address: '::1', port })).toThrow(outOfRange('port'));
    }
  }
});

test('a port as text is parsed as by strtoul(3), and other text is the name of a service', () => {
  const ports = { '0': 0, '80': 80, '+80': 80, ' 80': 80, '080': 80, '65535': 65535, '-0': 0 };
  for (const [text, port] of Object.entries(ports)) expect(lookUp(text)).toMatchObject({ port });
  for (const name of ['80 ', '0x50', '1e2', '8_0', '80.0', '+-1', '\u00a080', '８０']) {
    expect(() => lookUp(name), name).toThrow(expect.objectContaining({ eai: s.EAI_SERVICE }));
  }
});

test('a port in an address of another family is rejected', () => {
  const port = '80' as never;
  expect(() => s.encodeAddress({ family: s.AF_INET, address: '127.0.0.1', port })).toThrow(
    refusal('ERR_INVALID_ARG_TYPE', 'port'),
  );
  const forged = Object.create(SocketAddress.prototype, {
    family: { value: 'ipv4' },
    address: { value: '127.0.0.1' },
    port: { value: 65616 },
    flowlabel: { value: 0 },
  });
  expect(() => s.encodeAddress(forged)).toThrow(outOfRange('port'));
  expect(s.decodeAddress(s.encodeAddress(new SocketAddress({ address: '127.0.0.1', port: 80 })))).toEqual({
    family: s.AF_INET,
    address: '127.0.0.1',
    port: 80,
  });
});

test('the text of an address is parsed as by inet_pton(3)', () => {
  for (const address of [
    '256.0.0.1',
    '1.2.3',
    '010.0.0.1',
    '0x7f.0.0.1',
    '1.2.3.4 ',
    '+1.2.3.4',
    '1.2.3.4\0',
    '1..2.3',
  ]) {
    const bad = refusal('ERR_INVALID_ARG_VALUE', 'address');
    expect(() => s.encodeAddress({ family: s.AF_INET, address, port: 1 }), address).toThrow(bad);
  }
  for (const address of ['::1%lo', '::1%1', '::g', ':::', '1::2::3', '::127.0.0.256']) {
    const bad = refusal('ERR_INVALID_ARG_VALUE', 'address');
    expect(() => s.encodeAddress({ family: s.AF_INET6, address, port: 1 }), address).toThrow(bad);
  }
});

test('a scope of more than 32 bits is rejected as a number and as text', () => {
  for (const scopeId of [-1, 2 ** 32 + 1, 1.5]) {
    const address = { family: s.AF_INET6, address: 'fe80::1', port: 1, scopeId } as const;
    expect(() => s.encodeAddress(address)).toThrow(outOfRange('scopeId'));
  }
  expect(s.getaddrinfo('fe80::1%1', null)[0]!.address).toMatchObject({ scopeId: 1 });
  for (const scope of ['4294967297', '99999999999', '-1', '+1', '0x1', '', 'no such interface']) {
    expect(() => s.getaddrinfo(`fe80::1%${scope}`, null), scope).toThrow(
      expect.objectContaining({ eai: s.EAI_NONAME }),
    );
  }
});

test('a name that is too long for an interface never stands for another interface', () => {
  const long = 'lo'.padEnd(16, '\u00e9');
  expect(() => s.if_nametoindex(long)).toThrow(expect.objectContaining({ code: 'ENODEV' }));
  expect(() => s.if_nametoindex('lo\0x')).toThrow(refusal('ERR_INVALID_ARG_VALUE', 'name'));
  expect(() => s.ifreq(long)).toThrow(outOfRange('name'));
  expect(() => s.ifreq('lo\0x')).toThrow(outOfRange('name'));
  const fd = s.socket(s.AF_INET, s.SOCK_DGRAM);
  try {
    expect(() => s.setOption(fd, 'SO_BINDTODEVICE', long)).toThrow(outOfRange('SO_BINDTODEVICE'));
    expect(() => s.setOption(fd, 'SO_BINDTODEVICE', 'lo\0x')).toThrow(
      refusal('ERR_INVALID_ARG_VALUE', 'SO_BINDTODEVICE'),
    );
  } finally {
    s.close(fd);
  }
});

test('a path that is too long is rejected as text and as bytes, and never truncated', () => {
  for (const path of ['/'.padEnd(109, 'x'), '\0'.padEnd(109, 'x'), '/'.padEnd(56, '\u00e9'), Buffer.alloc(109, '/')]) {
    expect(() => s.encodeAddress({ family: s.AF_UNIX, path })).toThrow(outOfRange('path'));
  }
  for (const path of ['/tmp/a\0b', '/tmp/a\0', '\ud800']) {
    expect(() => s.encodeAddress({ family: s.AF_UNIX, path })).toThrow(refusal('ERR_INVALID_ARG_VALUE', 'path'));
  }
  for (const path of [5, ['/tmp'], { toString: () => '/tmp' }, new Uint16Array(4)]) {
    expect(() => s.encodeAddress({ family: s.AF_UNIX, path: path as never })).toThrow(
      refusal('ERR_INVALID_ARG_TYPE', 'path'),
    );
  }
});

const NO_INTEGERS: [unknown, string][] = [
  ['2', 'ERR_INVALID_ARG_TYPE'],
  [2n, 'ERR_INVALID_ARG_TYPE'],
  [true, 'ERR_INVALID_ARG_TYPE'],
  [[2], 'ERR_INVALID_ARG_TYPE'],
  [Symbol('2'), 'ERR_INVALID_ARG_TYPE'],
  [2.5, 'ERR_OUT_OF_RANGE'],
  [Number.NaN, 'ERR_OUT_OF_RANGE'],
  [2 ** 32 + 2, 'ERR_OUT_OF_RANGE'],
];

test.each(NO_INTEGERS)('the family, type and protocol of a Socket must be ints: %o is rejected', (value, code) => {
  const number = value as number;
  expect(() => new s.Socket(s.AF_UNIX, number)).toThrow(refusal(code, 'type'));
  expect(() => new s.Socket(number, s.SOCK_STREAM)).toThrow(refusal(code, 'family'));
  expect(() => new s.Socket(s.AF_UNIX, s.SOCK_STREAM, number)).toThrow(refusal(code, 'protocol'));
  expect(() => s.Socket.pair(number)).toThrow(refusal(code, 'type'));
});

test('a Socket that rejects its family, type or protocol has not taken ownership of the file descriptor', () => {
  const fd = cleanup(s.socket(s.AF_UNIX, s.SOCK_STREAM | s.SOCK_NONBLOCK));
  for (const bad of [2n, Symbol('2')] as unknown as number[]) {
    expect(() => new s.Socket(s.AF_UNIX, bad, 0, fd)).toThrow(refusal('ERR_INVALID_ARG_TYPE', 'type'));
    expect(() => new s.Socket(bad, s.SOCK_STREAM, 0, fd)).toThrow(refusal('ERR_INVALID_ARG_TYPE', 'family'));
  }
  const socket = new s.Socket(s.AF_UNIX, s.SOCK_STREAM, 0, fd);
  expect(socket.detach()).toBe(fd);
});
