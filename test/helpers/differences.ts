/**
 * What Bun and Deno do otherwise than Node, and the tests that cannot pass there because of it. docs/runtimes.md has the
 * same reasons; test/skips/bun.txt and test/skips/deno.txt are the tests that are skipped.
 */
export interface Difference {
  reason: string;
  /** The tests, as `file > suite > test`. */
  tests: readonly RegExp[];
}

export const byRuntime: { readonly bun: readonly Difference[]; readonly deno: readonly Difference[] } = {
  bun: [
    {
      reason: 'N-API does not tell a SharedArrayBuffer from an ArrayBuffer, so that it is taken',
      tests: [
        /arguments\.test\.ts > sys-socket.* > .*(:bytes|data\b|:lists|:datas|:sendMessage|:receive\w+|:option)/,
        /pinned\.test\.ts > what only looks like a typed array/,
      ],
    },
    {
      reason: 'child processes inherit no descriptor but those of stdio',
      tests: [
        /test\/posix\/socket\.test\.ts > close-on-exec/,
        /fcntl\.test\.ts > F_SETFD is the way to hand a descriptor to a child/,
        /scm-rights\.test\.ts > descriptors that arrive > are close-on-exec/,
      ],
    },
    {
      reason: 'stacks name other frames',
      tests: [/socket-error\.test\.ts > the stack begins where the caller called/],
    },
    {
      reason: 'the runtime makes system calls of its own between two calls',
      tests: [/strace\.test\.ts > /],
    },
    {
      reason: 'the stack is so deep that its end takes minutes to reach',
      tests: [/posix\/workers\.test\.ts > at the end of the stack/],
    },
    {
      reason: 'the collector scans the stack conservatively: a dropped object may live on',
      tests: [/gc\.test\.ts > a Socket that is dropped unclosed/, /SCM_PIDFD > without room for it leaves none behind/],
    },
    {
      reason: 'sockets that a program drops are collected, and told of, before it ends',
      tests: [/watch\.test\.ts > .* > (keeps the process alive until it is stopped|what it throws is an uncaught)/],
    },
    {
      reason: 'a rejection that nobody handles does not reach uncaughtException',
      tests: [/reactor\.test\.ts > exceptions of the user > after an await/],
    },
    {
      reason: 'net.Socket and node:http do not take a descriptor over',
      tests: [
        /handover\.test\.ts > descriptors are handed over to the modules of this Node/,
        /systemd\.test\.ts > an activated socket is handed over to node:http/,
      ],
    },
  ],
  deno: [
    {
      reason: 'node:fs keeps a table of its own: it takes no descriptor that it did not open, nor that others close it',
      tests: [
        /posix\/file\.test\.ts > (sendfile|splice|what C has no form for)/,
        /posix\/poll\.test\.ts > .*pipe/,
        /scm-rights\.test\.ts > descriptors that arrive > (are new|keep their order)/,
        /sendmmsg-recvmmsg\.test\.ts > (descriptors that were taken stay open|a batch that was received is sent on)/,
      ],
    },
    {
      reason: 'other threads of the runtime make system calls between two calls',
      tests: [/strace\.test\.ts > /],
    },
    {
      reason: 'the runtime opens sockets of its own while a program runs',
      tests: [/gc\.test\.ts > a Socket that is dropped unclosed/],
    },
    {
      reason: 'node:fs names no files that are not UTF-8',
      tests: [/address-unix\.test\.ts > bytes that are not UTF-8 > in a path/],
    },
    {
      reason: 'the runtime itself breaks when methods of built-in objects are replaced',
      tests: [/polluted prototypes, in processes of their own > methods and getters that were replaced/],
    },
    {
      reason: 'child_process takes O_NONBLOCK away from descriptors that it passes on',
      tests: [/fcntl\.test\.ts > F_GETFL and F_SETFL/],
    },
    {
      reason: 'a worker that ends leaves what the addon held in it open: the clean-up hooks of N-API are not called',
      tests: [/workers\.test\.ts > /],
    },
    {
      reason: 'sockets of node:net and node:dgram do not tell their descriptor',
      tests: [
        /socket\.test\.ts > fromNodeSocket > options of a net\.Socket/,
        /wait\.test\.ts > events are true > a pipe, and the descriptor of a net\.Server/,
      ],
    },
    {
      reason: 'net.Socket does not connect a descriptor that is bound, and dgram takes none',
      tests: [/handover\.test\.ts > descriptors are handed over to the modules of this Node/],
    },
  ],
};

/** Those of the runtime of this process. */
export const differences: readonly Difference[] =
  'Bun' in globalThis ? byRuntime.bun : 'Deno' in globalThis ? byRuntime.deno : [];
