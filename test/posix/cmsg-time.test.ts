import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { cleanup } from '../helpers/fds.ts';
import { loopback } from '../helpers/fixtures.ts';
import { pythonAsync } from '../helpers/python.ts';

function two(): { from: number; to: number; address: s.InetAddress } {
  const to = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  s.bind(to, loopback);
  const from = cleanup(s.socket(s.AF_INET, s.SOCK_DGRAM));
  return { from, to, address: s.getsockname(to) as s.InetAddress };
}

const buffers = [Buffer.alloc(16)];
const receive = (fd: number, flags = 0) => s.recvmsg(fd, { buffers, controlLength: 256 }, flags);
const microseconds = (nanoseconds: bigint) => nanoseconds - (nanoseconds % 1000n);

/** Sends until a message arrives as expected: the kernel starts to take timestamps shortly after it was asked to. */
async function until<T>(send: () => void, take: () => T | undefined): Promise<T> {
  for (;;) {
    send();
    const taken = take();
    if (taken !== undefined) return taken;
    await sleep(1);
  }
}

const software = s.SOF_TIMESTAMPING_RX_SOFTWARE | s.SOF_TIMESTAMPING_SOFTWARE;

describe('the time when a datagram arrived', () => {
  test('SO_TIMESTAMPNS: a time in nanoseconds, which is the same each time the message is peeked', () => {
    const { from, to, address } = two();
    s.setsockopt(to, s.SOL_SOCKET, s.SO_TIMESTAMPNS, 1);
    s.sendto(from, 'x', 0, address);
    const { control, flags } = receive(to, s.MSG_PEEK);
    expect(flags).toBe(0);
    expect(control).toEqual([
      { level: s.SOL_SOCKET, type: s.SCM_TIMESTAMPNS, nanoseconds: expect.any(BigInt) as unknown as bigint },
    ]);
    const [stamp] = control as [s.Timestamp];
    expect(stamp.nanoseconds > 1_700_000_000n * 1_000_000_000n).toBe(true); // neither from 1970 nor in another unit
    expect(receive(to).control).toEqual(control);
  });

  test('SO_TIMESTAMP: the same time, in whole microseconds', () => {
    const { from, to, address } = two();
    s.setsockopt(to, s.SOL_SOCKET, s.SO_TIMESTAMPNS, 1);
    s.sendto(from, 'x', 0, address);
    const [fine] = receive(to, s.MSG_PEEK).control as [s.Timestamp];
    s.setsockopt(to, s.SOL_SOCKET, s.SO_TIMESTAMPNS, 0);
    s.setsockopt(to, s.SOL_SOCKET, s.SO_TIMESTAMP, 1);
    expect(receive(to).control).toEqual([
      { level: s.SOL_SOCKET, type: s.SCM_TIMESTAMP, nanoseconds: microseconds(fine.nanoseconds) },
    ]);
  });

  test('SO_TIMESTAMPING: the software timestamp, beside the other one', async () => {
    const { from, to, address } = two();
    s.setsockopt(to, s.SOL_SOCKET, s.SO_TIMESTAMPNS, 1);
    s.setsockopt(to, s.SOL_SOCKET, s.SO_TIMESTAMPING, software);
    const [stamp, stamping] = await until(
      () => s.sendto(from, 'x', 0, address),
      () => {
        const { control } = receive(to);
        return control.length === 2 ? (control as [s.Timestamp, s.Timestamping]) : undefined;
      },
    );
    expect(s.isControl(stamp, s.SOL_SOCKET, s.SCM_TIMESTAMPNS)).toBe(true);
    expect(stamping).toEqual({
      level: s.SOL_SOCKET,
      type: s.SCM_TIMESTAMPING,
      software: stamp.nanoseconds,
      hardware: 0n,
    });
  });

  test('a truncated timestamp is returned as bytes', () => {
    const { from, to, address } = two();
    s.setsockopt(to, s.SOL_SOCKET, s.SO_TIMESTAMPNS, 1);
    s.sendto(from, 'x', 0, address);
    const [whole] = receive(to, s.MSG_PEEK).control as [s.Timestamp];
    const { control, flags } = s.recvmsg(to, { buffers, controlLength: 31 });
    expect(flags).toBe(s.MSG_CTRUNC);
    expect(control).toEqual([
      { level: s.SOL_SOCKET, type: s.SCM_TIMESTAMPNS, data: s.encodeControl([whole]).subarray(16, 31) },
    ]);
  });

  test('the time lies between the clock before and the clock after, as in Python', async () => {
    const { from, to, address } = two();
    s.setsockopt(to, s.SOL_SOCKET, s.SO_TIMESTAMPNS, 1);
    // Until the kernel takes timestamps on arrival, it takes them when the datagram is received.
    s.setsockopt(to, s.SOL_SOCKET, s.SO_TIMESTAMPING, software);
    await until(
      () => s.sendto(from, 'x', 0, address),
      () => (receive(to).control.length === 2 ? true : undefined),
    );
    const [before, after] = await pythonAsync<[string, string]>(
      `
before = time.time_ns()
socket(AF_INET, SOCK_DGRAM).sendto(b'x', ('127.0.0.1', int(sys.argv[1])))
print(json.dumps([str(before), str(time.time_ns())]))`,
      String(address.port),
    );
    const [stamp] = receive(to).control as [s.Timestamp];
    expect(stamp.nanoseconds >= BigInt(before)).toBe(true);
    expect(stamp.nanoseconds <= BigInt(after)).toBe(true);
  });
});

test('the error queue contains the time when a datagram was sent, with its key', async () => {
  const { from, address } = two();
  const flags = s.SOF_TIMESTAMPING_TX_SOFTWARE | s.SOF_TIMESTAMPING_SOFTWARE | s.SOF_TIMESTAMPING_OPT_ID;
  s.setsockopt(from, s.SOL_SOCKET, s.SO_TIMESTAMPING, flags);
  for (const key of [0, 1, 2]) {
    s.sendto(from, 'x', 0, address);
    const { control, flags: returned } = await until(
      () => {},
      () => {
        try {
          return receive(from, s.MSG_ERRQUEUE);
        } catch (error) {
          if (s.isErrno(error, 'EAGAIN')) return undefined;
          throw error;
        }
      },
    );
    expect(returned & s.MSG_ERRQUEUE).toBe(s.MSG_ERRQUEUE);
    const stamping = control.find((one) => s.isControl(one, s.SOL_SOCKET, s.SCM_TIMESTAMPING))!;
    expect(stamping.software > 0n).toBe(true);
    expect(stamping.hardware).toBe(0n);
    const extended = control.find((one) => s.isControl(one, s.IPPROTO_IP, s.IP_RECVERR))!;
    expect(extended.error).toEqual({
      errno: s.ENOMSG,
      origin: s.SO_EE_ORIGIN_TIMESTAMPING,
      type: 0,
      code: 0,
      info: s.SCM_TSTAMP_SND,
      data: key,
    });
  }
});
