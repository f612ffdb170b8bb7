import { z } from 'zod';
import { VimiError } from '../../core/errors.js';
import type { KnownDropReason } from '../../flow/envelope.js';
import type { Clip } from '../../flow/flow.js';
import { notAbove, scoreRange } from '../score-range.js';

/*
 * What a clip must be like to be kept, as settings over its scores. The step filter decides by them while media come in,
 * and `vimi corpus thresholds` afterwards, from the recorded scores alone: both ask `verdictOf`.
 */

export interface Limit {
  /** Which score it is about; `seconds` and `side` are a clip's length and its shorter side. */
  score: string;
  bound: 'min' | 'max';
  reason: KnownDropReason;
  /** At this value every clip passes, measured or not. */
  open: number;
  /** A still has no duration and does not move. */
  onlyClips?: boolean;
  setting: z.ZodDefault<z.ZodNumber>;
}

const share = z.number().min(0).max(1);

/** In the order in which they are asked: the first that a clip does not keep to is the reason of its drop. */
export const limits = {
  min_seconds: {
    ...{ score: 'seconds', bound: 'min', reason: 'too-short', open: 0, onlyClips: true },
    setting: z.number().min(0).default(0.5).describe('Shorter clips are dropped.'),
  },
  min_side: {
    ...{ score: 'side', bound: 'min', reason: 'too-small', open: 1 },
    setting: z
      .number()
      .int()
      .min(1)
      .default(16)
      .describe('Clips and stills whose shorter side has fewer pixels are dropped.'),
  },
  min_motion: {
    ...{ score: 'motion', bound: 'min', reason: 'too-still', open: 0, onlyClips: true },
    setting: z
      .number()
      .min(0)
      .max(60)
      .default(0.015)
      .describe(
        'Clips that change less in a second are dropped, whatever their frame rate. Change: the sum of the mean differences of neighbouring frames, where 1 is black to white.',
      ),
  },
  max_black: {
    ...{ score: 'black', bound: 'max', reason: 'black', open: 1 },
    setting: share.default(1).describe('Largest share of black frames.'),
  },
  max_frozen: {
    ...{ score: 'frozen', bound: 'max', reason: 'frozen', open: 1, onlyClips: true },
    setting: share
      .default(1)
      .describe('Largest share of its time in which a clip stands still for half a second or more.'),
  },
  min_brightness: {
    ...{ score: 'brightness', bound: 'min', reason: 'too-dark', open: 0 },
    setting: share.default(0).describe('Smallest mean grey; 0 is black, 1 is white.'),
  },
  max_brightness: {
    ...{ score: 'brightness', bound: 'max', reason: 'too-bright', open: 1 },
    setting: share.default(1).describe('Largest mean grey.'),
  },
  min_contrast: {
    ...{ score: 'contrast', bound: 'min', reason: 'flat', open: 0 },
    setting: z.number().min(0).max(0.5).default(0).describe('Smallest standard deviation of the grey, 0 to 0.5.'),
  },
  min_sharpness: {
    ...{ score: 'sharpness', bound: 'min', reason: 'blurry', open: 0 },
    setting: z
      .number()
      .min(0)
      .default(0)
      .describe('Smallest variance of the Laplacian. Soft images have less than 0.0005, sharp ones 0.002 and more.'),
  },
  max_letterbox: {
    ...{ score: 'letterbox', bound: 'max', reason: 'letterboxed', open: 1 },
    setting: share.default(1).describe('Largest share of the image that black bars cover.'),
  },
} as const satisfies Record<string, Limit>;

export type LimitName = keyof typeof limits;
export const limitNames = Object.keys(limits) as LimitName[];

/** Their settings, for the schema of a step. */
export const limitSettings = {
  ...(Object.fromEntries(limitNames.map((name) => [name, limits[name].setting])) as {
    [K in LimitName]: (typeof limits)[K]['setting'];
  }),
  languages: z
    .array(z.string().min(2).max(35))
    .min(1)
    .max(100)
    .optional()
    .describe('Languages of captions that are kept, such as [en, de]. Default: all.'),
  scores: z
    .record(z.string().min(1).max(64), scoreRange)
    .default({})
    .describe(
      'Limits of any other score, such as { caption_words: { min: 3 }, safety: { max: 0.3 } }: those of captions, of nets and of custom steps.',
    ),
};
const settings = z.object(limitSettings);
/** A value for each. */
export type Limits = z.infer<typeof settings>;

/** One limit that is set. */
export interface Bound {
  /** `min_motion`, `languages`, or of any other score `safety.max`. */
  name: string;
  score: string;
  reason: KnownDropReason;
  value: number | readonly string[];
  bound: 'min' | 'max' | 'in';
  onlyClips: boolean;
}

/** What limits ask of a clip. */
export interface Judged {
  kind: Clip['kind'];
  scores: Readonly<Record<string, number>>;
  /** Of its caption. */
  language?: string | undefined;
}

/** The limits that are set, in the order in which they are asked: those that not every clip keeps to. */
export function boundsOf(wanted: Limits): Bound[] {
  const builtIn = limitNames.flatMap((name): Bound[] => {
    const { open, onlyClips = false, score, bound, reason }: Limit = limits[name];
    return wanted[name] === open ? [] : [{ name, score, bound, reason, onlyClips, value: wanted[name] }];
  });
  const named = Object.entries(wanted.scores).flatMap(([score, { min, max }]): Bound[] => [
    ...(min === undefined ? [] : [boundOf(score, 'min', min)]),
    ...(max === undefined ? [] : [boundOf(score, 'max', max)]),
  ]);
  const { languages: value } = wanted;
  const languages: Bound[] = value
    ? [{ name: 'languages', score: 'language', reason: 'language', value, bound: 'in', onlyClips: false }]
    : [];
  return [...builtIn, ...named, ...languages];
}

/** Of a score that has no limit of its own. */
export function boundOf(score: string, bound: 'min' | 'max', value: number): Bound {
  const word = score
    .toLowerCase()
    .replace(/[^a-z0-9]+/g, '-')
    .slice(0, 27);
  const reason: KnownDropReason = bound === 'min' ? `low-${word}` : `high-${word}`;
  return { name: `${score}.${bound}`, score, bound, reason, value, onlyClips: false };
}

/** The score for which a clip was dropped with a reason, of those that it has; undefined: no limit gives that reason. */
export function scoreBehind(reason: string, names: readonly string[]): string | undefined {
  const builtIn = Object.values<Limit>(limits).find((one) => one.reason === reason);
  const named = (name: string) =>
    [boundOf(name, 'min', 0), boundOf(name, 'max', 0)].some((one) => one.reason === reason);
  return builtIn?.score ?? names.find(named);
}

/** Whether steps of vimi give a score of that name. */
export function measuredBySteps(name: string): boolean {
  return /^caption_|^language$/.test(name) || Object.values<Limit>(limits).some(({ score }) => score === name);
}

/** The limits that leave nothing over: a least value above the most that the same score may have. Each once, where the least one stands. */
export function contradictions(wanted: Limits): { path: string[]; name: string; expected: string }[] {
  const bounds = boundsOf(wanted);
  return bounds.flatMap(({ name, score, bound, value: least }) => {
    const most = bounds.find((one) => one.score === score && one.bound === 'max' && one.value < least);
    if (bound !== 'min' || most === undefined) return [];
    const path = Object.hasOwn(limits, name) ? [name] : ['scores', score, bound];
    return [{ path, name, expected: notAbove(most.name, Number(most.value)) }];
  });
}

/** All that limits ask of a clip, by name; recorded as it is, so that the same limits always say the same of it. */
export function scoresOf({ scores, motion, duration, width, height }: Clip): Record<string, number> {
  return { ...scores, motion, seconds: duration, side: Math.min(width, height) };
}

/** Whether a clip keeps to a limit; undefined: nothing measured what it asks. */
export function keepsTo({ value, score, bound }: Bound, { scores, language }: Judged): boolean | undefined {
  if (typeof value !== 'number') return language === undefined ? undefined : value.includes(language);
  const found = Object.hasOwn(scores, score) ? scores[score] : undefined;
  if (found === undefined) return undefined;
  return bound === 'min' ? found >= value : found <= value;
}

export function concerns({ onlyClips }: Bound, { kind }: Judged): boolean {
  return !(onlyClips && kind === 'still');
}

/**
 * The first limit that a clip does not keep to; null: it keeps to all. SCORE_MISSING for one that asks what nobody measured, unless
 * that `passes`: of what was dropped early, later steps measured nothing.
 */
export function verdictOf(
  clip: Judged,
  bounds: readonly Bound[],
  unmeasured: 'fails' | 'passes' = 'fails',
): Bound | null {
  for (const bound of bounds) {
    if (!concerns(bound, clip)) continue;
    const keeps = keepsTo(bound, clip);
    if (keeps === false) return bound;
    if (keeps === undefined && unmeasured === 'fails')
      throw new VimiError('SCORE_MISSING', `A limit cannot be checked: nothing measured ${bound.score}`, {
        expected: `a step before the filter that measures ${bound.score}`,
        found: `${bound.name}: ${bound.value}, and the scores ${Object.keys(clip.scores).join(', ')}`,
      });
  }
  return null;
}

/** What keeps to both. */
export function strictest(one: Limits, other: Limits): Limits {
  const pick = (bound: 'min' | 'max', ...values: (number | undefined)[]) => {
    const set = values.filter((value) => value !== undefined);
    if (set.length === 0) return {};
    return { [bound]: bound === 'min' ? Math.max(...set) : Math.min(...set) };
  };
  const names = new Set([...Object.keys(one.scores), ...Object.keys(other.scores)]);
  const scores = [...names].map((name): [string, Limits['scores'][string]] => {
    const [a, b] = [one.scores[name], other.scores[name]];
    return [name, { ...pick('min', a?.min, b?.min), ...pick('max', a?.max, b?.max) }];
  });
  const both = one.languages?.filter((language) => other.languages?.includes(language) ?? true);
  const languages = both ?? other.languages;
  return {
    ...(Object.fromEntries(
      limitNames.map((name) => {
        const values = [one[name], other[name]];
        return [name, limits[name].bound === 'min' ? Math.max(...values) : Math.min(...values)];
      }),
    ) as Record<LimitName, number>),
    scores: Object.fromEntries(scores),
    ...(languages && { languages }),
  };
}
