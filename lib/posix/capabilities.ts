/** Determines by trying what this process may do with sockets and what the kernel supports. */

import { Buffer } from 'node:buffer';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { release } from 'node:os';
import process from 'node:process';
import { invalidType, invalidValue } from '../argument/argument-error.ts';
import * as constants from '../native/constants.ts';
import { isErrno, isSocketError, strerror } from '../struct/errno.ts';
import { setsockopt } from './option.ts';
import { bind, close, socket } from './socket.ts';

/** One result of {@link capabilities}. @see https://man7.org/linux/man-pages/man7/capabilities.7.html */
export interface Capability {
  /** Whether the attempt succeeded. */
  readonly able: boolean;
  /** What was tried, such as `'socket(AF_PACKET, SOCK_RAW)'`. */
  readonly tried: string;
  /** Why the attempt failed, such as `'EPERM: Operation not permitted'`. */
  readonly reason?: string;
  /** The errno of the failure, if a call returned one. */
  readonly errno?: number;
  /** A shell command that would make the attempt succeed, if there is one. */
  readonly grant?: string;
}

/** One attempt. Its `run` throws a SocketError or returns the reason for a failure. */
interface Probe {
  readonly tried: string;
  readonly run: () => string | undefined;
  /** Returns the shell command that would make the attempt succeed. */
  readonly grant?: (errno: number | undefined) => string | undefined;
}

/** The names of the constants that identify a kind of socket: the family, the type, and the protocol unless it is 0. */
type Kind = readonly (keyof typeof numbers)[];
const numbers: { readonly [Name in keyof typeof constants]: number | bigint } = constants;

/** Tries something on a new socket and closes the socket again. */
function onSocket(kind: Kind, use?: (fd: number) => void): () => undefined {
  return () => {
    const [domain, type, protocol] = kind.map((name) => Number(numbers[name]));
    const fd = socket(domain!, type!, protocol);
    try {
      use?.(fd);
    } finally {
      close(fd);
    }
  };
}

/** Returns the command that gives a file capability to this executable. All scripts that it runs then have the capability. */
function setcap(capability: string): (errno: number | undefined) => string | undefined {
  return (errno) =>
    errno === constants.EPERM || errno === constants.EACCES
      ? `sudo setcap ${capability}+ep ${process.execPath}`
      : undefined;
}

/** Returns whether the kernel has this version or a later one. */
function isSince(major: number, minor: number): boolean {
  const [first = 0, second = 0] = release().split('.', 2).map(Number);
  return first > major || (first === major && second >= minor);
}

/** Returns the command that loads the kernel module of a missing family. */
function modprobe(module: string): () => string {
  return () => `sudo modprobe ${module}`;
}

/** Returns the text of a sysctl, or undefined if the kernel has none of that name. */
function sysctl(path: string): string | undefined {
  try {
    return readFileSync(`/proc/sys/${path}`, 'latin1').trim();
  } catch {
    return undefined;
  }
}

/** Creates a namespace in a child process with unshare(1), because a process with threads cannot enter a user namespace. */
function unshare(options: string): () => string | undefined {
  return () => {
    try {
      const { status, stderr, error } = spawnSync('unshare', [options, 'true'], { encoding: 'utf8' });
      if (status === 0) return undefined;
      return error !== undefined ? `no unshare(1): ${error.message}` : stderr.trim();
    } catch (error) {
      return `no unshare(1): ${(error as Error).message}`; // Node's permission model
    }
  };
}

/** Returns the command that enables user namespaces, if a sysctl disables them. */
function grantUserNamespace(): string | undefined {
  if (sysctl('user/max_user_namespaces') === '0') return 'sudo sysctl -w user.max_user_namespaces=10000';
  if (sysctl('kernel/unprivileged_userns_clone') === '0') return 'sudo sysctl -w kernel.unprivileged_userns_clone=1';
  if (sysctl('kernel/apparmor_restrict_unprivileged_userns') === '1') {
    return 'sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0';
  }
  return undefined;
}

/** Returns the attempt to open a socket of this kind. */
function opens(kind: Kind, grant?: Probe['grant']): Probe {
  return { tried: `socket(${kind.join(', ')})`, run: onSocket(kind), ...(grant && { grant }) };
}

const datagram: Kind = ['AF_INET', 'SOCK_DGRAM'];
const raw = setcap('cap_net_raw');
const ping: Probe['grant'] = (errno) =>
  errno === constants.EACCES ? 'sudo sysctl -w net.ipv4.ping_group_range="0 2147483647"' : undefined;

/** The names of the capabilities that {@link capabilities} can try. @see https://man7.org/linux/man-pages/man7/capabilities.7.html */
export type CapabilityName =
  | 'rawIPv4'
  | 'rawIPv6'
  | 'packet'
  | 'pingIPv4'
  | 'pingIPv6'
  | 'bindToDevice'
  | 'mark'
  | 'lowPorts'
  | 'networkNamespace'
  | 'userNamespace'
  | 'ipv6'
  | 'unix'
  | 'netlink'
  | 'vsock'
  | 'mptcp'
  | 'sctp'
  | 'udplite'
  | 'alg'
  | 'can'
  | 'xdp'
  | 'tipc'
  | 'bluetooth'
  | 'smc'
  | 'kcm';

const probes: Record<CapabilityName, Probe> = {
  rawIPv4: opens(['AF_INET', 'SOCK_RAW', 'IPPROTO_ICMP'], raw),
  rawIPv6: opens(['AF_INET6', 'SOCK_RAW', 'IPPROTO_ICMPV6'], raw),
  packet: opens(['AF_PACKET', 'SOCK_RAW'], raw),
  pingIPv4: opens(['AF_INET', 'SOCK_DGRAM', 'IPPROTO_ICMP'], ping),
  pingIPv6: opens(['AF_INET6', 'SOCK_DGRAM', 'IPPROTO_ICMPV6'], ping),
  bindToDevice: {
    tried: "setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, 'lo')",
    run: onSocket(datagram, (fd) =>
      setsockopt(fd, constants.SOL_SOCKET, constants.SO_BINDTODEVICE, Buffer.from('lo\0')),
    ),
    grant: raw,
  },
  mark: {
    tried: 'setsockopt(fd, SOL_SOCKET, SO_MARK, 1)',
    run: onSocket(datagram, (fd) => setsockopt(fd, constants.SOL_SOCKET, constants.SO_MARK, 1)),
    grant: setcap(isSince(5, 17) ? 'cap_net_raw' : 'cap_net_admin'),
  },
  lowPorts: {
    tried: 'bind to TCP port 1, without listen',
    run: onSocket(['AF_INET', 'SOCK_STREAM'], (fd) => {
      try {
        bind(fd, { family: constants.AF_INET, address: '0.0.0.0', port: 1 });
      } catch (error) {
        if (!isErrno(error, 'EADDRINUSE')) throw error; // binding is allowed, but another socket uses the port
      }
    }),
    grant: setcap('cap_net_bind_service'),
  },
  networkNamespace: { tried: 'unshare -n', run: unshare('-n'), grant: () => 'sudo unshare -n' },
  userNamespace: { tried: 'unshare -Urn', run: unshare('-Urn'), grant: grantUserNamespace },
  ipv6: opens(['AF_INET6', 'SOCK_DGRAM'], modprobe('ipv6')),
  unix: opens(['AF_UNIX', 'SOCK_SEQPACKET']),
  netlink: opens(['AF_NETLINK', 'SOCK_RAW']),
  vsock: opens(['AF_VSOCK', 'SOCK_STREAM'], modprobe('vsock')),
  mptcp: opens(['AF_INET', 'SOCK_STREAM', 'IPPROTO_MPTCP'], () =>
    sysctl('net/mptcp/enabled') === '0' ? 'sudo sysctl -w net.mptcp.enabled=1' : undefined,
  ),
  sctp: opens(['AF_INET', 'SOCK_SEQPACKET', 'IPPROTO_SCTP'], modprobe('sctp')),
  udplite: opens(['AF_INET', 'SOCK_DGRAM', 'IPPROTO_UDPLITE']),
  alg: opens(['AF_ALG', 'SOCK_SEQPACKET'], modprobe('af_alg')),
  can: opens(['AF_CAN', 'SOCK_RAW', 'CAN_RAW'], modprobe('can_raw')),
  xdp: opens(['AF_XDP', 'SOCK_RAW'], raw),
  tipc: opens(['AF_TIPC', 'SOCK_SEQPACKET'], modprobe('tipc')),
  bluetooth: opens(['AF_BLUETOOTH', 'SOCK_SEQPACKET'], modprobe('bluetooth')),
  smc: opens(['AF_SMC', 'SOCK_STREAM'], modprobe('smc')),
  kcm: opens(['AF_KCM', 'SOCK_DGRAM'], modprobe('kcm')),
};

/** Errors that say nothing about the capability. */
const shortages = ['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM'] as const;

function answer({ tried, run, grant }: Probe): Capability {
  let reason: string | undefined;
  let errno: number | undefined;
  try {
    reason = run();
  } catch (error) {
    if (!isSocketError(error) || isErrno(error, ...shortages)) throw error;
    errno = error.errno;
    reason = `${error.code}: ${strerror(errno)}`;
  }
  if (reason === undefined) return { able: true, tried };
  const command = grant?.(errno);
  return {
    able: false,
    tried,
    reason,
    ...(errno === undefined ? undefined : { errno }),
    ...(command === undefined ? undefined : { grant: command }),
  };
}

/**
 * Determines what this process may do (raw, packet and ping sockets, namespaces, low ports) and which families and protocols the
 * kernel supports: capabilities(7). The function tries each of them: it opens and closes sockets, and it creates namespaces in a
 * child process. It sends nothing and leaves nothing behind, but the kernel may load the module of a family that is tried.
 *
 * @param names What to try. The default is everything, which takes some milliseconds.
 * @returns One result for each name.
 * @throws SocketError EMFILE, ENFILE, ENOBUFS or ENOMEM, which say nothing about the capability; TypeError for an
 *   unknown name.
 * @example
 * const { packet } = capabilities(['packet']);
 * console.log(packet.able || packet.grant?.includes('setcap cap_net_raw+ep')); // true
 * @see https://man7.org/linux/man-pages/man7/capabilities.7.html
 */
export function capabilities<Name extends CapabilityName = CapabilityName>(
  names: readonly Name[] = Object.keys(probes) as Name[],
): { readonly [name in Name]: Capability } {
  const answers: Partial<Record<Name, Capability>> = {};
  if (!Array.isArray(names as unknown)) throw invalidType('names', 'an array');
  for (const name of names) {
    if (typeof name !== 'string' || !Object.hasOwn(probes, name))
      throw invalidValue('names', `names of ${Object.keys(probes).join(', ')}`);
    answers[name] = answer(probes[name]);
  }
  return answers as Record<Name, Capability>;
}
