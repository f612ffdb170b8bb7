import { rename, rm } from 'node:fs/promises';
import { OpenedParts } from '../../app/opened-parts.js';
import type { Workspace } from '../../app/workspace.js';
import { VimiError } from '../../core/errors.js';
import { indexEncoder } from '../../stores/corpus/index/index-encoder.js';
import { duration, progress } from '../progress.js';
import { corpusRebuild } from './corpus-rebuild.js';

/**
 * Builds the index with the encoder of the profile beside the one that is used, and puts it in its place when it has all that
 * the topic has. Stopped, it goes on where it was. Processes that still use the old encoder then find an index that is not
 * theirs, and wait until they are started again.
 */
export async function corpusReembed(
  workspace: Workspace,
  { json = false, signal }: { json?: boolean; signal: AbortSignal },
  out: NodeJS.WritableStream,
): Promise<void> {
  const { search } = workspace.topology.profile;
  if (search.type !== 'embedded') return corpusRebuild(workspace, { json }, out);
  const { path } = search;
  const embedder = await workspace.embedder();
  const before = indexEncoder(path);
  if (before === embedder.name) {
    out.write(
      json
        ? `${JSON.stringify({ encoder: embedder.name, before, documents: null })}\n`
        : `The index is of this encoder already: ${embedder.name}\n`,
    );
    return;
  }
  const beside = `${path}.reembedding`;
  // One of yet another encoder was begun and given up.
  const begun = indexEncoder(beside);
  if (begun !== null && begun !== embedder.name) await rm(beside, { recursive: true, force: true });

  const parts = new OpenedParts();
  const start = performance.now();
  const bar = progress('documents');
  const documents = await (async () => {
    try {
      const { corpus, follower } = await workspace.corpusAt({ ...search, path: beside }, (close) =>
        parts.onClose(close),
      );
      const ends = await (await workspace.transport()).ends(workspace.corpusTopic());
      const total = ends.reduce((sum, { low, high }) => sum + high - low, 0);
      const watch = setInterval(async () => {
        const positions = await corpus.positions().catch(() => ({}) as Record<number, number>);
        bar.update(
          ends.reduce((sum, { partition, low }) => sum + Math.max(0, (positions[partition] ?? low) - low), 0),
          total,
        );
      }, 500);
      try {
        await Promise.race([follower.caughtUp(ends), aborted(signal)]);
      } finally {
        clearInterval(watch);
      }
      return (await corpus.state()).documents;
    } finally {
      await parts.close();
    }
  })();
  await swap(beside, path);
  bar.finish(`${documents} documents`);
  const seconds = (performance.now() - start) / 1000;
  out.write(
    json
      ? `${JSON.stringify({ encoder: embedder.name, before, documents, seconds })}\n`
      : `${documents} documents embedded by ${embedder.name} in ${duration(seconds)}${before === null ? '' : `; before: ${before}. Restart what runs with it`}\n`,
  );
}

/** Of a process that opens an index between the two renames, the empty one that it made goes as well. */
async function swap(from: string, to: string): Promise<void> {
  const aside = `${to}.replaced`;
  for (let tries = 0; ; tries++) {
    await rm(aside, { recursive: true, force: true });
    await rename(to, aside).catch((thrown: { code?: unknown }) => {
      if (thrown.code !== 'ENOENT') throw thrown;
    });
    try {
      await rename(from, to);
      break;
    } catch (thrown) {
      if (tries >= 9 || !['ENOTEMPTY', 'EEXIST'].includes(String((thrown as { code?: unknown }).code))) throw thrown;
    }
  }
  await rm(aside, { recursive: true, force: true });
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const stop = () => reject(new VimiError('CANCELLED', 'Embedding was stopped; run the command again to go on'));
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
  });
}
