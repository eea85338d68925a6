import { expect, test } from 'vitest';
import { namesOf, nearest, onlyKnown } from '../../lib/argument/known-names.ts';

const known = namesOf<{ size: number; controlLength?: number }>({ size: true, controlLength: true });

test('an unknown name is rejected, and the error suggests the name that was probably meant', () => {
  expect(() => onlyKnown({ size: 1, controlLenght: 2 }, known, 'options')).toThrow(
    expect.objectContaining({
      name: 'TypeError',
      code: 'ERR_INVALID_ARG_VALUE',
      message: 'The "options.controlLenght" argument must be written "options.controlLength"',
    }),
  );
  expect(() => onlyKnown({ colour: 1 }, known, 'options')).toThrow(
    'The "options.colour" argument must be omitted: the properties of "options" are size, controlLength',
  );
  expect(() => onlyKnown(JSON.parse('{"__proto__": 1}'), known, 'options')).toThrow('options.__proto__');
  expect(() => onlyKnown({ constructor: 1 }, known, 'options')).toThrow('options.constructor');
});

test('known names, undefined values, symbols and inherited properties are accepted', () => {
  const value = Object.assign(Object.create({ inherited: 1 }), { size: 1, other: undefined, [Symbol('own')]: 1 });
  expect(onlyKnown(value, known, 'options')).toBe(value);
});

test('the nearest name is found despite inserted, deleted, replaced or swapped letters', () => {
  const names = ['looseSourceRoute', 'strictSourceRoute', 'timeToLive', 'interface'];
  expect(nearest('looseSourceRout', names)).toBe('looseSourceRoute');
  expect(nearest('interfaec', names)).toBe('interface');
  expect(nearest('timetolive', names)).toBe('timeToLive');
  expect(nearest('zzz', names)).toBeUndefined();
  expect(nearest('', names)).toBeUndefined();
});
