/**
 * Before every test file. Under AddressSanitizer the preloaded runtime is for Node alone: other programs run without it,
 * and child processes that are Node get it back through a wrapper (scripts/test-asan.sh).
 */
if (process.env.SANITIZED_NODE !== undefined) {
  delete process.env.LD_PRELOAD;
  process.execPath = process.env.SANITIZED_NODE;
}
