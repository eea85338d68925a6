/** The constants are complete: every name of the installed headers is exported, or omitted for a reason. */
import { expect, test } from 'vitest';
import * as constants from '../../lib/native/constants.ts';
import { headers, headersLeftOut, headersVersion, namesIn, namesOf, omissions } from '../helpers/header-names.ts';
import { need } from '../helpers/need.ts';

const installed = headers.map((header) => ({ header, names: namesOf(header) }));
const omitted = omissions.map(([pattern, reason]) => ({ pattern: new RegExp(`^(?:${pattern.source})$`), reason }));
/** Linux 7.2: the newest headers whose names have been checked. */
const NEWEST = 0x70200 | 0xff;
const headersOfLinux = () => {
  const version = headersVersion();
  if (version === 0) return 'the headers of Linux are not installed';
  return version > NEWEST ? 'the headers of Linux are newer than the list of constants' : undefined;
};

test('every name in the socket headers is a constant or has a documented reason not to be one', (context) => {
  need(context, headersOfLinux);
  const missing = installed.flatMap(({ header, names = [] }) =>
    [...names]
      .filter((name) => !(name in constants) && !omitted.some(({ pattern }) => pattern.test(name)))
      .map((name) => `${name} of ${header}`),
  );
  expect(missing).toEqual([]);
  expect(installed.reduce((sum, { names }) => sum + (names?.size ?? 0), 0)).toBeGreaterThan(2000);
});

test('every reason belongs to a name that exists', (context) => {
  need(context, headersOfLinux);
  const names = installed.flatMap((header) => [...(header.names ?? [])]).filter((name) => !(name in constants));
  const idle = omitted.filter(({ pattern }) => !names.some((name) => pattern.test(name)));
  expect(idle.map(({ pattern }) => pattern.source)).toEqual([]);
  expect(Object.keys(headersLeftOut).filter((header) => headers.includes(header))).toEqual([]);
});

test('names in headers are classified', () => {
  const text = `
#ifndef _GUARD_H
#define _GUARD_H
/* #define COMMENT 1 */
#define PLAIN 1 /* a comment
   of two lines */
# define SPACED (1 << 3) // another
#define LONG \\
  5
#define TEXT "text"
#define CALL(x) ((x) + 1)
#define BARE
#define IFR ifr_ifru
#define TUNX _IOW('T', 213, struct sock_fprog)
enum kind { FIRST, SECOND = 3, /* THIRD, */
#define SECOND SECOND
  __KIND_MAX };
#endif`;
  expect([...namesIn(text)].sort()).toEqual(['FIRST', 'LONG', 'PLAIN', 'SECOND', 'SPACED', 'TUNX']);
});
