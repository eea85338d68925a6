/** The example of a restart without downtime: either side is killed at each step. */
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { createConnection } from '../../lib/index.ts';
import { need, node, strace } from '../helpers/need.ts';
import { type Program, patient, printed, soon, start } from '../helpers/programs.ts';
import { keep } from '../helpers/sockets.ts';

const root = join(import.meta.dirname, '../..');
const program = [process.execPath, join(root, 'examples/zero-downtime-restart.js')] as const;
let names = 0;
const newName = () => `sys-socket-restart-${process.pid}-${++names}`;

/** One version of the server. */
const version = (name: string): Program => start(program[0], [program[1], name], { cwd: root });

/** A version that receives SIGKILL instead of making this system call for the nth time. */
function doomed(name: string, call: string, nth = 1): Program {
  const inject = `inject=${call}:signal=SIGKILL:when=${nth}`;
  return start('strace', ['-D', '-qq', '-o', '/dev/null', '-e', inject, ...program, name], { cwd: root });
}

const portOf = async (running: Program) => Number((await printed(running, /serves 127\.0\.0\.1:(\d+)\n/))[1]);
const times = (running: Program, text: string) => running.output().split(text).length - 1;
const wasKilled = async (running: Program) => {
  await running.ended;
  return running.child.signalCode === 'SIGKILL';
};

/** A request on its own connection, until the server has accepted it; the answer comes after `finish`. */
async function upload(port: number): Promise<{ finish(): Promise<string> }> {
  const socket = keep(await createConnection({ host: '127.0.0.1', port }));
  await socket.sendAll('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n');
  expect(String(await socket.recv(100, 0, soon))).toMatch(/^HTTP\/1\.1 100 /);
  return {
    async finish() {
      await socket.sendAll('body');
      let answer = '';
      while (!/version \d+\n/.test(answer)) {
        const part = await socket.recv(1000, 0, soon);
        if (part.length === 0) throw new Error(`the connection was lost after "${answer}"`);
        answer += part;
      }
      return /version \d+/.exec(answer)![0];
    },
  };
}

const answer = async (port: number) => (await upload(port)).finish();

test('a new version that is killed changes nothing, and the old one may be killed once it is leaving', async (context) => {
  need(context, node, strace);
  const name = newName();
  const old = version(name);
  const port = await portOf(old);
  const isOld = `version ${old.child.pid}`;
  const held = await upload(port);
  const failed = [
    doomed(name, 'recvmsg'), // before it has the sockets
    doomed(name, 'accept4'), // before it serves
    doomed(name, 'sendto'), // before it says so
    doomed(name, 'accept4', 2), // after that, while the old one leaves
  ];
  for (const next of failed) expect(await wasKilled(next), next.output()).toBe(true);
  await expect.poll(() => times(old, 'the next one failed'), patient).toBe(3);
  await expect.poll(() => times(old, 'the next one is lost'), patient).toBe(1);
  expect(await answer(port)).toBe(isOld);
  expect(await held.finish()).toBe(isOld);

  const unfinished = await upload(port);
  const next = version(name);
  expect(await portOf(next)).toBe(port);
  await expect.poll(() => times(old, 'leaves'), patient).toBe(2);
  expect(await answer(port)).toBe(`version ${next.child.pid}`);
  old.child.kill('SIGKILL');
  await expect(unfinished.finish()).rejects.toThrow(/lost|ECONNRESET|EPIPE/);
  expect(await answer(port)).toBe(`version ${next.child.pid}`);
});

test('a new version keeps serving when the old one is killed, with its sockets if they were handed over', async (context) => {
  need(context, node, strace);
  const name = newName();
  const unasked = doomed(name, 'accept4', 3); // before it knows the next version
  await portOf(unasked);
  const ungiven = doomed(name, 'sendmsg'); // before it gives the sockets; an answer of http would be such a call, too
  await portOf(ungiven);
  expect(await wasKilled(unasked)).toBe(true);
  const given = doomed(name, 'recvfrom'); // before it learns that the next version serves
  const lastPort = await portOf(given);
  expect(await wasKilled(ungiven)).toBe(true);
  const last = version(name);
  expect(await portOf(last)).toBe(lastPort);
  expect(await wasKilled(given)).toBe(true);
  expect(await answer(lastPort)).toBe(`version ${last.child.pid}`);
});

test('of versions that are started at once, the last one to take over the sockets serves, and the others exit', async () => {
  const name = newName();
  const all = [version(name), version(name), version(name)];
  const ports = await Promise.all(all.map(portOf));
  expect(new Set(ports).size).toBe(1);
  const running = () => all.filter(({ child }) => child.exitCode === null);
  await expect.poll(() => running().length, patient).toBe(1);
  expect(all.map(({ child }) => child.exitCode).sort()).toEqual([0, 0, null]);
  expect(await answer(ports[0]!)).toBe(`version ${running()[0]!.child.pid}`);
});
