import { z } from 'zod';
import { drop, mapEach } from './map-each.js';
import { defineOperator } from './operator.js';

/*
 * In      clip
 * Out     the same
 * Drops   too-short, too-small, too-still; a still has no duration and no motion, so only its size counts
 * Fails   never
 * Memory  none
 */
export const filter = defineOperator(
  {
    name: 'filter',
    summary: 'Leaves out clips that are too short, too small or without motion.',
    contract: {
      in: 'clip.',
      out: 'The same.',
      drops: 'too-short, too-small and too-still clips, tried in this order. Of a still only the size counts.',
      fails: 'Never.',
      memory: 'None.',
    },
    config: z.strictObject({
      min_seconds: z.number().min(0).default(0.5).describe('Shorter clips are dropped.'),
      min_side: z
        .number()
        .int()
        .min(1)
        .default(16)
        .describe('Clips and stills whose shorter side has fewer pixels are dropped.'),
      min_motion: z
        .number()
        .min(0)
        .max(60)
        .default(0.015)
        .describe(
          'Clips that change by less in a second are dropped, whatever their rate: the sum of the mean differences of neighbouring frames, 1 being black to white.',
        ),
    }),
    example: '- filter: { min_seconds: 0.5, min_side: 32 }',
    needs: ['clip'],
    adds: [],
  },
  ({ min_seconds, min_side, min_motion }, { clock }) => ({
    step: mapEach<'clip'>(
      ({ clip }) => {
        const moves = clip.kind === 'clip';
        if (moves && clip.duration < min_seconds) return drop('too-short');
        if (Math.min(clip.width, clip.height) < min_side) return drop('too-small');
        if (moves && clip.motion < min_motion) return drop('too-still');
        return {};
      },
      { step: 'filter', concurrency: 1, clock },
    ),
  }),
);
