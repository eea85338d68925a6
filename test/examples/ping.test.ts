import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { Socket } from '../../lib/index.ts';
import * as p from '../../lib/packet/index.ts';
import { claim } from '../helpers/arp.ts';
import { finished, finishedIn } from '../helpers/examples.ts';
import {
  ipv6,
  namespaces,
  need,
  noRawSockets,
  otherUsers,
  packetSockets,
  program,
  rawSockets,
} from '../helpers/need.ts';
import { type Link, link, route } from '../helpers/networks.ts';
import { printed, start } from '../helpers/programs.ts';
import { keep } from '../helpers/sockets.ts';
import { capture, complaints, fieldsOf } from '../helpers/tshark.ts';

/** Which group may open a ping socket. */
const allow = (group: string) => ['sh', '-c', `echo "${group} ${group}" > /proc/sys/net/ipv4/ping_group_range`];

/** Returns the output without what depends on time. */
const timeless = (output: string) =>
  output
    .replace(/time=[\d.]+ ms/g, 'time=T ms')
    .replace(/time \d+ms/, 'time Tms')
    .replace(/= [\d./]+ ms/, '= T ms')
    .trimEnd();

test('its output and exit code are those of ping(8)', async (context) => {
  need(context, namespaces, program('ping'));
  const { near, router } = await route();
  router.run('ip', 'route', 'add', 'blackhole', '10.66.3.0/24');
  for (const [args, lines] of [
    [
      ['-c', '2', '-i', '0.2', '10.66.2.1'],
      ['64 bytes from 10.66.2.1: icmp_seq=2 ttl=63 time=T ms', ' 0% packet loss'],
    ],
    [['-c', '1', '-s', '3000', '10.66.2.1'], ['3008 bytes from 10.66.2.1']],
    [
      ['-c', '2', '-i', '0.2', '-t', '1', '10.66.2.1'],
      ['From 10.66.1.2 icmp_seq=2 Time to live exceeded', '+2 errors'],
    ],
    [['-c', '1', '-W', '0.5', '10.66.3.1'], ['1 packets transmitted, 0 received, 100% packet loss']],
    [['-c', '1', '10.67.1.1'], ['From 10.66.1.2 icmp_seq=1 Destination Net Unreachable']],
    [['-c', '1', '10.66.1.77'], ['From 10.66.1.1 icmp_seq=1 Destination Host Unreachable']],
    [['-c', '2', '-i', '0.2', 'fd66:2::1'], ['64 bytes from fd66:2::1: icmp_seq=2 ttl=63 time=T ms']],
    [['-c', '1', '-t', '1', 'fd66:2::1'], ['From fd66:1::2 icmp_seq=1 Time exceeded: Hop limit']],
    [['-c', '1', 'fd67::1'], ['From fd66:1::2 icmp_seq=1 Destination unreachable: No route']],
    [['-c', '1', 'fd66:1::77'], ['From fd66:1::1 icmp_seq=1 Destination unreachable: Address unreachable']],
  ] as const) {
    const [ours, theirs] = await Promise.all([
      finishedIn(near.enter, 'ping.js', ...args),
      spawnSync(near.enter[0]!, [...near.enter.slice(1), 'ping', '-n', ...args], { encoding: 'utf8' }),
    ]);
    expect(timeless(ours.output), args.join(' ')).toBe(timeless(theirs.stdout));
    expect(ours.code).toBe(theirs.status);
    for (const line of lines) expect(timeless(ours.output)).toContain(line);
  }
});

test('it pings by a raw socket on the loopback interface', async (context) => {
  need(context, rawSockets, ipv6);
  for (const to of ['127.0.0.2', '::1']) {
    const { code, output } = await finished('ping.js', '--raw', '-c', '2', '-i', '0.1', to);
    expect(output).toContain(`64 bytes from ${to}: icmp_seq=2 ttl=64 time=`);
    expect(code).toBe(0);
  }
});

test('without the privilege for a raw socket, it reports EPERM and what to do', async (context) => {
  need(context, noRawSockets);
  const { code, output } = await finished('ping.js', '--raw', '127.0.0.1');
  expect(output).toMatch(/^EPERM: Operation not permitted, socket\n/);
  expect(output).toContain('sudo setcap cap_net_raw+ep $(readlink -f $(which node))');
  expect(code).toBe(1);
});

test('a ping socket needs no privilege, but a raw one does', async (context) => {
  need(context, namespaces, otherUsers);
  const { near } = await route();
  const user = [...near.enter, 'setpriv', '--reuid=1', '--regid=1', '--clear-groups', '--bounding-set=-all'];
  near.run(...allow('1'));
  for (const to of ['10.66.2.1', 'fd66:2::1']) {
    expect(await finishedIn(user, 'ping.js', '-c', '1', to)).toMatchObject({
      code: 0,
      output: expect.stringContaining(`64 bytes from ${to}: icmp_seq=1 ttl=63 time=`),
    });
    expect(await finishedIn(user, 'ping.js', '-c', '1', '--raw', to)).toMatchObject({
      code: 1,
      output: expect.stringMatching(/^EPERM: .*, socket\nA raw or packet socket needs CAP_NET_RAW/),
    });
  }
  near.run(...allow('2'));
  expect(await finishedIn(user, 'ping.js', '-c', '1', '10.66.2.1')).toMatchObject({
    code: 1,
    output: expect.stringMatching(/^EPERM/),
  });
});

test('tshark finds no fault in what both kinds of socket send, in fragments too', async (context) => {
  need(context, namespaces, packetSockets, program('dumpcap'));
  const { near } = await route();
  near.run(...allow('$(id -g)'));
  const stop = await capture(near.enter, 'eth0');
  for (const to of ['10.66.2.1', 'fd66:2::1']) {
    for (const kind of [[], ['--raw']]) {
      for (const size of ['0', '57', '3001']) {
        const { code } = await finishedIn(near.enter, 'ping.js', '-c', '1', '-s', size, ...kind, to);
        expect(code).toBe(0);
      }
    }
  }
  const file = await stop();
  expect(complaints(file)).toBe('');
  const types = fieldsOf(file, ['icmp.type', 'icmpv6.type']).flat(2);
  for (const type of ['0', '8', '128', '129']) expect(types.filter((one) => one === type)).toHaveLength(6);
});

/** Answers on the link for two addresses that no host has, as `reply` says. */
async function answer(veth: Link, reply: (echo: p.LayerInput[]) => Uint8Array[]): Promise<[string, string]> {
  const [nobody, nobody6] = [veth.address.replace(/1$/, '77'), veth.address6.replace(/1$/, '77')];
  claim(veth, nobody, veth.mac);
  const socket = keep(new Socket(s.AF_PACKET, s.SOCK_RAW, 0));
  socket.bind({ family: s.AF_PACKET, ifindex: veth.ifindex, protocol: s.ETH_P_ALL });
  const link = p.ethernet({ destination: veth.peer.mac, source: veth.mac });
  const back = (data: Uint8Array): Uint8Array[] => {
    const { layers } = p.decodePacket(data);
    const [icmp, icmpv6] = [p.findLayer(layers, 'icmp'), p.findLayer(layers, 'icmpv6')];
    if (icmpv6?.type === p.ICMPV6_NEIGHBOR_SOLICITATION && icmpv6.targetAddress === nobody6) {
      const sourceAddress = nobody6;
      const destinationAddress = p.findLayer(layers, 'ipv6')!.sourceAddress;
      const options = [{ name: 'targetLinkLayerAddress', linkLayerAddress: veth.mac }] as const;
      const fields = { targetAddress: nobody6, solicited: true, override: true, options };
      const advertisement = p.icmpv6({ type: p.ICMPV6_NEIGHBOR_ADVERTISEMENT, ...fields });
      const header = p.ipv6({ hopLimit: 255, sourceAddress, destinationAddress });
      return [p.encodePacket([link, header, advertisement])];
    }
    if (icmp?.type !== s.ICMP_ECHO && icmpv6?.type !== p.ICMPV6_ECHO_REQUEST) return [];
    const [, header, message, ...rest] = p.refill(layers) as [unknown, p.Ipv4 | p.Ipv6, p.Icmp | p.Icmpv6, p.Payload];
    const { sourceAddress, destinationAddress } = header;
    Object.assign(header, { sourceAddress: destinationAddress, destinationAddress: sourceAddress });
    message.type = icmp === undefined ? p.ICMPV6_ECHO_REPLY : s.ICMP_ECHOREPLY;
    return reply([link, header, message, ...rest]);
  };
  void (async () => {
    for await (const { data } of socket.datagrams()) for (const packet of back(data)) await socket.send(packet);
  })();
  return [nobody, nobody6];
}

test('our packet codecs can answer ping(8)', async (context) => {
  need(context, namespaces, packetSockets, program('ping'));
  const veth = await link();
  const solicit = `/proc/sys/net/ipv6/neigh/${veth.peer.name}/mcast_solicit`;
  const prepare = `echo 60 >${solicit} && exec "$@"`; // on a busy machine an answer may take longer than three seconds
  for (const to of await answer(veth, (echo) => [p.encodePacket(echo)])) {
    const ping = start(veth.enter[0]!, [
      ...[...veth.enter.slice(1), 'sh', '-c', prepare, 'sh'],
      ...['ping', '-n', '-c3', '-i.2', '-W60', '-s1401', to],
    ]);
    expect(await ping.ended, ping.output()).toBe(0);
    expect(ping.output()).toContain(`1409 bytes from ${to}: icmp_seq=3 ttl=64 time=`);
    expect(ping.output()).toContain('3 received, 0% packet loss');
  }
});

test('it reports a duplicate reply, and one with a wrong checksum', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  const [nobody] = await answer(veth, (echo) => {
    const damaged = p.encodePacket(echo);
    damaged[damaged.length - 1]! ^= 1;
    return [damaged, p.encodePacket(echo), p.encodePacket(echo)];
  });
  const { code, output } = await finishedIn(veth.enter, 'ping.js', '--raw', '-c', '2', '-i', '0.3', nobody);
  const lines = output.split('\n');
  expect(lines[1]).toMatch(/^64 bytes from \S+: icmp_seq=1 ttl=64 time=[\d.]+ ms \(BAD CHECKSUM!\)$/);
  expect(lines[2]).toBe(`64 bytes from ${nobody}: icmp_seq=1 ttl=64 (DUP!)`);
  expect(lines[3]).toBe(lines[2]);
  expect(output).toMatch(/2 packets transmitted, 2 received, \+\d duplicates, 0% packet loss/);
  expect(code).toBe(0);
});

test('it prints the statistics on Ctrl-C', async (context) => {
  need(context, namespaces);
  const { near } = await route();
  const root = new URL('../../examples/ping.js', import.meta.url).pathname;
  const running = start(near.enter[0]!, [...near.enter.slice(1), process.execPath, root, '-i', '0.1', '10.66.2.1']);
  await printed(running, /icmp_seq=3 /);
  running.child.kill('SIGINT'); // nsenter became the program
  await once(running.child, 'close');
  expect(running.output()).toMatch(/\n\d+ packets transmitted, \d+ received, \d.*% packet loss, time \d+ms\nrtt min/);
  expect(running.child.exitCode).toBe(0);
});

test('it validates the command line', async () => {
  expect(await finished('ping.js', '--help')).toMatchObject({ code: 0, output: expect.stringMatching(/^Usage: ping/) });
  for (const args of [
    [],
    ['a', 'b'],
    ['-4', '-6', 'a'],
    ['-c', '0', 'a'],
    ['-c', '1.5', 'a'],
    ['-s', '65508', 'a'],
    ['--fast', 'a'],
  ]) {
    expect(await finished('ping.js', ...args)).toMatchObject({
      code: 2,
      output: expect.stringContaining('\n\nUsage: ping.js '),
    });
  }
  const { code, output } = await finished('ping.js', '-4', '::1');
  expect(output).toMatch(/^EAI_/);
  expect(code).toBe(1);
});
