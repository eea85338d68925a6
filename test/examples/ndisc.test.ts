import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { Socket } from '../../lib/index.ts';
import * as p from '../../lib/packet/index.ts';
import { example, finished, finishedIn } from '../helpers/examples.ts';
import { folder } from '../helpers/fixtures.ts';
import { namespaces, need, packetSockets, program } from '../helpers/need.ts';
import { link, type Route, route } from '../helpers/networks.ts';
import { printed, start } from '../helpers/programs.ts';
import { keep } from '../helpers/sockets.ts';
import { capture, complaints, fieldsOf } from '../helpers/tshark.ts';

/** The advertisement of radvd on the near link, and how we print it. */
const CONFIGURATION = `interface eth0 {
  AdvSendAdvert on; MinRtrAdvInterval 3; MaxRtrAdvInterval 4; AdvLinkMTU 1400; AdvManagedFlag on; AdvDefaultPreference high;
  AdvCurHopLimit 63; AdvDefaultLifetime 1200; AdvReachableTime 30000; AdvRetransTimer 2000;
  prefix fd66:1::/64 { AdvOnLink on; AdvAutonomous off; AdvValidLifetime 7200; AdvPreferredLifetime 3600; };
  prefix fd66:9::/64 { AdvValidLifetime infinity; AdvPreferredLifetime infinity; };
  route fd66:2::/48 { AdvRoutePreference low; AdvRouteLifetime 600; };
  RDNSS fd66:1::53 fd66:1::54 { AdvRDNSSLifetime 300; };
  DNSSL example.com lan.example { AdvDNSSLLifetime 400; };
};`;
const ADVERTISED = [
  'Hop limit: 63',
  'Flags: managed',
  'Preference: high',
  'Default router: for 1200 s',
  'Reachable time: 30000 ms',
  'Retransmission timer: 2000 ms',
  'Prefix: fd66:1::/64 (on link), valid for 7200 s, preferred for 3600 s',
  'Prefix: fd66:9::/64 (on link, autonomous), valid for ever, preferred for ever',
  'Route: fd66:2::/48, preference low, for 600 s',
  'DNS server: fd66:1::53, fd66:1::54, for 300 s',
  'DNS search list: example.com, lan.example, for 400 s',
  'MTU: 1400',
];
/** The same facts in the output of rdisc6(8): a pattern for each of our lines. */
const RDISC6 = [
  /^Hop limit +: +63 /m,
  /^Stateful address conf. +: +Yes$/m,
  /^Router preference +: +high$/m,
  /^Router lifetime +: +1200 /m,
  /^Reachable time +: +30000 /m,
  /^Retransmit time +: +2000 /m,
  / Prefix +: fd66:1::\/64\n {2}On-link +: +Yes\n.*: +No\n {2}Valid time +: +7200 .*\n {2}Pref. time +: +3600 /m,
  / Prefix +: fd66:9::\/64\n {2}On-link +: +Yes\n.*: +Yes\n {2}Valid time +: +infinite .*\n {2}Pref. time +: +infinite /m,
  / Route +: fd66:2::\/48\n {2}Route preference +: +low\n {2}Route lifetime +: +600 /m,
  / Recursive DNS server +: fd66:1::53\n Recursive DNS server +: fd66:1::54\n {2}DNS servers lifetime +: +300 /m,
  / DNS search list +: example.com lan.example \n {2}DNS search list lifetime: +400 /m,
  / MTU +: +1400 /m,
];

/** The hardware address of an interface. */
const macOf = ({ run }: Route['near'], name: string) =>
  JSON.parse(run('ip', '-j', 'link', 'show', name))[0].address as string;

test('it finds the neighbour that ndisc6(8) finds', async (context) => {
  need(context, namespaces, packetSockets, program('ndisc6'));
  const { near, router } = await route();
  const mac = macOf(router, 'eth0');
  const { code, output } = await finishedIn(near.enter, 'ndisc.js', '-I', 'eth0', 'fd66:0001::2');
  expect(output.replace(/[\d.]+ ms/, 'T ms').split('\n')).toEqual([
    'Soliciting fd66:1::2 (ff02::1:ff00:2) on eth0',
    'Answer from fd66:1::2 after T ms',
    '  Target address: fd66:1::2',
    '  Flags: router, solicited, override',
    `  Link-layer address: ${mac}`,
    '',
  ]);
  expect(code).toBe(0);
  expect(near.run('ndisc6', '-n', 'fd66:1::2', 'eth0')).toContain(
    `Target link-layer address: ${mac.toUpperCase()}\n from fd66:1::2`,
  );
  const nobody = ['-I', 'eth0', '-c', '2', '-w', '0.2', 'fd66:1::99'];
  expect(await finishedIn(near.enter, 'ndisc.js', ...nobody)).toEqual({
    code: 1,
    output: 'Soliciting fd66:1::99 (ff02::1:ff00:99) on eth0\nNo answer\n',
  });
});

test('it prints the same as rdisc6(8) about a router that runs radvd', async (context) => {
  need(context, namespaces, packetSockets, program('radvd'), program('rdisc6'), program('dumpcap'));
  const { near, router } = await route();
  const file = join(folder(), 'radvd.conf');
  writeFileSync(file, CONFIGURATION);
  const daemon = start(router.enter[0]!, [
    ...router.enter.slice(1),
    ...['radvd', '-n', '-C', file, '-m', 'stderr', '-d', '1', '-p', `${file}.pid`],
  ]);
  await printed(daemon, /syntax ok/);
  const stop = await capture(near.enter, 'eth0', '-f', 'icmp6');
  const { code, output } = await finishedIn(near.enter, 'ndisc.js', '-I', 'eth0', '--router', '-c', '20');
  const lines = output.trimEnd().split('\n');
  expect(lines[0]).toBe('Soliciting routers (ff02::2) on eth0');
  expect(lines[1]).toMatch(/^Answer from fe80::\S+ after [\d.]+ ms$/);
  expect(lines.slice(2)).toEqual(
    [...ADVERTISED, `Link-layer address: ${macOf(router, 'eth0')}`].map((line) => `  ${line}`),
  );
  expect(code).toBe(0);
  const theirs = near.run('rdisc6', '-n', '-r', '20', 'eth0');
  for (const pattern of RDISC6) expect(theirs).toMatch(pattern);

  await finishedIn(near.enter, 'ndisc.js', '-I', 'eth0', 'fd66:1::2');
  const packets = await stop();
  expect(complaints(packets)).toBe('');
  const rows = fieldsOf(packets, ['eth.src', 'icmpv6.type', 'ipv6.hlim']).map((row) => row.flat().join(' '));
  for (const type of ['133', '135']) expect(rows).toContain(`${macOf(near, 'eth0')} ${type} 255`);
});

test('it ignores an answer that a router forwarded, and waits for answers of several hosts', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  const socket = keep(new Socket(s.AF_PACKET, s.SOCK_RAW, 0));
  socket.bind({ family: s.AF_PACKET, ifindex: veth.ifindex, protocol: s.ETH_P_IPV6 });
  const nobody = veth.address6.replace(/1$/, '77');
  const advertise = (mac: string, hopLimit: number, destinationAddress: string) =>
    p.encodePacket([
      p.ethernet({ destination: veth.peer.mac, source: mac }),
      p.ipv6({ hopLimit, sourceAddress: nobody, destinationAddress }),
      p.icmpv6({
        type: p.ICMPV6_NEIGHBOR_ADVERTISEMENT,
        targetAddress: nobody,
        options: [{ name: 'targetLinkLayerAddress', linkLayerAddress: mac }],
      }),
    ]);
  void (async () => {
    for await (const { data } of socket.datagrams()) {
      const { layers } = p.decodePacket(data);
      if (p.findLayer(layers, 'icmpv6')?.targetAddress !== nobody) continue;
      const { sourceAddress } = p.findLayer(layers, 'ipv6')!;
      for (const [mac, hops] of [
        ['02:00:00:00:00:01', 254],
        ['02:00:00:00:00:02', 255],
        ['02:00:00:00:00:03', 255],
      ] as const) {
        await socket.send(advertise(mac, hops, sourceAddress));
      }
    }
  })();
  const ask = async (...args: string[]) => {
    const { output } = await finishedIn(veth.enter, 'ndisc.js', '-I', veth.peer.name, '-w', '0.5', ...args, nobody);
    return output.match(/(?<=Link-layer address: ).*/g);
  };
  expect(await ask('-m')).toEqual(['02:00:00:00:00:02', '02:00:00:00:00:03']);
  expect(await ask()).toEqual(['02:00:00:00:00:02']);
});

test('it ends on Ctrl-C', async (context) => {
  need(context, namespaces, packetSockets);
  const { name } = await link();
  const running = example('ndisc.js', '-I', name, '-w', '60', 'fe80::99');
  await printed(running, /Soliciting/);
  running.child.kill('SIGINT');
  expect(await running.ended).toBe(1);
  expect(running.output()).toContain('No answer');
});

test('it validates the command line', async () => {
  expect(await finished('ndisc.js', '-h')).toMatchObject({ code: 0, output: expect.stringMatching(/^Usage: ndisc/) });
  for (const args of [
    [],
    ['fe80::1'],
    ['-I', 'lo'],
    ['-I', 'lo', '-r', 'fe80::1'],
    ['-I', 'lo', '192.0.2.1'],
    ['-x'],
  ]) {
    expect(await finished('ndisc.js', ...args)).toMatchObject({
      code: 2,
      output: expect.stringContaining('\n\nUsage: ndisc.js '),
    });
  }
  expect(await finished('ndisc.js', '-I', 'nobody0', '-r')).toMatchObject({
    code: 1,
    output: expect.stringMatching(/^no interface nobody0/),
  });
});
