#!/usr/bin/env node
// @ts-check
// A TCP echo server that serves one client after the other: socket, bind, listen, accept, recv, send, close.
//   node examples/tcp-echo-server.js [host] [port]
import {
  AF_INET,
  AF_INET6,
  accept,
  bind,
  close,
  getsockname,
  isErrno,
  listen,
  recv,
  SO_REUSEADDR,
  SOCK_STREAM,
  SOL_SOCKET,
  send,
  setsockopt,
  socket,
} from 'sys-socket';

const [host = '127.0.0.1', port = '0', ...rest] = process.argv.slice(2);
if (!/^\d+$/.test(port) || rest.length > 0) {
  console.error('Usage: tcp-echo-server.js [host] [port]   (host is an IPv4 or IPv6 address; port 0 takes a free one)');
  process.exit(2);
}

/** Formats an address and its port as text. @param {import('sys-socket').Address | undefined} name */
const text = (name) =>
  name !== undefined && 'port' in name && 'address' in name ? `${name.address}:${name.port}` : '?';

try {
  const family = host.includes(':') ? AF_INET6 : AF_INET;
  const listener = socket(family, SOCK_STREAM);
  setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, true);
  bind(listener, { family, address: host, port: Number(port) });
  listen(listener);
  console.log(`listening on ${text(getsockname(listener))}`);

  const buffer = new Uint8Array(65536);
  for (;;) {
    const { fd, address } = accept(listener); // blocks the whole thread until a client connects
    console.log(`accepted ${text(address)}`);
    let total = 0;
    try {
      for (let n = recv(fd, buffer); n > 0; n = recv(fd, buffer)) {
        // send may accept only some of the bytes, so the loop sends the rest.
        for (let sent = 0; sent < n; ) sent += send(fd, buffer.subarray(sent, n));
        total += n;
      }
    } catch (error) {
      if (!isErrno(error, 'ECONNRESET', 'EPIPE')) throw error; // the client left, but the server goes on
      console.log(error.message);
    } finally {
      close(fd);
    }
    console.log(`echoed ${total} bytes`);
  }
} catch (error) {
  if (!isErrno(error) && !(error instanceof TypeError || error instanceof RangeError)) throw error;
  console.error(error.message); // for example "EADDRINUSE: Address already in use, bind 127.0.0.1:80"
  process.exitCode = 1;
}
