#!/usr/bin/env node
// @ts-check
// An ICMP echo by a raw socket, with its own checksum, and the reply parsed: raw(7), icmp(7).
//   node examples/raw-ping.js [address]
import {
  AF_INET,
  close,
  ICMP_ECHO,
  ICMP_ECHOREPLY,
  IPPROTO_ICMP,
  isErrno,
  recvfrom,
  SO_RCVTIMEO,
  SOCK_RAW,
  SOL_SOCKET,
  sendto,
  setsockopt,
  socket,
} from 'sys-socket';

const [host = '127.0.0.1', ...rest] = process.argv.slice(2);
if (rest.length > 0 || host.startsWith('-')) {
  console.error('Usage: raw-ping.js [address]   (an IPv4 address)');
  process.exit(2);
}

/** The internet checksum: RFC 1071. @param {Buffer} bytes */
function checksum(bytes) {
  let sum = 0;
  for (const [i, byte] of bytes.entries()) sum += i % 2 === 0 ? byte << 8 : byte;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return ~sum & 0xffff;
}

try {
  const fd = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP); // EPERM without CAP_NET_RAW
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, new BigInt64Array([2n, 0n])); // struct timeval: 2 s, then EAGAIN
  const id = process.pid & 0xffff;
  const echo = Buffer.from('\0\0\0\0\0\0\0\0hello from sys-socket');
  echo.writeUInt8(ICMP_ECHO, 0);
  echo.writeUInt16BE(id, 4);
  echo.writeUInt16BE(1, 6); // the sequence number
  echo.writeUInt16BE(checksum(echo), 2);
  const start = performance.now();
  sendto(fd, echo, 0, { family: AF_INET, address: host, port: 0 });

  const packet = Buffer.alloc(65536);
  for (;;) {
    const { bytes } = recvfrom(fd, packet);
    if (performance.now() - start > 2000) throw new Error(`no reply from ${host} in 2 s`);
    // A raw socket gives the IP header too, and the packets of all other programs (on lo our own request as well).
    const header = (packet.readUInt8(0) & 15) * 4;
    const icmp = packet.subarray(header, bytes);
    if (icmp.length < 8 || icmp.readUInt8(0) !== ICMP_ECHOREPLY || icmp.readUInt16BE(4) !== id) continue;
    const valid = checksum(icmp) === 0 && icmp.subarray(8).equals(echo.subarray(8));
    const source = packet.subarray(12, 16).join('.');
    const [ttl, seq, time] = [packet.readUInt8(8), icmp.readUInt16BE(6), performance.now() - start];
    console.log(`${icmp.length} bytes from ${source}: icmp_seq=${seq} ttl=${ttl} time=${time.toFixed(2)} ms`);
    if (!valid) throw new Error('the reply is damaged');
    break;
  }
  close(fd);
} catch (error) {
  const { message } = /** @type {Error} */ (error);
  console.error(isErrno(error, 'EAGAIN') ? `no reply from ${host} in 2 s` : message);
  if (isErrno(error, 'EPERM') && error.syscall === 'socket') {
    console.error('A raw socket needs CAP_NET_RAW. Run this with sudo, or give the capability to node:');
    console.error('  sudo setcap cap_net_raw+ep $(readlink -f $(which node))');
    console.error('or try it in a user namespace, which has a loopback interface of its own:');
    console.error("  unshare -Urn sh -c 'ip link set lo up; node examples/raw-ping.js'");
  }
  process.exitCode = 1;
}
