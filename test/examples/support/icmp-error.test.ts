import { expect, test } from 'vitest';
import * as s from '../../../lib/index.ts';
import { support } from '../../helpers/examples.ts';

type Report = s.ExtendedError['error'] & { by: string | undefined };
const { describe, isArrival, isExpired, mark } = await support<{
  describe: (report: Report) => string;
  isArrival: (report: Report) => boolean;
  isExpired: (report: Report) => boolean;
  mark: (report: Report) => string;
}>('icmp-error.js');

const report = (origin: number, type: number, code: number, info = 0): Report => ({
  ...{ origin, type, code, info, data: 0, errno: s.EHOSTUNREACH, by: '192.0.2.1' },
});
const icmp = (type: number, code: number, info?: number) => report(s.SO_EE_ORIGIN_ICMP, type, code, info);
const icmp6 = (type: number, code: number, info?: number) => report(s.SO_EE_ORIGIN_ICMP6, type, code, info);

test.each([
  [icmp(3, 0), 'Destination Net Unreachable', '!N'],
  [icmp(3, 3), 'Destination Port Unreachable', ''],
  [icmp(3, 4, 1300), 'Frag needed and DF set (mtu = 1300)', '!F'],
  [icmp(3, 13), 'Packet filtered', '!X'],
  [icmp(3, 99), 'Dest Unreachable, Bad Code: 99', '!<3-99>'],
  [icmp(11, 0), 'Time to live exceeded', ''],
  [icmp(11, 1), 'Frag reassembly time exceeded', '!<11-1>'],
  [icmp(12, 0), 'No route to host', '!<12-0>'],
  [icmp6(1, 0), 'Destination unreachable: No route', '!N'],
  [icmp6(1, 1), 'Destination unreachable: Administratively prohibited', '!X'],
  [icmp6(1, 4), 'Destination unreachable: Port unreachable', ''],
  [icmp6(1, 99), 'Destination unreachable: Unknown code 99', '!<1-99>'],
  [icmp6(2, 0, 1280), 'Packet too big: mtu=1280', '!<2-0>'],
  [icmp6(3, 0), 'Time exceeded: Hop limit', ''],
  [icmp6(3, 1), 'Time exceeded: Defragmentation failure', '!<3-1>'],
  [icmp6(4, 0), 'No route to host', '!<4-0>'],
  [report(s.SO_EE_ORIGIN_LOCAL, 0, 0), 'No route to host', '!EHOSTUNREACH'],
])('%j is %j, marked %j', (error, words, sign) => {
  expect(describe(error)).toBe(words);
  expect(mark(error)).toBe(sign);
});

test('the expected errors are an exceeded time to live on the way, and an unreachable port at the target', () => {
  const all = [s.SO_EE_ORIGIN_ICMP, s.SO_EE_ORIGIN_ICMP6, s.SO_EE_ORIGIN_LOCAL].flatMap((origin) =>
    [0, 1, 2, 3, 4, 11, 12].flatMap((type) => [0, 1, 2, 3, 4].map((code) => report(origin, type, code))),
  );
  const names = (reports: Report[]) => reports.map(({ origin, type, code }) => `${origin} ${type} ${code}`);
  expect(names(all.filter(isExpired))).toEqual([`${s.SO_EE_ORIGIN_ICMP} 11 0`, `${s.SO_EE_ORIGIN_ICMP6} 3 0`]);
  expect(names(all.filter(isArrival))).toEqual([`${s.SO_EE_ORIGIN_ICMP} 3 3`, `${s.SO_EE_ORIGIN_ICMP6} 1 4`]);
});
