/** capabilities() and `sys-socket doctor`: what they report is what works. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { cleanup, openSockets } from '../helpers/fds.ts';
import { namespaces, need, packetSockets, rawSockets } from '../helpers/need.ts';

const doctor = join(import.meta.dirname, '../../dist/doctor.js');

/** What the kernel reports about this process: the bits of capabilities(7) that are in effect. */
function effective(bit: number): boolean {
  const bits = /^CapEff:\s*(\w+)$/m.exec(readFileSync('/proc/self/status', 'latin1'))![1]!;
  return (BigInt(`0x${bits}`) & (1n << BigInt(bit))) !== 0n;
}
const CAP_NET_BIND_SERVICE = 10;
const CAP_NET_ADMIN = 12;
const CAP_NET_RAW = 13;

function sysctl(path: string): string {
  return readFileSync(`/proc/sys/${path}`, 'latin1').trim();
}

test('the privileges are those of this process', () => {
  const answers = s.capabilities();
  const may = (name: s.CapabilityName) => answers[name].able;
  const raw = effective(CAP_NET_RAW);
  expect([may('rawIPv4'), may('rawIPv6'), may('packet')]).toEqual([raw, raw, raw]);
  expect([may('rawIPv4'), may('packet')]).toEqual([rawSockets() === undefined, packetSockets() === undefined]);
  expect(may('mark')).toBe(effective(CAP_NET_ADMIN) || raw);
  const unprivileged = Number(sysctl('net/ipv4/ip_unprivileged_port_start'));
  expect(may('lowPorts')).toBe(unprivileged <= 1 || effective(CAP_NET_BIND_SERVICE));
  const [least, most] = sysctl('net/ipv4/ping_group_range').split(/\s+/).map(Number);
  const ping = [process.getegid!(), ...process.getgroups!()].some((group) => group >= least! && group <= most!);
  expect([may('pingIPv4'), may('pingIPv6')]).toEqual([ping, ping]);
  expect(may('networkNamespace')).toBe(spawnSync('unshare', ['-n', 'true']).status === 0);
  expect(may('userNamespace')).toBe(spawnSync('unshare', ['-Urn', 'true']).status === 0);
});

test('the families and protocols are those that the kernel lists', () => {
  const answers = s.capabilities();
  const protocols = readFileSync('/proc/net/protocols', 'latin1');
  for (const [name, listed] of [
    ['unix', 'UNIX'],
    ['vsock', 'AF_VSOCK'],
    ['mptcp', 'MPTCP'],
    ['udplite', 'UDP-Lite'],
    ['sctp', 'SCTP'],
    ['alg', 'ALG'],
    ['tipc', 'TIPC'],
    ['kcm', 'KCM'],
    ['smc', 'SMC'],
  ] as const) {
    expect([name, answers[name].able]).toEqual([name, new RegExp(`^${listed}\\b`, 'm').test(protocols)]);
  }
});

test('a negative answer contains the errno, its name and a remedy', () => {
  for (const [name, { able, tried, reason, errno, grant }] of Object.entries(s.capabilities())) {
    expect(tried).not.toBe('');
    if (able) expect([name, reason, errno, grant]).toEqual([name, undefined, undefined, undefined]);
    else if (errno !== undefined) expect(reason).toBe(`${s.errnoName(errno)}: ${s.strerror(errno)}`);
    if (errno === s.EPERM) expect([name, grant]).toEqual([name, `sudo setcap cap_net_raw+ep ${process.execPath}`]);
    if (errno === s.EAFNOSUPPORT) expect(grant).toMatch(/^sudo modprobe \w+$/);
  }
});

test('only the named capabilities are tried, and nothing stays open', async () => {
  const before = openSockets();
  expect(Object.keys(s.capabilities(['unix', 'netlink']))).toEqual(['unix', 'netlink']);
  s.capabilities();
  // Bun opens and closes its own sockets meanwhile.
  if ('Bun' in globalThis) await expect.poll(() => openSockets()).toBeLessThanOrEqual(before);
  else expect(openSockets()).toBe(before);
  expect(() => s.capabilities(['toString' as 'unix'])).toThrow(
    expect.objectContaining({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' }),
  );
});

test('a port that is in use does not count as a missing privilege', (context) => {
  need(context, rawSockets); // only root, or the owner of this network namespace, can bind ports below 1024
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM));
  s.bind(fd, { family: s.AF_INET, address: '0.0.0.0', port: 1 });
  s.listen(fd);
  expect(s.capabilities(['lowPorts']).lowPorts.able).toBe(true);
});

test('a granted capability is available: ping sockets through a sysctl', (context) => {
  need(context, namespaces);
  if (!readFileSync('/proc/self/gid_map', 'latin1').includes('4294967295')) context.skip('not every group exists here');
  const grant = 'sysctl -q -w net.ipv4.ping_group_range="0 2147483647"';
  const run = (command: string) =>
    spawnSync('unshare', ['-n', 'sh', '-c', `${command} "${process.execPath}" "${doctor}" doctor pingIPv4 --json`], {
      encoding: 'utf8',
    });
  const refused = run('');
  expect(refused.status).toBe(1);
  expect(JSON.parse(refused.stdout).capabilities.pingIPv4).toEqual({
    able: false,
    tried: 'socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP)',
    reason: 'EACCES: Permission denied',
    errno: s.EACCES,
    grant: `sudo ${grant.replace('-q ', '')}`,
  });
  const granted = run(`${grant} &&`);
  expect(granted.status).toBe(0);
  expect(JSON.parse(granted.stdout).capabilities.pingIPv4).toMatchObject({ able: true });
});

function run(...args: string[]) {
  return spawnSync(process.execPath, [doctor, ...args], { encoding: 'utf8' });
}

test('doctor prints the machine, the runtime, the binary and every answer', () => {
  const { status, stdout, stderr } = run('doctor');
  expect([status, stderr]).toEqual([0, '']);
  expect(stdout).toMatch(/^kernel +\d+\.\d+/m);
  const { node, bun, deno } = process.versions;
  const runtime = bun ? `Bun ${bun}` : deno ? `Deno ${deno}` : `Node ${node}`;
  expect(stdout).toMatch(new RegExp(`^runtime +${runtime}$`, 'm'));
  expect(stdout).toMatch(new RegExp(`^processor +${process.arch}$`, 'm'));
  expect(stdout).toMatch(/^libc +(glibc|musl)$/m);
  expect(stdout).toMatch(/^binary +(build|prebuilds)\/.*\.node$/m);
  expect(stdout).toMatch(new RegExp(`^privileges +uid ${process.geteuid!()}, capabilities [0-9a-f]+$`, 'm'));
  for (const [name, { able, grant }] of Object.entries(s.capabilities())) {
    expect(stdout).toMatch(new RegExp(`^${name} +${able ? 'yes' : 'no'} `, 'm'));
    if (grant !== undefined) expect(stdout).toContain(`try: ${grant}\n`);
  }
});

test('doctor does not fail if its output pipe is closed', () => {
  const { status, stderr } = spawnSync('bash', [
    '-o',
    'pipefail',
    '-c',
    `"${process.execPath}" "${doctor}" doctor | true`,
  ]);
  expect([status, String(stderr)]).toEqual([0, '']);
});

test('doctor has exit codes for the answers, for a wrong command line and for help', () => {
  const answers = s.capabilities();
  const lacking = Object.entries(answers).find(([, { able }]) => !able)![0];
  expect(run('doctor', 'unix', 'netlink').status).toBe(0);
  expect(run('doctor', 'unix', lacking).status).toBe(1);
  expect(run('--help')).toMatchObject({ status: 0, stderr: '', stdout: expect.stringMatching(/^usage: sys-socket/) });
  for (const args of [[], ['surgeon'], ['doctor', 'nothing'], ['doctor', '--unknown']]) {
    expect(run(...args)).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('usage: sys-socket') });
  }
});
