// Measures the cost of a call beside C that makes the same call on the same descriptors, in one process and in turns.
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import * as s from 'sys-socket';
import * as nothrow from 'sys-socket/nothrow';

const library = fileURLToPath(new URL('build/Release/baseline.node', import.meta.url));
const c = createRequire(import.meta.url)(library);
const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 41);
const BATCH = 64;

const any = { family: s.AF_INET, address: '127.0.0.1', port: 0 };

/** Returns a loopback datagram socket with a large buffer. */
function datagram() {
  const fd = s.socket(s.AF_INET, s.SOCK_DGRAM | s.SOCK_NONBLOCK);
  s.bind(fd, any);
  return fd;
}

const median = (list) => list.sort((a, b) => a - b)[list.length >> 1];

/** Runs both sides in turns, in alternating order. The result is the median of the ratios of all rounds. */
function compare(name, limit, per, ours, theirs) {
  const ratios = [];
  const mine = [];
  const base = [];
  ours();
  theirs();
  for (let round = 0; round < ROUNDS; round++) {
    const first = round % 2 === 0;
    const a = first ? ours() : 0;
    const b = theirs();
    const ourTime = first ? a : ours();
    ratios.push(ourTime / b);
    mine.push(ourTime / per);
    base.push(b / per);
  }
  const ratio = median(ratios);
  const verdict = limit === undefined ? '' : `(limit ${limit.toFixed(2)}: ${ratio <= limit ? 'ok' : 'ABOVE'})`;
  console.log(
    `${name.padEnd(36)} ${ratio.toFixed(3)} x C  ${verdict.padEnd(19)}  ` +
      `here ${median(mine).toFixed(0)} ns, C ${median(base).toFixed(0)} ns`,
  );
  return limit === undefined || ratio <= limit;
}

/** Returns the thread CPU time of a JavaScript loop. */
function time(count, body) {
  const start = c.clock();
  for (let i = 0; i < count; i++) body();
  return c.clock() - start;
}

/** Returns a function of this benchmark's C library through node:ffi, if that exists (Node 26). */
async function foreign(name, signature) {
  try {
    const { dlopen } = await import('node:ffi');
    return dlopen(library, { [name]: signature }).functions[name];
  } catch (error) {
    console.log(`node:ffi is left out: ${error.message}`);
    return undefined;
  }
}

const results = [];
{
  const fd = datagram();
  const buffer = new Uint8Array(2048);
  const N = 20000;
  results.push(
    compare(
      'nothrow.recv, empty, non-blocking',
      1.25,
      N,
      () => time(N, () => nothrow.recv(fd, buffer)),
      () => c.recv(fd, N, buffer)[0],
    ),
  );
  // The cheapest native call in Node apart from Node-API: one that passes only numbers, which Node's compiler generates
  // itself.
  const ffi = await foreign('RecvKept', { arguments: ['int32', 'int32'], return: 'int32' });
  if (ffi !== undefined) {
    compare(
      'the same by node:ffi, numbers alone',
      undefined,
      N,
      () => time(N, () => ffi(fd, 0)),
      () => c.recv(fd, N, buffer)[0],
    );
  }
  s.close(fd);
}
{
  const [to, fd] = [datagram(), datagram()];
  const name = s.encodeAddress(s.getsockname(to));
  const data = new Uint8Array(64);
  const N = 4000;
  results.push(
    compare(
      'sendto, 64 bytes, encoded address',
      1.05,
      N,
      () => time(N, () => s.sendto(fd, data, 0, name)),
      () => c.sendto(fd, N, data, name)[0],
    ),
  );
  s.close(fd);
  s.close(to);
}
{
  const [to, fd] = [datagram(), datagram()];
  const name = s.encodeAddress(s.getsockname(to));
  const batch = new s.MessageBatch({ messages: BATCH, size: 64 });
  for (let i = 0; i < BATCH; i++) batch.push(new Uint8Array(64), name);
  const N = 200;
  results.push(
    compare(
      'sendmmsg, 64 x 64 bytes, per packet',
      1.1,
      N * BATCH,
      () => time(N, () => s.sendmmsg(fd, batch)),
      () => c.sendmmsg(fd, N, batch.data, name)[0],
    ),
  );
  s.close(fd);
  s.close(to);
}
{
  const [to, fd] = [datagram(), datagram()];
  const name = s.encodeAddress(s.getsockname(to));
  const out = new s.MessageBatch({ messages: BATCH, size: 64 });
  for (let i = 0; i < BATCH; i++) out.push(new Uint8Array(64), name);
  const batch = new s.MessageBatch({ messages: BATCH, size: 2048 });
  const N = 60;
  const side = (receive) => () => {
    let sum = 0;
    for (let i = 0; i < N; i++) {
      s.sendmmsg(fd, out);
      sum += receive();
    }
    return sum;
  };
  results.push(
    compare(
      'recvmmsg, 64 x 64 bytes, per packet',
      1.1,
      N * BATCH,
      side(() => time(1, () => nothrow.recvmmsg(to, batch, s.MSG_DONTWAIT))),
      side(() => c.recvmmsg(to, 1, batch.data, name)[0]),
    ),
  );
  if (batch.count !== BATCH) throw new Error(`received ${batch.count} of ${BATCH}`);
  s.close(fd);
  s.close(to);
}
if (results.includes(false)) process.exitCode = 1;
