import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { finished, interrupted } from '../helpers/examples.ts';
import { folder } from '../helpers/fixtures.ts';
import { namespaces, need, packetSockets, program } from '../helpers/need.ts';
import { link } from '../helpers/networks.ts';
import { printed, start } from '../helpers/programs.ts';
import { capture, complaints, fieldsOf } from '../helpers/tshark.ts';

/** Parses a printed offer: its first line, and its fields. */
function offersOf(output: string) {
  return output
    .split(/^(?=\S)/m)
    .filter((text) => text.includes(' offered by '))
    .map((text) => {
      const [first, ...lines] = text.trimEnd().split('\n');
      return { first, fields: Object.fromEntries(lines.map((line) => line.trim().split(/: (.*)/s))) };
    });
}

test('the offer of dnsmasq contains what dnsmasq was configured to offer, and tshark finds no fault', async (context) => {
  need(context, namespaces, packetSockets, ...['dnsmasq', 'dumpcap', 'ethtool'].map(program));
  const { name, mac, peer, enter } = await link();
  const subnet = peer.address.replace(/\.\d+$/, '');
  const config = [
    ...['--conf-file=/dev/null', '--no-daemon', '--port=0', '--user=root', '--pid-file=', '--log-facility=-'],
    ...[`--dhcp-leasefile=${join(folder(), 'leases')}`, '--no-ping', `--interface=${peer.name}`],
    `--dhcp-range=${subnet}.100,${subnet}.110,255.255.255.0,1h`,
    `--dhcp-host=${mac},${subnet}.77,guest`,
    `--dhcp-option=option:router,${subnet}.254`,
    '--dhcp-option=option:dns-server,192.0.2.53,192.0.2.54',
    '--dhcp-option=option:ntp-server,192.0.2.123',
    '--dhcp-option=option:mtu,1400',
    '--dhcp-option=option:domain-search,a.example,b.a.example',
    `--dhcp-option=option:classless-static-route,198.51.100.0/24,${subnet}.3,0.0.0.0/0,${subnet}.254`,
    '--domain=test.example',
    '--dhcp-boot=pxe.0,boot,192.0.2.69',
  ];
  execFileSync(enter[0]!, [...enter.slice(1), 'ethtool', '-K', peer.name, 'tx', 'off']); // the server's checksums, too
  const stop = await capture([], name, '-f', 'udp');
  const dnsmasq = start(enter[0]!, [...enter.slice(1), 'dnsmasq', ...config]);
  await printed(dnsmasq, /DHCP, IP range/);
  const { code, output } = await finished('dhcp-discover.js', '--count', '1', '--timeout', '20', name);
  const file = await stop();
  expect(code).toBe(0);
  expect(offersOf(output)).toEqual([
    {
      first: `${subnet}.77 offered by ${peer.address} (${peer.mac})`,
      fields: {
        'Next server': '192.0.2.69',
        'Subnet mask (1)': '255.255.255.0',
        'Router (3)': `${subnet}.254`,
        'DNS server (6)': '192.0.2.53, 192.0.2.54',
        'Host name (12)': 'guest',
        'Domain name (15)': 'test.example',
        'Interface MTU (26)': '1400',
        'Broadcast address (28)': `${subnet}.255`,
        'NTP server (42)': '192.0.2.123',
        'Lease time (51)': '3600 s',
        'Message type (53)': 'OFFER',
        'Server (54)': peer.address,
        'Renewal time (58)': '1800 s',
        'Rebinding time (59)': '3150 s',
        'TFTP server name (66)': 'boot',
        'Boot file name (67)': 'pxe.0',
        'Domain search (119)': 'a.example., b.a.example.',
        'Classless routes (121)': `198.51.100.0/24 via ${subnet}.3, 0.0.0.0/0 via ${subnet}.254`,
      },
    },
  ]);
  const fields = [
    'dhcp.option.dhcp',
    'dhcp.hw.mac_addr',
    'dhcp.flags.bc',
    'ip.src',
    'ip.dst',
    'udp.srcport',
    'udp.dstport',
  ];
  const [discover] = fieldsOf(file, fields);
  expect(discover!.flat()).toEqual(['1', mac, mac, '1', '0.0.0.0', '255.255.255.255', '68', '67']);
  expect(complaints(file)).toBe('');
});

/** A server in the other namespace that sends the answers that `script` makes of a request; `reply` begins one. */
const server = (script: string) => `
import socket, struct, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
s.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, sys.argv[1].encode())
s.bind(('', 67))
def option(code, data): return bytes([code, len(data)]) + data
def reply(xid, mac, options, op=2, name=b'', file=b'', address='192.0.2.9'):
    head = bytes([op, 1, 6, 0]) + xid + bytes(8) + socket.inet_aton(address) + bytes(8)
    return head + mac + bytes(10) + name.ljust(64, b'\\0') + file.ljust(128, b'\\0') + bytes.fromhex('63825363') + options
def send(message): s.sendto(message, ('255.255.255.255', 68))
print('ready', flush=True)
number = 0
while True:
    request = s.recv(2048)
    xid, mac, secs = request[4:8], request[28:34], struct.unpack('!H', request[8:10])[0]
    offer = option(53, b'\\x02') + option(54, socket.inet_aton('192.0.2.1'))
${script.replace(/^/gm, '    ')}
    number += 1`;

test('it ignores what is not an offer for us, and prints the valid part of a malformed one', async (context) => {
  need(context, namespaces, packetSockets, program('python3'));
  const { name, peer, enter } = await link();
  const script = `
send(b'')
send(bytes(300))
send(reply(bytes(4), mac, offer + b'\\xff'))
send(reply(xid, bytes(6), offer + b'\\xff'))
send(reply(xid, mac, option(53, b'\\x06') + b'\\xff'))
long = option(12, b'a' * 200) + option(12, b'b' * 100)
send(reply(xid, mac, offer + option(52, b'\\x03') + long + b'\\xff', name=option(15, b'name') + b'\\xff', file=option(17, b'file') + b'\\xff'))
send(reply(xid, mac, offer + b'\\xff', name=b'srv\\x1b[2J', file=b'x' * 128, address='192.0.2.10'))
send(reply(xid, mac, offer + option(3, b'\\xc0\\x00\\x02\\x01\\x07') + b'\\x06\\xff\\x01', address='192.0.2.11'))`;
  const peerServer = start(enter[0]!, [...enter.slice(1), 'python3', '-c', server(script), peer.name]);
  await printed(peerServer, /ready/);
  const { code, output } = await finished('dhcp-discover.js', '--count', '3', '--timeout', '20', name);
  expect(code).toBe(0);
  const rest = { 'Message type (53)': 'OFFER', 'Server (54)': '192.0.2.1' };
  const from = `offered by 192.0.2.1 (${peer.mac})`;
  expect(offersOf(output)).toEqual([
    {
      first: `192.0.2.9 ${from}`,
      fields: {
        ...rest,
        'Host name (12)': 'a'.repeat(200) + 'b'.repeat(100),
        'Domain name (15)': 'name',
        'Root path (17)': 'file',
        'Overload (52)': '3',
      },
    },
    {
      first: `192.0.2.10 ${from}`,
      fields: { ...rest, 'Server name': 'srv\\x1b[2J', 'Boot file': 'x'.repeat(128) },
    },
    {
      first: `192.0.2.11 ${from}`,
      fields: { ...rest, 'Router (3)': '192.0.2.1', malformed: 'option 6 in the message has 255 bytes, 1 are there' },
    },
  ]);
});

test('it repeats the request with the seconds that have passed, and prints an offer once', async (context) => {
  need(context, namespaces, packetSockets, program('python3'));
  const { name, peer, enter } = await link();
  const script = `
print('asked', secs, mac.hex(), flush=True)
if number > 0:
    for _ in range(3): send(reply(xid, mac, offer + b'\\xff'))`;
  const peerServer = start(enter[0]!, [...enter.slice(1), 'python3', '-c', server(script), peer.name]);
  await printed(peerServer, /ready/);
  const client = '02:00:00:00:00:99';
  const { code, output } = await finished('dhcp-discover.js', '--timeout', '5', '--mac', client, name);
  expect(code).toBe(0);
  expect(offersOf(output)).toHaveLength(1);
  expect(peerServer.output()).toBe('ready\nasked 0 020000000099\nasked 4 020000000099\n');
});

test('it reports that no offer came', async (context) => {
  need(context, namespaces, packetSockets);
  const { name } = await link();
  expect(await finished('dhcp-discover.js', '-t', '0.3', name)).toEqual({ code: 1, output: `${name}: no offer\n` });
  expect(await interrupted(name, 'udp port 67', 'dhcp-discover.js', '-t', '100', name)).toBe(1);
});

test('it validates the command line', async () => {
  const usage = expect.stringMatching(/^Usage: dhcp-discover/);
  expect(await finished('dhcp-discover.js', '--help')).toEqual({ code: 0, output: usage });
  for (const args of [[], ['a', 'b'], ['-t', 'x', 'lo']]) {
    expect(await finished('dhcp-discover.js', ...args)).toMatchObject({ code: 2 });
  }
  expect(await finished('dhcp-discover.js', 'lo')).toEqual({ code: 1, output: 'lo is not an Ethernet interface\n' });
  expect(await finished('dhcp-discover.js', 'nobody0')).toMatchObject({ code: 1 });
});
