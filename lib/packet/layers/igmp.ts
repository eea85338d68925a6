/** IGMP (RFC 2236), and the queries and reports of version 3 (RFC 9776). */
import { namesOf, onlyKnown } from '../../argument/known-names.ts';
import { assertObject } from '../../argument/snapshot.ts';
import { data, get16, list, put16, roundUp, uint8, uint16 } from '../bytes/bytes.ts';
import { fold, sum } from '../bytes/checksum.ts';
import { ipv4Text, putIpv4 } from '../bytes/text.ts';
import { type Decoding, type LayerCodec, layerNames } from './codec.ts';

/**
 * A group record of a version 3 report.
 *
 * @see https://www.rfc-editor.org/rfc/rfc9776#section-4.2
 */
export interface IgmpRecord {
  /** 1 is include and 2 exclude; 3 and 4 are changes to these modes; 5 allows and 6 blocks sources. */
  type: number;
  groupAddress: string;
  sources: readonly string[];
  /** A multiple of 4 bytes. By default there is none. */
  auxiliaryData?: Uint8Array | undefined;
}

/**
 * An IGMP message to encode. A query with `sources` is one of version 3. A report of version 3, type 0x22, has
 * `records`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc2236
 */
export interface IgmpFields {
  /**
   * 0x11 is a query, 0x12 a version 1 report, 0x16 a version 2 report, 0x17 a leave message, and 0x22 a version 3
   * report.
   */
  type: number;
  /** For queries: in tenths of a second, or encoded as in RFC 9776. The default is 0. */
  maxResponseCode?: number | undefined;
  /** By default, encoding fills it in. */
  checksum?: number | undefined;
  /** The default is 0.0.0.0. A version 3 report has none. */
  groupAddress?: string | undefined;
  /** For version 3 queries: 8 suppresses processing by routers, and the lowest three bits are the robustness. */
  flags?: number | undefined;
  /** For version 3 queries: the encoded interval between queries. */
  queryInterval?: number | undefined;
  /** For version 3 queries. */
  sources?: readonly string[] | undefined;
  /** For version 3 reports: the two bytes before the number of records. */
  reserved?: number | undefined;
  /** For version 3 reports. */
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
 * A decoded IGMP message. Of the fields that depend on the type and version, only those of its own are present.
 *
 * @see https://www.rfc-editor.org/rfc/rfc2236
 */
export interface Igmp extends IgmpFields {
  readonly layer: 'igmp';
  maxResponseCode: number;
  checksum: number;
  /** Whether the checksum is correct. It is undefined if the message is truncated or a fragment. */
  checksumOk: boolean | undefined;
}

/**
 * Creates an IGMP message as a layer for `encodePacket`.
 *
 * @param fields The fields. The checksum is filled in by default.
 * @returns The layer.
 * @throws Nothing. `encodePacket` throws for values that do not fit into the header.
 * @example
 * const report = igmp({ type: 0x22, records: [{ type: 4, groupAddress: '239.1.1.1', sources: [] }] });
 * console.log(encodePacket([report]).length); // 16
 * @see https://www.rfc-editor.org/rfc/rfc2236
 */
export function igmp(fields: IgmpFields): IgmpInput {
  return { ...fields, layer: 'igmp' };
}

/** The offset of each field, and of each field of a record. */
const IGMP = {
  type: 0,
  maxResponseCode: 1,
  checksum: 2,
  groupAddress: 4,
  flags: 8,
  queryInterval: 9,
  sourceCount: 10,
} as const;
const REPORT = { reserved: 4, recordCount: 6 } as const;
const RECORD = { type: 0, auxiliaryLength: 1, sourceCount: 2, groupAddress: 4 } as const;
const HEADER = 8;
const QUERY = 12;
const RECORD_SIZE = 8;
const REPORT_V3 = 0x22;
const QUERY_TYPE = 0x11;
const RECORD_NAMES = namesOf<IgmpRecord>({ type: true, groupAddress: true, sources: true, auxiliaryData: true });

const recordSize = ({ sources, auxiliaryData }: IgmpRecord): number =>
  RECORD_SIZE + 4 * sources.length + roundUp(auxiliaryData?.length ?? 0, 4);

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
    bytes[at + RECORD.type] = uint8(record.type, 'igmp.records.type');
    bytes[at + RECORD.auxiliaryLength] = uint8(
      roundUp(auxiliaryData.length, 4) / 4,
      'igmp.records.auxiliaryData.length',
    );
    put16(bytes, at + RECORD.sourceCount, uint16(record.sources.length, 'igmp.records.sources.length'));
    putIpv4(bytes, at + RECORD.groupAddress, record.groupAddress, 'igmp.records.groupAddress');
    putAll(bytes, at + RECORD_SIZE, record.sources, 'igmp.records.sources');
    bytes.set(auxiliaryData, at + RECORD_SIZE + 4 * record.sources.length);
    at += recordSize(record);
  }
}

function addresses(bytes: Uint8Array, at: number, count: number): string[] {
  return Array.from({ length: count }, (_, i) => ipv4Text(bytes, at + 4 * i));
}

/** Reads all complete records and moves `from.at` to the end of them. */
function readRecords(from: Decoding, count: number): IgmpRecord[] {
  const { bytes } = from;
  const records: IgmpRecord[] = [];
  while (records.length < count && !from.cut('igmp', RECORD_SIZE)) {
    const { at } = from;
    const auxiliary = 4 * bytes[at + RECORD.auxiliaryLength]!;
    const sources = get16(bytes, at + RECORD.sourceCount);
    const length = RECORD_SIZE + 4 * sources + auxiliary;
    if (from.cut('igmp', length)) break;
    records.push({
      type: bytes[at + RECORD.type]!,
      groupAddress: ipv4Text(bytes, at + RECORD.groupAddress),
      sources: addresses(bytes, at + RECORD_SIZE, sources),
      auxiliaryData: bytes.subarray(at + length - auxiliary, at + length),
    });
    from.at = at + length;
  }
  return records;
}

export const igmpCodec: LayerCodec<IgmpInput> = {
  check({ sources, records }) {
    if (sources !== undefined) list(sources, 'igmp.sources');
    if (records === undefined) return;
    for (const record of list(records, 'igmp.records')) {
      list(
        onlyKnown(assertObject(record, 'igmp.records'), RECORD_NAMES, 'igmp.records').sources,
        'igmp.records.sources',
      );
    }
  },
  names: layerNames<Igmp>()({
    ...IGMP,
    sourceCount: false,
    sources: true,
    reserved: true,
    records: true,
    checksumOk: true,
  }),
  size,

  write(layer, { bytes }, at) {
    const { sources, records = [] } = layer;
    bytes[at + IGMP.type] = uint8(layer.type, 'igmp.type');
    bytes[at + IGMP.maxResponseCode] = uint8(layer.maxResponseCode, 'igmp.maxResponseCode', 0);
    put16(bytes, at + IGMP.checksum, uint16(layer.checksum, 'igmp.checksum', 0));
    if (layer.type === REPORT_V3) {
      put16(bytes, at + REPORT.reserved, uint16(layer.reserved, 'igmp.reserved', 0));
      put16(bytes, at + REPORT.recordCount, uint16(records.length, 'igmp.records.length'));
      writeRecords(records, bytes, at + HEADER);
      return;
    }
    putIpv4(bytes, at + IGMP.groupAddress, layer.groupAddress ?? '0.0.0.0', 'igmp.groupAddress');
    if (sources === undefined) return;
    bytes[at + IGMP.flags] = uint8(layer.flags, 'igmp.flags', 0);
    bytes[at + IGMP.queryInterval] = uint8(layer.queryInterval, 'igmp.queryInterval', 0);
    put16(bytes, at + IGMP.sourceCount, uint16(sources.length, 'igmp.sources.length'));
    putAll(bytes, at + QUERY, sources, 'igmp.sources');
  },

  fillChecksum(layer, to, at) {
    if (layer.checksum === undefined) put16(to.bytes, at + IGMP.checksum, ~sum(to.bytes, at, to.end) & 0xffff);
  },

  decode(from) {
    const { bytes, at } = from;
    if (from.cut('igmp', HEADER)) return undefined;
    const type = bytes[at + IGMP.type]!;
    const layer: Igmp = {
      layer: 'igmp',
      type,
      maxResponseCode: bytes[at + IGMP.maxResponseCode]!,
      checksum: get16(bytes, at + IGMP.checksum),
      checksumOk: from.partial ? undefined : fold(sum(bytes, at, from.end)) === 0xffff,
    };
    from.add(layer);
    from.at = at + HEADER;
    if (type === REPORT_V3) {
      const count = get16(bytes, at + REPORT.recordCount);
      layer.reserved = get16(bytes, at + REPORT.reserved);
      layer.records = readRecords(from, count);
      // If there are fewer records than the header declares, encoding them would result in different bytes. All of them
      // are therefore payload.
      if (layer.records.length < count) return unread(from, layer, at);
      return undefined;
    }
    layer.groupAddress = ipv4Text(bytes, at + IGMP.groupAddress);
    if (type !== QUERY_TYPE || from.left < QUERY - HEADER) return undefined;
    const count = get16(bytes, at + IGMP.sourceCount);
    if (from.left < QUERY - HEADER + 4 * count) {
      from.cut('igmp', QUERY - HEADER + 4 * count);
      return undefined;
    }
    layer.flags = bytes[at + IGMP.flags]!;
    layer.queryInterval = bytes[at + IGMP.queryInterval]!;
    layer.sources = addresses(bytes, at + QUERY, count);
    from.at = at + QUERY + 4 * count;
    return undefined;
  },
};

/** Removes an incomplete message from the layers. */
function unread(from: Decoding, layer: Igmp, at: number): undefined {
  from.layers.splice(from.layers.indexOf(layer), 1);
  from.at = at;
}
