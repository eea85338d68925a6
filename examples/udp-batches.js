#!/usr/bin/env node
// @ts-check
// Sends and receives many UDP datagrams per system call: recvmmsg and sendmmsg with storage that is reused, without
// blocking the thread.
//   node examples/udp-batches.js server [host] [port]
//   node examples/udp-batches.js client host port count
import { AF_INET, AF_INET6, MessageBatch, SO_RCVBUF, SOCK_DGRAM, SOL_SOCKET, Socket, TimeoutError } from 'sys-socket';

const [mode, host = '127.0.0.1', port = '0', count = '', ...rest] = process.argv.slice(2);
const complete = mode === 'server' ? count === '' : mode === 'client' && /^[1-9]\d*$/.test(count);
if (!/^\d+$/.test(port) || !complete || rest.length > 0) {
  console.error('Usage: udp-batches.js server [host] [port]\n       udp-batches.js client host port count');
  process.exit(2);
}
const family = host.includes(':') ? AF_INET6 : AF_INET;
const size = { messages: 64, size: 2048 };

async function server() {
  const socket = new Socket(family, SOCK_DGRAM);
  socket.setsockopt(SOL_SOCKET, SO_RCVBUF, 4 << 20); // the kernel grants at most net.core.rmem_max
  socket.bind({ family, address: host, port: Number(port) });
  const name = socket.getsockname();
  console.log(`bound to ${host}:${name !== undefined && 'port' in name ? name.port : '?'}`);
  process.once('SIGTERM', () => socket.close()); // ends the loop
  let datagrams = 0;
  let batches = 0;
  const answers = new MessageBatch(size);
  for await (const batch of socket.batches(new MessageBatch(size))) {
    answers.clear();
    // name(i) is the encoded address of the sender: answering it creates no address object.
    for (let i = 0; i < batch.count; i++) answers.push(batch.bytes(i), batch.name(i));
    await socket.sendmmsg(answers);
    datagrams += batch.count;
    batches += 1;
  }
  console.log(`answered ${datagrams} datagrams in ${batches} batches`);
}

async function client() {
  const total = Number(count);
  const socket = new Socket(family, SOCK_DGRAM);
  await socket.connect({ family, address: host, port: Number(port) }); // only datagrams from this peer are received
  const questions = new MessageBatch(size);
  const batch = new MessageBatch(size);
  const answered = new Set();
  try {
    for (let sent = 0; sent < total; ) {
      questions.clear();
      while (questions.count < questions.capacity && sent < total) questions.push(`datagram ${sent++}`);
      await socket.sendmmsg(questions);
      // Only one batch is in flight at a time, so that no buffer overflows.
      while (answered.size < sent) {
        await socket.recvmmsg(batch, 0, { timeout: 2000 });
        for (let i = 0; i < batch.count; i++) answered.add(String(batch.bytes(i)));
      }
    }
  } catch (error) {
    if (!(error instanceof TimeoutError)) throw error;
    process.exitCode = 1; // datagrams can be lost
  } finally {
    socket.close();
  }
  console.log(`${answered.size} of ${total} answered`);
}

try {
  await (mode === 'server' ? server() : client());
} catch (error) {
  console.error(/** @type {Error} */ (error).message);
  process.exitCode = 1;
}
