/** What a test requires of the machine: each requirement is probed by trying it, and is a reason to skip if it is missing. */
import { spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { TestContext } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';

/** A requirement: returns undefined if it is met, otherwise the reason why not. It is probed once. */
export type Need = () => string | undefined;

function once(probe: Need): Need {
  let known: { reason: string | undefined } | undefined;
  return () => {
    known ??= { reason: probe() };
    return known.reason;
  };
}

/** Skips the test with the reason unless every requirement is met. Call it first in the test. */
export function need(context: TestContext, ...needs: Need[]): void {
  for (const probe of needs) {
    const reason = probe();
    if (reason !== undefined) context.skip(reason);
  }
}

function socketOf(domain: number, type: number, protocol: number, what: string): Need {
  return once(() => {
    try {
      s.close(s.socket(domain, type, protocol));
      return undefined;
    } catch (error) {
      return `${what}: ${(error as s.SocketError).code}`;
    }
  });
}

export const rawSockets: Need = socketOf(s.AF_INET, s.SOCK_RAW, s.IPPROTO_ICMP, 'raw sockets');
export const packetSockets: Need = socketOf(s.AF_PACKET, s.SOCK_RAW, 0, 'packet sockets');
/** UDP-Lite, which a kernel may lack. */
export const udpLite: Need = socketOf(s.AF_INET, s.SOCK_DGRAM, s.IPPROTO_UDPLITE, 'UDP-Lite');
export const vsock: Need = socketOf(s.AF_VSOCK, s.SOCK_STREAM, 0, 'AF_VSOCK');
/** AF_VSOCK connections within this machine, by the kernel module vsock_loopback. */
export const vsockLoopback: Need = once(() => {
  const reason = vsock();
  if (reason !== undefined) return reason;
  const fd = s.socket(s.AF_VSOCK, s.SOCK_STREAM);
  try {
    s.bind(fd, { family: s.AF_VSOCK, cid: s.VMADDR_CID_LOCAL, port: s.VMADDR_PORT_ANY });
    return undefined;
  } catch (error) {
    return `the loopback of AF_VSOCK: ${(error as s.SocketError).code}`;
  } finally {
    s.close(fd);
  }
});
export const ipv6: Need = once(() => {
  try {
    const fd = s.socket(s.AF_INET6, s.SOCK_DGRAM);
    try {
      s.bind(fd, { family: s.AF_INET6, address: '::1', port: 0 });
    } finally {
      s.close(fd);
    }
    return undefined;
  } catch (error) {
    return `IPv6 on lo: ${(error as s.SocketError).code}`;
  }
});

/** The absence of CAP_NET_RAW, for the tests of EPERM itself. */
export const noRawSockets: Need = once(() =>
  rawSockets() === undefined ? 'this process may open raw sockets' : undefined,
);

/** CAP_NET_ADMIN, which SIOCGSKNS requires. */
export const networkAdmin: Need = once(() => {
  const fd = s.socket(s.AF_INET, s.SOCK_DGRAM);
  const n = nothrow.ioctl(fd, s.SIOCGSKNS);
  for (const one of [fd, n]) if (one >= 0) s.close(one);
  return n === -s.EPERM ? 'SIOCGSKNS: EPERM' : undefined;
});

/** Node itself, for what does not concern Bun and Deno. */
export const node: Need = () => ('Bun' in globalThis || 'Deno' in globalThis ? 'this is not Node' : undefined);

/** A kernel with SO_PEERPIDFD. */
export const peerPidfd: Need = once(() => {
  const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_STREAM);
  const value = new Int32Array(1);
  const n = nothrow.getsockopt(a, s.SOL_SOCKET, s.SO_PEERPIDFD, value);
  if (n >= 0) s.close(value[0]!);
  s.close(a);
  s.close(b);
  return n === -s.ENOPROTOOPT ? 'SO_PEERPIDFD is Linux 6.5' : undefined;
});

/** A program in the PATH. */
export function program(name: string): Need {
  return once(() => (spawnSync('sh', ['-c', `command -v ${name}`]).status === 0 ? undefined : `no ${name}`));
}

/** Tracing processes. */
export const strace: Need = once(() =>
  spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0 ? undefined : 'strace cannot trace here',
);

/** Creating network namespaces, with links between them. */
export const namespaces: Need = once(() => {
  const tried = spawnSync('unshare', ['-n', 'ip', 'link', 'add', 'probe0', 'type', 'veth', 'peer', 'name', 'probe1']);
  return tried.status === 0 ? undefined : 'no network namespaces with veth';
});

/** Creating devices by /dev/net/tun. */
export const tunnels: Need = once(() => {
  try {
    const fd = openSync('/dev/net/tun', 'r+');
    try {
      const request = s.ifreq('probe%d');
      request.writeUInt16LE(s.IFF_TUN, 16);
      s.ioctl(fd, s.TUNSETIFF, request);
    } finally {
      closeSync(fd);
    }
    return undefined;
  } catch (error) {
    return `/dev/net/tun: ${(error as s.SocketError).code}`;
  }
});

/** Creating devices of a kind, which are not in every kernel: `line` is what follows `ip link add ... type`. */
export function linkKind(kind: string, line: string): Need {
  return once(() => {
    const script = `ip link add va type veth peer name vb && exec ip link add probe0 type ${line}`;
    const tried = spawnSync('unshare', ['-n', 'sh', '-c', script]);
    return tried.status === 0 ? undefined : `this kernel has no ${kind} devices`;
  });
}

/** Creating PPP devices by /dev/ppp. */
export const pppDevices: Need = once(() => {
  try {
    closeSync(openSync('/dev/ppp', 'r+'));
    return undefined;
  } catch (error) {
    return `/dev/ppp: ${(error as s.SocketError).code}`;
  }
});

/** Becoming another user, as daemons that drop their privileges do. */
export const otherUsers: Need = once(() =>
  spawnSync('setpriv', ['--reuid=1', '--regid=1', '--clear-groups', 'true']).status === 0
    ? undefined
    : 'this process cannot become another user',
);
