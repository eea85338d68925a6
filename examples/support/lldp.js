// @ts-check
// Decodes LLDP, by which a neighbour on the link describes itself. IEEE 802.1AB.
import { AF_INET, AF_INET6, formatHardwareAddress, inet_ntop } from 'sys-socket';
import { hex, utf8 } from './text.js';

/**
 * @typedef {object} Tlv One element of a message: type, length, value.
 * @property {number} type 0 to 127
 * @property {string} name
 * @property {string} text the value, formatted for people
 * @property {Uint8Array} value the value as received
 */

/**
 * The destinations of LLDP: the nearest bridge, the nearest bridge that is not a repeater, the nearest customer bridge.
 */
export const LLDP_GROUPS = ['0e', '03', '00'].map((last) => Buffer.from(`0180c20000${last}`, 'hex'));

const END = 0;
const ORGANIZATION = 127;

/** Formats an address whose family is one of RFC 1700. @param {number} family @param {Uint8Array} bytes */
function networkAddress(family, bytes) {
  if (family === 1 && bytes.length === 4) return inet_ntop(AF_INET, bytes);
  if (family === 2 && bytes.length === 16) return inet_ntop(AF_INET6, bytes);
  if (family === 6) return formatHardwareAddress(bytes);
  return `${hex(bytes)} (family ${family})`;
}

/** Decodes a number in network byte order. @param {Uint8Array} bytes */
const number = (bytes) => bytes.reduce((sum, byte) => sum * 256 + byte, 0);

const CHASSIS = ['', 'component', 'interface alias', 'port component', 'MAC', 'network address', 'interface', 'local'];
const PORT = ['', 'interface alias', 'port component', 'MAC', 'network address', 'interface', 'circuit', 'local'];

/**
 * Formats a chassis or port id, which consists of a subtype and an identifier.
 * @param {readonly string[]} kinds @param {Uint8Array} value
 */
function identity(kinds, value) {
  const [subtype = 0, family = 0] = value;
  const kind = kinds[subtype] || `subtype ${subtype}`;
  const id = value.subarray(1);
  if (kind === 'MAC') return `${formatHardwareAddress(id)} (${kind})`;
  if (kind === 'network address') return `${networkAddress(family, value.subarray(2))} (${kind})`;
  return `${utf8(id)} (${kind})`;
}

const CAPABILITIES = ['other', 'repeater', 'bridge', 'access point', 'router', 'telephone', 'DOCSIS', 'station'];
CAPABILITIES.push('customer VLAN', 'service VLAN', 'two-port relay');

/** Formats the capabilities of a system, and which of them are enabled. @param {Uint8Array} value */
function capabilities(value) {
  const [able, enabled] = [number(value.subarray(0, 2)), number(value.subarray(2, 4))];
  const named = CAPABILITIES.flatMap((name, bit) =>
    able & (1 << bit) ? `${name} (${enabled & (1 << bit) ? 'on' : 'off'})` : [],
  );
  return named.join(', ') || 'none';
}

const NUMBERING = ['', 'unknown', 'interface index', 'port number'];

/** Formats an address for managing the system. @param {Uint8Array} value */
function management(value) {
  const [length = 0, family = 0] = value;
  const rest = value.subarray(1 + length);
  const address = networkAddress(family, value.subarray(2, 1 + length));
  if (rest.length < 6) return `${address} (cut)`;
  return `${address} (${NUMBERING[rest[0] ?? 0] ?? 'interface'} ${number(rest.subarray(1, 5))})`;
}

/**
 * The values that organizations define, by organization and subtype.
 * @type {Record<string, [string, (v: Uint8Array) => string]>}
 */
const ORGANIZATIONS = {
  '0080c2-1': ['Port VLAN', (value) => String(number(value.subarray(0, 2)))],
  '0080c2-3': [
    'VLAN name',
    (value) => `${number(value.subarray(0, 2))} ${utf8(value.subarray(3, 3 + (value[2] ?? 0)))}`,
  ],
  '00120f-1': [
    'MAC/PHY',
    (value) => `auto-negotiation ${(value[0] ?? 0) & 2 ? 'on' : 'off'}, MAU type ${number(value.subarray(3, 5))}`,
  ],
  '00120f-3': ['Link aggregation', (value) => ((value[0] ?? 0) & 2 ? `port ${number(value.subarray(1, 5))}` : 'none')],
  '00120f-4': ['Maximum frame size', (value) => String(number(value.subarray(0, 2)))],
};

/** @type {Record<number, [string, (value: Uint8Array) => string]>} */
const TYPES = {
  0: ['End', () => ''],
  1: ['Chassis', (value) => identity(CHASSIS, value)],
  2: ['Port', (value) => identity(PORT, value)],
  3: ['Time to live', (value) => `${number(value.subarray(0, 2))} s`],
  4: ['Port description', utf8],
  5: ['System name', utf8],
  6: ['System description', utf8],
  7: ['Capabilities', capabilities],
  8: ['Management address', management],
};

/** @param {number} type @param {Uint8Array} value @returns {Tlv} */
function tlv(type, value) {
  const organization = type === ORGANIZATION && value.length >= 4;
  const key = organization ? `${hex(value.subarray(0, 3))}-${value[3]}` : '';
  const [name, format] = (organization ? ORGANIZATIONS[key] : TYPES[type]) ?? [
    `Type ${type}${key && ` (${key})`}`,
    hex,
  ];
  return { type, name, text: format(organization ? value.subarray(4) : value), value };
}

/**
 * Decodes the elements of a message. A malformed element ends the list, and `error` says where.
 * @param {Uint8Array} bytes what follows the Ethernet header
 * @returns {{ tlvs: Tlv[], error: string | undefined }}
 */
export function decodeLldp(bytes) {
  /** @type {Tlv[]} */
  const tlvs = [];
  const stopped = (/** @type {string} */ reason) => ({ tlvs, error: reason });
  for (let at = 0; ; ) {
    if (at + 2 > bytes.length) return stopped(`no end: ${bytes.length - at} bytes are left at ${at}`);
    const head = number(bytes.subarray(at, at + 2));
    const [type, length] = [head >>> 9, head & 0x1ff];
    const value = bytes.subarray(at + 2, at + 2 + length);
    if (value.length < length) return stopped(`type ${type} at ${at} has ${length} bytes, ${value.length} are there`);
    if (type === END) break;
    tlvs.push(tlv(type, value));
    at += 2 + length;
  }
  const mandatory = [1, 2, 3].every((type, i) => tlvs[i]?.type === type);
  return mandatory ? { tlvs, error: undefined } : stopped('it does not begin with chassis, port and time to live');
}
