/** What many tests begin with: a directory, loopback addresses and sockets. All of it is released when the test ends. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import * as s from '../../lib/index.ts';
import { cleanup } from './fds.ts';

/** Creates a directory, which is removed when the test ends. */
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

/** The two ends of one TCP connection. */
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
