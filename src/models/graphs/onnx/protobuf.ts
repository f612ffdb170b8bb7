/**
 * Writing Protocol Buffers, as far as ONNX needs them (protobuf.dev/programming-guides/encoding): each field is a tag, its
 * number and wire type, and a value. Large values are never copied before the whole is.
 */
export class Message {
  readonly #parts: Uint8Array[] = [];
  length = 0;

  /** A whole number of up to 64 bits, two's complement where it is negative. */
  whole(field: number, value: number | bigint): this {
    return this.#push(varint(field << 3), varint(value));
  }

  float(field: number, value: number): this {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setFloat32(0, value, true);
    return this.#push(varint((field << 3) | 5), bytes);
  }

  bytes(field: number, value: Uint8Array): this {
    return this.#push(varint((field << 3) | 2), varint(value.length), value);
  }

  text(field: number, value: string): this {
    return this.bytes(field, new TextEncoder().encode(value));
  }

  /** Whole numbers back to back under one tag. */
  wholes(field: number, values: readonly (number | bigint)[]): this {
    const packed = new Message().#push(...values.map(varint));
    return this.message(field, packed);
  }

  message(field: number, value: Message): this {
    return this.#push(varint((field << 3) | 2), varint(value.length), ...value.#parts);
  }

  finish(): Uint8Array {
    const out = new Uint8Array(this.length);
    let at = 0;
    for (const part of this.#parts) {
      out.set(part, at);
      at += part.length;
    }
    return out;
  }

  #push(...parts: Uint8Array[]): this {
    for (const part of parts) {
      this.#parts.push(part);
      this.length += part.length;
    }
    return this;
  }
}

/** Seven bits a byte, the lowest first; the eighth says that more follow. */
function varint(value: number | bigint): Uint8Array {
  let rest = BigInt.asUintN(64, BigInt(value));
  const bytes: number[] = [];
  do {
    const more = rest > 0x7fn;
    bytes.push(Number(rest & 0x7fn) | (more ? 0x80 : 0));
    rest >>= 7n;
  } while (rest > 0n);
  return Uint8Array.from(bytes);
}
