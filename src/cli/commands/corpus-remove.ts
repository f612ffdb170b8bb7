import { VimiError } from '../../errors.js';
import type { DocumentFilter, DocumentSummary } from '../../stores/corpus.js';
import type { Workspace } from '../workspace.js';

export interface CorpusRemoveOptions {
  /** All documents of a source, of a medium. */
  source?: string[];
  uri?: string[];
  /** Lists them and removes nothing. */
  dryRun?: boolean;
  json?: boolean;
}

/**
 * Removes documents from the corpus: a record without a value for each, and waits until the index here has forgotten them.
 * Their pictures stay as long as another event names them: `vimi objects sweep` removes the rest. USAGE when nothing is
 * asked for, or an id is of no document; a uri or a source that has none is said, and is no failure.
 */
export async function corpusRemove(
  workspace: Workspace,
  ids: string[],
  { source = [], uri = [], dryRun = false, json = false }: CorpusRemoveOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  if (ids.length + source.length + uri.length === 0)
    throw new VimiError('USAGE', 'Which documents are to be removed is not said', {
      expected: 'ids of documents, --uri or --source',
    });
  const corpus = await workspace.corpusIsCurrent();
  const found = new Map<string, DocumentSummary>();
  const filters: DocumentFilter[] = [
    ...ids.map((id) => ({ id })),
    ...source.map((name) => ({ source: name })),
    ...uri.map((name) => ({ uri: name })),
  ];
  for (const filter of filters) {
    const documents = await corpus.find(filter);
    for (const one of documents) found.set(one.document, one);
    if (documents.length > 0) continue;
    const [[field, value]] = Object.entries(filter) as [[string, string]];
    if (field === 'id')
      throw new VimiError('USAGE', 'The corpus has no document with this id', {
        expected: 'an id as `vimi corpus search --json` or `vimi read corpus` gives it, or --uri or --source',
        found: value,
      });
    if (!json) out.write(`nothing is of ${field} ${value}\n`);
  }
  if (!dryRun && found.size > 0) {
    const topic = workspace.corpusTopic();
    const transport = await workspace.transport();
    await transport.publish([...found.keys()].map((id) => ({ topic, key: Buffer.from(id), value: null, headers: {} })));
  }
  const { documents } = await (await workspace.corpusIsCurrent()).state();
  for (const one of found.values())
    out.write(
      json ? `${JSON.stringify({ ...one, removed: !dryRun })}\n` : `${one.document}  ${one.caption}  ${one.uri}\n`,
    );
  if (json) return;
  const what = `${found.size} ${found.size === 1 ? 'document' : 'documents'}`;
  out.write(`${dryRun ? `${what} would be removed` : `${what} removed`}; the corpus has ${documents} documents\n`);
  if (!dryRun && found.size > 0)
    out.write('Samples that are sealed stay as they are. Pictures that no event names: vimi objects sweep\n');
}
