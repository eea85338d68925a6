// Writes docs/coverage.md: lists every function of the POSIX headers and every name in Python's socket module beside
// ours, or the reason why there is none. `--check` only compares. A name that has neither is an error.
//   npm run coverage        or: node scripts/coverage.js [--check]
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as index from '../dist/index.js';
import * as nothrow from '../dist/nothrow.js';
import * as promises from '../dist/promises.js';

const library = { ...index };
const root = join(import.meta.dirname, '..');
const file = join(root, 'docs/coverage.md');

const STREAM = 'no: enumerates a whole data base; look entries up by name or number';
const NETWORKS = 'no: data base of class A, B and C networks, of no use since CIDR';
const SETS = 'no: a set of descriptors is an array of numbers';
const FREE = 'no: memory is collected';
const WALK = 'no: `decodeControl` returns an array';

/** POSIX.1-2024, by header. A name on its own is exported under the same name. */
const posix = {
  'sys/socket.h': {
    accept: '',
    accept4: '',
    bind: '',
    connect: '',
    getpeername: '',
    getsockname: '',
    getsockopt: '',
    listen: '',
    recv: '',
    recvfrom: '',
    recvmsg: '',
    send: '',
    sendmsg: '',
    sendto: '',
    setsockopt: '',
    shutdown: '',
    sockatmark: '',
    socket: '',
    socketpair: '',
    CMSG_LEN: '',
    CMSG_SPACE: '',
    CMSG_DATA: WALK,
    CMSG_FIRSTHDR: WALK,
    CMSG_NXTHDR: WALK,
  },
  'netdb.h': {
    endhostent: STREAM,
    endnetent: NETWORKS,
    endprotoent: STREAM,
    endservent: STREAM,
    freeaddrinfo: FREE,
    gai_strerror: '',
    getaddrinfo: '',
    gethostent: STREAM,
    getnameinfo: '',
    getnetbyaddr: NETWORKS,
    getnetbyname: NETWORKS,
    getnetent: NETWORKS,
    getprotobyname: '',
    getprotobynumber: '',
    getprotoent: STREAM,
    getservbyname: '',
    getservbyport: '',
    getservent: STREAM,
    sethostent: STREAM,
    setnetent: NETWORKS,
    setprotoent: STREAM,
    setservent: STREAM,
  },
  'arpa/inet.h': {
    htonl: '',
    htons: '',
    ntohl: '',
    ntohs: '',
    inet_addr: 'no: its error value is also the valid address 255.255.255.255; use `inet_aton`',
    inet_ntoa: '',
    inet_ntop: '',
    inet_pton: '',
  },
  'net/if.h': { if_freenameindex: FREE, if_indextoname: '', if_nameindex: '', if_nametoindex: '' },
  'poll.h': { poll: '', ppoll: '' },
  'sys/select.h': { FD_CLR: SETS, FD_ISSET: SETS, FD_SET: SETS, FD_ZERO: SETS, pselect: '', select: '' },
};

const ENUM = 'no: an enum of Python; the constants are numbers of literal type';
const IMPORT = 'no: a module that Python imports there';

/** Python's names for which we have no identical name. */
const python = {
  AddressFamily: ENUM,
  AddressInfo: ENUM,
  MsgFlag: ENUM,
  SocketKind: ENUM,
  IntEnum: IMPORT,
  IntFlag: IMPORT,
  array: IMPORT,
  errno: IMPORT,
  io: IMPORT,
  os: IMPORT,
  selectors: IMPORT,
  sys: IMPORT,
  _socket: IMPORT,
  CAPI: "no: Python's own C interface",
  GeneratorType: IMPORT,
  SocketIO: '`SocketStream`',
  SocketType: '`Socket`',
  create_connection: '`createConnection`',
  create_server: '`createServer`',
  error: '`SocketError`',
  errorTab: 'no: Windows',
  fromfd: '`Socket.fromFd` of a `dup`',
  gaierror: '`AddressInfoError`',
  getdefaulttimeout: 'no: no hidden default; `Socket.setTimeout`, SO_RCVTIMEO, `poll`',
  setdefaulttimeout: 'no: no hidden default; `Socket.setTimeout`, SO_RCVTIMEO, `poll`',
  has_dualstack_ipv6: '`hasDualstackIPv6`',
  has_ipv6: 'no: a fact of how Python was built; call `socket(AF_INET6, SOCK_STREAM)` to find out',
  herror: '`HostError`',
  recv_fds: '`Socket.recvFds`, `recvmsg` with SCM_RIGHTS',
  send_fds: '`Socket.sendFds`, `sendmsg` with SCM_RIGHTS',
  timeout: '`TimeoutError`; a call of the fd layer that times out is EAGAIN',
};

/** Returns the public names of Python's socket module: those of the installed Python and those of earlier versions. */
function pythonNames() {
  const known = readFileSync(join(root, 'scripts/python-names.txt'), 'utf8').trim().split('\n').filter(Boolean);
  if (check) return known;
  const script = "import socket; print('\\n'.join(n for n in dir(socket) if not n.startswith('_')))";
  const here = execFileSync('python3', ['-c', script], { encoding: 'utf8' }).trim().split('\n');
  const all = [...new Set([...known, ...here])].sort();
  writeFileSync(join(root, 'scripts/python-names.txt'), `${all.join('\n')}\n`);
  return all;
}

const check = process.argv.includes('--check');
const missing = [];

const BLUETOOTH = "no: defined by BlueZ, not by the kernel's headers; addresses are `{ family, data }`";

function ours(name, note) {
  if (note) return note;
  const entries = [
    [library, `\`${name}\``],
    [nothrow, 'nothrow'],
    [promises, 'promises'],
  ];
  const found = entries.filter(([module]) => name in module).map(([, text]) => text);
  if (!(name in library)) missing.push(name);
  return found.join(', ');
}

const lines = [
  '# API coverage',
  '',
  'This page lists every function of the POSIX headers for sockets, and every name of the socket module of Python 3 on Linux, with its',
  'counterpart in this library, or the reason why there is none. `nothrow` and `promises` mark calls that these entry points have too.',
  'Written by `npm run coverage`, and checked by a test.',
];
for (const [header, functions] of Object.entries(posix)) {
  lines.push('', `## POSIX.1-2024 \`<${header}>\``, '', '| C | sys-socket |', '| --- | --- |');
  for (const [name, note] of Object.entries(functions)) lines.push(`| \`${name}\` | ${ours(name, note)} |`);
}
const names = pythonNames();
const constant = (name) => typeof library[name] === 'number';
lines.push('', '## Python 3 `socket`: functions, classes, exceptions', '', '| Python | sys-socket |', '| --- | --- |');
for (const name of names.filter((name) => !constant(name)))
  lines.push(
    `| \`${name}\` | ${ours(name, python[name] ?? (/^(BT|HCI_|BDADDR_|SOL_HCI)/.test(name) ? BLUETOOTH : undefined))} |`,
  );
lines.push('', '## Python 3 `socket`: constants', '', 'All of them, by the same name:', '');
lines.push(
  names
    .filter(constant)
    .map((name) => `\`${name}\``)
    .join(' '),
  '',
);

if (missing.length > 0) {
  console.error(`These names have neither a counterpart nor a reason: ${missing.join(', ')}`);
  process.exit(1);
}
const text = lines.join('\n');
if (!check) writeFileSync(file, text);
else if (readFileSync(file, 'utf8') !== text) {
  console.error('docs/coverage.md is out of date: npm run coverage');
  process.exit(1);
}
