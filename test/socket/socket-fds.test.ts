import { describe, expect, test, vi } from 'vitest';
import * as s from '../../lib/index.ts';
import * as nothrow from '../../lib/nothrow.ts';
import { numbered, numberOf, openFds, openSockets } from '../helpers/fds.ts';
import { folder } from '../helpers/fixtures.ts';
import { type Need, need, program } from '../helpers/need.ts';
import { pythonAsync } from '../helpers/python.ts';
import { failure, isSettled, keep, unixPair } from '../helpers/sockets.ts';

/** Whether sockets of this kernel pass pidfds of their peers with messages. */
const passPidfd: Need = () => {
  const fd = s.socket(s.AF_UNIX, s.SOCK_STREAM);
  const n = nothrow.setsockopt(fd, s.SOL_SOCKET, s.SO_PASSPIDFD, 1);
  s.close(fd);
  return n < 0 ? `SO_PASSPIDFD: ${s.errnoName(-n)}` : undefined;
};

describe('sendFds and recvFds', () => {
  test.each(['recvFds', 'recvFdsSync'] as const)(
    '%s without memory for the data leaves no file descriptor open',
    async (name) => {
      const [a, b] = unixPair(s.SOCK_STREAM);
      await a.sendFds([a.fd, b.fd], 'x');
      const before = openFds().size;
      const allocate = vi.spyOn(Buffer, 'allocUnsafe').mockImplementation(() => {
        throw new RangeError('Array buffer allocation failed');
      });
      try {
        await expect((async () => b[name](8, 2))()).rejects.toThrow('allocation failed');
      } finally {
        allocate.mockRestore();
      }
      expect(openFds().size).toBe(before);
    },
  );

  test('a pidfd of the sender that SO_PASSPIDFD adds is not left open', async (context) => {
    need(context, passPidfd);
    const [a, b] = unixPair(s.SOCK_STREAM);
    b.setsockopt(s.SOL_SOCKET, s.SO_PASSPIDFD, 1);
    const before = openFds().size;
    for (let i = 0; i < 4; i++) {
      await a.send('no descriptors');
      expect((await b.recvFds(64, 8)).fds).toEqual([]);
    }
    expect(openFds().size).toBe(before);
  });

  test('as many file descriptors arrive as were sent, open and close-on-exec', async () => {
    for (const type of [s.SOCK_STREAM, s.SOCK_DGRAM, s.SOCK_SEQPACKET]) {
      const [a, b] = unixPair(type);
      const fds = [1, 2, 3].map(numbered);
      const received = b.recvFds(64, 8);
      expect(await isSettled(received, 10)).toBe(false);
      await a.sendFds(fds, 'three');
      for (const fd of fds) s.close(fd);
      const message = await received;
      expect([String(message.data), message.flags & s.MSG_CTRUNC]).toEqual(['three', 0]);
      expect(message.fds.every((fd) => s.fcntl(fd, s.F_GETFD) === s.FD_CLOEXEC)).toBe(true);
      expect(message.fds.map(numberOf)).toEqual([1, 2, 3]);
    }
  });

  test('no more arrive than were asked for; the kernel closes the rest and sets a flag', async () => {
    const before = openSockets();
    const [a, b] = unixPair(s.SOCK_DGRAM);
    for (const most of [0, 1, 2, 3]) {
      const fds = [1, 2, 3, 4].map(numbered);
      await a.sendFds(fds, 'x');
      for (const fd of fds) s.close(fd);
      const message = await b.recvFds(8, most);
      expect([message.fds.map(numberOf), message.flags & s.MSG_CTRUNC]).toEqual([
        [1, 2, 3].slice(0, most),
        s.MSG_CTRUNC,
      ]);
    }
    expect(openSockets()).toBe(before + 2);
  });

  test('data may come without file descriptors, and a stream with file descriptors in parts', async () => {
    const [a, b] = unixPair();
    await a.sendAll('plain');
    expect(await b.recvFds(8, 4)).toMatchObject({ data: Buffer.from('plain'), fds: [] });
    const fd = numbered(7);
    await a.sendFds([fd], 'carried');
    s.close(fd);
    const first = await b.recvFds(3, 4);
    const rest = await b.recvFds(8, 4);
    expect([String(first.data), String(rest.data), rest.fds]).toEqual(['car', 'ried', []]);
    expect(first.fds.map(numberOf)).toEqual([7]);
  });

  test('invalid arguments throw', async () => {
    const [a] = unixPair();
    expect(await failure(a.sendFds([99_999], 'x'))).toMatchObject({ code: 'EBADF', syscall: 'sendmsg' });
    expect(await failure(a.sendFds(new Array(254).fill(a.fd), 'x'))).toMatchObject({ code: 'EINVAL' });
    expect(await failure(a.sendFds([Number.NaN], 'x'))).toBeInstanceOf(RangeError);
    expect(await failure(a.sendFds(['0' as never], 'x'))).toBeInstanceOf(TypeError);
    expect(await failure(a.recvFds(8, -1))).toBeInstanceOf(RangeError);
  });

  test('more data than fits is sent with its file descriptor exactly once', async () => {
    const [a, b] = unixPair();
    a.setsockopt(s.SOL_SOCKET, s.SO_SNDBUF, 4096);
    const fd = numbered(1);
    const sending = a.sendFds([fd], Buffer.alloc(500_000, 'x'));
    const seen: number[] = [];
    let length = 0;
    while (length < 500_000) {
      const message = await b.recvFds(65_536, 4);
      length += message.data.length;
      seen.push(...message.fds.map(numberOf));
    }
    await sending;
    s.close(fd);
    expect([seen, length]).toEqual([[1], 500_000]);
  });

  test('an abort before anything was sent sends no file descriptor', async () => {
    const [a, b] = unixPair();
    const controller = new AbortController();
    a.setsockopt(s.SOL_SOCKET, s.SO_SNDBUF, 4096);
    const blocking = a.sendAll(Buffer.alloc(100_000));
    const sending = failure(a.sendFds([a.fd], 'carried', 0, { signal: controller.signal }));
    controller.abort();
    expect(await sending).toBeInstanceOf(s.AbortError);
    for (let length = 0; length < 100_000; ) {
      const message = await b.recvFds(65_536, 4);
      length += message.data.length;
      expect(message.fds).toEqual([]);
    }
    await blocking;
    expect(await failure(b.recvFds(8, 4, s.MSG_DONTWAIT))).toMatchObject({ code: 'EAGAIN' });
  });
});

describe('2,000 messages with one file descriptor each, under back-pressure', () => {
  const COUNT = 2000;

  /** Sends them concurrently, with a limited number of pending sends. */
  async function sendMany(socket: s.Socket, data: Uint8Array): Promise<void> {
    let next = 0;
    const one = async () => {
      while (next < COUNT) {
        const number = next++;
        const fd = numbered(number);
        await socket.sendFds([fd], data);
        s.close(fd);
      }
    };
    await Promise.all(Array.from({ length: 40 }, one));
  }

  for (const [name, type] of [
    ['a stream', s.SOCK_STREAM],
    ['datagrams', s.SOCK_DGRAM],
    ['seqpackets', s.SOCK_SEQPACKET],
  ] as const) {
    test(`${name}: each arrives exactly once`, async () => {
      const before = openSockets();
      const [a, b] = unixPair(type);
      a.setsockopt(s.SOL_SOCKET, s.SO_SNDBUF, 4096);
      const data = Buffer.alloc(1500, 'x');
      const sending = sendMany(a, data);
      const seen: number[] = [];
      let length = 0;
      while (length < COUNT * data.length) {
        const message = await b.recvFds(4000, 4);
        expect(message.flags & s.MSG_CTRUNC).toBe(0);
        length += message.data.length;
        seen.push(...message.fds.map(numberOf));
      }
      await sending;
      expect(length).toBe(COUNT * data.length);
      expect(seen.sort((x, y) => x - y)).toEqual(Array.from({ length: COUNT }, (_, i) => i));
      expect(openSockets()).toBe(before + 2);
    });
  }
});

test('send_fds and recv_fds of Python exchange file descriptors with ours', async (context) => {
  need(context, program('python3'));
  const server = s.createServer({ path: `${folder()}/s` });
  keep(server);
  const { path } = server.getsockname() as { path: string };
  const script = `
sock = socket(AF_UNIX, SOCK_STREAM)
sock.connect(sys.argv[1])
data, fds, flags, _ = recv_fds(sock, 100, 10)
r, w = os.pipe()
os.write(w, b'from a pipe of Python')
send_fds(sock, [b'mine'], [r, w])
print(json.dumps([data.decode(), [os.read(fd, 100).decode() for fd in fds], flags]))`;
  const answered = pythonAsync(script, path);
  const { socket } = await server.accept();
  keep(socket);
  const fds = [numbered(1), numbered(2)];
  await socket.sendFds(fds, 'ours');
  for (const fd of fds) s.close(fd);
  const { data, fds: theirs } = await socket.recvFds(100, 10);
  const buffer = Buffer.alloc(64);
  expect(String(data)).toBe('mine');
  expect(buffer.toString('latin1', 0, s.read(theirs[0]!, buffer))).toBe('from a pipe of Python');
  for (const fd of theirs) s.close(fd);
  expect(await answered).toEqual(['ours', ['1', '2'], expect.any(Number)]);
});
