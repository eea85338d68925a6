import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { AddressInfoError, HostError } from '../../lib/index.ts';
import * as promises from '../../lib/promises.ts';
import { folder } from '../helpers/fixtures.ts';
import { type Need, need } from '../helpers/need.ts';

type Argument = string | number | null | s.AddressInfoHints;
type Question = readonly [call: string, ...args: Argument[]];

/**
 * The answer of the library, in the same format as that of `oracle`. The function runs here and, as text, in child
 * processes, so it uses nothing but its parameters.
 */
async function answers(
  api: object,
  encode: (address: s.AddressLike) => Uint8Array,
  questions: readonly Question[],
): Promise<unknown[]> {
  const list: unknown[] = [];
  for (const [call, ...args] of questions) {
    try {
      // getnameinfo gets a sockaddr in hexadecimal; a null protocol of C stands for no protocol.
      if (call === 'getnameinfo') args[0] = Buffer.from(args[0] as string, 'hex') as never;
      if (call.startsWith('getserv') && args[1] === null) args.pop();
      let result = await (api as Record<string, (...args: unknown[]) => unknown>)[call]!(...args);
      if (call === 'getaddrinfo') {
        result = (result as s.AddressInfo[]).map(({ address, canonname = null, ...rest }) => ({
          ...rest,
          address: Buffer.from(encode(address)).toString('hex'),
          canonname,
        }));
      }
      list.push(result ?? null);
    } catch (error) {
      const { eai, herrno, errno = 0 } = error as { eai?: number; herrno?: number; errno?: number };
      if (eai !== undefined) list.push({ eai, errno });
      else if (herrno !== undefined) list.push({ herrno });
      else throw error;
    }
  }
  return list;
}

/** The same questions to the C library, with ctypes: no argument is checked, completed or encoded on the way. */
const oracle = `
import ctypes, json, os, socket, struct, sys
from ctypes import byref, c_char, c_char_p, c_int, c_uint, c_void_p, cast, POINTER, Structure

class addrinfo(Structure): pass
addrinfo._fields_ = [('flags', c_int), ('family', c_int), ('socktype', c_int), ('protocol', c_int), ('length', c_uint),
                     ('address', c_void_p), ('canonname', c_char_p), ('next', POINTER(addrinfo))]
class hostent(Structure):
    _fields_ = [('name', c_char_p), ('aliases', POINTER(c_char_p)), ('family', c_int), ('length', c_int),
                ('addresses', POINTER(c_void_p))]
class servent(Structure):
    _fields_ = [('name', c_char_p), ('aliases', POINTER(c_char_p)), ('port', c_int), ('protocol', c_char_p)]
class protoent(Structure):
    _fields_ = [('name', c_char_p), ('aliases', POINTER(c_char_p)), ('protocol', c_int)]

c = ctypes.CDLL(None, use_errno=True)
for name, type in dict(gethostbyname2=hostent, gethostbyaddr=hostent, getservbyname=servent, getservbyport=servent,
                       getprotobyname=protoent, getprotobynumber=protoent).items():
    getattr(c, name).restype = POINTER(type)
c.gai_strerror.restype = c_char_p
c.__h_errno_location.restype = POINTER(c_int)
c.getaddrinfo.argtypes = [c_char_p, c_char_p, POINTER(addrinfo), POINTER(POINTER(addrinfo))]
c.freeaddrinfo.argtypes = [POINTER(addrinfo)]

def b(text): return None if text is None else text.encode()
def t(text): return None if text is None else text.decode()
def strings(list):
    found = []
    while list[len(found)] is not None: found.append(list[len(found)])
    return found
def eai(code): return {'eai': code, 'errno': ctypes.get_errno() if code == -11 else 0}

def getaddrinfo(node, service, hints={}):
    asked = addrinfo(hints.get('flags', 0), hints.get('family', 0), hints.get('socktype', 0), hints.get('protocol', 0))
    found = POINTER(addrinfo)()
    code = c.getaddrinfo(b(node), b(None if service is None else str(service)), byref(asked), byref(found))
    if code != 0: return eai(code)
    list, info = [], found
    while info:
        i = info.contents
        list.append({'flags': i.flags, 'family': i.family, 'socktype': i.socktype, 'protocol': i.protocol,
                     'address': ctypes.string_at(i.address, i.length).hex(), 'canonname': t(i.canonname)})
        info = i.next
    c.freeaddrinfo(found)
    return list

def getnameinfo(address, flags):
    address = bytes.fromhex(address)
    host, service = ctypes.create_string_buffer(1025), ctypes.create_string_buffer(1025)
    code = c.getnameinfo(address, len(address), host, 1025, service, 1025, flags)
    return eai(code) if code != 0 else {'host': t(host.value), 'service': t(service.value)}

def host(found):
    if not found: return {'herrno': c.__h_errno_location()[0]}
    h = found.contents
    return {'name': t(h.name), 'aliases': [t(a) for a in strings(h.aliases)], 'addrtype': h.family,
            'addresses': [socket.inet_ntop(h.family, ctypes.string_at(a, h.length)) for a in strings(h.addresses)]}
def gethostbyname_ex(name, family=2): return host(c.gethostbyname2(b(name), family))
def gethostbyname(name):
    found = gethostbyname_ex(name)
    return found['addresses'][0] if 'addresses' in found else found
def gethostbyaddr(address):
    family = 10 if ':' in address else 2
    bytes = socket.inet_pton(family, address)
    return host(c.gethostbyaddr(bytes, len(bytes), family))

def service(found):
    if not found: return None
    f = found.contents
    return {'name': t(f.name), 'aliases': [t(a) for a in strings(f.aliases)], 'port': socket.ntohs(f.port & 0xffff),
            'protocol': t(f.protocol)}
def getservbyname(name, protocol=None): return service(c.getservbyname(b(name), b(protocol)))
def getservbyport(port, protocol=None): return service(c.getservbyport(socket.htons(port), b(protocol)))
def protocol(found):
    if not found: return None
    f = found.contents
    return {'name': t(f.name), 'aliases': [t(a) for a in strings(f.aliases)], 'protocol': f.protocol}
def getprotobyname(name): return protocol(c.getprotobyname(b(name)))
def getprotobynumber(number): return protocol(c.getprotobynumber(number))
def gai_strerror(code): return t(c.gai_strerror(code))
def getfqdn(name=''): return socket.getfqdn(name)

with open(sys.argv[1], 'rb') as file: questions = json.load(file)
def ask(): return [globals()[call](*args) for call, *args in questions]
`;

/** Python would set the locale, which IDN depends on; Node does not. */
const env = { ...process.env, LC_ALL: 'C', PYTHONCOERCECLOCALE: '0', PYTHONUTF8: '0' };

function asked(questions: readonly Question[]): string {
  const file = join(folder(), 'questions');
  writeFileSync(file, JSON.stringify(questions));
  return file;
}

function compare(questions: readonly Question[], ours: readonly unknown[], c: readonly unknown[]): void {
  const told = (list: readonly unknown[]) => questions.map((question, i) => [JSON.stringify(question), list[i]]);
  expect(ours).toHaveLength(questions.length);
  expect(Object.fromEntries(told(ours))).toEqual(Object.fromEntries(told(c)));
}

/** Asks in this process: only questions without DNS, so that nothing leaves the machine. */
async function likeC(questions: readonly Question[]): Promise<unknown[]> {
  const ours = await answers(s, s.encodeAddress, questions);
  const c = execFileSync('python3', ['-c', `${oracle}\nprint(json.dumps(ask()))`, asked(questions)], { env });
  compare(questions, ours, JSON.parse(c.toString()));
  return ours;
}

// ---- a world with its own names -----------------------------------------------------------------------------------

/** The hosts file and the resolver configuration of a namespace; its DNS server follows. */
const files = {
  hosts: [
    '127.0.0.1 localhost',
    '::1 localhost ip6-localhost',
    '10.1.2.3 alpha.example alpha a1',
    '10.1.2.4 alpha.example',
    'fd00::5 six.example six',
    '10.1.2.6 BIG.Example',
    '10.1.2.8 plain',
    // More than a look-up has room for at first.
    `10.1.2.7 many.example ${Array.from({ length: 300 }, (_, i) => `alias-${i}.example`).join(' ')}`,
  ].join('\n'),
  'resolv.conf': 'nameserver 127.0.0.1\noptions timeout:1 attempts:1',
  'nsswitch.conf': 'hosts: files dns\nservices: files\nprotocols: files\nnetworks: files',
  'host.conf': 'multi on',
};

const dns = `
import subprocess, threading
A, CNAME, PTR, AAAA = 1, 5, 12, 28
def name(text): return b''.join(bytes([len(l)]) + l.encode() for l in text.split('.')) + bytes(1)
v4 = lambda *texts: [(A, socket.inet_aton(text)) for text in texts]
v6 = lambda *texts: [(AAAA, socket.inet_pton(socket.AF_INET6, text)) for text in texts]
zone = {
    'host.test': v4('10.9.0.1', '10.9.0.2') + v6('fd09::1'),
    'alias.test': [(CNAME, name('host.test'))],
    'four.test': v4('10.9.0.4'),
    'six.test': v6('fd09::6'),
    'nodata.test': [],
    'twenty.test': v4(*['10.9.1.%d' % i for i in range(20)]),
    'xn--bcher-kva.test': v4('10.9.0.7'),
    '1.0.9.10.in-addr.arpa': [(PTR, name('host.test'))],
    '9.0.9.10.in-addr.arpa': [(PTR, name('weird name.test'))],
    '6.0.0.0' + '.0' * 24 + '.9.0.d.f.ip6.arpa': [(PTR, name('six.test'))],
}
failing = {'servfail.test': 2, 'refused.test': 5, 'notimp.test': 4}
def answer(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode('latin1'))
        at += 1 + query[at]
    question, asked = query[12:at + 5], '.'.join(labels).lower()
    if asked.startswith('silent'): return None
    type = struct.unpack('!H', query[at + 1:at + 3])[0]
    records, code = zone.get(asked), failing.get(asked, 0)
    if records is None: records, code = [], code or 3
    found = [record for record in records if record[0] in (type, CNAME)]
    packed = b''.join(b'\\xc0\\x0c' + struct.pack('!HHIH', kind, 1, 60, len(data)) + data for kind, data in found)
    if found and found[0][0] == CNAME:
        more = [record for record in zone['host.test'] if record[0] == type]
        packed += b''.join(name('host.test') + struct.pack('!HHIH', kind, 1, 60, len(d)) + d for kind, d in more)
        found += more
    return query[:2] + struct.pack('!HHHHH', 0x8180 | code, 1, len(found), 0, 0) + question + packed
def serve():
    while True:
        query, sender = server.recvfrom(512)
        reply = answer(query)
        if reply is not None: server.sendto(reply, sender)
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(('127.0.0.1', 53))
threading.Thread(target=serve, daemon=True).start()
child = json.loads(subprocess.run(sys.argv[2:], stdout=subprocess.PIPE, check=True).stdout)
print(json.dumps([child, ask()]))
`;

/** The start of a command line that runs in its own network, with its own mounts and host name. */
const own = ((): readonly string[] | undefined => {
  const probe = 'mount --bind /etc/hosts /etc/resolv.conf && ip link set lo up && hostname probe';
  return [
    ['unshare', '-mnu'],
    ['unshare', '-Urmnu'],
  ].find(([program, ...flags]) => spawnSync(program!, [...flags, 'sh', '-c', probe]).status === 0);
})();
const ownNames: Need = () => (own === undefined ? 'no namespace with its own /etc/resolv.conf' : undefined);

/** Starts a program in a world with the names above. */
function enter(...command: string[]): string {
  const at = folder();
  for (const [file, text] of Object.entries(files)) writeFileSync(join(at, file), `${text}\n`);
  const mount = `for file in hosts resolv.conf nsswitch.conf host.conf; do
    if [ -e /etc/$file ]; then mount --bind "$0/$file" /etc/$file || exit; fi
  done
  ip link set lo up && hostname alpha && exec "$@"`;
  return execFileSync(own![0]!, [...own!.slice(1), 'sh', '-c', mount, at, ...command], { env, encoding: 'utf8' });
}

const built = (file: string) => new URL(`../../dist/${file}`, import.meta.url).href;
/** The start of a command line that runs a module from text; its process.argv[1] and [2] are the built library. */
const node = (script: string) => [
  process.execPath,
  '--input-type=module',
  '-e',
  script,
  built('index.js'),
  built('promises.js'),
];

/** Asks the library, its promises and the C library in the same namespace. */
function likeCInside(questions: readonly Question[]): unknown[] {
  const file = asked(questions);
  const script = `
    import { readFileSync } from 'node:fs';
    const [s, promises] = [await import(process.argv[1]), await import(process.argv[2])];
    const questions = JSON.parse(readFileSync(process.argv[3]));
    const answers = ${answers.toString()};
    const later = { ...s, ...promises };
    const both = [await answers(s, s.encodeAddress, questions), await answers(later, s.encodeAddress, questions)];
    console.log(JSON.stringify(both));
  `;
  const output = enter('python3', '-c', oracle + dns, file, ...node(script), file);
  const [[now, later], c] = JSON.parse(output) as [[unknown[], unknown[]], unknown[]];
  compare(questions, now, c);
  compare(questions, later, c);
  return now;
}

const hex = (address: s.AddressLike) => Buffer.from(s.encodeAddress(address)).toString('hex');
const { AI_ADDRCONFIG, AI_ALL, AI_CANONNAME, AI_NUMERICHOST, AI_NUMERICSERV, AI_PASSIVE, AI_V4MAPPED } = s;
const families = [s.AF_UNSPEC, s.AF_INET, s.AF_INET6];

// ---- getaddrinfo --------------------------------------------------------------------------------------------------

const services = [null, '', '0', 'http', 'HTTP', 'domain', 'ntp', '80', '080', '+80', ' 80', '80 ', '65535'];
services.push('0x50', 'no-such-service', 'ht tp', 'x'.repeat(3000), 'bücher');

const numericHosts = [
  null,
  '127.0.0.1',
  '::1',
  '0',
  '1.2',
  '0x7f.1',
  '017.0.0.1',
  '::ffff:1.2.3.4',
  'fe80::1%lo',
  'fe80::1%1',
];
const hardHosts = [
  '',
  ' ',
  '127.0.0.1 ',
  ' 127.0.0.1',
  '256.1.1.1',
  '1.2.3.4.5',
  ':::',
  'fe80::1%',
  'fe80::1%none',
  '::1%lo',
];
hardHosts.push(
  '[::1]',
  'localhost',
  'xn--bcher-kva.example',
  'bücher.example',
  'x'.repeat(5000),
  '1.2.3.4/8',
  'a b',
  '\u{1f600}',
);

/** Asks for every numeric host with the flags. */
function aboutNumericHosts(...flags: readonly number[]): Question[] {
  const questions: Question[] = [];
  for (const family of families) {
    for (const flag of flags) {
      for (const node of numericHosts) questions.push(['getaddrinfo', node, '80', { flags: flag, family }]);
      for (const node of [...numericHosts, ...hardHosts]) {
        questions.push(['getaddrinfo', node, null, { flags: flag | AI_NUMERICHOST, family }]);
      }
    }
  }
  return questions;
}

test('getaddrinfo resolves numeric hosts with every kind of service and hint as in C', async () => {
  const questions = aboutNumericHosts(0, AI_PASSIVE, AI_CANONNAME, AI_V4MAPPED, AI_V4MAPPED | AI_ALL);
  for (const family of families) {
    for (const service of services) {
      for (const flags of [0, AI_NUMERICSERV, AI_PASSIVE]) {
        for (const socktype of [0, s.SOCK_STREAM, s.SOCK_DGRAM, s.SOCK_RAW]) {
          questions.push(['getaddrinfo', '127.0.0.1', service, { flags, family: s.AF_INET, socktype }]);
        }
        questions.push(['getaddrinfo', null, service, { flags, family }]);
      }
    }
  }
  const found = await likeC(questions);
  expect(found.filter(Array.isArray).length).toBeGreaterThan(100);
});

test('getaddrinfo resolves numeric hosts of the families that have an address here as in C', (context) => {
  need(context, ownNames); // This network is not changed by other tests between the two answers.
  likeCInside(aboutNumericHosts(AI_ADDRCONFIG));
});

test('getaddrinfo accepts every combination of type, protocol and family, sensible or not, as in C', async () => {
  const questions: Question[] = [];
  for (const family of [...families, s.AF_UNIX, s.AF_PACKET, -1, 9999]) {
    for (const socktype of [0, s.SOCK_STREAM, s.SOCK_DGRAM, s.SOCK_RAW, s.SOCK_SEQPACKET, s.SOCK_DCCP, 99, -1]) {
      for (const protocol of [0, s.IPPROTO_TCP, s.IPPROTO_UDP, s.IPPROTO_ICMP, s.IPPROTO_SCTP, 255, -1]) {
        for (const service of ['80', 'http', 'ntp']) {
          questions.push(['getaddrinfo', '127.0.0.1', service, { family, socktype, protocol }]);
        }
      }
    }
  }
  // Every single flag, and some undefined ones.
  for (let bit = 0; bit < 32; bit++) {
    questions.push(['getaddrinfo', '127.0.0.1', '80', { flags: (1 << bit) | AI_NUMERICHOST }]);
    questions.push(['getaddrinfo', null, '80', { flags: 1 << bit }]);
  }
  await likeC(questions);
});

test('getaddrinfo resolves names with a hosts file and DNS, successfully or not, as in C', (context) => {
  need(context, ownNames);
  const nodes = [
    null,
    'localhost',
    'LOCALHOST',
    'alpha.example',
    'alpha',
    'a1',
    'six.example',
    'BIG.Example',
    'big.example',
  ];
  nodes.push('many.example', 'alias-299.example', 'host.test', 'HOST.test', 'host.test.', 'alias.test', 'four.test');
  nodes.push('six.test', 'nodata.test', 'twenty.test', 'none.test', 'none.invalid', 'servfail.test', 'refused.test');
  nodes.push(
    'notimp.test',
    'xn--bcher-kva.test',
    'bücher.test',
    'bu\u0308cher.test',
    'xn--.test',
    'xn--a-ecp.test',
    '\u{1f600}.test',
  );
  nodes.push(
    '',
    ' ',
    '.',
    '..',
    'a..test',
    '.test',
    'a b.test',
    'host.test ',
    '-a.test',
    'a_b.test',
    '*.test',
    'a\\.test',
  );
  nodes.push(`${'x'.repeat(63)}.test`, `${'x'.repeat(64)}.test`, 'a.'.repeat(120), 'a.'.repeat(200), 'x'.repeat(3000));
  nodes.push(
    '127.0.0.1',
    '256.1.1.1',
    '1.2.3.4.5',
    ':::',
    '::1%none',
    '[::1]',
    'host.test%lo',
    '10.9.0.1:80',
    'a\nb',
    'ÿ',
  );
  const questions: Question[] = [];
  for (const node of nodes) {
    for (const family of families) {
      const all = [0, AI_CANONNAME, AI_PASSIVE, AI_V4MAPPED, AI_V4MAPPED | AI_ALL, AI_ADDRCONFIG, AI_NUMERICHOST];
      all.push(s.AI_IDN, s.AI_IDN | AI_CANONNAME, AI_CANONNAME | s.AI_CANONIDN, AI_CANONNAME | AI_ADDRCONFIG);
      for (const flags of all) questions.push(['getaddrinfo', node, '80', { flags, family, socktype: s.SOCK_STREAM }]);
    }
  }
  for (const service of services) {
    for (const node of ['alpha.example', 'host.test', 'none.test']) questions.push(['getaddrinfo', node, service]);
  }
  const found = likeCInside(questions);
  const by = (node: string, flags: number, family: number) =>
    found[
      questions.findIndex(
        ([, n, , h]) =>
          n === node && (h as s.AddressInfoHints).flags === flags && (h as s.AddressInfoHints).family === family,
      )
    ];
  // The comparison depends on this: the names of this world were really looked up.
  expect(by('host.test', 0, s.AF_INET)).toHaveLength(2);
  expect(by('alias.test', AI_CANONNAME, s.AF_INET)).toMatchObject([{ canonname: 'host.test' }, { canonname: null }]);
  expect(by('four.test', AI_V4MAPPED, s.AF_INET6)).toMatchObject([
    { address: hex({ family: s.AF_INET6, address: '::ffff:10.9.0.4', port: 80 }) },
  ]);
  expect(by('twenty.test', 0, s.AF_UNSPEC)).toHaveLength(20);
  expect(by('none.test', 0, s.AF_INET)).toEqual({ eai: s.EAI_NONAME, errno: 0 });
  expect(by('nodata.test', 0, s.AF_INET)).toEqual({ eai: s.EAI_NODATA, errno: 0 });
  expect(by('servfail.test', 0, s.AF_INET)).toEqual({ eai: s.EAI_AGAIN, errno: 0 });
});

test('getaddrinfo fails with EAI_AGAIN if no server answers', (context) => {
  need(context, ownNames);
  const found = likeCInside([
    ['getaddrinfo', 'silent.test', null, { family: s.AF_INET, socktype: s.SOCK_STREAM }],
    ['gethostbyname', 'silent.test'],
  ]);
  expect(found).toEqual([{ eai: s.EAI_AGAIN, errno: 0 }, { herrno: s.TRY_AGAIN }]);
});

test('getaddrinfo returns entries that connect and bind accept', async () => {
  const server = s.socket(s.AF_INET, s.SOCK_STREAM);
  const client = s.socket(s.AF_INET, s.SOCK_STREAM);
  try {
    const hints = { family: s.AF_INET, socktype: s.SOCK_STREAM, flags: AI_NUMERICHOST };
    s.bind(server, s.getaddrinfo('127.0.0.1', 0, hints)[0]!.address);
    s.listen(server);
    const { port } = s.getsockname(server) as s.InetAddress;
    const found = s.getaddrinfo('127.0.0.1', port, hints);
    expect(found).toEqual([
      {
        flags: AI_NUMERICHOST,
        family: s.AF_INET,
        socktype: s.SOCK_STREAM,
        protocol: s.IPPROTO_TCP,
        address: { family: s.AF_INET, address: '127.0.0.1', port },
        canonname: undefined,
      },
    ]);
    s.connect(client, found[0]!.address);
    expect(s.getpeername(client)).toEqual(found[0]!.address);
  } finally {
    s.close(client);
    s.close(server);
  }
});

test('getaddrinfo accepts a null node or service, and a port as a number or text', () => {
  const stream = { socktype: s.SOCK_STREAM, family: s.AF_INET };
  const addresses = (...call: Parameters<typeof s.getaddrinfo>) => s.getaddrinfo(...call).map(({ address }) => address);
  expect(addresses(null, 80, stream)).toEqual([{ family: s.AF_INET, address: '127.0.0.1', port: 80 }]);
  expect(addresses(null, '80', { ...stream, flags: AI_PASSIVE })).toEqual([
    { family: s.AF_INET, address: '0.0.0.0', port: 80 },
  ]);
  expect(addresses('1.2.3.4', null, stream)).toEqual([{ family: s.AF_INET, address: '1.2.3.4', port: 0 }]);
  expect(addresses('1.2.3.4', 65535, stream)).toEqual([{ family: s.AF_INET, address: '1.2.3.4', port: 65535 }]);
  expect(addresses('fe80::1%1', 5, { flags: AI_NUMERICHOST, socktype: s.SOCK_DGRAM })).toEqual([
    { family: s.AF_INET6, address: 'fe80::1', port: 5, flowinfo: 0, scopeId: 1 },
  ]);
  expect(() => s.getaddrinfo(null, null)).toThrow(expect.objectContaining({ code: 'EAI_NONAME' }));
});

test('getaddrinfo with AI_CANONNAME sets the name of the first entry only', () => {
  const found = s.getaddrinfo('1.2.3.4', null, { flags: AI_CANONNAME | AI_NUMERICHOST });
  expect(found.length).toBeGreaterThan(1);
  expect(found.map(({ canonname }) => canonname)).toEqual(['1.2.3.4', ...found.slice(1).map(() => undefined)]);
});

test('getaddrinfo ignores inherited hints', () => {
  const polluted = Object.create({ flags: 1 << 30, family: 9999 }) as s.AddressInfoHints;
  expect(s.getaddrinfo('127.0.0.1', null, polluted)).toEqual(s.getaddrinfo('127.0.0.1'));
  expect(() => s.getaddrinfo('127.0.0.1', null, { family: 9999 })).toThrow(AddressInfoError);
});

test('all fields of an AddressInfoError are consistent', () => {
  const thrown = (call: () => unknown) => {
    try {
      call();
    } catch (error) {
      return error as AddressInfoError;
    }
    throw new Error('the call did not throw');
  };
  const cases = [
    ['EAI_NONAME', s.EAI_NONAME, 'none', null, { flags: AI_NUMERICHOST }],
    ['EAI_SERVICE', s.EAI_SERVICE, '1.2.3.4', 'no-such-service', { socktype: s.SOCK_STREAM }],
    ['EAI_FAMILY', s.EAI_FAMILY, '1.2.3.4', null, { family: 9999 }],
    ['EAI_SOCKTYPE', s.EAI_SOCKTYPE, '1.2.3.4', null, { socktype: 99 }],
    ['EAI_BADFLAGS', s.EAI_BADFLAGS, '1.2.3.4', null, { flags: 1 << 30 }],
    ['EAI_ADDRFAMILY', s.EAI_ADDRFAMILY, '::1', null, { family: s.AF_INET, flags: AI_NUMERICHOST }],
  ] as const;
  for (const [code, eai, host, service, hints] of cases) {
    const error = thrown(() => s.getaddrinfo(host, service, hints));
    expect(error).toBeInstanceOf(AddressInfoError);
    expect(error).toBeInstanceOf(Error);
    expect(error).not.toBeInstanceOf(s.SocketError);
    const asked = service === null ? { host } : { host, service };
    expect({ ...error }).toEqual({ name: 'AddressInfoError', code, eai, syscall: 'getaddrinfo', ...asked });
    const words = service === null ? `host "${host}"` : `host "${host}", service "${service}"`;
    expect(error.message).toBe(`${code}: ${s.gai_strerror(eai)}, getaddrinfo (${words})`);
    expect('errno' in error).toBe(false);
  }
  expect(thrown(() => s.getnameinfo({ family: s.AF_NETLINK, pid: 0, groups: 0 }))).toMatchObject({
    code: 'EAI_FAMILY',
    syscall: 'getnameinfo',
  });
});

test('an AddressInfoError for EAI_SYSTEM contains the errno, and one for an unknown number contains the number', () => {
  const system = new AddressInfoError(s.EAI_SYSTEM, s.EMFILE, 'getaddrinfo');
  expect(system).toMatchObject({ code: 'EAI_SYSTEM', eai: s.EAI_SYSTEM, errno: s.EMFILE, errnoCode: 'EMFILE' });
  expect(system.message).toBe('EAI_SYSTEM: System error (EMFILE), getaddrinfo');
  const unnamed = new AddressInfoError(s.EAI_SYSTEM, 4000, 'getaddrinfo');
  expect([unnamed.errno, 'errnoCode' in unnamed, unnamed.message]).toEqual([
    4000,
    false,
    'EAI_SYSTEM: System error (4000), getaddrinfo',
  ]);
  expect(new AddressInfoError(-77, 0, 'getaddrinfo')).toMatchObject({ code: 'EAI_77', eai: -77 });
});

test('lookups in a process without a free file descriptor fail as in C', (context) => {
  need(context, ownNames);
  // A world without free file descriptors: C and the library ask with a full table, in separate processes.
  const full = `
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
import encodings.idna
taken = []
ask_ = ask
def ask():
    try:
        while True: taken.append(os.dup(0))
    except OSError: pass
    found = ask_()
    for fd in taken: os.close(fd)
    return found
print(json.dumps([json.loads(__import__('subprocess').run(sys.argv[2:], stdout=-1, check=True).stdout), ask()]))
`;
  const questions: Question[] = [
    ['getaddrinfo', 'localhost', null, { family: s.AF_INET, socktype: s.SOCK_STREAM }],
    ['getaddrinfo', 'host.test', null, { family: s.AF_INET, socktype: s.SOCK_STREAM }],
    ['gethostbyname', 'alpha'],
    ['gethostbyname', 'host.test'],
    ['getaddrinfo', '1.2.3.4', null, { socktype: s.SOCK_STREAM }],
  ];
  const file = asked(questions);
  const script = `
    import { readFileSync } from 'node:fs';
    const s = await import(process.argv[1]);
    const questions = JSON.parse(readFileSync(process.argv[3]));
    const answers = ${answers.toString()};
    const taken = [];
    try { for (;;) taken.push(s.dup(0)); } catch {}
    const found = await answers(s, s.encodeAddress, questions);
    for (const fd of taken) s.close(fd);
    console.log(JSON.stringify(found));
  `;
  const [ours, c] = JSON.parse(enter('python3', '-c', oracle + full, file, ...node(script), file));
  compare(questions, ours, c);
  expect(ours[0]).toHaveProperty('eai');
});

test('values that C cannot represent are rejected: an inner NUL, another type, an invalid port', () => {
  const type = expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' });
  const value = expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' });
  const range = expect.objectContaining({ name: 'RangeError', code: 'ERR_OUT_OF_RANGE' });
  const bad = (value: unknown) => value as never;
  for (const text of ['\0', 'localhost\0', 'local\0host', '\0localhost', `${'x'.repeat(100)}\0`]) {
    expect(() => s.getaddrinfo(text)).toThrow(value);
    expect(() => s.getaddrinfo('1.2.3.4', text)).toThrow(value);
    expect(() => s.gethostbyname(text)).toThrow(value);
    expect(() => s.gethostbyname_ex(text, s.AF_INET6)).toThrow(value);
    expect(() => s.gethostbyaddr(text)).toThrow(
      expect.objectContaining({ name: expect.stringMatching(/^(Type|Range)Error$/) }),
    );
    expect(() => s.getfqdn(`x${text}x`)).toThrow(value);
    expect(() => s.getservbyname(text)).toThrow(value);
    expect(() => s.getservbyname('http', text)).toThrow(value);
    expect(() => s.getservbyport(80, text)).toThrow(value);
    expect(() => s.getprotobyname(text)).toThrow(value);
    expect(() => s.sethostname(text)).toThrow(value);
  }
  for (const wrong of [5, {}, [], true, Symbol('x'), 5n]) {
    expect(() => s.getaddrinfo(bad(wrong))).toThrow(type);
    expect(() => s.gethostbyname(bad(wrong))).toThrow(type);
    expect(() => s.getservbyname(bad(wrong))).toThrow(type);
    expect(() => s.getprotobyname(bad(wrong))).toThrow(type);
    expect(() => s.sethostname(bad(wrong))).toThrow(type);
  }
  for (const wrong of [undefined, null]) {
    expect(() => s.gethostbyname(bad(wrong))).toThrow(type);
    expect(() => s.getservbyname(bad(wrong))).toThrow(type);
    expect(() => s.getservbyport(bad(wrong))).toThrow(type);
    expect(() => s.getprotobyname(bad(wrong))).toThrow(type);
    expect(() => s.getprotobynumber(bad(wrong))).toThrow(type);
    expect(() => s.gai_strerror(bad(wrong))).toThrow(type);
  }
  for (const port of [-1, 65536, 1.5, Number.NaN, 2 ** 32]) {
    expect(() => s.getaddrinfo('1.2.3.4', port)).toThrow(range);
    expect(() => s.getservbyport(port)).toThrow(range);
    expect(() => s.getservbyport(port)).toThrow('The "port" argument must be an integer from 0 to 65535');
  }
  for (const number of [1.5, Number.NaN, 2 ** 32]) {
    expect(() => s.getaddrinfo('1.2.3.4', null, { flags: number })).toThrow(range);
    expect(() => s.getaddrinfo('1.2.3.4', null, { protocol: number })).toThrow(range);
    expect(() => s.gethostbyname_ex('1.2.3.4', number)).toThrow(range);
    expect(() => s.getnameinfo({ family: s.AF_INET, address: '1.2.3.4', port: 0 }, number)).toThrow(range);
    expect(() => s.getprotobynumber(number)).toThrow(range);
  }
  for (const hints of [null, 5, 'x']) expect(() => s.getaddrinfo('1.2.3.4', null, bad(hints))).toThrow(type);
  expect(() => s.getaddrinfo('1.2.3.4', null, { flags: bad('4') })).toThrow(type);
  expect(() => s.gethostbyaddr('localhost')).toThrow(range);
  expect(() => s.gethostbyaddr('')).toThrow(range);
  expect(() => s.getnameinfo(new Uint8Array(129))).toThrow(range);
});

// ---- getnameinfo --------------------------------------------------------------------------------------------------

const { NI_DGRAM, NI_NAMEREQD, NI_NOFQDN, NI_NUMERICHOST, NI_NUMERICSERV } = s;

test('getnameinfo converts addresses of every family and length with the NI_ flags as in C', async () => {
  const v4 = (port: number) => hex({ family: s.AF_INET, address: '127.0.0.1', port });
  const v6 = hex({ family: s.AF_INET6, address: 'fe80::1', port: 22, flowinfo: 7, scopeId: 1 });
  const names = [v4(80), v4(0), v4(514), v4(65535), v6, hex({ family: s.AF_UNIX, path: '/run/x.sock' })];
  names.push(hex({ family: s.AF_UNIX, path: '' }), hex({ family: s.AF_UNIX, path: '\0abstract' }));
  names.push(hex({ family: s.AF_UNIX, path: `/${'x'.repeat(100)}` }), hex({ family: s.AF_NETLINK, pid: 0, groups: 0 }));
  names.push('', '02', '0200', v4(80).slice(0, 30), `${v4(80)}${'00'.repeat(112)}`, v6.slice(0, -2), '0000', 'ffff');
  const questions: Question[] = [];
  for (const name of names) {
    for (const flags of [
      NI_NUMERICSERV,
      NI_DGRAM,
      NI_NAMEREQD,
      NI_NUMERICHOST | NI_NUMERICSERV,
      NI_DGRAM | NI_NUMERICSERV,
    ]) {
      questions.push(['getnameinfo', name, flags | NI_NUMERICHOST]);
    }
    questions.push(['getnameinfo', name, 1 << 20], ['getnameinfo', name, -1]);
  }
  await likeC(questions);
});

test('getnameinfo finds names with a hosts file and DNS as in C', (context) => {
  need(context, ownNames);
  const questions: Question[] = [];
  const texts = [
    '127.0.0.1',
    '10.1.2.3',
    '10.1.2.8',
    '10.9.0.1',
    '10.9.0.9',
    '10.9.9.9',
    '::1',
    'fd00::5',
    'fd09::6',
    '0.0.0.0',
  ];
  texts.push('::ffff:10.9.0.1', '::', '255.255.255.255', 'fe80::1');
  for (const address of texts) {
    const name = hex({ family: address.includes(':') ? s.AF_INET6 : s.AF_INET, address, port: 53 });
    for (const flags of [0, NI_NUMERICHOST, NI_NUMERICSERV, NI_NOFQDN, NI_NAMEREQD, NI_DGRAM, s.NI_IDN]) {
      questions.push(['getnameinfo', name, flags]);
    }
  }
  const found = likeCInside(questions);
  const of = (address: string, flags: number) => {
    const name = hex({ family: s.AF_INET, address, port: 53 });
    return found[questions.findIndex(([, n, f]) => n === name && f === flags)];
  };
  expect(of('10.1.2.3', 0)).toEqual({ host: 'alpha.example', service: 'domain' });
  expect(of('10.9.0.1', 0)).toEqual({ host: 'host.test', service: 'domain' });
  expect(of('10.9.9.9', 0)).toEqual({ host: '10.9.9.9', service: 'domain' });
  expect(of('10.9.9.9', NI_NAMEREQD)).toEqual({ eai: s.EAI_NONAME, errno: 0 });
});

test('getnameinfo accepts addresses, sockaddrs and net.SocketAddress, and its flags are 0 by default', () => {
  const address: s.InetAddress = { family: s.AF_INET, address: '1.2.3.4', port: 514 };
  const flags = NI_NUMERICHOST | NI_NUMERICSERV;
  expect(s.getnameinfo(address, flags)).toEqual({ host: '1.2.3.4', service: '514' });
  expect(s.getnameinfo(s.encodeAddress(address), flags)).toEqual({ host: '1.2.3.4', service: '514' });
  // For port 514 the two protocols have different services, if the table contains them.
  expect(s.getnameinfo(address, NI_NUMERICHOST).service).toBe(s.getservbyport(514, 'tcp')?.name ?? '514');
  expect(s.getnameinfo(address, NI_NUMERICHOST | NI_DGRAM).service).toBe(s.getservbyport(514, 'udp')?.name ?? '514');
});

// ---- gethostby... -------------------------------------------------------------------------------------------------

test('gethostbyname and gethostbyaddr accept numeric addresses as in C', async () => {
  const questions: Question[] = [];
  // Only texts that glibc reads as numbers at once: for '0x7f.1' it would ask a DNS server.
  for (const name of ['127.0.0.1', '1.2', '0']) {
    questions.push(['gethostbyname', name], ['gethostbyname_ex', name], ['gethostbyname_ex', name, s.AF_INET]);
  }
  for (const name of ['::1', 'fe80::1', '::ffff:1.2.3.4', '1.2.3.4'])
    questions.push(['gethostbyname_ex', name, s.AF_INET6]);
  await likeC(questions);
});

test('gethostbyname, gethostbyname_ex and gethostbyaddr find names with a hosts file and DNS as in C', (context) => {
  need(context, ownNames);
  const questions: Question[] = [];
  const names = [
    'localhost',
    'alpha.example',
    'alpha',
    'a1',
    'six.example',
    'big.example',
    'many.example',
    'alias-7.example',
  ];
  names.push(
    'host.test',
    'alias.test',
    'four.test',
    'six.test',
    'nodata.test',
    'twenty.test',
    'none.test',
    'servfail.test',
  );
  names.push('refused.test', 'notimp.test', 'xn--bcher-kva.test', 'bücher.test', '', ' ', '.', 'a b.test', 'a..test');
  names.push(
    'x'.repeat(3000),
    `${'x'.repeat(64)}.test`,
    '127.0.0.1',
    '::1',
    '256.1.1.1',
    '1.2.3.4.5',
    '0x7f.1',
    'host.test.',
    '0',
  );
  for (const name of names) {
    questions.push(
      ['gethostbyname', name],
      ['gethostbyname_ex', name, s.AF_INET],
      ['gethostbyname_ex', name, s.AF_INET6],
    );
  }
  const texts = [
    '127.0.0.1',
    '10.1.2.3',
    '10.1.2.4',
    '10.1.2.7',
    '10.9.0.1',
    '10.9.0.9',
    '10.9.9.9',
    '0.0.0.0',
    '::1',
    '::',
  ];
  for (const text of [...texts, 'fd00::5', 'fd09::6', 'fd09::7', '::ffff:10.9.0.1'])
    questions.push(['gethostbyaddr', text]);
  const found = likeCInside(questions);
  const of = (...question: Question) =>
    found[questions.findIndex((q) => JSON.stringify(q) === JSON.stringify(question))];
  expect(of('gethostbyname_ex', 'alpha', s.AF_INET)).toMatchObject({ name: 'alpha.example', addrtype: s.AF_INET });
  expect((of('gethostbyname_ex', 'many.example', s.AF_INET) as s.HostEntry).aliases).toHaveLength(300);
  expect(of('gethostbyname', 'host.test')).toBe('10.9.0.1');
  expect(of('gethostbyname', 'none.test')).toEqual({ herrno: s.HOST_NOT_FOUND });
  expect(of('gethostbyname', 'nodata.test')).toEqual({ herrno: s.NO_DATA });
  expect(of('gethostbyname', 'servfail.test')).toEqual({ herrno: s.TRY_AGAIN });
  expect(of('gethostbyaddr', 'fd09::6')).toMatchObject({ name: 'six.test', addresses: ['fd09::6'] });
});

test('gethostbyname_ex fails for a family without host names, for which glibc ends the process', async () => {
  for (const family of [s.AF_UNSPEC, s.AF_UNIX, -1, 9999]) {
    for (const name of ['localhost', '1.2.3.4', '::1']) {
      const failure = { name: 'HostError', code: 'NETDB_INTERNAL', message: expect.stringContaining('EAFNOSUPPORT') };
      expect(() => s.gethostbyname_ex(name, family)).toThrow(expect.objectContaining(failure));
      await expect(promises.gethostbyname_ex(name, family)).rejects.toMatchObject(failure);
    }
  }
});

test('gethostbyname returns the first address of gethostbyname_ex', () => {
  expect(s.gethostbyname('1.2.3.4')).toBe('1.2.3.4');
  expect(s.gethostbyname_ex('1.2.3.4')).toEqual({
    name: '1.2.3.4',
    aliases: [],
    addrtype: s.AF_INET,
    addresses: ['1.2.3.4'],
  });
  expect(s.gethostbyname_ex('::1', s.AF_INET6)).toMatchObject({ addrtype: s.AF_INET6, addresses: ['::1'] });
});

test('all fields of a HostError are consistent', () => {
  const cases = [
    [s.HOST_NOT_FOUND, 'HOST_NOT_FOUND', 'Unknown host'],
    [s.TRY_AGAIN, 'TRY_AGAIN', 'Host name lookup failure'],
    [s.NO_RECOVERY, 'NO_RECOVERY', 'Unknown server error'],
    [s.NO_DATA, 'NO_DATA', 'No address associated with name'],
    [-1, 'NETDB_INTERNAL', 'Resolver error (EAFNOSUPPORT)'],
  ] as const;
  for (const [herrno, code, text] of cases) {
    const error = new HostError(herrno, s.EAFNOSUPPORT, 'gethostbyname');
    expect(error).toBeInstanceOf(Error);
    expect({ ...error }).toEqual({ name: 'HostError', code, herrno, syscall: 'gethostbyname' });
    expect(error.message).toBe(`${code}: ${text}, gethostbyname`);
  }
  // The C library's own texts for the same numbers.
  const words = execFileSync('python3', [
    '-c',
    'import ctypes, json; f = ctypes.CDLL(None).hstrerror; f.restype = ctypes.c_char_p\n' +
      'print(json.dumps([f(i).decode() for i in (1, 2, 3, 4)]))',
  ]);
  expect(JSON.parse(words.toString())).toEqual(cases.slice(0, 4).map(([, , text]) => text));
});

// ---- getfqdn, gethostname, sethostname ----------------------------------------------------------------------------

test('getfqdn returns the same as in Python', (context) => {
  need(context, ownNames);
  const names = [
    '',
    ' ',
    'alpha',
    ' alpha ',
    'a1',
    'alpha.example',
    'localhost',
    'plain',
    'six',
    'host.test',
    'alias.test',
  ];
  names.push(
    'four.test',
    'none.test',
    'servfail.test',
    '10.1.2.3',
    '10.1.2.8',
    '10.9.0.1',
    '10.9.9.9',
    '0.0.0.0',
    'fd00::5',
  );
  const questions: Question[] = names.map((name) => ['getfqdn', name]);
  const found = likeCInside([['getfqdn'], ...questions]);
  expect(found[0]).toBe('alpha.example'); // from the host name, alpha
  expect(found[names.indexOf('10.1.2.3') + 1]).toBe('alpha.example');
  expect(found[names.indexOf('none.test') + 1]).toBe('none.test');
});

test('getfqdn of an address in the hosts file returns the same as in Python', async () => {
  const found = await likeC([
    ['getfqdn', '127.0.0.1'],
    ['getfqdn', ' 127.0.0.1 '],
    ['getfqdn', '127.1'],
  ]);
  expect(new Set(found).size).toBe(1);
});

test('gethostname returns the name that the kernel has', () => {
  expect(s.gethostname()).toBe(readFileSync('/proc/sys/kernel/hostname', 'utf8').trimEnd());
  expect(s.gethostname()).toBe(hostname());
});

test('sethostname with the current name fails with the same errno as in C', () => {
  let ours = 0;
  try {
    s.sethostname(s.gethostname());
  } catch (error) {
    expect(error).toMatchObject({ name: 'SocketError', syscall: 'sethostname' });
    ours = (error as s.SocketError).errno;
  }
  const script =
    'import ctypes, os; c = ctypes.CDLL(None, use_errno=True); n = os.uname().nodename.encode()\n' +
    'print(ctypes.get_errno() if c.sethostname(n, len(n)) else 0)';
  expect(ours).toBe(Number(execFileSync('python3', ['-c', script])));
  expect([0, s.EPERM]).toContain(ours);
});

test('sethostname sets names of up to 64 bytes', (context) => {
  need(context, ownNames);
  const script = `
    const s = await import(process.argv[1]);
    const os = await import('node:os');
    const said = ['new-name.example', 'bücher', 'x'.repeat(64), 'x'.repeat(65), ''].map((name) => {
      try { s.sethostname(name); } catch ({ code, syscall }) { return [code, syscall]; }
      return [s.gethostname(), os.hostname()];
    });
    console.log(JSON.stringify(said));
  `;
  expect(JSON.parse(enter(...node(script)))).toEqual([
    ['new-name.example', 'new-name.example'],
    ['bücher', 'bücher'],
    ['x'.repeat(64), 'x'.repeat(64)],
    ['EINVAL', 'sethostname'],
    ['', ''],
  ]);
  expect(s.gethostname()).not.toBe('new-name.example'); // it was set in another namespace
});

/** A user namespace whose root cannot change the host name. */
const userNamespace: Need = () =>
  spawnSync('unshare', ['-Ur', 'true']).status === 0 ? undefined : 'no user namespaces';

test('sethostname without the privilege fails with EPERM', (context) => {
  need(context, userNamespace);
  const script = `
    const s = await import(process.argv[1]);
    try { s.sethostname(s.gethostname()); } catch ({ code, errno, syscall }) {
      console.log(JSON.stringify({ code, errno, syscall }));
    }
  `;
  const said = execFileSync('unshare', ['-Ur', ...node(script)], { encoding: 'utf8' });
  expect(JSON.parse(said)).toEqual({ code: 'EPERM', errno: s.EPERM, syscall: 'sethostname' });
});

// ---- services, protocols, texts -----------------------------------------------------------------------------------

test('services and protocols in the tables and not in them are found as in C', async () => {
  const table = (file: string) => {
    try {
      return readFileSync(file, 'utf8')
        .split('\n')
        .map((line) => line.replace(/#.*/, '').trim().split(/\s+/))
        .filter((words) => words.length > 1);
    } catch {
      return []; // the machine does not have this table
    }
  };
  const questions: Question[] = [];
  for (const [name, portAndProtocol, ...aliases] of table('/etc/services')) {
    const [port, protocol] = portAndProtocol!.split('/');
    for (const each of [name!, ...aliases])
      questions.push(['getservbyname', each, protocol!], ['getservbyname', each, null]);
    questions.push(['getservbyport', Number(port), protocol!], ['getservbyport', Number(port), null]);
  }
  for (const name of ['', 'HTTP', 'no-such-service', 'ht tp', '80', 'bücher', 'x'.repeat(5000), ' http']) {
    for (const protocol of [null, 'tcp', 'udp', 'TCP', '', 'sctp', 'nonesuch', 'x'.repeat(5000)]) {
      questions.push(['getservbyname', name, protocol], ['getservbyname', 'http', protocol]);
    }
  }
  for (const port of [0, 1, 9, 65535, 0x5000, 47808])
    questions.push(['getservbyport', port, null], ['getservbyport', port, 'tcp']);
  for (const [name, number, ...aliases] of table('/etc/protocols')) {
    for (const each of [name!, ...aliases]) questions.push(['getprotobyname', each]);
    questions.push(['getprotobynumber', Number(number)]);
  }
  for (const name of ['', 'IP', 'ICMP', 'nonesuch', '6', 'tc p', 'x'.repeat(5000)])
    questions.push(['getprotobyname', name]);
  for (const number of [-1, 0, 1, 6, 17, 255, 256, 9999, 0x7fffffff, -0x80000000])
    questions.push(['getprotobynumber', number]);
  await likeC(questions);
});

/** The tables of services and protocols, which small images omit. */
const tables: Need = () => (s.getservbyname('domain') === undefined ? 'no /etc/services' : undefined);

test('services and protocols have names, aliases and numbers in host byte order', (context) => {
  need(context, tables);
  expect(s.getservbyname('domain', 'udp')).toEqual({ name: 'domain', aliases: [], port: 53, protocol: 'udp' });
  expect(s.getservbyname('http')).toMatchObject({ name: 'http', port: 80, protocol: 'tcp' });
  expect(s.getservbyport(80, 'tcp')?.name).toBe('http');
  expect(s.getservbyport(80, 'nonesuch')).toBeUndefined();
  expect(s.getservbyname('no-such-service')).toBeUndefined();
  expect(s.getprotobyname('udp')).toMatchObject({ name: 'udp', aliases: ['UDP'], protocol: s.IPPROTO_UDP });
  expect(s.getprotobynumber(s.IPPROTO_TCP)).toMatchObject({ name: 'tcp', protocol: s.IPPROTO_TCP });
  expect(s.getprotobynumber(9999)).toBeUndefined();
});

test('gai_strerror returns the same text as C for every number', async () => {
  const questions: Question[] = [];
  for (let code = -120; code <= 20; code++) questions.push(['gai_strerror', code]);
  const found = await likeC([...questions, ['gai_strerror', 0x7fffffff], ['gai_strerror', -0x80000000]]);
  expect(found[questions.findIndex(([, code]) => code === s.EAI_NONAME)]).toBe('Name or service not known');
});

test('the promises module exports every lookup that may block, under the same name', () => {
  const waiting = [
    'getaddrinfo',
    'getnameinfo',
    'gethostbyname',
    'gethostbyname_ex',
    'gethostbyaddr',
    'getfqdn',
  ] as const;
  expect(Object.keys(promises).sort()).toEqual([...waiting, 'AddressInfoError', 'HostError'].sort());
  expect([promises.AddressInfoError, promises.HostError]).toEqual([AddressInfoError, HostError]);
});

test('getnameinfo returns the whole path of an AF_UNIX address', () => {
  const path = `/tmp/${'x'.repeat(100)}`;
  expect(s.getnameinfo({ family: s.AF_UNIX, path }).service).toBe(path);
});
