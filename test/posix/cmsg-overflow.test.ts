import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { cleanup } from '../helpers/fds.ts';
import { loopback } from '../helpers/fixtures.ts';

test('SO_RXQ_OVFL counts the messages that the socket dropped, starting with the first drop', () => {
  const to = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  s.setsockopt(to, s.SOL_SOCKET, s.SO_RXQ_OVFL, 1);
  s.setsockopt(to, s.SOL_SOCKET, s.SO_RCVBUF, 1); // the minimum
  s.bind(to, loopback);
  const from = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  s.connect(from, s.getsockname(to)!);
  const buffer = Buffer.alloc(16);

  /** Receives up to a marker that is sent now; returns the drops that each message reported. */
  function drain(marker: string): number[][] {
    // While the queue is full, the marker would be dropped as well: make room first.
    const seen: number[][] = [];
    const take = (control: s.ControlMessage[]) =>
      seen.push(control.map((one) => (s.isControl(one, s.SOL_SOCKET, s.SO_RXQ_OVFL) ? one.value : -1)));
    const control = new Uint8Array(64);
    const header: nothrow.ReceiveHeader = { buffers: [buffer], control };
    while (nothrow.recvmsg(to, header, s.MSG_DONTWAIT) >= 0) take(s.decodeControl(control, header.controlLength));
    s.send(from, marker);
    for (;;) {
      const message = s.recvmsg(to, { buffers: [buffer], controlLength: s.CMSG_SPACE(4) });
      take(message.control);
      if (buffer.toString('utf8', 0, message.length) === marker) return seen;
    }
  }

  // Nothing is lost yet: no message reports drops.
  expect(drain('start')).toEqual([[]]);

  const burst = 300;
  for (let i = 0; i < burst; i++) s.send(from, 'x');
  const first = drain('first');
  const dropped = burst - (first.length - 1);
  expect(dropped).toBeGreaterThan(0);
  expect(first.at(-1)).toEqual([dropped]);
  expect(first[0]).toEqual([]); // it was queued before any was lost

  for (let i = 0; i < burst; i++) s.send(from, 'x');
  const second = drain('second');
  expect(second[0]).toEqual([dropped]);
  expect(second.at(-1)).toEqual([dropped + burst - (second.length - 1)]);
});
