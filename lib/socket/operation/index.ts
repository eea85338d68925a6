/**
 * All operations of a Socket, for the class Socket.
 *
 * Node opens the files that one file imports at the same time. This file adds a level, so that the package can be loaded
 * with a limit of 64 open files: see test/socket/limits.test.ts.
 */
export { Accept } from './accept.ts';
export { Connect, connecting, connectionOf, established, establishing, isSynSent } from './connect.ts';
export { CHUNK } from './receive-buffer.ts';
export { receiveOperation } from './recv.ts';
export { ReceiveFds } from './recv-fds.ts';
export { receiveIntoOperation } from './recv-into.ts';
export { receiveFromOperation } from './recvfrom.ts';
export { ReceiveBatch } from './recvmmsg.ts';
export { ReceiveMessageOperation } from './recvmsg.ts';
export { run } from './run.ts';
export { runSync } from './run-sync.ts';
export { Send } from './send.ts';
export { SendAll, sendAll } from './send-all.ts';
export { SendSegments } from './send-segments.ts';
export { SendBatch } from './sendmmsg.ts';
export { SendMessageOperation } from './sendmsg.ts';
export { SendTo, sendTo } from './sendto.ts';
