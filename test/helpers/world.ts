/** Worlds for tests: temporary folders, loopback sockets, network namespaces. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import * as s from '../../lib/index.ts';
import { cleanup } from './fds.ts';

/** A new folder that goes when the test ends. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'sys-socket-'));
  onTestFinished(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

export const loopback: s.InetAddress = { family: s.AF_INET, address: '127.0.0.1', port: 0 };
export const loopback6: s.Inet6Address = { family: s.AF_INET6, address: '::1', port: 0, flowinfo: 0, scopeId: 0 };

/** A bound datagram socket and its address. */
export function datagram(flags = 0): { fd: number; address: s.InetAddress } {
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM | flags));
  s.bind(fd, loopback);
  return { fd, address: s.getsockname(fd) as s.InetAddress };
}

/** A listening TCP socket and its address. */
export function listener(flags = 0): { fd: number; address: s.InetAddress } {
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM | flags));
  s.bind(fd, loopback);
  s.listen(fd);
  return { fd, address: s.getsockname(fd) as s.InetAddress };
}

/** Two ends of one TCP connection. */
export function connection(): { client: number; server: number } {
  const { fd, address } = listener();
  const client = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM));
  s.connect(client, address);
  return { client, server: cleanup(s.accept(fd).fd) };
}

/** A socket pair that is closed when the test ends. */
export function pair(type: number = s.SOCK_STREAM): [number, number] {
  const fds = s.socketpair(s.AF_UNIX, type);
  cleanup(...fds);
  return fds;
}

/** One end of a link whose other end is in a namespace of its own. */
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

/** A new network namespace, gone when the test ends: the process in it, and the start of a command line that enters it. */
export async function namespace(): Promise<{ pid: string; enter: string[]; run: (...command: string[]) => string }> {
  const holder: ChildProcess = spawn('unshare', ['-n', 'sh', '-c', 'echo ready; exec sleep 1000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => {
    holder.kill('SIGKILL'); // the namespace and its end of each link go with it
  });
  await once(holder.stdout!, 'data');
  const enter = ['nsenter', '-t', String(holder.pid), '-n'];
  const run = (...command: string[]) =>
    execFileSync(enter[0]!, [...enter.slice(1), ...command], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  run('ip', 'link', 'set', 'lo', 'up');
  return { pid: String(holder.pid), enter, run };
}

let links = 0;

/** A veth pair between this namespace and a new one, with addresses on both sides; gone when the test ends. */
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

/** A host of a route, in a namespace of its own. */
export interface Host {
  /** The start of a command line that runs there. */
  enter: string[];
  /** Runs a program there to its end, and gives its output. */
  run(...command: string[]): string;
  address: string;
  address6: string;
}

/** Two hosts in namespaces of their own, each with an interface `eth0`, and a router between them. */
export interface Route {
  near: Host;
  /** Its addresses are those of its interface `eth0`, on the side of the near host; `eth1` is on the far side. */
  router: Host;
  far: Host;
}

/** 10.66.1.1 and fd66:1::1, the near host; 10.66.1.2 to 10.66.2.2, the router; 10.66.2.1, the far host. */
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
  // Without the limit of ICMP errors, which a test of many probes would reach.
  const unlimited = 'echo 0 > /proc/sys/net/ipv4/icmp_ratemask; echo 0 > /proc/sys/net/ipv6/icmp/ratelimit';
  router.run('sh', '-c', `${forward}; ${unlimited}`);
  far.run('sh', '-c', unlimited);
  return {
    near: { ...near, address: '10.66.1.1', address6: 'fd66:1::1' },
    router: { ...router, address: '10.66.1.2', address6: 'fd66:1::2' },
    far: { ...far, address: '10.66.2.1', address6: 'fd66:2::1' },
  };
}
