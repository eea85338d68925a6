// Captures the traffic of one device with this library and with tcpdump at the same time, by its name and with all
// interfaces, once for each filter. Runs in a network namespace of its own, and prints what all four captured as JSON.
//   node test/helpers/link-captures.js '{ "hatype": 778, "way": 0, "filters": ["icmp"] }'    a tun device of this type
//   node test/helpers/link-captures.js '{ "kind": "ipip", "near": "ipip local ...", "far": "ipip ...", ... }'
// A device that `near` describes has its other end, `far`, in another namespace: over veth 10.66.1.1 and 10.66.1.2.
// `near` and `far` are what follows `ip link add ... type`. The kind "ppp" needs neither.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import * as s from '../../dist/index.js';
import * as p from '../../dist/packet/index.js';

const given = JSON.parse(process.argv[2]);
const { hatype, kind, way, filters } = given;
const [device, here, there] = ['dev7', '10.9.0.1', '10.9.0.2'];
// libpcap filters its first block itself, without the data of the kernel. After the first mark, the kernel does.
const [PORT, BEGIN, END] = [4009, 4998, 4999];
const sh = (text) => execFileSync('sh', ['-c', text], { stdio: ['ignore', 'pipe', 'inherit'] });
const quiet = `for c in all default; do echo 1 > /proc/sys/net/ipv6/conf/$c/disable_ipv6; done`;

const children = [];
process.on('exit', () => {
  for (const child of children) child.kill('SIGKILL');
});

/** Creates the devices of a tunnel to another namespace. */
async function linked() {
  const far = spawn('unshare', ['-n', 'sh', '-c', 'echo ready; exec sleep 1000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(far);
  await once(far.stdout, 'data');
  const enter = `nsenter -t ${far.pid} -n`;
  sh(`${enter} sh -c 'ip link set lo up; echo 0 > /proc/sys/net/ipv4/icmp_ratemask'`);
  const dialing = kind === 'ppp' ? dial(enter) : undefined;
  if (kind !== 'ppp') tunnel(enter, far.pid);
  while (!String(sh(`ip addr show dev ${device} 2>&1 || true`)).includes(`inet ${here}`)) await sleep(50);
  const end = () => {
    dialing?.kill();
    far.kill('SIGKILL');
  };
  return { receive: () => {}, isAnswering: true, end };
}

/** Creates a veth pair and a tunnel through it. */
function tunnel(enter, pid) {
  sh(`ip link add va type veth peer name vb netns ${pid}`);
  const keys = kind === 'wireguard' ? [1, 2].map(() => String(sh('wg genkey')).trim()) : [];
  for (const [run, name, end, line] of [
    ['', 'va', 1, given.near],
    [enter, 'vb', 2, given.far],
  ]) {
    const [mine, other] = end === 1 ? [here, there] : [there, here];
    sh(`${run} ip addr add 10.66.1.${end}/24 dev ${name} && ${run} ip link set ${name} up`);
    sh(`${run} ip -6 addr add fd66::${end}/64 dev ${name} nodad`);
    sh(`${run} sh -c 'echo 1 > /proc/sys/net/ipv6/conf/default/disable_ipv6'`); // of the tunnel: no neighbor discovery
    sh(`${run} ip link add ${device} type ${line} && ${run} ip addr add ${mine} peer ${other} dev ${device}`);
    if (kind === 'wireguard') {
      const peer = `$(echo ${keys[2 - end]} | wg pubkey) endpoint 10.66.1.${3 - end}:51820 allowed-ips 0.0.0.0/0`;
      const own = 'listen-port 51820 private-key /dev/stdin';
      sh(`echo ${keys[end - 1]} | ${run} wg set ${device} ${own} peer ${peer}`);
    }
    sh(`${run} ip link set ${device} up`);
  }
}

/** Starts both ends of a PPP link, connected by a pseudoterminal. */
function dial(enter) {
  const options = (mine, other) => `noauth nodetach local noipv6 nodefaultroute ${mine}:${other}`;
  const other = `${enter} pppd notty ${options(there, here)}`;
  const args = [...options(here, there).split(' '), 'ifname', device, 'pty', other];
  return spawn('pppd', args, { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** Creates a tun device that says it is of another hardware type. */
function simulated() {
  const tun = openSync('/dev/net/tun', 'r+');
  const request = s.ifreq(device);
  request.writeUInt16LE(s.IFF_TUN | s.IFF_NO_PI, 16);
  s.ioctl(tun, s.TUNSETIFF, request);
  s.ioctl(tun, s.TUNSETLINK, hatype);
  sh(`${quiet}; ip addr add ${here} peer ${there} dev ${device}; ip link set ${device} up`);
  const back = p.ipv4({ sourceAddress: there, destinationAddress: here });
  const six = p.ipv6({ sourceAddress: 'fd09::2', destinationAddress: 'fd09::1' });
  const ports = { sourcePort: PORT, destinationPort: 5000 };
  const packets = [
    [back, p.icmp({ type: 0, identifier: 7, sequenceNumber: 1 }), 'pong'],
    [back, p.udp(ports), 'answer'],
    [back, p.tcp({ ...ports, syn: true, ack: true }), ''],
    [six, p.udp(ports), 'answer'],
    [six, p.icmpv6({ type: 129, identifier: 7, sequenceNumber: 1 }), 'pong'],
  ].map((layers) => p.encodePacket(layers));
  return {
    receive: () => packets.forEach((bytes) => void writeSync(tun, bytes)),
    isAnswering: false,
    end: () => closeSync(tun),
  };
}

sh('ip link set lo up');
const source = hatype === undefined ? await linked() : simulated();
const to = (port) => ({ family: s.AF_INET, address: there, port });
const udp = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
const raw = new s.Socket(s.AF_INET, s.SOCK_RAW, s.IPPROTO_ICMP);
const marking = new s.Socket(s.AF_INET, s.SOCK_DGRAM);
await udp.connect(to(PORT));

/** Sends datagrams and an echo request, waits for what the other end answers, and lets packets arrive. */
async function traffic() {
  await udp.send('question');
  if (source.isAnswering) {
    const { code } = await udp.recv(100, 0, { timeout: 60_000 }).catch((error) => error);
    if (code !== 'ECONNREFUSED') throw new Error(`the port of the other end is not closed: ${code}`);
  }
  await raw.sendto(p.encodePacket([p.icmp({ type: 8, identifier: 7, sequenceNumber: 1 }), 'ping']), 0, to(0));
  if (source.isAnswering) await raw.recv(1000, 0, { timeout: 60_000 });
  source.receive();
}

/** The packets of a file without the marks, or undefined if a mark to this port is missing. */
function packetsOf(chunks, mark) {
  const reader = new p.CaptureReader();
  const packets = chunks.flatMap((chunk) => reader.push(chunk));
  const linktype = reader.interfaces[0]?.linktype;
  const decoded = packets.map((packet) => ({ packet, layers: p.decodePacket(packet).layers }));
  const isTo = ({ layers }, ...ports) => layers.some(({ destinationPort }) => ports.includes(destinationPort));
  if (!decoded.some((one) => isTo(one, mark))) return undefined;
  const rows = decoded
    .filter((one) => !isTo(one, BEGIN, END))
    .map(({ packet, layers }) => ({
      data: Buffer.from(packet.data).toString('hex'),
      layers: layers.map(({ layer }) => layer).join(' '),
    }));
  return { linktype, packets: rows };
}

/** Starts tcpdump; `chunks` is the file that it writes. */
async function tcpdump(name, filter) {
  const child = spawn('tcpdump', ['-i', name, '-w', '-', '-U', '--immediate-mode', '-Z', 'root', filter]);
  children.push(child);
  const chunks = [];
  child.stdout.on('data', (chunk) => chunks.push(chunk));
  let said = '';
  child.stderr.on('data', (text) => {
    said += text;
  });
  while (!said.includes('listening on')) {
    if (child.exitCode !== null) throw new Error(said);
    await sleep(10);
  }
  const end = async () => {
    child.kill('SIGINT');
    await once(child, 'close');
  };
  return { chunks, end };
}

function opened(name, filter) {
  const capture = p.openCapture({ interface: name, filter, immediate: true, ...(way === 0 ? { ringSize: 0 } : {}) });
  const chunks = [];
  const writer = new p.PcapWriter((chunk) => void chunks.push(chunk), { linktype: capture.linktype });
  const done = (async () => {
    for await (const packet of capture) writer.write(packet);
  })();
  const end = async () => {
    capture.close();
    await done;
  };
  return { chunks, end };
}

const results = [];
for (const filter of filters) {
  const marked = `(${filter}) or udp dst portrange ${BEGIN}-${END}`;
  const captures = {
    ours: opened(device, marked),
    theirs: await tcpdump(device, marked),
    oursAny: opened('any', marked),
    theirsAny: await tcpdump('any', marked),
  };
  /** Sends marks until all captures contain one, and returns what they contain. */
  const marks = async (port) => {
    for (let i = 0; i < 600; i++) {
      const found = Object.entries(captures).map(([name, { chunks }]) => [name, packetsOf(chunks, port)]);
      if (found.every(([, packets]) => packets !== undefined)) return Object.fromEntries(found);
      await marking.sendto('mark', 0, to(port));
      await sleep(50);
    }
    throw new Error(`a capture has no mark: ${filter}`);
  };
  await marks(BEGIN);
  await traffic();
  const found = await marks(END);
  for (const { end } of Object.values(captures)) await end();
  results.push({ filter, ...found });
}
for (const socket of [udp, raw, marking]) socket.close();
source.end();
console.log(JSON.stringify(results));
