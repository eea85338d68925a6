/** Decompresses capture files that were compressed with gzip. */
import { Buffer } from 'node:buffer';
import { createGunzip, type Gunzip } from 'node:zlib';
import { invalidType } from '../../argument/argument-error.ts';
import { isUint8Array } from '../../argument/kind.ts';

/** The number of compressed bytes that zlib receives at once. A decompression bomb can expand them a thousandfold. */
const PIECE = 16384;

/** Returns whether bytes are the beginning of a gzip file. */
export const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/** A problem in compressed data. */
export interface GzipFault {
  reason: string;
  cut: boolean;
}

/** Returns the chunks of a file and decompresses them if it is a gzip file. */
export class Decompressed {
  /** The problem in the compressed data, if any. It is known when the chunks have ended. */
  fault: GzipFault | undefined = undefined;

  /** Iterates over the chunks of a source. Throws whatever the source throws. */
  async *of(source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
    let first: Uint8Array | undefined; // the first byte, if it arrives alone
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

/** A decompressor. zlib drops the output of the write that fails: at most that of the last PIECE before a fault. */
class Unpacker {
  fault: GzipFault | undefined = undefined;
  readonly #gunzip: Gunzip = createGunzip();
  #chunks: Uint8Array[] = [];
  /** Whether the compressed data has ended. zlib does not consume zeros after it and reports nothing about them. */
  #ended = false;
  /** Called when the decompressor has consumed its input, has ended or has failed. */
  #proceed: () => void = () => {};

  constructor() {
    this.#gunzip.on('data', (chunk: Uint8Array) => this.#chunks.push(chunk));
    this.#gunzip.on('end', () => {
      this.#ended = true;
      this.#proceed();
    });
    this.#gunzip.on('error', (error: NodeJS.ErrnoException) => {
      const cut = error.code === 'Z_BUF_ERROR';
      const reason = cut ? 'the file ends within its gzip data' : `the gzip data is damaged: ${error.message}`;
      this.fault = { reason, cut };
      this.#proceed();
    });
  }

  /** Decompresses more bytes and returns the result. */
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

  /**
   * Marks the end of the input and returns the fault, if there is one. All data has already been delivered by `take`.
   */
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
