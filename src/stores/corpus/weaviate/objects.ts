import { failure, meaningOf, ReplicaAway } from './failures.js';
import { type GetQuery, getQuery } from './graphql.js';
import type { WeaviateHttp } from './http.js';
import { keyOf } from './key.js';
import type { StoredObject } from './stored.js';

/** Objects written, and ids asked for, in one call. */
export const most = 64;
/** What one query gives at most: the server's own limit. */
export const mostHits = 10_000;

export interface Hit {
  document: string;
  _additional: { id: string; score?: string; distance?: number; vectors?: { caption?: number[]; image?: number[] } };
  [property: string]: unknown;
}

/** Reading and writing the objects of one collection. */
export class Objects {
  readonly #http: WeaviateHttp;
  readonly collection: string;
  #placed: { replicas: number; shards: number } | undefined;

  constructor(http: WeaviateHttp, collection: string) {
    this.#http = http;
    this.collection = collection;
  }

  /** By the name that its key is made from; null: not there. A majority of the replicas is asked. */
  async get(name: string, { vectors = false } = {}): Promise<{ properties: unknown; vectors?: unknown } | null> {
    const asked = `consistency_level=QUORUM${vectors ? '&include=vector' : ''}`;
    const path = `/v1/objects/${this.collection}/${keyOf(name)}?${asked}`;
    const { status, json } = await this.#http.call('GET', path, { accepts: [404] });
    return status === 404 ? null : (json as { properties: unknown; vectors?: unknown });
  }

  async hits(query: Omit<GetQuery, 'collection'>): Promise<Hit[]> {
    const data = await this.#http.query<{ Get: Record<string, Hit[] | null> }>(
      getQuery({ ...query, collection: this.collection }),
    );
    return data.Get[this.collection] ?? [];
  }

  /** Of these documents, those that are there, in no order. */
  async byId(documents: readonly string[], fields: string): Promise<Hit[]> {
    const found: Hit[] = [];
    for (let n = 0; n < documents.length; n += most) {
      const texts = documents.slice(n, n + most);
      const where = [{ path: 'document', is: 'ContainsAny', texts }] as const;
      found.push(...(await this.hits({ where, limit: texts.length, fields })));
    }
    return found;
  }

  /** All of the collection, page by page. */
  async *all(fields: string): AsyncGenerator<Hit> {
    for (let after = ''; ; ) {
      const page = await this.hits({ after, limit: 500, fields: `${fields} _additional { id }` });
      yield* page;
      if (page.length === 0) return;
      after = page.at(-1)!._additional.id;
    }
  }

  /** On all replicas: whichever answers next knows of it. `before` is called before each call. */
  async write(objects: readonly StoredObject[], before?: () => Promise<void>): Promise<void> {
    await this.checkReplicas();
    await this.#writeAll(objects, before);
    await this.checkReplicas();
  }

  /**
   * The engine takes "all" for all nodes that it sees now. One that is away would come back without what was written
   * meanwhile, and answer from that. So nothing is written while a node is away, and what was written while one left is
   * written again. ReplicaAway: a replica is on a node that the cluster does not see.
   */
  async checkReplicas(): Promise<void> {
    const { replicas, shards } = await this.#placement();
    if (replicas < 2) return;
    const { json } = await this.#http.call('GET', `/v1/nodes/${this.collection}?output=verbose`);
    const { nodes = [] } = json as { nodes?: { status: string; shards?: { name: string }[] | null }[] };
    const there = nodes.flatMap((node) => (node.status === 'HEALTHY' ? (node.shards ?? []) : []));
    if (there.length < replicas * shards)
      throw new ReplicaAway(`${there.length} of ${replicas * shards} replicas`, `writing ${this.collection}`);
  }

  async #placement(): Promise<{ replicas: number; shards: number }> {
    if (this.#placed) return this.#placed;
    const { json } = await this.#http.call('GET', `/v1/schema/${this.collection}`);
    const { replicationConfig, shardingConfig } = json as {
      replicationConfig?: { factor?: number };
      shardingConfig?: { actualCount?: number };
    };
    this.#placed = { replicas: replicationConfig?.factor ?? 1, shards: shardingConfig?.actualCount ?? 1 };
    return this.#placed;
  }

  async #writeAll(objects: readonly StoredObject[], before?: () => Promise<void>): Promise<void> {
    for (let n = 0; n < objects.length; n += most) {
      await before?.();
      const { json } = await this.#http.call('POST', '/v1/batch/objects?consistency_level=ALL', {
        body: { objects: objects.slice(n, n + most) },
      });
      for (const { result } of json as { result?: { errors?: { error?: { message: string }[] } | null } }[]) {
        const message = result?.errors?.error?.map((one) => one.message).join('; ');
        if (message) throw meaningOf(200, message, `writing ${this.collection}`);
      }
    }
  }

  async remove(documents: readonly string[], before?: () => Promise<void>): Promise<void> {
    for (const document of documents) {
      await before?.();
      await this.#http.call('DELETE', `/v1/objects/${this.collection}/${keyOf(document)}?consistency_level=ALL`, {
        accepts: [404],
      });
    }
  }

  /** An object that is no document: found by its name alone. */
  async getRecord<T>(name: string): Promise<T | null> {
    const found = await this.get(name);
    if (!found) return null;
    try {
      return JSON.parse((found.properties as { json: string }).json) as T;
    } catch (cause) {
      throw failure('SEARCH_REFUSED', 'a record that is no JSON', `${this.collection}, ${name}`, cause);
    }
  }

  async putRecord(name: string, record: object, before?: () => Promise<void>): Promise<void> {
    const properties = { document: '', retrievable: false, clip: false, removed: false, json: JSON.stringify(record) };
    await this.write([{ class: this.collection, id: keyOf(name), properties }], before);
  }
}
