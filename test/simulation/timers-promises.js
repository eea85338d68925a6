/** Replaces node:timers/promises for the library: simulated time. */
import * as timers from './clock.js';

function later(start, clear) {
  return (value, { signal } = {}) =>
    new timers.real.Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason);
      const handle = start(() => {
        signal?.removeEventListener('abort', abort);
        resolve(value);
      });
      function abort() {
        clear(handle);
        reject(signal.reason);
      }
      signal?.addEventListener('abort', abort, { once: true });
    });
}

export const setTimeout = (after, value, options) =>
  later((call) => timers.setTimeout(call, after), timers.clearTimeout)(value, options);
export const setImmediate = later(timers.setImmediate, timers.clearImmediate);
