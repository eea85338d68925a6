// A test runner evaluates modules again, and a bundle contains its own copy: errors are recognized by their properties.
import { createRequire } from 'node:module';
import { runInNewContext } from 'node:vm';
import { expect, expectTypeOf, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { isLookupError } from '../../lib/posix/lookup-error.ts';

/** The CommonJS build, which a program may load beside the ES module. */
function anotherCopy(): typeof s {
  const other: typeof s = createRequire(import.meta.url)('../../dist/cjs/index.js');
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

test('isErrno recognizes the errors of another copy of the library', () => {
  const other = anotherCopy();
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

test('errors of lookups in another copy of the library are recognized', () => {
  const other = anotherCopy();
  expect(isLookupError(caught(() => other.getaddrinfo('127.0.0.1', 'no such service')))).toBe(true);
  expect(isLookupError(caught(() => other.listen(-1)))).toBe(false);
});

test('isErrno recognizes the errors of another realm and of subclasses', () => {
  const error = runInNewContext(
    `Object.assign(new Error('EBADF: Bad file descriptor, listen'), { name: 'SocketError', code: 'EBADF', errno: 9 })`,
  );
  expect(error).not.toBeInstanceOf(Error);
  expect(s.isErrno(error, 'EBADF')).toBe(true);
  class Mine extends s.SocketError {}
  expect(s.isErrno(new Mine(9, 'listen'), 'EBADF')).toBe(true);
});

test('isErrno rejects everything that is not a SocketError and never throws', () => {
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
