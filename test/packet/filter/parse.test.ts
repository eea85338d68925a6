/** The language of filter expressions: what binds how, what is taken from the words before, and what is refused. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as p from '../../../lib/packet/index.ts';

const numRuns = Number(process.env.FUZZ_RUNS ?? 500);
const { match } = p;

test.each<[string, p.FilterExpression]>([
  ['  ', match.and()],
  ['tcp or udp and ip', match.and(match.or(match.tcp(), match.udp()), match.ip())],
  ['tcp or (udp and ip)', match.or(match.tcp(), match.and(match.udp(), match.ip()))],
  ['not tcp and ip', match.and(match.not(match.tcp()), match.ip())],
  ['! ! tcp || ip', match.or(match.not(match.not(match.tcp())), match.ip())],
  ['!tcp&&!(ip||arp)', match.and(match.not(match.tcp()), match.not(match.or(match.ip(), match.arp())))],
  ['port 53 or 80', match.or(match.port(53), match.port(80))],
  ['src port 53 and not 80', match.and(match.port(53, 'src'), match.not(match.port(80, 'src')))],
  ['udp dst port 5 or 6', match.or(...[5, 6].map((n) => match.and(match.udp(), match.port(n, 'dst'))))],
  ['host fd00::1 or tcp or 10.0.0.1', match.or(match.or(match.host('fd00::1'), match.tcp()), match.host('10.0.0.1'))],
  ['src or dst port 5', match.port(5)],
  ['port http', match.and(match.tcp(), match.port(80))],
  ['udp dst port domain', match.and(match.udp(), match.port(53, 'dst'))],
  ['portrange 5', match.port(5)],
  ['portrange 9-5', match.portrange(5, 9)],
  ['(tcp[tcpflags] & (tcp-syn|tcp-ack)) != 0', match.bytes('tcp', 13, '!=', 0, { mask: 18 })],
  ['not ((ip[0] & 0xf) > 5)', match.not(match.bytes('ip', 0, '>', 5, { mask: 15 }))],
  ['(tcp[13] & 2 != 0)', match.bytes('tcp', 13, '!=', 0, { mask: 2 })],
  ['dst and src port 5', match.port(5, 'src and dst')],
  ['src 10.0.0.1 or dst port 5', match.or(match.host('10.0.0.1', 'src'), match.port(5, 'dst'))],
  ['net 192.168', match.net('192.168.0.0/16')],
  ['net 10.1.2.3', match.host('10.1.2.3')],
  ['net fd00::1', match.host('fd00::1')],
  ['dst net 10.0.0.0 mask 255.128.0.0', match.net('10.0.0.0/9', 'dst')],
  ['src 10.0.0.0/8', match.net('10.0.0.0/8', 'src')],
  ['ip6 src fd00::1', match.host('fd00::1', 'src')],
  ['vlan and vlan 7', match.and(match.vlan(), match.vlan(7))],
  ['proto \\tcp', match.tcp()],
  ['ip6 proto 0x2c', match.proto(44, 'ip6')],
  ['ether proto ip', match.ip()],
  ['ether dst 02:00:00:00:00:01', match.etherHost('02:00:00:00:00:01', 'dst')],
  ['len == 0x40', match.len('=', 64)],
  ['tcp[ 12 : 2 ] & (tcp-syn | tcp-ack|(1)) >= 3', match.bytes('tcp', 12, '>=', 3, { size: 2, mask: 19 })],
  ['icmp6[icmp6type] = icmp6-neighborsolicit', match.bytes('icmp6', 0, '=', 135)],
])('%s', (text, expression) => {
  expect(p.compileFilter(p.parseFilter(text))).toEqual(p.compileFilter(expression));
});

test.each([
  ['tcp udp', /'and' or 'or' is missing before 'udp'/],
  ['tcp and', /something is missing at the end/],
  ['and tcp', /is missing before 'and'/],
  ['(tcp', /'\)' is missing/],
  ['tcp)', /missing before '\)'/],
  ['10.0.0.1', /no word tells what '10.0.0.1' is/],
  ['nonsense', /no word tells what 'nonsense' is/],
  ['port nosuch', /'nosuch' is no number of a port/],
  ['udp port http', /'http' is a port of tcp/],
  ['port 65536', /from 0 to 65535/],
  ['port', /an address or a number is missing/],
  ['portrange 5-6-7', /no range of ports/],
  ['host example.org', /must be an IPv4 address/],
  ['host 10.0.0.1/8', /must be an IPv4 address/],
  ['net 10.0.0.1/8', /bits behind its prefix/],
  ['net 10.0.0.0 mask 255.0.255.0', /mask is no prefix/],
  ['tcp host 10.0.0.1', /'tcp' has no addresses/],
  ['ip host fd00::1', /no address of 'ip'/],
  ['ip6 host 10.0.0.1', /no address of 'ip6'/],
  ['ip port 80', /'ip' has no ports/],
  ['icmp port 80', /'icmp' has no ports/],
  ['tcp proto 6', /'tcp' has no 'proto'/],
  ['ether', /broadcast or multicast is missing before 'the end'/],
  ['ether tcp', /broadcast or multicast is missing before 'tcp'/],
  ['ether host 10.0.0.1', /hardware address/],
  ['vlan 4096', /from 0 to 4095/],
  ['tcp[13]', /a comparison is missing before 'the end'/],
  ['tcp[13:3] = 1', /a size of 1, 2 or 4/],
  ['tcp[x] = 1', /'x' is no number/],
  ['tcp[0] & (1 = 1', /'\)' is missing/],
  ['len', /a comparison is missing/],
  ['less', /a length is missing/],
  ['tcp; ip', /'; ip' is not understood/],
  ['toString', /no word tells/],
  ['proto constructor', /'constructor' is no number/],
])('%s is refused', (text, reason) => {
  expect(() => p.parseFilter(text)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_VALUE' }));
  expect(() => p.parseFilter(text)).toThrow(reason);
});

test('any text is an expression that compiles, or is refused', () => {
  const word = fc.constantFrom(
    ...[
      'ip',
      'ip6',
      'arp',
      'tcp',
      'ether',
      'src',
      'dst',
      'host',
      'net',
      'port',
      'portrange',
      'proto',
      'vlan',
      'len',
      'less',
    ],
    ...[
      'and',
      'or',
      'not',
      '(',
      ')',
      '[0]',
      '[13:2]',
      '&',
      '=',
      '!=',
      '<',
      '5',
      '80-90',
      '10.0.0.1',
      'fd00::1',
      '10.0.0.0/8',
    ],
    ...['broadcast', 'inbound', '02:00:00:00:00:01', 'mask', '255.0.0.0', '|', 'tcp-syn', '\\tcp'],
  );
  const text = fc.oneof(
    fc.array(word, { maxLength: 9 }).map((words) => words.join(' ')),
    fc.string(),
  );
  let compiled = 0;
  fc.assert(
    fc.property(text, (one) => {
      let expression: p.FilterExpression;
      try {
        expression = p.parseFilter(one);
      } catch (error) {
        expect(error).toHaveProperty('code', 'ERR_INVALID_ARG_VALUE');
        return;
      }
      compiled += 1;
      expect(p.verifyFilter(p.compileFilter(expression))).toBeUndefined();
    }),
    { numRuns: 10 * numRuns, interruptAfterTimeLimit: 20_000 },
  );
  expect(compiled).toBeGreaterThan(10);
  expect(() => p.parseFilter(5 as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
});
