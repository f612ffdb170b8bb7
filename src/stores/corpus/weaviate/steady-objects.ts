import type { WeaviateHttp } from './http.js';
import { type Hit, Objects } from './objects.js';

/**
 * Reads while records are written again. The engine takes an object out of its indexes and then puts the new one in, so a
 * query may miss those that are just being written. Once they are written a second look finds them, and may miss others,
 * which the first one found.
 */
export class SteadyObjects extends Objects {
  readonly #untilWritten: () => Promise<void>;

  /** `untilWritten` resolves when what was being written when it was called is written. */
  constructor(http: WeaviateHttp, collection: string, untilWritten: () => Promise<void>) {
    super(http, collection);
    this.#untilWritten = untilWritten;
  }

  override async hits(query: Parameters<Objects['hits']>[0]): Promise<Hit[]> {
    const first = await super.hits(query);
    await this.#untilWritten();
    const found = new Map(first.map((hit) => [hit.document, hit]));
    for (const hit of await super.hits(query)) found.set(hit.document, hit);
    return [...found.values()];
  }
}
