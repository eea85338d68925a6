import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { finished, interrupted } from '../helpers/examples.ts';
import { folder } from '../helpers/fixtures.ts';
import { namespaces, need, otherUsers, packetSockets, program } from '../helpers/need.ts';
import { type Link, link } from '../helpers/networks.ts';
import { type Program, printed, start } from '../helpers/programs.ts';
import { capture, complaints, fieldsOf } from '../helpers/tshark.ts';

/** A responder in the other namespace, in a namespace with its own /etc/avahi and /run. */
async function avahi({ peer, enter }: Link): Promise<Program> {
  const directory = folder();
  const config = join(directory, 'avahi.conf');
  const service = join(directory, 'printer.service');
  const server = [
    ...['host-name=printer', 'use-ipv4=yes', 'use-ipv6=yes', `allow-interfaces=${peer.name}`, 'enable-dbus=no'],
    ...['[publish]', 'publish-workstation=no', 'publish-hinfo=no', 'publish-aaaa-on-ipv4=no'],
  ];
  writeFileSync(config, ['[server]', ...server, ''].join('\n'));
  const record = '<txt-record>rp=queue</txt-record><txt-record>note=a b</txt-record>';
  writeFileSync(
    service,
    `<?xml version="1.0"?><!DOCTYPE service-group SYSTEM "avahi-service.dtd"><service-group>
     <name>Printer No. 1</name><service><type>_ipp._tcp</type><port>631</port>${record}</service></service-group>`,
  );
  const script = [
    ...['mount -t tmpfs none /run', 'mount -t tmpfs none /etc/avahi', 'mkdir /etc/avahi/services'],
    ...[`cp ${service} /etc/avahi/services`],
    `exec avahi-daemon --no-drop-root --no-chroot --no-rlimits --file ${config}`,
  ].join(' && ');
  const daemon = start(enter[0]!, [...enter.slice(1), 'unshare', '-m', 'sh', '-c', script]);
  await printed(daemon, /successfully established/);
  return daemon;
}

const lines = (output: string) => output.trimEnd().split('\n').sort();

test('avahi answers for what it publishes, and tshark finds no fault', async (context) => {
  need(context, namespaces, packetSockets, otherUsers, ...['avahi-daemon', 'dumpcap', 'ethtool'].map(program));
  const veth = await link();
  const { name, peer, enter } = veth;
  // No checksum is left to a network card, which does not exist.
  execFileSync('ethtool', ['-K', name, 'tx', 'off']);
  execFileSync(enter[0]!, [...enter.slice(1), 'ethtool', '-K', peer.name, 'tx', 'off']);
  await avahi(veth);
  const stop = await capture([], name, '-f', 'udp port 5353');
  const service = 'Printer No\\. 1._ipp._tcp.local.';
  const from = `${name} ${peer.address}`;
  const host = `${from}: printer.local. A ${peer.address} (120 s)`;
  const found = [
    `${from}: ${service} SRV 0 0 631 printer.local. (120 s)`,
    `${from}: ${service} TXT "rp=queue" "note=a b" (4500 s)`,
  ];

  const address = await finished('mdns-query.js', '-4', '-i', name, '-c', '1', '-t', '10', 'printer.local', 'a');
  expect(address.code).toBe(0);
  expect(lines(address.output)).toContain(host);
  const services = await finished('mdns-query.js', '-4', '-i', name, '-t', '2', '_ipp._tcp.local');
  expect(services.code).toBe(0);
  expect(lines(services.output)).toEqual(
    expect.arrayContaining([`${from}: _ipp._tcp.local. PTR ${service} (4500 s)`, ...found]),
  );
  const all = await finished('mdns-query.js', '-4', '-i', name, '-c', '2', '-t', '10', service, 'srv', '16');
  expect(all.code).toBe(0);
  expect(lines(all.output)).toEqual(expect.arrayContaining(found));
  // The answer to a plain resolver is sent only to it, and may be cached for 10 s at most.
  const plain = await finished('mdns-query.js', '-4', '-o', '-i', name, '-c', '1', '-t', '10', 'printer.local', 'A');
  expect(plain).toEqual({ code: 0, output: `${from}: printer.local. A ${peer.address} (10 s)\n` });
  const six = await finished('mdns-query.js', '-6', '-i', name, '-c', '1', '-t', '10', 'printer.local', 'AAAA');
  expect(six.code).toBe(0);
  const link6 = '(?:fe80::|fd66:)[0-9a-f:]+';
  expect(six.output).toMatch(
    new RegExp(`^${name} ${link6}: printer\\.local\\. AAAA ${peer.address6} \\(120 s\\)$`, 'm'),
  );

  const file = await stop();
  expect(complaints(file)).toBe('');
  // Our queries, as RFC 6762 requires: from its port and without an ID, or from another port with one.
  const fields = [
    'dns.flags.response',
    'dns.id',
    'udp.srcport',
    'ip.ttl',
    'ipv6.hlim',
    'dns.qry.name',
    'ip.src',
    'ipv6.src',
  ];
  const queries = fieldsOf(file, fields)
    .map((packet) => packet.map(([value]) => value))
    .filter(([response, , , , , , source]) => response !== '1' && source !== peer.address);
  const ours = queries.filter(([, , , , , , source]) => source === veth.address);
  expect(ours.slice(0, 3).map(([, id, port, ttl]) => [id, port, ttl])).toEqual(
    Array(3).fill(['0x0000', '5353', '255']),
  );
  const oneShot = ours.find(([, , port]) => port !== '5353')!;
  expect(oneShot[1]).not.toBe('0x0000');
  expect(queries.some(([, , , , hops]) => hops === '255')).toBe(true);
});

/** A responder that answers each query with the answers that `script` makes: \`answer(id, body)\` sends one. */
const responder = (script: string) => `
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('', 5353))
address = socket.inet_aton(sys.argv[1])
s.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, socket.inet_aton('224.0.0.251') + address)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, address)
s.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 255)
other = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
other.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, address)
def record(name, data, type=1): return name + struct.pack('!HHIH', type, 0x8001, 120, len(data)) + data
def answer(id, body, count=1, via=s, flags=0x8400, port=None):
    message = struct.pack('!HHHHHH', id, flags, 0, count, 0, 0) + body
    via.sendto(message, ('224.0.0.251', 5353) if port is None else port)
host = b'\\x04host\\x05local\\x00'
print('ready', flush=True)
number = 0
while True:
    query, sender = s.recvfrom(9000)
    if query[2] & 0x80: continue
    id = query[0] * 256 + query[1]
    print('asked', flush=True)
${script.replace(/^/gm, '    ')}
    number += 1`;

async function python({ peer, enter }: Link, script: string): Promise<Program> {
  const running = start(enter[0]!, [...enter.slice(1), 'python3', '-c', responder(script), peer.address]);
  await printed(running, /ready/);
  return running;
}

test('it ignores what is not an answer to us, and prints the valid part of a malformed one', async (context) => {
  need(context, namespaces, program('python3'));
  const veth = await link();
  const script = `
answer(0, record(host, bytes([192, 0, 2, 1])), flags=0x0400)
answer(9, record(host, bytes([192, 0, 2, 2])))
answer(0, record(host, bytes([192, 0, 2, 3])), via=other)
answer(0, record(b'\\x05other\\x05local\\x00', bytes([192, 0, 2, 4])))
answer(0, b'\\xc0\\x0c' + bytes(20))
s.sendto(b'', ('224.0.0.251', 5353))
answer(0, record(host, bytes([192, 0, 2, 5])) + b'\\xc0\\x23', count=9)
answer(0, record(b'\\x04HOST\\xc0\\x23' + b'', bytes([192, 0, 2, 6])))
answer(0, record(host, b'\\x03\\x1b[2', type=16) + record(host, bytes([192, 0, 2, 7])), count=2)`;
  await python(veth, script);
  const { name, peer } = veth;
  const { code, output } = await finished('mdns-query.js', '-i', name, '-c', '3', '-t', '10', 'host.local', 'a', 'txt');
  expect(code).toBe(0);
  const from = `${name} ${peer.address}`;
  expect(output.trimEnd().split('\n')).toEqual([
    `${from}: host.local. A 192.0.2.5 (120 s)`,
    `${from}: malformed: no record at 38`,
    `${from}: host.local. TXT "\\x1b[2" (120 s)`,
    `${from}: host.local. A 192.0.2.7 (120 s)`,
  ]);
});

test('it repeats the query until an answer comes', async (context) => {
  need(context, namespaces, program('python3'));
  const veth = await link();
  const silentOnce = await python(veth, 'if number > 0: answer(id, record(host, bytes([192, 0, 2, 1])))');
  const { code, output } = await finished('mdns-query.js', '-4', '-i', veth.name, '-t', '4', 'host.local', 'A');
  expect(code).toBe(0);
  expect(output).toBe(`${veth.name} ${veth.peer.address}: host.local. A 192.0.2.1 (120 s)\n`);
  expect(silentOnce.output()).toBe('ready\nasked\nasked\n');
});

test('it reports that nobody answers', async (context) => {
  need(context, namespaces, packetSockets);
  const { name } = await link();
  const started = performance.now();
  expect(await finished('mdns-query.js', '-i', name, '-t', '0.5', 'nobody.local')).toEqual({
    code: 1,
    output: 'nobody.local.: no answer\n',
  });
  expect(performance.now() - started).toBeGreaterThan(500);
  expect(await interrupted(name, 'udp port 5353', 'mdns-query.js', '-i', name, '-t', '100', 'nobody.local')).toBe(1);
});

test('it validates the command line', async () => {
  const usage = expect.stringMatching(/^Usage: mdns-query/);
  expect(await finished('mdns-query.js', '--help')).toEqual({ code: 0, output: usage });
  for (const args of [[], ['a..b'], ['a.local', 'AXFRX'], ['a.local', '0'], ['-t', '-1', 'a.local']]) {
    expect(await finished('mdns-query.js', ...args)).toMatchObject({ code: 2 });
  }
  expect(await finished('mdns-query.js', '-i', 'nobody0', 'a.local')).toEqual({
    code: 1,
    output: expect.stringMatching(/^no interface nobody0; /),
  });
});
