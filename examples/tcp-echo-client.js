#!/usr/bin/env node
// @ts-check
// Sends messages to a TCP echo server, one after the other, and prints its answers.
//   node examples/tcp-echo-client.js host port message...
import {
  AF_INET,
  AF_INET6,
  close,
  connect,
  isErrno,
  recv,
  SHUT_WR,
  SO_RCVTIMEO,
  SOCK_STREAM,
  SOL_SOCKET,
  send,
  setsockopt,
  shutdown,
  socket,
} from 'sys-socket';

const [host = '', port = '', ...messages] = process.argv.slice(2);
if (!/^\d+$/.test(port) || messages.length === 0) {
  console.error('Usage: tcp-echo-client.js host port message...   (host is an IPv4 or IPv6 address)');
  process.exit(2);
}

/**
 * Receives until the buffer is full, because a stream has no message boundaries.
 * @param {number} fd @param {Buffer} buffer
 */
function recvAll(fd, buffer) {
  for (let got = 0; got < buffer.length; ) {
    const n = recv(fd, buffer.subarray(got));
    if (n === 0) throw new Error('the server closed the connection too early');
    got += n;
  }
}

try {
  const family = host.includes(':') ? AF_INET6 : AF_INET;
  const fd = socket(family, SOCK_STREAM);
  // struct timeval { 5 s, 0 us }: a recv that blocks longer fails with EAGAIN.
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, new BigInt64Array([5n, 0n]));
  connect(fd, { family, address: host, port: Number(port) });
  for (const message of messages) {
    const data = Buffer.from(message);
    for (let sent = 0; sent < data.length; ) sent += send(fd, data.subarray(sent));
    const echo = Buffer.alloc(data.length);
    recvAll(fd, echo);
    console.log(echo.toString());
  }
  shutdown(fd, SHUT_WR); // ends our side of the stream; the server's recv returns 0, and it closes its side
  if (recv(fd, Buffer.alloc(1)) !== 0) throw new Error('the server sent more than it was given');
  close(fd);
} catch (error) {
  const { message } = /** @type {Error} */ (error);
  // The message of a SocketError is complete, for example "ECONNREFUSED: Connection refused, connect 127.0.0.1:9".
  console.error(isErrno(error, 'EAGAIN') ? `${message}: no answer in 5 s` : message);
  process.exitCode = 1;
}
