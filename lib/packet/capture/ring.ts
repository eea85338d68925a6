/** The memory of a ring, which a packet socket shares with this process through mmap(2). */

import { native } from '../../native/native.ts';
import { call, check } from '../../struct/errno.ts';

const MMAP = call('mmap', 'fd', 'length');
const RING = call('ring', 'ring', 'offset', 'value');

/** Unmaps rings that were garbage collected without having been closed. The kernel keeps their memory until then. */
const forgotten = new FinalizationRegistry<number>((id) => void native.ringUnmap(id));

/** A view keeps its ring alive, so that its memory is not unmapped while the view exists. */
const keepers = new WeakMap<ArrayBuffer, Ring>();

/**
 * The mapping of a socket's ring. After `close`, a remaining view of it shows zeros. Its addresses are not reused while
 * the view exists, because zlib may still be reading them on another thread.
 */
export class Ring {
  /**
   * The ring itself. It is undefined in a runtime that has no ArrayBuffers on foreign memory (Electron); there the ring
   * is copied.
   */
  readonly buffer: ArrayBuffer | undefined;
  readonly #id: number;

  /**
   * @param fd A packet socket with a ring.
   * @param size The total size of its rings in bytes.
   * @param shared False to copy the ring in any runtime.
   * @throws SocketError The errors of mmap(2).
   */
  constructor(fd: number, size: number, shared = true) {
    this.#id = check(native.ringMap(fd, size), MMAP);
    this.buffer = shared ? native.ringBuffer(this.#id) : undefined;
    forgotten.register(this, this.#id, this);
    if (this.buffer === undefined) return;
    // Node transfers only memory that V8 allocated. The buffer is not marked with markAsUntransferable, which sets a
    // detach key since Node 24: napi_detach_arraybuffer, which passes no key, would then abort the process.
    keepers.set(this.buffer, this);
  }

  /**
   * Loads the status word at this offset, with acquire ordering: what the kernel wrote before it is visible afterwards.
   */
  load(offset: number): number {
    return check(native.ringLoad(this.#id, offset), RING);
  }

  /** Stores a status word, with release ordering: the kernel sees everything that was written before it. */
  store(offset: number, status: number): void {
    check(native.ringStore(this.#id, offset, status), RING);
  }

  /** Copies bytes from this offset on, as many as `to` has room for. */
  read(offset: number, to: Uint8Array): void {
    check(native.ringRead(this.#id, offset, to), RING);
  }

  /** Copies bytes to this offset. */
  write(offset: number, from: Uint8Array): void {
    check(native.ringWrite(this.#id, offset, from), RING);
  }

  /** Unmaps the ring. Further calls do nothing. */
  close(): void {
    forgotten.unregister(this);
    native.ringUnmap(this.#id);
  }
}
