import { createHash } from 'node:crypto';
import { VimiError } from '../../../core/errors.js';
import { CollectionGone } from './failures.js';
import type { WeaviateHttp } from './http.js';

/** Raise it when a property changes: the next run asks for `vimi corpus rebuild`. */
const layout = 2;

export interface Encoder {
  name: string;
  dimensions: { text: number; image: number };
}

/** By which the engine knows an index: the collections of it, and the alias for the one that is searched. */
export interface IndexNames {
  /** The alias: letters and digits, the first one a capital. */
  index: string;
  encoder: Encoder;
}

const kept = (name: string, dataType: 'text' | 'text[]' | 'boolean' | 'int') => ({
  ...{ name, dataType: [dataType], indexFilterable: false },
  ...(dataType.startsWith('text') && { indexSearchable: false, tokenization: 'field' }),
});
/** Compared as a whole. */
const compared = (name: string, dataType: 'text' | 'text[]' = 'text') => ({
  ...{ name, dataType: [dataType], tokenization: 'field', indexFilterable: true, indexSearchable: false },
});
/** Words come split (lexical-terms.ts): the engine only parts them at spaces. */
const worded = (name: string, indexFilterable: boolean) => ({
  ...{ name, dataType: ['text'], tokenization: 'whitespace', indexFilterable, indexSearchable: true },
});
const flag = (name: string) => ({ name, dataType: ['boolean'], indexFilterable: true });

const properties = [
  ...[compared('document'), flag('retrievable'), flag('clip'), flag('removed')],
  ...[worded('words', false), worded('characters', false), worded('names', true)],
  // Tokens (key.ts) of texts of any length.
  ...[compared('source'), compared('licence'), compared('uri'), compared('file'), compared('content')],
  ...[compared('bands', 'text[]'), kept('perceptual', 'text'), kept('caption', 'text'), kept('json', 'text')],
  // stored.ts says what these are for.
  ...[kept('counted', 'boolean'), kept('partition', 'int'), kept('offset', 'int')],
];

/** Of an encoder, and of how its documents are kept: an index of one hash is of no use to another. */
function encoderHash({ name, dimensions: { text, image } }: Encoder): string {
  return createHash('sha256')
    .update(JSON.stringify([layout, name, text, image]))
    .digest('hex')
    .slice(0, 10);
}

/** The collections of an index are numbered: a rebuilt one is the next. */
const nameOf = ({ index, encoder }: IndexNames, number: number) => `${index}_${encoderHash(encoder)}_${number}`;

const partsOf = (index: string, collection: string) =>
  new RegExp(`^${index}_([0-9a-f]{10})_([0-9]{1,9})$`).exec(collection)?.slice(1);

/** The collection that is searched now; null: there is none yet. INDEX_OF_OTHER_ENCODER: it was made with another encoder. */
export async function currentCollection(http: WeaviateHttp, names: IndexNames): Promise<string | null> {
  const { status, json } = await http.call('GET', `/v1/aliases/${names.index}`, { accepts: [404] });
  if (status === 404) return null;
  const collection = String((json as { class?: unknown } | null)?.class ?? '');
  const hash = partsOf(names.index, collection)?.[0];
  if (hash !== encoderHash(names.encoder))
    throw new VimiError(
      'INDEX_OF_OTHER_ENCODER',
      'The search index was made with another encoder, or is not from vimi',
      {
        expected: `a collection of the encoder ${names.encoder.name}: ${names.index}_${encoderHash(names.encoder)}_N`,
        found: collection,
        where: names.index,
        remedy: 'Build it anew beside the old one with `vimi corpus rebuild`, or give the profile another index.',
      },
    );
  return collection;
}

/** The same; made when there is none. Several processes may do so at once. */
export async function openCollection(http: WeaviateHttp, names: IndexNames, replicas: number): Promise<string> {
  const there = await currentCollection(http, names);
  if (there !== null) return there;
  const collection = nameOf(names, 1);
  await createCollection(http, collection, names.encoder, replicas);
  // 422: another process made the alias first.
  await http.call('POST', '/v1/aliases', { body: { alias: names.index, class: collection }, accepts: [422] });
  const current = await currentCollection(http, names);
  if (current === null) throw new CollectionGone(names.index);
  return current;
}

/** Another collection beside those that there are. */
export async function nextCollection(http: WeaviateHttp, names: IndexNames, replicas: number): Promise<string> {
  const numbers = (await collections(http, names.index)).map((name) => Number(partsOf(names.index, name)![1]));
  const collection = nameOf(names, Math.max(0, ...numbers) + 1);
  await createCollection(http, collection, names.encoder, replicas);
  return collection;
}

/** From now on this one is searched: one change for all processes. */
export async function swapTo(http: WeaviateHttp, index: string, collection: string): Promise<void> {
  const { status } = await http.call('PUT', `/v1/aliases/${index}`, {
    body: { class: collection },
    accepts: [404, 422],
  });
  if (status !== 200) await http.call('POST', '/v1/aliases', { body: { alias: index, class: collection } });
}

/** All collections of an index, of whatever encoder. */
export async function collections(http: WeaviateHttp, index: string): Promise<string[]> {
  const { json } = await http.call('GET', '/v1/schema');
  const classes = (json as { classes?: { class: string }[] } | null)?.classes ?? [];
  return classes.map((one) => one.class).filter((name) => partsOf(index, name) !== undefined);
}

/** With the aliases that writer.ts made: the engine would keep them. */
export async function removeCollection(http: WeaviateHttp, collection: string): Promise<void> {
  for (const alias of await aliasesOf(http, writerAlias(collection, '')))
    await http.call('DELETE', `/v1/aliases/${alias}`, { accepts: [404] });
  await http.call('DELETE', `/v1/schema/${collection}`, { accepts: [404] });
}

/** By which the processes agree whose turn to write it is: see writer.ts. */
export const writerAlias = (collection: string, turn: number | '') => `${collection}_writer_${turn}`;

/** All aliases that begin so. */
export async function aliasesOf(http: WeaviateHttp, start: string): Promise<string[]> {
  const { json } = await http.call('GET', '/v1/aliases');
  const all = (json as { aliases?: { alias: string }[] } | null)?.aliases ?? [];
  return all.map(({ alias }) => alias).filter((alias) => alias.startsWith(start));
}

async function createCollection(http: WeaviateHttp, name: string, encoder: Encoder, replicas: number): Promise<void> {
  const vectors = { vectorizer: { none: {} }, vectorIndexType: 'hnsw', vectorIndexConfig: { distance: 'cosine' } };
  const body = {
    class: name,
    description: `Documents of vimi, encoder ${encoder.name}, layout ${layout}`,
    vectorConfig: { caption: vectors, image: vectors },
    replicationConfig: { factor: replicas, deletionStrategy: 'TimeBasedResolution' },
    invertedIndexConfig: { stopwords: { preset: 'none' } },
    properties,
  };
  // 422: another process made it first.
  const { status, json } = await http.call('POST', '/v1/schema', { body, accepts: [422] });
  if (status === 422 && !(await exists(http, name)))
    throw new VimiError('SEARCH_REFUSED', 'The search engine does not make the collection', {
      found: JSON.stringify(json).slice(0, 500),
      where: name,
    });
}

async function exists(http: WeaviateHttp, name: string): Promise<boolean> {
  return (await http.call('GET', `/v1/schema/${name}`, { accepts: [404] })).status !== 404;
}
