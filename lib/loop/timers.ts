/**
 * The timers of the event-loop layer. Timeouts use the current functions of node:timers, so that fake timers of a test
 * apply to all of them. Work for the next turn and repeated attempts use the original functions, because input and
 * output happen in real time.
 */
import timers from 'node:timers';

export { clearTimeout, setTimeout } from 'node:timers';

export const setRealTimeout: typeof timers.setTimeout = timers.setTimeout;
export const setImmediate: typeof timers.setImmediate = timers.setImmediate;
export const clearImmediate: typeof timers.clearImmediate = timers.clearImmediate;
