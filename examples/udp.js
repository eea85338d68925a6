#!/usr/bin/env node
// @ts-check
// UDP in both directions: a server that returns each datagram to its sender, and a client.
//   node examples/udp.js server [host] [port]
//   node examples/udp.js client host port message
import {
  AF_INET,
  AF_INET6,
  bind,
  close,
  connect,
  getsockname,
  MSG_TRUNC,
  recv,
  recvfrom,
  SO_RCVTIMEO,
  SOCK_DGRAM,
  SOL_SOCKET,
  send,
  sendto,
  setsockopt,
  socket,
} from 'sys-socket';

const [mode, host = '127.0.0.1', port = '0', message] = process.argv.slice(2);
if (!/^\d+$/.test(port) || !(mode === 'server' || (mode === 'client' && message !== undefined))) {
  console.error('Usage: udp.js server [host] [port]\n       udp.js client host port message');
  process.exit(2);
}
const family = host.includes(':') ? AF_INET6 : AF_INET;

function server() {
  const fd = socket(family, SOCK_DGRAM);
  bind(fd, { family, address: host, port: Number(port) });
  const name = getsockname(fd);
  console.log(`bound to ${host}:${name !== undefined && 'port' in name ? name.port : '?'}`);
  const buffer = new Uint8Array(1500);
  for (;;) {
    const { length: bytes, address } = recvfrom(fd, buffer, MSG_TRUNC); // MSG_TRUNC: the length before truncation
    if (address === undefined || !('port' in address && 'address' in address)) continue;
    console.log(`${bytes} bytes from ${address.address}:${address.port}`);
    sendto(fd, buffer.subarray(0, Math.min(bytes, buffer.length)), 0, address);
  }
}

function client() {
  const fd = socket(family, SOCK_DGRAM);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, new BigInt64Array([2n, 0n])); // struct timeval: EAGAIN after 2 s
  connect(fd, { family, address: host, port: Number(port) }); // only datagrams from this peer are received
  send(fd, String(message));
  const buffer = Buffer.alloc(65536);
  const n = recv(fd, buffer); // fails with ECONNREFUSED if an ICMP error reports that nobody listens
  console.log(buffer.toString('utf8', 0, n));
  close(fd);
}

try {
  if (mode === 'server') server();
  else client();
} catch (error) {
  console.error(/** @type {Error} */ (error).message);
  process.exitCode = 1;
}
