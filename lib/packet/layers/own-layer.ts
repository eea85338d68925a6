/** Encodes and decodes layers that programs define. */
import { attached } from '../../argument/snapshot.ts';
import type { Decoding } from './codec.ts';
import { type AnyLayerType, fieldsOf, isLayerType, type Next, type OwnLayer, TYPE } from './layer-type.ts';
import { isBuiltIn } from './registry.ts';

/** Returns the bytes of a layer that a program defined. */
export function encodeOwn(layer: OwnLayer): Uint8Array {
  const { definition, layerName } = layer[TYPE];
  const bytes = definition.encode(fieldsOf(layer));
  attached(bytes, `${layerName}.encode()`, 'a function that returns a Uint8Array');
  return bytes;
}

/** Returns whether a value is something that `decode` may return as the next layer. */
const isNext = (next: unknown): boolean =>
  typeof next === 'string' ? next === 'ip' || isBuiltIn(next) : next === undefined || isLayerType(next);

/** Decodes a layer that a program defined. */
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
    if (typeof found?.fields !== 'object' || found.fields === null) return stop('decode() returned no fields');
    const { fields, length = bytes.length, next } = found;
    if (!Number.isInteger(length) || length < 1 || length > bytes.length) {
      return stop(`a length of ${length}, but ${bytes.length} bytes are available`);
    }
    if (!isNext(next)) return stop(`decode() returned a next layer that does not exist: ${String(next)}`);
    const read: object = { ...fields, layer, [TYPE]: type };
    from.layers.push(read as OwnLayer);
    from.at += length;
    return from.left > 0 ? next : undefined;
  } catch (error) {
    return stop(String((error as Error)?.message ?? error));
  }
}
