/** Async iteration over items of which many are there at once. */

/** Returned in place of an item that is not there yet. */
export const NOTHING: unique symbol = Symbol('nothing');

/** Where items come from. */
export interface ItemSource<T> {
  /** Returns the next item, or NOTHING if there is none without waiting. */
  take(): T | typeof NOTHING;
  /** Waits for items. The result is false if there will be no more. */
  wait(): Promise<boolean>;
  /** Called if the iteration ends before the items do. */
  close?(): Promise<unknown> | undefined;
}

const DONE: IteratorReturnResult<void> = { done: true, value: undefined };

/**
 * An async generator over the items of a source. It settles the calls of its methods in order, like one that a function
 * with `yield` returns. That one takes three turns of the microtask queue for each item; this one takes one if the item
 * is there.
 */
export class ReadyItems<T> implements AsyncGenerator<T, void, void>, ItemSource<T> {
  readonly #source: ItemSource<T>;
  /** The last call, while it waits. */
  #last: Promise<unknown> | undefined;
  #ended = false;

  constructor(source: ItemSource<T>) {
    this.#source = source;
  }

  next(): Promise<IteratorResult<T, void>> {
    if (this.#last !== undefined) return this.#inOrder(() => this.#later());
    try {
      const value = this.take();
      return value === NOTHING ? this.#inOrder(() => this.#later()) : Promise.resolve({ done: false, value });
    } catch (error) {
      return this.#inOrder(() => this.#fail(error));
    }
  }

  return(): Promise<IteratorResult<T, void>> {
    return this.#inOrder(async () => {
      await this.close();
      return DONE;
    });
  }

  throw(error: unknown): Promise<never> {
    return this.#inOrder(() => this.#fail(error));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Returns the next item without a promise, for an iteration over this one that is alone. */
  take(): T | typeof NOTHING {
    return this.#ended ? NOTHING : this.#source.take();
  }

  async wait(): Promise<boolean> {
    if (!this.#ended && (await this.#source.wait())) return true;
    this.#ended = true;
    return false;
  }

  async close(): Promise<void> {
    if (this.#ended) return;
    this.#ended = true;
    await this.#source.close?.();
  }

  /** Calls a function after the calls before it have settled. */
  #inOrder<R>(call: () => Promise<R>): Promise<R> {
    const result = this.#last === undefined ? call() : this.#last.then(call, call);
    const settle = () => {
      if (this.#last === result) this.#last = undefined;
    };
    this.#last = result;
    result.then(settle, settle);
    return result;
  }

  async #later(): Promise<IteratorResult<T, void>> {
    try {
      do {
        const value = this.take();
        if (value !== NOTHING) return { done: false, value };
      } while (await this.wait());
      return DONE;
    } catch (error) {
      return await this.#fail(error);
    }
  }

  /** Ends with an error. As after `yield`, an error of closing does not hide it. */
  async #fail(error: unknown): Promise<never> {
    await this.close().catch(() => {});
    throw error;
  }
}

/** Returns the items of an iterable. It is opened when the first one is taken, and closed unless it ended or failed. */
export function itemsOf<T>(from: AsyncIterable<T> | Iterable<T>): ItemSource<T> {
  let source: ItemSource<T> | undefined;
  return {
    take() {
      source ??= opened(from);
      return source.take();
    },
    wait: () => source!.wait(),
    close: () => source?.close?.(),
  };
}

function opened<T>(from: AsyncIterable<T> | Iterable<T>): ItemSource<T> {
  if (!(Symbol.asyncIterator in from)) return new ListSource(from[Symbol.iterator]());
  const iterator = from[Symbol.asyncIterator]();
  return iterator instanceof ReadyItems ? iterator : new StreamSource(iterator);
}

/** The items of an iterator, all of which are there. */
class ListSource<T> implements ItemSource<T> {
  readonly #iterator: Iterator<T>;
  #open = true;

  constructor(iterator: Iterator<T>) {
    this.#iterator = iterator;
  }

  take(): T | typeof NOTHING {
    if (!this.#open) return NOTHING;
    this.#open = false; // if it throws, it is over
    const { done, value } = this.#iterator.next();
    this.#open = done !== true;
    return this.#open ? value : NOTHING;
  }

  async wait(): Promise<boolean> {
    return this.#open;
  }

  async close(): Promise<void> {
    if (this.#open) this.#iterator.return?.();
    this.#open = false;
  }
}

/** The items of an async iterator, each of which is waited for. */
class StreamSource<T> implements ItemSource<T> {
  readonly #iterator: AsyncIterator<T>;
  #held: T | typeof NOTHING = NOTHING;
  #open = true;

  constructor(iterator: AsyncIterator<T>) {
    this.#iterator = iterator;
  }

  take(): T | typeof NOTHING {
    const item = this.#held;
    this.#held = NOTHING;
    return item;
  }

  async wait(): Promise<boolean> {
    if (!this.#open) return false;
    this.#open = false; // if it throws, it is over
    const { done, value } = await this.#iterator.next();
    this.#open = done !== true;
    if (this.#open) this.#held = value;
    return this.#open;
  }

  async close(): Promise<void> {
    if (this.#open) await this.#iterator.return?.();
    this.#open = false;
  }
}

/** Returns the items of lists that arrive one after the other. */
export function itemsOfLists<T>(lists: AsyncGenerator<readonly T[], void, void>): ReadyItems<T> {
  let list: readonly T[] = [];
  let at = 0;
  return new ReadyItems<T>({
    take: () => (at < list.length ? list[at++]! : NOTHING),
    async wait() {
      const { done, value } = await lists.next();
      [list, at] = [value ?? [], 0];
      return done !== true;
    },
    close: () => lists.return(),
  });
}
