/** Every pair of send flags on each kind of socket in each state: results and errors are the same as in Python. */
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { loopback, loopback6 } from '../helpers/fixtures.ts';
import { ipv6, need, program } from '../helpers/need.ts';
import { python } from '../helpers/python.ts';

const FLAGS = {
  MSG_DONTWAIT: s.MSG_DONTWAIT,
  MSG_NOSIGNAL: s.MSG_NOSIGNAL,
  MSG_MORE: s.MSG_MORE,
  MSG_OOB: s.MSG_OOB,
  MSG_EOR: s.MSG_EOR,
  MSG_CONFIRM: s.MSG_CONFIRM,
  MSG_DONTROUTE: s.MSG_DONTROUTE,
  MSG_ZEROCOPY: s.MSG_ZEROCOPY,
  MSG_PROXY: 0x10,
  MSG_ERRQUEUE: s.MSG_ERRQUEUE,
  MSG_FASTOPEN: s.MSG_FASTOPEN,
  'a bit without a name': 0x01000000,
  'the sign': -(2 ** 31),
};
const names = Object.keys(FLAGS) as (keyof typeof FLAGS)[];
const sets = [[], ...names.map((name) => [name]), ...names.flatMap((a, i) => names.slice(i + 1).map((b) => [a, b]))];
const values = sets.map((set) => set.reduce((flags, name) => flags | FLAGS[name], 0));

const KINDS = [
  ['AF_INET', 'SOCK_DGRAM'],
  ['AF_INET', 'SOCK_STREAM'],
  ['AF_INET6', 'SOCK_DGRAM'],
  ['AF_INET6', 'SOCK_STREAM'],
  ['AF_UNIX', 'SOCK_DGRAM'],
  ['AF_UNIX', 'SOCK_STREAM'],
  ['AF_UNIX', 'SOCK_SEQPACKET'],
] as const;
const STATES = ['connected', 'the peer is gone', 'shut down', 'not connected'] as const;
const CALLS = ['send', 'sendmsg', 'sendto', 'sendmmsg'] as const;
type Kind = (typeof KINDS)[number];

/**
 * Pairs of flags for send and sendmmsg, which have the least and the most code of their own; single flags for the
 * others.
 */
const singles = values.slice(0, names.length + 1);
const valuesOf = { send: values, sendmsg: singles, sendto: singles, sendmmsg: values };

/**
 * The same in Python, which has no sendmmsg: it uses sendmsg instead. Prints one line for each kind, state and call.
 */
const PYTHON = `
import socket as m, errno, select
def world(family, type, state):
    f, t = getattr(m, family), getattr(m, type)
    address = {'AF_INET': ('127.0.0.1', 0), 'AF_INET6': ('::1', 0)}.get(family)
    if state == 'not connected':
        a, b = m.socket(f, t), None
        return a, b
    if family == 'AF_UNIX': a, b = m.socketpair(f, t)
    elif type == 'SOCK_DGRAM':
        a, b = m.socket(f, t), m.socket(f, t)
        b.bind(address)
        a.connect(b.getsockname())
    else:
        l = m.socket(f, t)
        l.bind(address)
        l.listen()
        a = m.socket(f, t)
        a.connect(l.getsockname())
        b = l.accept()[0]
        l.close()
    if state == 'the peer is gone':
        b.setsockopt(m.SOL_SOCKET, m.SO_LINGER, b'\\1\\0\\0\\0\\0\\0\\0\\0')
        b.close()
        if type == 'SOCK_STREAM': wait(a)
    if state == 'shut down': a.shutdown(m.SHUT_WR)
    return a, b
def wait(a):
    poll = select.poll()
    poll.register(a, 0)
    poll.poll(10000) # POLLHUP: the end has arrived here
def target(family):
    # Nobody: the kernel looks at the socket first.
    return {'AF_INET': ('127.0.0.1', 1), 'AF_INET6': ('::1', 1)}.get(family, b'\\0sys-socket-nobody')
def attempt(call):
    try: return call()
    except OSError as error: return -error.errno
def answer(kind, state, name, flags):
    a, b = world(*kind, state)
    try:
        if name == 'send': return attempt(lambda: a.send(b'data', flags))
        if name == 'sendto': return attempt(lambda: a.sendto(b'data', flags, target(kind[0])))
        return attempt(lambda: a.sendmsg([b'da', b'ta'], [], flags))
    finally:
        a.close()
        if b: b.close()
cases = json.loads(sys.argv[1])
print(json.dumps([[answer(kind, state, name, flags) for flags in cases['values'][name]]
    for kind in cases['kinds'] for state in cases['states'] for name in cases['calls']]))
`;

const NUMBERS = {
  AF_INET: s.AF_INET,
  AF_INET6: s.AF_INET6,
  AF_UNIX: s.AF_UNIX,
  SOCK_DGRAM: s.SOCK_DGRAM,
  SOCK_STREAM: s.SOCK_STREAM,
  SOCK_SEQPACKET: s.SOCK_SEQPACKET,
};
const LINGER = new Int32Array([1, 0]);

function world([family, type]: Kind, state: (typeof STATES)[number]): number[] {
  const [f, t] = [NUMBERS[family], NUMBERS[type]];
  const address = { AF_INET: loopback, AF_INET6: loopback6 }[family as 'AF_INET'];
  if (state === 'not connected') return [s.socket(f, t)];
  let fds: [number, number];
  if (family === 'AF_UNIX') fds = s.socketpair(f, t);
  else if (type === 'SOCK_DGRAM') {
    fds = [s.socket(f, t), s.socket(f, t)];
    s.bind(fds[1], address);
    s.connect(fds[0], s.getsockname(fds[1])!);
  } else {
    const listener = s.socket(f, t);
    s.bind(listener, address);
    s.listen(listener);
    const client = s.socket(f, t);
    s.connect(client, s.getsockname(listener)!);
    fds = [client, s.accept(listener).fd];
    s.close(listener);
  }
  if (state === 'the peer is gone') {
    s.setsockopt(fds[1], s.SOL_SOCKET, s.SO_LINGER, LINGER);
    s.close(fds.pop()!);
    if (type === 'SOCK_STREAM') s.poll([{ fd: fds[0], events: 0 }], 10_000); // POLLHUP: the end has arrived here
  }
  if (state === 'shut down') s.shutdown(fds[0], s.SHUT_WR);
  return fds;
}

function target([family]: Kind): s.AddressLike {
  if (family === 'AF_UNIX') return { family: s.AF_UNIX, path: '\0sys-socket-nobody' };
  return { ...(family === 'AF_INET' ? loopback : loopback6), port: 1 };
}

const batch = new s.MessageBatch({ messages: 1, size: 4 });
const data = Buffer.from('data');

function answer(kind: Kind, state: (typeof STATES)[number], call: (typeof CALLS)[number], flags: number): number {
  const fds = world(kind, state);
  try {
    const [fd] = fds as [number];
    if (call === 'send') return nothrow.send(fd, data, flags);
    if (call === 'sendto') return nothrow.sendto(fd, data, flags, target(kind));
    if (call === 'sendmsg') return nothrow.sendmsg(fd, { buffers: [data.subarray(0, 2), data.subarray(2)] }, flags);
    batch.clear();
    batch.push('data');
    const n = nothrow.sendmmsg(fd, batch, flags);
    return n === 1 ? 4 : n;
  } finally {
    for (const fd of fds) s.close(fd);
  }
}

test('results and errors are the same as in Python', (context) => {
  need(context, program('python3'), ipv6);
  const python3 = python<number[][]>(
    PYTHON,
    JSON.stringify({ kinds: KINDS, states: STATES, calls: CALLS, values: valuesOf }),
  );
  const wrong: string[] = [];
  let line = 0;
  for (const kind of KINDS) {
    for (const state of STATES) {
      for (const call of CALLS) {
        const expected = python3[line++]!;
        valuesOf[call].forEach((flags, i) => {
          const n = answer(kind, state, call, flags);
          if (n !== expected[i]) {
            wrong.push(
              `${kind.join(', ')}, ${state}, ${call}, ${sets[i]!.join(' and ')}: ${n}, in Python ${expected[i]}`,
            );
          }
        });
      }
    }
  }
  expect(wrong).toEqual([]);
});
