/**
 * The timers of the event-loop layer. Timeouts are those of node:timers, so that the fake ones of a test reach all of them;
 * what is done in the next turn is done in a real one, as input and output are.
 */
import timers from 'node:timers';

export { clearTimeout, setTimeout } from 'node:timers';

export const setImmediate: typeof timers.setImmediate = timers.setImmediate;
