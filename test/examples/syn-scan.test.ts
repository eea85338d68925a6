import { join } from 'node:path';
import { expect, test } from 'vitest';
import { finished, finishedIn } from '../helpers/examples.ts';
import { folder } from '../helpers/fixtures.ts';
import { namespaces, need, noRawSockets, program } from '../helpers/need.ts';
import { type Host, route } from '../helpers/networks.ts';
import { printed, start } from '../helpers/programs.ts';
import { complaints, fieldsOf } from '../helpers/tshark.ts';

/** Listeners on a host for both families; one of those ports has a BPF program that drops everything. */
async function listen({ enter }: Host, ports: readonly number[], silent: number): Promise<void> {
  const script = `
import ctypes, struct, sys, time
from socket import *
kept = []
for port in map(int, sys.argv[1:]):
    l = create_server(('::', port), family=AF_INET6, dualstack_ipv6=True)
    if port == ${silent}:
        drop = ctypes.create_string_buffer(struct.pack('=HBBI', 6, 0, 0, 0))
        l.setsockopt(SOL_SOCKET, 26, struct.pack('@HP', 1, ctypes.addressof(drop)))
    kept.append(l)
print('ready', flush=True)
time.sleep(1000)`;
  const list = [...ports, silent].map(String);
  await printed(start(enter[0]!, [...enter.slice(1), 'python3', '-c', script, ...list]), /ready/);
}

/** Returns the states that nmap finds. */
function nmap({ run }: Host, ports: string, ...options: string[]): { [port: string]: string } {
  const output = run('nmap', '-n', '-Pn', '-sS', '-p', ports, '-oG', '-', ...options);
  const states = [...output.matchAll(/(\d+)\/([a-z|]+)\/tcp/g)].map(([, port, state]) => [port!, state!]);
  return Object.fromEntries(states);
}

const states = (output: string): { [port: string]: string } =>
  Object.fromEntries([...output.matchAll(/^(\d+)\/tcp +(\w+)/gm)].map(([, port, state]) => [port!, state!]));

test('it finds the same states of ports as nmap, by IPv4 and IPv6', async (context) => {
  need(context, namespaces, program('nmap'), program('python3'));
  const { near, far } = await route();
  await listen(far, [22, 80], 81);
  const ports = '20-23,79-82,65535';
  const expected = { 20: 'closed', 21: 'closed', 22: 'open', 23: 'closed', 79: 'closed', 80: 'open' };
  for (const [address, ...options] of [[far.address], [far.address6, '-6']] as const) {
    const { code, output } = await finishedIn(near.enter, 'syn-scan.js', '-p', ports, '-W', '1.5', address);
    expect(states(output)).toEqual({ ...expected, 81: 'filtered', 82: 'closed', 65535: 'closed' });
    expect(nmap(near, ports, ...options, address)).toEqual(states(output));
    expect(output).toMatch(/^22\/tcp {4}open {5}SYN, ACK, \d+\.\d{3} ms$/m);
    expect(output).toMatch(/^20\/tcp {4}closed {3}RST, \d+\.\d{3} ms$/m);
    expect(output).toMatch(/^81\/tcp {4}filtered no answer$/m);
    expect(output).toContain(`\n${address}: 2 open, 6 closed, 1 filtered; 10 packets sent\n`);
    expect(code).toBe(0);
  }
});

test('a port that a router reports as prohibited is filtered, as in nmap', async (context) => {
  need(context, namespaces, program('nmap'));
  const { near, router } = await route();
  router.run('ip', 'route', 'add', 'prohibit', '10.66.3.0/24');
  router.run('ip', '-6', 'route', 'add', 'prohibit', 'fd66:3::/64');
  const cases = [
    ['10.66.3.1', `Packet filtered, by ${router.address}`],
    ['fd66:3::1', `Destination unreachable: Administratively prohibited, by ${router.address6}`, '-6'],
  ] as const;
  for (const [address, reason, ...options] of cases) {
    const { code, output } = await finishedIn(near.enter, 'syn-scan.js', '-W', '5', '-p', '80,443', address);
    const lines = output.split('\n').map((line) => line.replace(/, \d+\.\d{3} ms$/, ''));
    expect(lines.slice(0, 2)).toEqual([`80/tcp    filtered ${reason}`, `443/tcp   filtered ${reason}`]);
    expect(lines[2]).toBe(`${address}: 0 open, 0 closed, 2 filtered; 2 packets sent`);
    expect(nmap(near, '80,443', ...options, address)).toEqual(states(output));
    expect(code).toBe(0);
  }
});

test('it sends at the given rate and repeats what was not answered, and tshark finds no fault', async (context) => {
  need(context, namespaces, program('tshark'), program('python3'));
  const { near, far } = await route();
  await listen(far, [22], 81);
  for (const [address, version] of [
    [far.address, 'ip'],
    [far.address6, 'ip6'],
  ] as const) {
    const file = join(folder(), 'syn.pcap');
    const sniffing = start(far.enter[0]!, [
      ...far.enter.slice(1),
      ...[process.execPath, 'examples/sniff.js', '-i', 'eth0', '-Q', 'in', '-w', file, `${version} proto 6`],
    ]);
    await printed(sniffing, /listening on/);
    const args = ['-p', '22,81,90-97', '--rate', '40', '-n', '2', '-W', '0.9', '--open', address];
    const { code, output } = await finishedIn(near.enter, 'syn-scan.js', ...args);
    const told = /^22\/tcp .*\n.*: 1 open, 8 closed, 1 filtered; (\d+) packets sent\n$/.exec(output);
    expect(told, output).not.toBeNull();
    expect(code).toBe(0);
    sniffing.child.kill('SIGINT');
    expect(await sniffing.ended).toBe(0);
    const fields = ['frame.time_epoch', 'tcp.flags', 'tcp.dstport', 'tcp.checksum.status'];
    const packets = fieldsOf(file, fields).map((cells) => cells.map((cell) => cell.join()));
    const syns = packets.filter(([, flags]) => flags === '0x0002' || flags === '0x00000002');
    // The kernel resets each connection that answered, which it does not know.
    const others = packets.filter((packet) => !syns.includes(packet));
    expect(new Set(others.map(([, flags, port]) => `${Number(flags)} ${port}`))).toEqual(new Set(['4 22']));
    expect(syns.length).toBe(Number(told![1]));
    for (const [, , , checksum] of syns) expect(checksum).toBe('1');
    // The checksum of the kernel's RST is left to the network card, which does not exist here.
    expect(complaints(file)).not.toMatch(/^(?!.*\[RST\]).+$/m);
    const times = new Map<number, number[]>();
    for (const [time, , port] of syns) times.set(Number(port), [...(times.get(Number(port)) ?? []), Number(time)]);
    const ports = [22, 81, 90, 91, 92, 93, 94, 95, 96, 97];
    expect([...times.keys()]).toEqual(ports);
    // The tenth is due 9 / 40 s after the first, which a busy machine may send or receive late.
    expect(times.get(97)![0]! - times.get(22)![0]!).toBeGreaterThan(9 / 40 / 2);
    // What is not answered is sent twice more, after the wait. On a busy machine, an answer may come after the wait, too.
    expect(times.get(81)).toHaveLength(3);
    for (const sent of times.values()) {
      expect(sent.length).toBeLessThanOrEqual(3);
      for (let i = 1; i < sent.length; i++) expect(sent[i]! - sent[i - 1]!).toBeGreaterThan(0.9 / 2);
    }
  }
});

test.each([
  [['127.0.0.1'], /--ports is missing/],
  [['-p', '80'], /give one host/],
  [['-p', '80-', '127.0.0.1'], /--ports: give a number from 1 to 65535, not ''/],
  [['-p', '0', '127.0.0.1'], /--ports: give a number from 1 to 65535/],
  [['-p', '1.5', '127.0.0.1'], /--ports: give a whole number, not '1\.5'/],
  [['-p', '90-80', '127.0.0.1'], /'90-80' goes back/],
  [['-p', '1-2-3', '127.0.0.1'], /'1-2-3' is not a range/],
  [['-p', '80', '-r', '0', '127.0.0.1'], /--rate: give a number from 0\.1/],
  [['-p', '80', '-4', '-6', '127.0.0.1'], /-4 and -6 exclude each other/],
] as const)('invalid usage prints the usage: syn-scan.js %s', async (args, message) => {
  const { code, output } = await finished('syn-scan.js', ...args);
  expect(output).toMatch(message);
  expect(output).toContain('Usage: syn-scan.js -p ports');
  expect(code).toBe(2);
});

test('--help prints the help', async () => {
  const { code, output } = await finished('syn-scan.js', '--help');
  expect(output).toMatch(/^Usage: syn-scan\.js -p ports/);
  expect(code).toBe(0);
});

test('without the privilege, it reports EPERM and what to do', async (context) => {
  need(context, noRawSockets);
  const { code, output } = await finished('syn-scan.js', '-p', '80', '127.0.0.1');
  expect(output).toMatch(/^EPERM: Operation not permitted, socket\n.*CAP_NET_RAW/);
  expect(code).toBe(1);
});
