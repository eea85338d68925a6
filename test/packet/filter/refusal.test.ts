/** Refusals of filters: they name the word, show its place in the text, and say what is meant instead. */
import { expect, test } from 'vitest';
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
  ['10.0.0.1', '10.0.0.1', /no word tells what '10.0.0.1' is: 'host', 'net', 'port'/],
  ['80', '80', /no word tells what '80' is/],
  ['nonsense', 'nonsense', /no word tells what 'nonsense' is/],
  ['toString', 'toString', /no word tells/],
  ['host 10.0.0.1 or tcp or 10.0.0.2', '10.0.0.2', /no word tells/],
  ['(port 80) and 443', '443', /no word tells/],
  ['ip 10.0.0.1', '10.0.0.1', /missing before '10.0.0.1', or a word that tells what it is, as 'host'/],
  ['tcp port 80 443', '443', /'and' or 'or' is missing/],
  ['port', '', /what 'port' is about is missing before the end/],
  ['port nosuch', 'nosuch', /'nosuch' is no port, nor a service that is known here/],
  ['udp port http', 'http', /'http' is a port of tcp/],
  ['port 65536', '65536', /at most 65535/],
  ['portrange 5-6-7', '5-6-7', /'6-7' is no port/],
  ['portrange ftp', 'ftp', /no range of ports, as 6000-6008/],
  ['ip port 80', '80', /'ip' has no 'port': those are of 'tcp', 'udp' and 'sctp'/],
  ['host example.org', 'example.org', /names of hosts and networks are not looked up/],
  ['net localnet', 'localnet', /not looked up/],
  ['ether host name', 'name', /no hardware address, as 02:00:00:00:00:01; names are not looked up/],
  ['host 10.0.0.256', '10.0.0.256', /each part is from 0 to 255/],
  ['host 10.0.0.1/8', '10.0.0.1/8', /is a network: 'net 10.0.0.1'/],
  ['src 10.0.0.0/8', '10.0.0.0/8', /is a network/],
  ['host fd00::1/64', 'fd00::1/64', /is a network: 'net fd00::1\/64'/],
  ['net 10.0.0.1/8', '10.0.0.1/8', /bits that its mask leaves out/],
  ['net fd00::1/64', 'fd00::1/64', /bits that the prefix of 64 bits leaves out/],
  ['net 10/8', '/8', /at least two parts: '10.0'/],
  ['net 10.0.0.0/33', '33', /at most 32/],
  ['net 10.0.0.0 mask 8', '8', /a mask is missing before '8', as in 'mask 255.0.0.0'/],
  ['tcp host 10.0.0.1', '10.0.0.1', /'tcp' has no addresses of IPv4: those are of 'ip', 'arp' and 'rarp'/],
  ['ip host fd00::1', 'fd00::1', /'ip' has no addresses of IPv6: those are of 'ip6'/],
  ['ip6 host 10.0.0.1', '10.0.0.1', /'ip6' has no addresses of IPv4/],
  ['host 02:00:00:00:00:01', '02:00:00:00:00:01', /for 'ether host', 'ether src' or 'ether dst'/],
  ['ether host 00:11:22:33:44', '00:11:22:33:44', /of Ethernet it has six parts/],
  ['decnet host 10.1.2', '10.1.2', /no address of DECnet, as 10.123/],
  ['addr1 10.0.0.1', '10.0.0.1', /'addr1' is about hardware addresses of 802.11/],
  ['src or host 10.0.0.1', 'host 10.0.0.1', /goes on with 'dst'/],
  ['src proto 1', 'proto 1', /'proto' has no 'src'/],
  ['tcp proto 6', '6', /'tcp' has no 'proto'/],
  ['ip proto tcp', 'tcp', /the protocol of that name is '\\tcp'/],
  ['ether proto ip', 'ip', /the protocol of that name is '\\ip'/],
  ['ip proto nothing', 'nothing', /no protocol of 'ip' that is known here/],
  ['proto constructor', 'constructor', /no protocol/],
  ['ip proto 300', '300', /at most 255/],
  ['ether', '', /behind 'ether' there is 'host', 'src'/],
  ['ether tcp', 'tcp', /not 'tcp'/],
  ['arp broadcast', 'broadcast', /'arp' has no 'broadcast'/],
  ['vlan 4096', '4096', /a VLAN is at most 4095/],
  ['vlan x', 'x', /missing before 'x'/],
  ['less', '', /a length is missing before the end/],
  ['less 0x100000000', '0x100000000', /at most 4294967295/],
  ['len', '', /a comparison is missing before the end, as in 'len > 100'/],
  ['len-14 > 5', 'len-14 > 5', /a difference has spaces around '-'/],
  ['tcp[13]', '', /a comparison is missing before the end/],
  ['tcp[13:3] = 1', '3] = 1', /a size is 1, 2 or 4, not 3/],
  ['tcp[x] = 1', 'x] = 1', /'x' is no number/],
  ['tcp[5', '', /']' is missing before the end/],
  ['tcp[0] & (1 = 1', '= 1', /'\)' is missing before '='/],
  ['ip[0] = tcp', 'tcp', /'tcp' is no number; 'tcp\[0\]' is its first byte/],
  ['ah[0] = 1', 'ah[0] = 1', /of 'ah' no bytes can be asked for/],
  ['09 = len', '09 = len', /octal, but has another digit/],
  ['byte 0 & 1', '& 1', /'ether\[0\] & 1 != 0' asks for bits/],
  ['llc foo', 'foo', /no kind of frame of 802.2: those are i, s, u/],
  ['type foo', 'foo', /none of mgt, management, ctl, control, data/],
  ['type mgt subtype foo', 'foo', /none of assocreq/],
  ['subtype foo', 'foo', /no subtype of 802.11/],
  ['gateway snup', 'gateway snup', /no names are looked up: 'ether host MAC and not host ADDRESS'/],
  ['ip6 protochain 6', 'protochain 6', /jumps backwards, which the kernel takes in no program/],
  ['ifname eth0', 'ifname eth0', /'ifname' is about the log of the packet filter of OpenBSD/],
  ['vpi 5', 'vpi 5', /'vpi' is about ATM/],
  ['radio', 'radio', /an expression is missing before 'radio'/],
  ['ip and\n tcp and port x', 'x', /no port/],
])('%s', (text, place, reason) => {
  const error = refusal(text);
  expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' });
  expect(error.message.split('\n')[0]).toMatch(reason);
  expect(error.message).toMatch(/^The "text" argument must be a filter expression: /);
  expect(placeOf(error.message)).toBe(place);
});

test.each<[text: string, place: string, reason: RegExp, linktype: number]>([
  ['tcp and vlan 5', 'vlan 5', /'vlan' is about Ethernet and 802.11/, p.LINKTYPE_RAW],
  ['udp or broadcast', 'broadcast', /hardware addresses are those of Ethernet and 802.11/, p.LINKTYPE_RAW],
  ['ether host 02:00:00:00:00:01', '02:00:00:00:00:01', /hardware addresses/, p.LINKTYPE_LINUX_SLL],
  ['ether multicast', 'ether multicast', /hardware addresses/, p.LINKTYPE_LINUX_SLL2],
  ['type mgt', 'type mgt', /about frames of 802.11/, p.LINKTYPE_ETHERNET],
  ['wlan addr1 02:00:00:00:00:01', '02:00:00:00:00:01', /Ethernet has 'src' and 'dst'/, p.LINKTYPE_ETHERNET],
  ['ip or radio[0] = 1', 'radio[0] = 1', /'radio' is about captures of 802.11/, p.LINKTYPE_ETHERNET],
  ['llc', 'llc', /'llc' is about Ethernet and 802.11/, p.LINKTYPE_LINUX_SLL],
  ['not mpls', 'mpls', /'mpls' is about Ethernet, HDLC and PPP/, p.LINKTYPE_RAW],
  ['mpls and arp', 'arp', /behind 'mpls' there is no protocol but IPv4 and IPv6/, p.LINKTYPE_ETHERNET],
  ['mpls and vlan', 'vlan', /no 'vlan' behind 'mpls'/, p.LINKTYPE_ETHERNET],
  ['tcp and ip broadcast', 'ip broadcast', /the option 'netmask' tells it/, p.LINKTYPE_ETHERNET],
  ['tcp[0] / 0 = 1', 'tcp[0] / 0 = 1', /divides by 0/, p.LINKTYPE_ETHERNET],
  ['ip and len << 32 = 1', 'len << 32 = 1', /shifts by 32 bits/, p.LINKTYPE_ETHERNET],
])('%s, on a link or in a place where it has no meaning', (text, place, reason, linktype) => {
  const error = refusal(text, { linktype });
  expect(error).toMatchObject({ name: 'TypeError', code: 'ERR_INVALID_ARG_VALUE' });
  expect(error.message.split('\n')[0]).toMatch(reason);
  expect(placeOf(error.message)).toBe(place);
});

test('an expression without a text is refused without a place', () => {
  expect(() => p.compileFilter(p.match.vlan(), { linktype: p.LINKTYPE_RAW })).toThrow(
    'The "expression" argument must be one that can be compiled: ' +
      "'vlan' is about Ethernet and 802.11, and this link is neither",
  );
});

test('what is nested too deeply is refused, and what needs too much memory', () => {
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
