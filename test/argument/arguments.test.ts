/** What C cannot express is refused with a TypeError or RangeError that names it, and has no effect. */
import { execFileSync, spawnSync } from 'node:child_process';
import { fstatSync } from 'node:fs';
import { SocketAddress } from 'node:net';
import { afterAll, describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { openFds, openSockets } from '../helpers/fds.ts';
import { datagram, listener, pair } from '../helpers/fixtures.ts';
import { type Need, need } from '../helpers/need.ts';

type Named = readonly [label: string, value: unknown];

interface Resizable extends ArrayBuffer {
  resize(length: number): void;
}
const resizable = (length: number, maxByteLength: number) =>
  new (ArrayBuffer as unknown as new (length: number, options: object) => Resizable)(length, { maxByteLength });
const detach = (buffer: ArrayBufferLike) => structuredClone(buffer, { transfer: [buffer as ArrayBuffer] });
const convertible = (value: unknown) => ({
  valueOf: () => value,
  toString: () => String(value),
  [Symbol.toPrimitive]: () => value,
});

const notNumbers: Named[] = [
  ['5n', 5n],
  ["'5'", '5'],
  ["''", ''],
  ['null', null],
  ['undefined', undefined],
  ['true', true],
  ['{}', {}],
  ['valueOf', convertible(5)],
  ['[5]', [5]],
  ['Number(5)', Object(5)],
  ['Symbol', Symbol('5')],
  ['function', () => 5],
];
/** Values that are neither bytes, nor text, a number, a boolean or a list. */
const notBytesOrNumbers = notNumbers.filter(
  ([, value]) => !['string', 'boolean'].includes(typeof value) && !Array.isArray(value),
);
const notIntegers = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1.5, -0.5, 5e-324, 2 ** 53 + 2];
const numbers = (...more: number[]): Named[] => [...notIntegers, ...more].map((n) => [String(n), n] as const);
const beyondInt = [2 ** 31, -(2 ** 31) - 1, 2 ** 32, 2 ** 32 + 5];

const fakeArray = Object.create(Uint8Array.prototype) as Uint8Array;
const notBytes: Named[] = [
  ...notNumbers.filter(([label]) => !label.startsWith("'")),
  ['5', 5],
  ['[]', []],
  ['array-like', { length: 4, byteLength: 4, 0: 1, [Symbol.toStringTag]: 'Uint8Array' }],
  ['SharedArrayBuffer', new SharedArrayBuffer(8)],
  ['proxy', new Proxy(new Uint8Array(8), {})],
  ['fake', fakeArray],
  ['String object', Object('text')],
];
const texts: Named[] = [
  ["'5'", '5'],
  ["''", ''],
];
const elements = (values: Named[]): Named[] =>
  values.map(([label, value]) => [`[${label}]`, [new Uint8Array(1), value]]);
const hole = new Array(3).fill(new Uint8Array(1));
delete hole[1];
const notArrays: Named[] = [
  ...notNumbers.filter(([label]) => label !== '[5]'),
  ['array-like', { length: 1, 0: new Uint8Array(1) }],
  ['Uint8Array', new Uint8Array(4)],
  ['Set', new Set([new Uint8Array(1)])],
];
const inet = { family: s.AF_INET, address: '127.0.0.1', port: 9 };
const notAddresses: Named[] = [
  ...notNumbers,
  ['path', '/tmp/x'],
  ['ArrayBuffer', new ArrayBuffer(16)],
  ['DataView', new DataView(new ArrayBuffer(16))],
  ['proxied bytes', new Proxy(new Uint8Array(16), {})],
  ['fake bytes', fakeArray],
  ['no family', { address: '127.0.0.1', port: 9 }],
  ['inherited', Object.create(inet)],
  ...numbers(-1, 65536, ...beyondInt).map(([label, port]) => [`port ${label}`, { ...inet, port }] as const),
  ...numbers(-1, 65536).map(([label, family]) => [`family ${label}`, { ...inet, family }] as const),
  ...notNumbers.map(([label, port]) => [`port ${label}`, { ...inet, port }] as const),
  ['a name', { ...inet, address: 'localhost' }],
  ['an inner NUL', { ...inet, address: '127.0.0.1\0' }],
  ['a long path', { family: s.AF_UNIX, path: 'x'.repeat(109) }],
  ['a path with NUL', { family: s.AF_UNIX, path: '/tmp/a\0b' }],
  ['a number for a path', { family: s.AF_UNIX, path: 5 }],
  ['IPv4 in IPv6', { family: s.AF_INET6, address: '127.0.0.1', port: 1 }],
  ['no data', { family: 77 }],
];
const notControl: Named[] = [
  ...notNumbers.filter(([label]) => label !== 'undefined'),
  ['{ length: 0 }', { length: 0 }],
  ['ArrayBuffer', new ArrayBuffer(0)],
  ['hole', Array(1)],
  ...notNumbers.map(([label, value]) => [`[${label}]`, [value]] as const),
  ...[...numbers(...beyondInt), ...notNumbers].flatMap(([label, bad]): Named[] => [
    [`level ${label}`, [{ level: bad, type: 1, data: new Uint8Array(4) }]],
    [`type ${label}`, [{ level: 1, type: bad, data: new Uint8Array(4) }]],
    [`fd ${label}`, [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [1, bad] }]],
    [`ttl ${label}`, [{ level: s.IPPROTO_IP, type: s.IP_TTL, value: bad }]],
  ]),
  ['fds hole', [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: Array(2) }]],
  ['no fds', [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS }]],
  ['data text', [{ level: 1, type: 99, data: 'text' }]],
  ['unknown', [{ level: 1, type: 99 }]],
];

const batch = new s.MessageBatch({ messages: 4, size: 8, controlLength: 64 });
const size = (...beyond: number[]) => [...numbers(-1, ...beyond), ...notNumbers];

/** Every kind of parameter: a valid value, and those that must be refused. */
const kinds: { [kind: string]: { valid: unknown; hostile: Named[] } } = {
  int: { valid: 0, hostile: [...numbers(...beyondInt), ...notNumbers] },
  uint: { valid: 0, hostile: size(2 ** 32, 2 ** 32 + 5) },
  request: { valid: s.FIONREAD, hostile: size(2 ** 32, 2 ** 32 + 5) },
  command: { valid: s.F_GETFD, hostile: [...numbers(...beyondInt), ...notNumbers] },
  u16: { valid: 0, hostile: size(65536, ...beyondInt) },
  room: { valid: 4, hostile: size(2 ** 31, 2 ** 32 + 4) },
  off: { valid: 0, hostile: [...numbers(), ...notNumbers] },
  ms: { valid: 0, hostile: [['0.00001', 0.00001], ['NaN', Number.NaN], ['2**60', 2 ** 60], ...notNumbers] },
  nanoseconds: { valid: 0n, hostile: [['0', 0], ['2**200', 2n ** 200n], ...notNumbers.filter(([l]) => l !== '5n')] },
  bytes: { valid: new Uint8Array(8), hostile: [...notBytes, ...texts] },
  data: { valid: new Uint8Array(8), hostile: notBytes },
  lists: {
    valid: [new Uint8Array(8)],
    hostile: [...notArrays, ...elements([...notBytes, ...texts]), ['hole', hole], ['all holes', Array(2)]],
  },
  messages: { valid: [], hostile: notArrays },
  datas: { valid: ['x'], hostile: [...notArrays, ...elements(notBytes), ['hole', hole], ['all holes', Array(2)]] },
  address: { valid: inet, hostile: notAddresses },
  // Values that pose as bytes are returned unchanged; the calls refuse them.
  fields: { valid: inet, hostile: notAddresses.filter(([label]) => !/bytes/.test(label)) },
  option: {
    valid: 0,
    hostile: [...numbers(...beyondInt), ...notBytes.filter(([l]) => l !== '5' && l !== 'true'), ...texts],
  },
  argument: { valid: 0, hostile: [...numbers(...beyondInt), ...notNumbers.filter(([l]) => l !== 'undefined')] },
  text: { valid: '', hostile: [...notBytes.filter(([l]) => l !== 'String object'), ['inner NUL', 'a\0b']] },
  // No machine has this name: a value that is accepted by mistake changes nothing, whatever the privileges.
  name: { valid: 'sys-socket-none', hostile: [...notBytes, ['inner NUL', 'a\0b'], ['long', 'x'.repeat(16)]] },
  storage: {
    valid: new s.SockaddrStorage(),
    hostile: [...notNumbers, ['{ bytes: null }', { bytes: null }], ['bytes', new Uint8Array(128)]],
  },
  pair: {
    valid: [0, 0],
    hostile: [
      ...notNumbers.filter(([l]) => l !== '[5]'),
      ['Uint8Array', new Uint8Array(2)],
      ['Int16Array', new Int16Array(2)],
      ['Float32Array', new Float32Array(2)],
      ['BigInt64Array', new BigInt64Array(2)],
      ['Int32Array(0)', new Int32Array(0)],
      ['Int32Array(1)', new Int32Array(1)],
      ['frozen', Object.freeze([0, 0])],
    ],
  },
  int1: {
    valid: [0],
    hostile: [
      ...notNumbers.filter(([l]) => l !== '[5]'),
      ['Uint8Array', new Uint8Array(1)],
      ['Int32Array(0)', new Int32Array(0)],
      ['frozen', Object.freeze([0])],
    ],
  },
  batch: {
    valid: batch,
    hostile: [
      ...notNumbers,
      ['fake', Object.create(s.MessageBatch.prototype)],
      ['proxy', new Proxy(batch, {})],
      ['options', { messages: 1, size: 1 }],
    ],
  },
  polls: {
    valid: [],
    hostile: [
      ...notArrays,
      ['hole', Array(1)],
      ...notNumbers.map(([label, value]) => [`[${label}]`, [value]] as const),
      ...[...numbers(...beyondInt), ...notNumbers].flatMap(([label, bad]): Named[] => [
        [`fd ${label}`, [{ fd: bad, events: 0 }]],
        [`events ${label}`, [{ fd: -1, events: bad }]],
      ]),
    ],
  },
  fds: {
    valid: [],
    hostile: [
      ...notArrays,
      ['hole', Array(1)],
      ...[...numbers(...beyondInt), ...notNumbers].map(([label, bad]) => [`[${label}]`, [bad]] as const),
    ],
  },
  program: {
    valid: [{ code: 6, jt: 0, jf: 0, k: 0 }],
    hostile: [
      ...notArrays.filter(([label]) => label !== "''"), // an empty text contains no instructions
      ['hole', Array(1)],
      ...notNumbers.map(([label, value]) => [`[${label}]`, [value]] as const),
      ...size(2 ** 32).map(([label, k]) => [`k ${label}`, [{ code: 6, jt: 0, jf: 0, k }]] as const),
    ],
  },
  control: { valid: [], hostile: [...notControl.filter(([l]) => l !== 'ArrayBuffer'), ['undefined', undefined]] },
  // Functions that accept anything: they return a result, or an error with a code.
  any: { valid: undefined, hostile: [] },
};
const object = (fields: { [name: string]: [kind: string, optional?: '?'] }, valid: object, ...more: Named[]) => ({
  valid,
  hostile: [
    ...notNumbers,
    ...more,
    ...Object.entries(fields).flatMap(([name, [kind, optional]]) =>
      kinds[kind]!.hostile.filter(([label]) => !(optional === '?' && label === 'undefined')).map(
        ([label, value]): Named => [`${name}: ${label}`, { ...valid, [name]: value }],
      ),
    ),
  ] as Named[],
});
kinds.sendMessage = object({ buffers: ['datas'], address: ['address', '?'] }, { buffers: ['x'] }, [
  'inherited',
  Object.create({ buffers: ['x'] }),
]);
kinds.sendMessage.hostile.push(
  ...notControl.map(([label, control]): Named => [`control: ${label}`, { buffers: ['x'], control }]),
);
kinds.receiveMessage = object({ buffers: ['lists'], controlLength: ['room', '?'] }, { buffers: [] });
kinds.receiveHeader = object({ buffers: ['lists'], name: ['storage', '?'], control: ['bytes', '?'] }, { buffers: [] }, [
  'frozen',
  Object.freeze({ buffers: [] }),
]);
kinds.batchOptions = object(
  { messages: ['uint'], size: ['room'], controlLength: ['room', '?'] },
  { messages: 1, size: 1 },
  ['none', { messages: 0, size: 1 }],
  ['1025', { messages: 1025, size: 1 }],
);
kinds.hints = object(
  { flags: ['int', '?'], family: ['int', '?'], socktype: ['int', '?'], protocol: ['int', '?'] },
  { flags: s.AI_NUMERICHOST },
);
// Any object without these fields is accepted as empty hints.
kinds.hints.hostile = kinds.hints.hostile.filter(([label]) => !/^(\[5]|{}|valueOf|Number\(5\))$|null/.test(label));
kinds.hints.hostile.push(['null', null]);

/** Every exported function: its parameters as `name:kind`, with `?` for optional ones. */
const both: { [name: string]: string } = {
  socket: 'domain:int type:int protocol:int?',
  bind: 'fd:int address',
  listen: 'fd:int backlog:int?',
  connect: 'fd:int address',
  shutdown: 'fd:int how:int',
  close: 'fd:int',
  sockatmark: 'fd:int',
  dup: 'fd:int',
  read: 'fd:int buffer:bytes',
  write: 'fd:int data',
  readv: 'fd:int buffers:lists',
  writev: 'fd:int buffers:datas',
  send: 'fd:int data flags:int?',
  sendto: 'fd:int data flags:int address',
  sendmsg: 'fd:int message:sendMessage flags:int?',
  recv: 'fd:int buffer:bytes flags:int?',
  setsockopt: 'fd:int level:int name:int value:option',
  fcntl: 'fd:int command argument:int?',
  ioctlData: 'fd:int request argument:bytes data:bytes',
  sendmmsg: 'fd:int batch flags:int? first:uint?',
  recvmmsg: 'fd:int batch flags:int? timeout:nanoseconds?',
};
const throwing: { [name: string]: string } = {
  ...both,
  socketpair: 'domain:int type:int protocol:int?',
  accept: 'fd:int',
  accept4: 'fd:int flags:int',
  getsockname: 'fd:int',
  getpeername: 'fd:int',
  recvfrom: 'fd:int buffer:bytes flags:int?',
  recvmsg: 'fd:int message:receiveMessage flags:int?',
  getsockopt: 'fd:int level:int name:int length:room?',
  ioctl: 'fd:int request argument?',
  ifreq: 'name',
  sendfile: 'outFd:int inFd:int offset:off? count:off',
  splice: 'fdIn:int offIn:off? fdOut:int offOut:off? length:off flags:uint?',
  tee: 'fdIn:int fdOut:int length:off flags:uint?',
  poll: 'fds:polls timeoutMs:int',
  ppoll: 'fds:polls timeout:nanoseconds? sigmask:fds?',
  select: 'readers:fds writers:fds excepts:fds timeoutMs:ms?',
  pselect: 'readers:fds writers:fds excepts:fds timeout:nanoseconds? sigmask:fds?',
  encodeFilter: 'program',
  attachFilter: 'fd:int program',
  attachReusePortFilter: 'fd:int program',
  attachFanoutFilter: 'fd:int program',
  detachFilter: 'fd:int',
  lockFilter: 'fd:int',
  getFilter: 'fd:int',
  MessageBatch: 'options:batchOptions',
  encodeAddress: 'address:fields',
  encodeControl: 'control',
  htons: 'hostshort:u16',
  ntohs: 'netshort:u16',
  htonl: 'hostlong:uint',
  ntohl: 'netlong:uint',
  inet_pton: 'family:int text',
  inet_ntop: 'family:int address:bytes',
  inet_aton: 'text',
  inet_ntoa: 'address:bytes',
  if_nametoindex: 'name:text',
  if_indextoname: 'ifindex:uint',
  getInterfaceFlags: 'fd:int name',
  setInterfaceFlags: 'fd:int name flags:u16',
  getInterfaceMtu: 'fd:int name',
  setInterfaceMtu: 'fd:int name mtu:int',
  getaddrinfo: 'node:node service:service? hints?',
  getnameinfo: 'address flags:int?',
  gethostbyname: 'name:text',
  gethostbyname_ex: 'name:text family:int?',
  gethostbyaddr: 'address:text',
  getfqdn: 'name:text?',
  getservbyname: 'name:text protocol:text?',
  getservbyport: 'port:u16 protocol:text?',
  getprotobyname: 'name:text',
  getprotobynumber: 'number:int',
  gai_strerror: 'code:int',
  CMSG_LEN: 'length:off',
  CMSG_SPACE: 'length:off',
  decodeAddress: 'bytes:any length:any',
  decodeControl: 'bytes:any length:any',
  isControl: 'message:any level:any type:any',
  findControl: 'control:messages level:any type:any',
  parseHardwareAddress: 'address:any',
  formatHardwareAddress: 'address:any',
  errnoName: 'errno:any',
  strerror: 'errno:any',
  isErrno: 'error:any',
  // Nothing to refuse: no parameters, or classes that only the library constructs.
  controlSpace: '', // any number of names: see control-room.test.ts
  if_nameindex: '',
  getifaddrs: '',
  gethostname: '',
  SockaddrStorage: '',
  SocketError: '',
  AddressInfoError: '',
  HostError: '',
};
/**
 * Functions of the upper layers, whose own tests check their arguments; and sethostname, which has its own test below.
 * A new call of C belongs in the tables, not here.
 */
const elsewhere = [
  'sethostname',
  ...[
    'AbortError',
    'BusyError',
    'ClosedError',
    'TimeoutError',
    'Socket',
    'SocketStream',
    'createConnection',
    'createServer',
  ],
  ...[
    'errorReady',
    'readable',
    'writable',
    'onReadable',
    'onWritable',
    'capabilities',
    'getOption',
    'setOption',
    'hasDualstackIPv6',
  ],
  ...['listenFds', 'sdNotify', 'sdNotifyBarrier'],
  'encodeNetlink',
  'decodeNetlink',
  'encodeAttributes',
  'decodeAttributes',
  'decodeNetlinkAck',
  'NetlinkError',
  'requestNetlink',
  'decodeLink',
  'decodeNeighbour',
  'decodeInterfaceAddress',
  'decodeRoute',
  'listLinks',
  'listAddresses',
  'listNeighbours',
  'listRoutes',
  'decodeTcpInfo',
];
const withoutErrnos: { [name: string]: string } = {
  ...both,
  socketpair: 'domain:int type:int protocol:int sv:pair',
  accept: 'fd:int from:storage?',
  accept4: 'fd:int flags:int from:storage?',
  getsockname: 'fd:int name:storage',
  getpeername: 'fd:int name:storage',
  recvfrom: 'fd:int buffer:bytes flags:int? from:storage?',
  recvmsg: 'fd:int message:receiveHeader flags:int?',
  getsockopt: 'fd:int level:int name:int value:bytes',
  ioctl: 'fd:int request argument? value:int1?',
  poll: 'fds:polls timeoutMs:int',
};
kinds.node = {
  valid: '127.0.0.1',
  hostile: kinds.text!.hostile.filter(([label]) => label !== 'null' && label !== 'undefined'),
};
kinds.service = {
  valid: '9',
  hostile: [...kinds.text!.hostile.filter(([label]) => label !== 'null' && label !== '5'), ...numbers(-1, 65536)],
};

type Exports = { [name: string]: (...args: unknown[]) => unknown };
const entries: [string, Exports, { [name: string]: string }][] = [
  ['sys-socket', s as unknown as Exports, throwing],
  ['sys-socket/nothrow', nothrow as unknown as Exports, withoutErrnos],
];
const isFunction = (value: unknown) => typeof value === 'function';
const ownHostName: Need = () =>
  spawnSync('unshare', ['-ru', 'true']).status === 0 ? undefined : 'no UTS namespace of one’s own';
const codes = ['ERR_INVALID_ARG_TYPE', 'ERR_OUT_OF_RANGE', 'ERR_INVALID_ARG_VALUE'];

function parameters(signature: string): { name: string; kind: string; optional: boolean }[] {
  return signature
    .split(' ')
    .filter((word) => word !== '')
    .map((word) => {
      const [name, kind = name] = word.replace('?', '').split(':') as [string, string?];
      return { name, kind, optional: word.endsWith('?') };
    });
}

/** Other names for a parameter: those of its fields, and of the parameter of the function that does the work. */
const aliases: { [kindOrFunction: string]: string } = {
  batchOptions: '|messages|size',
  sendMessage: '|buffers',
  receiveMessage: '|buffers',
  receiveHeader: '|buffers',
  gethostbyaddr: '|text',
  getfqdn: '|node',
};

/** Returns what is wrong with how a call refuses a value; undefined if nothing is. */
function fault(call: () => unknown, names: RegExp): string | undefined {
  try {
    const result = call();
    return `gave ${typeof result === 'number' ? result : typeof result}`;
  } catch (error) {
    const { name, code, message } = error as NodeJS.ErrnoException;
    if (!(error instanceof TypeError || error instanceof RangeError)) return `${name}: ${message}`;
    if (!codes.includes(String(code))) return `no code: ${message}`;
    return names.test(message) ? undefined : `does not name it: ${message}`;
  }
}

// A pair of datagram sockets: a value that is accepted by mistake does no harm.
const [idle, other] = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM | s.SOCK_NONBLOCK);
afterAll(() => {
  s.close(idle);
  s.close(other);
});

function base(list: { name: string; kind: string }[]): unknown[] {
  return list.map(({ name, kind }) => (/^(fd|outFd|inFd|fdIn|fdOut)$/.test(name) ? idle : kinds[kind]!.valid));
}

describe.each(entries)('%s', (_, module, signatures) => {
  test('the tables in this file contain exactly the exported functions', () => {
    const exported = Object.keys(module).filter((name) => isFunction(module[name]) && !elsewhere.includes(name));
    expect(Object.keys(signatures).sort()).toEqual(exported.sort());
  });

  test.each(Object.entries(signatures).filter(([, signature]) => signature !== ''))('%s(%s)', (name, signature) => {
    const list = parameters(signature);
    const before = [...openFds().keys()].join();
    const faults: string[] = [];
    for (const [i, { name: parameter, kind, optional }] of list.entries()) {
      for (const [label, value] of kinds[kind]!.hostile) {
        if (optional && value === undefined) continue;
        const args = base(list);
        args[i] = value;
        // A field of an object is named by itself or as a part of it: "controlLength", "address.port".
        const inner = label.includes(': ') ? `|${label.split(':')[0]}` : '';
        const names = new RegExp(`"(${parameter}${inner}${aliases[kind] ?? ''}${aliases[name] ?? ''})[".]`);
        const call = () => (name === 'MessageBatch' ? Reflect.construct(module[name]!, args) : module[name]!(...args));
        const wrong = fault(call, names);
        if (wrong !== undefined) faults.push(`${parameter} = ${label}: ${wrong}`);
      }
    }
    expect(faults).toEqual([]);
    expect([...openFds().keys()].join()).toBe(before);
  });

  test('-0 is the integer 0', () => {
    for (const [name, signature] of Object.entries(signatures)) {
      const list = parameters(signature);
      for (const [i, { kind }] of list.entries()) {
        if (!['int', 'uint', 'u16', 'off', 'ms'].includes(kind) || /^(close|dup|set.*)$/.test(name)) continue;
        const args = base(list);
        args[i] = -0;
        // File descriptor 0 may be anything, and must not be closed, read or waited for.
        if (args[i] === 0 && list[i]!.name.toLowerCase().includes('fd')) continue;
        let error: unknown;
        try {
          const result = module[name]!(...args);
          if (name === 'socket' && (result as number) >= 0) s.close(result as number);
          if (name === 'socketpair' && Array.isArray(result)) result.map(s.close);
        } catch (thrown) {
          error = thrown;
        }
        const { code } = (error ?? {}) as { code?: unknown };
        // Values refused for another reason (an ioctl request 0 of unknown size) are not refused as numbers.
        if (codes.includes(String(code))) {
          expect(`${name}: ${(error as Error).message}`).not.toMatch(/must be (a number|an integer)/);
        }
      }
    }
  });
});

test('functions that accept anything never throw an error without a code', () => {
  const pool = [...notNumbers, ...numbers(-1, ...beyondInt), ...notBytes].map(([, value]) => value);
  const gone = new Uint8Array(32);
  detach(gone.buffer);
  pool.push(gone, new Uint8Array(0), new Uint8Array(40).fill(0xff));
  const faults: string[] = [];
  for (const [name, signature] of Object.entries(throwing)) {
    const list = parameters(signature);
    if (!list.some(({ kind }) => kind === 'any')) continue;
    for (const one of pool) {
      for (const two of list.length > 1 ? pool : [0]) {
        try {
          (s as unknown as Exports)[name]!(one, two, two);
        } catch (error) {
          if (!codes.includes(String((error as { code?: unknown }).code))) {
            faults.push(`${name}(${typeof one}, ${typeof two}): ${(error as Error).message}`);
          }
        }
      }
    }
  }
  expect([...new Set(faults)]).toEqual([]);
});

test('invalid numbers never touch another file descriptor, in a separate process', () => {
  const script = `
    import { fstatSync, openSync, writeSync } from 'node:fs';
    const s = await import(process.argv[1]);
    const nothrow = await import(process.argv[1].replace('index.js', 'nothrow.js'));
    const sentinels = Array.from({ length: 8 }, () => openSync('/dev/null', 'r'));
    const bad = [NaN, Infinity, -Infinity, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2 ** 32 + 2, 0.5, 1.5, 2.5, -0.5, 1e300,
      null, undefined, '0', '1', '', [], [1], {}, { valueOf: () => 1 }, true, false, 1n, new Date(1), Symbol('1'),
      ...sentinels.flatMap((fd) => [2 ** 32 + fd, fd + 0.25, String(fd), [fd], -(2 ** 32) + fd])];
    const buffer = new Uint8Array(8);
    const batch = new s.MessageBatch({ messages: 1, size: 1 });
    const rest = { close: [], dup: [], shutdown: [2], read: [buffer], write: ['x'], send: ['x'], recv: [buffer],
      readv: [[buffer]], writev: [['x']], setsockopt: [1, 2, 1], fcntl: [s.F_SETFD, 1], listen: [1],
      bind: [new Uint8Array(16)], connect: [new Uint8Array(16)], sendmsg: [{ buffers: ['x'] }],
      recvmsg: [{ buffers: [buffer] }], sendmmsg: [batch], recvmmsg: [batch], ioctl: [s.FIOCLEX],
      sendto: ['x', 0, new Uint8Array(16)], recvfrom: [buffer] };
    const before = [0, 1, 2, ...sentinels].map((fd) => fstatSync(fd).ino).join();
    let refused = 0;
    let calls = 0;
    for (const library of [s, nothrow]) {
      for (const [name, args] of Object.entries(rest)) {
        for (const fd of bad) {
          calls++;
          try { library[name](fd, ...args); } catch (error) { if (/"fd"/.test(error.message)) refused++; }
        }
      }
      for (const fd of bad) {
        calls++;
        try { library.sendmsg(sentinels[0], { buffers: ['x'], control: [{ level: 1, type: 1, fds: [fd] }] }); }
        catch (error) { if (/"control.fds"/.test(error.message)) refused++; }
      }
    }
    const after = [0, 1, 2, ...sentinels].map((fd) => fstatSync(fd).ino).join();
    writeSync(1, JSON.stringify([calls > 2000, calls - refused, before === after]));`;
  const dist = new URL('../../dist/index.js', import.meta.url).href;
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script, dist], {
    encoding: 'utf8',
  });
  expect({ status, signal, stderr, stdout }).toEqual({
    status: 0,
    signal: null,
    stderr: '',
    stdout: '[true,0,true]',
  });
});

test('sethostname rejects what is not a host name, in a UTS namespace of its own', (context) => {
  need(context, ownHostName);
  const script = `
    const s = await import(process.argv[1]);
    const bad = [5, 5n, null, undefined, true, {}, { toString: () => 'x' }, ['x'], Object('x'), Symbol('x'), 'a\\0b'];
    const refused = bad.map((name) => { try { s.sethostname(name); } catch (error) { return /"name"/.test(error.message); } });
    console.log(refused.join());`;
  const dist = new URL('../../dist/index.js', import.meta.url).href;
  const args = ['-ru', process.execPath, '--input-type=module', '-e', script, dist];
  expect(execFileSync('unshare', args, { encoding: 'utf8' }).trim()).toBe(Array(11).fill(true).join());
});

test('a hole in a list of file descriptors does not stand for file descriptor 0', () => {
  for (const fds of [Array<number>(1), Object.assign([idle], { length: 2 }), Object.assign(Array(3), [idle])]) {
    expect(() => s.encodeControl([{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds }])).toThrow(
      expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }),
    );
  }
});

describe('bytes', () => {
  const views: [string, () => ArrayBufferView | ArrayBuffer, length: number][] = [
    ['Uint8Array', () => new Uint8Array(24), 24],
    ['Buffer with an offset', () => Buffer.alloc(24).subarray(8, 20), 12],
    ['ArrayBuffer', () => new ArrayBuffer(24), 24],
    ['DataView with an offset', () => new DataView(new ArrayBuffer(24), 5, 11), 11],
    ['Int8Array', () => new Int8Array(24), 24],
    ['Uint8ClampedArray', () => new Uint8ClampedArray(24), 24],
    ['Uint16Array with an offset', () => new Uint16Array(new ArrayBuffer(24), 2, 3), 6],
    ['Int16Array', () => new Int16Array(12), 24],
    ['Uint32Array', () => new Uint32Array(6), 24],
    ['Int32Array', () => new Int32Array(6), 24],
    ['Float32Array', () => new Float32Array(6), 24],
    ['Float64Array with an offset', () => new Float64Array(new ArrayBuffer(24), 8, 2), 16],
    ['BigInt64Array', () => new BigInt64Array(3), 24],
    ['BigUint64Array', () => new BigUint64Array(3), 24],
    ['over a SharedArrayBuffer', () => new Uint8Array(new SharedArrayBuffer(24), 4, 8), 8],
    ['DataView over a SharedArrayBuffer', () => new DataView(new SharedArrayBuffer(24), 4, 8), 8],
    ['resizable ArrayBuffer', () => resizable(24, 4096), 24],
    ['following its memory', () => new Uint16Array(resizable(26, 4096), 2), 24],
    ['DataView following its memory', () => new DataView(resizable(25, 4096), 2), 23],
    ['subclass', () => new (class extends Uint8Array {})(24), 24],
    ['on the heap', () => Uint8Array.of(1, 2, 3), 3],
    ['empty', () => new Uint8Array(0), 0],
    ['detached', () => detached(), 0],
    ['detached DataView', () => detachedView(), 0],
    ['out of bounds', () => outOfBounds((memory) => new Uint8Array(memory, 8, 8)), 0],
    ['out of bounds Float64Array', () => outOfBounds((memory) => new Float64Array(memory, 8)), 0],
    ['out of bounds DataView', () => outOfBounds((memory) => new DataView(memory, 8, 8)), 0],
    ['out of bounds DataView that follows', () => outOfBounds((memory) => new DataView(memory, 8)), 0],
    ['partly out of bounds', () => outOfBounds((memory) => new Uint8Array(memory, 0, 8)), 0],
    ['partly out of bounds, follows', () => outOfBounds((memory) => new Uint16Array(memory, 0)), 4],
  ];
  function detached(): Uint8Array {
    const bytes = new Uint8Array(new ArrayBuffer(16));
    detach(bytes.buffer);
    return bytes;
  }
  function detachedView(): DataView {
    const view = new DataView(new ArrayBuffer(16), 4);
    detach(view.buffer);
    return view;
  }
  function outOfBounds<T>(make: (memory: ArrayBuffer) => T): T {
    const memory = resizable(64, 4096);
    const view = make(memory);
    memory.resize(5);
    return view;
  }

  test.each(views)('%s', (_, make, length) => {
    const [a, b] = pair(s.SOCK_DGRAM | s.SOCK_NONBLOCK);
    const view = make();
    const real = (fd: number) => s.recv(fd, Buffer.alloc(64), s.MSG_TRUNC);
    const sends = [() => s.send(a, view), () => s.write(a, view), () => s.sendmsg(a, { buffers: [view] })];
    for (const send of [...sends, ...sends]) {
      expect(send()).toBe(length);
      expect(real(b)).toBe(length);
    }
    expect(s.writev(a, [view])).toBe(length);
    if (length > 0) expect(real(b)).toBe(length); // writev(2) of no bytes sends nothing
    expect(s.sendmsg(a, { buffers: ['ab', view, 'c'] })).toBe(length + 3);
    expect(real(b)).toBe(length + 3);

    const receives = [
      () => s.recv(b, view),
      () => s.recvfrom(b, view).length,
      () => s.read(b, view),
      () => s.readv(b, [view]),
      () => s.recvmsg(b, { buffers: [view] }).length,
    ];
    if (length === 0) {
      for (const receive of receives) {
        s.send(a, 'x');
        expect(receive()).toBe(0);
        nothrow.recv(b, new Uint8Array(0)); // read(2) into an empty buffer receives no datagram
      }
      return;
    }
    const bytes = ArrayBuffer.isView(view)
      ? new Uint8Array(view.buffer, view.byteOffset, length)
      : new Uint8Array(view);
    for (const [i, receive] of [...receives, ...receives].entries()) {
      s.send(a, new Uint8Array(64).fill(i + 1));
      expect(receive()).toBe(length);
      expect(bytes.every((byte) => byte === i + 1)).toBe(true);
    }
  });

  test('bytes of any view are accepted as the value of an option and as the text of an address', () => {
    const { fd } = datagram();
    s.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVTIMEO, new BigInt64Array([5n, 0n]));
    expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_RCVTIMEO, 16).readBigInt64LE()).toBe(5n);
    expect(s.inet_ntop(s.AF_INET, Uint8Array.of(127, 0, 0, 1))).toBe('127.0.0.1');
  });

  test('more than 2 GiB: a stream accepts a part, a datagram fails with EMSGSIZE, and a socklen_t is a RangeError', (context) => {
    let huge: Uint8Array;
    try {
      huge = new Uint8Array(2 ** 31 + 16);
    } catch {
      return context.skip('no 2 GiB of address space');
    }
    const [a, b] = pair(s.SOCK_STREAM | s.SOCK_NONBLOCK);
    for (const call of [s.send, s.write]) {
      const n = call(a, huge);
      expect(n).toBeGreaterThan(0);
      expect(n).toBeLessThan(2 ** 24);
      const drained = Buffer.alloc(n);
      expect(s.read(b, drained)).toBe(n);
    }
    s.send(a, 'x');
    expect(s.recv(b, huge)).toBe(1);
    s.send(a, 'y');
    expect(s.readv(b, [huge, huge, huge])).toBe(1);
    const { fd, address } = datagram();
    const tooLong = expect.objectContaining({ code: 'EMSGSIZE' });
    expect(() => s.sendto(fd, huge, 0, address)).toThrow(tooLong);
    expect(() => s.sendmsg(fd, { buffers: [huge], address })).toThrow(tooLong);
    const refused = (name: string) =>
      expect.objectContaining({
        name: 'RangeError',
        code: 'ERR_OUT_OF_RANGE',
        message: expect.stringContaining(`"${name}"`),
      });
    expect(() => s.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVBUF, huge)).toThrow(refused('value'));
    expect(() => s.sendto(fd, 'x', 0, huge)).toThrow(refused('address'));
    expect(() => s.bind(fd, huge)).toThrow(refused('address'));
    expect(() => s.sendmsg(fd, { buffers: ['x'], address: huge })).toThrow(refused('address'));
    expect(() => s.sendmsg(fd, { buffers: ['x'], address, control: huge })).toThrow(refused('control'));
    expect(() => nothrow.recvmsg(fd, { buffers: [], control: huge }, s.MSG_DONTWAIT)).toThrow(refused('control'));
    expect(() => nothrow.getsockopt(fd, s.SOL_SOCKET, s.SO_TYPE, huge)).toThrow(RangeError);
    expect(() => new s.MessageBatch({ messages: 1, size: 8 }).push(huge)).toThrow(refused('data'));
  });
});

test.each(notBytesOrNumbers)(
  'the error for %s as data or as a value names every type that the call accepts',
  (_, wrong) => {
    const [fd] = pair();
    const given = wrong as never;
    const one = 'must be an ArrayBufferView, an ArrayBuffer or a string';
    const many = 'must be an array of ArrayBufferViews, ArrayBuffers or strings';
    const value = 'must be a number, a boolean, an ArrayBufferView or an ArrayBuffer';
    for (const calls of [s, nothrow]) {
      expect(() => calls.write(fd, given)).toThrow(`"data" argument ${one}`);
      expect(() => calls.send(fd, given)).toThrow(`"data" argument ${one}`);
      expect(() => calls.sendto(fd, given, 0, datagram().address)).toThrow(`"data" argument ${one}`);
      for (const list of [given, [given]]) {
        expect(() => calls.writev(fd, list)).toThrow(`"buffers" argument ${many}`);
        expect(() => calls.sendmsg(fd, { buffers: list })).toThrow(`"buffers" argument ${many}`);
      }
      expect(() => calls.setsockopt(fd, s.SOL_SOCKET, s.SO_RCVBUF, given)).toThrow(`"value" argument ${value}`);
    }
  },
);

describe('user code that runs while the arguments are read', () => {
  const victim = () => new Uint8Array(new ArrayBuffer(1 << 16)).fill(0x76);

  test('an index getter detaches the previous buffer: it is empty, and the following ones are complete', () => {
    const [a, b] = pair(s.SOCK_DGRAM | s.SOCK_NONBLOCK);
    for (const call of [
      (list: Uint8Array[]) => s.writev(a, list),
      (list: Uint8Array[]) => s.sendmsg(a, { buffers: list }),
      (list: Uint8Array[]) => nothrow.sendmsg(a, { buffers: list }),
    ]) {
      const first = victim();
      const list = [first, Buffer.from('tail')];
      Object.defineProperty(list, 1, {
        get() {
          detach(first.buffer);
          return Buffer.from('tail');
        },
      });
      expect(call(list)).toBe(4);
      expect(s.recv(b, new Uint8Array(8))).toBe(4);
    }
  });

  test('an index getter detaches a buffer while receiving: nothing is written to its former memory', () => {
    const [a, b] = pair(s.SOCK_DGRAM | s.SOCK_NONBLOCK);
    for (const call of [
      (buffers: Uint8Array[]) => s.readv(b, buffers),
      (buffers: Uint8Array[]) => s.recvmsg(b, { buffers }).length,
      (buffers: Uint8Array[]) => nothrow.recvmsg(b, { buffers }),
    ]) {
      const first = victim();
      const last = Buffer.alloc(4);
      const list = new Proxy([first, last], {
        get(target, key, receiver) {
          if (key === '1' && first.byteLength > 0) detach(first.buffer);
          return Reflect.get(target, key, receiver);
        },
      });
      s.send(a, 'abcdefgh');
      expect(call(list)).toBe(4);
      expect(last.toString()).toBe('abcd');
    }
  });

  test('an address getter detaches the data, and another one closes the socket', () => {
    const { fd, address } = datagram(s.SOCK_NONBLOCK);
    const data = victim().subarray(0, 100);
    const getter = {
      ...address,
      get port() {
        if (data.byteLength > 0) detach(data.buffer);
        return address.port;
      },
    };
    expect(s.sendto(fd, data, 0, getter)).toBe(0);
    expect(s.sendmsg(fd, { buffers: [data], address: getter })).toBe(0);
    const closing = s.socket(s.AF_INET, s.SOCK_DGRAM);
    const close = {
      ...address,
      get port() {
        s.close(closing);
        return 9;
      },
    };
    expect(() => s.sendto(closing, 'x', 0, close)).toThrow(expect.objectContaining({ code: 'EBADF' }));
  });

  test('calls in a getter do not disturb the outer call', () => {
    const { fd, address } = datagram(s.SOCK_NONBLOCK);
    const busy = <T>(value: T): T => {
      for (let i = 0; i < 3; i++) {
        s.sendto(fd, Buffer.from('inner'), 0, address);
        s.recvfrom(fd, new Uint8Array(8));
      }
      return value;
    };
    const outer = Buffer.from('outer');
    const message = {
      get buffers() {
        return busy([outer]);
      },
      get address() {
        return busy(address);
      },
      get control() {
        return busy([{ level: s.IPPROTO_IP, type: s.IP_TTL, value: 3 } as const]);
      },
    };
    for (let i = 0; i < 3; i++) {
      expect(s.sendmsg(fd, message)).toBe(5);
      const into = Buffer.alloc(8);
      expect(s.recvfrom(fd, into)).toEqual({ length: 5, address });
      expect(into.toString('latin1', 0, 5)).toBe('outer');
    }
  });

  test('only own properties are read, and each one once, even if the call fails', () => {
    const reads: string[] = [];
    const spy = <T extends object>(target: T, name: string): T =>
      new Proxy(target, {
        get(of, key, receiver) {
          reads.push(`${name}.${String(key)}`);
          return Reflect.get(of, key, receiver);
        },
      });
    const { fd } = datagram();
    const address = () => spy({ family: s.AF_INET, address: '255.255.255.255', port: 9 } as const, 'address');
    const once = (...keys: string[]) => {
      expect(reads.sort()).toEqual(keys.sort());
      reads.length = 0;
    };
    expect(() => s.sendto(fd, 'x', 0, address())).toThrow(expect.objectContaining({ code: 'EACCES' }));
    once('address.family', 'address.address', 'address.port');
    const message = spy({ buffers: spy(['x'], 'buffers'), address: address() }, 'message');
    expect(() => s.sendmsg(fd, message)).toThrow(expect.objectContaining({ code: 'EACCES' }));
    once(
      'message.buffers',
      'message.address',
      'buffers.length',
      'buffers.0',
      'address.family',
      'address.address',
      'address.port',
    );
    expect(() => s.connect(fd, address())).toThrow(expect.objectContaining({ code: 'EACCES' }));
    once('address.family', 'address.address', 'address.port');
    expect(nothrow.recvmsg(fd, spy({ buffers: spy([], 'buffers') }, 'message'), s.MSG_DONTWAIT)).toBe(-s.EAGAIN);
    once('message.buffers', 'buffers.length');
  });

  test('a getter returns another path when it is read again', () => {
    const fd = s.socket(s.AF_UNIX, s.SOCK_DGRAM);
    let looks = 0;
    const address = {
      family: s.AF_UNIX,
      get path(): string {
        looks++;
        return looks === 1 ? '/nonexistent/socket' : (5 as never);
      },
    } as const;
    for (const call of [() => s.sendto(fd, 'x', 0, address), () => s.connect(fd, address), () => s.bind(fd, address)]) {
      looks = 0;
      expect(call).toThrow(expect.objectContaining({ name: 'SocketError', code: 'ENOENT' }));
    }
    s.close(fd);
  });

  test('a getter throws: its error is passed on, and nothing is sent', () => {
    const [a, b] = pair(s.SOCK_DGRAM | s.SOCK_NONBLOCK);
    const trap = (key: string) =>
      Object.defineProperty({ buffers: ['x'] }, key, {
        get() {
          throw new SyntaxError('mine');
        },
      });
    for (const key of ['buffers', 'address', 'control']) expect(() => s.sendmsg(a, trap(key))).toThrow('mine');
    const revoked = Proxy.revocable<string[]>([], {});
    revoked.revoke();
    expect(() => s.writev(a, revoked.proxy)).toThrow(TypeError);
    expect(nothrow.recv(b, new Uint8Array(4))).toBe(-s.EAGAIN);
  });

  test('a list has a false length', () => {
    const [a, b] = pair(s.SOCK_STREAM | s.SOCK_NONBLOCK);
    const many = new Array<string>(1100).fill('x');
    const list = (length: unknown) =>
      new Proxy(many, { get: (target, key) => (key === 'length' ? length : Reflect.get(target, key)) });
    for (const length of [0, -5, Number.NaN, undefined, 'x']) {
      try {
        expect(s.writev(a, list(length))).toBe(0);
      } catch (error) {
        expect(codes).toContain((error as { code: unknown }).code);
      }
    }
    expect(s.writev(a, list(3))).toBe(3);
    for (const length of [1025, 2 ** 32 + 1, Number.POSITIVE_INFINITY]) {
      expect(() => s.writev(a, list(length))).toThrow(expect.objectContaining({ code: 'EINVAL' }));
    }
    expect(() => s.writev(a, list(1n))).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_/) }));
    expect(s.recv(b, new Uint8Array(8))).toBe(3);
  });
});

describe('polluted prototypes, in separate processes', () => {
  const dist = new URL('../../dist/index.js', import.meta.url).href;
  const run = (script: string) => {
    const prelude = `
      const s = await import(process.argv[1]);
      const nothrow = await import(process.argv[1].replace('index.js', 'nothrow.js'));
      const { writeSync } = await import('node:fs');
      const print = (value) => writeSync(1, JSON.stringify(value));
      const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM | s.SOCK_NONBLOCK);
      const code = (call) => { try { return call(); } catch (error) { return error.code ?? error.message; } };`;
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', prelude + script, dist], {
      encoding: 'utf8',
    });
    const { status, signal, stderr, stdout } = child;
    expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });
    return JSON.parse(stdout);
  };

  test('properties of Object.prototype are ignored', () => {
    const output = run(`
      const u = s.socket(s.AF_INET, s.SOCK_DGRAM);
      const to = { family: s.AF_INET, address: '255.255.255.255', port: 9 };
      s.bind(u, { family: s.AF_INET, address: '127.0.0.1', port: 0 });
      const keys = { buffers: ['x'], address: to, control: [], controlLength: 64, path: 5, port: 80, family: s.AF_INET,
        data: new Uint8Array(3), messages: 8, size: 8, fds: [0], flags: 64, name: {}, level: 1, type: 1, value: 1 };
      for (const [key, value] of Object.entries(keys)) {
        Object.defineProperty(Object.prototype, key, { value, configurable: true, writable: true });
      }
      const results = [
        code(() => s.sendmsg(a, {})),
        code(() => s.sendmsg(u, { buffers: ['x'] })),
        code(() => s.sendto(u, 'x', 0, {})),
        code(() => s.sendto(u, 'x', 0, { ...to })),
        code(() => s.sendto(u, 'x', 0, { family: s.AF_UNIX })),
        code(() => new s.MessageBatch({})),
        code(() => s.encodeControl([{ level: 1, type: 1 }])),
        code(() => s.encodeControl([{}])),
        code(() => s.bind(u, { family: s.AF_INET6, address: '::1' })),
      ];
      for (const key of Object.keys(keys)) delete Object.prototype[key];
      print(results);`);
    const type = 'ERR_INVALID_ARG_TYPE';
    expect(output).toEqual([type, 'EDESTADDRREQ', type, 'EACCES', type, type, type, type, type]);
  });

  test('index accessors on Array.prototype do not run between reading the arguments and the call', () => {
    // A set accessor swallows what is appended to an array; a get accessor then runs where the array is read.
    const output = run(`
      s.send(a, new Uint8Array(70000).fill(0x41));
      const results = [];
      for (const call of [(list) => s.readv(b, list), (list) => s.recvmsg(b, { buffers: list }, s.MSG_PEEK).length]) {
        const victim = new Uint8Array(new ArrayBuffer(60000));
        const tail = new Uint8Array(8);
        const list = [victim, tail];
        let ran = 0;
        Object.defineProperty(Array.prototype, 1, {
          configurable: true,
          get() { ran++; structuredClone(victim.buffer, { transfer: [victim.buffer] }); return tail; },
          set() { ran++; },
        });
        const n = code(() => call(list));
        delete Array.prototype[1];
        results.push([n, ran, victim[59999]]);
      }
      print(results);`);
    expect(output).toEqual([
      [60008, 0, 0x41],
      [9992, 0, 0],
    ]);
  });

  test('a hole is not filled from Array.prototype', () => {
    const output = run(`
      Object.defineProperty(Array.prototype, 0, { configurable: true, writable: true, value: new Uint8Array(4) });
      const results = [code(() => s.writev(a, [, 'x'])), code(() => s.sendmsg(a, { buffers: Array(1) }))];
      Object.defineProperty(Array.prototype, 0, { configurable: true, writable: true, value: 0 });
      results.push(code(() => s.encodeControl([{ level: 1, type: 1, fds: Array(1) }])));
      delete Array.prototype[0];
      print(results);`);
    expect(output).toEqual(Array(3).fill('ERR_INVALID_ARG_TYPE'));
  });

  test('replaced methods and getters do not cause memory to be read or written', () => {
    const output = run(`
      const proto = Object.getPrototypeOf(Uint8Array.prototype);
      const data = new Uint8Array(4).fill(0x41);
      for (const key of ['byteLength', 'length', 'byteOffset', 'buffer']) {
        Object.defineProperty(proto, key, { configurable: true, get: () => 1 << 28 });
      }
      Function.prototype.call = () => 1 << 28;
      Array.prototype.push = () => 7;
      const results = [1, 2, 3].map(() => [code(() => s.send(a, data)), code(() => nothrow.recv(b, data))]);
      print(results);`);
    expect(output).toEqual([1, 2, 3].map(() => [4, 4]));
  });
});

describe('file descriptors are not lost if a result cannot be stored', () => {
  test('nothrow.accept with invalid storage for the address opens no file descriptor', () => {
    const { fd, address } = listener(s.SOCK_NONBLOCK);
    const bad = [null, 5, 'x', {}, { bytes: null }, Object.create(s.SockaddrStorage.prototype)];
    for (const from of bad) {
      const client = s.socket(s.AF_INET, s.SOCK_STREAM);
      s.connect(client, address);
      const before = openSockets();
      const call = () => nothrow.accept(fd, from as never);
      expect(call).toThrow(expect.objectContaining({ code: expect.stringMatching(/^ERR_/) }));
      expect(openSockets()).toBe(before);
      s.close(client);
      s.close(s.accept(fd).fd);
    }
  });

  test('nothrow.accept with frozen storage returns the file descriptor or opens none', () => {
    const { fd, address } = listener(s.SOCK_NONBLOCK);
    const client = s.socket(s.AF_INET, s.SOCK_STREAM);
    s.connect(client, address);
    const before = openSockets();
    let accepted = -1;
    try {
      accepted = nothrow.accept(fd, Object.freeze(new s.SockaddrStorage()));
    } catch {}
    expect(openSockets()).toBe(before + (accepted < 0 ? 0 : 1));
    if (accepted >= 0) s.close(accepted);
    s.close(client);
  });

  test('nothrow.socketpair with an array that rejects or truncates values or runs code', () => {
    const make = (sv: unknown) => nothrow.socketpair(s.AF_UNIX, s.SOCK_STREAM, 0, sv as number[]);
    const given: number[] = [];
    const setters = {
      set 0(fd: number) {
        given.push(fd);
        s.getsockname(idle); // another call, which overwrites the results
      },
      set 1(fd: number) {
        given.push(fd);
      },
    };
    for (const sv of [Object.freeze([0, 0]), new Uint8Array(2), new Int8Array(2), new Int32Array(1), setters]) {
      const before = openSockets();
      given.length = 0;
      let n = -1;
      try {
        n = make(sv);
      } catch {}
      if (n < 0) {
        expect(openSockets()).toBe(before);
      } else {
        expect(openSockets()).toBe(before + 2);
        const fds = given.length > 0 ? given : Array.from(sv as ArrayLike<number>);
        for (const fd of fds) expect(fstatSync(fd).isSocket()).toBe(true);
        for (const fd of fds) s.close(fd);
        expect(openSockets()).toBe(before);
      }
    }
  });
});

test('a false SocketAddress, and one of another realm', () => {
  const { fd } = datagram();
  const fake = Object.create(SocketAddress.prototype) as SocketAddress;
  expect(() => s.sendto(fd, 'x', 0, fake)).toThrow(TypeError);
  const script = `
    const s = await import(process.argv[1]);
    const vm = await import('node:vm');
    const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM);
    const list = vm.runInNewContext('[new Uint8Array([1, 2, 3]), new DataView(new ArrayBuffer(2)), "x"]');
    console.log(s.send(a, list[0]), s.send(a, list[0]), s.send(a, list[0]), s.writev(a, list));`;
  const dist = new URL('../../dist/index.js', import.meta.url).href;
  const output = execFileSync(process.execPath, ['--input-type=module', '-e', script, dist], { encoding: 'utf8' });
  expect(output).toBe('3 3 3 6\n');
});
