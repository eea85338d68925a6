/** Networks of their own for tests: a namespace, a link between two, hosts behind a router, and one that never answers. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import * as s from '../../lib/index.ts';
import { folder } from './fixtures.ts';

/** One end of a link whose other end is in its own namespace. */
export interface Link {
  /** The interface on this side, its index and its addresses: 10.66.N.1/24 and fd66::1/64. */
  name: string;
  ifindex: number;
  mac: string;
  address: string;
  address6: string;
  /** The interface on the other side, with 10.66.N.2 and fd66::2. */
  peer: { name: string; mac: string; address: string; address6: string };
  /** The start of a command line that runs in the other namespace. */
  enter: string[];
}

/** Creates a network namespace until the test ends; returns its process, and the start of a command line that enters it. */
export async function namespace(): Promise<{ pid: string; enter: string[]; run: (...command: string[]) => string }> {
  const holder: ChildProcess = spawn('unshare', ['-n', 'sh', '-c', 'echo ready; exec sleep 1000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    holder.kill('SIGKILL'); // the namespace and its end of each link disappear with it
  });
  await once(holder.stdout!, 'data');
  const enter = ['nsenter', '-t', String(holder.pid), '-n'];
  const run = (...command: string[]) =>
    execFileSync(enter[0]!, [...enter.slice(1), ...command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  run('ip', 'link', 'set', 'lo', 'up');
  return { pid: String(holder.pid), enter, run };
}

/**
 * Returns the id of a fanout group that no process uses. The kernel counts such ids upwards, for all namespaces. Without
 * the privilege for packet sockets, it returns 1.
 */
export function fanoutId(): number {
  let fd = -1;
  try {
    fd = s.socket(s.AF_PACKET, s.SOCK_RAW, s.ETH_P_LOOPBACK);
    const unique = s.PACKET_FANOUT_LB | s.PACKET_FANOUT_FLAG_UNIQUEID;
    s.setsockopt(fd, s.SOL_PACKET, s.PACKET_FANOUT, unique << 16);
    return s.getsockopt(fd, s.SOL_PACKET, s.PACKET_FANOUT) & 0xffff;
  } catch (error) {
    if (s.isErrno(error, 'EPERM', 'EAFNOSUPPORT')) return 1;
    throw error;
  } finally {
    if (fd >= 0) s.close(fd);
  }
}

let links = 0;

/** Creates a veth pair between this namespace and a new one until the test ends, with addresses on both sides. */
export async function link(): Promise<Link> {
  const ip = (...args: string[]) => execFileSync('ip', args, { encoding: 'utf8' });
  const { pid, enter, run } = await namespace();
  const id = `${process.pid % 100000}${links++}`;
  const [name, peer] = [`sa${id}`, `sb${id}`];
  const subnet = (process.pid + links) % 250;
  ip('link', 'add', name, 'type', 'veth', 'peer', 'name', peer, 'netns', pid);
  ip('addr', 'add', `10.66.${subnet}.1/24`, 'dev', name);
  ip('-6', 'addr', 'add', `fd66:${subnet}::1/64`, 'dev', name, 'nodad');
  ip('link', 'set', name, 'up');
  run('ip', 'addr', 'add', `10.66.${subnet}.2/24`, 'dev', peer);
  run('ip', '-6', 'addr', 'add', `fd66:${subnet}::2/64`, 'dev', peer, 'nodad');
  run('ip', 'link', 'set', peer, 'up');
  const mine = JSON.parse(ip('-j', 'link', 'show', name))[0];
  const theirs = JSON.parse(run('ip', '-j', 'link', 'show', peer))[0];
  return {
    name,
    ifindex: mine.ifindex,
    mac: mine.address,
    address: `10.66.${subnet}.1`,
    address6: `fd66:${subnet}::1`,
    peer: { name: peer, mac: theirs.address, address: `10.66.${subnet}.2`, address6: `fd66:${subnet}::2` },
    enter,
  };
}

/** A host of a route, in its own namespace. */
export interface Host {
  /** The start of a command line that runs there. */
  enter: string[];
  /** Runs a program there until it ends, and returns its output. */
  run(...command: string[]): string;
  address: string;
  address6: string;
}

/** Two hosts in their own namespaces, each with an interface `eth0`, and a router between them. */
export interface Route {
  near: Host;
  /** The router. Its addresses are those of its interface `eth0`, towards the near host; `eth1` is on the far side. */
  router: Host;
  far: Host;
}

/** Creates the near host 10.66.1.1 and fd66:1::1, the router 10.66.1.2 and 10.66.2.2, and the far host 10.66.2.1. */
export async function route(): Promise<Route> {
  const [near, router, far] = [await namespace(), await namespace(), await namespace()];
  for (const [host, net, there] of [
    [near, 1, 'eth0'],
    [far, 2, 'eth1'],
  ] as const) {
    host.run('ip', 'link', 'add', 'eth0', 'type', 'veth', 'peer', 'name', there, 'netns', router.pid);
    for (const [{ run }, name, number] of [
      [host, 'eth0', 1],
      [router, there, 2],
    ] as const) {
      run('ip', 'addr', 'add', `10.66.${net}.${number}/24`, 'dev', name);
      run('ip', '-6', 'addr', 'add', `fd66:${net}::${number}/64`, 'dev', name, 'nodad');
      run('ip', 'link', 'set', name, 'up');
    }
    host.run('ip', 'route', 'add', 'default', 'via', `10.66.${net}.2`);
    host.run('ip', '-6', 'route', 'add', 'default', 'via', `fd66:${net}::2`);
  }
  const forward = 'echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding';
  // Without the rate limit of ICMP errors, which a test of many probes would reach.
  const unlimited = 'echo 0 > /proc/sys/net/ipv4/icmp_ratemask; echo 0 > /proc/sys/net/ipv6/icmp/ratelimit';
  router.run('sh', '-c', `${forward}; ${unlimited}`);
  far.run('sh', '-c', unlimited);
  return {
    near: { ...near, address: '10.66.1.1', address6: 'fd66:1::1' },
    router: { ...router, address: '10.66.1.2', address6: 'fd66:1::2' },
    far: { ...far, address: '10.66.2.1', address6: 'fd66:2::1' },
  };
}

/**
 * Returns the start of a command line that runs a program in a network of its own. It has lo, a link on which 192.0.2.1,
 * 192.0.2.3 and 2001:db8::1 never answer, and these lines as /etc/hosts.
 */
export function silentNetwork(hosts = ''): string[] {
  const file = join(folder(), 'hosts');
  writeFileSync(file, hosts);
  const script = `ip link set lo up && ip link add v0 type veth peer name v1 && ip addr add 192.0.2.2/24 dev v0 &&
    ip -6 addr add 2001:db8::2/64 dev v0 nodad && ip link set v1 up && ip link set v0 up &&
    for dead in 192.0.2.1 192.0.2.3 2001:db8::1; do
      ip neigh add $dead lladdr 02:00:00:00:00:99 dev v0 nud permanent || exit 1
    done && mount --bind ${file} /etc/hosts && exec "$@"`;
  return ['unshare', '-Urnm', 'sh', '-c', script, 'sh'];
}

let silentReason: { reason: string | undefined } | undefined;

/** Requires that such a network can be created. */
export function silentNetworks(): string | undefined {
  if (silentReason === undefined) {
    const [command, ...rest] = silentNetwork();
    const { status } = spawnSync(command!, [...rest, 'true']);
    silentReason = { reason: status === 0 ? undefined : 'no namespaces of users, networks and mounts' };
  }
  return silentReason.reason;
}
