/** Defects that are planted into the library to see that they are found: texts of dist/ and their replacements. */
const operation = 'socket/operation/operation.js';
const run = 'socket/operation/run.js';
const sendNow = 'socket/operation/send-now.js';

export const defects = {
  /** An operation that was tried in a later turn and found nothing is not added to the epoll set. */
  'lost-wake-up': [
    {
      file: 'loop/retry.js',
      from: 'serveQueue(readiness, kind);\n        if (!readiness.closed)\n            keepInterest(readiness);\n    }\n}\n/** Tries the first',
      to: 'serveQueue(readiness, kind);\n    }\n}\n/** Tries the first',
    },
  ],
  /** A read of a single byte stays in its queue, and is resolved a second time. */
  'double-resolve': [
    {
      file: operation,
      from: 'if (n >= 0)\n                this.resolve(this.finish(n));\n',
      to: 'if (n >= 0) {\n this.resolve(this.finish(n));\n if (this.direction === READ && n === 1) return false; }\n',
    },
  ],
  /** One budget for the whole process: an operation that exceeds it waits for an event of epoll. */
  'budget-of-the-process': [
    {
      file: sendNow,
      from: 'return !state.isBusy(WRITE) && !isSpent(state);',
      to: 'return false;',
    },
    { file: operation, from: '    attempt() {', to: '    attempt() {\n        globalThis.atOnce = 0;' },
    {
      file: run,
      from: 'if (isSpent(state)) {\n            how = reactor.FOR_TURN;',
      to: 'globalThis.atOnce = (globalThis.atOnce ?? 0) + 1;\n        if (globalThis.atOnce > 256) {',
    },
  ],
  /** A sendAll that needs one call is done at once, however much was done in this turn. */
  'no-budget': [
    {
      file: sendNow,
      from: 'return !state.isBusy(WRITE) && !isSpent(state);',
      to: 'return !state.isBusy(WRITE);',
    },
  ],
  /** An operation that times out is not tried once more. */
  'no-last-try': [{ file: 'loop/promise-waiter.js', from: '        tryOnce(this);\n', to: '' }],
  /** With edge-triggered events, what was already reported is not requested again. */
  'told-once': [
    { file: 'loop/registration.js', from: 'if (readiness.owned && !readiness.edge && ', to: 'if (readiness.owned && ' },
  ],
};
