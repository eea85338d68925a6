/**
 * What this room exports to programs.
 *
 * Node opens the files that one file imports at the same time. This file adds a level, so that the package can be loaded
 * with a limit of 64 open files: see test/socket/limits.test.ts.
 */
export { type ConnectionOptions, createConnection, type UnixConnectionOptions } from './connect.ts';
export type { ConnectionsOptions } from './connections.ts';
export type { Control, InetSocket, TcpOptions } from './endpoint.ts';
export type { DataWithFds } from './operation/recv-fds.ts';
export type { Datagram } from './operation/recvfrom.ts';
export { createServer, hasDualstackIPv6, type InetServerOptions, type UnixServerOptions } from './server.ts';
export { type AcceptedSocket, Socket, SocketStream } from './socket.ts';
export type { SocketStreamEvents, SocketStreamOptions } from './stream-options.ts';
export { type ListenFd, listenFds, sdNotify, sdNotifyBarrier } from './systemd.ts';
