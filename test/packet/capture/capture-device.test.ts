/** The devices that can be captured: those of pcap_findalldevs(3PCAP), tcpdump -D and tshark -D. */
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import * as s from '../../../lib/index.ts';
import * as p from '../../../lib/packet/index.ts';
import { libpcap } from '../../helpers/libpcap.ts';
import { type Need, namespaces, need, packetSockets, program, tunnels } from '../../helpers/need.ts';
import { output } from '../../helpers/scripts.ts';

/** Links of every kind: up and down, with and without addresses, with a label, an alias and a peer. */
const setup = `ip link set lo up && ip addr add 127.0.0.9/32 dev lo &&
  ip link add va type veth peer name vb && ip link set va up && ip link set va alias 'to the lab' &&
  ip addr add 192.0.2.1/24 broadcast 192.0.2.255 dev va label va:1 && ip addr add 192.0.2.9/25 broadcast + dev va &&
  ip -6 addr add 2001:db8::1/61 dev va nodad &&
  ip tuntap add dev tun7 mode tun && ip link set tun7 up && ip addr add 10.9.0.1 peer 10.9.0.2/32 dev tun7 && exec "$@"`;
const namespace = ['unshare', '-n', 'sh', '-c', setup, 'sh'];
const helper = fileURLToPath(new URL('../../helpers/findalldevs.py', import.meta.url));

/** What a program in that namespace reports: the devices, and the output of a command there. */
async function beside(command: string, ...args: string[]): Promise<{ devices: p.CaptureDevice[]; text: string }> {
  const dist = new URL('../../../dist/packet/index.js', import.meta.url).href;
  const script = `
    const { listCaptureDevices } = await import('${dist}');
    const { execFileSync } = await import('node:child_process');
    const text = execFileSync('${command}', ${JSON.stringify(args)}, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] });
    console.log(JSON.stringify({ devices: listCaptureDevices(), text }));`;
  return JSON.parse(await output(script, [], {}, namespace));
}

const needs: Need[] = [namespaces, packetSockets, tunnels];
/** What libpcap lists besides interfaces. */
const OTHERS = /^(?:bluetooth|nflog|nfqueue|dbus|usbmon|dag|netmap)/;
const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);

test('names, flags, link types and addresses are the same as in libpcap', async (context) => {
  need(context, ...needs, libpcap);
  const { devices, text } = await beside('python3', helper);
  type Found = { name: string; linktype: number | null; addresses: object[] };
  const theirs = (JSON.parse(text) as Found[]).filter(({ name }) => !OTHERS.test(name));
  // libpcap reports no link type for a device that it cannot open, such as one that is down, and numbers IP as BSD
  // does.
  const linktypes = new Map(theirs.map(({ name, linktype }) => [name, linktype === 12 ? p.LINKTYPE_RAW : linktype]));
  const ours = devices.map(({ name, loopback, up, running, linktype, addresses }) => ({
    ...{ name, loopback, up, running },
    linktype: name === 'any' ? p.LINKTYPE_LINUX_SLL2 : linktypes.get(name) === null ? null : linktype,
    addresses: addresses.map(({ address, netmask, broadcast = null, peer = null }) => ({
      ...{ address, netmask, broadcast, peer },
    })),
  }));
  const wanted = theirs.map((device) => ({
    ...device,
    linktype: device.name === 'any' ? p.LINKTYPE_LINUX_SLL2 : linktypes.get(device.name),
  }));
  expect(ours.sort(byName)).toEqual(wanted.sort(byName));
  expect(ours.map(({ name }) => name)).toEqual(expect.arrayContaining(['any', 'lo', 'tun7', 'va', 'vb']));
});

test('tcpdump -D and tshark -D list the same names', async (context) => {
  need(context, ...needs, program('tcpdump'), program('tshark'));
  for (const [command, pattern] of [
    ['tcpdump', /^\d+\.(\S+)/gm],
    ['tshark', /^\d+\. (\S+)/gm],
  ] as const) {
    const { devices, text } = await beside(command, '-D');
    const names = [...text.matchAll(pattern)].map(([, name]) => name!).filter((name) => !OTHERS.test(name));
    for (const { name } of devices) expect(names).toContain(name);
  }
});

test('a device has its index, its alias as description, and its hardware address', async (context) => {
  need(context, ...needs);
  const { devices, text } = await beside('ip', '-j', 'link', 'show', 'va');
  const [any, ...rest] = devices;
  expect(any).toMatchObject({ name: 'any', index: 0, linktype: p.LINKTYPE_LINUX_SLL2, addresses: [] });
  expect(rest.map(({ index }) => index)).toEqual(rest.map(({ index }) => index).sort((a, b) => a - b));
  const named = (name: string) => rest.find((device) => device.name === name)!;
  expect(named('va')).toMatchObject({
    description: 'to the lab',
    hardwareAddress: JSON.parse(text)[0].address,
    linktype: p.LINKTYPE_ETHERNET,
  });
  expect(named('vb')).toMatchObject({ up: false, running: false });
  expect(named('tun7')).toMatchObject({ linktype: p.LINKTYPE_RAW });
  expect(named('tun7').hardwareAddress).toBeUndefined();
});

test('devices are listed without privilege', () => {
  const lo = p.listCaptureDevices().find(({ name }) => name === 'lo')!;
  expect(lo).toMatchObject({ index: s.if_nametoindex('lo'), loopback: true, linktype: p.LINKTYPE_ETHERNET });
  expect(lo.flags & s.IFF_LOOPBACK).not.toBe(0);
  if (lo.addresses.length > 0) expect(lo.addresses[0]).toMatchObject({ address: '127.0.0.1', netmask: '255.0.0.0' });
});
