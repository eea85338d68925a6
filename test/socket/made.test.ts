// A file descriptor that is created for a Socket has an owner from the call on: none is left open if the stack overflows
// before the Socket exists. One that is created for the program reaches it, or is closed.
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { HANGING } from '../helpers/limits.ts';
import { need, networkAdmin, node, peerPidfd } from '../helpers/need.ts';

const dist = new URL('../../dist/index.js', import.meta.url).href;
const nothrow = new URL('../../dist/nothrow.js', import.meta.url).href;

/** Creates Sockets or file descriptors at every depth of the stack, in steps of small frames. */
const dive = (make: string) => `
  import { readdirSync } from 'node:fs';
  import { setImmediate as turn } from 'node:timers/promises';
  import * as s from '${dist}';
  import * as nothrow from '${nothrow}';
  process.removeAllListeners('warning');
  const count = () => readdirSync('/proc/self/fd').length;
  const made = [];
  let tries = 0, overflows = 0, returned = 0;
  const server = s.createServer({ host: '127.0.0.1', port: 0 });
  const clients = [];
  for (let i = 0; i < 120; i++) {
    const client = new s.Socket(s.AF_INET, s.SOCK_STREAM);
    client.connectSync(server.getsockname());
    clients.push(client);
  }
  const [one, peer] = s.Socket.pair();
  const listener = new s.Socket(s.AF_UNIX, s.SOCK_STREAM | s.SOCK_NONBLOCK);
  listener.bind({ family: s.AF_UNIX, path: '' });
  listener.listen();
  for (let i = 0; i < 401; i++) {
    const client = new s.Socket(s.AF_UNIX, s.SOCK_STREAM);
    client.connectSync(listener.getsockname());
    clients.push(client);
  }
  const from = new s.SockaddrStorage();
  const name = { set length(length) { if (length > 0) from.decode(); }, bytes: from.bytes };
  const sv = [0, 0];
  const value = new Int32Array(2);
  let thrown;
  function attempt() {
    if (tries++ >= 100) return;
    try { ${make} } catch (error) { overflows++; thrown = error; }
  }
  const dives = [
    function dive() { try { dive(); } catch {} attempt(); },
    function dive(p = 1) { let q = p + 1; try { dive(q); } catch {} attempt(); return q; },
    function dive(...list) { try { dive(1, 2, 3, 4, 5); } catch {} attempt(); return list; },
    function dive() { try { [1].forEach(dive); } catch {} attempt(); },
  ];
  tries = 50;
  attempt();
  const end = () => {
    for (const socket of made) typeof socket === 'number' ? s.close(socket) : socket.close();
    returned += made.length;
    made.length = 0;
  };
  end();
  const before = count();
  for (const dive of dives) {
    tries = 0;
    try { dive(); } catch {}
    await turn();
    end();
    if (thrown !== undefined && !(thrown instanceof RangeError)) throw thrown;
  }
  // A Socket that was created but not returned is closed when it is collected.
  for (let i = 0; i < 100 && count() > before; i++) {
    gc();
    await turn();
  }
  peer.close();
  one.close();
  console.log(JSON.stringify({ left: count() - before + 2, overflows: overflows > 0, returned: returned > 20 }));
  process.exit();`;

for (const [name, make] of [
  ['new Socket', 'made[made.length] = new s.Socket(s.AF_INET, s.SOCK_DGRAM);'],
  ['Socket.pair', 'const pair = s.Socket.pair(); made[made.length] = pair[0]; made[made.length] = pair[1];'],
  ['dup', 'made[made.length] = one.dup();'],
  ['acceptSync', 'server.setTimeout(0); made[made.length] = server.acceptSync().socket;'],
  ['socket', 'made[made.length] = s.socket(s.AF_INET, s.SOCK_DGRAM);'],
  [
    'socketpair',
    'const p = s.socketpair(s.AF_UNIX, s.SOCK_STREAM); made[made.length] = p[0]; made[made.length] = p[1];',
  ],
  ['dup of a number', 'made[made.length] = s.dup(0);'],
  ['fcntl', 'made[made.length] = s.fcntl(0, s.F_DUPFD_CLOEXEC);'],
  ['accept', 'const a = s.accept(listener.fd); made[made.length] = a.fd;'],
  ['accept4', 'const a = s.accept4(listener.fd, 0); made[made.length] = a.fd;'],
  ['ioctl', 'made[made.length] = s.ioctl(one.fd, s.SIOCGSKNS);'],
  ['getsockopt', 'made[made.length] = s.getsockopt(one.fd, s.SOL_SOCKET, s.SO_PEERPIDFD);'],
  [
    'getsockopt with a length',
    'const v = s.getsockopt(one.fd, s.SOL_SOCKET, s.SO_PEERPIDFD, 8); made[made.length] = v[0] + v[1] * 256;',
  ],
  ['getOption', 'made[made.length] = s.getOption(one.fd, "SO_PEERPIDFD");'],
  [
    'getsockopt of nothrow',
    'nothrow.getsockopt(one.fd, s.SOL_SOCKET, s.SO_PEERPIDFD, value); made[made.length] = value[0];',
  ],
  ['socket of nothrow', 'made[made.length] = nothrow.socket(s.AF_INET, s.SOCK_DGRAM);'],
  [
    'socketpair of nothrow',
    'nothrow.socketpair(s.AF_UNIX, s.SOCK_STREAM, 0, sv); made[made.length] = sv[0]; made[made.length] = sv[1];',
  ],
  ['dup of nothrow', 'made[made.length] = nothrow.dup(0);'],
  ['fcntl of nothrow', 'made[made.length] = nothrow.fcntl(0, s.F_DUPFD_CLOEXEC);'],
  ['accept of nothrow', 'made[made.length] = nothrow.accept(listener.fd, name);'],
  ['accept4 of nothrow', 'made[made.length] = nothrow.accept4(listener.fd, 0);'],
] as const) {
  test(`${name} leaves no file descriptor open when the stack overflows`, (context) => {
    need(context, node);
    if (name === 'ioctl') need(context, networkAdmin);
    if (make.includes('SO_PEERPIDFD')) need(context, peerPidfd);
    const args = ['--expose-gc', '--no-warnings', '--input-type=module', '-e', dive(make)];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: HANGING });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ left: 0, overflows: true, returned: true });
  });
}
