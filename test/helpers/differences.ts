/**
 * How Bun and Deno differ from Node, and the tests that cannot pass there because of it. docs/runtimes.md lists the same
 * reasons; test/skips/bun.txt and test/skips/deno.txt list the tests that are skipped.
 */
export interface Difference {
  reason: string;
  /** The tests, as `file > suite > test`. */
  tests: readonly RegExp[];
}

export const byRuntime: { readonly bun: readonly Difference[]; readonly deno: readonly Difference[] } = {
  bun: [
    {
      reason: 'N-API reports a SharedArrayBuffer as an ArrayBuffer, so calls accept it',
      tests: [
        /arguments\.test\.ts > sys-socket.* > .*(:bytes|data\b|:lists|:datas|:sendMessage|:receive\w+|:option)/,
        /pinned\.test\.ts > a value that only looks like a typed array/,
      ],
    },
    {
      reason: 'child processes inherit only the file descriptors that stdio names',
      tests: [
        /test\/posix\/socket\.test\.ts > close-on-exec/,
        /fcntl\.test\.ts > F_SETFD lets a child process inherit a file descriptor/,
        /scm-rights\.test\.ts > received file descriptors > are close-on-exec/,
      ],
    },
    {
      reason: 'the stack of an error has other frames than in Node',
      tests: [/socket-error\.test\.ts > the stack begins where the caller called/],
    },
    {
      reason: 'the runtime makes system calls of its own between two calls',
      tests: [/strace\.test\.ts > /],
    },
    {
      reason: 'the stack is so deep that filling it takes minutes',
      tests: [/posix\/workers\.test\.ts > at the end of the stack/],
    },
    {
      reason: 'the garbage collector scans the stack conservatively, so a dropped object may stay alive',
      tests: [
        /gc\.test\.ts > a Socket that is dropped without being closed/,
        /SCM_PIDFD > leaves no file descriptor open if there is no room/,
      ],
    },
    {
      reason: 'dropped sockets are collected, and the warning is printed, before the program ends',
      tests: [
        /watch\.test\.ts > .* > (keeps the process alive until it is stopped|what a callback throws is an uncaught)/,
      ],
    },
    {
      reason: 'an unhandled rejection does not emit uncaughtException',
      tests: [/reactor\.test\.ts > exceptions of the program > after an await/],
    },
    {
      reason: 'net.Socket and node:http cannot take over a file descriptor',
      tests: [
        /handover\.test\.ts > the modules of this version of Node take over/,
        /systemd\.test\.ts > an activated socket is handed over to node:http/,
      ],
    },
  ],
  deno: [
    {
      reason: 'node:fs accepts only file descriptors that it opened, and only node:fs can close those',
      tests: [
        /posix\/file\.test\.ts > (sendfile|splice|tee|values that C cannot represent)/,
        /posix\/poll\.test\.ts > .*pipe/,
        /scm-rights\.test\.ts > received file descriptors > (are new|keep their order)/,
        /sendmmsg-recvmmsg\.test\.ts > (file descriptors that were taken stay open|a received batch can be forwarded)/,
      ],
    },
    {
      reason: 'other threads of the runtime make system calls between two calls',
      tests: [/strace\.test\.ts > /],
    },
    {
      reason: 'the runtime opens sockets of its own while a program runs',
      tests: [/gc\.test\.ts > a Socket that is dropped without being closed/],
    },
    {
      reason: 'node:fs cannot handle file names that are not UTF-8',
      tests: [
        /address-unix\.test\.ts > bytes that are not UTF-8 > in a path/,
        /server\.test\.ts > AF_UNIX > a path may be bytes that are not text/,
      ],
    },
    {
      reason: 'the runtime itself breaks when methods of built-in objects are replaced',
      tests: [/polluted prototypes, in separate processes > replaced methods and getters/],
    },
    {
      reason: 'child_process clears O_NONBLOCK of the file descriptors that it passes on',
      tests: [/fcntl\.test\.ts > F_GETFL and F_SETFL/],
    },
    {
      reason: 'the clean-up hooks of N-API do not run when a worker ends, so what the addon holds stays open',
      tests: [/workers\.test\.ts > /],
    },
    {
      reason: 'sockets of node:net and node:dgram do not reveal their file descriptor',
      tests: [
        /socket\.test\.ts > fromNodeSocket > options of a net\.Socket/,
        /wait\.test\.ts > events are correct > a pipe, and the file descriptor of a net\.Server/,
      ],
    },
    {
      reason: 'net.Socket cannot connect a bound file descriptor, and node:dgram accepts no file descriptor',
      tests: [/handover\.test\.ts > the modules of this version of Node take over/],
    },
  ],
};

/** The differences of the runtime of this process. */
export const differences: readonly Difference[] =
  'Bun' in globalThis ? byRuntime.bun : 'Deno' in globalThis ? byRuntime.deno : [];
