import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import * as constants from '../../lib/native/constants.ts';
import { errnoTable } from '../../lib/native/errno-table.ts';
import { optionTable } from '../../lib/posix/option-table.ts';
import { need, program } from '../helpers/need.ts';
import { python } from '../helpers/python.ts';

const root = join(import.meta.dirname, '../..');
const values = new Map(Object.entries(constants) as [string, number][]);

test('the values, and those of the contract with C++, are those of the compiler', (context) => {
  need(context, program(process.env.CXX ?? 'g++'));
  // It throws, with the output, unless the exit code is 0.
  expect(execFileSync(process.execPath, ['scripts/generate.js', '--check'], { cwd: root, encoding: 'utf8' })).toBe('');
});

test("every integer of Python's socket module exists with the same value", () => {
  // AddressFamily and similar enumerations are ints, too; has_ipv6 is a boolean of Python.
  const named = python<Record<string, number>>(
    `
names = [name for name in dir(socket_module) if isinstance(getattr(socket_module, name), int)]
print(json.dumps({name: int(getattr(socket_module, name)) for name in names if name != 'has_ipv6'}))`.replaceAll(
      'socket_module',
      "sys.modules['socket']",
    ),
  );
  // BlueZ has these in its own header, which belongs neither to the kernel nor to the C library.
  const bluetooth = /^(BT|BDADDR_|HCI_|L2CAP_|RFCOMM_|SO_(HCI|L2CAP|RFCOMM|SCO)_|SOL_(HCI|L2CAP|RFCOMM|SCO)$)/;
  const expected = Object.entries(named).filter(([name]) => !bluetooth.test(name));
  expect(expected.length).toBeGreaterThan(300);
  const wrong = expected.filter(([name, value]) => values.get(name) !== value);
  expect(wrong.map(([name, value]) => `${name}: ${value} in Python, ${values.get(name)} here`)).toEqual([]);
});

test("every errno of Python's errno module exists with the same value", () => {
  const named = python<Record<string, number>>(
    "print(json.dumps({name: getattr(errno, name) for name in dir(errno) if name[0] == 'E'}))",
  );
  expect(Object.keys(named).length).toBeGreaterThan(100);
  const wrong = Object.entries(named).filter(([name, value]) => values.get(name) !== value);
  expect(wrong).toEqual([]);
});

test('every constant is defined on one line and exported', () => {
  const names = (path: string, pattern: RegExp) =>
    [...readFileSync(join(root, path), 'utf8').matchAll(pattern)].map(([, name]) => name!);
  const declared = names('native/constants.def', /^CONST\((\w+)\)/gm);
  expect(declared.length).toBeGreaterThan(1000);
  expect(declared.filter((name, i) => declared.indexOf(name) !== i)).toEqual([]);
  expect(names('lib/native/constants.ts', /^export const (\w+)/gm)).toEqual(declared);
  expect([...values.keys()].sort()).toEqual([...declared].sort());

  const exported = s as unknown as Record<string, unknown>;
  expect(declared.filter((name) => exported[name] !== values.get(name))).toEqual([]);
  const strays = Object.keys(s).filter((name) => typeof exported[name] === 'number' && !values.has(name));
  expect(strays).toEqual([]);
});

test('every value is an integer', () => {
  expect([...values].filter(([, value]) => !Number.isSafeInteger(value))).toEqual([]);
});

test('every PF_ constant equals its AF_ constant, and vice versa', () => {
  const of = (prefix: string) =>
    [...values].filter(([name]) => name.startsWith(prefix)).map(([name, value]) => [name.slice(3), value]);
  expect(of('PF_').length).toBeGreaterThan(45);
  expect(of('PF_').sort()).toEqual(of('AF_').sort());
});

/** Names of constants whose type is not one literal: none. The compiler proves this and the next test. */
type Wide = { [K in keyof typeof constants]: number extends (typeof constants)[K] ? K : never }[keyof typeof constants];

test('the types of the constants are literals', () => {
  const none: [Wide] extends [never] ? true : false = true;
  expect(none).toBe(true);
  expect(s.AF_INET satisfies 2).toBe(2);
  expect(s.SOCK_NONBLOCK satisfies 2048).toBe(0o4000);
  expect(s.EAGAIN satisfies 11).toBe(11);
  expect(s.SHUT_RDWR satisfies 2).toBe(2);
  expect(s.VMADDR_CID_ANY satisfies 4294967295).toBe(2 ** 32 - 1);
  // @ts-expect-error the type is 2, not any number
  expect(s.AF_INET satisfies 10).toBe(2);
});

test('a literal type is preserved in an object without a declared type', () => {
  const address = { family: s.AF_INET, address: '127.0.0.1', port: 80 };
  address.family satisfies 2; // widened to any number, this would not be an address
  expect(s.decodeAddress(s.encodeAddress(address))).toEqual(address);
});

test('a literal type narrows a union', () => {
  const port = (address: s.Address): number | undefined => {
    // Only the addresses of these families have a port, which the compiler infers from the constant.
    if (address.family === s.AF_INET || address.family === s.AF_INET6) return address.port;
    // @ts-expect-error not every other address has one
    return address.port;
  };
  expect(port({ family: s.AF_INET, address: '127.0.0.1', port: 80 })).toBe(80);
  expect(port({ family: s.AF_NETLINK, pid: 0, groups: 0 })).toBe(undefined);
});

test('the docstring of every errno, and of every option with a type, begins with its meaning', () => {
  const text = readFileSync(join(root, 'lib/native/constants.ts'), 'utf8');
  const described = [...text.matchAll(/^\/\*\* [^{].*\. \{@link \S+ \S+\} \*\/\nexport const (\w+)/gm)].map(
    ([, name]) => name!,
  );
  const names = [...Object.keys(optionTable), ...errnoTable.map(([, name]) => name)];
  expect(names.filter((name) => !described.includes(name))).toEqual([]);
});
