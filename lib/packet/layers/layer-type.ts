/** The types of layers that programs define, and the numbers that identify them. */
import { invalidType } from '../../argument/argument-error.ts';
import type { LayerName } from './layer-name.ts';

/**
 * The next layer that a decoder expects. `'ip'` is IPv4 or IPv6, depending on the version field.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export type Next = LayerName | 'ip' | AnyLayerType | undefined;

/** The property in which a layer stores its type. */
export const TYPE: unique symbol = Symbol('layer type');

/**
 * A layer that a program defined: its fields, and its name as `layer`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export type OwnLayer<Name extends string = string, Fields extends object = object> = Fields & {
  readonly layer: Name;
  readonly [TYPE]: AnyLayerType;
};

/**
 * The result of the `decode` method of a layer type.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface DecodedFields<Fields extends object> {
  fields: Fields;
  /** The length of the header in bytes. The default is all bytes. */
  length?: number | undefined;
  /** The layer after the header: the name of a layer of this library, `'ip'`, or a layer type of `defineLayer`. */
  next?: Next | undefined;
}

/**
 * The definition of a layer for `defineLayer`: the numbers that identify it, and how its bytes are decoded and encoded.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface LayerDefinition<Name extends string, Fields extends object> {
  /** The value of `layer` in its layers. It must not be the name of a layer of this library. */
  name: Name;
  /** The EtherTypes that identify it. When a packet is encoded, the first one is filled in by the previous layer. */
  etherType?: number | readonly number[] | undefined;
  /**
   * The IP protocol numbers that identify it. When a packet is encoded, the first one is filled in by the previous
   * layer.
   */
  protocol?: number | readonly number[] | undefined;
  /** The UDP ports that identify it, whether as source or destination port. */
  udpPort?: number | readonly number[] | undefined;
  /**
   * The TCP ports that identify it. It is looked for in each segment with data, because streams are not reassembled.
   */
  tcpPort?: number | readonly number[] | undefined;
  /**
   * Decodes the layer from the data of the previous layer, of which its fields may be views. If it returns undefined,
   * the bytes are not such a layer and become payload. If it throws, the message becomes the `error` of the packet.
   */
  decode(bytes: Uint8Array): DecodedFields<Fields> | undefined;
  /** Returns the bytes of the header, or all bytes if no layer follows. */
  encode(fields: Fields): Uint8Array;
  /**
   * Returns whether a layer of a packet answers that of a request, for example because the identifiers are equal.
   * `exchange` calls it. By default, every layer of this type does.
   */
  answers?(request: Fields, answer: Fields): boolean;
  /**
   * Returns the text for `formatPacket` and `summarizePacket`, which follows the name of the layer. The default is a
   * list of the fields.
   */
  format?(fields: Fields): string;
}

/**
 * A layer type of `defineLayer` with any fields.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface AnyLayerType {
  readonly layerName: string;
  readonly definition: LayerDefinition<string, object>;
}

/**
 * A layer type: the function creates layers for `encodePacket`, and it can be passed to `decodePacket` and `findLayer`.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export interface LayerType<Name extends string, Fields extends object> extends AnyLayerType {
  (fields: Fields): OwnLayer<Name, Fields>;
  readonly layerName: Name;
  readonly definition: LayerDefinition<Name, Fields>;
}

/**
 * The layers that a layer type of `defineLayer` creates and decodes.
 *
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export type LayerOf<Type> = Type extends LayerType<infer Name, infer Fields> ? OwnLayer<Name, Fields> : never;

/** The kinds of numbers that identify a layer, and the greatest number of each kind. */
export const ANNOUNCED = { etherType: 0xffff, protocol: 0xff, udpPort: 0xffff, tcpPort: 0xffff } as const;
export type Announced = keyof typeof ANNOUNCED;

/** Returns the numbers that identify a layer. */
export function numbersOf(definition: LayerDefinition<string, object>, by: Announced): readonly number[] {
  const given = definition[by];
  return given === undefined ? [] : typeof given === 'number' ? [given] : given;
}

/** Returns the type of a layer that a program defined, or undefined for a layer of this library. */
export function typeOf(layer: object): AnyLayerType | undefined {
  return (layer as Partial<OwnLayer>)[TYPE];
}

/** Returns the first number that identifies a layer of a program, or undefined if there is none. */
export function numberOf(layer: object, by: 'etherType' | 'protocol'): number | undefined {
  const type = typeOf(layer);
  return type === undefined ? undefined : numbersOf(type.definition, by)[0];
}

/** Returns the fields of a layer without the properties that this library adds. */
export function fieldsOf(layer: OwnLayer): object {
  const { layer: _name, [TYPE]: _type, ...fields } = layer;
  return fields;
}

/** The layer types of a program by the numbers that identify them. */
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

  /** Returns the layer type that a number identifies. */
  of(by: Announced, number: number): AnyLayerType | undefined {
    return this.#types[by].get(number);
  }
}

/** Returns whether a value is a layer type that `defineLayer` returned. */
export function isLayerType(value: unknown): value is AnyLayerType {
  return typeof value === 'function' && 'definition' in value;
}

/** Validates the layer types for decoding. */
export function ownLayers(types: readonly AnyLayerType[]): OwnLayers {
  if (!Array.isArray(types)) throw invalidType('options.layers', 'an array');
  for (const type of types) {
    if (!isLayerType(type)) {
      throw invalidType('options.layers', 'an array of layer types that defineLayer returned');
    }
  }
  return new OwnLayers(types);
}
