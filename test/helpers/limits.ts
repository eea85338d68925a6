/** Limits for what hangs. What is only slow on a busy machine stays below them. */

/** Milliseconds after which a process is ended: less than `testTimeout`, so that the test that waits for it says so. */
export const HANGING = 250_000;
