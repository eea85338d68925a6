import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { claim } from '../helpers/arp.ts';
import { finished, finishedIn } from '../helpers/examples.ts';
import { namespaces, need, packetSockets, program } from '../helpers/need.ts';
import { link } from '../helpers/networks.ts';
import { capture, complaints, fieldsOf } from '../helpers/tshark.ts';

/** Returns the lines of hosts, without the last line, which contains the counts. */
const hosts = (output: string) => output.trimEnd().split('\n').slice(0, -1).sort();

test('it finds the hosts that arp-scan(1) finds', async (context) => {
  need(context, namespaces, packetSockets, program('arp-scan'));
  const { name, enter, peer } = await link();
  const network = peer.address.replace(/2$/, '0/24');
  for (const host of ['10', '200', '254']) {
    const more = ['ip', 'addr', 'add', peer.address.replace(/2$/, `${host}/32`), 'dev', peer.name];
    execFileSync(enter[0]!, [...enter.slice(1), ...more]);
  }
  const ours = await finished('arp-scan.js', '-I', name, '-R', '1000', network);
  // biome-ignore lint/suspicious/noTemplateCurlyInString: the format is one of arp-scan
  const format = '--format=${ip}\t${mac}';
  const theirs = execFileSync('arp-scan', ['-I', name, '--plain', '-x', format, network], { encoding: 'utf8' });
  expect(hosts(ours.output)).toEqual(theirs.trimEnd().split('\n').sort());
  expect(hosts(ours.output)).toHaveLength(4);
  expect(hosts(ours.output)).toContain(`${peer.address}\t${peer.mac}`);
  expect(ours.output).toMatch(/\n256 addresses in [\d.]+ seconds, 4 answered\n$/);
  expect(ours.code).toBe(0);
});

test('it sends requests for each address at the given rate, and only one to a host that answers, as tshark shows', async (context) => {
  need(context, namespaces, packetSockets, program('dumpcap'));
  const { name, enter, mac, peer } = await link();
  const stop = await capture(enter, peer.name, '-f', 'arp');
  const network = peer.address.replace(/2$/, '0/26');
  const args = ['-I', name, '-R', '200', '-r', '2', '-w', '50', network];
  expect(await finished('arp-scan.js', ...args)).toMatchObject({ code: 0 });
  const file = await stop();
  expect(complaints(file)).toBe('');
  const rows = fieldsOf(file, ['frame.time_relative', 'eth.src', 'arp.opcode', 'arp.dst.proto_ipv4']);
  const asked = rows.map((row) => row.flat()).filter(([, source, code]) => source === mac && code === '1');
  expect(asked).toHaveLength(64 + 63);
  const counts = new Map<string, number>();
  for (const [, , , address] of asked) counts.set(address!, (counts.get(address!) ?? 0) + 1);
  expect(counts.size).toBe(64);
  expect([...counts].filter(([, count]) => count === 1)).toEqual([[peer.address, 1]]);
  // 64 requests at 200 a second take 0.3 seconds, however the timer fires.
  expect(Number(asked[63]![0]) - Number(asked[0]![0])).toBeGreaterThan(0.25);
});

test('it reports an address that two hosts have, and omits one that no host has', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  claim(veth, veth.address, '02:00:00:00:00:77');
  const { code, output } = await finishedIn(veth.enter, 'arp-scan.js', '-r', '1', veth.address);
  expect(output).toMatch(/\(duplicate\)\n1 addresses in [\d.]+ seconds, 1 answered\n$/);
  const macs = hosts(output).map((line) => line.split('\t').slice(0, 2).join(' '));
  expect(macs.sort()).toEqual([`${veth.address} ${veth.mac}`, `${veth.address} 02:00:00:00:00:77`].sort());
  expect(code).toBe(0);
  const nobody = veth.address.replace(/1$/, '99');
  expect(await finishedIn(veth.enter, 'arp-scan.js', '-w', '100', nobody)).toMatchObject({
    code: 1,
    output: expect.stringMatching(/^1 addresses in [\d.]+ seconds, 0 answered\n$/),
  });
});

test('it validates the command line', async () => {
  expect(await finished('arp-scan.js', '-h')).toMatchObject({
    code: 0,
    output: expect.stringMatching(/^Usage: arp-scan/),
  });
  for (const args of [[], ['192.0.2.0/33'], ['192.0.2.0/8'], ['192.0.2'], ['fe80::/64'], ['-R', '0', '192.0.2.1']]) {
    expect(await finished('arp-scan.js', ...args)).toMatchObject({
      code: 2,
      output: expect.stringContaining('\n\nUsage: arp-scan.js '),
    });
  }
});
