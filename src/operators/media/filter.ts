import { z } from 'zod';
import { defineOperator } from '../../flow/define-operator.js';
import { drop } from '../../flow/map-each.js';
import { boundsOf, contradictions, limitSettings, scoresOf, verdictOf } from './limits.js';

/*
 * In      clip; captions where there are some
 * Out     the same
 * Drops   what does not keep to a limit, for the first such one in the order of limits.ts; with score_only nothing
 * Fails   SCORE_MISSING: a limit is set on a score that no step measured
 * Memory  none
 */
export const filter = defineOperator(
  {
    name: 'filter',
    summary:
      'Drops clips by what was measured of them and of their captions: length, size, motion, sharpness and more.',
    contract: {
      in: 'clip; the language of its captions.',
      out: 'The same. The step recognise records the scores of every clip, dropped or not; `vimi corpus thresholds` tells from them what other limits would keep.',
      drops:
        'Clips that do not keep to a limit, for the first such limit in this order: too-short, too-small, too-still, black, frozen, too-dark, too-bright, flat, blurry, letterboxed; for a score under `scores` low-NAME or high-NAME, such as low-caption-words; language. Stills have no duration and no motion, so min_seconds, min_motion and max_frozen do not concern them. With score_only nothing.',
      fails:
        'SCORE_MISSING if a limit is set on a score that no step before this one measured: captions have their scores after the step caption, so limits on them need a second filter behind it.',
      memory: 'None.',
    },
    config: z
      .strictObject({
        ...limitSettings,
        score_only: z
          .boolean()
          .default(false)
          .describe('Nothing is dropped: for a first look at the scores of new media, before limits are decided.'),
      })
      .superRefine((wanted, { addIssue }) => {
        for (const { path, expected } of contradictions(wanted)) addIssue({ code: 'custom', path, message: expected });
      }),
    example: '- filter: { min_seconds: 0.5, min_side: 32, scores: { safety: { max: 0.3 } } }',
    needs: ['clip'],
    optional: ['captions'],
    adds: [],
  },
  {
    open: ({ config }) => boundsOf(config),
    process({ clip, captions }, { config: { score_only }, state: bounds }) {
      if (score_only) return {};
      const judged = { kind: clip.kind, scores: scoresOf(clip), language: captions?.[0]?.language };
      const failed = verdictOf(judged, bounds);
      return failed === null ? {} : drop(failed.reason);
    },
  },
);
