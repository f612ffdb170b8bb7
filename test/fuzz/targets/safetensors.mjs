// @ts-nocheck: a plain script
/** Weights of strangers. */

import { parseWeights, serializeWeights } from '../../../dist/models/weights/safetensors.js';
import { mutateJson } from '../mutate-json.mjs';

const tensor = (shape) => ({
  shape,
  values: Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, n) => n),
});
export const valid = () => [
  serializeWeights(
    new Map([
      ['a', tensor([2, 3])],
      ['b.weight', tensor([4])],
    ]),
    { metadata: { model: 'x' } },
  ),
  serializeWeights(new Map([['c', tensor([])]]), { dtype: 'F32' }),
  serializeWeights(new Map()),
];

/** No header of JSON. */
export const isFirstCheck = ({ message }) =>
  /too short|does not fit into the file|is not JSON|is not an object/.test(message);

/** Another header before the same numbers, of the length that it says. */
export function change(bytes, _, random) {
  try {
    const end = 8 + Number(bytes.readBigUInt64LE(0));
    const header = Buffer.from(JSON.stringify(mutateJson(JSON.parse(bytes.subarray(8, end).toString()), random)));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(header.length));
    return Buffer.concat([length, header, bytes.subarray(end)]);
  } catch {
    return bytes;
  }
}

export function run(bytes) {
  const { tensors } = parseWeights(bytes, 'fuzz.safetensors');
  let numbers = 0;
  for (const { shape, values } of tensors.values()) {
    if (values.length !== shape.reduce((a, b) => a * b, 1)) throw new Error('numbers that do not fit their shape');
    numbers += values.length;
  }
  if (numbers * 2 > bytes.length) throw new Error('more numbers than the file holds');
}
