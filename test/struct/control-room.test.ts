import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { cleanup, openFds } from '../helpers/fds.ts';
import { loopback, loopback6, pair } from '../helpers/fixtures.ts';
import { ipv6, need } from '../helpers/need.ts';

/** Receives a datagram to itself with this much room for control messages. */
function receive(fd: s.SocketFd, controlLength: number): s.ReceivedMessage {
  s.sendto(fd, 'x', 0, s.getsockname(fd));
  return s.recvmsg(fd, { buffers: [new Uint8Array(1)], controlLength });
}

test('the room is exactly what the IPv4 options add', () => {
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  s.bind(fd, loopback);
  const named: [s.WritableOption, s.ControlName][] = [
    ['SO_TIMESTAMPNS', 'SCM_TIMESTAMPNS'],
    ['IP_PKTINFO', 'IP_PKTINFO'],
    ['IP_RECVTTL', 'IP_TTL'],
    ['IP_RECVTOS', 'IP_TOS'],
    ['IP_RECVORIGDSTADDR', 'IP_ORIGDSTADDR'],
  ];
  const names: s.ControlName[] = [];
  for (const [option, name] of named) {
    s.setOption(fd, option, true as never);
    names.push(name);
    const { control, flags } = receive(fd, s.controlSpace(...names));
    expect([control.length, flags & s.MSG_CTRUNC], name).toEqual([names.length, 0]);
    expect(control.some((message) => 'data' in message)).toBe(false);
  }
  expect(receive(fd, s.controlSpace(...names.slice(1))).flags & s.MSG_CTRUNC).toBe(s.MSG_CTRUNC);
});

test('the room is sufficient for what the IPv6 options add', (context) => {
  need(context, ipv6);
  const fd = cleanup(s.socket(s.AF_INET6, s.SOCK_DGRAM));
  s.bind(fd, loopback6);
  for (const option of ['IPV6_RECVPKTINFO', 'IPV6_RECVHOPLIMIT', 'IPV6_RECVTCLASS', 'IPV6_RECVORIGDSTADDR'] as const) {
    s.setOption(fd, option, true);
  }
  const { control, flags } = receive(
    fd,
    s.controlSpace('IPV6_PKTINFO', 'IPV6_HOPLIMIT', 'IPV6_TCLASS', 'IPV6_ORIGDSTADDR'),
  );
  expect([control.length, flags & s.MSG_CTRUNC]).toEqual([4, 0]);
});

test('the room is sufficient for the maximum number of file descriptors in one message', () => {
  const [a, b] = pair(s.SOCK_STREAM);
  const most = Array.from({ length: 253 }, () => a);
  s.sendmsg(a, { buffers: ['x'], control: [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: most }] });
  const { control, flags } = s.recvmsg(b, {
    buffers: [new Uint8Array(1)],
    controlLength: s.controlSpace('SCM_RIGHTS'),
  });
  const fds = s.findControl(control, s.SOL_SOCKET, s.SCM_RIGHTS)?.fds ?? [];
  for (const fd of fds) s.close(fd);
  expect([fds.length, flags & s.MSG_CTRUNC]).toEqual([253, 0]);
});

test('a value that is not the name of a type is rejected', () => {
  expect(s.controlSpace()).toBe(0);
  for (const wrong of ['IP_RECVTTL', 'toString', 8, undefined, null]) {
    expect(() => s.controlSpace('IP_TTL', wrong as never)).toThrow(
      expect.objectContaining({ name: 'TypeError', message: expect.stringContaining('names[1]') }),
    );
  }
});

test('findControl returns the first message of its kind, and never a truncated one', () => {
  const whole = s.encodeControl([
    { level: s.IPPROTO_IP, type: s.IP_TTL, value: 1 },
    { level: s.IPPROTO_IP, type: s.IP_TTL, value: 2 },
    { level: s.IPPROTO_IP, type: s.IP_PKTINFO, ifindex: 1, specDst: '127.0.0.1' },
  ]);
  const control = s.decodeControl(whole, whole.length - 8);
  expect(s.findControl(control, s.IPPROTO_IP, s.IP_TTL)?.value).toBe(1);
  expect(control.at(-1)).toMatchObject({ type: s.IP_PKTINFO, data: expect.any(Buffer) });
  expect(s.findControl(control, s.IPPROTO_IP, s.IP_PKTINFO)).toBeUndefined();
  expect(s.findControl([], s.SOL_SOCKET, s.SCM_RIGHTS)).toBeUndefined();
  expect(() => s.findControl({} as never, s.SOL_SOCKET, s.SCM_RIGHTS)).toThrow('"control"');
});

test('if other messages take the room of the file descriptors, MSG_CTRUNC is set and none of them is left open', () => {
  // It stands for a label of SO_PASSSEC that exceeds its room; without a security module there is none.
  const [a, b] = s.socketpair(s.AF_UNIX, s.SOCK_DGRAM);
  s.setsockopt(b, s.SOL_SOCKET, s.SO_PASSCRED, true);
  const credentials = s.controlSpace('SCM_CREDENTIALS');
  for (const room of [0, 8, s.CMSG_LEN(4), credentials - 8, credentials, credentials + 8]) {
    const before = openFds().size;
    s.sendmsg(a, { buffers: ['x'], control: [{ level: s.SOL_SOCKET, type: s.SCM_RIGHTS, fds: [0, 1] }] });
    const { control, flags } = s.recvmsg(b, { buffers: [new Uint8Array(1)], controlLength: room });
    expect(flags & s.MSG_CTRUNC).toBe(s.MSG_CTRUNC);
    expect(s.findControl(control, s.SOL_SOCKET, s.SCM_RIGHTS)).toBeUndefined();
    expect(openFds().size).toBe(before);
  }
  s.close(a);
  s.close(b);
});

test('there is room for the longest security label that a process can give itself, which has one page', () => {
  expect(s.controlSpace('SCM_SECURITY')).toBe(s.CMSG_SPACE(4096));
});
