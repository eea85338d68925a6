import fc from 'fast-check';
import { expect, test } from 'vitest';
import { itemsOf, itemsOfLists, NOTHING, ReadyItems } from '../../../lib/packet/bytes/ready-items.ts';
import * as p from '../../../lib/packet/index.ts';

/** A list of what comes from one wait, or an error that is thrown in place of an item or of the wait. */
interface Script {
  waits: ({ items: (number | 'fault')[] } | 'fault')[];
  /** Whether closing fails. */
  refuses: boolean;
}

/** The lists of a script, which say when they are closed. */
function lists({ waits, refuses }: Script, log: string[]): AsyncIterable<(number | 'fault')[]> {
  const left = waits.slice();
  return {
    [Symbol.asyncIterator]: () => ({
      async next() {
        const value = left.shift();
        if (value === 'fault') throw new Error('wait');
        return value === undefined ? { done: true, value } : { done: false, value: value.items };
      },
      async return() {
        log.push('closed');
        if (refuses) throw new Error('refused');
        return { done: true, value: undefined };
      },
    }),
  };
}

/** The judge: what the language itself makes of a function with `yield`. */
async function* judge(script: Script, log: string[]): AsyncGenerator<number, void, void> {
  for await (const items of lists(script, log)) {
    for (const item of items) {
      if (item === 'fault') throw new Error('item');
      yield item;
    }
  }
}

function ours(script: Script, log: string[]): AsyncGenerator<number, void, void> {
  const source = itemsOf(lists(script, log));
  let items: (number | 'fault')[] = [];
  return new ReadyItems<number>({
    take() {
      for (;;) {
        const [item] = items;
        items = items.slice(1);
        if (item === 'fault') throw new Error('item');
        if (item !== undefined) return item;
        const next = source.take();
        if (next === NOTHING) return NOTHING;
        items = next;
      }
    },
    wait: () => source.wait(),
    close: () => source.close?.(),
  });
}

type Step = 'next' | 'return' | 'throw' | 'settle';

/** Makes calls, some of them while others are pending, and returns their results in the order in which they settled. */
async function play(items: AsyncGenerator<number, void, void>, steps: readonly Step[]) {
  const log: string[] = [];
  let pending: Promise<unknown>[] = [];
  for (const [i, step] of steps.entries()) {
    if (step === 'settle') {
      await Promise.all(pending);
      pending = [];
      continue;
    }
    const call = step === 'throw' ? items.throw(new Error('thrown')) : items[step]();
    const settled = call.then(
      ({ done, value }) => log.push(`${i} ${step} ${done === true} ${value}`),
      (error) => log.push(`${i} ${step} ${error.message}`),
    );
    pending.push(settled);
  }
  await Promise.all(pending);
  return log;
}

const item = fc.oneof({ weight: 6, arbitrary: fc.integer({ min: 0, max: 99 }) }, fc.constant('fault' as const));
const scripts = fc.record({
  waits: fc.array(
    fc.oneof(
      { weight: 6, arbitrary: fc.record({ items: fc.array(item, { maxLength: 4 }) }) },
      fc.constant('fault' as const),
    ),
    { maxLength: 4 },
  ),
  refuses: fc.boolean(),
});
const next = { weight: 6, arbitrary: fc.constant('next' as const) };
const steps = fc.array(fc.oneof(next, fc.constantFrom<Step>('return', 'throw', 'settle')), { maxLength: 12 });

test('calls settle with the same results and in the same order as those of an async generator', async () => {
  await fc.assert(
    fc.asyncProperty(scripts, steps, async (script, calls) => {
      const logs = await Promise.all(
        [ours, judge].map(async (of) => {
          const closed: string[] = [];
          return { results: await play(of(script, closed), calls), closed };
        }),
      );
      expect(logs[0]).toEqual(logs[1]);
    }),
    { numRuns: 500 },
  );
});

test('a loop that is left early closes what it reads, once, and one that ends does not', async () => {
  for (const leave of [0, 1, 3, 4]) {
    const logs: string[][] = [];
    for (const of of [ours, judge]) {
      const log: string[] = [];
      let seen = 0;
      for await (const value of of({ waits: [{ items: [1, 2] }, { items: [3] }], refuses: false }, log)) {
        log.push(String(value));
        if (++seen === leave) break;
      }
      logs.push(log);
    }
    expect(logs[0]).toEqual(logs[1]);
  }
});

test('lists, arrays, generators and loops over loops have the same items, and undefined is an item', async () => {
  async function* three() {
    yield [1, undefined];
    yield [];
    yield [3];
  }
  const through = <T>(from: AsyncIterable<T> | Iterable<T>) => new ReadyItems<T>(itemsOf(from));
  const all = async <T>(items: AsyncIterable<T>) => {
    const found: T[] = [];
    for await (const one of items) found.push(one);
    return found;
  };
  async function* each() {
    yield* [1, undefined, 3];
  }
  expect(await all(itemsOfLists(three()))).toEqual([1, undefined, 3]);
  expect(await all(through([1, undefined, 3]))).toEqual([1, undefined, 3]);
  expect(await all(through(each()))).toEqual([1, undefined, 3]);
  expect(await all(through(through(itemsOfLists(three()))))).toEqual([1, undefined, 3]);
});

/** Returns how many turns of the microtask queue pass before a promise settles. */
async function turns(promise: Promise<unknown>): Promise<number> {
  let settled = false;
  promise.then(() => {
    settled = true;
  });
  let count = 0;
  while (!settled) {
    count += 1;
    await null;
  }
  return count;
}

test('a packet that is there costs one turn of the microtask queue, also behind defragment', async () => {
  const chunks: Uint8Array[] = [];
  const writer = new p.PcapWriter((bytes) => chunks.push(bytes.slice()));
  for (let i = 0; i < 5; i++) writer.write({ timestamp: 0n, data: new Uint8Array(60) });
  const file = Buffer.concat(chunks);
  const packets = Array.from({ length: 5 }, () => ({ data: new Uint8Array(60) }));
  for (const items of [p.readCapture(file), p.defragment(packets), p.defragment(p.readCapture(file))]) {
    await items.next();
    for (let i = 1; i < 5; i++) expect(await turns(items.next())).toBe(1);
    expect(await items.next()).toEqual({ done: true, value: undefined });
  }
});
