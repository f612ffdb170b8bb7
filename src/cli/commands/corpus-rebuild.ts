import type { Workspace } from '../../app/workspace.js';

/** Fills a new index from the corpus topic beside the one that is searched, then puts it in its place. */
export async function corpusRebuild(
  workspace: Workspace,
  { json }: { json?: boolean },
  out: NodeJS.WritableStream,
): Promise<void> {
  const { name, documents } = await workspace.rebuildCorpus();
  out.write(
    json
      ? `${JSON.stringify({ index: name, documents })}\n`
      : `${name}: ${documents} documents, searched from now on; the index before it was removed\n`,
  );
}
