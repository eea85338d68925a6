// @ts-check
// Encodes and decodes DHCP messages (RFC 2131) and their options (RFC 2132).
import { formatHardwareAddress } from 'sys-socket';
import { readName } from './dns.js';
import { hex, utf8 } from './text.js';

export const SERVER_PORT = 67;
export const CLIENT_PORT = 68;
export const DISCOVER = 1;
export const OFFER = 2;

const BOOTREQUEST = 1;
const MAGIC = 0x63825363;
const BROADCAST = 0x8000;
/** The offset of the options, which follow the fields of BOOTP. */
const HEADER = 240;
/** The minimum length that BOOTP relays and servers expect. */
const LEAST = 300;
const PAD = 0;
const OVERLOAD = 52;
const MESSAGE_TYPE = 53;
const END = 255;

/** @param {Uint8Array} bytes @param {number} size */
const groups = (bytes, size) =>
  Array.from({ length: Math.floor(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
const number = (/** @type {Uint8Array} */ bytes) => bytes.reduce((sum, byte) => sum * 256 + byte, 0);
const numbers = (/** @type {number} */ size) => (/** @type {Uint8Array} */ bytes) =>
  groups(bytes, size).map(number).join(', ');
const addresses = (/** @type {Uint8Array} */ bytes) =>
  groups(bytes, 4)
    .map((group) => group.join('.'))
    .join(', ');
const seconds = (/** @type {Uint8Array} */ bytes) => (number(bytes) === 0xffffffff ? 'for ever' : `${number(bytes)} s`);
const yesNo = (/** @type {Uint8Array} */ bytes) => (bytes[0] === 1 ? 'yes' : 'no');

const MESSAGES = ['', 'DISCOVER', 'OFFER', 'REQUEST', 'DECLINE', 'ACK', 'NAK', 'RELEASE', 'INFORM'];

/** Formats classless routes, each with a prefix and its router (RFC 3442). @param {Uint8Array} bytes */
function routes(bytes) {
  const found = [];
  for (let at = 0; at < bytes.length; ) {
    const length = bytes[at] ?? 0;
    const size = Math.ceil(length / 8);
    const end = at + 1 + size + 4;
    if (length > 32 || end > bytes.length) return hex(bytes);
    const prefix = [...bytes.subarray(at + 1, at + 1 + size), 0, 0, 0, 0].slice(0, 4).join('.');
    found.push(`${prefix}/${length} via ${bytes.subarray(end - 4, end).join('.')}`);
    at = end;
  }
  return found.join(', ');
}

/** Formats the domain search list, which is compressed as in DNS (RFC 3397). @param {Uint8Array} bytes */
function searchList(bytes) {
  const found = [];
  for (let at = 0; at < bytes.length; ) {
    const name = readName(bytes, at);
    if (name === undefined) return hex(bytes);
    found.push(name.name);
    at = name.next;
  }
  return found.join(', ');
}

/** Formats a client identifier: its hardware type and address. @param {Uint8Array} bytes */
const client = (bytes) =>
  bytes[0] === 1 && bytes.length === 7 ? formatHardwareAddress(bytes.subarray(1)) : hex(bytes);

/** The options that have a name. @type {Record<number, [string, (bytes: Uint8Array) => string]>} */
const OPTIONS = {
  1: ['Subnet mask', addresses],
  2: ['Time offset', numbers(4)],
  3: ['Router', addresses],
  4: ['Time server', addresses],
  6: ['DNS server', addresses],
  7: ['Log server', addresses],
  12: ['Host name', utf8],
  13: ['Boot file size', numbers(2)],
  15: ['Domain name', utf8],
  17: ['Root path', utf8],
  19: ['IP forwarding', yesNo],
  23: ['Default TTL', numbers(1)],
  26: ['Interface MTU', numbers(2)],
  28: ['Broadcast address', addresses],
  33: ['Static route', addresses],
  40: ['NIS domain', utf8],
  42: ['NTP server', addresses],
  43: ['Vendor-specific', hex],
  44: ['NetBIOS name server', addresses],
  46: ['NetBIOS node type', numbers(1)],
  50: ['Requested address', addresses],
  51: ['Lease time', seconds],
  52: ['Overload', numbers(1)],
  53: ['Message type', (bytes) => MESSAGES[bytes[0] ?? 0] || hex(bytes)],
  54: ['Server', addresses],
  55: ['Parameter list', numbers(1)],
  56: ['Message', utf8],
  57: ['Maximum message size', numbers(2)],
  58: ['Renewal time', seconds],
  59: ['Rebinding time', seconds],
  60: ['Vendor class', utf8],
  61: ['Client identifier', client],
  66: ['TFTP server name', utf8],
  67: ['Boot file name', utf8],
  82: ['Relay agent', hex],
  119: ['Domain search', searchList],
  121: ['Classless routes', routes],
  252: ['Proxy configuration', utf8],
};

/** Formats an option for people: its name and value. @param {number} code @param {Uint8Array} data */
export function optionText(code, data) {
  const [name, format] = OPTIONS[code] ?? [`Option ${code}`, hex];
  return { name, text: format(data) };
}

/** The options that a client requests from servers. */
const WANTED = [1, 3, 6, 12, 15, 26, 28, 33, 42, 51, 54, 58, 59, 66, 67, 119, 121, 252];

/**
 * Encodes a DHCPDISCOVER. It requests a broadcast answer, because this client has no address yet.
 * @param {{ xid: number, secs: number, hardware: Uint8Array }} fields the transaction id, the seconds since the first
 *   attempt, and the Ethernet address
 */
export function encodeDiscover({ xid, secs, hardware }) {
  const options = [
    [MESSAGE_TYPE, 1, DISCOVER],
    [61, 1 + hardware.length, 1, ...hardware],
    [57, 2, 1500 >> 8, 1500 & 255],
    [55, WANTED.length, ...WANTED],
    [END],
  ].flat();
  const bytes = Buffer.alloc(Math.max(LEAST, HEADER + options.length));
  bytes.set([BOOTREQUEST, 1, hardware.length, 0]);
  bytes.writeUInt32BE(xid, 4);
  bytes.writeUInt16BE(secs, 8);
  bytes.writeUInt16BE(BROADCAST, 10);
  bytes.set(hardware, 28);
  bytes.writeUInt32BE(MAGIC, 236);
  bytes.set(options, HEADER);
  return bytes;
}

/**
 * @typedef {object} DhcpMessage
 * @property {number} op 1 from a client, 2 from a server
 * @property {number} xid
 * @property {string} yourAddress the address that the server offers to the client
 * @property {string} nextServer
 * @property {string} relay
 * @property {Uint8Array} hardware
 * @property {string} serverName
 * @property {string} bootFile
 * @property {Map<number, Uint8Array>} options by their codes; the parts of a long option are joined (RFC 3396)
 * @property {string | undefined} error where the message is malformed; everything before that is decoded
 */

/**
 * Reads options into a map. Returns an error if they end too early.
 * @param {Uint8Array} bytes @param {string} where @param {Map<number, Uint8Array>} options
 */
function readOptions(bytes, where, options) {
  for (let at = 0; at < bytes.length; ) {
    const code = /** @type {number} */ (bytes[at]);
    if (code === END) return undefined;
    if (code === PAD) {
      at += 1;
      continue;
    }
    const length = bytes[at + 1];
    const data = bytes.subarray(at + 2, at + 2 + (length ?? 0));
    if (length === undefined) return `option ${code} at the end of ${where} has no length`;
    if (data.length < length) return `option ${code} in ${where} has ${length} bytes, ${data.length} are there`;
    options.set(code, Buffer.concat([options.get(code) ?? Buffer.of(), data]));
    at += 2 + length;
  }
  return `no end of the options in ${where}`;
}

/**
 * Decodes a message as far as it is well formed. Returns undefined for bytes that are no DHCP message.
 * @param {Uint8Array} bytes @returns {DhcpMessage | undefined}
 */
export function decodeDhcp(bytes) {
  if (bytes.length < HEADER) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (view.getUint32(236) !== MAGIC) return undefined;
  const address = (/** @type {number} */ at) => bytes.subarray(at, at + 4).join('.');
  const options = new Map();
  let error = readOptions(bytes.subarray(HEADER), 'the message', options);
  // Options that do not fit continue in the fields of the boot file and the server name.
  const [name, file] = [bytes.subarray(44, 108), bytes.subarray(108, 236)];
  const overload = options.get(OVERLOAD)?.[0] ?? 0;
  if (overload & 1) error ??= readOptions(file, 'the boot file', options);
  if (overload & 2) error ??= readOptions(name, 'the server name', options);
  const text = (/** @type {Uint8Array} */ field) =>
    utf8(field.subarray(0, field.indexOf(0) < 0 ? undefined : field.indexOf(0)));
  return {
    op: view.getUint8(0),
    xid: view.getUint32(4),
    yourAddress: address(16),
    nextServer: address(20),
    relay: address(24),
    hardware: bytes.subarray(28, 28 + Math.min(16, view.getUint8(2))),
    serverName: overload & 2 ? '' : text(name),
    bootFile: overload & 1 ? '' : text(file),
    options,
    error,
  };
}

/** Returns the type of a message, or 0 if it is not a DHCP message. @param {DhcpMessage} message */
export function messageType({ options }) {
  return options.get(MESSAGE_TYPE)?.[0] ?? 0;
}
