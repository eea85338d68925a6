/** Layers that programs add, where codecs meet them: their types, and the numbers that announce them. */
import { invalidType } from '../../posix/errno.ts';
import { attached } from '../../posix/snapshot.ts';
import type { Decoding, Next } from './codec.ts';
import type { Layer } from './layer.ts';

/** Where a layer has what it is made of. */
export const TYPE: unique symbol = Symbol('layer type');

/**
 * A layer that a program defined: its fields, with its name as `layer`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export type OwnLayer<Name extends string = string, Fields extends object = object> = Fields & {
  readonly layer: Name;
  readonly [TYPE]: AnyLayerType;
};

/**
 * What a decoder of `defineLayer` gives.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface DecodedFields<Fields extends object> {
  fields: Fields;
  /** How many bytes the header has; all that are there unless given. */
  length?: number | undefined;
  /** What follows the header: the name of a layer of this library, `'ip'`, or a layer of `defineLayer`. */
  next?: Next | undefined;
}

/**
 * A layer for `defineLayer`: what announces it, and how its bytes become fields and back.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface LayerDefinition<Name extends string, Fields extends object> {
  /** What `layer` is in its layers; none of this library's. */
  name: Name;
  /** The EtherTypes that announce it. The first one is filled in before it. */
  etherType?: number | readonly number[] | undefined;
  /** The protocol numbers of IP that announce it. The first one is filled in before it. */
  protocol?: number | readonly number[] | undefined;
  /** The ports of UDP that announce it, of the source or of the destination. */
  udpPort?: number | readonly number[] | undefined;
  /** The ports of TCP that announce it: in each segment with data, as streams are not put together. */
  tcpPort?: number | readonly number[] | undefined;
  /**
   * Reads the layer from what the layer before carries, of which it may give views. Undefined says that the bytes are no
   * such layer: they are payload then. What it throws is the `error` of the packet.
   */
  decode(bytes: Uint8Array): DecodedFields<Fields> | undefined;
  /** The bytes of the header, or of all when nothing follows. */
  encode(fields: Fields): Uint8Array;
  /**
   * Whether a layer in a packet answers that of a request, which `exchange` asks: by the identifier, for instance. Every one
   * does unless given.
   */
  answers?(request: Fields, answer: Fields): boolean;
  /** What `formatPacket` and `summarizePacket` say of it after its name; its fields unless given. */
  format?(fields: Fields): string;
}

/**
 * A layer of `defineLayer`, whichever its fields are.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface AnyLayerType {
  readonly layerName: string;
  readonly definition: LayerDefinition<string, object>;
}

/**
 * A layer that was defined: it makes layers for `encodePacket`, and is given to `decodePacket` and `findLayer`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface LayerType<Name extends string, Fields extends object> extends AnyLayerType {
  (fields: Fields): OwnLayer<Name, Fields>;
  readonly layerName: Name;
  readonly definition: LayerDefinition<Name, Fields>;
}

/**
 * The layers that a layer of `defineLayer` makes and decodes.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export type LayerOf<Type> = Type extends LayerType<infer Name, infer Fields> ? OwnLayer<Name, Fields> : never;

/** What announces a layer, and its greatest number. */
export const ANNOUNCED = { etherType: 0xffff, protocol: 0xff, udpPort: 0xffff, tcpPort: 0xffff } as const;
export type Announced = keyof typeof ANNOUNCED;

/** The numbers that announce a layer. */
export function numbersOf(definition: LayerDefinition<string, object>, by: Announced): readonly number[] {
  const given = definition[by];
  return given === undefined ? [] : typeof given === 'number' ? [given] : given;
}

/** The type of a layer of one's own. */
export function typeOf(layer: object): AnyLayerType | undefined {
  return (layer as Partial<OwnLayer>)[TYPE];
}

/** The first number that announces a layer, if it is one of a program. */
export function numberOf(layer: object, by: 'etherType' | 'protocol'): number | undefined {
  const type = typeOf(layer);
  return type === undefined ? undefined : numbersOf(type.definition, by)[0];
}

/** The fields of a layer: what is not the library's. */
export function fieldsOf(layer: OwnLayer): object {
  const { layer: _name, [TYPE]: _type, ...fields } = layer;
  return fields;
}

/** The bytes of a layer of a program. */
export function encodeOwn(layer: OwnLayer): Uint8Array {
  const { definition, layerName } = layer[TYPE];
  const bytes = definition.encode(fieldsOf(layer));
  attached(bytes, `${layerName}.encode()`, 'a function that returns a Uint8Array');
  return bytes;
}

/** The layers of a program, by the numbers that announce them. */
export class OwnLayers {
  readonly #types: { readonly [By in Announced]: ReadonlyMap<number, AnyLayerType> };

  constructor(types: readonly AnyLayerType[]) {
    const numbers = (by: Announced) =>
      new Map(types.flatMap((type) => numbersOf(type.definition, by).map((number) => [number, type] as const)));
    this.#types = {
      etherType: numbers('etherType'),
      protocol: numbers('protocol'),
      udpPort: numbers('udpPort'),
      tcpPort: numbers('tcpPort'),
    };
  }

  /** The layer that a number announces. */
  of(by: Announced, number: number): AnyLayerType | undefined {
    return this.#types[by].get(number);
  }
}

/** The layers that were given for decoding. */
export function ownLayers(types: readonly AnyLayerType[]): OwnLayers {
  if (!Array.isArray(types)) throw invalidType('options.layers', 'an array');
  for (const type of types) {
    if (typeof type !== 'function' || !('definition' in type)) {
      throw invalidType('options.layers', 'an array of what defineLayer returns');
    }
  }
  return new OwnLayers(types);
}

/** Reads a layer of a program. */
export function decodeOwn(type: AnyLayerType, from: Decoding): Next {
  const { definition, layerName: layer } = type;
  const bytes = from.bytes.subarray(from.at, from.end);
  const stop = (reason: string) => {
    if (!(from.quoted && from.partial)) from.stop(layer, reason);
    return undefined;
  };
  try {
    const found = definition.decode(bytes);
    if (found === undefined) return undefined;
    const { fields, length = bytes.length, next } = found;
    if (!Number.isInteger(length) || length < 1 || length > bytes.length) {
      return stop(`a length of ${length}, ${bytes.length} bytes are there`);
    }
    const read: object = { ...fields, layer, [TYPE]: type };
    from.layers.push(read as Layer);
    from.at += length;
    return from.left > 0 ? next : undefined;
  } catch (error) {
    return stop(String((error as Error)?.message ?? error));
  }
}
