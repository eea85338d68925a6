import { execFileSync, spawnSync } from 'node:child_process';
import { getEventListeners } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as s from '../lib/index.ts';
import * as promises from '../lib/promises.ts';
import { openFds } from './helpers/fds.ts';
import { folder } from './helpers/fixtures.ts';
import { HANGING } from './helpers/limits.ts';
import { type Need, need, node } from './helpers/need.ts';

const numeric = { flags: s.AI_NUMERICHOST };
const address: s.InetAddress = { family: s.AF_INET, address: '127.0.0.1', port: 80 };
const numbers = s.NI_NUMERICHOST | s.NI_NUMERICSERV;

/** Every look-up in both forms, only of numbers, so that no DNS server is asked here. */
const twins: readonly (readonly [name: string, () => unknown, (o?: promises.LookupOptions) => Promise<unknown>])[] = [
  [
    'getaddrinfo',
    () => s.getaddrinfo('::1', 80, numeric),
    (o) => promises.getaddrinfo('::1', 80, { ...numeric, ...o }),
  ],
  ['getaddrinfo of null', () => s.getaddrinfo(null, '80'), (o) => promises.getaddrinfo(null, '80', o)],
  ['getnameinfo', () => s.getnameinfo(address, numbers), (o) => promises.getnameinfo(address, numbers, o)],
  ['gethostbyname', () => s.gethostbyname('1.2.3.4'), (o) => promises.gethostbyname('1.2.3.4', o)],
  ['gethostbyname_ex', () => s.gethostbyname_ex('1.2.3.4'), (o) => promises.gethostbyname_ex('1.2.3.4', s.AF_INET, o)],
  ['getfqdn', () => s.getfqdn('127.0.0.1'), (o) => promises.getfqdn('127.0.0.1', o)],
  ['of IPv6', () => s.gethostbyname_ex('::1', s.AF_INET6), (o) => promises.gethostbyname_ex('::1', s.AF_INET6, o)],
];

test.each(twins)('%s: the promise resolves to what the call returns', async (_name, now, later) => {
  expect(await later()).toEqual(now());
  expect(await later({})).toEqual(now());
  expect(await later({ signal: undefined })).toEqual(now());
  expect(await later({ signal: new AbortController().signal })).toEqual(now());
});

test('the promises reject with the errors that the calls throw', async () => {
  const cases: [() => unknown, () => Promise<unknown>][] = [
    [() => s.getaddrinfo('none', null, numeric), () => promises.getaddrinfo('none', null, numeric)],
    [() => s.getaddrinfo(null), () => promises.getaddrinfo(null)],
    [() => s.getaddrinfo('1.2.3.4', null, { family: 99 }), () => promises.getaddrinfo('1.2.3.4', null, { family: 99 })],
    [() => s.getaddrinfo('1.2.3.4', 'no-such-service'), () => promises.getaddrinfo('1.2.3.4', 'no-such-service')],
    [() => s.getnameinfo(new Uint8Array(2)), () => promises.getnameinfo(new Uint8Array(2))],
    [() => s.getnameinfo(address, 1 << 20), () => promises.getnameinfo(address, 1 << 20)],
    [() => s.gethostbyname_ex('::1', 99), () => promises.gethostbyname_ex('::1', 99)],
    // What C cannot express rejects with the same message; the function itself never throws.
    [() => s.getaddrinfo('a\0b'), () => promises.getaddrinfo('a\0b')],
    [() => s.getaddrinfo('1.2.3.4', 65536), () => promises.getaddrinfo('1.2.3.4', 65536)],
    [() => s.getaddrinfo('1.2.3.4', null, null as never), () => promises.getaddrinfo('1.2.3.4', null, null as never)],
    [() => s.getnameinfo(address, 1.5), () => promises.getnameinfo(address, 1.5)],
    [() => s.getnameinfo(new Uint8Array(129)), () => promises.getnameinfo(new Uint8Array(129))],
    [() => s.gethostbyname(5 as never), () => promises.gethostbyname(5 as never)],
    [() => s.gethostbyname(undefined as never), () => promises.gethostbyname(undefined as never)],
    [() => s.gethostbyname_ex('1.2.3.4', Number.NaN), () => promises.gethostbyname_ex('1.2.3.4', Number.NaN)],
    [() => s.gethostbyaddr('localhost'), () => promises.gethostbyaddr('localhost')],
    [() => s.getfqdn('a\0b'), () => promises.getfqdn('a\0b')],
  ];
  for (const [now, later] of cases) {
    let thrown: unknown;
    try {
      now();
    } catch (error) {
      thrown = error;
    }
    expect(thrown).toBeInstanceOf(Error);
    const rejected = await later().then(
      () => undefined,
      (error: unknown) => error,
    );
    expect(rejected).toEqual(thrown);
    expect({ ...(rejected as Error) }).toEqual({ ...(thrown as Error) });
    expect((rejected as Error).constructor).toBe((thrown as Error).constructor);
  }
});

const abortable: readonly (readonly [string, (o: promises.LookupOptions) => Promise<unknown>])[] = [
  ...twins.map(([name, , later]) => [name, later] as const),
  ['gethostbyaddr', (o) => promises.gethostbyaddr('127.0.0.1', o)],
];

test.each(abortable)('%s: a signal that is already aborted rejects', async (_name, later) => {
  const reason = new Error('no more');
  const signal = AbortSignal.abort(reason);
  const failure = { name: 'AbortError', code: 'ABORT_ERR', cause: reason };
  await expect(later({ signal })).rejects.toMatchObject(failure);
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test.each(abortable)('%s: a signal that is aborted meanwhile rejects', async (_name, later) => {
  const controller = new AbortController();
  const { signal } = controller;
  const pending = later({ signal });
  expect(getEventListeners(signal, 'abort')).toHaveLength(1);
  controller.abort(); // the answer cannot have come: this thread has not returned to the event loop
  await expect(pending).rejects.toMatchObject({ name: 'AbortError', cause: { name: 'AbortError' } });
  expect(getEventListeners(signal, 'abort')).toEqual([]);
});

test.each(abortable)('%s: a signal that is aborted afterwards has no effect', async (_name, later) => {
  const controller = new AbortController();
  const pending = later({ signal: controller.signal });
  const result = await pending;
  expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
  controller.abort();
  expect(await pending).toBe(result);
});

test('very many look-ups are cancelled, the last first, each in the same time', async () => {
  // If the time grew with the number of the others, this would take several minutes.
  const controllers = Array.from({ length: 100_000 }, () => new AbortController());
  const rejected = Promise.allSettled(controllers.map(({ signal }) => promises.getnameinfo(address, 0, { signal })));
  for (const controller of controllers.reverse()) controller.abort();
  expect((await rejected).every(({ status }) => status === 'rejected')).toBe(true);
});

test('all AbortErrors have the same class, and say which look-up was aborted', async () => {
  const signal = AbortSignal.abort();
  const error = await promises.getaddrinfo('1.2.3.4', null, { signal }).catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(s.AbortError);
  expect(error).toMatchObject({ message: 'getaddrinfo: the operation was aborted', syscall: 'getaddrinfo' });
});

test('the errors of look-ups say what was looked up', async () => {
  const failed = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);
  const none = await failed(promises.getaddrinfo('name\u001b.invalid', 'http', numeric));
  expect(none).toMatchObject({ code: 'EAI_NONAME', host: 'name\u001b.invalid', service: 'http' });
  expect((none as Error).message).toMatch(/, getaddrinfo \(host "name\\u001b.invalid", service "http"\)$/);
  const service = await failed(promises.getaddrinfo('1.2.3.4', 'no-such-service'));
  expect(service).toMatchObject({ code: 'EAI_SERVICE', host: '1.2.3.4', service: 'no-such-service' });
  const nothing = (await failed(promises.getaddrinfo(null))) as s.AddressInfoError;
  expect([Object.hasOwn(nothing, 'host'), nothing.message.endsWith(', getaddrinfo')]).toEqual([false, true]);
  const named = await failed(promises.getnameinfo(address, 1 << 20));
  expect(named).toMatchObject({ address, message: expect.stringMatching(/, getnameinfo 127\.0\.0\.1:80$/) });
  const host = await failed(promises.gethostbyname_ex('::1', 99));
  expect(host).toMatchObject({ host: '::1', message: expect.stringMatching(/, gethostbyname \(host "::1"\)$/) });
});

test('getfqdn rejects when it is aborted, rather than falling back to the given name', async () => {
  await expect(promises.getfqdn('127.0.0.1', { signal: AbortSignal.abort() })).rejects.toMatchObject({
    name: 'AbortError',
  });
});

test('invalid options and an invalid signal throw before a look-up begins', async () => {
  const type = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' };
  for (const signal of [null, 5, 'x', {}, new EventTarget().dispatchEvent]) {
    const options = { signal } as never;
    await expect(promises.getaddrinfo('1.2.3.4', null, options)).rejects.toMatchObject(type);
    await expect(promises.gethostbyname('1.2.3.4', options)).rejects.toMatchObject(type);
  }
  for (const options of [null, 5, 'x'] as never[]) {
    await expect(promises.getnameinfo(address, numbers, options)).rejects.toMatchObject(type);
    await expect(promises.gethostbyaddr('127.0.0.1', options)).rejects.toMatchObject(type);
    await expect(promises.getfqdn('127.0.0.1', options)).rejects.toMatchObject(type);
  }
});

test('the arguments are read before the call returns', async () => {
  const bytes = s.encodeAddress({ ...address, port: 81 });
  const hints: s.AddressInfoHints = { ...numeric, socktype: s.SOCK_STREAM };
  const names = promises.getnameinfo(bytes, numbers);
  const found = promises.getaddrinfo('1.2.3.4', 80, hints);
  bytes.fill(0);
  hints.socktype = 99;
  expect(await names).toEqual({ host: '127.0.0.1', service: '81' });
  expect(await found).toEqual(s.getaddrinfo('1.2.3.4', 80, { ...numeric, socktype: s.SOCK_STREAM }));
});

test('100 parallel look-ups each get their own answer, and leave no file descriptor open', async () => {
  await promises.getaddrinfo('1.2.3.4', 'http'); // the C library opens what it keeps open, and the thread pool begins
  const before = openFds().size;
  const found = await Promise.all(
    Array.from({ length: 100 }, (_, i) => promises.getaddrinfo(`10.0.0.${i}`, 1000 + i, { socktype: s.SOCK_STREAM })),
  );
  expect(found.map(([first]) => first!.address)).toEqual(
    Array.from({ length: 100 }, (_, i) => ({ family: s.AF_INET, address: `10.0.0.${i}`, port: 1000 + i })),
  );
  expect(openFds().size).toBe(before);
});

// ---- with a slow DNS server ---------------------------------------------------------------------------------------

/** The start of a command line that runs with its own network and mounts. */
const own = ((): readonly string[] | undefined => {
  const probe = 'mount --bind /etc/hosts /etc/resolv.conf && ip link set lo up';
  return [
    ['unshare', '-mn'],
    ['unshare', '-Urmn'],
  ].find(([program, ...flags]) => spawnSync(program!, [...flags, 'sh', '-c', probe]).status === 0);
})();
const ownNames: Need = () => (own === undefined ? 'no namespace with its own /etc/resolv.conf' : undefined);

/** The timeout for names that are never answered: resolv.conf(5) allows no shorter one. */
const impatient = { RES_OPTIONS: 'timeout:1' };

/**
 * Runs a module in that world. Its DNS server lives in the same thread: a look-up that blocked the thread would never be
 * answered. `late-<ms>-<n>.test` is 10.<ms / 256>.<ms % 256>.<n>, answered after so many milliseconds; `held-<n>.test` is
 * 10.0.0.<n>, answered from the time when the script calls `release()`; `silent.test` is never answered; all else does not
 * exist.
 */
function run(script: string, env: NodeJS.ProcessEnv = {}): ReturnType<typeof spawnSync> & { said: unknown } {
  const at = folder();
  writeFileSync(join(at, 'hosts'), '127.0.0.1 localhost\n');
  writeFileSync(join(at, 'resolv.conf'), 'nameserver 127.0.0.1\noptions timeout:30 attempts:1\n');
  writeFileSync(join(at, 'nsswitch.conf'), 'hosts: files dns\nservices: files\n');
  const mount = `for file in hosts resolv.conf nsswitch.conf; do
    if [ -e /etc/$file ]; then mount --bind "$0/$file" /etc/$file || exit; fi
  done
  ip link set lo up && exec "$@"`;
  const world = `
    import { createSocket } from 'node:dgram';
    import { once } from 'node:events';
    import { readdirSync } from 'node:fs';
    import { setTimeout as sleep } from 'node:timers/promises';
    import { Worker } from 'node:worker_threads';
    const [dist, library] = process.argv.slice(1);
    const s = await import(dist);
    const promises = await import(library);
    const [asked, answered] = [[], []];
    let release;
    const released = new Promise((resolve) => { release = resolve; });
    const server = createSocket('udp4', (query, { port }) => {
      let at = 12;
      const labels = [];
      for (; query[at] !== 0; at += 1 + query[at]) labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
      const name = labels.join('.');
      asked.push(name);
      if (name === 'silent.test') return;
      const late = /^late-(\\d+)-(\\d+)[.]test$/.exec(name) ?? /^held(-)(\\d+)[.]test$/.exec(name);
      const reply = Buffer.concat([query.subarray(0, at + 5), Buffer.alloc(late ? 16 : 0)]);
      reply.writeUInt16BE(late ? 0x8180 : 0x8183, 2);
      reply.writeUInt16BE(late ? 1 : 0, 6);
      reply.fill(0, 8, 12);
      const [ms, n] = late ? [Number(late[1]) || 0, Number(late[2])] : [0, 0];
      if (late) reply.set([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, ms >> 8, ms & 255, n], at + 5);
      const send = () => {
        answered.push(name);
        server.send(reply, port);
      };
      if (name.startsWith('held')) released.then(send);
      else setTimeout(send, ms);
    });
    server.bind(53, '127.0.0.1');
    await once(server, 'listening');
    const hints = { family: s.AF_INET, socktype: s.SOCK_STREAM };
    const find = async (name, options) => (await promises.getaddrinfo(name, null, { ...hints, ...options }))[0].address.address;
    const say = (said) => console.log(JSON.stringify(said));
  `;
  const built = (file: string) => new URL(`../dist/${file}`, import.meta.url).href;
  const child = spawnSync(
    own![0]!,
    [...own!.slice(1), 'sh', '-c', mount, at, process.execPath, '--input-type=module', '-e', world + script].concat(
      built('index.js'),
      built('promises.js'),
    ),
    { env: { ...process.env, ...env }, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'], timeout: HANGING },
  );
  const line = child.stdout.trim();
  return Object.assign(child, { said: line === '' ? undefined : (JSON.parse(line) as unknown) });
}

test('a look-up does not block the event loop: timers run while it waits', (context) => {
  need(context, ownNames);
  const { said, status } = run(`
    let ticks = 0;
    const timer = setInterval(() => { ticks++; }, 10);
    const one = async (look) => {
      const before = ticks;
      const found = await look();
      return [found, ticks - before];
    };
    const said = [
      await one(() => find('late-300-1.test')),
      await one(() => promises.gethostbyname('late-300-2.test')),
      await one(() => promises.gethostbyname_ex('late-300-3.test')),
    ];
    clearInterval(timer);
    server.close();
    say(said);
  `);
  expect(status).toBe(0);
  const answers = said as [unknown, number][];
  expect(answers.map(([found]) => found)).toEqual([
    '10.1.44.1',
    '10.1.44.2',
    { name: 'late-300-3.test', aliases: [], addrtype: s.AF_INET, addresses: ['10.1.44.3'] },
  ]);
  // 30 timers are due in this time; a blocked thread would run none.
  for (const [, ticks] of answers) expect(ticks).toBeGreaterThanOrEqual(5);
});

test('an abort rejects before the answer comes, and the look-up ends unnoticed', (context) => {
  need(context, ownNames);
  const { said, status } = run(`
    process.on('unhandledRejection', () => say('unhandled'));
    const controller = new AbortController();
    const failed = find('late-500-1.test', { signal: controller.signal }).catch((error) => error);
    while (asked.length === 0) await sleep(1);
    controller.abort(new Error('enough'));
    const error = await failed;
    const then = [error.name, error.code, error.cause.message, answered.length];
    while (answered.length === 0) await sleep(20);
    await sleep(100); // the look-up has ended by then
    server.close();
    say([...then, answered.length]);
  `);
  expect(status).toBe(0);
  expect(said).toEqual(['AbortError', 'ABORT_ERR', 'enough', 0, 1]);
});

test('AbortSignal.timeout ends a look-up that no server answers; without it the error is EAI_AGAIN', (context) => {
  need(context, ownNames);
  const { said, status } = run(
    `
    const given = await find('silent.test', { signal: AbortSignal.timeout(30) }).catch((error) => error);
    const failed = await find('silent.test').catch((error) => error);
    server.close();
    say([given.name, given.cause.name, failed.name, failed.code, failed.eai, failed.syscall]);
  `,
    impatient,
  );
  expect(status).toBe(0);
  expect(said).toEqual(['AbortError', 'TimeoutError', 'AddressInfoError', 'EAI_AGAIN', s.EAI_AGAIN, 'getaddrinfo']);
});

test('100 parallel look-ups by DNS leave no file descriptor open', (context) => {
  need(context, ownNames);
  const { said, status } = run(`
    const count = () => readdirSync('/proc/self/fd').length;
    await Promise.all(Array.from({ length: 8 }, (_, i) => find(\`late-1-\${i}.test\`)));
    const before = count();
    const names = Array.from({ length: 100 }, (_, i) => \`late-20-\${i}.test\`);
    const found = await Promise.all(names.map((name) => find(name)));
    const lost = await Promise.all(names.map((name) => find('no-' + name).catch(({ code }) => code)));
    const after = count();
    server.close();
    say([found, [...new Set(lost)], after - before]);
  `);
  expect(status).toBe(0);
  expect(said).toEqual([Array.from({ length: 100 }, (_, i) => `10.0.20.${i}`), ['EAI_NONAME'], 0]);
});

test('a pending look-up keeps the process alive until it is answered', (context) => {
  need(context, ownNames);
  const { said, status } = run(`
    server.unref();
    find('late-100-9.test').then(say);
  `);
  expect([said, status]).toEqual(['10.0.100.9', 0]);
});

test('a worker may be terminated, or exit, while its look-ups are pending', (context) => {
  need(context, ownNames);
  const { said, status, signal } = run(`
    const count = () => readdirSync('/proc/self/fd').length;
    const source = (end) => \`
      import { parentPort } from 'node:worker_threads';
      const promises = await import(\${JSON.stringify(library)});
      for (let i = 0; i < 6; i++) promises.gethostbyname(\\\`late-100-\\\${i}.test\\\`).then(() => {}, () => {});
      parentPort.postMessage('started');
      \${end}
    \`;
    const module = (text) => new URL('data:text/javascript,' + encodeURIComponent(text));
    const codes = [];
    let before;
    for (let round = 0; round < 6; round++) {
      const worker = new Worker(module(source(round % 2 === 0 ? 'setInterval(() => {}, 1000);' : 'process.exit(3);')));
      const exited = once(worker, 'exit');
      if (round % 2 === 0) {
        await once(worker, 'message');
        await worker.terminate();
      }
      codes.push((await exited)[0]);
      // The look-ups of the main thread work as before.
      codes.push(await find('late-1-1.test'));
      await sleep(200); // look-ups that a worker left in the thread pool end, too
      before ??= count();
    }
    const after = count();
    server.close();
    say([codes, after - before]);
  `);
  expect([status, signal]).toEqual([0, null]);
  expect(said).toEqual([Array.from({ length: 3 }, () => [1, '10.0.1.1', 3, '10.0.1.1']).flat(), 0]);
});

test('look-ups use at most half of the thread pool: file operations continue while a name server does not answer', (context) => {
  need(context, ownNames, node);
  const script = `
    import { readFile } from 'node:fs/promises';
    const controller = new AbortController();
    let answers = 0;
    for (let i = 0; i < 8; i++) {
      find(\`held-\${i}.test\`, { signal: controller.signal }).then(() => answers++, () => {});
    }
    while (asked.length === 0) await sleep(1);
    await sleep(20); // all that can begin at once has begun
    const [began, before] = [asked.length, answers];
    await readFile('/etc/hosts');
    say([began, before, answers]);
    controller.abort();
    release();
    server.unref();
  `;
  expect(run(script).said).toEqual([2, 0, 0]);
  expect(run(script, { UV_THREADPOOL_SIZE: '8' }).said).toEqual([4, 0, 0]);
});

test('look-ups of several threads share their half of the thread pool, and each thread may run one', (context) => {
  need(context, ownNames, node);
  const { said, status } = run(`
    import { readFile } from 'node:fs/promises';
    const text = \`
      import { parentPort } from 'node:worker_threads';
      const promises = await import(\${JSON.stringify(library)});
      await Promise.all(Array.from({ length: 4 }, (_, i) => promises.getaddrinfo('held-' + i + '.test', null, { family: 2, socktype: 1 })));
      parentPort.postMessage('done');
    \`;
    let answers = 0;
    for (let i = 0; i < 4; i++) find(\`held-\${i}.test\`).then(() => answers++);
    while (asked.length < 2) await sleep(1);
    const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(text)));
    const done = once(worker, 'message');
    while (asked.length < 3) await sleep(1);
    await sleep(20); // all that would begin at once has begun
    const [began, before] = [asked.length, answers];
    await readFile('/etc/hosts');
    const meanwhile = answers;
    release();
    await done;
    while (answers < 4) await sleep(1);
    server.close();
    say([began, before, meanwhile, asked.length]);
  `);
  expect([said, status]).toEqual([[3, 0, 0, 8], 0]);
});

test('look-ups of a worker that was terminated do not count any more', (context) => {
  need(context, ownNames, node);
  const { said, status } = run(`
    const text = \`
      const promises = await import(\${JSON.stringify(library)});
      for (let i = 0; i < 4; i++) promises.getaddrinfo('late-100-' + i + '.test', null, { family: 2, socktype: 1 });
    \`;
    for (let round = 1; round <= 3; round++) {
      const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(text)));
      while (asked.length < 2 * round) await sleep(1);
      await worker.terminate();
    }
    const found = Array.from({ length: 4 }, (_, i) => find(\`held-\${i}.test\`));
    while (asked.length < 8) await sleep(1);
    await sleep(20);
    const began = asked.length;
    release();
    await Promise.all(found);
    server.close();
    say(began);
  `);
  expect([said, status]).toEqual([8, 0]);
});

test('all queued look-ups are answered in the end, in order', (context) => {
  need(context, ownNames, node);
  const { said, status } = run(
    `
    const names = Array.from({ length: 9 }, (_, i) => \`late-5-\${i}.test\`);
    const found = await Promise.all(names.map((name) => find(name)));
    server.close();
    say([found, asked.join() === names.join()]);
  `,
    { UV_THREADPOOL_SIZE: '1' },
  );
  expect([said, status]).toEqual([[Array.from({ length: 9 }, (_, i) => `10.0.5.${i}`), true], 0]);
});

test('a look-up that is aborted before it begins uses no thread', (context) => {
  need(context, ownNames, node);
  const { said, status } = run(`
    const controller = new AbortController();
    const { signal } = controller;
    const pending = Array.from({ length: 9 }, (_, i) => find(\`late-100-\${i}.test\`, { signal }).catch(({ name }) => name));
    while (asked.length < 2) await sleep(1);
    controller.abort();
    const names = await Promise.all(pending);
    const after = await find('late-1-1.test');
    while (answered.length < 3) await sleep(1); // both aborted look-ups that had begun, too
    server.close();
    say([[...new Set(names)], after, new Set(asked).size]); // a resolver that is late asks again
  `);
  expect([said, status]).toEqual([[['AbortError'], '10.0.1.1', 3], 0]);
});

test('a look-up that waits for a thread of a busy pool is cancelled, too', (context) => {
  need(context, ownNames, node);
  const { said, status } = run(
    `
    import { execFileSync } from 'node:child_process';
    import { readFile } from 'node:fs/promises';
    import { writeFileSync } from 'node:fs';
    const fifo = ${JSON.stringify(join(folder(), 'fifo'))};
    execFileSync('mkfifo', [fifo]);
    const busy = readFile(fifo); // waits for a writer
    const controller = new AbortController();
    const failed = find('late-1-1.test', { signal: controller.signal }).catch(({ message }) => message);
    controller.abort();
    const said = [await failed];
    writeFileSync(fifo, 'x');
    await busy;
    await sleep(20);
    server.close();
    say([...said, asked.length]);
  `,
    { UV_THREADPOOL_SIZE: '1' },
  );
  expect([said, status]).toEqual([['getaddrinfo: the operation was aborted', 0], 0]);
});

test('worker.terminate() waits for the running look-ups only', (context) => {
  need(context, ownNames, node);
  const { said, status } = run(`
    const text = \`
      import { parentPort } from 'node:worker_threads';
      const promises = await import(\${JSON.stringify(library)});
      for (let i = 0; i < 12; i++) promises.gethostbyname(\\\`late-100-\\\${i}.test\\\`).catch(() => {});
      parentPort.postMessage('started');
      setInterval(() => {}, 1000);
    \`;
    const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(text)));
    await once(worker, 'message');
    while (asked.length < 2) await sleep(1);
    await worker.terminate();
    while (answered.length < 2) await sleep(1);
    await sleep(20);
    server.close();
    say(asked.length);
  `);
  expect([said, status]).toEqual([2, 0]);
});

test('process.exit with pending look-ups ends the process with its code', (context) => {
  need(context, ownNames);
  const { status, signal } = run(
    `
    for (let i = 0; i < 6; i++) find('silent.test').catch(() => {});
    await sleep(50);
    process.exit(7);
  `,
    impatient,
  );
  expect([status, signal]).toEqual([7, null]);
});

test('an exception with pending look-ups ends the process as usual', (context) => {
  need(context, ownNames);
  const { status, signal } = run(
    `
    process.on('exit', (code) => say(code));
    process.on('uncaughtException', () => process.exit(9));
    find('silent.test').then(say, say);
    setTimeout(() => { throw new Error('thrown by a timer'); }, 20);
  `,
    impatient,
  );
  expect([status, signal]).toEqual([9, null]);
});

test('a signal ends a process whose look-ups are all pending', (context) => {
  need(context, ownNames);
  const script = `
    find('silent.test').catch(() => {});
    process.kill(process.pid, 'SIGTERM');
  `;
  expect(run(script).signal).toBe('SIGTERM');
});

test('workers can look up names at the same time', (context) => {
  need(context, ownNames);
  const { said, status } = run(`
    const text = \`
      import { parentPort, workerData } from 'node:worker_threads';
      const promises = await import(\${JSON.stringify(library)});
      parentPort.postMessage(await promises.gethostbyname(workerData));
    \`;
    const module = () => new URL('data:text/javascript,' + encodeURIComponent(text));
    const found = await Promise.all([1, 2, 3].map(async (i) => {
      const worker = new Worker(module(), { workerData: \`late-50-\${i}.test\` });
      const [[address], [code]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')]);
      return [address, code];
    }));
    server.close();
    say(found);
  `);
  expect(status).toBe(0);
  expect(said).toEqual([1, 2, 3].map((i) => [`10.0.50.${i}`, 0]));
});

test('the built module returns the same in a plain process as here', () => {
  const script = `
    const promises = await import(process.argv[1]);
    console.log(JSON.stringify(await promises.getaddrinfo('1.2.3.4', 80)));
  `;
  const built = new URL('../dist/promises.js', import.meta.url).href;
  const said = execFileSync(process.execPath, ['--input-type=module', '-e', script, built], { encoding: 'utf8' });
  expect(JSON.parse(said)).toEqual(JSON.parse(JSON.stringify(s.getaddrinfo('1.2.3.4', 80))));
});
