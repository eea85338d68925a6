/** What the simulated kernel has for an operation that waits. */
import * as c from '../../dist/native/constants.js';
import { kernel } from './kernel.js';
import { Listener, Stream } from './sockets.js';

export const READ = 'read';
export const WRITE = 'write';
export const ERROR = 'error';

/** Whether what an operation waits for is there. */
export function isThere({ kind, direction, subject, to }) {
  const { description } = subject;
  if (description.blockedRead > 0 || description.blockedWrite > 0) return false;
  const mask = description.mask();
  if (direction === ERROR) return (mask & (c.EPOLLPRI | c.EPOLLERR)) !== 0;
  if (kind === 'readable') return (mask & c.EPOLLIN) !== 0 || description.error !== 0;
  if (kind === 'writable') return (mask & c.EPOLLOUT) !== 0;
  if (kind === 'connect') {
    const { target } = subject;
    if (target.socket.family === c.AF_UNIX && !description.connected) return target.closed || !target.description.full;
    return description.connected || description.error !== 0;
  }
  if (description instanceof Listener) return description.queue.length > 0 && kernel.fds.size < kernel.limit;
  if (direction === READ) return (mask & c.EPOLLIN) !== 0 || description.error !== 0;
  if (to !== undefined) return description.error !== 0 || to.closed || !to.description.full;
  if (description instanceof Stream && description.devours) return true;
  return (mask & c.EPOLLOUT) !== 0;
}
