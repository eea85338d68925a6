/**
 * The codec interface of the layers, and the state of a packet that is being encoded or decoded.
 *
 * The file of a header lists the offset and the bits of each field once, in constants that reading and writing share. If
 * other files need a list, it is exported under a second name, and they copy what they read into constants of their own:
 * V8 folds a constant into the code of a function only if no module exports it.
 */
import { type Names, namesOf } from '../../argument/known-names.ts';
import { sum } from '../bytes/checksum.ts';
import type { LayerName } from './layer-name.ts';
import type { Next, OwnLayers } from './layer-type.ts';

/**
 * The fields of a decoded layer, where all optional fields are present.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export type Filled<Fields> = { [K in keyof Fields]-?: Exclude<Fields[K], undefined> };

/**
 * Where and why decoding stopped.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface DecodeError {
  /** The layer that could not be decoded completely. It is `'ip'` if the version is neither 4 nor 6. */
  layer: LayerName | 'ip' | (string & {});
  /** The offset in the packet, in bytes. */
  offset: number;
  /** A description of the problem. */
  reason: string;
}

/** The sums of the addresses in the previous IP header, for the pseudo-header, or -1 if there is none. */
interface Addresses {
  sourceSum: number;
  destinationSum: number;
}

/** A layer of this library or of a program, of which only the name is used here. */
export interface AnyLayer {
  readonly layer: string;
}

/** A packet that is being encoded. */
export interface Encoding extends Addresses {
  readonly bytes: Uint8Array;
  /** The end of the data that lengths and checksums cover. */
  readonly end: number;
  /** The layer after the one that is being written. */
  next: AnyLayer | undefined;
}

/** Encodes and decodes one kind of layer. The values of structs have a Codec: lib/struct/struct.ts. */
export interface LayerCodec<Input> {
  /** The names of its fields, including those that only a decoded header has. */
  readonly names: Names;
  /** Throws if its lists contain an object with an unknown property. */
  check?(layer: Input): void;
  /** Returns the length of its header. */
  size(layer: Input): number;
  /** Writes its header into zeros. The checksum is 0 unless one is given. */
  write(layer: Input, to: Encoding, at: number): void;
  /**
   * Fills in its checksum after the layers above were written. `pseudo` is the sum of the addresses before it, or -1 if
   * there are none.
   */
  fillChecksum?(layer: Input, to: Encoding, at: number, pseudo: number): void;
  /** Reads its header, moves `from.at` to the end of it, and returns the next layer. */
  decode(from: Decoding): Next;
}

/** The fields of a layer apart from its name. A key that is not one of them has the value `false`. */
type Exactly<Layer, Given> = { readonly [Name in Exclude<keyof Layer, 'layer'>]: unknown } & {
  readonly [Name in Exclude<keyof Given, keyof Layer>]: false;
};

/**
 * Returns the names of the fields of a layer. Most of them are the keys of the lists of offsets and of bits; an offset of
 * several fields together is excluded by `false`. The compiler checks that the names are those of the interface.
 */
export function layerNames<Layer>(): <const Given>(fields: Given & Exactly<Layer, Given>) => Names {
  return (fields) => {
    const named = Object.entries(fields as object).filter(([, value]) => value !== false);
    return namesOf<{ [name: string]: unknown }>({ layer: true, ...Object.fromEntries(named) });
  };
}

/** How often the checksums of nested layers may cover a packet: more than any whose size is that of an Ethernet frame needs. */
const MOST_COVERED = 64;

/** A packet that is being decoded. */
export class Decoding implements Addresses {
  readonly bytes: Uint8Array;
  readonly layers: AnyLayer[] = [];
  /** The layer types of the program. */
  readonly own: OwnLayers | undefined;
  /** The offset of the next header. */
  at = 0;
  /** The end of the data of the current layer. */
  end: number;
  error: DecodeError | undefined = undefined;
  /** The number of bytes that the packet had on the wire but that were not captured. */
  missing = 0;
  /**
   * Whether data of the current layer is missing because it is truncated or a fragment. Its checksum cannot be verified
   * then.
   */
  partial = false;
  /** Whether the current layer is inside the packet that an ICMP error quotes. */
  quoted = false;
  /** Whether the network card has not filled in checksums yet. */
  pending = false;
  /** The version of the last IP header, or 0 if there is none. */
  ipVersion: 0 | 4 | 6 = 0;
  sourceSum = -1;
  destinationSum = -1;
  /** The number of bytes that the checksums of layers with other layers inside have covered. */
  #covered = 0;

  constructor(bytes: Uint8Array, own?: OwnLayers) {
    this.bytes = bytes;
    this.own = own;
    this.end = bytes.length;
  }

  /** Adds a decoded layer. */
  add<One extends AnyLayer>(layer: One): void {
    this.layers.push(layer);
  }

  /** The number of bytes from the next header on. */
  get left(): number {
    return this.end - this.at;
  }

  /** The sum of both addresses, or -1 if there are none. */
  get pseudo(): number {
    return this.sourceSum < 0 ? -1 : this.sourceSum + this.destinationSum;
  }

  /** Records the first reason to stop. */
  stop(layer: DecodeError['layer'], reason: string, offset: number = this.at): undefined {
    this.error ??= { layer, offset, reason };
  }

  /** Returns whether a header is incomplete. A quoted packet may end anywhere, which is not an error. */
  cut(layer: DecodeError['layer'], size: number): boolean {
    if (this.left >= size) return false;
    if (!(this.quoted && this.partial))
      this.stop(layer, `a header of ${size} bytes, but only ${this.left} are available`);
    return true;
  }

  /**
   * Limits the data to the end that a length field specifies. What a packet inside a partial one lacks is in other
   * fragments, or is missing from the outer packet already; it may also be whole.
   */
  limit(end: number): void {
    if (end <= this.end) {
      this.end = end;
      this.partial = false;
      return;
    }
    if (!this.quoted && !this.partial && this.missing === 0) this.missing = end - this.end;
    this.partial = true;
  }

  /**
   * Returns whether the checksum of a layer with other layers inside can be verified. Of thousands of nested layers only
   * the outermost are verified, so that the time is linear.
   */
  mayVerify(): boolean {
    if (this.partial) return false;
    this.#covered += this.end - this.at;
    return this.#covered <= MOST_COVERED * this.bytes.length;
  }

  /** Returns whether a checksum is correct, or undefined if the network card may not have filled it in yet. */
  judge(isRight: boolean): boolean | undefined {
    return isRight || !this.pending ? isRight : undefined;
  }

  /** Records the sums of the addresses of an IP header. */
  addresses(source: number, destination: number, size: 4 | 16): void {
    this.ipVersion = size === 4 ? 4 : 6;
    this.sourceSum = sum(this.bytes, source, source + size);
    this.destinationSum = sum(this.bytes, destination, destination + size);
  }
}
