/** IGMP: RFC 2236, and the queries and reports of version 3, RFC 9776. */
import { namesOf, onlyKnown } from '../../posix/known-names.ts';
import { object } from '../../posix/snapshot.ts';
import { data, get16, list, put16, roundUp, uint8, uint16 } from '../bytes.ts';
import { fold, sum } from '../checksum.ts';
import { ipv4Text, putIpv4 } from '../text.ts';
import type { Codec, Decoding } from './codec.ts';

/**
 * What a report of version 3 says of a group.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9776#section-4.2
 */
export interface IgmpRecord {
  /** 1 include, 2 exclude, 3 and 4 a change to these, 5 allow and 6 block sources. */
  type: number;
  groupAddress: string;
  sources: readonly string[];
  /** A multiple of 4 bytes; none unless given. */
  auxiliaryData?: Uint8Array | undefined;
}

/**
 * An IGMP message to encode. `sources` make a query one of version 3; a report of version 3, type 0x22, has `records`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc2236
 */
export interface IgmpFields {
  /** 0x11 query, 0x12 report of version 1, 0x16 of version 2, 0x17 leave, 0x22 report of version 3. */
  type: number;
  /** Of a query, in tenths of a second or as RFC 9776 codes it; 0 unless given. */
  maxResponseCode?: number | undefined;
  /** Filled in unless given. */
  checksum?: number | undefined;
  /** 0.0.0.0 unless given; a report of version 3 has none. */
  groupAddress?: string | undefined;
  /** Query of version 3: 8 suppresses processing by routers, the lower three bits are the robustness. */
  flags?: number | undefined;
  /** Query of version 3: the interval of queries, coded. */
  queryInterval?: number | undefined;
  /** Query of version 3. */
  sources?: readonly string[] | undefined;
  /** Report of version 3: the two bytes before the number of records. */
  reserved?: number | undefined;
  /** Report of version 3. */
  records?: readonly IgmpRecord[] | undefined;
}

/**
 * An IGMP message for `encodePacket`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc2236
 */
export interface IgmpInput extends IgmpFields {
  readonly layer: 'igmp';
}

/**
 * An IGMP message as decoded. Of the fields that depend on type and version, its own are there.
 *
 * @see https://www.rfc-editor.org/rfc/rfc2236
 */
export interface Igmp extends IgmpFields {
  readonly layer: 'igmp';
  maxResponseCode: number;
  checksum: number;
  /** Whether the checksum is right; undefined when the message is cut or a fragment. */
  checksumOk: boolean | undefined;
}

/**
 * An IGMP message as a layer of `encodePacket`.
 *
 * @param fields The checksum is filled in unless given.
 * @returns The layer.
 * @throws Nothing: `encodePacket` refuses what its header cannot hold.
 * @example
 * const report = igmp({ type: 0x22, records: [{ type: 4, groupAddress: '239.1.1.1', sources: [] }] });
 * console.log(encodePacket([report]).length); // 16
 * @see https://www.rfc-editor.org/rfc/rfc2236
 */
export function igmp(fields: IgmpFields): IgmpInput {
  return { ...fields, layer: 'igmp' };
}

const HEADER = 8;
const QUERY = 12;
const RECORD = 8;
const REPORT_V3 = 0x22;
const QUERY_TYPE = 0x11;
const RECORD_NAMES = namesOf<IgmpRecord>({ type: true, groupAddress: true, sources: true, auxiliaryData: true });

const recordSize = ({ sources, auxiliaryData }: IgmpRecord): number =>
  RECORD + 4 * sources.length + roundUp(auxiliaryData?.length ?? 0, 4);

function size({ type, sources, records = [] }: IgmpInput): number {
  if (type === REPORT_V3) return records.reduce((total, record) => total + recordSize(record), HEADER);
  return sources === undefined ? HEADER : QUERY + 4 * sources.length;
}

function putAll(bytes: Uint8Array, at: number, addresses: readonly string[], name: string): void {
  addresses.forEach((address, i) => void putIpv4(bytes, at + 4 * i, address, name));
}

function writeRecords(records: readonly IgmpRecord[], bytes: Uint8Array, start: number): void {
  let at = start;
  for (const record of records) {
    const auxiliaryData = data(record.auxiliaryData, 'igmp.records.auxiliaryData');
    bytes[at] = uint8(record.type, 'igmp.records.type');
    bytes[at + 1] = uint8(roundUp(auxiliaryData.length, 4) / 4, 'igmp.records.auxiliaryData.length');
    put16(bytes, at + 2, uint16(record.sources.length, 'igmp.records.sources.length'));
    putIpv4(bytes, at + 4, record.groupAddress, 'igmp.records.groupAddress');
    putAll(bytes, at + RECORD, record.sources, 'igmp.records.sources');
    bytes.set(auxiliaryData, at + RECORD + 4 * record.sources.length);
    at += recordSize(record);
  }
}

function addresses(bytes: Uint8Array, at: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => ipv4Text(bytes, at + 4 * i));
}

/** Reads as many records as are whole, and moves `from.at` behind them. */
function readRecords(from: Decoding, count: number): IgmpRecord[] {
  const { bytes } = from;
  const records: IgmpRecord[] = [];
  while (records.length < count && !from.cut('igmp', RECORD)) {
    const { at } = from;
    const auxiliary = 4 * bytes[at + 1]!;
    const sources = get16(bytes, at + 2);
    const length = RECORD + 4 * sources + auxiliary;
    if (from.cut('igmp', length)) break;
    records.push({
      type: bytes[at]!,
      groupAddress: ipv4Text(bytes, at + 4),
      sources: addresses(bytes, at + RECORD, sources),
      auxiliaryData: bytes.subarray(at + length - auxiliary, at + length),
    });
    from.at = at + length;
  }
  return records;
}

export const igmpCodec: Codec<IgmpInput> = {
  check({ sources, records }) {
    if (sources !== undefined) list(sources, 'igmp.sources');
    if (records === undefined) return;
    for (const record of list(records, 'igmp.records')) {
      list(onlyKnown(object(record, 'igmp.records'), RECORD_NAMES, 'igmp.records').sources, 'igmp.records.sources');
    }
  },
  names: namesOf<Igmp>({
    layer: true,
    type: true,
    maxResponseCode: true,
    checksum: true,
    groupAddress: true,
    flags: true,
    queryInterval: true,
    sources: true,
    reserved: true,
    records: true,
    checksumOk: true,
  }),
  size,

  write(layer, { bytes }, at) {
    const { sources, records = [] } = layer;
    bytes[at] = uint8(layer.type, 'igmp.type');
    bytes[at + 1] = uint8(layer.maxResponseCode, 'igmp.maxResponseCode', 0);
    put16(bytes, at + 2, uint16(layer.checksum, 'igmp.checksum', 0));
    if (layer.type === REPORT_V3) {
      put16(bytes, at + 4, uint16(layer.reserved, 'igmp.reserved', 0));
      put16(bytes, at + 6, uint16(records.length, 'igmp.records.length'));
      writeRecords(records, bytes, at + HEADER);
      return;
    }
    putIpv4(bytes, at + 4, layer.groupAddress ?? '0.0.0.0', 'igmp.groupAddress');
    if (sources === undefined) return;
    bytes[at + 8] = uint8(layer.flags, 'igmp.flags', 0);
    bytes[at + 9] = uint8(layer.queryInterval, 'igmp.queryInterval', 0);
    put16(bytes, at + 10, uint16(sources.length, 'igmp.sources.length'));
    putAll(bytes, at + QUERY, sources, 'igmp.sources');
  },

  seal(layer, to, at) {
    if (layer.checksum === undefined) put16(to.bytes, at + 2, ~sum(to.bytes, at, to.end) & 0xffff);
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('igmp', HEADER)) return undefined;
    const type = bytes[at]!;
    const layer: Igmp = {
      layer: 'igmp',
      type,
      maxResponseCode: bytes[at + 1]!,
      checksum: get16(bytes, at + 2),
      checksumOk: from.partial ? undefined : fold(sum(bytes, at, from.end)) === 0xffff,
    };
    from.layers.push(layer);
    from.at = at + HEADER;
    if (type === REPORT_V3) {
      const count = get16(bytes, at + 6);
      layer.reserved = get16(bytes, at + 4);
      layer.records = readRecords(from, count);
      // Fewer than the header counts would not encode to the same bytes: then all of them are payload.
      if (layer.records.length < count) return unread(from, layer, at);
      return undefined;
    }
    layer.groupAddress = ipv4Text(bytes, at + 4);
    if (type !== QUERY_TYPE || from.left < QUERY - HEADER) return undefined;
    const count = get16(bytes, at + 10);
    if (from.left < QUERY - HEADER + 4 * count) {
      from.cut('igmp', QUERY - HEADER + 4 * count);
      return undefined;
    }
    layer.flags = bytes[at + 8]!;
    layer.queryInterval = bytes[at + 9]!;
    layer.sources = addresses(bytes, at + QUERY, count);
    from.at = at + QUERY + 4 * count;
    return undefined;
  },
};

/** Takes a message back of which not all is there. */
function unread(from: Decoding, layer: Igmp, at: number): undefined {
  from.layers.splice(from.layers.indexOf(layer), 1);
  from.at = at;
}
