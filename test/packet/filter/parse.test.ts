/** The language of filter expressions: precedence, what is inherited from the words before, and refusals. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type * as s from '../../../lib/index.ts';
import * as p from '../../../lib/packet/index.ts';
import { PacketMaker } from '../../helpers/filter-packets.ts';

const PACKETS = new PacketMaker(3).many(p.LINKTYPE_ETHERNET, 400);
const numRuns = Number(process.env.FUZZ_RUNS ?? 500);
const { match } = p;

const value = (header: p.HeaderName, offset: p.FilterValue, size: 1 | 2 | 4 = 1) => ({ header, offset, size });
const made = (left: p.FilterValue, operator: p.FilterOperator, right: p.FilterValue) => ({ left, operator, right });

test.each<[string, p.FilterExpression]>([
  ['  ', match.and()],
  ['tcp or udp and ip', match.and(match.or(match.tcp(), match.udp()), match.ip())],
  ['tcp or (udp and ip)', match.or(match.tcp(), match.and(match.udp(), match.ip()))],
  ['not tcp and ip', match.and(match.not(match.tcp()), match.ip())],
  ['! ! tcp || ip', match.or(match.not(match.not(match.tcp())), match.ip())],
  ['!tcp&&!(ip||arp)', match.and(match.not(match.tcp()), match.not(match.or(match.ip(), match.arp())))],
  ['port 53 or 80', match.or(match.port(53), match.port(80))],
  ['port (53 or (80 and not 90))', match.or(match.port(53), match.and(match.port(80), match.not(match.port(90))))],
  ['port 53 and (tcp) and 80', match.and(match.port(53), match.tcp(), match.port(80))],
  ['src port 53 and not 80', match.and(match.port(53, 'src'), match.not(match.port(80, 'src')))],
  ['udp dst port 5', match.and(match.udp(), match.port(5, 'dst'))],
  ['src or dst port 5', match.port(5)],
  ['port http', match.and(match.tcp(), match.port(80))],
  ['udp dst port domain', match.and(match.udp(), match.port(53, 'dst'))],
  ['portrange 5', match.port(5)],
  ['portrange 9-5', match.portrange(5, 9)],
  ['portrange ftp-ssh', match.and(match.tcp(), match.portrange(21, 22))],
  ['(tcp[tcpflags] & (tcp-syn|tcp-ack)) != 0', match.bytes('tcp', 13, '!=', 0, { mask: 18 })],
  ['not ((ip[0] & 0xf) > 5)', match.not(match.bytes('ip', 0, '>', 5, { mask: 15 }))],
  ['(tcp[13] & 2 != 0)', match.bytes('tcp', 13, '!=', 0, { mask: 2 })],
  ['dst and src port 5', match.port(5, 'src and dst')],
  ['src 10.0.0.1 or dst port 5', match.or(match.host('10.0.0.1', 'src'), match.port(5, 'dst'))],
  ['net 192.168', match.net('192.168.0.0/16')],
  ['net 10', match.net('10.0.0.0/8')],
  ['host 10.1', match.net('10.1.0.0/16')],
  ['host 10', match.host('0.0.0.10')],
  ['net 10.1.2.3', match.host('10.1.2.3')],
  ['net fd00::1', match.host('fd00::1')],
  ['dst net 10.0.0.0 mask 255.128.0.0', match.net('10.0.0.0/9', 'dst')],
  ['src net 10.0.0.0/8', match.net('10.0.0.0/8', 'src')],
  ['ip6 src fd00::1', match.host('fd00::1', 'src')],
  ['vlan and vlan (7)', match.and(match.vlan(), match.vlan(7))],
  ['pppoes 0x27 and geneve 7', match.and(match.pppoes(0x27), match.geneve(7))],
  ['mpls 16 and mpls 100', match.and(match.mpls(16), match.mpls(100))],
  ['proto \\tcp', match.tcp()],
  ['ip6 proto 0x2c', match.proto(44, 'ip6')],
  ['ether proto \\ip', match.ip()],
  ['ether dst 02:00:00:00:00:01', match.etherHost('02:00:00:00:00:01', 'dst')],
  ['ether dst 2-0-0-0-0-1', match.etherHost('02:00:00:00:00:01', 'dst')],
  ['ether dst 0200.0000.0001', match.etherHost('02:00:00:00:00:01', 'dst')],
  ['ether dst 020000000001', match.etherHost('02:00:00:00:00:01', 'dst')],
  ['len == 0x40', match.len('=', 64)],
  ['length = 0100', match.len('=', 64)],
  ['0x40 < len', match.greater(65)],
  ['tcp[ 12 : 2 ] & (tcp-syn | tcp-ack|(1)) >= 3', match.bytes('tcp', 12, '>=', 3, { size: 2, mask: 19 })],
  ['icmp6[icmp6type] = icmp6-neighborsolicit', match.bytes('icmp6', 0, '=', 135)],
  ['byte 6 > 5', match.bytes('ether', 6, '>', 5)],
  ['isis proto 18 or clnp', match.or(match.isoProto(0x83, 18), match.isoProto(0x81))],
  ['decnet src 10.123', match.decnetHost('10.123', 'src')],
  ['llc rnr or llc i', match.or(match.llc(5, 15), match.llc(0, 1))],
  ['ifindex 3', match.ifindex(3)],
  ['ip[12:4] = ip[16:4]', match.compare(value('ip', 12, 4), '=', value('ip', 16, 4))],
  [
    'tcp[((tcp[12:1] & 0xf0) >> 2):4] = 0x47455420',
    match.compare(value('tcp', made(made(value('tcp', 12), '&', 0xf0), '>>', 2), 4), '=', 0x47455420),
  ],
  [
    'ip[0] + 2 * -len - ip[1] | ip[2] & 3 << ip[3] > 5',
    match.compare(
      made(
        made(made(value('ip', 0), '+', made(2, '*', { minus: 'len' })), '-', value('ip', 1)),
        '|',
        made(value('ip', 2), '&', made(3, '<<', value('ip', 3))),
      ),
      '>',
      5,
    ),
  ],
  ['len % 10 + 4 = 1', match.compare(made('len', '%', 14), '=', 1)],
  ['len + ip[0] ^ 4 | 1 = 1', match.compare(made('len', '+', made(value('ip', 0), '^', 5)), '=', 1)],
])('%s', (text, expression) => {
  const options = { netmask: '255.255.255.0' };
  const passing = (one: p.FilterExpression) => {
    const accepts = p.offlineFilter(p.compileFilter(one, options));
    return PACKETS.map((bytes) => accepts(bytes));
  };
  expect(passing(p.parseFilter(text))).toEqual(passing(expression));
});

test('any text either compiles or is rejected', () => {
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
    ...['mpls', 'pppoes', 'geneve', 'llc', '+', '-', '<<', '%', '^', '/', 'ip[0]', 'tcp[', ']', ':4', 'isis', 'type'],
  );
  const text = fc.oneof(
    fc.array(word, { maxLength: 9 }).map((words) => words.join(' ')),
    fc.string(),
  );
  let compiled = 0;
  fc.assert(
    fc.property(text, (one) => {
      let program: s.FilterInstruction[];
      try {
        program = p.compileFilter(p.parseFilter(one));
      } catch (error) {
        expect(error).toHaveProperty('code', 'ERR_INVALID_ARG_VALUE');
        return;
      }
      compiled += 1;
      expect(p.verifyFilter(program)).toBeUndefined();
    }),
    { numRuns: 10 * numRuns, interruptAfterTimeLimit: 20_000 },
  );
  expect(compiled).toBeGreaterThan(10);
  expect(() => p.parseFilter(5 as never)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
});
