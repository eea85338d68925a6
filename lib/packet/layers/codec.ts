/** What the codecs of the layers share: their interface, and the state of a packet that is being written or read. */
import type { Names } from '../../posix/known-names.ts';
import { sum } from '../checksum.ts';
import type { Layer, LayerInput, LayerName } from './layer.ts';
import type { AnyLayerType, OwnLayer, OwnLayers } from './own-layer.ts';

/**
 * Fields as a decoder gives them: none is left out.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export type Filled<Fields> = { [K in keyof Fields]-?: Exclude<Fields[K], undefined> };

/**
 * The layer a decoder expects next; `'ip'` is IPv4 or IPv6, by the version.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export type Next = LayerName | 'ip' | AnyLayerType | undefined;

/**
 * Where and why decoding stopped.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface DecodeError {
  /** The layer that could not be decoded, or not to its end; `'ip'` for what is neither IPv4 nor IPv6. */
  layer: LayerName | 'ip' | (string & {});
  /** Where in the packet, in bytes. */
  offset: number;
  /** What is wrong, for people. */
  reason: string;
}

/** The sums of the addresses of the IP header before, for the pseudo-header; -1 without one. */
interface Addresses {
  sourceSum: number;
  destinationSum: number;
}

/** A packet that is being written. */
export interface Encoding extends Addresses {
  readonly bytes: Uint8Array;
  /** Where the data end that lengths and checksums cover. */
  readonly end: number;
  /** The layer that follows the one being written. */
  next: LayerInput | OwnLayer | undefined;
}

/** How one layer becomes bytes and back. */
export interface Codec<Input> {
  /** The names of its fields, also of those that only a decoded header has. */
  readonly names: Names;
  /** Refuses what is in its lists and has a name that is not known. */
  check?(layer: Input): void;
  /** The length of its header. */
  size(layer: Input): number;
  /** Writes its header, with a checksum of 0 unless one is given, into zeros. */
  write(layer: Input, to: Encoding, at: number): void;
  /** Fills its checksum in, when what follows is written. `pseudo` sums the addresses before, -1 without them. */
  seal?(layer: Input, to: Encoding, at: number, pseudo: number): void;
  /** Reads its header, moves `from.at` behind it, and tells what follows. */
  decode(from: Decoding): Next;
}

/** A packet that is being read. */
export class Decoding implements Addresses {
  readonly bytes: Uint8Array;
  readonly layers: Layer[] = [];
  /** The layers that the program added. */
  readonly own: OwnLayers | undefined;
  /** Where the next header begins. */
  at = 0;
  /** Where the data of the current layer end. */
  end: number;
  error: DecodeError | undefined = undefined;
  /** How many bytes the packet had on the wire and has not here. */
  missing = 0;
  /** Whether the current layer lacks data, being cut or a fragment: its checksum cannot be judged. */
  partial = false;
  /** Within the packet that an ICMP error quotes. */
  quoted = false;
  /** Whether the network card is yet to fill checksums in. */
  pending = false;
  sourceSum = -1;
  destinationSum = -1;

  constructor(bytes: Uint8Array, own?: OwnLayers) {
    this.bytes = bytes;
    this.own = own;
    this.end = bytes.length;
  }

  /** The number of bytes from the next header on. */
  get left(): number {
    return this.end - this.at;
  }

  /** The sums of both addresses, -1 without them. */
  get pseudo(): number {
    return this.sourceSum < 0 ? -1 : this.sourceSum + this.destinationSum;
  }

  /** Notes the first reason to stop. */
  stop(layer: DecodeError['layer'], reason: string, offset: number = this.at): undefined {
    this.error ??= { layer, offset, reason };
  }

  /** Whether a header is not there as a whole. A quotation may end anywhere: that is no error. */
  cut(layer: DecodeError['layer'], size: number): boolean {
    if (this.left >= size) return false;
    if (!(this.quoted && this.partial)) this.stop(layer, `a header of ${size} bytes, ${this.left} are there`);
    return true;
  }

  /** Ends the data where a length field says. */
  limit(end: number): void {
    if (end > this.end) {
      if (!this.quoted) this.missing = end - this.end;
      this.partial = true;
    } else {
      this.end = end;
    }
  }

  /** The verdict over a checksum that a network card may be yet to fill in: none then. */
  judge(isRight: boolean): boolean | undefined {
    return isRight || !this.pending ? isRight : undefined;
  }

  /** Notes the addresses of an IP header. */
  addresses(source: number, destination: number, size: number): void {
    this.sourceSum = sum(this.bytes, source, source + size);
    this.destinationSum = sum(this.bytes, destination, destination + size);
  }
}
