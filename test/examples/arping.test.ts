import { spawnSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { claim } from '../helpers/arp.ts';
import { finished, finishedIn } from '../helpers/examples.ts';
import { namespaces, need, packetSockets, program } from '../helpers/need.ts';
import { link } from '../helpers/networks.ts';
import { capture, complaints, fieldsOf } from '../helpers/tshark.ts';

/** Returns the output without what depends on time. */
const timeless = (output: string) => output.replace(/[\d.]+ms/g, 'Tms').trimEnd();

test('its output and exit code are those of arping(8)', async (context) => {
  need(context, namespaces, packetSockets, program('arping'));
  const { name, address, peer } = await link();
  const nobody = peer.address.replace(/2$/, '77');
  for (const [args, code] of [
    [['-c', '2', peer.address], 0],
    [['-c', '2', '-b', peer.address], 0],
    [['-f', peer.address], 0],
    [['-c', '1', nobody], 1],
    [['-D', '-c', '2', peer.address], 1],
    [['-D', '-c', '2', nobody], 0],
  ] as const) {
    const ours = await finished('arping.js', '-I', name, '-i', '0.3', ...args);
    const theirs = spawnSync('arping', ['-I', name, '-w', '3', ...args], { encoding: 'utf8' });
    expect(timeless(ours.output), args.join(' ')).toBe(timeless(theirs.stdout));
    expect(ours.code).toBe(code);
    expect(theirs.status).toBe(code);
  }
  // The interface also follows from the routes.
  const { output } = await finished('arping.js', '-f', peer.address);
  expect(output).toContain(`ARPING ${peer.address} from ${address} ${name}\n`);
  expect(output).toContain(`Unicast reply from ${peer.address} [${peer.mac.toUpperCase()}]`);
});

test('it reports an address that two hosts have', async (context) => {
  need(context, namespaces, packetSockets);
  const veth = await link();
  claim(veth, veth.address, '02:00:00:00:00:77'); // as the kernel on this side does
  const { code, output } = await finishedIn(veth.enter, 'arping.js', '-c', '1', veth.address);
  expect(output.match(/reply from/g)).toHaveLength(2);
  expect(output).toContain('Sent 1 probes (1 broadcast(s))\nReceived 2 response(s)\n');
  const [, list] = new RegExp(`^${veth.address} is the address of 2 hosts: (.*)$`, 'm').exec(output)!;
  expect(list!.split(', ').sort()).toEqual([veth.mac, '02:00:00:00:00:77'].sort());
  expect(code).toBe(0);
});

test('tshark finds no fault in what it sends, and the probe of RFC 5227 has no sender address', async (context) => {
  need(context, namespaces, packetSockets, program('dumpcap'));
  const { enter, address, mac, name, peer } = await link();
  const stop = await capture(enter, peer.name, '-f', 'arp');
  await finished('arping.js', '-I', name, '-c', '2', '-i', '0.2', peer.address);
  await finished('arping.js', '-I', name, '-D', '-c', '1', '-i', '0.2', peer.address);
  const file = await stop();
  expect(complaints(file)).toBe('');
  const fields = [
    'arp.opcode',
    'eth.dst',
    'arp.src.hw_mac',
    'arp.src.proto_ipv4',
    'arp.dst.hw_mac',
    'arp.dst.proto_ipv4',
  ];
  const rows = fieldsOf(file, ['eth.src', ...fields]).map((row) => row.flat());
  const asked = rows.filter(([source, operation]) => source === mac && operation === '1');
  const [everybody, unknown] = ['ff:ff:ff:ff:ff:ff', '00:00:00:00:00:00'];
  expect(asked.map((row) => row.slice(2))).toEqual([
    [everybody, mac, address, unknown, peer.address],
    [peer.mac, mac, address, unknown, peer.address],
    [everybody, mac, '0.0.0.0', unknown, peer.address],
  ]);
});

test('it validates the command line', async () => {
  expect(await finished('arping.js', '-h')).toMatchObject({ code: 0, output: expect.stringMatching(/^Usage: arping/) });
  for (const args of [[], ['one', 'two'], ['fe80::1'], ['-c', '0', '192.0.2.1'], ['-x', '192.0.2.1']]) {
    expect(await finished('arping.js', ...args)).toMatchObject({
      code: 2,
      output: expect.stringContaining('\n\nUsage: arping.js '),
    });
  }
  expect(await finished('arping.js', '-I', 'lo', '127.0.0.1')).toEqual({
    code: 1,
    output: 'lo is not an Ethernet interface\n',
  });
});
