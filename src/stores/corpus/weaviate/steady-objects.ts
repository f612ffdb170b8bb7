import { setTimeout as sleep } from 'node:timers/promises';
import { type Hit, Objects } from './objects.js';

/** Longer than an object is out of the indexes while it is written: `batchAgain` of objects.ts keeps that short. */
const apartMs = 250;

/**
 * Reads while records are written again. The engine takes an object out of its indexes and then puts the new one in, so a
 * query may miss it. What one look misses another one finds.
 */
export class SteadyObjects extends Objects {
  override async hits(query: Parameters<Objects['hits']>[0]): Promise<Hit[]> {
    const first = await super.hits(query);
    await sleep(apartMs);
    const found = new Map<string, Hit>();
    for (const hit of [...(await super.hits(query)), ...first])
      if (!found.has(hit.document)) found.set(hit.document, hit);
    return [...found.values()];
  }
}
