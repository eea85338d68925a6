import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as p from '../../lib/packet/index.ts';
import { frame, tcpdump } from '../helpers/bpf.ts';
import { example, finished } from '../helpers/examples.ts';
import { folder } from '../helpers/fixtures.ts';
import { namespaces, need, noRawSockets, otherUsers, packetSockets, program } from '../helpers/need.ts';
import { link } from '../helpers/networks.ts';
import { patient, printed, start } from '../helpers/programs.ts';
import { pcapOf } from '../helpers/tshark.ts';

const FRAMES = fc.sample(frame, { numRuns: 200, seed: 6 });
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** Returns the packets of a file: their time, their length on the wire, and their bytes. */
function packets(file: string): string[] {
  const reader = new p.CaptureReader();
  const list = reader.push(readFileSync(file));
  expect(reader.end()).toBeUndefined();
  return list.map(({ timestamp, originalLength, data }) => `${timestamp} ${originalLength} ${hex(data)}`);
}

test('from a file to a file, by a filter, it writes what tcpdump writes', async (context) => {
  need(context, otherUsers, program('tcpdump'));
  const file = pcapOf(FRAMES);
  for (const [filter, ...options] of [
    ['tcp port 80 or icmp'],
    ['vlan and ip6'],
    ['not host 10.0.0.1', '-c', '7'],
    ['', '-s', '50'],
  ]) {
    const [ours, theirs] = [join(folder(), 'ours.pcap'), join(folder(), 'theirs.pcap')];
    expect(await finished('sniff.js', '-r', file, '-w', ours, ...options, filter!)).toEqual({ code: 0, output: '' });
    // With a snapshot length, tcpdump truncates what it captures, not what it reads.
    const cut = options[0] === '-s' ? [] : options;
    execFileSync('tcpdump', ['-r', file, '-w', theirs, '-Z', 'root', ...cut, filter!], { stdio: 'pipe' });
    const expected = packets(theirs).map((one) => (cut === options ? one : one.slice(0, one.lastIndexOf(' ') + 101)));
    expect(packets(ours)).toEqual(expected);
    expect(expected.length).toBeGreaterThan(3);
  }
});

test('a filter that matches no packet is an error', async () => {
  const { code, output } = await finished('sniff.js', '-r', pcapOf(FRAMES), 'ip and not ip');
  expect([code, output]).toEqual([1, expect.stringContaining('the filter rejects all packets of link type 1')]);
  expect(await finished('sniff.js', '--dump', 'tcp and udp')).toEqual({
    code: 1,
    output: 'the filter rejects all packets\n',
  });
});

test('it prints a time and one line or each layer, and the bytes on request; a truncated file is an error', async () => {
  const packet = p.encodePacket([
    p.ethernet({ destination: 'ff:ff:ff:ff:ff:ff', source: '02:00:00:00:00:01', tags: [{ vid: 5 }] }),
    p.arp({
      operation: 1,
      senderHardwareAddress: '02:00:00:00:00:01',
      senderProtocolAddress: '10.0.0.1',
      targetProtocolAddress: '10.0.0.2',
    }),
  ]);
  const file = pcapOf([packet, packet]);
  const { code, output } = await finished('sniff.js', '-r', file, '-v', '-x', '-c', '1', 'vlan', '5', 'and', 'arp');
  const lines = output.split('\n');
  expect(lines[0]).toMatch(/^\d\d:\d\d:00\.000000 46 bytes$/);
  expect(output).toContain('  ARP: request (1), 10.0.0.1');
  expect(output).toContain(`\n${p.formatHex(packet, '  ')}\n`);
  expect(code).toBe(0);
  const short = await finished('sniff.js', '-r', file, '-c', '1');
  expect(short.output).toMatch(
    /^\d\d:\d\d:00\.000000 vlan 5, ARP, Request who-has 10\.0\.0\.2 tell 10\.0\.0\.1, length 28\n/,
  );
  const cut = join(folder(), 'cut.pcap');
  writeFileSync(cut, readFileSync(file).subarray(0, -3));
  const broken = await finished('sniff.js', '-r', cut);
  expect(broken.output.match(/ARP, Request/g)).toHaveLength(1);
  expect(broken.output).toMatch(/cut\.pcap: the file ends within a record/);
  expect(broken.code).toBe(1);
});

test('--dump prints the filter program, as tcpdump -d does', async (context) => {
  need(context, program('tcpdump'));
  for (const filter of ['arp', 'icmp', 'udp', 'greater 60']) {
    expect(await finished('sniff.js', '--dump', filter)).toEqual({ code: 0, output: tcpdump(filter, '-d') });
  }
});

test('on a link, it captures the packets that tcpdump captures beside it', async (context) => {
  need(context, namespaces, otherUsers, program('tcpdump'), program('ping'));
  const { name, peer } = await link();
  const [ours, theirs] = [join(folder(), 'ours.pcap'), join(folder(), 'theirs.pcap')];
  const filter = 'icmp or (icmp6 and ip6[40] >= 128 and ip6[40] <= 129)';
  const one = example('sniff.js', '-i', name, '-w', ours, '-c', '6', filter);
  const other = start('tcpdump', ['-i', name, '-w', theirs, '-Z', 'root', '-c', '6', '--immediate-mode', filter]);
  await printed(one, /listening on/);
  await printed(other, /listening on/);
  execFileSync('ping', ['-c', '2', '-i', '0.2', peer.address]);
  execFileSync('ping', ['-c', '1', peer.address6]);
  expect(await one.ended).toBe(0);
  expect(await other.ended).toBe(0);
  expect(one.output()).toMatch(/\n6 packets shown, 6 passed the filter, 0 dropped\n$/);
  const bytes = (file: string) => packets(file).map((packet) => packet.split(' ').slice(1).join(' '));
  expect(bytes(ours)).toEqual(bytes(theirs));
});

test('on a link, it captures one direction, and prints the counts when a signal ends it', async (context) => {
  need(context, namespaces, program('ping'));
  const { name, peer, address } = await link();
  const sniffs = [['-Q', 'in'], ['-Q', 'out', '-p'], []].map((options) => {
    return example('sniff.js', '-i', name, ...options, 'icmp and host', peer.address);
  });
  for (const sniff of sniffs) await printed(sniff, /listening on/);
  execFileSync('ping', ['-c', '1', peer.address]);
  const wanted = [1, 1, 2];
  const echoes = (i: number) => sniffs[i]!.output().match(/ICMP echo/g)?.length;
  for (const i of [0, 1, 2]) await expect.poll(() => echoes(i), patient).toBe(wanted[i]);
  for (const { child } of sniffs) child.kill('SIGINT');
  expect(await Promise.all(sniffs.map(({ ended }) => ended))).toEqual([0, 0, 0]);
  expect(sniffs[0]!.output()).toMatch(` in IP ${peer.address} > ${address}: ICMP echo reply`);
  expect(sniffs[1]!.output()).toMatch(` out IP ${address} > ${peer.address}: ICMP echo request`);
  for (const i of [0, 1, 2]) expect(sniffs[i]!.output()).toContain(`\n${wanted[i]} packets shown, ${wanted[i]} passed`);
});

test('a file passes through pipes, and a reader that goes away ends it', () => {
  const file = pcapOf(FRAMES);
  const sniff = `${process.execPath} examples/sniff.js`;
  const sh = (script: string) =>
    execFileSync('sh', ['-c', script], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const out = join(folder(), 'out.pcap');
  sh(`cat ${file} | ${sniff} -r - -w - tcp | cat > ${out}`);
  const accepts = p.offlineFilter(p.compileFilter(p.match.tcp()));
  const expected = FRAMES.filter((one) => accepts(one) > 0).map(hex);
  expect(packets(out).map((one) => one.split(' ')[2])).toEqual(expected);
  expect(expected.length).toBeGreaterThan(10);
  const large = pcapOf(Array.from({ length: 100 }, () => FRAMES).flat());
  expect(sh(`{ ${sniff} -r ${large}; echo $? >&2; } 2>${out} | head -n 1`)).toMatch(/^\d\d:\d\d:00\.000000 IP6? /);
  expect(readFileSync(out, 'utf8')).toBe('0\n');
});

test('a reader that goes away, as head(1), ends a capture', async (context) => {
  need(context, namespaces, program('ping'));
  const { name, peer } = await link();
  const script = `${process.execPath} examples/sniff.js -i ${name} icmp 2>/dev/null | head -n 1`;
  const shell = start('sh', ['-c', script]);
  const pings = start('ping', ['-i', '0.2', peer.address]);
  expect(await shell.ended).toBe(0);
  expect(shell.output()).toMatch(
    /^\d\d:\d\d:\d\d\.\d{6} (in|out) IP .*: ICMP echo re\w+, id \d+, seq \d+, length 64\n$/,
  );
  pings.child.kill();
});

test.each([
  [[], 2, /give either --interface or --read/],
  [['-i', 'lo', '-r', 'file'], 2, /give either --interface or --read/],
  [['-i', 'lo', 'tcp', 'and'], 2, /an expression is missing before the end/],
  [['-i', 'lo', '-Q', 'up'], 2, /--direction: give in, out or inout/],
  [['-i', 'lo', '-c', '0'], 2, /--count: give a number from 1/],
  [['-i', 'lo', '-s', '300000'], 2, /--snaplen: give a number from 1 to 262144/],
  [['-i', 'lo', '-s', '1.5'], 2, /--snaplen: give a whole number/],
  [['-i', 'nosuch', 'tcp'], 1, /no interface nosuch; there are .*lo/],
  [['-r', '/nonexistent'], 1, /ENOENT/],
  [['-r', '/dev/null'], 1, /the file is empty/],
] as const)('invalid usage prints the usage: sniff.js %s', async (args, expected, message) => {
  const { code, output } = await finished('sniff.js', ...args);
  expect(output).toMatch(message);
  if (expected === 2) expect(output).toContain('Usage: sniff.js ');
  expect(code).toBe(expected);
});

test('--help prints the help', async () => {
  const { code, output } = await finished('sniff.js', '--help');
  expect(output).toMatch(/^Usage: sniff\.js -i interface/);
  expect(code).toBe(0);
});

test('without the privilege, it reports EPERM and what to do', async (context) => {
  need(context, noRawSockets);
  const { code, output } = await finished('sniff.js', '-i', 'lo');
  expect(output).toMatch(/^EPERM: Operation not permitted, socket\n.*CAP_NET_RAW/);
  expect(code).toBe(1);
  expect(packetSockets()).toBeDefined();
});
