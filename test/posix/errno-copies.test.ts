// A test runner evaluates modules again, a bundle has a copy of its own: an error is judged by what it is.
import { runInNewContext } from 'node:vm';
import { expect, expectTypeOf, test, vi } from 'vitest';
import * as s from '../../lib/index.ts';
import { isLookupError } from '../../lib/posix/netdb.ts';

async function anotherCopy(): Promise<typeof s> {
  vi.resetModules();
  const other = (await import('../../lib/index.ts')) as typeof s;
  expect(other.SocketError).not.toBe(s.SocketError);
  return other;
}

function caught(call: () => unknown): unknown {
  try {
    call();
  } catch (error) {
    return error;
  }
  return expect.unreachable();
}

test('isErrno knows the errors of another copy of the library', async () => {
  const other = await anotherCopy();
  const errors = [caught(() => other.listen(-1)), caught(() => s.listen(-1))];
  for (const error of errors) {
    for (const { isErrno } of [s, other]) {
      expect(isErrno(error)).toBe(true);
      expect(isErrno(error, 'EAGAIN', 'EBADF')).toBe(true);
      expect(isErrno(error, 'EAGAIN')).toBe(false);
      if (isErrno(error, 'EBADF')) expectTypeOf(error.code).toEqualTypeOf<'EBADF'>();
    }
  }
});

test('look-ups that failed in another copy are known', async () => {
  const other = await anotherCopy();
  expect(isLookupError(caught(() => other.getaddrinfo('127.0.0.1', 'no such service')))).toBe(true);
  expect(isLookupError(caught(() => other.listen(-1)))).toBe(false);
});

test('isErrno knows the errors of another realm, and of subclasses', () => {
  const error = runInNewContext(
    `Object.assign(new Error('EBADF: Bad file descriptor, listen'), { name: 'SocketError', code: 'EBADF', errno: 9 })`,
  );
  expect(error).not.toBeInstanceOf(Error);
  expect(s.isErrno(error, 'EBADF')).toBe(true);
  class Mine extends s.SocketError {}
  expect(s.isErrno(new Mine(9, 'listen'), 'EBADF')).toBe(true);
});

test('what is no SocketError is none, and isErrno throws nothing', () => {
  const hostile = (handler: object) => new Proxy(new s.SocketError(9, 'listen'), handler);
  const refuse = () => {
    throw new Error('a trap');
  };
  const others: unknown[] = [
    undefined,
    null,
    9,
    'EBADF',
    {},
    { name: 'SocketError', code: 'EBADF', errno: 9 },
    Object.assign(new Error('x'), { code: 'EBADF', errno: -9 }),
    Object.assign(new Error('x'), { name: 'SocketError', code: 'EBADF' }),
    Object.defineProperty(new Error('x'), 'name', { get: refuse }),
    hostile({ get: refuse }),
    hostile({ getPrototypeOf: refuse }),
    hostile({ getOwnPropertyDescriptor: refuse }),
  ];
  for (const [i, other] of others.entries()) expect(s.isErrno(other, 'EBADF'), String(i)).toBe(false);
});
