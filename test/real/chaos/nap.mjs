// @ts-nocheck: a plain script, copied beside the topology of a run
import { createHash } from 'node:crypto';
import { defineOperator, z } from 'vimi';

/*
 * Makes some jobs slow: waits for a time that follows from the prompt, so that a job that is done again takes as long.
 *
 * In      query
 * Out     the same
 * Drops   nothing
 * Fails   nothing
 * Memory  nothing
 */
export default defineOperator(
  {
    name: 'nap',
    summary: 'Waits for a time that follows from the prompt.',
    contract: { in: 'query.', out: 'The same.', drops: 'Nothing.', fails: 'Nothing.', memory: 'Nothing.' },
    config: z.strictObject({
      least_ms: z.number().int().min(0).default(50).describe('Milliseconds.'),
      most_ms: z.number().int().min(1).default(5000).describe('Milliseconds; times between are as likely by ratio.'),
    }),
    example: '- nap: { most_ms: 5000 }',
    needs: ['query'],
    adds: [],
  },
  {
    concurrency: 64,
    async process({ query }, { config: { least_ms, most_ms }, clock, signal }) {
      const share = createHash('sha256').update(query.text).digest().readUInt32BE() / 2 ** 32;
      await clock.sleep(least_ms * (most_ms / least_ms) ** share, signal);
      return {};
    },
  },
);
