import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { isDataView, isView } from '../../lib/argument/kind.ts';
import { need } from '../helpers/need.ts';
import { MAJORS, nodeLine, nodeOf } from '../helpers/node-versions.ts';

const dist = (path: string) => new URL(`../../dist/${path}`, import.meta.url).href;

const views = [new Uint8Array(4), new DataView(new ArrayBuffer(4)), new BigInt64Array(1), Buffer.alloc(1)];
const others = [new ArrayBuffer(4), new SharedArrayBuffer(4), {}, [], null, undefined, 'text', 1, 1n, () => {}];
const forged = [
  Object.create(DataView.prototype),
  { [Symbol.toStringTag]: 'DataView' },
  new Proxy(new DataView(new ArrayBuffer(4)), {}),
];

test('a view is a typed array or a DataView, and nothing else', () => {
  expect(views.map(isView)).toEqual([true, true, true, true]);
  expect(views.map(isDataView)).toEqual([false, true, false, false]);
  for (const value of [...others, ...forged]) expect([isView(value), isDataView(value)]).toEqual([false, false]);
  const detached = new DataView(new ArrayBuffer(4));
  structuredClone(detached.buffer, { transfer: [detached.buffer] });
  expect([isView(detached), isDataView(detached)]).toEqual([true, true]);
});

// V8 13.6 compiles `ArrayBuffer.isView` of a DataView to false.
test.for(MAJORS)('a DataView is still recognized after the code is optimized: Node %i', (major, context) => {
  need(context, nodeLine(major));
  const script = `
    import { isDataView, isView } from '${dist('argument/kind.js')}';
    import { decodePacket } from '${dist('packet/index.js')}';
    const view = new DataView(new ArrayBuffer(64));
    const holder = { view };
    const used = (is) => { const { view } = holder; view.getUint32(0); return is(view); };
    const ways = {
      isDataView: () => used(isDataView),
      isView: () => used(isView),
    };
    const wrong = Object.entries(ways).filter(([, way]) => {
      for (let i = 0; i < 500_000; i++) if (!way()) return true;
      return false;
    });
    for (let i = 0; i < 50_000; i++) { view.getUint32(0); decodePacket(view); }
    console.log(wrong.map(([name]) => name).join() || 'none');`;
  const printed = execFileSync(nodeOf(major)!, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  expect(printed).toBe('none\n');
});
