/**
 * decodeTcpInfo and TCP_INFO, compared with Python's reading of the same bytes, and with ss(8) on the same connection.
 */
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { connection, datagram, listener } from '../helpers/fixtures.ts';
import { need, program } from '../helpers/need.ts';
import { patient } from '../helpers/programs.ts';
import { python } from '../helpers/python.ts';

/** The end of the last known field. */
const KNOWN = 276;

/** Every byte is different, so that no field can be mistaken for another. */
const pattern = Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 37 + 11) & 0xff));
const texts = (info: object) => Object.values(info).map((value) => `${typeof value === 'boolean' ? +value : value}`);

test('every field has the offset that it has in struct tcp_info', () => {
  const expected = python<string[]>(
    `
v = list(struct.unpack_from('=8B24I4Q6I4Q2I2Q6I2HI7I', bytes.fromhex(sys.argv[1])))
v[6:8] = [v[6] & 15, v[6] >> 4, v[7] & 1, v[7] >> 1 & 3]
print(json.dumps([str(n) for n in v]))`,
    pattern.toString('hex'),
  );
  const { rest, ...known } = s.decodeTcpInfo(pattern);
  expect(texts(known)).toEqual(expected);
  expect(Buffer.from(rest!)).toEqual(pattern.subarray(KNOWN));
});

test('for every length, the fields that are complete are returned without throwing', () => {
  const whole = s.decodeTcpInfo(pattern);
  let fields = 0;
  for (let length = 0; length <= pattern.length; length++) {
    const { rest, ...info } = s.decodeTcpInfo(pattern.subarray(0, length));
    expect(whole).toMatchObject(info);
    const count = Object.keys(info).length;
    expect(count).toBeGreaterThanOrEqual(fields);
    fields = count;
    if (length <= KNOWN) expect(rest).toBeUndefined();
    else expect(rest).toHaveLength(length - KNOWN);
  }
  expect(s.decodeTcpInfo(new Uint8Array(0))).toEqual({});
  expect(Object.keys(s.decodeTcpInfo(pattern.subarray(0, 104))).at(-1)).toBe('totalRetrans');
});

test('the kernel truncates TCP_INFO to the requested length', () => {
  const { client } = connection();
  const whole = s.getsockopt(client, s.SOL_TCP, s.TCP_INFO, 1024);
  // Only time passes in between.
  const clocks = {
    lastDataSent: expect.any(Number),
    lastDataRecv: expect.any(Number),
    lastAckRecv: expect.any(Number),
  };
  for (let length = 0; length <= whole.length; length++) {
    const bytes = s.getsockopt(client, s.SOL_TCP, s.TCP_INFO, length);
    expect(bytes).toHaveLength(length);
    const { rest, ...info } = s.decodeTcpInfo(bytes);
    for (const key of Object.keys(clocks)) delete (info as Record<string, unknown>)[key];
    expect(s.decodeTcpInfo(whole)).toMatchObject(info);
  }
});

test('TCP_INFO of a listening socket and of a new one', () => {
  const { fd } = listener();
  expect(s.getOption(fd, 'TCP_INFO')).toMatchObject({ state: s.TCP_LISTEN, unacked: 0, sacked: s.SOMAXCONN });
  const fresh = s.socket(s.AF_INET, s.SOCK_STREAM);
  expect(s.getOption(fresh, 'TCP_INFO')).toMatchObject({ state: s.TCP_CLOSE, minRtt: 0xffffffff, bytesAcked: 0n });
  s.close(fresh);
  expect(() => s.getOption(datagram().fd, 'TCP_INFO')).toThrow(s.SocketError);
});

test('TCP_INFO counts the bytes of a connection', () => {
  const { client, server } = connection();
  s.send(client, Buffer.alloc(1000));
  s.recv(server, Buffer.alloc(1000), s.MSG_WAITALL);
  const [sent, received] = [s.getOption(client, 'TCP_INFO'), s.getOption(server, 'TCP_INFO')];
  expect(sent).toMatchObject({ state: s.TCP_ESTABLISHED, dataSegsOut: 1, bytesReceived: 0n, totalRetrans: 0 });
  expect(received).toMatchObject({ dataSegsIn: 1, bytesReceived: 1000n, dataSegsOut: 0 });
  if (sent.bytesSent !== undefined) expect(sent.bytesSent).toBe(1000n);
});

/** What ss prints, and the fields that it prints. It omits zeros. */
const printed: Record<string, (info: s.TcpInfo) => number | bigint | undefined> = {
  rto: (info) => info.rto / 1000,
  ato: (info) => info.ato / 1000,
  mss: (info) => info.sndMss,
  pmtu: (info) => info.pmtu,
  rcvmss: (info) => info.rcvMss,
  advmss: (info) => info.advmss,
  cwnd: (info) => info.sndCwnd,
  bytes_sent: (info) => info.bytesSent,
  bytes_acked: (info) => info.bytesAcked,
  bytes_received: (info) => info.bytesReceived,
  segs_out: (info) => info.segsOut,
  segs_in: (info) => info.segsIn,
  data_segs_out: (info) => info.dataSegsOut,
  data_segs_in: (info) => info.dataSegsIn,
  delivered: (info) => info.delivered,
  rcv_space: (info) => info.rcvSpace,
  rcv_ssthresh: (info) => info.rcvSsthresh,
  minrtt: (info) => info.minRtt / 1000,
  snd_wnd: (info) => info.sndWnd,
  rcv_wnd: (info) => info.rcvWnd,
};

test('TCP_INFO agrees with ss on the same connection', async (context) => {
  need(context, program('ss'));
  const { client, server } = connection();
  s.send(client, Buffer.alloc(5000));
  s.recv(server, Buffer.alloc(5000), s.MSG_WAITALL);
  s.send(server, 'answer');
  s.recv(client, Buffer.alloc(6));
  const { port } = s.getsockname(client) as s.InetAddress;
  const { port: peer } = s.getpeername(client) as s.InetAddress;
  const look = () => execFileSync('ss', ['-tiHn', `sport = :${port} and dport = :${peer}`], { encoding: 'utf8' });
  let text = '';
  let info = s.getOption(client, 'TCP_INFO');
  // An acknowledgement between the two reads would change the numbers.
  const segments = () => {
    const { segsIn, segsOut } = info;
    text = look();
    info = s.getOption(client, 'TCP_INFO');
    return [info.segsIn - segsIn, info.segsOut - segsOut];
  };
  await expect.poll(segments, patient).toEqual([0, 0]);
  let compared = 0;
  for (const [, name, value] of text.matchAll(/ ([a-z_]+):([\d.]+)(?= |\n|$)/g)) {
    const field = printed[name!]?.(info);
    if (field === undefined) continue;
    expect(Number(value), name).toBeCloseTo(Number(field), 3);
    compared++;
  }
  expect(compared).toBeGreaterThanOrEqual(12);
  const [, rtt, rttvar] = text.match(/ rtt:([\d.]+)\/([\d.]+)/)!;
  expect([Number(rtt), Number(rttvar)]).toEqual([info.rtt / 1000, info.rttvar / 1000]);
  const [, sndWscale, rcvWscale] = text.match(/ wscale:(\d+),(\d+)/)!;
  expect([Number(sndWscale), Number(rcvWscale)]).toEqual([info.sndWscale, info.rcvWscale]);
  expect(/ app_limited/.test(text)).toBe(info.deliveryRateAppLimited);
});
