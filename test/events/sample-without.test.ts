import { describe, expect, it } from 'vitest';
import { instructions } from '../../src/events/prompt.js';
import { digestsNamed, readSample, sampleGroundedIn, sampleWithout, writeSample } from '../../src/events/sample.js';

const image = (digit: string) => ({
  key: `images/${digit}`,
  size: 1,
  sha256: digit.repeat(64),
  media_type: 'image/webp',
});
const entry = (digit: string) => ({
  ...{ document: digit.repeat(64), caption: `a thing "prompt":{ ${digit}`, image: image(digit), score: 0.5 },
  ranks: { lexical: 1 },
});

const clip = (digit: string) => ({
  ...{ key: `clips/${digit}`, size: 1, sha256: `e${digit.repeat(63)}`, media_type: 'video/mp4' },
  ...{ frames: 12, fps: 12.5, seconds: 0.96 },
});
const motion = (digit: string) => ({ ...entry(digit), clip: clip(digit) });

function facts(digits: string[], motions: string[] = []) {
  return writeSample({
    caption: 'a fox',
    captions: [{ text: 'a fox', by: 'given' }],
    prompt: {
      task: 'text-to-video',
      instruction: instructions[digits.length > 0 ? 'text-to-video with context' : 'text-to-video'],
      parts: [
        ...digits.flatMap((digit) => [
          { text: entry(digit).caption },
          { image: image(digit), role: 'reference' as const },
        ]),
        ...motions.map((digit) => ({ clip: clip(digit), caption: motion(digit).caption, role: 'motion' as const })),
        { text: 'a fox' },
      ],
    },
    context: [...digits.map(entry), ...motions.map(motion)],
    corpus: { documents: 2, digest: 'd'.repeat(32) },
    clip: { kind: 'clip', start: 0, duration: 1, frames: 12, fps: 12, width: 8, height: 8, motion: 1 },
    scores: { sharpness: 1 },
    provenance: { uri: 'u', source: 's', licence: 'l', sha256: 'c'.repeat(64), event: 'e' },
  });
}

describe('a sample without a document of its context', () => {
  it('is, byte for byte, the sample that would have been made without it', () => {
    const without = (json: string, digits: string) =>
      sampleWithout(json, ({ document }) => digits.includes(document[0]!));
    expect(without(facts(['a', 'b']), 'a')).toBe(facts(['b']));
    expect(without(facts(['a', 'b']), 'ab')).toBe(facts([]));
    expect(without(facts(['a', 'b']), 'x')).toBeNull();
    expect(digestsNamed(facts(['b']))).toContain('b'.repeat(64));
  });

  it('loses the motion examples of it, and no image or caption that is another’s', () => {
    const without = (json: string, digits: string) =>
      sampleWithout(json, ({ clip }) => digits.includes(clip?.sha256[1] ?? 'x'));
    expect(without(facts(['a', 'b'], ['c', 'd']), 'c')).toBe(facts(['a', 'b'], ['d']));
    // The same picture and caption once as an image, once as a motion.
    expect(without(facts(['a'], ['a']), 'a')).toBe(facts(['a']));
    expect(without(facts([], ['a']), 'a')).toBe(facts([]));
    expect(digestsNamed(facts([], ['a']))).toContain(clip('a').sha256);
    expect(digestsNamed(without(facts([], ['a']), 'a')!)).not.toContain(clip('a').sha256);
  });
});

describe('a sample that is grounded in something else', () => {
  const grounding = (motions: string[]) => ({
    prompt: {
      task: 'text-to-video' as const,
      instruction: instructions['text-to-video'],
      parts: [
        ...motions.map((digit) => ({ clip: clip(digit), caption: motion(digit).caption, role: 'motion' as const })),
        { text: 'a fox' },
      ],
    },
    context: motions.map(motion),
    corpus: { documents: 2, digest: 'd'.repeat(32) },
  });

  it('is the sample that would have been made so, motion examples and all', () => {
    expect(sampleGroundedIn(facts(['a']), grounding(['b']))).toBe(facts([], ['b']));
    expect(sampleGroundedIn(facts([], ['b']), grounding([]))).toBe(facts([]));
  });

  it('keeps to the fields of a layout without clips, as the other samples of its shard do', () => {
    const old = facts(['a']).replace('"layout":4', '"layout":3').replaceAll('"clip":"",', '');
    const { parts } = readSample(sampleGroundedIn(old, grounding([])), 'here').prompt;
    expect(parts).toEqual([{ text: 'a fox', image: '', role: '' }]);
    const moving = readSample(sampleGroundedIn(old, grounding(['b'])), 'here').prompt.parts;
    expect(moving.map(({ clip }) => clip)).toEqual([clip('b').sha256, '']);
  });
});
