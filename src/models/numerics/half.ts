/** IEEE 754 half precision, both ways; nearest, ties to even. Weights are stored so: half the bytes, 3 decimal digits. */
export function toHalf(values: ArrayLike<number>): Uint16Array {
  const out = new Uint16Array(values.length);
  for (let i = 0; i < values.length; i++) {
    float[0] = values[i]!;
    const bits = word[0]!;
    const sign = (bits >>> 16) & 0x8000;
    const magnitude = bits & 0x7fffffff;
    if (magnitude >= 0x7f800000)
      out[i] = sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00); // NaN, infinity
    else if (magnitude >= 0x477ff000)
      out[i] = sign | 0x7c00; // rounds beyond 65,504
    else if (magnitude >= 0x38800000)
      out[i] = sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >>> 13) & 1)) >>> 13);
    else {
      // Below 2^-14 halves are evenly spaced, 2^-24 apart: the sum rounds there by itself.
      float[0] = Math.abs(values[i]!) + 0.5;
      out[i] = sign | (word[0]! - 0x3f000000);
    }
  }
  return out;
}

export function fromHalf(halves: Uint16Array): Float32Array {
  return Float32Array.from(halves, (h) => table()[h]!);
}

/** bfloat16: the upper half of a 32-bit float. */
export function fromBrainFloat(words: Uint16Array): Float32Array {
  return new Float32Array(Uint32Array.from(words, (bits) => bits << 16).buffer);
}

const float = new Float32Array(1);
const word = new Uint32Array(float.buffer);

let known: Float32Array | null = null;

/** All 65,536 values. */
function table(): Float32Array {
  known ??= Float32Array.from({ length: 65536 }, (_, h) => {
    const sign = h & 0x8000 ? -1 : 1;
    const exponent = (h >>> 10) & 31;
    const fraction = h & 1023;
    if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
    return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
  });
  return known;
}
