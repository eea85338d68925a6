import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { finished } from '../helpers/examples.ts';
import { namespaces, need, program } from '../helpers/need.ts';
import { link } from '../helpers/networks.ts';
import { type Program, patient, start } from '../helpers/programs.ts';

const path = join(import.meta.dirname, '../../examples/netlink-monitor.js');

/** A namespace whose changes are watched, which those of other tests do not reach. */
async function world() {
  const { peer, enter } = await link();
  const run = (command: string, ...args: string[]) =>
    execFileSync(enter[0]!, [...enter.slice(1), command, ...args], { encoding: 'utf8' });
  const ip = (...args: string[]) => run('ip', ...args);
  /** Makes changes, one for each line. */
  const change = (lines: string) => {
    for (const line of lines.trim().split('\n')) ip(...line.trim().split(' '));
  };
  /** Returns how many sockets receive events of neighbours. */
  const watching = () =>
    run('cat', '/proc/net/netlink')
      .split('\n')
      .filter((line) => (Number.parseInt(line.trim().split(/\s+/)[3] ?? '', 16) & 4) !== 0).length;
  const monitor = (...args: string[]) => start(enter[0]!, [...enter.slice(1), process.execPath, path, ...args]);
  return { peer, enter, ip, change, watching, monitor };
}

/** Returns the lines of a program from one that matches to another. */
const between = ({ output }: Program, first: RegExp, last: RegExp) => {
  const lines = output()
    .split('\n')
    .map((line) => line.trimEnd());
  return lines.slice(
    lines.findIndex((line) => first.test(line)) + 1,
    lines.findIndex((line) => last.test(line)),
  );
};
const begin = /^\[ROUTE\]blackhole 192\.0\.2\.1$/;
const end = /^\[ROUTE\]Deleted blackhole 192\.0\.2\.1$/;

test('it prints each change as ip monitor does', async (context) => {
  need(context, namespaces, program('ip'));
  const { peer, enter, ip, change, watching, monitor } = await world();
  const subjects = ['link', 'address', 'route', 'neigh'];
  const theirs = start(enter[0]!, [...enter.slice(1), 'ip', 'monitor', 'label', ...subjects]);
  const ours = monitor();
  await expect.poll(watching, patient).toBe(2);
  const v = peer.name;
  const subnet = peer.address.replace(/\.\d+$/, '');
  change(`
    route add blackhole 192.0.2.1
    link add va type veth peer name vb
    link set va up
    link set vb up
    link set va mtu 1400
    link set va alias cable
    link add br9 type bridge
    link set vb master br9
    addr add 10.9.0.1/24 dev va
    addr add 10.9.0.2/24 brd + dev va label va:x
    addr add 10.9.1.1 peer 10.9.1.2 dev va
    addr add 10.8.0.1/24 dev va scope link valid_lft 1000 preferred_lft 500
    addr add fd99::1/64 dev va nodad noprefixroute
    route add 10.20.0.0/16 via ${subnet}.1 metric 5 proto static
    route add default via ${subnet}.1 dev ${v} src ${peer.address}
    route add 10.21.0.0/16 dev ${v} scope link table 100
    route add unreachable 10.22.0.0/16 proto bird
    route add 10.23.0.0/16 via 172.16.0.1 dev ${v} onlink
    route add 10.24.0.0/16 via inet6 fe80::9 dev ${v}
    route add 10.40.0.0/16 nexthop via ${subnet}.1 weight 2 nexthop via ${subnet}.3
    route add fd98::/64 dev ${v} pref high
    route add fd97::/64 from fd96::/32 dev ${v}
    neigh add ${subnet}.5 lladdr 02:00:00:00:00:05 dev ${v} nud permanent
    neigh add fd66::5 lladdr 02:00:00:00:00:06 dev ${v} nud stale router
    neigh replace ${subnet}.5 lladdr 02:00:00:00:00:07 dev ${v} nud noarp
    neigh add ${subnet}.6 dev ${v} nud failed
    neigh add proxy ${subnet}.7 dev ${v}
    neigh del ${subnet}.5 dev ${v}
    route del 10.20.0.0/16
    route del 10.40.0.0/16
    addr del 10.9.0.2/24 dev va
    addr del 10.9.0.1/24 dev va
    link set va down
    link del va
    link set ${v} promisc on
    route del blackhole 192.0.2.1`);
  await expect.poll(theirs.output, patient).toMatch(/Deleted blackhole/);
  await expect.poll(ours.output, patient).toMatch(/Deleted blackhole/);
  // M-DOWN: ip looks up whether the other end is up.
  const expected = between(theirs, begin, end).map((line) => line.replace(',M-DOWN', ''));
  const found = between(ours, begin, end);
  expect(found).toEqual(expected);
  expect(found.length).toBeGreaterThan(60);
  for (const label of ['LINK', 'ADDR', 'ROUTE', 'NEIGH']) {
    expect(found.some((line) => line.startsWith(`[${label}]`))).toBe(true);
    expect(found.some((line) => line.startsWith(`[${label}]Deleted `))).toBe(true);
  }
  ours.child.kill('SIGINT');
  expect(await ours.ended).toBe(0);
  ip('link', 'set', v, 'promisc', 'off');
});

test('it prints only what was asked for, and ends after the given number of events', async (context) => {
  need(context, namespaces, program('ip'));
  const { change, watching, monitor } = await world();
  const ours = monitor('--count', '2', 'route', 'neigh');
  await expect.poll(watching, patient).toBe(1);
  change(`
    link add va type veth peer name vb
    route add blackhole 192.0.2.1
    route add blackhole 192.0.2.2
    route add blackhole 192.0.2.3`);
  expect(await ours.ended).toBe(0);
  expect(ours.output().replaceAll(/^\[NEIGH\].*\n/gm, '')).toMatch(/^(\[ROUTE\]blackhole 192\.0\.2\.[12]\n){1,2}$/);
});

test('it reports lost events, and prints later ones', async (context) => {
  need(context, namespaces, program('ip'));
  const { enter, watching, monitor } = await world();
  const ours = monitor('--buffer', '1');
  await expect.poll(watching, patient).toBe(1);
  const lines = Array.from({ length: 256 }, (_, i) => `route add blackhole 10.77.${i}.0/24\n`);
  ours.child.kill('SIGSTOP'); // it cannot keep up, however slow ip is
  execFileSync(enter[0]!, [...enter.slice(1), 'ip', '-batch', '-'], { input: lines.join('') });
  ours.child.kill('SIGCONT');
  await expect.poll(ours.output, patient).toContain('[LOST]events were lost: ENOBUFS, the receive buffer was full\n');
  let later = 0;
  await expect
    .poll(() => {
      later += 1;
      execFileSync(enter[0]!, [...enter.slice(1), 'ip', 'route', 'add', 'blackhole', `10.78.${later}.0/24`]);
      return ours.output();
    }, patient)
    .toContain('[ROUTE]blackhole 10.78.');
  expect(ours.output().split('10.77.').length).toBeLessThan(256);
});

test('it validates the command line', async () => {
  const usage = expect.stringMatching(/^Usage: netlink-monitor/);
  expect(await finished('netlink-monitor.js', '--help')).toEqual({ code: 0, output: usage });
  expect(await finished('netlink-monitor.js', 'links')).toEqual({
    code: 2,
    output: expect.stringMatching(/^links: not one of link, address, route, neigh\n\nUsage: /),
  });
  expect(await finished('netlink-monitor.js', '-c', 'x')).toMatchObject({ code: 2 });
});

test('its exit code is 1 if nothing changes', async (context) => {
  need(context, namespaces);
  const ours = start('unshare', ['-n', process.execPath, path, '-t', '0.2']);
  expect(await ours.ended).toBe(1);
  expect(ours.output()).toBe('');
});
