/** 1,000 packets of real programs and of our senders, captured by dumpcap: every field is the same as in tshark. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as s from '../../../lib/index.ts';
import * as p from '../../../lib/packet/index.ts';
import { finished, finishedIn } from '../../helpers/examples.ts';
import { cleanup } from '../../helpers/fds.ts';
import { folder } from '../../helpers/fixtures.ts';
import { HANGING } from '../../helpers/limits.ts';
import { namespaces, need, packetSockets, program } from '../../helpers/need.ts';
import { type Host, link, type Route, route } from '../../helpers/networks.ts';
import { sampleFrames } from '../../helpers/packets.ts';
import { printed, start } from '../../helpers/programs.ts';
import { capture, packetsOf } from '../../helpers/tshark.ts';
import { compareWithTshark } from '../../helpers/tshark-fields.ts';

/** Runs a program of a host; its exit status does not matter here, as long as it starts. */
function send({ enter }: Host, line: string): void {
  const { status } = spawnSync(enter[0]!, [...enter.slice(1), ...line.split(' ')], {
    stdio: 'ignore',
    timeout: HANGING,
  });
  expect(status, line).not.toBe(127);
  expect(status, line).not.toBeNull();
}

/** The IPv4 side: echoes with and without options, in fragments, and the errors that routers and hosts report. */
const IPV4 = [
  ...['ping -c 25 -i 0.002 10.66.2.1', 'ping -c 8 -i 0.002 -s 4000 10.66.2.1', 'ping -c 3 -i 0.01 -Q 0xb8 10.66.2.1'],
  ...[
    'ping -c 5 -i 0.01 -R 10.66.2.1',
    'ping -c 5 -i 0.01 -T tsonly 10.66.2.1',
    'ping -c 5 -i 0.01 -T tsandaddr 10.66.2.1',
  ],
  ...['ping -c 5 -i 0.01 -t 1 -W 1 10.66.2.1', 'ping -c 2 -i 0.01 -W 1 10.67.1.1'],
  ...['traceroute -n 10.66.2.1', 'traceroute -n -I 10.66.2.1', 'traceroute -n -T 10.66.2.1'],
  ...['arping -c 2 -I eth0 10.66.1.2', 'arping -D -c 1 -w 1 -I eth0 10.66.1.77', 'arp-scan -q -I eth0 10.66.1.0/27'],
  ...[
    'hping3 -n -c 8 -i u1000 -S -p 41000 --tcp-timestamp 10.66.2.1',
    'hping3 -n -c 8 -i u1000 -S --tcp-mss 1000 10.66.2.1',
  ],
  ...[
    'hping3 -n -c 8 -i u1000 -F -P -U -p 41000 10.66.2.1',
    'hping3 -n -c 8 -i u1000 -A -d 100 -s 42000 -p 41000 10.66.2.1',
  ],
  ...[
    'hping3 -n -c 8 -i u1000 -X -Y -p 41000 10.66.2.1',
    'hping3 -n -c 8 -i u1000 -2 -d 41 -s 42100 -p 41000 10.66.2.1',
  ],
  ...['hping3 -n -c 8 -i u1000 --icmp-ts 10.66.2.1', 'hping3 -n -c 4 -i u1000 -G --icmp 10.66.2.1'],
  ...[
    'hping3 -n -c 4 -i u1000 -2 -d 200 -f -s 42200 -p 41000 10.66.2.1',
    'hping3 -n -c 4 -i u1000 --badcksum -S -p 41000 10.66.2.1',
  ],
];
const IPV6 = [
  ...[
    'ping -c 25 -i 0.002 fd66:2::1',
    'ping -c 8 -i 0.002 -s 4000 fd66:2::1',
    'ping -c 3 -i 0.01 -F 0x12345 fd66:2::1',
  ],
  ...['ping -c 5 -i 0.01 -t 1 -W 1 fd66:2::1', 'ping -c 3 -i 0.01 -W 1 fd67::1'],
  ...['traceroute -n fd66:2::1', 'traceroute -n -I fd66:2::1', 'traceroute -n -T fd66:2::1'],
  ...['ndisc6 -n fd66:1::2 eth0', 'ndisc6 -n -r 1 fd66:1::77 eth0', 'rdisc6 -n eth0'],
];

/** Datagrams of a kernel with extension headers, and one TCP connection with data in both directions. */
const EXTENSIONS = `
import socket as s
sock = s.socket(s.AF_INET6, s.SOCK_DGRAM)
padding = bytes([0, 0, 1, 4, 0, 0, 0, 0])
alert = bytes([0, 0, 5, 2, 0, 0, 1, 0])
for i in range(8):
    for kind, options in ((s.IPV6_DSTOPTS, padding), (s.IPV6_HOPOPTS, alert)):
        sock.sendmsg([b'data %d' % i], [(s.IPPROTO_IPV6, kind, options)], 0, ('fd66:2::1', 41000 + i))`;
const SERVER = `
import socket as s, sys
l = s.create_server((sys.argv[1], 41001), family=s.AF_INET6 if ':' in sys.argv[1] else s.AF_INET)
print('listening', flush=True)
c, _ = l.accept()
while data := c.recv(65536): c.sendall(data)`;
const CLIENT = `
import socket as s, sys
c = s.create_connection((sys.argv[1], 41001))
for i in range(12):
    c.sendall(bytes([i]) * 3000)
    c.recv(3000, s.MSG_WAITALL)
c.send(b'!', s.MSG_OOB)
c.close()`;

async function talk({ near, far }: Route, to: string): Promise<void> {
  const server = start(far.enter[0]!, [...far.enter.slice(1), 'python3', '-c', SERVER, to]);
  await printed(server, /listening/);
  near.run('python3', '-c', CLIENT, to);
}

/** Packets that programs of Debian and ours send over a router. */
async function overRouter(hosts: Route): Promise<string> {
  const { near, router, far } = hosts;
  for (const { run } of [near, far]) run('ethtool', '-K', 'eth0', 'tx', 'off', 'gso', 'off', 'gro', 'off');
  const file = join(folder(), 'radvd.conf');
  const prefix = 'prefix fd66:1::/64 { AdvAutonomous off; }; RDNSS fd66:1::53 { }; DNSSL lan.example { };';
  writeFileSync(file, `interface eth0 { AdvSendAdvert on; AdvLinkMTU 1500; route fd66:2::/64 { }; ${prefix} };`);
  const daemon = ['radvd', '-n', '-C', file, '-m', 'stderr', '-d', '1', '-p', `${file}.pid`];
  const running = start(router.enter[0]!, [...router.enter.slice(1), ...daemon]);
  await printed(running, /syntax ok/);
  const stop = await capture(near.enter, 'eth0');
  for (const line of [...IPV4, ...IPV6]) send(near, line);
  near.run('python3', '-c', EXTENSIONS);
  for (const to of [far.address, far.address6]) {
    await talk(hosts, to);
    await finishedIn(near.enter, 'ping.js', '-c', '5', '-i', '0.01', '--raw', '-s', '2000', to);
    for (const kind of [[], ['-I'], ['-T']]) await finishedIn(near.enter, 'traceroute.js', ...kind, to);
  }
  await finishedIn(near.enter, 'ndisc.js', '-I', 'eth0', 'fd66:1::2');
  await finishedIn(near.enter, 'ndisc.js', '-I', 'eth0', '--router');
  router.run('ip', 'link', 'set', 'eth1', 'mtu', '1300');
  for (const to of [far.address, far.address6]) send(near, `ping -c 3 -i 0.01 -W 1 -M do -s 1350 ${to}`);
  return stop();
}

/** Our frames with tags, tunnels, options and extension headers that no program here creates; and our ARP. */
async function overLink(): Promise<string> {
  const { name, ifindex, peer } = await link();
  const stop = await capture([], name);
  const fd = cleanup(s.socket(s.AF_PACKET, s.SOCK_RAW, 0));
  const to = { family: s.AF_PACKET, ifindex, protocol: 0 } as const;
  for (const layers of sampleFrames(250, 7)) s.sendto(fd, p.encodePacket(layers), 0, to);
  await finished('arping.js', '-I', name, '-c', '2', '-i', '0.2', peer.address);
  await finished('arp-scan.js', '-I', name, '-R', '2000', '-r', '1', peer.address.replace(/2$/, '0/27'));
  return stop();
}

/** What occurs at least 20 times. */
const KINDS: { readonly [kind: string]: (layer: p.Layer) => boolean } = {
  'a VLAN tag': (one) => one.layer === 'ethernet' && one.tags.length === 1,
  'two VLAN tags': (one) => one.layer === 'ethernet' && one.tags.length === 2,
  ARP: (one) => one.layer === 'arp',
  'an IPv4 fragment': (one) => one.layer === 'ipv4' && (one.moreFragments || one.fragmentOffset > 0),
  'IPv4 options': (one) => one.layer === 'ipv4' && one.options.length > 0,
  'an IPv6 fragment': (one) => one.layer === 'fragment',
  'hop-by-hop options': (one) => one.layer === 'hopByHop',
  'destination options': (one) => one.layer === 'destinationOptions',
  'a routing header': (one) => one.layer === 'routing',
  'an ICMP error': (one) => one.layer === 'icmp' && [3, 11, 12].includes(one.type),
  'an ICMPv6 error': (one) => one.layer === 'icmpv6' && one.type < 128,
  'neighbour discovery': (one) => one.layer === 'icmpv6' && one.type >= 133 && one.type <= 137,
  'TCP options': (one) => one.layer === 'tcp' && one.options.length > 0,
  UDP: (one) => one.layer === 'udp',
};

test('1,000 captured packets: every field is decoded as by tshark', {
  timeout: 120_000,
}, async (context) => {
  const programs = ['ping', 'traceroute', 'arping', 'arp-scan', 'hping3', 'ndisc6', 'rdisc6', 'radvd', 'python3'];
  need(context, namespaces, packetSockets, ...['dumpcap', 'tshark', 'ethtool', ...programs].map(program));
  const files = [await overRouter(await route()), await overLink()];
  const all = files.flatMap((file) => {
    const packets = packetsOf(file);
    expect(compareWithTshark(file, packets).wrong).toEqual([]);
    return packets.map((packet) => p.decodePacket(packet));
  });
  expect(all.length).toBeGreaterThanOrEqual(1000);
  for (const [kind, is] of Object.entries(KINDS)) {
    expect(all.filter(({ layers }) => layers.some(is)).length, kind).toBeGreaterThanOrEqual(20);
  }
  // The packets of hping3 --badcksum: wrong for both.
  const wrong = all.filter(({ layers }) => layers.some((one) => 'checksumOk' in one && one.checksumOk === false));
  expect(wrong.length).toBeGreaterThanOrEqual(4);
});
