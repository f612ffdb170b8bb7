import type { Workspace } from '../../app/workspace.js';
import { VimiError } from '../../core/errors.js';
import { lineageOf, scoresLine } from './corpus-lineage.js';
import { withCorpusView } from './corpus-view.js';

/** Everything that is known of one document: USAGE if the corpus has none with this id. */
export async function corpusShow(
  workspace: Workspace,
  id: string,
  { json = false }: { json?: boolean },
  out: NodeJS.WritableStream,
): Promise<void> {
  const document = await (await workspace.corpusIsCurrent()).get(id);
  if (!document)
    throw new VimiError('USAGE', 'The corpus has no document with this id', {
      expected: 'an id from `vimi corpus search` or `vimi corpus lineage`',
      found: id,
      remedy: 'Search for it: vimi corpus search TEXT.',
    });
  const { clips } = await withCorpusView(workspace, (view) => lineageOf(workspace, view, id));
  const made = clips.find((clip) => clip.document === id);
  const { embeddings, clip, ...rest } = document;
  if (json) {
    out.write(
      `${JSON.stringify({ ...rest, ...(clip && { motion: clip }), model: embeddings.model, ...(made && { clip: made }) })}\n`,
    );
    return;
  }
  const { caption, captions = [{ text: caption, by: '' }], image, retrievable, hashes, provenance } = document;
  const as = [...(retrievable ? ['as an image'] : []), ...(clip ? ['as a motion example'] : [])];
  const facts: [string, string | undefined][] = [
    ...captions.map(({ text, by }): [string, string] => ['caption', by ? `${text}  (${by})` : text]),
    ['image', `${image.key} (${image.size} bytes)`],
    ['clip', clip && `${clip.key} (${clip.size} bytes, ${clip.frames} frames, ${clip.fps} a second)`],
    ['retrieved', as.join(', ') || 'no: kept so that duplicates of it are recognised'],
    ['uri', provenance.uri],
    ['source', provenance.source],
    ['licence', provenance.licence],
    [
      'place',
      made?.clip.kind === 'clip' ? `${made.clip.start} to ${made.clip.start + made.clip.duration} s` : undefined,
    ],
    ['scores', made && scoresLine(made.scores)],
    [
      'sample',
      made?.sample &&
        `${made.sample}  ${made.shards?.length ? `in ${made.shards.join(' or ')}` : 'waits for its shard'}`,
    ],
    ['event', provenance.event],
    ['hash', `${hashes.content} (perceptual ${hashes.perceptual})`],
    ['encoder', embeddings.model],
  ];
  for (const [name, value] of facts) if (value !== undefined) out.write(`${name.padEnd(10)} ${value}\n`);
}
