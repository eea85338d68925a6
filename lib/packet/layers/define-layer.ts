/** Layers that programs add: a codec of their own, and the numbers that announce it. */
import { invalidType, invalidValue } from '../../posix/errno.ts';
import { namesOf, onlyKnown } from '../../posix/known-names.ts';
import { object } from '../../posix/snapshot.ts';
import { uint } from '../bytes.ts';
import {
  ANNOUNCED,
  type Announced,
  type LayerDefinition,
  type LayerType,
  numbersOf,
  type OwnLayer,
  TYPE,
} from './own-layer.ts';
import { isBuiltIn } from './registry.ts';

const NAMES = namesOf<LayerDefinition<string, object>>({
  name: true,
  etherType: true,
  protocol: true,
  udpPort: true,
  tcpPort: true,
  decode: true,
  encode: true,
  answers: true,
  format: true,
});

/**
 * Defines a layer of one's own, such as DNS: it can be encoded, decoded, found and printed as the layers of this library.
 *
 * @param definition Its name, the numbers that announce it, `decode` and `encode`.
 * @returns A function that makes the layer from its fields. Give it to `decodePacket` in `layers`.
 * @throws TypeError or RangeError for a name of this library, numbers that no header holds, or what is no function.
 * @example
 * const counter = defineLayer({
 *   name: 'counter',
 *   udpPort: 5000,
 *   decode: (bytes) => (bytes.length < 2 ? undefined : { fields: { count: bytes[0] * 256 + bytes[1] }, length: 2 }),
 *   encode: ({ count }) => Uint8Array.of(count >> 8, count),
 * });
 * const packet = encodePacket([udp({ sourcePort: 1, destinationPort: 5000 }), counter({ count: 258 }), 'data']);
 * const decoded = decodePacket(packet, { first: 'udp', layers: [counter] });
 * console.log(findLayer(decoded, counter)?.count, formatPacket(decoded).split('\n')[1]); // 258 counter: count 258
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export function defineLayer<const Name extends string, Fields extends object>(
  definition: LayerDefinition<Name, Fields>,
): LayerType<Name, Fields> {
  onlyKnown(object(definition, 'definition'), NAMES, 'definition');
  const given = { ...definition };
  const { name } = given;
  if (typeof name !== 'string') throw invalidType('definition.name', 'a string');
  if (name === '' || name === 'ip' || isBuiltIn(name)) {
    throw invalidValue('definition.name', `a name that no layer of this library has, unlike '${name}'`);
  }
  for (const by of Object.keys(ANNOUNCED) as Announced[]) {
    for (const number of numbersOf(given, by)) uint(number, ANNOUNCED[by], `definition.${by}`);
  }
  for (const method of ['decode', 'encode'] as const) {
    if (typeof given[method] !== 'function') throw invalidType(`definition.${method}`, 'a function');
  }
  const make = (fields: Fields) => ({ ...fields, layer: name, [TYPE]: type }) as OwnLayer<Name, Fields>;
  const type = Object.assign(make, { layerName: name, definition: given });
  return type;
}
