/** What the event loop costs in system calls: an echo costs a read and a write, however many sockets there are. */
import { describe, expect, test } from 'vitest';
import { type Costs, costsOf } from '../helpers/costs.ts';
import { need, node, strace } from '../helpers/need.ts';

let known: Map<string, Costs> | undefined;

/** Counted once for all tests. */
function costs(part: string): Costs {
  known ??= costsOf('echo=1', 'echo=64', 'echo=300', 'close=200', 'ready=200', 'errors=100', 'sendAll=32');
  return known.get(part)!;
}

describe('an echo costs one read and one write', () => {
  test.for([1, 64, 300])('on %i connections', (width, context) => {
    need(context, node, strace);
    const { count, echoes } = costs(`echo=${width}`);
    expect(count('epoll_ctl')).toBe(0);
    expect(count('sendto')).toBe(echoes);
    expect(count('recvfrom')).toBeLessThanOrEqual(1.02 * echoes);
    // At most one for each request of a single connection, and one for all that arrive at once.
    expect(count('epoll_wait')).toBeLessThanOrEqual(2 * Math.ceil(echoes / width) + 2);
  });
});

describe('closing a socket costs one epoll_ctl and one close', () => {
  test('beside many idle ones', (context) => {
    need(context, node, strace);
    const { count } = costs('close=200');
    expect(count('close')).toBe(20);
    expect(count('epoll_ctl')).toBeLessThanOrEqual(20);
  });

  test('when it becomes ready in the same turn as others that are closed', (context) => {
    need(context, node, strace);
    const { count } = costs('ready=200');
    expect(count('close')).toBe(20);
    expect(count('epoll_ctl')).toBeLessThanOrEqual(20);
    expect(count('epoll_create1')).toBe(0);
  });
});

test('an error that was received does not make later waits more expensive', (context) => {
  need(context, node, strace);
  const { count } = costs('errors=100');
  expect(count('recvfrom')).toBeGreaterThanOrEqual(100);
  expect(count('epoll_ctl')).toBeLessThanOrEqual(2);
});

test('a sendAll to a reader that keeps up does not block the event loop', (context) => {
  need(context, node, strace);
  const sent = costs('sendAll=32').perTurn('sendto');
  expect(sent.length).toBeGreaterThan(10);
  expect(Math.max(...sent)).toBeLessThanOrEqual(300);
});
