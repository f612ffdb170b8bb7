import type { ModelPrompt } from '../ports.js';

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

/** The vectors of all texts of some prompts. */
export async function readTexts(
  encoder: FrozenEncoder,
  prompts: Iterable<Pick<ModelPrompt, 'instruction' | 'parts'>>,
  { signal, onText }: { signal?: AbortSignal; onText?(read: number, of: number): void } = {},
): Promise<TextVectors> {
  const vectors = new Map<string, readonly Float32Array[]>();
  const texts = new Set<string>();
  for (const { instruction, parts } of prompts) {
    texts.add(instruction);
    for (const part of parts) if ('text' in part) texts.add(part.text);
  }
  for (const text of texts) {
    signal?.throwIfAborted();
    vectors.set(text, await encoder.read(text));
    onText?.(vectors.size, texts.size);
  }
  return vectors;
}
