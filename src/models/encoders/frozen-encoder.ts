import { createHash } from 'node:crypto';
import type { ModelPrompt, RgbImage } from '../ports.js';
import { Readings } from './known-readings.js';

/** A model that is not trained here: it gives vectors of `width` numbers for what a prompt is made of. */
export interface FrozenEncoder {
  width: number;
  /** Of everything that decides its vectors: weights trained with one do not fit another. */
  sha256: string;
  /** One for each token. The same text gives the same vectors, whatever was read before it; an empty one gives none. */
  read(text: string): Promise<Float32Array[]>;
  /** The parts of an image, row by row; left out by an encoder that reads words alone. */
  look?(image: RgbImage): Promise<Float32Array[]>;
  close(): Promise<void>;
}

type Part = ModelPrompt['parts'][number];

/**
 * What the encoder gives for texts and images, by `partKey`, their vectors in reading order: networks look it up and never
 * wait.
 */
export type PartVectors = ReadonlyMap<string, readonly Float32Array[]>;

/**
 * The vectors of all that an encoder reads of some prompts; `readings` may know some of them. A first frame is not
 * looked at: the sampler keeps it as it is, and training takes another one of a clip each time.
 */
export async function readParts(
  encoder: FrozenEncoder,
  prompts: Iterable<Pick<ModelPrompt, 'instruction' | 'parts'>>,
  { readings = new Readings(), signal }: { readings?: Readings; signal?: AbortSignal } = {},
): Promise<PartVectors> {
  const parts = new Map<string, Part>();
  for (const { instruction, parts: others } of prompts)
    for (const part of [{ text: instruction }, ...others]) if (isRead(encoder, part)) parts.set(partKey(part), part);
  const vectors = new Map<string, readonly Float32Array[]>();
  for (const [key, part] of parts) {
    signal?.throwIfAborted();
    const read = await readings.of({
      key: `${encoder.sha256} ${key}`,
      read: () => ('text' in part ? encoder.read(part.text) : encoder.look!(part.pixels)),
      bytesOf: (all) => all.reduce((sum, { byteLength }) => sum + byteLength, 0),
    });
    vectors.set(key, read);
  }
  return vectors;
}

const isRead = ({ look }: FrozenEncoder, part: Part) => 'text' in part || (look && part.role !== 'first-frame');

/** Tells parts of prompts apart by what is in them. */
export function partKey(part: { text: string } | { pixels: RgbImage }): string {
  if ('text' in part) return `text ${part.text}`;
  const { pixels } = part;
  let key = imageKeys.get(pixels);
  if (key === undefined) {
    const { width, height, data } = pixels;
    key = `image ${width}x${height} ${createHash('sha256').update(data).digest('base64')}`;
    imageKeys.set(pixels, key);
  }
  return key;
}

const imageKeys = new WeakMap<RgbImage, string>();
