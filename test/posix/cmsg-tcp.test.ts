import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { connection } from '../helpers/fixtures.ts';

test('TCP_CM_INQ counts the bytes that are left to receive, and the end of the stream as one', () => {
  const { client, server } = connection();
  s.setOption(server, 'TCP_INQ', true);
  s.send(client, 'x'.repeat(10));
  const left = (length: number, flags = 0) => {
    const message = { buffers: [Buffer.alloc(length)], controlLength: s.controlSpace('TCP_CM_INQ') };
    return s.findControl(s.recvmsg(server, message, flags).control, s.SOL_TCP, s.TCP_CM_INQ)?.value;
  };
  expect(left(4)).toBe(6);
  s.shutdown(client, s.SHUT_WR);
  expect(left(6, s.MSG_WAITALL)).toBe(1);
  expect(left(1)).toBe(1);
});
