import { z } from 'zod';
import { defineOperator } from '../../../src/flow/define-operator.js';
import type { Flow } from '../../../src/flow/flow.js';
import type { Operator } from '../../../src/flow/operator.js';

/** An operator that lets everything through, for topologies that are read and not run. */
function passing(
  name: string,
  needs: (keyof Flow)[],
  adds: (keyof Flow)[],
  config: z.ZodObject = z.strictObject({}),
  product?: Operator['product'],
): Operator {
  const contract = { in: '', out: '', drops: '', fails: '', memory: '' };
  const spec = { name, summary: `Does ${name}.`, contract, config, example: `- ${name}`, needs, adds, product };
  return defineOperator(spec, { process: () => ({}) as never });
}

const share = z.number().min(0).max(1);

/** With the names and needs of the real ones, so that the reader is tested apart from them. */
export const testOperators: Operator[] = [
  passing(
    'admit',
    ['request'],
    ['job', 'query'],
    z.strictObject({ max_frames: z.number().int().min(1).max(1024).default(64) }),
  ),
  passing('embed', ['query'], ['embeddings']),
  passing(
    'retrieve',
    ['query', 'embeddings'],
    ['context'],
    z.strictObject({
      mode: z.enum(['lexical', 'dense', 'hybrid']).default('hybrid'),
      k: z.number().int().min(0).max(16).default(3),
      min_score: share.optional(),
      tag: z.string().default(''),
      weights: z.strictObject({ text: share.default(1), image: share.default(1) }).optional(),
    }),
  ),
  passing('compose', ['query', 'context'], ['prompt'], z.strictObject({ images: z.number().int().default(1) })),
  passing(
    'denoise',
    ['job', 'prompt'],
    ['frames'],
    z.strictObject({
      model: z.string().default('nano'),
      jobs: z.string().default('jobs').describe('Topic of progress.').meta({ topic: 'job.changed' }),
    }),
  ),
  passing('encode', ['job', 'prompt', 'context', 'frames'], ['product'], undefined, {
    schema: 'video.completed',
    fields: ['job'],
  }),
  passing('fetch', ['media'], ['file']),
  passing('probe', ['file'], ['probe']),
  passing('split', ['file', 'probe'], ['clip']),
  passing('filter', ['clip'], []),
  passing('caption', ['file', 'clip', 'media'], ['query']),
  passing('deduplicate', ['clip', 'context'], []),
  passing('index', ['clip', 'query', 'embeddings'], []),
  passing('shard', ['clip', 'query', 'context', 'prompt'], [], undefined, {
    schema: 'samples.sealed',
    fields: ['shard'],
  }),
];
