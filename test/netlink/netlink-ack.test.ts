/** Messages of the kernel about a netlink request: extended acknowledgement. */
import { spawnSync } from 'node:child_process';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as s from '../../lib/index.ts';
import { cleanup } from '../helpers/fds.ts';
import { namespaces, need } from '../helpers/need.ts';

const little = new Uint8Array(new Uint16Array([1]).buffer)[0] === 1;
const u32 = (...values: number[]) => {
  const bytes = Buffer.alloc(4 * values.length);
  for (const [i, value] of values.entries()) {
    if (little) bytes.writeUInt32LE(value >>> 0, 4 * i);
    else bytes.writeUInt32BE(value >>> 0, 4 * i);
  }
  return bytes;
};
const NAME: s.NetlinkAttribute = { type: s.IFLA_IFNAME, data: Buffer.from('lo\0') };
/** It should have 4 bytes. */
const SHORT: s.NetlinkAttribute = { type: s.IFLA_MTU, data: Buffer.alloc(1) };
const linkBody = (...attributes: s.NetlinkAttribute[]) =>
  Buffer.concat([Buffer.alloc(16), s.encodeAttributes(attributes)]);

function refusal(type: number, flags: number, body: Uint8Array, protocol?: number): s.NetlinkError {
  try {
    s.requestNetlink(type, flags, body, protocol);
  } catch (error) {
    expect(error).toBeInstanceOf(s.NetlinkError);
    return error as s.NetlinkError;
  }
  return expect.unreachable();
}

describe('requestNetlink', () => {
  test.each([
    ['the first attribute', linkBody(SHORT), 16],
    ['the second attribute', linkBody(NAME, SHORT), 24],
  ])('the kernel reports the position of the fault: %s', (_, body, offset) => {
    const error = refusal(s.RTM_GETLINK, 0, body);
    expect(error).toMatchObject({ name: 'SocketError', code: 'ERANGE', syscall: 'netlink', attributeOffset: offset });
    expect(error.text).toMatch(/attribute/i);
    expect(error.message).toBe(`ERANGE: Numerical result out of range, netlink: ${error.text}`);
    expect(s.isErrno(error, 'ERANGE')).toBe(true);
    const [at] = s.decodeAttributes(body.subarray(error.attributeOffset));
    expect(at!.type).toBe(s.IFLA_MTU);
  });

  test('the explanation of the kernel is the text that ip(8) prints', (context) => {
    need(context, namespaces);
    const kind = s.encodeAttributes([{ type: s.IFLA_INFO_KIND, data: Buffer.from('nosuchkind') }]);
    const body = linkBody({ type: s.IFLA_LINKINFO, data: kind });
    const { text, code } = refusal(s.RTM_NEWLINK, s.NLM_F_CREATE | s.NLM_F_EXCL, body);
    expect(code).toBe('EOPNOTSUPP');
    const ip = spawnSync('ip', ['link', 'add', 'type', 'nosuchkind'], { encoding: 'utf8' });
    expect(ip.stderr).toContain(`Error: ${text}.`);
    // The message follows the header of the request, however long the request is.
    const long = linkBody(
      { type: s.IFLA_LINKINFO, data: kind },
      { type: s.IFLA_IFALIAS, data: Buffer.alloc(200, 'a') },
    );
    expect(refusal(s.RTM_NEWLINK, s.NLM_F_CREATE | s.NLM_F_EXCL, long).text).toBe(text);
  });

  test('the missing attribute is reported', () => {
    const named = s.encodeAttributes([{ type: s.CTRL_ATTR_FAMILY_NAME, data: Buffer.from('ethtool\0') }]);
    const request = Buffer.concat([Buffer.of(s.CTRL_CMD_GETFAMILY, 1, 0, 0), named]);
    const { messages } = s.requestNetlink(s.GENL_ID_CTRL, 0, request, s.NETLINK_GENERIC);
    const id = s.decodeAttributes(messages[0]!.data.subarray(4)).find(({ type }) => type === s.CTRL_ATTR_FAMILY_ID)!;
    const family = new DataView(id.data.buffer, id.data.byteOffset).getUint16(0, little);
    // ETHTOOL_MSG_LINKINFO_GET without ETHTOOL_A_LINKINFO_HEADER, which is 1
    const error = refusal(family, 0, Buffer.of(2, 1, 0, 0), s.NETLINK_GENERIC);
    expect(error).toMatchObject({ code: 'EINVAL', missingType: 1 });
    expect(error).not.toHaveProperty('text');
    expect(error).not.toHaveProperty('attributeOffset');
  });

  test('only the errno is reported if there is no explanation, and no warning if there is none', () => {
    const error = refusal(s.RTM_GETROUTE, 0, Buffer.alloc(12));
    expect(Object.keys(error).sort()).toEqual(['code', 'errno', 'name', 'syscall']);
    expect(error.message).toBe(`${error.code}: ${s.strerror(error.errno)}, netlink`);
    expect(s.requestNetlink(s.RTM_GETLINK, 0, linkBody(NAME))).not.toHaveProperty('warning');
    expect(s.requestNetlink(s.RTM_GETLINK, s.NLM_F_DUMP, Buffer.alloc(16))).not.toHaveProperty('warning');
  });
});

describe('decodeNetlinkAck', () => {
  test.each([
    ['with the request', false],
    ['without it (NETLINK_CAP_ACK)', true],
  ])('a reply of the kernel %s', (_, capped) => {
    const fd = cleanup(s.socket(s.AF_NETLINK, s.SOCK_RAW, s.NETLINK_ROUTE));
    s.setsockopt(fd, s.SOL_NETLINK, s.NETLINK_EXT_ACK, true);
    s.setsockopt(fd, s.SOL_NETLINK, s.NETLINK_CAP_ACK, capped);
    const data = linkBody(NAME, SHORT);
    s.send(fd, s.encodeNetlink([{ type: s.RTM_GETLINK, flags: s.NLM_F_REQUEST, seq: 1, pid: 0, data }]));
    const buffer = Buffer.alloc(4096);
    const [message] = s.decodeNetlink(buffer, s.recv(fd, buffer));
    expect((message!.flags & s.NLM_F_CAPPED) !== 0).toBe(capped);
    expect(s.decodeNetlinkAck(message!)).toEqual({ errno: s.ERANGE, text: expect.any(String), attributeOffset: 24 });
  });

  const header = (length: number) => Buffer.concat([u32(length), Buffer.alloc(12)]);
  const words = s.encodeAttributes([
    { type: s.NLMSGERR_ATTR_MSG, data: Buffer.from('words\0') },
    { type: s.NLMSGERR_ATTR_OFFS, data: u32(36) },
    { type: s.NLMSGERR_ATTR_MISS_TYPE, data: u32(7) },
    { type: s.NLMSGERR_ATTR_MISS_NEST, data: u32(40) },
    { type: 99, data: u32(1) },
    { type: s.NLMSGERR_ATTR_OFFS, data: Buffer.of(1) }, // too short for an offset
  ]);
  const all = { text: 'words', attributeOffset: 20, missingType: 7, missingNest: 24 };
  test.each<[string, number, number, Uint8Array[], s.NetlinkAck | undefined]>([
    ['a warning', s.NLMSG_ERROR, s.NLM_F_ACK_TLVS, [u32(0), header(60), words], { errno: 0, ...all }],
    ['the end of a dump', s.NLMSG_DONE, s.NLM_F_ACK_TLVS, [u32(-5), words], { errno: 5, ...all }],
    [
      'a failure, capped',
      s.NLMSG_ERROR,
      s.NLM_F_ACK_TLVS | s.NLM_F_CAPPED,
      [u32(-5), header(60), words],
      { errno: 5, ...all },
    ],
    ['a failure', s.NLMSG_ERROR, s.NLM_F_ACK_TLVS, [u32(-5), header(21), Buffer.alloc(8), words], { errno: 5, ...all }],
    ['no words', s.NLMSG_ERROR, 0, [u32(-5), header(60), words], { errno: 5 }],
    [
      'a request that claims more than there is',
      s.NLMSG_ERROR,
      s.NLM_F_ACK_TLVS,
      [u32(-5), header(2 ** 32 - 1), words],
      { errno: 5 },
    ],
    ['cut off', s.NLMSG_ERROR, s.NLM_F_ACK_TLVS, [u32(-5)], { errno: 5 }],
    ['nothing', s.NLMSG_ERROR, s.NLM_F_ACK_TLVS, [Buffer.alloc(3)], undefined],
    ['another message', s.RTM_NEWLINK, s.NLM_F_ACK_TLVS, [u32(-5), header(60), words], undefined],
  ])('%s', (_, type, flags, parts, expected) => {
    expect(s.decodeNetlinkAck({ type, flags, seq: 1, pid: 1, data: Buffer.concat(parts) })).toEqual(expected);
  });

  test('bytes that are not a message', () => {
    for (const bad of [undefined, null, 1, 'x', {}, { data: [] }] as unknown as s.NetlinkMessage[]) {
      expect(() => s.decodeNetlinkAck(bad)).toThrow(expect.objectContaining({ code: 'ERR_INVALID_ARG_TYPE' }));
    }
  });

  test('any bytes are accepted without throwing', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 80 }), fc.nat(0xffff), fc.boolean(), (data, flags, done) => {
        const type = done ? s.NLMSG_DONE : s.NLMSG_ERROR;
        s.decodeNetlinkAck({ type, flags, seq: 0, pid: 0, data });
      }),
    );
  });
});
