import { execFileSync } from 'node:child_process';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { example, finished } from '../helpers/examples.ts';
import { cleanup } from '../helpers/fds.ts';
import { folder } from '../helpers/fixtures.ts';
import { namespaces, need, otherUsers, packetSockets, program } from '../helpers/need.ts';
import { link } from '../helpers/networks.ts';
import { patient, printed, start } from '../helpers/programs.ts';

interface Capability {
  type: string;
  enabled: boolean;
}
interface Chassis {
  chassis: {
    id: { type: string; value: string }[];
    name: { value: string }[];
    descr: { value: string }[];
    'mgmt-ip': { value: string }[];
    capability: Capability[];
  }[];
}

/** The names of the capabilities of IEEE 802.1AB in lldpctl. */
const CAPABILITIES: Record<string, string> = {
  Bridge: 'bridge',
  Router: 'router',
  Wlan: 'access point',
  Station: 'station',
};

test('it prints what lldpd announces, as lldpctl shows it', async (context) => {
  need(context, namespaces, packetSockets, otherUsers, program('lldpd'));
  const { name, peer, enter } = await link();
  const directory = folder();
  chmodSync(directory, 0o711); // lldpd becomes another user
  const control = join(directory, 'control');
  // lldpd announces every second, in a namespace with its own /run.
  const script = `mount -t tmpfs none /run && exec lldpd -d -u ${control} -I ${peer.name} -S 'a test switch'`;
  const daemon = start(enter[0]!, [...enter.slice(1), 'unshare', '-m', 'sh', '-c', script]);
  const lldpcli = (...args: string[]) => execFileSync('lldpcli', ['-u', control, ...args], { encoding: 'utf8' });
  await printed(daemon, /should resume operations/);
  lldpcli('configure', 'lldp', 'tx-interval', '1');

  const { code, output } = await finished('lldp-listen.js', '--count', '1', '--timeout', '20', name);
  expect(output).not.toContain('malformed');
  expect(code).toBe(0);
  const lines = output.trimEnd().split('\n');
  expect(lines[0]).toBe(`${name}: ${peer.mac}`);
  const told = (JSON.parse(lldpcli('-f', 'json0', 'show', 'chassis')) as { 'local-chassis': Chassis[] })[
    'local-chassis'
  ];
  const [chassis] = told[0]!.chassis;
  expect(lines).toContain(`  Chassis: ${chassis!.id[0]!.value} (MAC)`);
  expect(lines).toContain(`  System name: ${chassis!.name[0]!.value}`);
  expect(lines).toContain(`  System description: ${chassis!.descr[0]!.value}`);
  expect(chassis!.descr[0]!.value).toBe('a test switch');
  for (const { value } of chassis!['mgmt-ip']) {
    expect(lines.filter((line) => line.startsWith(`  Management address: ${value} (interface index `))).toHaveLength(1);
  }
  const capabilities = chassis!.capability.map(
    ({ type, enabled }) => `${CAPABILITIES[type]} (${enabled ? 'on' : 'off'})`,
  );
  const ours = lines.find((line) => line.startsWith('  Capabilities: '))!.replace('  Capabilities: ', '');
  expect(ours.split(', ').sort()).toEqual(capabilities.sort());
  expect(lines).toContain(`  Port: ${peer.mac} (MAC)`);
  expect(lines).toContain(`  Port description: ${peer.name}`);
  expect(lines).toContain('  Time to live: 4 s');
});

test('it prints the valid part of a malformed frame, and no control character reaches the terminal', async (context) => {
  need(context, namespaces, packetSockets);
  const { name, ifindex, peer, enter } = await link();
  const running = example('lldp-listen.js', '--timeout', '20', '--count', '2', name);
  const header = Buffer.from('0180c200000e02000000000188cc', 'hex');
  const cut = Buffer.from([0x0a, 0xff, 0x41]);
  const frame = Buffer.concat([header, tlv(1, '\x07switch\x1b[2J'), tlv(2, '\x05eth0\n'), tlv(3, '\0\x78'), cut]);
  const file = join(folder(), 'frame');
  writeFileSync(file, frame);
  // Frames that this host sends itself do not come from a neighbour.
  const own = cleanup(s.socket(s.AF_PACKET, s.SOCK_RAW));
  const send = `import socket,sys,time
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind((sys.argv[1], 0))
frame = open(sys.argv[2], 'rb').read()
while True:
    s.send(frame)
    time.sleep(0.2)`;
  start(enter[0]!, [...enter.slice(1), 'python3', '-c', send, peer.name, file]);
  const to = { family: s.AF_PACKET, ifindex, protocol: 0, hatype: 0, pkttype: 0, address: new Uint8Array(6) };
  await expect
    .poll(() => {
      s.sendto(own, frame, 0, to);
      return running.child.exitCode;
    }, patient)
    .toBe(0);
  const message = [
    `${name}: 02:00:00:00:00:01`,
    '  Chassis: switch\\x1b[2J (local)',
    '  Port: eth0\\n (interface)',
    '  Time to live: 120 s',
    '  malformed: type 5 at 25 has 255 bytes, 1 are there',
  ];
  expect(running.output().trimEnd().split('\n')).toEqual([...message, ...message]);
});

function tlv(type: number, value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([Buffer.from([(type << 1) | (bytes.length >> 8), bytes.length & 0xff]), bytes]);
}

test('it reports that no frame came', async (context) => {
  need(context, namespaces, packetSockets);
  const { name } = await link();
  expect(await finished('lldp-listen.js', '-t', '0.2', name)).toEqual({ code: 1, output: '' });
});

test('it ends on Ctrl-C', async (context) => {
  need(context, namespaces, packetSockets);
  const { name } = await link();
  const running = example('lldp-listen.js', name);
  const joined = () => execFileSync('ip', ['maddr', 'show', 'dev', name], { encoding: 'utf8' });
  await expect.poll(joined, patient).toContain('01:80:c2:00:00:0e');
  running.child.kill('SIGINT');
  expect(await running.ended).toBe(1);
  expect(running.output()).toBe('');
  expect(joined()).not.toContain('01:80:c2');
});

test('it validates the command line', async () => {
  expect(await finished('lldp-listen.js', '--help')).toMatchObject({
    code: 0,
    output: expect.stringMatching(/^Usage: lldp-listen/),
  });
  expect(await finished('lldp-listen.js', '--count', '0')).toMatchObject({
    code: 2,
    output: expect.stringContaining('--count'),
  });
  const { code, output } = await finished('lldp-listen.js', 'nobody0');
  expect(output).toMatch(/^no interface nobody0; there are lo\b/);
  expect(code).toBe(1);
  expect(await finished('lldp-listen.js', 'lo')).toEqual({ code: 1, output: 'lo is not an Ethernet interface\n' });
});
