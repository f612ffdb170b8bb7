import { join } from 'node:path';
import { VimiError } from '../core/errors.js';
import type { StoredRecord } from '../events/record.js';
import type { Corpus, CorpusRecord } from '../stores/corpus/corpus.js';
import { openCorpus } from '../stores/corpus/index/open-corpus.js';
import { removableOf } from '../stores/removals/removals.js';
import { corpusRecord } from './corpus.js';
import { withOwnVectors } from './own-vectors.js';
import { makeWorkFolder } from './work-folder.js';
import type { Workspace } from './workspace.js';

/** A place in the topic of documents: of each partition the first offset that does not count. */
export type CorpusPosition = Readonly<Record<number, number>>;

/** `0:12,3:40`; partitions that it does not name count as empty. USAGE for anything else. */
export function parsePosition(text: string): CorpusPosition {
  const parts = text.split(',').map((part) => /^(\d{1,6}):(\d{1,15})$/.exec(part.trim()));
  if (parts.every((part) => part !== null))
    return Object.fromEntries(parts.map(([, partition, offset]) => [Number(partition), Number(offset)]));
  throw new VimiError('USAGE', 'This is no position of the corpus', {
    ...{ expected: 'PARTITION:OFFSET with commas between them, such as 0:120,1:77', found: text },
  });
}

export function positionText(position: CorpusPosition): string {
  return (
    Object.entries(position)
      .map(([partition, offset]) => `${partition}:${offset}`)
      .join(',') || 'empty'
  );
}

/** Documents given to the index at once. */
const batch = 256;

/**
 * The corpus as it was at a position: an index of its own, in a temporary folder, of what the topic still has of that time;
 * documents that were corrected or removed since may be gone from it by compaction. What was removed stays out. USAGE for a
 * position that the topic has not reached.
 */
export async function openCorpusAt(
  workspace: Workspace,
  position: CorpusPosition,
): Promise<{ corpus: Corpus; close(): Promise<void> }> {
  const transport = await workspace.transport();
  const topic = workspace.corpusTopic();
  checkReached(position, await transport.ends(topic), topic);
  const [embedder, objects, removals] = [
    await workspace.embedder(),
    await workspace.objects(),
    await workspace.removals(),
  ];
  const { log } = workspace;
  const folder = await makeWorkFolder(workspace.topology.profile.work, 'corpus');
  const corpus = await openCorpus({ folder: join(folder.path, 'index'), embedder, log });
  const close = async () => {
    await corpus.close();
    await folder.remove();
  };
  try {
    const index = withOwnVectors(corpus, { embedder, objects, log });
    let waiting: CorpusRecord[] = [];
    for await (const record of transport.read(topic)) {
      const { partition, offset } = record;
      if (offset >= (position[partition] ?? 0)) continue;
      waiting.push({ partition, offset, ...documentIn(record) });
      if (waiting.length < batch) continue;
      await index.apply(waiting);
      waiting = [];
    }
    await index.apply(waiting);
  } catch (thrown) {
    await close();
    throw thrown;
  }
  return { corpus, close };

  function documentIn(record: StoredRecord): Pick<CorpusRecord, 'id' | 'document'> {
    const { id, document } = corpusRecord(record) ?? { id: '', document: null };
    return { id, document: document && removals.of(removableOf(document)) ? null : document };
  }
}

/** USAGE for a position that a topic has not reached. */
export function checkReached(
  position: CorpusPosition,
  ends: readonly { partition: number; high: number }[],
  topic: string,
): void {
  const highs = new Map(ends.map(({ partition, high }) => [partition, high]));
  for (const [partition, offset] of Object.entries(position)) {
    const high = highs.get(Number(partition));
    if (high === undefined || offset > high)
      throw new VimiError('USAGE', 'The corpus has not reached this position', {
        expected: high === undefined ? `partitions ${[...highs.keys()].join(', ')}` : `at most ${partition}:${high}`,
        found: `${partition}:${offset}`,
        where: topic,
      });
  }
}
