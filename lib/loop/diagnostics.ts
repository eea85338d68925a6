/**
 * The channels of node:diagnostics_channel. Messages are published only if there are subscribers, as `{ socket, fd, ...
 * }`.
 */
import diagnostics, { type Channel } from 'node:diagnostics_channel';

/**
 * `sys-socket:socket` (a Socket was created or has taken over a file descriptor), `sys-socket:connect` (with `address`
 * and `error`) and `sys-socket:close`.
 */
export const channels: { readonly socket: Channel; readonly connect: Channel; readonly close: Channel } = {
  socket: diagnostics.channel('sys-socket:socket'),
  connect: diagnostics.channel('sys-socket:connect'),
  close: diagnostics.channel('sys-socket:close'),
};
