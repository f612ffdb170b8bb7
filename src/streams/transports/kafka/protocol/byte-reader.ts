import { VimiError } from '../../../../core/errors.js';
import { damageRemedies } from './damage-remedies.js';

/** Reads Kafka's primitive types one after the other. Throws LOG_DAMAGED beyond the end. */
export class ByteReader {
  readonly source: Buffer;
  at: number;

  constructor(source: Buffer, at = 0) {
    this.source = source;
    this.at = at;
  }

  skip(bytes: number): void {
    this.at += bytes;
  }

  int16(): number {
    return this.source.readInt16BE(this.#pass(2));
  }

  int32(): number {
    return this.source.readInt32BE(this.#pass(4));
  }

  int64(): bigint {
    return this.source.readBigInt64BE(this.#pass(8));
  }

  /** An int64 that stays below 2^53. */
  offset(): number {
    return Number(this.int64());
  }

  /** Unsigned, exact up to 2^53. */
  uvarint(): number {
    let value = 0;
    let scale = 1;
    for (let n = 0; n < 10; n++) {
      const byte = this.source[this.#pass(1)]!;
      value += (byte & 127) * scale;
      if (byte < 128) return value;
      scale *= 128;
    }
    throw damaged();
  }

  /** Zigzag: 0, -1, 1, -2 ... */
  varint(): number {
    const value = this.uvarint();
    return value % 2 === 0 ? value / 2 : -(value + 1) / 2;
  }

  /** A part of `source`, not a copy. */
  bytes(length: number): Buffer {
    const from = this.#pass(length);
    return this.source.subarray(from, this.at);
  }

  #pass(bytes: number): number {
    const from = this.at;
    this.at += bytes;
    if (bytes < 0 || this.at > this.source.length) throw damaged();
    return from;
  }
}

function damaged(): VimiError {
  return new VimiError('LOG_DAMAGED', 'The data from the broker end in the middle of a field', {
    remedy: damageRemedies.answer,
  });
}
