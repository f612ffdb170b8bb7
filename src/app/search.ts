import { pathToFileURL } from 'node:url';
import { named, VimiError } from '../core/errors.js';
import type { Log } from '../core/log.js';
import type { Corpus } from '../stores/corpus/corpus.js';
import { openCorpus } from '../stores/corpus/index/open-corpus.js';
import type { SearchSpec } from '../streams/topology/profiles.js';

/** What an engine of a team's own is opened with. */
export interface SearchEngineOptions {
  /** `with:` of the profile. */
  settings: Record<string, unknown>;
  /** Of the documents' embeddings: an index must know its own, and refuse another (INDEX_OF_OTHER_ENCODER). */
  encoder: { name: string; dimensions: { text: number; image: number } };
  /** Nothing is made. */
  looksOnly: boolean;
  log: Pick<Log, 'info' | 'warn'>;
}

/** The default export of the module that `search: { type: ./module.js }` names. */
export type OpenSearchEngine = (options: SearchEngineOptions) => Promise<Corpus>;

/** The index that a profile names; other engines than the embedded one are loaded only where one asks for them. */
export async function openSearch(spec: SearchSpec, around: Omit<SearchEngineOptions, 'settings'>): Promise<Corpus> {
  const { encoder, looksOnly, log } = around;
  if (spec.type === 'embedded') return openCorpus({ folder: spec.path, embedder: encoder, log });
  if (spec.type === 'module') return (await loadEngine(spec.module))({ ...around, settings: spec.settings });
  const { openWeaviate } = await import('../stores/corpus/weaviate/open-weaviate.js');
  const { url: urls, api_key: apiKey, index, replicas } = spec;
  return openWeaviate({ urls, apiKey, index, replicas, encoder, looksOnly, log });
}

/** Where an index is, for messages. */
export function placeOfSearch(spec: SearchSpec): string {
  return spec.type === 'embedded' ? spec.path : spec.type === 'weaviate' ? `index ${spec.index}` : spec.module;
}

async function loadEngine(file: string): Promise<OpenSearchEngine> {
  let open: unknown;
  try {
    open = ((await import(pathToFileURL(file).href)) as { default?: unknown }).default;
  } catch (thrown) {
    throw unusable(file, named(thrown).split('\n')[0]!, thrown);
  }
  if (typeof open !== 'function') throw unusable(file, `a default export that is no function: ${typeof open}`);
  return open as OpenSearchEngine;
}

function unusable(where: string, found: string, cause?: unknown): VimiError {
  return new VimiError('TOPOLOGY_INVALID', 'The module of the search cannot be used', {
    ...{ expected: 'a default export that opens a Corpus', found, where, cause },
  });
}
