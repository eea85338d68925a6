import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as n from '../../lib/nothrow.ts';
import { errnos } from '../helpers/errno-libc.ts';
import { cleanup } from '../helpers/fds.ts';
import { folder, loopback } from '../helpers/fixtures.ts';

const tcp = (flags = 0) => cleanup(s.socket(s.AF_INET, s.SOCK_STREAM | flags));

test.each([
  ['listen', (fd: number, backlog?: number) => s.listen(fd, backlog) ?? 0],
  ['nothrow', n.listen],
])('%s lets a socket accept connections', (_name, listen) => {
  const fd = tcp();
  s.bind(fd, loopback);
  expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_ACCEPTCONN)).toBe(0);
  expect(listen(fd)).toBe(0);
  expect(s.getsockopt(fd, s.SOL_SOCKET, s.SO_ACCEPTCONN)).toBe(1);
  expect(listen(fd, 1)).toBe(0); // again, with another backlog
});

test('an unbound TCP socket is assigned a port', () => {
  const fd = tcp();
  s.listen(fd);
  const name = s.getsockname(fd) as s.InetAddress;
  expect(name.address).toBe('0.0.0.0');
  expect(name.port).toBeGreaterThan(0);
});

/** How many connections are queued at once before the kernel returns EAGAIN. */
function room(backlog: number | undefined): { waiting: number; errno: number } {
  const address: s.UnixAddress = { family: s.AF_UNIX, path: `${folder()}/socket` };
  const fd = cleanup(s.socket(s.AF_UNIX, s.SOCK_STREAM));
  s.bind(fd, address);
  s.listen(fd, backlog);
  for (let waiting = 0; ; waiting++) {
    const n1 = n.connect(cleanup(s.socket(s.AF_UNIX, s.SOCK_STREAM | s.SOCK_NONBLOCK)), address);
    if (n1 < 0) return { waiting, errno: -n1 };
  }
}

const python = (backlog: number) => `at = unix(path())
fd = new(AF_UNIX, SOCK_STREAM)
bound(fd, at)
ok(listen(fd, ${backlog}))
for waiting in range(1000):
    n = connect(new(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK), at)
    if n < 0: return waiting * n`;

test('the backlog limits the pending connections, and more of them fail with EAGAIN', () => {
  const backlogs = [0, 1, 5];
  const told = errnos(new Map(backlogs.map((backlog) => [String(backlog), python(backlog)])));
  for (const backlog of backlogs) {
    const { waiting, errno } = room(backlog);
    expect(s.errnoName(errno)).toBe('EAGAIN');
    expect(waiting * errno).toBe(told.get(String(backlog)));
  }
  expect(room(5).waiting).toBe(room(0).waiting + 5);
});

test('accepting a connection makes room for another one', () => {
  const address: s.UnixAddress = { family: s.AF_UNIX, path: `${folder()}/socket` };
  const fd = cleanup(s.socket(s.AF_UNIX, s.SOCK_STREAM));
  s.bind(fd, address);
  s.listen(fd, 0);
  const attempt = () => n.connect(cleanup(s.socket(s.AF_UNIX, s.SOCK_STREAM | s.SOCK_NONBLOCK)), address);
  expect([attempt(), s.errnoName(-attempt())]).toEqual([0, 'EAGAIN']);
  cleanup(s.accept(fd).fd);
  expect(attempt()).toBe(0);
});
