/** `sys-socket/binary`: which native binary the package loads. It loads none itself. */
export { useBinary } from './native/binary.ts';
