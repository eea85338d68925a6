/** The simulated event loop: what runs in one turn of it. */
import { clock, real } from './clock.js';
import { kernel } from './kernel.js';

/** The calls that may be made on one file descriptor in one turn. */
const MOST_CALLS = 600;

/** Resolves when all microtasks and ticks have run: in the next turn of the real event loop. */
export const drained = () => new real.Promise((resolve) => real.setImmediate(resolve));

async function runDue() {
  kernel.timed = clock.now;
  for (const timer of clock.due()) if (clock.run(timer)) await drained();
}

async function runImmediates(late) {
  let ran = false;
  for (const immediate of clock.immediates()) {
    if (late && kernel.random.chance(0.3)) continue;
    ran = clock.run(immediate) || ran;
  }
  if (ran) await drained();
}

/** One turn of the event loop, as in libuv: timers, events, immediates. */
export async function turn(milliseconds, late) {
  clock.advance(milliseconds);
  await runDue();
  await kernel.deliver(drained);
  await runImmediates(late);
  for (const [fd, calls] of kernel.turn) {
    if (calls > MOST_CALLS) kernel.violate(`${calls} calls for fd ${fd} in one turn: nothing else was served`);
  }
  kernel.pass();
}
