import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { namespaces, need, node, packetSockets, strace } from '../../helpers/need.ts';
import { traced } from '../../helpers/strace.ts';

vi.setConfig({ testTimeout: 120_000 });

const PACKETS = 3000;
/** As many as a socket has room for in any case, and a call takes 32 of them. */
const FEW = 96;

let known: Map<string, string[]> | undefined;
/** How often the calls of one part were made, by their names; and how many blocks it was. */
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

test.for(['fields', 'views'])('packets of a ring cost no system call, only waits do: %s', (way, context) => {
  need(context, node, strace, namespaces, packetSockets);
  const { count, blocks } = costs(`${way}=${PACKETS}`);
  expect(count('recvfrom', 'recvmsg', 'recvmmsg', 'poll', 'ppoll')).toBe(0);
  expect(count('epoll_wait')).toBeLessThanOrEqual(blocks);
  // The first wait puts the ring into the set of the event loop, and makes that.
  expect(count('epoll_ctl')).toBeLessThanOrEqual(blocks + 4);
});

test('without a ring 32 packets are taken at a time', (context) => {
  need(context, node, strace, namespaces, packetSockets);
  const { count, blocks } = costs(`calls=${FEW}`);
  expect(blocks).toBe(FEW / 32);
  // The kernel refuses MSG_CMSG_CLOEXEC for packet sockets, so that a call is made again without it.
  expect(count('recvmmsg')).toBe(2 * blocks);
  expect(count('epoll_wait')).toBe(0);
});
