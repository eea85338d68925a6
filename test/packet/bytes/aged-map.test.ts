import { expect, test } from 'vitest';
import { AgedMap } from '../../../lib/packet/bytes/aged-map.ts';
import { Chance } from '../../helpers/fragments.ts';

test('the oldest entry is the same as in a list after any additions, deletions and renewals', () => {
  const chance = new Chance(1);
  const map = new AgedMap<number, number>();
  let list: number[] = [];
  for (let i = 0; i < 5000; i++) {
    const key = chance.below(20);
    list = list.filter((other) => other !== key);
    if (chance.below(2) === 0) {
      map.add(key, i);
      list.push(key);
    } else map.delete(key);
    if (chance.below(3) > 0) expect(map.oldest?.[0]).toBe(list[0]);
    expect(map.size).toBe(list.length);
  }
});
