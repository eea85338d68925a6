import { join } from 'node:path';
import { expect, test } from 'vitest';
import { namespaces, need, node, packetSockets, strace } from '../../helpers/need.ts';
import { traced } from '../../helpers/strace.ts';

const PACKETS = 3000;
/** As many as any socket has room for; one call receives 32 of them. */
const FEW = 96;

let known: Map<string, string[]> | undefined;
/** Counts the calls of one part by their names, and the number of blocks. */
function costs(part: string): { count: (...names: string[]) => number; blocks: number } {
  const program = join(import.meta.dirname, '../../helpers/capture-costs-program.js');
  const parts = [`fields=${PACKETS}`, `views=${PACKETS}`, `calls=${FEW}`];
  const start = ['-n', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', process.execPath];
  known ??= traced('unshare', ...start, program, ...parts);
  const calls = known.get(part)!.map((line) => line.slice(0, line.indexOf('(')));
  const blocks = [...known.keys()].find((name) => name.startsWith(`${part}: `))!;
  return {
    count: (...names) => calls.filter((name) => names.includes(name)).length,
    blocks: Number(blocks.split(' ')[1]),
  };
}

test.for(['fields', 'views'])('packets of a ring need no system call, only waits do: %s', (way, context) => {
  need(context, node, strace, namespaces, packetSockets);
  const { count, blocks } = costs(`${way}=${PACKETS}`);
  expect(count('recvfrom', 'recvmsg', 'recvmmsg', 'poll', 'ppoll')).toBe(0);
  expect(count('epoll_wait')).toBeLessThanOrEqual(blocks);
  // The first wait adds the ring to the epoll set of the event loop, which it creates.
  expect(count('epoll_ctl')).toBeLessThanOrEqual(blocks + 4);
});

test('without a ring, 32 packets are read at a time', (context) => {
  need(context, node, strace, namespaces, packetSockets);
  const { count, blocks } = costs(`calls=${FEW}`);
  expect(blocks).toBe(FEW / 32);
  // The kernel refuses MSG_CMSG_CLOEXEC for packet sockets, so each call is repeated without it.
  expect(count('recvmmsg')).toBe(2 * blocks);
  expect(count('epoll_wait')).toBe(0);
});
