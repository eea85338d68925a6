/** Behaviour when epoll accepts no further file descriptor, at the limit of watches of a user (ENOSPC). */
import { expect, test, vi } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { patient } from '../helpers/programs.ts';
import { keep } from '../helpers/sockets.ts';

/** The error with which epoll_ctl(2) fails in this process, or 0. */
const epoll = vi.hoisted(() => ({ failure: 0 }));

vi.mock('../../lib/native/native.ts', async (original) => {
  const real = await original<typeof import('../../lib/native/native.ts')>();
  const reactorControl: typeof real.native.reactorControl = (...args) =>
    epoll.failure || real.native.reactorControl(...args);
  return { ...real, native: { ...real.native, reactorControl } };
});

test('connections() tries again when the limit of watches is reached, as with the other limits', async () => {
  const server = keep(s.createServer({ host: '127.0.0.1', port: 0 }));
  epoll.failure = -s.ENOSPC;
  const errors: string[] = [];
  const next = server.connections({ onError: ({ code, syscall }) => errors.push(code, syscall) }).next();
  await expect.poll(() => errors.length, patient).toBeGreaterThan(0);
  expect(errors.slice(0, 2)).toEqual(['ENOSPC', 'epoll_ctl']);
  epoll.failure = 0;
  const client = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
  await client.connect(server.getsockname());
  const { value } = await next;
  expect(keep(value!.socket).getpeername()).toEqual(client.getsockname());
});

test('a sendAll that cannot wait for room says how much it sent, and a read with MSG_WAITALL returns its part', async () => {
  const [a, b] = s.Socket.pair();
  keep(a, b);
  a.sendSync('ab');
  epoll.failure = -s.ENOSPC;
  try {
    expect(String(await b.recv(4, s.MSG_WAITALL))).toBe('ab');
    const failed = await a.sendAll(Buffer.alloc(10_000_000)).catch((error: unknown) => error);
    expect(failed).toMatchObject({ code: 'ENOSPC', syscall: 'epoll_ctl', sent: expect.any(Number) });
    let received = 0;
    for (let n = 1; n > 0; received += Math.max(n, 0)) n = nothrow.recv(b.fd, Buffer.alloc(65536), s.MSG_DONTWAIT);
    expect((failed as { sent: number }).sent).toBe(received);
  } finally {
    epoll.failure = 0;
  }
});
