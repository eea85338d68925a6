/** Capture files that are compressed by gzip. */
import { Buffer } from 'node:buffer';
import { createGunzip, type Gunzip } from 'node:zlib';
import { invalidType } from '../../posix/errno.ts';
import { isUint8Array } from '../../posix/kind.ts';

/** Compressed bytes that are given to zlib at once: of a thousand times as many, if it is a bomb. */
const PIECE = 16384;

/** Whether bytes are the beginning of a gzip file. */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** What is wrong with compressed data. */
export interface GzipFault {
  reason: string;
  cut: boolean;
}

/** Chunks of a file, those of a gzip file decompressed. */
export class Decompressed {
  /** Known when the chunks have ended. */
  fault: GzipFault | undefined = undefined;

  /** The chunks of a source. What the source throws is thrown. */
  async *of(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    let first: Uint8Array | undefined; // the first byte, if it comes alone
    let unpacker: Unpacker | undefined;
    let begun = false;
    try {
      for await (const chunk of source) {
        if (begun && unpacker === undefined) {
          yield chunk;
          continue;
        }
        if (!isUint8Array(chunk)) throw invalidType('chunk', 'a Uint8Array');
        const bytes = first === undefined ? chunk : Buffer.concat([first, chunk]);
        if (!begun && bytes.length < 2) {
          first = bytes;
          continue;
        }
        first = undefined;
        if (!begun && isGzip(bytes)) unpacker = new Unpacker();
        begun = true;
        if (unpacker === undefined) yield bytes;
        else yield* this.#unpack(unpacker, bytes);
        if (this.fault !== undefined) return;
      }
      if (first !== undefined) yield first;
      if (unpacker !== undefined) this.fault = await unpacker.end();
    } finally {
      unpacker?.close();
    }
  }

  async *#unpack(unpacker: Unpacker, bytes: Uint8Array): AsyncGenerator<Uint8Array, void, undefined> {
    for (let at = 0; at < bytes.length && this.fault === undefined; at += PIECE) {
      yield* await unpacker.take(bytes.subarray(at, at + PIECE));
      this.fault = unpacker.fault;
    }
  }
}

/** A decompressor that loses nothing of what is before a fault. */
class Unpacker {
  fault: GzipFault | undefined = undefined;
  readonly #gunzip: Gunzip = createGunzip();
  #chunks: Uint8Array[] = [];
  /** Whether the compressed data have ended: zlib takes nothing of the zeros behind them, and tells nothing. */
  #ended = false;
  /** Called when the decompressor has taken what it was given, has ended or has failed. */
  #proceed: () => void = () => {};

  constructor() {
    this.#gunzip.on('data', (chunk: Uint8Array) => this.#chunks.push(chunk));
    this.#gunzip.on('end', () => {
      this.#ended = true;
      this.#proceed();
    });
    this.#gunzip.on('error', (error: NodeJS.ErrnoException) => {
      const cut = error.code === 'Z_BUF_ERROR';
      const reason = cut ? 'the file ends within its gzip data' : `the gzip data are damaged: ${error.message}`;
      this.fault = { reason, cut };
      this.#proceed();
    });
  }

  /** Decompresses more bytes; gives what comes of them. */
  async take(bytes: Uint8Array): Promise<Uint8Array[]> {
    if (this.#ended) return [];
    await new Promise<void>((resolve) => {
      this.#proceed = resolve;
      this.#gunzip.write(bytes, () => resolve());
    });
    const chunks = this.#chunks;
    this.#chunks = [];
    return chunks;
  }

  /** Tells that all was given; the fault, if there is one. All that comes of the bytes has come already. */
  async end(): Promise<GzipFault | undefined> {
    if (this.fault === undefined && !this.#ended) {
      await new Promise<void>((resolve) => {
        this.#proceed = resolve;
        this.#gunzip.end();
      });
    }
    return this.fault;
  }

  close(): void {
    this.#gunzip.destroy();
  }
}
