import { expect, test } from 'vitest';
import { namesOf, nearest, onlyKnown } from '../../lib/posix/known-names.ts';

const known = namesOf<{ size: number; controlLength?: number }>({ size: true, controlLength: true });

test('an unknown name is refused, with the name that was probably meant', () => {
  expect(() => onlyKnown({ size: 1, controlLenght: 2 }, known, 'options')).toThrow(
    expect.objectContaining({
      name: 'TypeError',
      code: 'ERR_INVALID_ARG_VALUE',
      message: 'The "options.controlLenght" argument must be written "options.controlLength"',
    }),
  );
  expect(() => onlyKnown({ colour: 1 }, known, 'options')).toThrow(
    'The "options.colour" argument must be an object that has no other names than size, controlLength',
  );
  expect(() => onlyKnown(JSON.parse('{"__proto__": 1}'), known, 'options')).toThrow('options.__proto__');
  expect(() => onlyKnown({ constructor: 1 }, known, 'options')).toThrow('options.constructor');
});

test('a known name, an undefined value, a symbol and what a prototype supplies are taken', () => {
  const value = Object.assign(Object.create({ inherited: 1 }), { size: 1, other: undefined, [Symbol('own')]: 1 });
  expect(onlyKnown(value, known, 'options')).toBe(value);
});

test('the nearest name allows for letters that are added, left out, changed or swapped', () => {
  const names = ['looseSourceRoute', 'strictSourceRoute', 'timeToLive', 'interface'];
  expect(nearest('looseSourceRout', names)).toBe('looseSourceRoute');
  expect(nearest('interfaec', names)).toBe('interface');
  expect(nearest('timetolive', names)).toBe('timeToLive');
  expect(nearest('zzz', names)).toBeUndefined();
  expect(nearest('', names)).toBeUndefined();
});
