// A descriptor that is made for a Socket has an owner from the call on: none is left where the stack ends before there is
// a Socket.
import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { need, node } from '../helpers/need.ts';

const dist = new URL('../../dist/index.js', import.meta.url).href;

/** Makes Sockets at every depth of the stack, in steps of small frames. */
const dive = (make: string) => `
  import { readdirSync } from 'node:fs';
  import { setImmediate as turn } from 'node:timers/promises';
  import * as s from '${dist}';
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
    for (const socket of made) socket.close();
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
  // What nobody was given but is a Socket already is closed when it is collected.
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
] as const) {
  test(name, { timeout: 60_000 }, (context) => {
    need(context, node);
    const args = ['--expose-gc', '--no-warnings', '--input-type=module', '-e', dive(make)];
    const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', timeout: 50_000 });
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ left: 0, overflows: true, returned: true });
  });
}
