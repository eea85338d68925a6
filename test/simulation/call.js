/** What the calls of the simulated kernel share: they are counted, recorded, and meet faults. */
import * as c from '../../dist/native/constants.js';
import { out } from '../../dist/native/native.js?compiled';
import { kernel } from './kernel.js';

export const view = (bytes) =>
  ArrayBuffer.isView(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : new Uint8Array(bytes);

/** The numbers of flags that are no part of a type. */
export const kind = (type) => type & ~(c.SOCK_NONBLOCK | c.SOCK_CLOEXEC);

export function count(name, fd) {
  kernel.calls++;
  kernel.counts[name] = (kernel.counts[name] ?? 0) + 1;
  if (fd !== undefined) kernel.turn.set(fd, (kernel.turn.get(fd) ?? 0) + 1);
}

export function told(name, fd, n) {
  if (kernel.trace !== undefined) kernel.log(`${name}(${fd}) = ${n}`);
  return n;
}

/** What a descriptor stands for. The library calls nothing with one that it has closed. */
export function open(name, fd) {
  count(name, fd);
  const description = kernel.fds.get(fd);
  if (description === undefined && !kernel.foreign.has(fd)) kernel.violate(`${name}(${fd}): EBADF`);
  return description;
}

export function copyName(name, to) {
  const bytes = name ?? new Uint8Array([c.AF_UNIX, 0]);
  if (to !== undefined) view(to).set(bytes);
  out[0] = bytes.length;
}

/** A fault that a read or a write meets: 0 for none. */
export function fault(description, blocked) {
  const { random, faults } = kernel;
  description.lied = false;
  if (description.error !== 0) return 0;
  if (random.chance(faults.interrupt)) return -c.EINTR;
  if (description[blocked] > 0) return -c.EAGAIN;
  if (random.chance(faults.eagain)) {
    description[blocked] = random.between(1, 3);
    return -c.EAGAIN;
  }
  if (random.chance(faults.spurious)) {
    description.wake();
    description.lied = true;
    return -c.EAGAIN;
  }
  return 0;
}

export const isError = (n) => n < 0 && n !== -c.EAGAIN && n !== -c.EINTR;
