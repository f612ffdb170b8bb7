import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { cosine } from '../../../../src/stores/corpus/ranking/checked-vector.js';
import { noiseLevel, noiseOf } from '../../../../src/stores/corpus/ranking/noise.js';
import { embedder } from '../corpus-documents.js';

const demo: string[] = readFileSync(join(import.meta.dirname, '../../../../examples/media/media.jsonl'), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line))
  .filter(({ uri }) => !uri.endsWith('.mp4'))
  .map(({ caption }) => caption);
const sampled = (captions: string[]) =>
  captions.map((caption) => ({ caption, vectors: { caption: embedder.text(caption), image: [1, 0] } }));

describe('[streams F8] the noise of a corpus', () => {
  const noise = noiseOf(sampled(demo))!;
  const level = noiseLevel(noise.caption, demo.length);

  it('is above what unrelated short prompts reach with the built-in embedder, and below the same in other spelling', () => {
    const highest = (prompt: string) =>
      Math.max(...demo.map((caption) => cosine(embedder.text(prompt), embedder.text(caption))));
    // Once the level was a constant 0.55, and these were grounded in a penguin and a laptop.
    for (const prompt of ['a car', 'a person', 'a truck', 'a sink']) {
      expect(highest(prompt), prompt).toBeGreaterThan(0.5);
      expect(highest(prompt), prompt).toBeLessThan(level);
    }
    expect(level).toBeLessThan(0.99);
  });

  it('rises with the number of documents, and follows the embedder', () => {
    expect(noiseLevel(noise.caption, 100_000)).toBeGreaterThan(level);
    // Every caption a direction of its own: nothing is alike by chance.
    const apart = demo.map((caption, n) => ({
      caption,
      vectors: { caption: demo.map((_, i) => (i === n ? 1 : 0)), image: [1, 0] },
    }));
    expect(noiseLevel(noiseOf(apart)!.caption, demo.length)).toBeLessThan(0.01);
  });

  it('is not guessed from too few: then only what is the same is found by likeness', () => {
    expect(noiseOf(sampled(demo.slice(0, 30)))).toBeNull();
    expect(noiseLevel(undefined, 30)).toBe(0.99);
  });
});
