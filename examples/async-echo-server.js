#!/usr/bin/env node
// @ts-check
// A TCP echo server for many clients at once, in one thread: createServer, connections(), recv, sendAll.
//   node examples/async-echo-server.js [host] [port]
import { createServer, isErrno, TimeoutError } from 'sys-socket';

const [host = '127.0.0.1', port = '0', ...rest] = process.argv.slice(2);
if (!/^\d+$/.test(port) || rest.length > 0) {
  console.error(
    'Usage: async-echo-server.js [host] [port]   (host is an IPv4 or IPv6 address; port 0 takes a free one)',
  );
  process.exit(2);
}

/** Formats an address and its port as text. @param {import('sys-socket').Address | undefined} name */
const text = (name) =>
  name !== undefined && 'port' in name && 'address' in name ? `${name.address}:${name.port}` : '?';

/** Serves one client. @param {import('sys-socket').AcceptedSocket} accepted */
async function serve({ socket, address }) {
  let total = 0;
  let end = '';
  try {
    // The server drops a client that sends nothing for a minute.
    const wait = { timeout: 60_000 };
    for (let data = await socket.recv(65536, 0, wait); data.length > 0; data = await socket.recv(65536, 0, wait)) {
      await socket.sendAll(data, 0, wait); // waits for room: a client that does not read is not read from
      total += data.length;
    }
  } catch (error) {
    // The client has disconnected or is too slow. This does not end the server.
    if (!isErrno(error, 'ECONNRESET', 'EPIPE') && !(error instanceof TimeoutError)) throw error;
    end = `, ${error.message}`;
  } finally {
    socket.close();
  }
  console.log(`${text(address)}: echoed ${total} bytes${end}`);
}

try {
  const server = createServer({ host, port: Number(port) });
  console.log(`listening on ${text(server.getsockname())}`);
  // Closing the server ends the loop below. Open connections are served until their clients close them.
  process.once('SIGTERM', () => server.close());
  for await (const accepted of server.connections()) void serve(accepted);
  console.log('closed');
} catch (error) {
  if (/** @type {{ code?: unknown }} */ (error).code === undefined) throw error; // a mistake in this program
  console.error(/** @type {Error} */ (error).message); // for example "EADDRINUSE: Address already in use, bind ..."
  process.exitCode = 1;
}
