import { z } from 'zod';
import type { SeenJobs } from '../../app/looks/pipelines.js';
import { either } from '../../core/either.js';
import { processUrl } from '../process-at.js';

/** A process that is slower with it is not waited for: its jobs are only shown without their progress. */
const answerMs = 2_000;

const answer = z.object({
  data: z.array(
    z.object({
      name: z.string(),
      jobs: z
        .object({
          running: z.array(z.object({ job: z.string(), progress: z.number(), seconds: z.number() })),
        })
        .nullable(),
    }),
  ),
});

export type RunningJobs = SeenJobs['running'];

/**
 * The jobs in progress of a process, by pipeline; `denied`: it asks for a key, and this one is none or has not the scope read.
 * undefined: it does not tell, as an older one, or one behind an address of its own.
 */
export async function runningJobs(
  address: string,
  { key, signal }: { key: string | undefined; signal: AbortSignal },
): Promise<Map<string, RunningJobs> | 'denied' | undefined> {
  const url = processUrl(address, '/v1/pipelines');
  if (url.pathname !== '/v1/pipelines') return undefined;
  url.searchParams.set('over', '0');
  const { signal: over, letGo } = either(signal, AbortSignal.timeout(answerMs));
  try {
    const response = await fetch(url, {
      signal: over,
      redirect: 'manual',
      headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
    });
    if (response.status === 401 || response.status === 403) return 'denied';
    const { data } = answer.parse(await response.json());
    return new Map(data.map(({ name, jobs }) => [name, jobs?.running ?? []]));
  } catch {
    return undefined;
  } finally {
    letGo();
  }
}
