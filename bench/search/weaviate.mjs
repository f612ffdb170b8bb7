/* Weaviate in bench/search.mjs: the server that `npm run infra:up` starts, in an index of its own. */

import { collections, removeCollection } from '../../dist/stores/corpus/weaviate/collection.js';
import { WeaviateHttp } from '../../dist/stores/corpus/weaviate/http.js';
import { openWeaviate } from '../../dist/stores/corpus/weaviate/open-weaviate.js';
import { running } from '../../infra/servers/process.mjs';
import { embedderOf } from './corpus.mjs';
import { memoryOf, processorMsOf } from './measures.mjs';

/** null: it does not run here. */
export async function openServer(dimensions) {
  const { WEAVIATE_URL, WEAVIATE_API_KEY: apiKey } = process.env;
  const pid = running('weaviate');
  if (!WEAVIATE_URL || pid === null) return null;
  const server = { urls: WEAVIATE_URL.split(','), apiKey };
  const index = `Bench${process.pid}D${dimensions}N${Date.now()}`;
  const before = memoryOf(pid);
  const corpus = await openWeaviate({ ...server, index, encoder: embedderOf(dimensions), log: { warn() {} } });
  await corpus.positions();
  return {
    corpus,
    used: () => processorMsOf(pid),
    memory: () => memoryOf(pid) - before,
    async remove() {
      await corpus.close();
      const http = new WeaviateHttp(server);
      for (const one of await collections(http, index)) await removeCollection(http, one);
      await http.call('DELETE', `/v1/aliases/${index}`, { accepts: [404] });
    },
  };
}
