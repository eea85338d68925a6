/**
 * The timers of the event-loop layer. Timeouts are those of node:timers, so that the fake ones of a test reach all of them.
 * What is done in the next turn, or tried again after a while, is so in real time, as input and output are.
 */
import timers from 'node:timers';

export { clearTimeout, setTimeout } from 'node:timers';

export const setRealTimeout: typeof timers.setTimeout = timers.setTimeout;
export const setImmediate: typeof timers.setImmediate = timers.setImmediate;
