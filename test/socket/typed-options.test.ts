import { expect, expectTypeOf, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { keep } from '../helpers/sockets.ts';

test('a Socket reads and sets options by their names, with their types', () => {
  const socket = keep(new s.Socket(s.AF_INET, s.SOCK_STREAM));
  socket.setOption('SO_LINGER', { onoff: true, linger: 5 });
  const linger = socket.getOption('SO_LINGER');
  expectTypeOf(linger).toEqualTypeOf<s.Linger>();
  expect(linger).toEqual(s.getOption(socket.fd, 'SO_LINGER'));
  expect(linger).toEqual({ onoff: true, linger: 5 });
  expect(() => socket.getOption('SO_NOTHING' as never)).toThrow(expect.objectContaining({ name: 'TypeError' }));
  socket.close();
  expect(() => socket.getOption('SO_LINGER')).toThrow(expect.objectContaining({ name: 'ClosedError' }));
  expect(() => socket.setOption('TCP_NODELAY', true)).toThrow(expect.objectContaining({ syscall: 'setsockopt' }));
});
