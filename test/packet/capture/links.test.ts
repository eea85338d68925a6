/**
 * Live traffic on devices of many kinds, captured by their names and with all interfaces: the link types, the packets of
 * each filter and the layers are those of tcpdump, which captures beside this library. A tun device can say that it is of
 * another hardware type, so the hardware types that this kernel cannot create are captured as well.
 */
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import * as s from '../../../lib/index.ts';
import * as p from '../../../lib/packet/index.ts';
import { libpcap } from '../../helpers/libpcap.ts';
import { HANGING } from '../../helpers/limits.ts';
import {
  linkKind,
  namespaces,
  need,
  otherUsers,
  packetSockets,
  pppDevices,
  program,
  tunnels,
} from '../../helpers/need.ts';

const script = fileURLToPath(new URL('../../helpers/link-captures.js', import.meta.url));
const FILTERS = [
  'icmp',
  'udp port 4009',
  'net 10.9.0.0/24 and not tcp and outbound',
  'inbound and (icmp[0] = 0 or udp src port 4009)',
];
const SIX = ['ip6', 'tcp[13] & 2 != 0 or icmp6'];

interface Captured {
  linktype: number;
  packets: { data: string; layers: string }[];
}
type Result = Record<'ours' | 'theirs' | 'oursAny' | 'theirsAny', Captured> & { filter: string };

function captured(device: object, filters: readonly string[], way: number): Result[] {
  const asked = JSON.stringify({ ...device, filters, way });
  const { status, stdout, stderr } = spawnSync('unshare', ['-n', process.execPath, script, asked], {
    encoding: 'utf8',
    timeout: HANGING,
  });
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  return JSON.parse(stdout);
}

/**
 * Returns packets in one form: by its name, tcpdump captures a device without a known header with the older cooked header.
 * `header` is the number of bytes to omit.
 */
function packetsOf({ linktype, packets }: Captured, header = 0): { data: string; layers: string }[] {
  const older = (text: string) => {
    const [protocol, hatype, pkttype] = [text.slice(0, 4), text.slice(16, 20), text.slice(20, 22)];
    return `00${pkttype}${hatype}00${text.slice(22, 40)}${protocol}${text.slice(40)}`;
  };
  return packets.map(({ data, layers }) => ({
    data: (linktype === p.LINKTYPE_LINUX_SLL2 ? older(data) : data).slice(2 * header),
    layers: header === 0 ? layers.replace('linuxSll2', 'linuxSll') : layers.replace('linuxSll ', ''),
  }));
}

/** `same` is the link type of tcpdump. Where only this library knows that there is no header, the packets are compared. */
function compare(results: Result[], linktype: number, same: number, counts: readonly number[]): void {
  for (const { filter, ours, theirs, oursAny, theirsAny } of results) {
    expect([filter, ours.linktype, theirs.linktype]).toEqual([filter, linktype, same]);
    const header = linktype === p.LINKTYPE_RAW && same === p.LINKTYPE_LINUX_SLL ? 16 : 0;
    expect([filter, packetsOf(ours)]).toEqual([filter, packetsOf(theirs, header)]);
    expect([filter, oursAny.linktype, theirsAny.linktype]).toEqual([filter, 276, 276]);
    expect([filter, oursAny.packets]).toEqual([filter, theirsAny.packets]);
    for (const { layers } of [...ours.packets, ...oursAny.packets]) {
      expect(layers).toMatch(
        /^(?:(?:ethernet|linuxSll2) )?ipv[46] (?:udp|tcp|icmp|icmpv6)(?: ipv4 udp)?(?: payload)?$/,
      );
    }
  }
  expect(results.map(({ ours }) => ours.packets.length)).toEqual(counts);
}

const older = (linktype: number) => (linktype === p.LINKTYPE_LINUX_SLL2 ? p.LINKTYPE_LINUX_SLL : linktype);

/** Hardware types of devices that deliver IP packets, and their link types, here and in libpcap 1.10.3. */
const HATYPES: [string, number, number, number?][] = [
  ['NONE', s.ARPHRD_NONE, p.LINKTYPE_RAW],
  ['RAWIP', s.ARPHRD_RAWIP, p.LINKTYPE_RAW, p.LINKTYPE_LINUX_SLL],
  ['TUNNEL', s.ARPHRD_TUNNEL, p.LINKTYPE_RAW],
  ['TUNNEL6', s.ARPHRD_TUNNEL6, p.LINKTYPE_RAW, p.LINKTYPE_LINUX_SLL],
  ['SIT', s.ARPHRD_SIT, p.LINKTYPE_RAW],
  ['SLIP', s.ARPHRD_SLIP, p.LINKTYPE_RAW],
  ['PPP', s.ARPHRD_PPP, p.LINKTYPE_LINUX_SLL2],
  ['IPGRE', s.ARPHRD_IPGRE, p.LINKTYPE_LINUX_SLL2],
  ['IP6GRE', s.ARPHRD_IP6GRE, p.LINKTYPE_LINUX_SLL2],
];

test.for(HATYPES)(
  'a tun device of the hardware type %s is captured as by tcpdump',
  ([, hatype, linktype, same = older(linktype)], context) => {
    need(context, namespaces, packetSockets, tunnels, program('tcpdump'), libpcap, otherUsers);
    // Each way of receiving is used for link types with a header and for those without.
    const ways = hatype === s.ARPHRD_NONE || hatype === s.ARPHRD_PPP ? [0, 1] : [hatype % 2];
    for (const way of ways) {
      compare(captured({ hatype }, [...FILTERS, ...SIX], way), linktype, same, [3, 3, 3, 3, 2, 2]);
    }
  },
);

const [v4, v6] = ['local 10.66.1.1 remote 10.66.1.2', 'local fd66::1 remote fd66::2'];
const DEVICES: [string, string, number, number?][] = [
  ['ipip', `ipip ${v4}`, p.LINKTYPE_RAW],
  ['sit', `sit mode any ${v4}`, p.LINKTYPE_RAW],
  ['ip6tnl', `ip6tnl mode any ${v6}`, p.LINKTYPE_RAW, p.LINKTYPE_LINUX_SLL],
  ['gre', `gre ${v4}`, p.LINKTYPE_LINUX_SLL2],
  ['ip6gre', `ip6gre ${v6}`, p.LINKTYPE_LINUX_SLL2],
  ['gretap', `gretap ${v4}`, p.LINKTYPE_ETHERNET],
  ['vxlan', `vxlan id 5 ${v4} dstport 4789 dev va`, p.LINKTYPE_ETHERNET],
  ['geneve', 'geneve id 5 remote 10.66.1.2', p.LINKTYPE_ETHERNET],
  ['wireguard', 'wireguard', p.LINKTYPE_RAW],
];
const REPLIED = [3, 1, 2, 1];

/** The same device at the other end. */
function reversed(line: string): string {
  const [near, far] = line.includes('fd66') ? ['fd66::1', 'fd66::2'] : ['10.66.1.1', '10.66.1.2'];
  const swapped = line.replaceAll(/\S+/g, (word) => (word === near ? far : word === far ? near : word));
  return swapped.replace(/\bva\b/, 'vb');
}

test.for(DEVICES)(
  'a tunnel device %s to another namespace is captured as by tcpdump',
  ([kind, line, linktype, same = older(linktype)], context) => {
    need(context, namespaces, packetSockets, linkKind(kind, line), program('tcpdump'), libpcap, otherUsers);
    if (kind === 'wireguard') need(context, program('wg'));
    for (const way of [0, 1]) {
      compare(captured({ kind, near: line, far: reversed(line) }, FILTERS, way), linktype, same, REPLIED);
    }
  },
);

test('a PPP link to another namespace is captured as by tcpdump', (context) => {
  need(context, namespaces, packetSockets, pppDevices, program('pppd'), program('tcpdump'), otherUsers);
  const same = older(p.LINKTYPE_LINUX_SLL2);
  for (const way of [0, 1]) {
    compare(captured({ kind: 'ppp' }, FILTERS, way), p.LINKTYPE_LINUX_SLL2, same, REPLIED);
  }
});
