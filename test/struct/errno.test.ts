/**
 * The exact errno of every call in every way to fail, the same as C gets from the same kernel with the same privileges.
 */
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { AF_INET, errnoName, SOCK_DGRAM } from '../../lib/index.ts';
import * as n from '../../lib/nothrow.ts';
import { type Calls, nothrow, throwing } from '../helpers/calls.ts';
import { errnos, libc } from '../helpers/errno-libc.ts';
import { remembering, type Scenario, scenarios } from '../helpers/errno-scenarios.ts';
import { cleanup, openSockets } from '../helpers/fds.ts';
import { need, program } from '../helpers/need.ts';
import { python } from '../helpers/python.ts';

/** The calls whose results are new file descriptors. */
const CREATING: readonly (keyof Calls)[] = ['socket', 'socketpair', 'accept', 'accept4', 'dup'];

const nameOf = ({ call, title }: Scenario) => `${call}: ${title}`;

/** The name of an errno; 0 for success, or Python's message if it could not prepare the scenario. */
const code = (errno: number | string) => (typeof errno === 'number' ? (errnoName(errno) ?? errno) : errno);

/** Makes the call of a scenario. Returns its errno, or 0; the test then closes what the call created. */
function errnoOf({ call, run }: Scenario, calls: Calls): number {
  const result = run(calls);
  if (typeof result === 'number' && result < 0) return -result;
  if (CREATING.includes(call)) cleanup(...([result].flat() as [number]));
  return 0;
}

let expected: Map<string, number | string>;
let socketsBefore = 0;

beforeAll(() => {
  expected = errnos(new Map(scenarios.map((scenario) => [nameOf(scenario), scenario.python])));
  socketsBefore = openSockets();
});

afterAll(() => {
  expect(openSockets()).toBeLessThanOrEqual(socketsBefore); // sockets that were dropped before may be collected
});

test('every scenario has a unique name', () => {
  expect(new Set(scenarios.map(nameOf)).size).toBe(scenarios.length);
});

for (const scenario of scenarios) {
  test(nameOf(scenario), (context) => {
    need(context, ...scenario.needs);
    const errno = expected.get(nameOf(scenario))!;
    if (!scenario.maySucceed) expect(errno, 'Python succeeds').not.toBe(0);
    expect([throwing, nothrow].map((calls) => code(errnoOf(scenario, calls)))).toEqual([code(errno), code(errno)]);
  });
}

describe('coverage of the scenarios', () => {
  const codesOf = (call: keyof Calls) =>
    scenarios.filter((scenario) => scenario.call === call).map((scenario) => code(expected.get(nameOf(scenario))!));
  const calls = Object.keys(throwing) as (keyof Calls)[];
  const creating: (keyof Calls)[] = ['socket', 'socketpair'];
  const forAnyFile: (keyof Calls)[] = [
    'close',
    'dup',
    'read',
    'write',
    'readv',
    'writev',
    'fcntl',
    'ioctl',
    'sockatmark',
  ];

  test.each(calls.filter((call) => !creating.includes(call)))('a scenario of %s fails with EBADF', (call) => {
    expect(codesOf(call)).toContain('EBADF');
  });

  test.each(calls.filter((call) => !creating.includes(call) && !forAnyFile.includes(call)))(
    'a scenario of %s fails with ENOTSOCK',
    (call) => {
      expect(codesOf(call)).toContain('ENOTSOCK');
    },
  );

  test.each([
    'EACCES',
    'EADDRINUSE',
    'EADDRNOTAVAIL',
    'EAFNOSUPPORT',
    'EAGAIN',
    'EALREADY',
    'EBADF',
    'ECONNREFUSED',
    'ECONNRESET',
    'EDESTADDRREQ',
    'EDOM',
    'EINPROGRESS',
    'EINVAL',
    'EISCONN',
    'EISDIR',
    'EMSGSIZE',
    'ENODEV',
    'ENOENT',
    'ENOPROTOOPT',
    'ENOTCONN',
    'ENOTDIR',
    'ENOTSOCK',
    'ENOTTY',
    'EOPNOTSUPP',
    'EPERM',
    'EPIPE',
    'EPROTONOSUPPORT',
    'EPROTOTYPE',
    'ESOCKTNOSUPPORT',
  ])('a scenario fails with %s', (name) => {
    expect([...expected.values()].map(code)).toContain(name);
  });
});

describe('a buffer that is used again and whose pointer is cached', () => {
  const bad = scenarios.filter(({ call, title }) => remembering.includes(call) && title.startsWith('a bad descriptor'));

  test.each(bad.map((scenario) => [nameOf(scenario), scenario] as const))('%s', (name) => {
    const data = new Uint8Array(16);
    const to = new Uint8Array(16);
    const from = new Uint8Array(128);
    const fd = Number(/-?\d+$/.exec(name)![0]);
    const run: Record<string, () => number> = {
      send: () => n.send(fd, data),
      sendto: () => n.sendto(fd, data, 0, to),
      recv: () => n.recv(fd, data),
      recvfrom: () => n.recvfrom(fd, data, 0, { bytes: from, length: 0, decode: () => undefined, encode: () => from }),
    };
    const call = run[name.split(':')[0]!]!;
    expect([call(), call(), call(), call()]).toEqual(new Array(4).fill(-(expected.get(name) as number)));
  });
});

describe('EMFILE', () => {
  // Node opens many modules at once while it loads the library.
  const limit = 256;
  const index = new URL('../../dist/index.js', import.meta.url).href;
  const twin = new URL('../../dist/nothrow.js', import.meta.url).href;

  /** The built library, as a child process needs JavaScript. `npm test` has built it. */
  const child = `
    import * as s from ${JSON.stringify(index)};
    import * as n from ${JSON.stringify(twin)};
    import { writeSync } from 'node:fs';
    const listener = s.socket(s.AF_INET, s.SOCK_STREAM);
    s.bind(listener, { family: s.AF_INET, address: '127.0.0.1', port: 0 });
    s.listen(listener);
    const client = s.socket(s.AF_INET, s.SOCK_STREAM);
    s.connect(client, s.getsockname(listener));
    let last = 0;
    while (last >= 0) last = n.socket(s.AF_UNIX, s.SOCK_DGRAM);
    const attempt = (call) => {
      try { return [call(), '']; } catch (error) { return [-error.errno, error.syscall, error.code]; }
    };
    writeSync(1, JSON.stringify({
      throwing: [
        attempt(() => s.socket(s.AF_INET, s.SOCK_STREAM)),
        attempt(() => s.socketpair(s.AF_UNIX, s.SOCK_STREAM)),
        attempt(() => s.accept(listener)),
        attempt(() => s.accept4(listener, 0)),
        attempt(() => s.dup(client)),
        attempt(() => s.fcntl(client, s.F_DUPFD_CLOEXEC, 0)),
      ],
      nothrow: [
        n.socket(s.AF_INET, s.SOCK_STREAM),
        n.socketpair(s.AF_UNIX, s.SOCK_STREAM, 0, []),
        n.accept(listener),
        n.accept4(listener, 0),
        n.dup(client),
        n.fcntl(client, s.F_DUPFD_CLOEXEC, 0),
      ],
    }));
  `;

  test('a process without a free file descriptor', (context) => {
    need(context, program('prlimit'));
    const want = python<number[]>(`${libc}
import resource
fd, at = listener()
client = tcp()
ok(connect(client, at))
resource.setrlimit(resource.RLIMIT_NOFILE, (${limit}, ${limit}))
while socket(AF_UNIX, SOCK_DGRAM, 0) >= 0: pass
answers = [socket(AF_INET, SOCK_STREAM, 0), socketpair(AF_UNIX, SOCK_STREAM), accept(fd), accept4(fd, 0), dup(client),
           fcntl(client, 1030, 0)]
print(json.dumps(answers))`);
    const command = [`--nofile=${limit}:${limit}`, process.execPath, '--input-type=module', '-e', child];
    const ran = spawnSync('prlimit', command, { encoding: 'utf8' });
    expect(ran.stderr).toBe('');
    const got = JSON.parse(ran.stdout) as { throwing: [number, string, string][]; nothrow: number[] };
    expect(want.every((result) => result < 0)).toBe(true);
    expect(got.nothrow).toEqual(want);
    expect(got.throwing.map(([result]) => result)).toEqual(want);
    expect(got.throwing.map(([, syscall]) => syscall)).toEqual([
      'socket',
      'socketpair',
      'accept',
      'accept4',
      'dup',
      'fcntl',
    ]);
    expect(new Set(got.throwing.map(([, , name]) => name))).toEqual(new Set(['EMFILE']));
  });
});

test('a successful call after a failed one is not affected by it', () => {
  expect(n.close(-1)).toBeLessThan(0);
  const fd = n.socket(AF_INET, SOCK_DGRAM);
  expect(fd).toBeGreaterThanOrEqual(0);
  expect(n.close(fd)).toBe(0);
});
