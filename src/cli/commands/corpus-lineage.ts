import { resolve } from 'node:path';
import type { Workspace } from '../../app/workspace.js';
import { VimiError } from '../../core/errors.js';
import type { ClipSettled, MediaSettled } from '../../events/schemas.js';
import { documentIdBy } from '../../operators/corpus/index-clips.js';
import type { DocumentSummary } from '../../stores/corpus/corpus.js';
import { clipLine } from './clip-outcomes.js';
import { type CorpusView, sampleOf, withCorpusView } from './corpus-view.js';
import { outcomeLine } from './ingest-report.js';

/** What became of one clip, and what was made of it. */
export interface ClipLineage extends ClipSettled {
  /** It was asked for by itself, as a sample, a document or a clip. */
  asked: boolean;
  document?: string;
  sample?: string;
  shards?: string[];
}

export interface Lineage {
  uri: string;
  medium: MediaSettled | null;
  source?: string;
  licence?: string;
  clips: ClipLineage[];
  /** Documents of the medium that no clip on record made: made before clips were recorded. */
  others: string[];
}

/**
 * Follows a medium to its clips, documents and samples, each drop with its reason and score; and back from a sample, a
 * document or a clip to its medium. `wanted`: a uri or path, the name of a sample, the id of a document, or `URI#PART`.
 * USAGE when nothing is known by it.
 */
export async function lineageOf(workspace: Workspace, view: CorpusView, wanted: string): Promise<Lineage> {
  const corpus = await workspace.corpusIsCurrent();
  const [document] = /^[0-9a-f]{64}$/.test(wanted) ? await corpus.find({ id: wanted }) : [];
  const isAsked = (clip: ClipSettled) =>
    `${clip.uri}#${clip.part || '0'}` === wanted ||
    sampleOf(view, clip)?.sample === wanted ||
    (document !== undefined && document.uri === clip.uri && madeOf(clip, [document]) !== undefined);
  const asked = askedFor(view, wanted);
  const known = [asked?.uri, wanted, resolve(wanted)];
  const uri = document?.uri ?? known.find((one) => one !== undefined && view.outcomes.knows(one));
  if (uri === undefined)
    throw new VimiError('USAGE', 'Nothing in the corpus is known by this name', {
      expected: 'the uri or path of a medium, URI#PART, the name of a sample, or the id of a document',
      found: wanted,
    });
  const documents = await corpus.find({ uri });
  const clips = [...view.outcomes.clips(uri)].map((clip) => lineageOfClip(view, clip, documents, isAsked(clip)));
  const made = new Set(clips.map((clip) => clip.document));
  const [first] = documents;
  return {
    ...{ uri, medium: view.outcomes.medium(uri) },
    ...(first && { source: first.source, licence: first.licence }),
    clips,
    others: documents.map((one) => one.document).filter((id) => !made.has(id)),
  };
}

/** By the name of its sample, or by medium and part. */
function askedFor(view: CorpusView, wanted: string): ClipSettled | null {
  const ofSample = view.outcomes.clipOfSample(wanted);
  if (ofSample && sampleOf(view, ofSample)) return ofSample;
  const [, uri, part] = /^(.+)#([^#]*)$/s.exec(wanted) ?? [];
  return uri === undefined ? null : view.outcomes.clipOf(uri, part!);
}

function lineageOfClip(
  view: CorpusView,
  clip: ClipSettled,
  documents: readonly DocumentSummary[],
  asked: boolean,
): ClipLineage {
  const made = clip.outcome === 'delivered' ? madeOf(clip, documents) : undefined;
  return {
    ...clip,
    ...{ asked },
    ...(made && { document: made.document }),
    ...sampleOf(view, clip),
  };
}

/** The document of a clip: several clips of a film may have one keyframe. */
function madeOf({ caption = '', clip }: ClipSettled, documents: readonly DocumentSummary[]) {
  const id = documentIdBy(caption, clip);
  return documents.find(({ document }) => document === id);
}

export async function corpusLineage(
  workspace: Workspace,
  wanted: string,
  { json = false }: { json?: boolean },
  out: NodeJS.WritableStream,
): Promise<void> {
  const told = await withCorpusView(workspace, (view) => lineageOf(workspace, view, wanted));
  if (json) {
    out.write(`${JSON.stringify(told)}\n`);
    return;
  }
  const { uri, medium, source, licence, clips, others } = told;
  out.write(`${medium ? outcomeLine(medium) : uri}\n`);
  out.write(`  uri      ${uri}\n`);
  if (source !== undefined) out.write(`  source   ${source}\n  licence  ${licence}\n`);
  if (medium) out.write(`  event    ${medium.event}\n`);
  for (const clip of clips) {
    out.write(`\n${clip.asked ? '→' : ' '} ${clipLine({ ...clip, uri: '' })}\n`);
    if (clip.caption !== undefined) out.write(`    caption   ${clip.caption}\n`);
    out.write(`    scores    ${scoresLine(clip.scores)}\n`);
    if (clip.document) out.write(`    document  ${clip.document}\n`);
    if (clip.sample)
      out.write(
        `    sample    ${clip.sample}  ${clip.shards?.length ? `in ${clip.shards.join(' or ')}` : 'waits for its shard'}\n`,
      );
  }
  if (others.length > 0) out.write(`\n  documents of clips that are not on record: ${others.join(', ')}\n`);
}

/** `motion 0.0021, sharpness 0.0034`: to three digits. */
export function scoresLine(scores: Readonly<Record<string, number>>): string {
  return Object.entries(scores)
    .map(([name, value]) => `${name} ${Number(value.toPrecision(3))}`)
    .join(', ');
}
