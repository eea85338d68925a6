import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { finished, finishedIn } from '../helpers/examples.ts';
import { namespaces, need, otherUsers, packetSockets, program } from '../helpers/need.ts';
import { route } from '../helpers/networks.ts';
import { printed, start } from '../helpers/programs.ts';
import { capture, complaints, fieldsOf } from '../helpers/tshark.ts';

/** Returns the output without what depends on time. */
const timeless = (output: string) => output.replace(/[\d.]+ ms/g, 'T ms').trimEnd();

test('its output is that of traceroute(8) for each kind of probe, by IPv4 and IPv6', async (context) => {
  need(context, namespaces, packetSockets, program('traceroute'));
  const { near, router } = await route();
  router.run('ip', 'route', 'add', 'blackhole', '10.66.3.0/24');
  const same = async (...args: string[]) => {
    const ours = await finishedIn(near.enter, 'traceroute.js', ...args);
    const { stdout } = spawnSync(
      near.enter[0]!,
      [...near.enter.slice(1), 'traceroute', '-n', '-w', '5,1000,1000', ...args],
      {
        encoding: 'utf8',
      },
    );
    expect(timeless(ours.output), args.join(' ')).toBe(timeless(stdout));
    return { code: ours.code, lines: timeless(ours.output).split('\n').slice(1) };
  };
  for (const kind of [[], ['-I'], ['-T']]) {
    expect(await same(...kind, '10.66.2.1')).toEqual({
      code: 0,
      lines: [' 1  10.66.1.2  T ms  T ms  T ms', ' 2  10.66.2.1  T ms  T ms  T ms'],
    });
    expect(await same(...kind, '-q', '1', 'fd66:2::1')).toEqual({
      code: 0,
      lines: [' 1  fd66:1::2  T ms', ' 2  fd66:2::1  T ms'],
    });
    expect(await same(...kind, '-q', '1', 'fd67::1')).toEqual({ code: 1, lines: [' 1  fd66:1::2  T ms !N'] });
  }
  expect(await same('-f', '2', '-q', '2', '10.66.2.1')).toEqual({ code: 0, lines: [' 2  10.66.2.1  T ms  T ms'] });
  expect(await same('-m', '1', '-q', '2', '10.66.2.1')).toEqual({ code: 1, lines: [' 1  10.66.1.2  T ms  T ms'] });
  expect(await same('-m', '2', '-w', '0.2', '10.66.3.1')).toEqual({ code: 1, lines: [' 1  * * *', ' 2  * * *'] });
  const { lines } = await same('-q', '1', 'fd66:2::99'); // no host answers the router there
  expect(lines).toEqual([' 1  fd66:1::2  T ms', ' 2  fd66:1::2  T ms !H']);
});

test('datagrams and connections need no privilege, and echo requests only a group', async (context) => {
  need(context, namespaces, otherUsers);
  const { near } = await route();
  const user = [...near.enter, 'setpriv', '--reuid=1', '--regid=1', '--clear-groups', '--bounding-set=-all'];
  near.run('sh', '-c', 'echo 1 1 > /proc/sys/net/ipv4/ping_group_range');
  for (const kind of [[], ['-T'], ['-I']]) {
    const { code, output } = await finishedIn(user, 'traceroute.js', ...kind, '-q', '1', '10.66.2.1');
    expect(timeless(output)).toMatch(/\n 1 {2}10.66.1.2 {2}T ms\n 2 {2}10.66.2.1 {2}T ms$/);
    expect(code).toBe(0);
  }
  near.run('sh', '-c', 'echo 2 2 > /proc/sys/net/ipv4/ping_group_range');
  expect(await finishedIn(user, 'traceroute.js', '-I', '10.66.2.1')).toMatchObject({
    code: 1,
    output: expect.stringContaining('A raw or packet socket needs CAP_NET_RAW'),
  });
});

test('a port that listens is reached, and its connection is reset', async (context) => {
  need(context, namespaces, program('python3'));
  const { near, far } = await route();
  const script = `
import socket
l = socket.create_server(('10.66.2.1', 8080))
print('listening', flush=True)
c, _ = l.accept()
try: c.recv(1)
except OSError as error: print(error.strerror, flush=True)`;
  const server = start(far.enter[0]!, [...far.enter.slice(1), 'python3', '-c', script]);
  await printed(server, /listening/);
  const { code, output } = await finishedIn(near.enter, 'traceroute.js', '-T', '-p', '8080', '-q', '1', '10.66.2.1');
  expect(timeless(output)).toMatch(/\n 2 {2}10.66.2.1 {2}T ms$/);
  expect(code).toBe(0);
  await printed(server, /Connection reset by peer/);
});

test('tshark finds no fault in what it sends, and sees each time to live', async (context) => {
  need(context, namespaces, packetSockets, program('dumpcap'), program('ethtool'));
  const { near, far } = await route();
  for (const { run } of [near, far]) run('ethtool', '-K', 'eth0', 'tx', 'off'); // no checksum is left to the network card
  const stop = await capture(near.enter, 'eth0');
  for (const to of ['10.66.2.1', 'fd66:2::1']) {
    for (const kind of [[], ['-I'], ['-T']]) {
      expect(await finishedIn(near.enter, 'traceroute.js', ...kind, to)).toMatchObject({ code: 0 });
    }
  }
  const file = await stop();
  expect(complaints(file)).toBe('');
  const rows = fieldsOf(file, ['ip.ttl', 'ipv6.hlim', 'udp.dstport', 'icmp.type', 'icmpv6.type', 'tcp.dstport']);
  const sent = rows.map((row) => row.flat().join(' '));
  for (const hops of [1, 2]) {
    for (const what of ['8', '128', '80'])
      expect(sent.filter((one) => one === `${hops} ${what}`)).toHaveLength(3 * (what === '80' ? 2 : 1));
  }
  const ports = (hops: number) =>
    rows.filter((row) => row[2]!.length > 0 && row.flat()[0] === String(hops)).map((row) => row[2]![0]);
  expect(ports(1)).toEqual(['33434', '33435', '33436', '33434', '33435', '33436']);
  expect(ports(2)).toEqual(['33437', '33438', '33439', '33437', '33438', '33439']);
});

test('it validates the command line', async () => {
  expect(await finished('traceroute.js', '--help')).toMatchObject({
    code: 0,
    output: expect.stringMatching(/^Usage: traceroute/),
  });
  for (const args of [
    [],
    ['-I', '-T', 'a'],
    ['-f', '3', '-m', '2', 'a'],
    ['-q', '0', 'a'],
    ['-p', '0', 'a'],
    ['-p', '65500', 'a'],
    ['-m', '1.5', 'a'],
    ['-x'],
  ]) {
    expect(await finished('traceroute.js', ...args)).toMatchObject({
      code: 2,
      output: expect.stringContaining('\n\nUsage: traceroute.js '),
    });
  }
});
