import { createHash } from 'node:crypto';
import type { PromptItem } from './prompt-input.js';

/** Tells prompts apart by what is in them: the same words and images have the same key. */
export function promptKey(items: readonly PromptItem[]): string {
  const hash = createHash('sha256');
  const add = (what: object, numbers: Float32Array = new Float32Array()) => {
    hash.update(`${JSON.stringify([what, numbers.length])}\n`);
    hash.update(Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength));
  };
  for (const item of items)
    if ('word' in item) add({ word: item.word });
    else if ('image' in item) add({ image: item.role }, item.image);
    else if ('path' in item) add({ path: item.path.length }, item.path);
    else add({ vector: item.of }, item.vector);
  return hash.digest('base64');
}
