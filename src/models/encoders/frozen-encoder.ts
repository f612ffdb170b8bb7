import type { ModelPrompt } from '../ports.js';
import { Readings } from './known-readings.js';

/** A language model that is not trained here: it gives a vector of `width` numbers for each token of a text. */
export interface FrozenEncoder {
  width: number;
  /** Of everything that decides its vectors: weights trained with one do not fit another. */
  sha256: string;
  /** The same text gives the same vectors, whatever was read before it; an empty one gives none. */
  read(text: string): Promise<Float32Array[]>;
  close(): Promise<void>;
}

/** What the encoder gives for each text, its vectors in reading order: networks look it up and never wait. */
export type TextVectors = ReadonlyMap<string, readonly Float32Array[]>;

/** The vectors of all texts of some prompts; `readings` may know some of them. */
export async function readTexts(
  encoder: FrozenEncoder,
  prompts: Iterable<Pick<ModelPrompt, 'instruction' | 'parts'>>,
  {
    readings = new Readings(),
    signal,
    onText,
  }: { readings?: Readings; signal?: AbortSignal; onText?(read: number, of: number): void } = {},
): Promise<TextVectors> {
  const vectors = new Map<string, readonly Float32Array[]>();
  const texts = new Set<string>();
  for (const { instruction, parts } of prompts) {
    texts.add(instruction);
    for (const part of parts) if ('text' in part) texts.add(part.text);
  }
  for (const text of texts) {
    signal?.throwIfAborted();
    const read = await readings.of({
      key: `text ${encoder.sha256} ${text}`,
      read: () => encoder.read(text),
      bytesOf: (all) => all.reduce((sum, { byteLength }) => sum + byteLength, 0),
    });
    vectors.set(text, read);
    onText?.(vectors.size, texts.size);
  }
  return vectors;
}
