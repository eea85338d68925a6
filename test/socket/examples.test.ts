/** The examples of the event-loop layer as real processes. */
import { once } from 'node:events';
import http from 'node:http';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { createConnection, Socket } from '../../lib/index.ts';
import { cleanup } from '../helpers/fds.ts';
import { datagram, listener, loopback } from '../helpers/fixtures.ts';
import { ipv6, need, program } from '../helpers/need.ts';
import { type Program, patient, printed, receive, soon, start } from '../helpers/programs.ts';
import { pythonAsync, pythonPeer } from '../helpers/python.ts';
import { keep } from '../helpers/sockets.ts';

const root = join(import.meta.dirname, '../..');
const example = (name: string, ...args: string[]): Program =>
  start(process.execPath, [join(root, 'examples', name), ...args], { cwd: root });

/** Runs an example until it ends. */
async function finished(name: string, ...args: string[]): Promise<{ code: number | null; output: string }> {
  const running = example(name, ...args);
  const code = await running.ended;
  return { code, output: running.output() };
}

/** Starts a server, and returns its port. */
async function server(name: string, ...args: string[]): Promise<{ running: Program; port: number }> {
  const running = example(name, ...args);
  const [, port] = await printed(running, /:(\d+)\n/);
  return { running, port: Number(port) };
}

test.each([
  ['zero-downtime-restart.js'],
  ['zero-downtime-restart.js', 'name', 'http'],
  ['async-echo-server.js', '127.0.0.1', 'http'],
  ['async-echo-server.js', '127.0.0.1', '0', 'more'],
  ['udp-batches.js'],
  ['udp-batches.js', 'server', '127.0.0.1', 'domain'],
  ['udp-batches.js', 'server', '127.0.0.1', '0', '1'],
  ['udp-batches.js', 'client', '127.0.0.1', '7'],
  ['udp-batches.js', 'client', '127.0.0.1', '7', '0'],
  ['udp-batches.js', 'client', '127.0.0.1', '7', '1', 'more'],
])('invalid usage prints the usage: %s %s %s %s', async (name, ...args) => {
  const { code, output } = await finished(name, ...args);
  expect(output).toMatch(new RegExp(`^Usage: ${name.replaceAll('.', '\\.')} `));
  expect(code).toBe(2);
});

test('a restart under load loses no request, and the old version exits', async () => {
  const name = `sys-socket-restart-${process.pid}`;
  const { running: old, port } = await server('zero-downtime-restart.js', name);
  const seen = new Set<string>();
  let isOver = false;
  let answers = 0;
  const load = async (agent: http.Agent) => {
    onTestFinished(() => agent.destroy());
    while (!isOver) {
      const request = http.get({ host: '127.0.0.1', port, agent });
      const [response] = (await once(request, 'response')) as [http.IncomingMessage];
      let text = '';
      for await (const chunk of response) text += chunk;
      seen.add(text.trim());
      answers += 1;
    }
  };
  // Some clients keep their connection, some make one for each request.
  const clients = [true, false, true, false].map((keepAlive) => load(new http.Agent({ keepAlive, maxSockets: 1 })));
  await expect.poll(() => answers, patient).toBeGreaterThan(50);
  const { running: next, port: samePort } = await server('zero-downtime-restart.js', name);
  expect(samePort).toBe(port);
  expect(await old.ended).toBe(0);
  const before = answers;
  await expect.poll(() => answers, patient).toBeGreaterThan(before + 50);
  isOver = true;
  await Promise.all(clients);
  expect(seen).toEqual(new Set([`version ${old.child.pid}`, `version ${next.child.pid}`]));
});

test('the server serves many clients at once, and reports one that resets its connection', async () => {
  const { running, port } = await server('async-echo-server.js');
  const clients = await Promise.all(
    Array.from({ length: 10 }, async () => keep(await createConnection({ host: '127.0.0.1', port }))),
  );
  // The clients are served in turns: none waits for the end of another.
  for (const round of [1, 2]) {
    for (const [i, client] of clients.entries()) {
      await client.sendAll(`${round}: ${i}`);
      expect(String(await client.recv(100, 0, soon))).toBe(`${round}: ${i}`);
    }
  }
  clients[0]!.setsockopt(s.SOL_SOCKET, s.SO_LINGER, new Int32Array([1, 0])); // close resets
  clients[0]!.close();
  await printed(running, /^127\.0\.0\.1:\d+: echoed 8 bytes, ECONNRESET: Connection reset by peer, recv$/m);
  for (const client of clients.slice(1)) {
    const data = 'x'.repeat(100_000);
    const sent = client.sendAll(data).then(() => client.shutdown(s.SHUT_WR));
    expect(String(await receive(client))).toBe(data);
    await sent;
  }
  const served = () => running.output().match(/: echoed 100008 bytes$/gm)?.length;
  await expect.poll(served, patient).toBe(9);
});

test('on SIGTERM it accepts no more connections, and finishes serving the open ones', async () => {
  const { running, port } = await server('async-echo-server.js');
  const client = keep(await createConnection({ host: '127.0.0.1', port }));
  await client.sendAll('before');
  expect(String(await client.recv(100, 0, soon))).toBe('before');
  process.kill(running.child.pid!, 'SIGTERM');
  await printed(running, /^closed$/m);
  await expect(createConnection({ host: '127.0.0.1', port })).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await client.sendAll('after');
  expect(String(await client.recv(100, 0, soon))).toBe('after');
  expect(running.child.exitCode).toBe(null);
  client.shutdown(s.SHUT_WR);
  expect(await running.ended).toBe(0);
  expect(running.output()).toMatch(/: echoed 11 bytes\n$/);
});

test('it serves a Python client over IPv6', async (context) => {
  need(context, ipv6, program('python3'));
  const { running, port } = await server('async-echo-server.js', '::1');
  expect(running.output()).toBe(`listening on ::1:${port}\n`);
  const script = `
c = create_connection(('::1', int(sys.argv[1])))
c.sendall(b'six')
c.shutdown(SHUT_WR)
print(json.dumps([c.recv(100).decode(), c.recv(100).decode()]))`;
  expect(await pythonAsync(script, String(port))).toEqual(['six', '']);
});

test('it reports a port that is in use, a host name, and a port beyond 16 bits', async () => {
  const { address } = listener();
  expect(await finished('async-echo-server.js', '127.0.0.1', String(address.port))).toEqual({
    code: 1,
    output: `EADDRINUSE: Address already in use, bind 127.0.0.1:${address.port}\n`,
  });
  for (const args of [
    ['name.invalid', '0'],
    ['127.0.0.1', '65536'],
  ]) {
    const { code, output } = await finished('async-echo-server.js', ...args);
    expect(output).toMatch(/^[^\n]{10,200}\n$/); // a line, no stack
    expect(code).toBe(1);
  }
});

test('the batch server answers the batch client', async () => {
  const { running, port } = await server('udp-batches.js', 'server');
  const outcome = await finished('udp-batches.js', 'client', '127.0.0.1', String(port), '1000');
  expect(outcome).toEqual({ code: 0, output: '1000 of 1000 answered\n' });
  process.kill(running.child.pid!, 'SIGTERM');
  expect(await running.ended).toBe(0);
  const [, datagrams, batches] = /^answered (\d+) datagrams in (\d+) batches$/m.exec(running.output())!;
  expect(Number(datagrams)).toBe(1000);
  expect(Number(batches)).toBeLessThan(1000); // several by one call
});

test('the batch server answers every sender, and an empty datagram too', async () => {
  const { port } = await server('udp-batches.js', 'server');
  const clients = Array.from({ length: 5 }, () => {
    const socket = keep(new Socket(s.AF_INET, s.SOCK_DGRAM));
    socket.bind(loopback);
    return socket;
  });
  const address = { ...loopback, port };
  await Promise.all(clients.map((client, i) => client.sendto(i === 0 ? '' : `from ${i}`, 0, address)));
  for (const [i, client] of clients.entries()) {
    expect(String(await client.recv(100, 0, soon))).toBe(i === 0 ? '' : `from ${i}`);
  }
});

test('the batch client works with a Python server, and with one that loses datagrams', async (context) => {
  need(context, program('python3'));
  const { child, line } = await pythonPeer(`
r = socket(AF_INET, SOCK_DGRAM)
r.bind(('127.0.0.1', 0))
print(r.getsockname()[1])
while True:
    data, peer = r.recvfrom(100)
    if data != b'datagram 70': r.sendto(data, peer)`);
  onTestFinished(async () => {
    child.kill();
    await once(child, 'exit');
  });
  expect(await finished('udp-batches.js', 'client', '127.0.0.1', line, '70')).toEqual({
    code: 0,
    output: '70 of 70 answered\n',
  });
  expect(await finished('udp-batches.js', 'client', '127.0.0.1', line, '71')).toEqual({
    code: 1,
    output: '70 of 71 answered\n',
  });
});

test('the batch client reports a port that refuses', async () => {
  const { fd, address } = datagram();
  s.connect(cleanup(fd), { family: s.AF_INET, address: '127.0.0.1', port: 9 }); // takes nothing from others
  const { code, output } = await finished('udp-batches.js', 'client', '127.0.0.1', String(address.port), '3');
  expect(output).toMatch(/^ECONNREFUSED: Connection refused, (recv|send)mmsg\n$/);
  expect(code).toBe(1);
});
