import { resolve } from 'node:path';
import { z } from 'zod';
import { VimiError } from '../../core/errors.js';
import { defineOperator } from '../../flow/define-operator.js';
import type { Embedder, ScoreNet } from '../../models/ports.js';
import { decodedImage } from '../decoded-image.js';
import { measuredBySteps } from './limits.js';

/*
 * In      clip
 * Out     clip: with a score from 0 to 1 of each net
 * Drops   nothing; what to drop is for filter to say
 * Fails   OBJECT_NOT_FOUND, OBJECT_DAMAGED (a keyframe). A net that cannot be used ends the pipeline when it starts
 * Memory  `concurrency` keyframes; the nets
 */

const net = z.strictObject({
  name: z
    .string()
    .regex(/^[a-z][a-z0-9_]{0,31}$/, 'small letters, digits and underscores, at most 32')
    .refine((name) => !measuredBySteps(name), 'a name that no score of vimi has'),
  folder: z.string().min(1).max(4096),
});

export const measure = defineOperator(
  {
    name: 'measure',
    summary: 'Scores the keyframe of each clip with nets of your own: text in the picture, safety, aesthetics.',
    contract: {
      in: 'clip.',
      out: 'clip: with a score from 0 to 1 of each net, by its name. They are recorded like all scores, and the step filter limits them: scores: { safety: { max: 0.3 } }.',
      drops: 'Nothing.',
      fails:
        'OBJECT_NOT_FOUND or OBJECT_DAMAGED for a keyframe. A net that is missing or does not fit its score.json ends the pipeline when it starts: WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED, PACKAGE_NOT_INSTALLED.',
      memory: 'The nets, and the keyframes that they look at.',
    },
    config: z.strictObject({
      nets: z
        .array(net)
        .max(16)
        .refine((nets) => new Set(nets.map(({ name }) => name)).size === nets.length, 'each name once')
        .default([])
        .describe(
          'Each with the name of its score and its folder, which holds an ONNX file and score.json (docs/guides/score-nets.md).',
        ),
      concurrency: z.number().int().min(1).max(64).default(2).describe('Clips measured at once.'),
    }),
    example: '- measure: { nets: [{ name: text, folder: nets/text }] }',
    needs: ['clip'],
    adds: [],
  },
  {
    concurrency: ({ concurrency }) => concurrency,
    async open(run) {
      const { openScoreNet } = await import('../../models/scoring/score-net.js');
      const opened = new Map<string, ScoreNet>();
      try {
        for (const { name, folder } of run.config.nets) {
          const place = resolve(run.topologyFolder, folder);
          const one = await openScoreNet(place);
          opened.set(name, one);
          if (one.sees === 'embedding') checkEncoder(one, run.embedder, place);
        }
        return opened;
      } catch (thrown) {
        for (const one of opened.values()) await one.close();
        throw thrown;
      }
    },
    close: async ({ state }) => {
      await Promise.all([...state.values()].map((one) => one.close()));
    },
    async process({ clip }, { state, objects }) {
      const scores: Record<string, number> = { ...clip.scores };
      for (const [name, one] of state)
        scores[name] = await one.score(
          one.sees === 'image' ? await decodedImage(clip.keyframe, objects) : clip.imageEmbedding,
        );
      return { clip: { ...clip, scores } };
    },
  },
);

/** A head was trained on the vectors of one encoder. */
function checkEncoder({ encoder, dimensions }: ScoreNet, embedder: Embedder, where: string): void {
  if ((encoder ?? embedder.name) === embedder.name && dimensions === embedder.dimensions.image) return;
  throw new VimiError('WEIGHTS_DAMAGED', 'This net is not made for the encoder of the profile', {
    expected: `the encoder ${encoder ?? ''} with vectors of ${dimensions} numbers`.replace('  ', ' '),
    found: `${embedder.name}, of ${embedder.dimensions.image}`,
    where,
    remedy: 'Name the encoder that it is made for in the profile (search.encoder), or take another net.',
  });
}
