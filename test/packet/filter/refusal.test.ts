/** Refusals of filters: they name the word, show its place in the text, and suggest what to write instead. */
import { expect, test } from 'vitest';
import * as s from '../../../lib/index.ts';
import * as p from '../../../lib/packet/index.ts';

/** The place that a refusal shows: the text from the caret on. */
function placeOf(message: string): string {
  const [line, caret] = message.split('\n').slice(-2) as [string, string];
  return line.slice(caret.indexOf('^'));
}
function refusal(text: string, options?: p.CompileOptions): Error {
  try {
    p.compileFilter(p.parseFilter(text), options);
  } catch (error) {
    return error as Error;
  }
  throw new Error(`'${text}' is taken`);
}

test.each<[text: string, place: string, reason: RegExp]>([
  ['tcp udp', 'udp', /'and' or 'or' is missing before 'udp'$/],
  ['tcp and', '', /an expression is missing before the end/],
  ['and tcp', 'and tcp', /an expression is missing before 'and'/],
  ['not', '', /an expression is missing before the end/],
  ['(tcp', '', /'\)' is missing before the end/],
  ['tcp)', ')', /missing before '\)'/],
  ['tcp; ip', '; ip', /';' is not understood/],
  ['10.0.0.1', '10.0.0.1', /a word such as 'host', 'net' or 'port' is missing before '10.0.0.1'/],
  ['80', '80', /is missing before '80'/],
  ['nonsense', 'nonsense', /is missing before 'nonsense'/],
  ['toString', 'toString', /a word such as 'host'/],
  ['host 10.0.0.1 or tcp or 10.0.0.2', '10.0.0.2', /a word such as 'host'/],
  ['(port 80) and 443', '443', /a word such as 'host'/],
  ['ip 10.0.0.1', '10.0.0.1', /missing before '10.0.0.1', or a word such as 'host' that says what it is/],
  ['tcp port 80 443', '443', /'and' or 'or' is missing/],
  ['port', '', /the argument of 'port' is missing before the end/],
  ['port nosuch', 'nosuch', /'nosuch' is neither a port nor a known service/],
  ['udp port http', 'http', /'http' is a tcp port/],
  ['port 65536', '65536', /at most 65535/],
  ['portrange 5-6-7', '5-6-7', /'6-7' is neither a port/],
  ['portrange ftp', 'ftp', /not a port range such as 6000-6008/],
  ['ip port 80', '80', /'port' cannot follow 'ip', only 'tcp', 'udp' and 'sctp'/],
  ['host example.org', 'example.org', /names of hosts and networks are not looked up/],
  ['net localnet', 'localnet', /not looked up/],
  ['ether host name', 'name', /not a hardware address such as 02:00:00:00:00:01; names are not looked up/],
  ['host 10.0.0.256', '10.0.0.256', /each part must be from 0 to 255/],
  ['host 10.0.0.1/8', '10.0.0.1/8', /is a network: use 'net 10.0.0.1'/],
  ['src 10.0.0.0/8', '10.0.0.0/8', /is a network/],
  ['host fd00::1/64', 'fd00::1/64', /is a network: use 'net fd00::1\/64'/],
  ['net 10.0.0.1/8', '10.0.0.1/8', /bits set outside its mask/],
  ['net fd00::1/64', 'fd00::1/64', /bits set outside the prefix of 64 bits/],
  ['net 10/8', '/8', /at least two parts: '10.0'/],
  ['net 10.0.0.0/33', '33', /at most 32/],
  ['net 10.0.0.0 mask 8', '8', /a mask is missing before '8', as in 'mask 255.0.0.0'/],
  ['tcp host 10.0.0.1', '10.0.0.1', /'tcp' does not have IPv4 addresses, only 'ip', 'arp' and 'rarp' do/],
  ['ip host fd00::1', 'fd00::1', /'ip' does not have IPv6 addresses, only 'ip6' does/],
  ['ip6 host 10.0.0.1', '10.0.0.1', /'ip6' does not have IPv4 addresses/],
  ['host 02:00:00:00:00:01', '02:00:00:00:00:01', /which only 'ether host', 'ether src' and 'ether dst' accept/],
  ['ether host 00:11:22:33:44', '00:11:22:33:44', /an Ethernet address has six parts/],
  ['decnet host 10.1.2', '10.1.2', /not a DECnet address such as 10.123/],
  ['addr1 10.0.0.1', '10.0.0.1', /'addr1' applies to 802.11 hardware addresses/],
  ['src or host 10.0.0.1', 'host 10.0.0.1', /'src or' must be followed by 'dst'/],
  ['src proto 1', 'proto 1', /'proto' cannot follow 'src'/],
  ['tcp proto 6', '6', /'proto' cannot follow 'tcp'/],
  ['ip proto tcp', 'tcp', /write '\\tcp' for the protocol/],
  ['ether proto ip', 'ip', /write '\\ip' for the protocol/],
  ['ip proto nothing', 'nothing', /not a known protocol of 'ip'/],
  ['proto constructor', 'constructor', /not a known protocol/],
  ['ip proto 300', '300', /at most 255/],
  ['ether', '', /'ether' must be followed by 'host', 'src'/],
  ['ether tcp', 'tcp', /not 'tcp'/],
  ['arp broadcast', 'broadcast', /'broadcast' cannot follow 'arp'/],
  ['vlan 4096', '4096', /a VLAN ID is at most 4095/],
  ['vlan x', 'x', /missing before 'x'/],
  ['less', '', /a length is missing before the end/],
  ['less 0x100000000', '0x100000000', /at most 4294967295/],
  ['len', '', /a comparison is missing before the end, as in 'len > 100'/],
  ['len-14 > 5', 'len-14 > 5', /a subtraction needs spaces around '-'/],
  ['tcp[13]', '', /a comparison is missing before the end/],
  ['tcp[13:3] = 1', '3] = 1', /a size must be 1, 2 or 4, not 3/],
  ['tcp[x] = 1', 'x] = 1', /'x' is not a number/],
  ['tcp[5', '', /']' is missing before the end/],
  ['tcp[0] & (1 = 1', '= 1', /'\)' is missing before '='/],
  ['ip[0] = tcp', 'tcp', /'tcp' is not a number; 'tcp\[0\]' is its first byte/],
  ['ah[0] = 1', 'ah[0] = 1', /the bytes of 'ah' cannot be read/],
  ['09 = len', '09 = len', /octal because it begins with 0, but it has a digit other/],
  ['byte 0 & 1', '& 1', /use 'ether\[0\] & 1 != 0' to test bits/],
  ['llc foo', 'foo', /not a kind of 802.2 frame, which are i, s, u/],
  ['type foo', 'foo', /not one of mgt, management, ctl, control, data/],
  ['type mgt subtype foo', 'foo', /not one of assocreq/],
  ['subtype foo', 'foo', /not an 802.11 subtype/],
  ['gateway snup', 'gateway snup', /names are not looked up: use 'ether host MAC and not host ADDRESS'/],
  ['ip6 protochain 6', 'protochain 6', /backward jumps, which the kernel does not accept/],
  ['ifname eth0', 'ifname eth0', /'ifname' applies to the OpenBSD packet filter log/],
  ['vpi 5', 'vpi 5', /'vpi' applies to ATM/],
  ['radio', 'radio', /an expression is missing before 'radio'/],
  ['ip and\n tcp and port x', 'x', /neither a port/],
])('%s', (text, place, reason) => {
  const error = refusal(text);
  expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' });
  expect(error.message.split('\n')[0]).toMatch(reason);
  expect(error.message).toMatch(/^The "text" argument must be a filter expression: /);
  expect(placeOf(error.message)).toBe(place);
});

test('an error for text in place of an expression or of a program says which functions compile it', () => {
  const expression = 'must be an expression that parseFilter or a function of match returns';
  for (const given of ['udp port 53', undefined, {}, [], { word: 'constructor' }]) {
    expect(() => p.compileFilter(given as never)).toThrow(`"expression" argument ${expression}`);
  }
  expect(() => p.match.and('udp' as never, p.match.port(53))).toThrow(`"expression" argument ${expression}`);
  const program = 'as compileFilter(parseFilter(text)) of sys-socket/packet returns';
  for (const given of ['udp port 53', 'arp', '', p.parseFilter('udp'), 5]) {
    expect(() => s.encodeFilter(given as never)).toThrow(program);
  }
  expect(() => s.encodeFilter('2\n6 0 0 0\n')).toThrow('the output of tcpdump -ddd, whole');
});

test.each<[text: string, place: string, reason: RegExp, linktype: number]>([
  ['tcp and vlan 5', 'vlan 5', /'vlan' applies to Ethernet and 802.11/, p.LINKTYPE_RAW],
  ['udp or broadcast', 'broadcast', /only Ethernet and 802.11 have hardware addresses/, p.LINKTYPE_RAW],
  ['ether host 02:00:00:00:00:01', '02:00:00:00:00:01', /hardware addresses/, p.LINKTYPE_LINUX_SLL],
  ['ether multicast', 'ether multicast', /hardware addresses/, p.LINKTYPE_LINUX_SLL2],
  ['type mgt', 'type mgt', /apply to 802.11 frames/, p.LINKTYPE_ETHERNET],
  ['wlan addr1 02:00:00:00:00:01', '02:00:00:00:00:01', /Ethernet has 'src' and 'dst'/, p.LINKTYPE_ETHERNET],
  ['ip or radio[0] = 1', 'radio[0] = 1', /'radio' applies to 802.11 captures/, p.LINKTYPE_ETHERNET],
  ['0 * radio[1] = 0', '0 * radio[1] = 0', /'radio' applies to 802.11 captures/, p.LINKTYPE_RAW],
  ['ip[0] + radio[1] = 2', 'ip[0] + radio[1] = 2', /'radio' applies to 802.11 captures/, p.LINKTYPE_ETHERNET],
  ['llc', 'llc', /'llc' applies to Ethernet and 802.11/, p.LINKTYPE_LINUX_SLL],
  ['not mpls', 'mpls', /'mpls' applies to Ethernet, HDLC and PPP/, p.LINKTYPE_RAW],
  ['mpls and arp', 'arp', /only IPv4 and IPv6 can follow 'mpls'/, p.LINKTYPE_ETHERNET],
  ['mpls and vlan', 'vlan', /'vlan' cannot follow 'mpls'/, p.LINKTYPE_ETHERNET],
  ['tcp and ip broadcast', 'ip broadcast', /'ip broadcast' requires the option 'netmask'/, p.LINKTYPE_ETHERNET],
  ['tcp[0] / 0 = 1', 'tcp[0] / 0 = 1', /divides by 0/, p.LINKTYPE_ETHERNET],
  ['ip and len << 32 = 1', 'len << 32 = 1', /shifts by 32 bits/, p.LINKTYPE_ETHERNET],
])('%s is rejected for this link type or in this place', (text, place, reason, linktype) => {
  const error = refusal(text, { linktype });
  expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' });
  expect(error.message.split('\n')[0]).toMatch(reason);
  expect(placeOf(error.message)).toBe(place);
});

test('an expression without text is rejected without a position', () => {
  expect(() => p.compileFilter(p.match.vlan(), { linktype: p.LINKTYPE_RAW })).toThrow(
    'The "expression" argument must be a filter expression that can be compiled: ' +
      "'vlan' applies to Ethernet and 802.11, and this link type is neither",
  );
});

test('expressions that are nested too deeply or need too much memory are rejected', () => {
  for (const text of [
    '('.repeat(100_000),
    'not '.repeat(100_000),
    'tcp['.repeat(100_000),
    `${'-'.repeat(9999)}1 = 1`,
  ]) {
    expect(refusal(text).message).toMatch(/nested more than 500 times/);
  }
  let deep: p.FilterValue = 1;
  for (let i = 0; i < 600; i++) deep = { minus: deep };
  expect(() => p.match.compare(deep, '=', 1)).toThrow(RangeError);
  let wide: p.FilterValue = { header: 'tcp', offset: 0 };
  for (let i = 0; i < 20; i++) {
    wide = { left: { header: 'tcp', offset: { header: 'udp', offset: 1 } }, operator: '-', right: wide };
    wide = { left: { header: 'tcp', offset: 2 }, operator: '/', right: wide };
  }
  expect(p.verifyFilter(p.compileFilter(p.match.compare(wide, '=', 1)))).toBeUndefined();
  const sides: p.FilterValue[] = [{ header: 'tcp', offset: 0 }];
  for (let i = 0; i < 17; i++) sides.push({ left: sides.at(-1)!, operator: '-', right: sides.at(-1)! });
  expect(() => p.match.compare(sides[16]!, '=', 1)).toThrow(/at most 4096 numbers/);
  let left: p.FilterValue = { header: 'tcp', offset: { header: 'tcp', offset: 1 } };
  for (let i = 0; i < 20; i++) left = { left: { header: 'tcp', offset: 0 }, operator: '-', right: left };
  expect(p.verifyFilter(p.compileFilter(p.match.compare(left, '=', 1)))).toBeUndefined();
  for (let i = 0; i < 17; i++) left = { left: { header: 'tcp', offset: left }, operator: '-', right: left };
  expect(() => p.match.compare(left, '=', 1)).toThrow(RangeError);
});

test('long chains of words and many tunnels are rejected with a code, and within a moment', () => {
  for (const colons of ['a:', ':', '::1 ']) {
    expect(() => p.parseFilter(`host ${colons.repeat(100_000)}`)).toThrow(/is missing before|octal|address/);
  }
  const code = (text: string) => {
    try {
      p.compileFilter(p.parseFilter(text));
      return undefined;
    } catch (error) {
      return (error as { code?: string }).code;
    }
  };
  for (const text of [
    `tcp${' or tcp'.repeat(50_000)}`,
    `tcp${' and tcp'.repeat(50_000)}`,
    `port 1${' or 2'.repeat(50_000)}`,
    `tcp${' or udp and tcp'.repeat(3000)}`,
    `${'geneve and '.repeat(20)}tcp`,
    `geneve 1${' or geneve 2'.repeat(20)}`,
  ]) {
    expect(code(text), text.slice(0, 40)).toBe('ERR_OUT_OF_RANGE');
  }
  const cyclic: { word: string; of: unknown[] } = { word: 'and', of: [] };
  cyclic.of = [cyclic];
  expect(() => p.compileFilter(cyclic as never)).toThrow(RangeError);
  expect(code(`tcp${' or tcp'.repeat(9000)}`)).toBeUndefined();
  expect(code(`tcp${' or udp and tcp'.repeat(450)}`)).toBeUndefined();
  expect(code('geneve 1 or geneve 2 or geneve 3 or geneve 4')).toBeUndefined();
});
