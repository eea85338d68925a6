// The subjects that are measured. `targets` says how many times less CPU time a contestant must take than another one.
const c = { name: 'C', implementation: 'c' };
const net = { name: 'node:net', implementation: 'node:net' };
const dgram = { name: 'node:dgram', implementation: 'node:dgram' };
const python = { name: 'Python', implementation: 'python' };
const ours = { name: 'sys-socket', implementation: 'sys-socket' };
const variant = (name, base, suffix) => ({ ...base, name: `${base.name}, ${name}`, suffix });

const than = (name, least) => ({ than: name, least });

/** Returns a subject whose contestants may have roles of their own. */
function subject({ contestants, ...rest }) {
  return {
    ...rest,
    contestants: contestants.map(({ suffix, ...contestant }) => ({
      ...contestant,
      role: suffix === undefined ? rest.role : `${rest.role}-${suffix}`,
    })),
  };
}

const datagrams = (size) => ({
  [`udp-echo-${size}`]: subject({
    title: `UDP echo, ${size} bytes, 64 under way`,
    role: 'datagram-echo',
    size,
    count: 40_000,
    width: 64,
    contestants: [
      c,
      variant('batches', c, 'batches'),
      ours,
      variant('batches', ours, 'batches'),
      variant('callbacks', ours, 'callbacks'),
      dgram,
      python,
    ],
    targets: {
      'sys-socket': [than('node:dgram', 1.8)],
      'sys-socket, batches': [than('node:dgram', 2.5), than('C', 1 / 1.2)],
      'sys-socket, callbacks': [than('node:dgram', 1.8)],
    },
  }),
  [`udp-in-${size}`]: subject({
    title: `UDP received, ${size} bytes`,
    role: 'datagrams-in',
    size,
    count: 200,
    contestants: [
      c,
      variant('GRO', c, 'gro'),
      ours,
      variant('batches', ours, 'batches'),
      variant('GRO', ours, 'gro'),
      variant('GRO, views', ours, 'gro-views'),
      dgram,
      python,
    ],
    targets: {
      'sys-socket': [than('node:dgram', 1.8)],
      'sys-socket, GRO': size === 64 ? [than('node:dgram', 30)] : [],
    },
  }),
  [`udp-out-${size}`]: subject({
    title: `UDP sent, ${size} bytes`,
    role: 'datagrams-out',
    size,
    count: 40_000,
    contestants: [
      c,
      { ...variant('GSO', c, 'segments'), count: 1_000_000 },
      ours,
      variant('batches', ours, 'batches'),
      { ...variant('GSO', ours, 'segments'), count: 1_000_000 },
      dgram,
      python,
    ],
    targets: { 'sys-socket, GSO': size === 64 ? [than('node:dgram', 40)] : [] },
  }),
});

/** Returns the targets for this many connections compared with node:net: for promises, recvInto and callbacks. */
function promised(width) {
  const promises = { 1: 1, 64: 1.3, 1000: 1.3, 10000: 1.15 }[width];
  return {
    'sys-socket': promises === undefined ? [] : [than('node:net', promises)],
    'sys-socket, recvInto': width === 64 ? [than('node:net', 1.4)] : [],
    'sys-socket, callbacks': width >= 64 ? [than('node:net', 1.6)] : [],
  };
}

/** An echo of small requests, one in flight on each connection. With one connection both sides run on one CPU. */
const echo = (width) =>
  subject({
    title: `TCP echo, 64 bytes, ${width === 1 ? 'ping-pong on one CPU' : `${width} connections`}`,
    together: width === 1,
    role: 'stream-echo',
    count: width === 1 ? 20_000 : Math.max(40_000, 6 * width),
    width,
    contestants: [
      c,
      ours,
      variant('recvInto', ours, 'into'),
      variant('callbacks', ours, 'callbacks'),
      net,
      // Unlike Node, Python does not raise its limit of file descriptors by itself.
      ...(width === 1 || width === 64 ? [python] : []),
    ],
    targets: promised(width),
  });

export const subjects = {
  ...datagrams(64),
  ...datagrams(1400),
  ...Object.fromEntries([1, 16, 64, 256, 300, 1000, 4000, 10_000].map((width) => [`tcp-${width}`, echo(width)])),
  'tcp-mix': subject({
    title: 'TCP echo, 64 connections, 64 bytes, beside 16 that take their answers slowly',
    role: 'stream-mix',
    count: 40_000,
    width: 64,
    contestants: [ours, variant('recvInto', ours, 'into'), net],
    targets: { 'sys-socket': [than('node:net', 1)] },
  }),
  'tcp-bulk-in': subject({
    title: 'TCP received in bulk, for 64 KiB',
    role: 'bulk-in',
    count: 8192,
    contestants: [c, ours, variant('recvInto', ours, 'into'), net, python],
    targets: { 'sys-socket': [than('node:net', 1.2)], 'sys-socket, recvInto': [than('node:net', 1.2)] },
  }),
  'tcp-bulk-out': subject({
    title: 'TCP sent in bulk, for 64 KiB',
    role: 'bulk-out',
    count: 8192,
    contestants: [c, ours, net, python],
    targets: { 'sys-socket': [than('node:net', 1.2)] },
  }),
  accept: subject({
    title: 'TCP connections accepted and closed',
    role: 'accept',
    count: 5000,
    width: 32,
    contestants: [c, ours, net, python],
  }),
  'unix-stream': subject({
    title: 'AF_UNIX stream ping-pong, 64 bytes, both on one CPU',
    together: true,
    role: 'stream-echo',
    path: true,
    count: 20_000,
    contestants: [c, ours, variant('callbacks', ours, 'callbacks'), net, python],
  }),
  'unix-datagram': subject({
    title: 'AF_UNIX datagram echo, 64 bytes, 8 under way, both on one CPU (node:dgram has none)',
    together: true,
    role: 'datagram-echo',
    path: true,
    count: 20_000,
    width: 8,
    contestants: [c, ours, variant('batches', ours, 'batches'), python],
  }),
};
