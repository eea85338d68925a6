/** The examples and the demo as real processes: their output, their exit codes, and their exchange with Python. */
import { type ChildProcess, execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, onTestFinished, type TestContext, test } from 'vitest';
import * as s from '../lib/index.ts';
import { cleanup } from './helpers/fds.ts';
import { datagram, folder, listener, loopback } from './helpers/fixtures.ts';
import { HANGING } from './helpers/limits.ts';
import { ipv6, type Need, need, program, rawSockets } from './helpers/need.ts';
import { pythonAsync, pythonPeer } from './helpers/python.ts';

const root = join(import.meta.dirname, '..');
const example = (name: string) => join(root, 'examples', name);

interface Outcome {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** The longest that a line of another process may take on a busy machine. */
const patient = { timeout: 60_000 };

/** Runs a command until it ends, without blocking this process, which can be its peer. */
function run(command: string, ...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    const child = execFile(command, args, { cwd: root, timeout: HANGING }, (_error, stdout, stderr) => {
      resolve({ code: child.exitCode, stdout, stderr });
    });
  });
}

/** Runs an example until it ends. */
const node = (name: string, ...args: string[]) => run(process.execPath, example(name), ...args);

/** Starts an example that keeps running, with the lines that it has printed; it is killed when the test ends. */
async function server(name: string, ...args: string[]): Promise<{ port: string; lines: () => string[] }> {
  const child: ChildProcess = spawn(process.execPath, [example(name), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill();
    await once(child, 'exit');
  });
  let printed = '';
  child.stdout!.on('data', (chunk: Buffer) => {
    printed += chunk.toString();
  });
  await expect.poll(() => printed, patient).toContain('\n');
  return { port: /:(\d+)\n/.exec(printed)![1]!, lines: () => printed.trimEnd().split('\n') };
}

/** Returns a TCP port of 127.0.0.1 that refuses connections: this test binds it, and does not listen. */
function refusingPort(): string {
  const fd = cleanup(s.socket(s.AF_INET, s.SOCK_STREAM));
  s.bind(fd, loopback);
  return String((s.getsockname(fd) as s.InetAddress).port);
}

/** Returns a command line that runs without any capability. */
const dropped: Need = () => {
  if (rawSockets() !== undefined) return undefined;
  const { status } = spawnSync('setpriv', ['--bounding-set=-all', '--inh-caps=-all', 'true']);
  return status === 0 ? undefined : 'setpriv cannot drop capabilities here';
};
const withoutPrivilege = (name: string) =>
  rawSockets() === undefined
    ? run('setpriv', '--bounding-set=-all', '--inh-caps=-all', process.execPath, example(name))
    : node(name);

/** A new network namespace, within a user namespace if necessary. Its loopback interface is down. */
const isolate = [['-n'], ['-Urn']].find((flags) => spawnSync('unshare', [...flags, 'true']).status === 0);
const isolation: Need = () => (isolate === undefined ? 'no network namespaces' : undefined);

test('every example is tested, and passes its type check', async () => {
  const files = readdirSync(join(root, 'examples')).filter((file) => file.endsWith('.js'));
  const own = existsSync(join(import.meta.dirname, 'examples'))
    ? readdirSync(join(import.meta.dirname, 'examples')).filter((file) => file.endsWith('.ts'))
    : [];
  const tests = ['examples.test.ts', 'socket/examples.test.ts', ...own.map((file) => `examples/${file}`)];
  const source = tests.map((file) => readFileSync(join(import.meta.dirname, file), 'utf8')).join('');
  for (const file of files) expect(source).toContain(`'${file}'`);
  files.push('support/command.js');
  for (const file of files) expect(readFileSync(example(file), 'utf8')).toMatch(/^\/\/ @ts-check$/m);
  const flags = '--ignoreConfig --noEmit --allowJs --checkJs --strict --module nodenext --target es2022 --types node';
  const { stdout } = await run(
    process.execPath,
    'node_modules/typescript/bin/tsc',
    ...flags.split(' '),
    ...files.map(example),
  );
  expect(stdout).toBe('');
});

test.each([
  ['tcp-echo-server.js', '127.0.0.1', 'http'],
  ['tcp-echo-server.js', '127.0.0.1', '0', 'more'],
  ['tcp-echo-client.js'],
  ['tcp-echo-client.js', '127.0.0.1', '7'],
  ['tcp-echo-client.js', '127.0.0.1', 'echo', 'message'],
  ['udp.js'],
  ['udp.js', 'client', '127.0.0.1', '7'],
  ['udp.js', 'peer', '127.0.0.1', '7', 'message'],
  ['unix-fd-passing.js', '--help'],
  ['unix-fd-passing.js', 'one', 'two'],
])('invalid usage prints the usage: %s %s %s %s', async (name, ...args) => {
  const { code, stdout, stderr } = await node(name, ...args);
  expect(stderr).toMatch(new RegExp(`^Usage: ${name.replaceAll('.', '\\.')} `));
  expect(stdout).toBe('');
  expect(code).toBe(2);
});

test.each([
  ['tcp-echo-server.js', 'localhost', '0'],
  ['tcp-echo-client.js', 'localhost', '7', 'message'],
  ['udp.js', 'client', 'localhost', '7', 'message'],
])('a host name is not accepted as an address: %s %s', async (name, ...args) => {
  const { code, stderr } = await node(name, ...args);
  expect(stderr).toBe('The "address.address" argument must be an IPv4 address (names are for getaddrinfo)\n');
  expect(code).toBe(1);
});

test.each([
  ['tcp-echo-client.js', '127.0.0.1', '65536', 'message'],
  ['udp.js', 'server', '127.0.0.1', '65536'],
])('a port beyond 16 bits is rejected: %s %s %s', async (name, ...args) => {
  const { code, stderr } = await node(name, ...args);
  expect(stderr).toBe('The "address.port" argument must be an integer from 0 to 65535\n');
  expect(code).toBe(1);
});

test('the TCP server serves the TCP client', async () => {
  const { port, lines } = await server('tcp-echo-server.js');
  const { code, stdout, stderr } = await node(
    'tcp-echo-client.js',
    '127.0.0.1',
    port,
    'one',
    'grüße',
    'x'.repeat(9000),
  );
  expect(stderr).toBe('');
  expect(stdout).toBe(`one\ngrüße\n${'x'.repeat(9000)}\n`);
  expect(code).toBe(0);
  await expect.poll(lines, patient).toHaveLength(3);
  expect(lines()).toEqual([
    `listening on 127.0.0.1:${port}`,
    expect.stringMatching(/^accepted 127\.0\.0\.1:\d+$/),
    'echoed 9010 bytes',
  ]);
});

test('the TCP server serves the TCP client over IPv6', async (context) => {
  need(context, ipv6);
  const { port } = await server('tcp-echo-server.js', '::1');
  expect(await node('tcp-echo-client.js', '::1', port, 'six')).toEqual({ code: 0, stdout: 'six\n', stderr: '' });
});

test('the TCP server serves Python clients, even after one that resets its connection', async (context) => {
  need(context, program('python3'));
  const { port, lines } = await server('tcp-echo-server.js', '127.0.0.1', '0');
  const script = `
c = create_connection(('127.0.0.1', int(sys.argv[1])))
c.setsockopt(SOL_SOCKET, SO_LINGER, struct.pack('ii', 1, 0))
c.sendall(b'x')
c.recv(1)
c.close()
c = create_connection(('127.0.0.1', int(sys.argv[1])))
data = bytes(range(256)) * 1000
got = b''
for at in range(0, len(data), 10000):
    part = data[at:at + 10000]
    c.sendall(part)
    got += c.recv(len(part), MSG_WAITALL)
c.shutdown(SHUT_WR)
print(json.dumps([got == data, c.recv(1).hex()]))`;
  expect(await pythonAsync(script, port)).toEqual([true, '']);
  await expect.poll(lines, patient).toHaveLength(6);
  expect(lines()[2]).toBe('ECONNRESET: Connection reset by peer, recv');
  expect(lines().at(-1)).toBe('echoed 256000 bytes');
});

test('the TCP client talks to a Python server', async (context) => {
  need(context, program('python3'));
  const { child, line } = await pythonPeer(`
l = create_server(('127.0.0.1', 0))
print(l.getsockname()[1])
c, _ = l.accept()
while data := c.recv(3):
    c.sendall(data)
c.close()`);
  onTestFinished(() => void child.kill());
  const { code, stdout } = await node('tcp-echo-client.js', '127.0.0.1', line, 'from', 'sys-socket');
  expect(stdout).toBe('from\nsys-socket\n');
  expect(code).toBe(0);
});

test('the TCP client reports a server that closes too early', async (context) => {
  need(context, program('python3'));
  const { child, line } = await pythonPeer(`
l = create_server(('127.0.0.1', 0))
print(l.getsockname()[1])
c, _ = l.accept()
c.recv(100)
c.close()`);
  onTestFinished(() => void child.kill());
  const { code, stderr } = await node('tcp-echo-client.js', '127.0.0.1', line, 'message');
  expect(stderr).toBe('the server closed the connection too early\n');
  expect(code).toBe(1);
});

test('the TCP client reports a refused connection', async () => {
  const port = refusingPort();
  const { code, stdout, stderr } = await node('tcp-echo-client.js', '127.0.0.1', port, 'message');
  expect(stderr).toBe(`ECONNREFUSED: Connection refused, connect 127.0.0.1:${port}\n`);
  expect(stdout).toBe('');
  expect(code).toBe(1);
});

test('the TCP server reports a port that is in use', async () => {
  const { address } = listener();
  const { code, stderr } = await node('tcp-echo-server.js', '127.0.0.1', String(address.port));
  expect(stderr).toBe(`EADDRINUSE: Address already in use, bind 127.0.0.1:${address.port}\n`);
  expect(code).toBe(1);
});

test('the UDP server answers the UDP client and a Python client', async (context: TestContext) => {
  const { port, lines } = await server('udp.js', 'server');
  const { code, stdout } = await node('udp.js', 'client', '127.0.0.1', port, 'hello');
  expect(stdout).toBe('hello\n');
  expect(code).toBe(0);
  await expect.poll(() => lines().at(-1), patient).toMatch(/^5 bytes from 127\.0\.0\.1:\d+$/);
  need(context, program('python3'));
  const script = `
c = socket(AF_INET, SOCK_DGRAM)
c.settimeout(60)
c.sendto(b'a' * 2000, ('127.0.0.1', int(sys.argv[1])))
first = len(c.recv(9999))
c.sendto(b'', ('127.0.0.1', int(sys.argv[1])))
print(json.dumps([first, len(c.recv(9999))]))`;
  expect(await pythonAsync(script, port)).toEqual([1500, 0]);
  const lengths = () =>
    lines()
      .slice(-2)
      .map((line) => line.split(' ')[0]);
  await expect.poll(lengths, patient).toEqual(['2000', '0']);
});

test('the UDP client reports a port that refuses, and one that does not answer', async () => {
  const { fd, address } = datagram();
  const silent = await node('udp.js', 'client', '127.0.0.1', String(address.port), 'hello');
  expect(silent).toEqual({ code: 1, stdout: '', stderr: 'EAGAIN: Resource temporarily unavailable, recv\n' });
  s.connect(fd, { family: s.AF_INET, address: '127.0.0.1', port: 9 }); // from now on it receives nothing from others
  const refused = await node('udp.js', 'client', '127.0.0.1', String(address.port), 'hello');
  expect(refused).toEqual({ code: 1, stdout: '', stderr: 'ECONNREFUSED: Connection refused, recv\n' });
});

test('an open file is passed to another process by path and by abstract name', async () => {
  const file = join(folder(), 'file');
  writeFileSync(file, 'the content');
  const { code, stdout, stderr } = await node('unix-fd-passing.js', file);
  expect(stderr).toBe('');
  expect(code).toBe(0);
  const lines = stdout.trimEnd().split('\n');
  expect(lines).toHaveLength(6);
  expect(lines[0]).toMatch(/^sender: passes descriptor \d+ \(.*\/file\) over \/.*\/socket$/);
  expect(lines[3]).toMatch(/^sender: passes descriptor \d+ \(.*\/file\) over @sys-socket-\d+$/);
  for (const i of [1, 4]) expect(lines[i]).toMatch(/^ {2}receiver: got "a file" and descriptor \d+, which reads$/);
  for (const i of [2, 5]) expect(lines[i]).toBe('  receiver: "the content"');
  const path = /over (\/.*)$/.exec(lines[0]!)![1]!;
  expect(existsSync(path)).toBe(false);
});

test('a missing file is reported, and so is a receiver without a sender', async () => {
  const missing = await node('unix-fd-passing.js', '/nonexistent');
  expect(missing.stderr).toContain('ENOENT');
  expect(missing.code).toBe(1);
  const alone = await node('unix-fd-passing.js', '--receive', '@sys-socket-nobody');
  expect(alone).toEqual({
    code: 1,
    stdout: '',
    stderr: 'ECONNREFUSED: Connection refused, connect @sys-socket-nobody\n',
  });
});

const demoSteps = [
  'TCP: an echo server and a client, in two processes',
  'UDP: there and back',
  'AF_UNIX: an open file passed by path and by abstract name',
  'SOCK_RAW: an ICMP echo to 127.0.0.1',
  'A refused connection is a typed error',
];

test('the demo performs every step', async () => {
  const { code, stdout, stderr } = await node('demo.js');
  expect(stderr).toBe('');
  expect(code).toBe(0);
  for (const [i, title] of demoSteps.entries()) {
    expect(stdout).toContain(`\n${'ok'.padEnd(8)}${i + 1}. ${title}`);
  }
  expect(stdout).toMatch(/\nAll 5 steps did what they say\.\n$/);
  expect(stdout).toMatch(/server: echoed 24 bytes\n/);
  expect(stdout).toMatch(/recvfrom\(\d+\) = 4: 'pong' from 127\.0\.0\.1:\d+\n/);
  expect(stdout).toMatch(/connected over the path \//);
  expect(stdout).toMatch(/connected over the abstract name @/);
  if (rawSockets() === undefined) expect(stdout).toContain('ICMP echo reply');
  expect(stdout).toMatch(/SocketError: ECONNREFUSED: Connection refused, connect 127\.0\.0\.1:\d+\n/);
  expect(stdout).toContain("code 'ECONNREFUSED', errno 111, syscall 'connect'");
});

test('the demo without the privilege shows EPERM and succeeds', async (context) => {
  need(context, dropped);
  const { code, stdout } = await withoutPrivilege('demo.js');
  expect(stdout).toContain('throws SocketError: EPERM: Operation not permitted, socket\n');
  expect(stdout).toContain('sudo setcap cap_net_raw+ep $(readlink -f $(which node))');
  expect(stdout).toContain(`${demoSteps[3]} (EPERM shown: no CAP_NET_RAW)\n`);
  expect(code).toBe(0);
});

test('the demo fails when a step does', async (context) => {
  need(context, isolation);
  const { code, stdout } = await run('unshare', ...isolate!, process.execPath, example('demo.js'));
  for (const i of [1, 2, 5]) expect(stdout).toContain(`\nFAILED  ${i}. ${demoSteps[i - 1]}: ENETUNREACH: `);
  expect(stdout).toContain(`\nok      3. ${demoSteps[2]}\n`);
  expect(stdout).toMatch(/\nThe demo failed\.\n$/);
  expect(code).toBe(1);
});
