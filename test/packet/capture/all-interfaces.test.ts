/** Captures of all interfaces: compared with simultaneous captures of tcpdump -i any, on Ethernet, tun and lo. */
import { describe, expect, test } from 'vitest';
import * as s from '../../../lib/index.ts';
import { cookedProgram } from '../../../lib/packet/capture/cooked-filter.ts';
import * as p from '../../../lib/packet/index.ts';
import { PacketMaker } from '../../helpers/filter-packets.ts';
import { judge, libpcap } from '../../helpers/libpcap.ts';
import { type Need, namespaces, need, otherUsers, packetSockets, program, tunnels } from '../../helpers/need.ts';
import { output } from '../../helpers/scripts.ts';

const namespace = ['unshare', '-n', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh'];
const needs: Need[] = [namespaces, packetSockets, tunnels];

/**
 * The start of the programs: a veth pair, a tun device, and `send`, which sends a packet on each of them and on lo.
 * Frames of the pair are tagged or not; each is sent by one end and received by the other one.
 */
const start = `
  const p = await import('${new URL('../../../dist/packet/index.js', import.meta.url).href}');
  const { execFileSync, spawn } = await import('node:child_process');
  const { openSync, writeSync } = await import('node:fs');
  const ip = (line) => execFileSync('ip', line.split(' '));
  for (const all of ['all', 'default']) {
    execFileSync('sh', ['-c', 'echo 1 > /proc/sys/net/ipv6/conf/' + all + '/disable_ipv6']);
  }
  ip('link add va type veth peer name vb');
  const tun = openSync('/dev/net/tun', 'r+');
  const request = s.ifreq('tun7');
  request.writeUInt16LE(s.IFF_TUN | s.IFF_NO_PI, 16);
  s.ioctl(tun, s.TUNSETIFF, request);
  for (const name of ['va', 'vb', 'tun7']) ip('link set ' + name + ' up');
  for (const name of ['va', 'vb']) while (!String(ip('link show ' + name)).includes('state UP'));
  const addresses = { sourceAddress: '10.9.0.1', destinationAddress: '10.9.0.2' };
  const icmp = (sequenceNumber) => [p.ipv4(addresses), p.icmp({ type: 8, sequenceNumber }), 'ping'];
  const link = (tags) => p.ethernet({ source: '02:00:00:00:00:01', destination: '02:00:00:00:00:02', tags });
  const frames = s.socket(s.AF_PACKET, s.SOCK_RAW, 0);
  s.bind(frames, { family: s.AF_PACKET, ifindex: s.if_nametoindex('va'), protocol: 0 });
  const udp = s.socket(s.AF_INET, s.SOCK_DGRAM);
  s.bind(udp, { family: s.AF_INET, address: '127.0.0.1', port: 9 });
  const raw = s.socket(s.AF_INET, s.SOCK_RAW, s.IPPROTO_ICMP);
  const to = (port) => ({ family: s.AF_INET, address: '127.0.0.1', port });
  const send = () => {
    s.send(frames, p.encodePacket([link([]), ...icmp(1)]));
    s.send(frames, p.encodePacket([link([{ vid: 5 }]), ...icmp(2)]));
    s.send(frames, p.encodePacket([link([]), p.arp({ operation: 1, senderHardwareAddress: '02:00:00:00:00:01',
      senderProtocolAddress: '10.9.0.1', targetProtocolAddress: '10.9.0.2' })]));
    writeSync(tun, p.encodePacket(icmp(3)));
    writeSync(tun, p.encodePacket([p.ipv6({ sourceAddress: 'fd00::1', destinationAddress: 'fd00::2' }),
      p.udp({ sourcePort: 5000, destinationPort: 53 }), 'question']));
    s.sendto(raw, p.encodePacket([p.icmp({ type: 0, sequenceNumber: 4 }), 'pong']), 0, to(0));
    s.sendto(udp, 'datagram', 0, to(9));
  };
  const texts = (chunks) => {
    const reader = new p.CaptureReader();
    const packets = chunks.flatMap((chunk) => reader.push(chunk));
    if (reader.end()) throw new Error(reader.error.reason);
    return [reader.interfaces[0].linktype, ...packets.map(({ data }) => Buffer.from(data).toString('hex'))];
  };
  const different = ${different};
  const capture = async (capture, count) => {
    const chunks = [];
    const writer = new p.PcapWriter((chunk) => chunks.push(chunk), { linktype: capture.linktype });
    for await (const packet of capture) {
      writer.write(packet);
      if (--count === 0) break;
    }
    capture.close();
    return texts(chunks);
  };
`;

/** Runs a program in its own namespace; returns its output, parsed as JSON. */
async function run(script: string): Promise<unknown> {
  return JSON.parse(await output(start + script, [], {}, namespace));
}

describe.each([
  ['a ring', ''],
  ['recvmmsg', 'ringSize: 0'],
])('through %s', (_, way) => {
  test('the file is what tcpdump -i any writes, by every filter', async (context) => {
    need(context, ...needs, program('tcpdump'), otherUsers); // tcpdump -Z
    // The kernel filters a sent tagged frame before it removes the tag: the frame does not count as ICMP there.
    const filters = [
      ...[['', 10] as const, ['icmp', 5] as const, ['arp or udp port 9', 3] as const],
      ...[['ip6 and udp dst port 53', 1] as const, ['inbound and not arp', 6] as const, ['icmp[0] = 8', 4] as const],
    ];
    const script = `
      const results = [];
      for (const [filter, count] of ${JSON.stringify(filters)}) {
        const args = ['-i', 'any', '-w', '-', '-U', '--immediate-mode', '-Z', 'root', filter];
        const tcpdump = spawn('tcpdump', args, { stdio: ['ignore', 'pipe', 'pipe'] });
        const chunks = [];
        tcpdump.stdout.on('data', (chunk) => chunks.push(chunk));
        let said = '';
        tcpdump.stderr.on('data', (text) => { said += text; });
        while (!said.includes('listening on')) await once(tcpdump.stderr, 'data');
        const opened = p.openCapture({ filter, immediate: true, ${way} });
        send();
        const ours = await capture(opened, count);
        const captured = () => { try { return different(texts([Buffer.concat(chunks)])).length; } catch { return 0; } };
        // tcpdump may sleep over packets in its ring until another one comes.
        const more = setInterval(send, 200);
        while (captured() < different(ours).length) await once(tcpdump.stdout, 'data');
        clearInterval(more);
        tcpdump.kill('SIGINT');
        await once(tcpdump, 'close');
        results.push([filter, ours, texts([Buffer.concat(chunks)])]);
      }
      console.log(JSON.stringify(results));`;
    for (const [filter, ours, theirs] of (await run(script)) as [string, unknown[], unknown[]][]) {
      expect(ours[0]).toBe(p.LINKTYPE_LINUX_SLL2);
      expect(different(ours), filter).toEqual(different(theirs));
    }
  });

  test('each packet has its link type, its interface and its layers', async (context) => {
    need(context, ...needs);
    const script = `
      const opened = p.openCapture({ interface: 'any', immediate: true, ${way} });
      send();
      let left = 10;
      const found = [];
      for await (const packet of opened) {
        const { layers, error } = p.decodePacket(packet);
        const [{ layer, interfaceIndex }, ...rest] = layers;
        found.push([packet.linktype, opened.interfaceName(packet.ifindex), interfaceIndex === packet.ifindex, layer,
          rest.map(({ layer }) => layer).join(' '), packet.flags & 3, error]);
        if (--left === 0) break;
      }
      console.log(JSON.stringify(found));`;
    const icmp = 'ipv4 icmp payload';
    const own = (name: string, layers: string, direction: number) => [276, name, true, 'linuxSll2', layers, direction];
    const sorted = (rows: unknown[][]) => rows.map((row) => JSON.stringify(row)).sort();
    expect(sorted(((await run(script)) as unknown[][]).map((row) => row.slice(0, 6)))).toEqual(
      sorted([
        ...[icmp, `vlan ${icmp}`, 'arp'].flatMap((layers) => [own('va', layers, 2), own('vb', layers, 1)]),
        own('tun7', icmp, 1),
        own('tun7', 'ipv6 udp payload', 1),
        own('lo', icmp, 1),
        own('lo', 'ipv4 udp payload', 1),
      ]),
    );
  });
});

/**
 * The different packets of a file. libpcap omits VLAN tags that the kernel removed from the frame, while they follow
 * the header here; and repeated packets differ in the identification that the kernel assigns, and in its checksum.
 */
function different(texts: unknown[]): string[] {
  const untagged = texts.map((text) => String(text).replace(/^8100(.{36})0005(....)/, '$2$1'));
  return [...new Set(untagged.map((text) => text.replace(/^(0800.{36}45.{6}).{4}(.{8}).{4}/, '$1$2')))].sort();
}

test('a packet on lo is captured once, when received; twice if both are wanted; when sent if only sent ones are', async (context) => {
  need(context, ...needs);
  const script = `
    const results = [];
    for (const options of [{}, { loopbackTwice: true }, { direction: 'in' }, { direction: 'out' }]) {
      for (const name of ['lo', 'any']) {
        const opened = p.openCapture({ interface: name, filter: 'udp port 9', immediate: true, ...options });
        send();
        let left = opened.statistics().received; // a datagram is received before sendto() returns
        const directions = [];
        for await (const { flags } of opened) {
          directions.push(flags & 3);
          if (--left === 0) break;
        }
        opened.close();
        results.push(directions.join());
      }
    }
    console.log(JSON.stringify(results));`;
  expect(await run(script)).toEqual(['1', '1', '2,1', '2,1', '1', '1', '2', '2']);
});

test('options that do not apply to all interfaces are rejected with the reason', (context) => {
  need(context, packetSockets);
  expect(() => p.openCapture({ promiscuous: true })).toThrow(/"options.promiscuous".*a single interface/);
  expect(() => p.openCapture({ filter: p.compileFilter(p.match.tcp()) })).toThrow(
    /compiled for link type 276, not for 1/,
  );
  expect(() => p.openCapture({ filter: 'ether[13] = 1' })).toThrow(
    /"options.filter".*not provide byte 13 of a cooked header/,
  );
});

test('words about the link layer are accepted and rejected as by libpcap with -i any', (context) => {
  need(context, packetSockets, libpcap);
  const expressions = [
    ...[
      'vlan',
      'vlan 5',
      'ip and vlan',
      'mpls',
      'mpls 100',
      'pppoes',
      'pppoed',
      'pppoes and ip',
      'geneve',
      'geneve and ip',
    ],
    ...['ether host 02:00:00:00:00:01', 'ether src 2:0:0:0:0:1', 'wlan host 02:00:00:00:00:01', 'ether broadcast'],
    ...[
      'broadcast',
      'multicast',
      'ether multicast',
      'ip broadcast',
      'ip multicast',
      'ip6 multicast',
      'llc',
      'stp',
      'iso',
    ],
    ...['isis', 'esis', 'netbeui', 'ipx', 'aarp', 'atalk', 'decnet', 'lat', 'mopdl', 'rarp', 'ether proto 0x42'],
    ...['ether proto \\arp', 'link proto \\ip', 'type mgt', 'wlan type data', 'ifname eth0', 'inbound', 'ifindex 2'],
    ...[
      'link[0] = 8',
      'link[2:2] = 0',
      'link[4:4] = 1',
      'ether[5] = 1',
      'link[8:2] = 1',
      'link[9] = 1',
      'link[10] = 4',
    ],
  ];
  const [answers] = judge({ linktype: p.LINKTYPE_LINUX_SLL2, expressions, netmask: 0 });
  expressions.forEach((filter, i) => {
    let refusal: string | undefined;
    try {
      p.openCapture({ filter }).close();
    } catch (error) {
      refusal = (error as Error).message;
    }
    expect([filter, refusal !== undefined]).toEqual([filter, answers![i]!.error !== undefined]);
    if (refusal !== undefined) expect(refusal).toMatch(/"options\.filter"/);
  });
});

test("'ip broadcast' uses the netmask of the interface, as pcap-filter(7) says", async (context) => {
  need(context, ...needs);
  const script = `
    ip('addr add 10.9.1.1/22 dev va');
    ip('addr add 10.9.2.1/24 dev va');
    const destinations = ['10.9.3.255', '10.9.1.255', '10.9.0.0', '10.9.1.7', '255.255.255.255', '0.0.0.0'];
    const verdicts = ['va', 'vb'].map((name) => {
      const opened = p.openCapture({ interface: name, filter: 'ip broadcast', ringSize: 0 });
      const accepts = p.offlineFilter(s.getFilter(opened.fd));
      opened.close();
      return destinations.filter((destinationAddress) =>
        accepts(p.encodePacket([link([]), p.ipv4({ sourceAddress: '10.9.1.1', destinationAddress, protocol: 17 })])) > 0);
    });
    console.log(JSON.stringify(verdicts));`;
  const everywhere = ['255.255.255.255', '0.0.0.0'];
  expect(await run(script)).toEqual([['10.9.3.255', '10.9.0.0', ...everywhere], everywhere]);
});

describe('programs for packets without the header', () => {
  const packets = new PacketMaker(7).many(p.LINKTYPE_LINUX_SLL2, 400);
  const expressions = [
    ...[
      'tcp',
      'udp port 53 or icmp',
      'ip6 and not tcp',
      'greater 300',
      'less 200 and ip',
      'inbound',
      'outbound',
      'ifindex 2',
    ],
    ...['tcp[((tcp[12:1] & 0xf0) >> 2):1] > 128', 'ip[2:2] > len - 40', 'ip[len - 60] > 127', 'net 10.0.0.0/8'],
    ...[
      'link[0] = 8',
      'link[1] & 1 = 0',
      'link[5] = 0',
      'link[6:2] = 2',
      'link[7] & 1 = 1',
      'link[9] < 3',
      'link[3] = 0',
    ],
    ...['ether proto 0x88cc', 'link[8:2] = 1', 'portrange 1-1024', 'ip[ip[8] & 15] < 99', 'arp or rarp'],
  ];

  test.each(expressions)('have the same verdicts: %s', (text) => {
    const whole = p.compileFilter(p.parseFilter(text), { linktype: p.LINKTYPE_LINUX_SLL2 });
    const cooked = p.offlineFilter(cookedProgram(whole));
    const expected = p.offlineFilter(whole);
    let passed = 0;
    for (const bytes of packets) {
      const context: p.FilterContext = {
        protocol: bytes.readUInt16BE(0),
        ifindex: bytes.readUInt32BE(4),
        hatype: bytes.readUInt16BE(8),
        pkttype: bytes[10],
      };
      const verdict = expected(bytes) > 0;
      expect(cooked(bytes.subarray(20), context) > 0).toBe(verdict);
      if (verdict) passed++;
    }
    expect(passed).toBeLessThan(packets.length + 1);
  });

  test("jumps have the same targets, the length in X includes the header, and the program's memory is preserved", () => {
    const of = (code: number, k = 0, jt = 0, jf = 0): s.FilterInstruction => ({ code, k, jt, jf });
    const { BPF_ALU, BPF_IMM, BPF_JMP, BPF_JEQ, BPF_LD, BPF_LDX, BPF_LEN, BPF_MEM, BPF_RET, BPF_ST, BPF_W, BPF_X } = s;
    const program = [
      of(BPF_LD | BPF_IMM, 7),
      of(BPF_ST, 0),
      of(BPF_LDX | BPF_W | BPF_LEN),
      of(BPF_JMP | BPF_JEQ, 7, 1, 0), // A is unchanged
      of(BPF_RET, 1),
      of(BPF_LD | BPF_W | BPF_LEN),
      of(BPF_JMP | BPF_JEQ | BPF_X, 0, 0, 3), // both are the length
      of(BPF_LD | BPF_MEM, 0),
      of(BPF_ALU | s.BPF_ADD | BPF_X),
      of(BPF_RET | s.BPF_A),
      of(BPF_RET, 2),
    ];
    expect(p.offlineFilter(program)(new Uint8Array(120))).toBe(127);
    expect(p.offlineFilter(cookedProgram(program))(new Uint8Array(100))).toBe(127);
    const long = [
      of(BPF_JMP | BPF_JEQ, 0, 255, 255),
      ...new Array(255).fill(of(BPF_LD | BPF_W | BPF_LEN)),
      of(BPF_RET, 1),
    ];
    expect(() => cookedProgram(long)).toThrow(/shorter jumps/);
  });
});
