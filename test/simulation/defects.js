/** Faults that are planted into the library, to see that they are found: texts of dist/ and what stands in their place. */
const reactor = 'socket/reactor.js';
const operation = 'socket/operation.js';

export const defects = {
  /** Who was tried in a later turn and found nothing is not asked for of epoll. */
  'lost-wake-up': [
    {
      file: reactor,
      from: 'serveQueue(readiness, kind);\n        if (!readiness.closed)\n            keepInterest(readiness);\n    }\n}\nfunction tickLater',
      to: 'serveQueue(readiness, kind);\n    }\n}\nfunction tickLater',
    },
  ],
  /** A read that got a single byte stays in its queue, and is done a second time. */
  'double-resolve': [
    {
      file: operation,
      from: 'if (n >= 0)\n                this.resolve(this.finish(n));\n',
      to: 'if (n >= 0) {\n this.resolve(this.finish(n));\n if (this.direction === READ && n === 1) return false; }\n',
    },
  ],
  /** One budget for the whole process: who exceeds it waits for an event of epoll. */
  'budget-of-the-process': [
    { file: 'socket/send.js', from: 'target.heads[WRITE] !== undefined || isSpent(target)) {', to: 'true) {' },
    { file: operation, from: 'export const WAITS = 0;', to: 'export const WAITS = 0;\nlet atOnce = 0;' },
    { file: operation, from: '    attempt() {', to: '    attempt() {\n        atOnce = 0;' },
    {
      file: operation,
      from: 'if (isSpent(target)) {\n            how = reactor.FOR_TURN;',
      to: 'if (++atOnce > 256) {',
    },
  ],
  /** A sendAll that one call can do is done, however much was done in this turn. */
  'no-budget': [
    {
      file: 'socket/send.js',
      from: 'target.heads[WRITE] !== undefined || isSpent(target)) {',
      to: 'target.heads[WRITE] !== undefined) {',
    },
  ],
  /** Who was out of time is not tried once more. */
  'no-last-try': [{ file: 'socket/wait.js', from: '        reactor.tryOnce(this);\n', to: '' }],
  /** Where epoll tells of changes only, what it has told already is not asked for again. */
  'told-once': [{ file: reactor, from: 'if (readiness.owned && !readiness.edge && ', to: 'if (readiness.owned && ' }],
};
