import { describe, expect, it } from 'vitest';
import type { Clip, Flow } from '../../../src/flow/flow.js';
import { filter } from '../../../src/operators/media/filter.js';
import { type Limits, strictest } from '../../../src/operators/media/limits.js';
import { describeOperator } from '../operator-contract.js';
import { outcomes, resourcesWith, runOperator } from '../run-operator.js';

const object = { key: 'clips/a.mp4', size: 1, sha256: 'a'.repeat(64), media_type: 'video/mp4' };
const clip = (other: Partial<Clip> = {}): Flow => ({
  clip: {
    ...{ kind: 'clip', object, keyframe: object, start: 0, duration: 2, frames: 24, fps: 12, width: 64, height: 48 },
    ...{ motion: 0.02, perceptual: '0'.repeat(16), imageEmbedding: [1] },
    ...other,
  },
});

describeOperator(filter, { resources: () => resourcesWith({}), good: () => clip(), bad: null });

it('drops by length, size and motion, and names the reason', async () => {
  const config = { min_seconds: 1, min_side: 32, min_motion: 0.01 };
  const run = await runOperator(filter, config, resourcesWith({}), [
    clip(),
    clip({ duration: 0.9 }),
    clip({ duration: 1 }),
    clip({ height: 31 }),
    clip({ motion: 0.009 }),
    clip({ kind: 'still', duration: 0, motion: 0 }),
    clip({ kind: 'still', duration: 0, motion: 0, width: 16 }),
  ]);
  expect(outcomes(run)).toEqual([
    'delivered',
    'too-short',
    'delivered',
    'too-small',
    'too-still',
    'delivered',
    'too-small',
  ]);
});

describe('the limits of filter', () => {
  const scores = { sharpness: 0.002, brightness: 0.4, contrast: 0.2, black: 0.1, frozen: 0.6, letterbox: 0.25 };
  const outcomeWith = async (config: Record<string, unknown>, other: Partial<Clip> = {}) => {
    const run = await runOperator(filter, config, resourcesWith({}), [clip({ scores, ...other })]);
    return run.settlements[0]!.outcome;
  };

  it.each([
    ['min_sharpness', 0.002, 0.0021, 'blurry'],
    ['min_brightness', 0.4, 0.41, 'too-dark'],
    ['max_brightness', 0.4, 0.39, 'too-bright'],
    ['min_contrast', 0.2, 0.21, 'flat'],
    ['max_black', 0.1, 0.09, 'black'],
    ['max_frozen', 0.6, 0.59, 'frozen'],
    ['max_letterbox', 0.25, 0.24, 'letterboxed'],
  ])('%s keeps what just keeps to it, and drops what just does not as %s', async (name, kept, dropped, reason) => {
    expect(await outcomeWith({ [name]: kept })).toEqual({ kind: 'delivered' });
    expect(await outcomeWith({ [name]: dropped })).toEqual({ kind: 'dropped', reason });
  });

  it('drop nothing with score_only', async () => {
    expect(await outcomeWith({ min_sharpness: 1, score_only: true })).toEqual({ kind: 'delivered' });
  });

  it('say so when nothing measured the score, unless every clip keeps to them', async () => {
    expect(await outcomeWith({}, { scores: undefined })).toEqual({ kind: 'delivered' });
    const outcome = await outcomeWith({ min_sharpness: 0.001 }, { scores: undefined });
    expect(outcome).toMatchObject({ kind: 'rejected', error: { code: 'SCORE_MISSING' } });
    expect((outcome as { error: Error }).error.message).toContain('sharpness');
  });

  it('ask nothing about the motion of a still', async () => {
    expect(await outcomeWith({ max_frozen: 0, min_motion: 1 }, { kind: 'still' })).toEqual({ kind: 'delivered' });
  });
});

describe('limits of any other score, and of languages', () => {
  const outcomeOf = async (config: Record<string, unknown>, flow: Flow) =>
    outcomes(await runOperator(filter, config, resourcesWith({}), [flow]))[0];
  const scored = (scores: Record<string, number>, language?: string): Flow => ({
    ...clip({ scores }),
    ...(language && {
      captions: [
        { text: 'x', by: 'given', language },
        { text: 'y', by: 'other', language: 'xx' },
      ],
    }),
  });

  it('name the score and the side in the reason', async () => {
    const flow = scored({ caption_words: 4, safety: 0.3 });
    for (const [limit, outcome] of [
      [{ caption_words: { min: 4, max: 4 } }, 'delivered'],
      [{ caption_words: { min: 5 } }, 'low-caption-words'],
      [{ caption_words: { max: 3 } }, 'high-caption-words'],
      [{ safety: { max: 0.3 } }, 'delivered'],
      [{ safety: { max: 0.29 } }, 'high-safety'],
      [{ aesthetics: { min: 0 } }, 'SCORE_MISSING'],
      [{ constructor: { min: 0 } }, 'SCORE_MISSING'],
    ] as const)
      expect(await outcomeOf({ scores: limit }, flow)).toBe(outcome);
  });

  it('look at the language of the first caption', async () => {
    expect(await outcomeOf({ languages: ['en', 'de'] }, scored({}, 'de'))).toBe('delivered');
    expect(await outcomeOf({ languages: ['en'] }, scored({}, 'de'))).toBe('language');
    expect(await outcomeOf({ languages: ['en'] }, scored({}))).toBe('SCORE_MISSING');
  });

  it('refuse a limit without a number, and keep what is strictest of two steps', () => {
    for (const wrong of [
      { scores: { x: {} } },
      { scores: { x: { min: 'a' } } },
      { scores: { x: 3 } },
      { languages: [] },
    ])
      expect(filter.config.safeParse(wrong).success).toBe(false);
    const read = (config: object) => filter.config.parse(config) as unknown as Limits;
    const both = strictest(
      read({ min_side: 10, max_black: 0.5, scores: { a: { min: 1, max: 9 }, b: { max: 2 } }, languages: ['en', 'de'] }),
      read({ min_side: 20, max_black: 0.7, scores: { a: { min: 2, max: 8 }, c: { min: 3 } }, languages: ['de', 'fr'] }),
    );
    expect(both).toMatchObject({
      ...{ min_side: 20, max_black: 0.5, languages: ['de'] },
      scores: { a: { min: 2, max: 8 }, b: { max: 2 }, c: { min: 3 } },
    });
    expect(strictest(read({}), read({}))).not.toHaveProperty('languages');
  });

  it('refuse a least value above the most that the same score may have, where it stands', () => {
    const wrong = (config: object) =>
      filter.config.safeParse(config).error?.issues.map(({ path, message }) => `${path.join('.')}: ${message}`);
    expect(wrong({ scores: { sharpness: { min: 0.9, max: 0.1 }, a: { min: 1, max: 1 } } })).toContain(
      'scores.sharpness.min: at most max (0.1)',
    );
    expect(wrong({ min_brightness: 0.6, max_brightness: 0.2 })).toEqual([
      'min_brightness: at most max_brightness (0.2)',
    ]);
    expect(wrong({ min_brightness: 0.6, scores: { brightness: { max: 0.5 } } })).toEqual([
      'min_brightness: at most brightness.max (0.5)',
    ]);
    expect(wrong({ max_brightness: 0.2, scores: { brightness: { min: 0.5 } } })).toEqual([
      'scores.brightness.min: at most max_brightness (0.2)',
    ]);
    expect(wrong({ min_brightness: 0.5, max_brightness: 0.5, scores: { a: { min: 1, max: 1 } } })).toBeUndefined();
  });
});
