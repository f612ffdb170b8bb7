import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Resources } from '../flow/operator.js';
import { createEmbedder } from '../models/encoders/built-in/embedder.js';
import { openCorpus } from '../stores/corpus/index/open-corpus.js';
import { memoryObjects } from '../stores/objects/memory.js';
import { openEmbedded } from '../streams/transports/embedded/open-embedded.js';
import type { Transport } from '../streams/transports/transport.js';
import { quietLog, resourcesWith } from './run-operator.js';

export { memoryObjects };

/** The embedded transport with its log in memory: for one process, gone when it closes. */
export function memoryTransport(): Transport {
  return openEmbedded({ path: ':memory:' });
}

/**
 * Real resources of nobody else: objects in memory, an empty corpus, the built-in embedder, a work folder. `close` removes
 * them. There is no model: name one with `only(denoiser)`.
 */
export async function testResources(
  given: Partial<Resources> = {},
): Promise<{ resources: Resources; close(): Promise<void> }> {
  const workDir = await mkdtemp(join(tmpdir(), 'vimi-test-'));
  const embedder = createEmbedder();
  const corpus = await openCorpus({ folder: join(workDir, 'corpus'), embedder, log: quietLog });
  return {
    resources: resourcesWith({ objects: memoryObjects(), corpus, embedder, workDir, mediaRoots: [], ...given }),
    async close() {
      await corpus.close();
      await rm(workDir, { recursive: true, force: true });
    },
  };
}
