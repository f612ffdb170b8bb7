import { VimiError } from '../../core/errors.js';
import type { Port } from '../../models/encoders/onnx/net.js';

/** How numbers are made of a byte of colour: (byte / 255 - mean) / deviation, per channel. */
const scales = {
  '-1..1': { mean: [0.5, 0.5, 0.5], deviation: [0.5, 0.5, 0.5] },
  '0..1': { mean: [0, 0, 0], deviation: [1, 1, 1] },
  '0..255': { mean: [0, 0, 0], deviation: [1 / 255, 1 / 255, 1 / 255] },
  imagenet: { mean: [0.485, 0.456, 0.406], deviation: [0.229, 0.224, 0.225] },
  clip: { mean: [0.48145466, 0.4578275, 0.40821073], deviation: [0.26862954, 0.26130258, 0.27577711] },
} as const;
export type PixelScale = keyof typeof scales;
export const pixelScales = Object.keys(scales) as PixelScale[];

/** What a net of images or videos takes, as its input says: N of them, T frames of H x W pixels. */
export interface NetInput {
  name: string;
  /** How many at once; null: as many as one likes. */
  batch: number | null;
  /** null: a net of images. */
  frames: number | null;
  height: number;
  width: number;
  /** The order of the sides in memory. */
  order: ('N' | 'C' | 'T' | 'H' | 'W')[];
  bytes: boolean;
}

const orders: NetInput['order'][] = [
  ['N', 'C', 'H', 'W'],
  ['N', 'H', 'W', 'C'],
  ['N', 'C', 'T', 'H', 'W'],
  ['N', 'T', 'H', 'W', 'C'],
  ['N', 'T', 'C', 'H', 'W'],
];
const mostNumbers = 2 ** 26;

/**
 * Reads a net's one input: [N, 3, H, W], [N, H, W, 3], and for videos [N, 3, T, H, W] (as I3D usually has it),
 * [N, T, H, W, 3] or [N, T, 3, H, W]. Sides that the net leaves open are those of `given`. SHAPE_MISMATCH, USAGE.
 */
export function netInput(inputs: readonly Port[], given: { frames?: number; side?: number }, where: string): NetInput {
  const [port, ...others] = inputs;
  const order =
    port && orders.find((sides) => sides.length === port.shape.length && port.shape[sides.indexOf('C')] === 3);
  if (!port || others.length > 0 || !order || !(port.type === 'float32' || port.type === 'uint8'))
    throw new VimiError('SHAPE_MISMATCH', 'This net accepts neither images nor videos', {
      expected: `one input: ${orders.map((sides) => `[${sides.join(', ').replace('C', '3')}]`).join(' or ')}`,
      found: inputs.map(({ name, type, shape }) => `${name}: ${type} [${shape}]`).join(', '),
      where,
    });
  const sideOf = (letter: 'T' | 'H' | 'W', open: number | undefined, option: string): number => {
    const side = port.shape[order.indexOf(letter)];
    if (typeof side === 'number' && side >= 1) return side;
    if (open !== undefined) return open;
    throw new VimiError('USAGE', `The net does not fix ${letter}`, {
      expected: option,
      found: `[${port.shape}]`,
      where,
    });
  };
  const batch = port.shape[0];
  const input: NetInput = {
    ...{ name: port.name, order, bytes: port.type === 'uint8' },
    batch: typeof batch === 'number' && batch >= 1 ? batch : null,
    frames: order.includes('T') ? sideOf('T', given.frames, '--frames') : null,
    height: sideOf('H', given.side, '--side'),
    width: sideOf('W', given.side, '--side'),
  };
  const numbers = (input.batch ?? 1) * (input.frames ?? 1) * input.height * input.width * 3;
  if (numbers > mostNumbers)
    throw new VimiError('SHAPE_MISMATCH', 'The net takes too much at once', {
      expected: `at most ${mostNumbers} numbers`,
      found: String(numbers),
      where,
    });
  return input;
}

/** Clips of RGB frames (one frame for a net of images) as the net takes them. */
export function netNumbers(
  input: NetInput,
  clips: readonly (readonly Uint8Array[])[],
  scale: PixelScale,
): { values: Float32Array | Uint8Array; shape: number[] } {
  const { order, height: H, width: W, frames, bytes } = input;
  const sizes = { N: clips.length, C: 3, T: frames ?? 1, H, W };
  const shape = order.map((letter) => sizes[letter]);
  const stride = { N: 0, C: 0, T: 0, H: 0, W: 0 };
  let length = 1;
  for (const letter of [...order].reverse()) {
    stride[letter] = length;
    length *= sizes[letter];
  }
  const { mean, deviation } = scales[scale];
  const values = bytes ? new Uint8Array(length) : new Float32Array(length);
  for (const [n, clip] of clips.entries())
    for (const [t, frame] of clip.entries())
      for (let y = 0; y < H; y++)
        for (let x = 0; x < W; x++)
          for (let c = 0; c < 3; c++) {
            const byte = frame[(y * W + x) * 3 + c]!;
            values[n * stride.N + t * stride.T + y * stride.H + x * stride.W + c * stride.C] = bytes
              ? byte
              : (byte / 255 - mean[c]!) / deviation[c]!;
          }
  return { values, shape };
}
