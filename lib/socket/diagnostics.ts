/** diagnostics_channel: published only when someone listens. Messages are `{ socket, fd, ... }`. */
import diagnostics, { type Channel } from 'node:diagnostics_channel';

/** `sys-socket:socket` (created or taken over), `sys-socket:connect` (`address`, `error`), `sys-socket:close`. */
export const channels: { readonly socket: Channel; readonly connect: Channel; readonly close: Channel } = {
  socket: diagnostics.channel('sys-socket:socket'),
  connect: diagnostics.channel('sys-socket:connect'),
  close: diagnostics.channel('sys-socket:close'),
};
