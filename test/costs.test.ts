/** What the event loop costs in system calls with many sockets: test/socket/costs.test.ts on a larger scale. */
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { type Costs, costsOf } from './helpers/costs.ts';
import { type Need, need, node, strace } from './helpers/need.ts';

/** A pair of file descriptors for each of 4,000 connections. */
const descriptors: Need = () => {
  const { stdout } = spawnSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' });
  return stdout.trim() === 'unlimited' || Number(stdout) > 8200 ? undefined : `at most ${stdout.trim()} descriptors`;
};

let known: Map<string, Costs> | undefined;
function costs(part: string): Costs {
  known ??= costsOf('echo=250', 'echo=1000', 'echo=4000', 'close=1000', 'ready=1000');
  return known.get(part)!;
}

test.for([250, 1000, 4000])('an echo on %i connections costs one read and one write', (width, context) => {
  need(context, node, strace, descriptors);
  const { count, echoes } = costs(`echo=${width}`);
  expect(count('epoll_ctl')).toBe(0);
  expect(count('sendto')).toBe(echoes);
  expect(count('recvfrom')).toBeLessThanOrEqual(1.02 * echoes);
  // 1024 events are reported at a time.
  expect(count('epoll_wait')).toBeLessThanOrEqual(2 * Math.ceil(width / 1024) * (echoes / width) + 2);
});

test.for(['close=1000', 'ready=1000'])('closing a socket costs one epoll_ctl and one close: %s', (part, context) => {
  need(context, node, strace, descriptors);
  const { count } = costs(part);
  expect(count('close')).toBe(20);
  expect(count('epoll_ctl')).toBeLessThanOrEqual(20);
  expect(count('epoll_create1')).toBe(0);
});
