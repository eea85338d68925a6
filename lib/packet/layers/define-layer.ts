/** Layers that a program defines: their own codec, and the numbers that identify them. */
import { invalidType, invalidValue } from '../../argument/argument-error.ts';
import { namesOf, onlyKnown } from '../../argument/known-names.ts';
import { assertObject } from '../../argument/snapshot.ts';
import { uint } from '../bytes/bytes.ts';
import {
  ANNOUNCED,
  type Announced,
  type LayerDefinition,
  type LayerType,
  numbersOf,
  type OwnLayer,
  TYPE,
} from './layer-type.ts';
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
 * Defines a new kind of layer, such as DNS. It can be encoded, decoded, found and formatted like the layers of this
 * library.
 *
 * @param definition Its name, the numbers that identify it, and the methods `decode` and `encode`.
 * @returns A function that creates the layer from its fields. Pass it to `decodePacket` in the option `layers`.
 * @throws TypeError or RangeError for the name of a layer of this library, a number that does not fit into its header
 *   field, or a method that is not a function.
 * @example
 * const counter = defineLayer({
 *   name: 'counter',
 *   udpPort: 5000,
 *   decode: ([count]) => (count === undefined ? undefined : { fields: { count }, length: 1 }),
 *   encode: ({ count }) => Uint8Array.of(count),
 * });
 * const packet = encodePacket([udp({ sourcePort: 1, destinationPort: 5000 }), counter({ count: 7 }), 'data']);
 * const decoded = decodePacket(packet, { first: 'udp', layers: [counter] });
 * console.log(findLayer(decoded, counter)?.count, formatPacket(decoded).split('\n')[1]); // 7 counter: count 7
 * @see https://www.rfc-editor.org/rfc/rfc1122
 */
export function defineLayer<const Name extends string, Fields extends object>(
  definition: LayerDefinition<Name, Fields>,
): LayerType<Name, Fields> {
  onlyKnown(assertObject(definition, 'definition'), NAMES, 'definition');
  const given = { ...definition };
  const { name } = given;
  if (typeof name !== 'string') throw invalidType('definition.name', 'a string');
  if (name === '' || name === 'ip' || isBuiltIn(name)) {
    throw invalidValue('definition.name', `a non-empty name that no layer of this library has, not '${name}'`);
  }
  for (const by of Object.keys(ANNOUNCED) as Announced[]) {
    for (const number of numbersOf(given, by)) uint(number, ANNOUNCED[by], `definition.${by}`);
  }
  for (const method of ['decode', 'encode'] as const) {
    if (typeof given[method] !== 'function') throw invalidType(`definition.${method}`, 'a function');
  }
  for (const method of ['answers', 'format'] as const) {
    const isValid = given[method] === undefined || typeof given[method] === 'function';
    if (!isValid) throw invalidType(`definition.${method}`, 'a function');
  }
  const make = (fields: Fields) => ({ ...fields, layer: name, [TYPE]: type }) as OwnLayer<Name, Fields>;
  const type = Object.assign(make, { layerName: name, definition: given });
  return type;
}
