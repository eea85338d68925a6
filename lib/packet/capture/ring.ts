/** The memory of a ring: what a packet socket shares with this process, mapped by mmap(2). */
import { call, check } from '../../posix/errno.ts';
import { native } from '../../posix/native.ts';

const MMAP = call('mmap', 'fd', 'length');
const RING = call('ring', 'ring', 'offset', 'value');

/** Its memory is the kernel's until it is unmapped: also when nobody closes it. */
const forgotten = new FinalizationRegistry<number>((id) => void native.ringUnmap(id));

/** A view alone keeps the ring: what it shows does not go before it does. */
const keepers = new WeakMap<ArrayBuffer, Ring>();

/**
 * The mapping of the ring of a socket. A view that is left of it after `close` shows zeros, and its addresses belong to
 * nobody else while it is there: zlib may still be reading it on another thread.
 */
export class Ring {
  /** The ring itself; undefined in a runtime without ArrayBuffers on foreign memory (Electron): there it is copied. */
  readonly buffer: ArrayBuffer | undefined;
  readonly #id: number;

  /**
   * @param fd A packet socket with a ring.
   * @param size All bytes of its rings.
   * @param shared False to copy even so.
   * @throws SocketError As mmap(2).
   */
  constructor(fd: number, size: number, shared = true) {
    this.#id = check(native.ringMap(fd, size), MMAP);
    this.buffer = shared ? native.ringBuffer(this.#id) : undefined;
    forgotten.register(this, this.#id, this);
    if (this.buffer === undefined) return;
    // Node transfers no memory but V8's own. It is not told so by markAsUntransferable, which since Node 24 sets a detach
    // key: napi_detach_arraybuffer, which has none, would abort the process.
    keepers.set(this.buffer, this);
  }

  /** The status word at this offset: what the kernel wrote before it can be read after it. */
  load(offset: number): number {
    return check(native.ringLoad(this.#id, offset), RING);
  }

  /** Writes a status word: the kernel sees what was written before it. */
  store(offset: number, status: number): void {
    check(native.ringStore(this.#id, offset, status), RING);
  }

  /** Copies from this offset on, as much as there is room for. */
  read(offset: number, to: Uint8Array): void {
    check(native.ringRead(this.#id, offset, to), RING);
  }

  /** Copies to this offset. */
  write(offset: number, from: Uint8Array): void {
    check(native.ringWrite(this.#id, offset, from), RING);
  }

  /** Gives the kernel's memory back, once. */
  close(): void {
    forgotten.unregister(this);
    native.ringUnmap(this.#id);
  }
}
