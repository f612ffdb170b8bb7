import type { CorpusDocument } from '../../events/schemas.js';
import { removableOf } from '../../stores/removals/removals.js';
import { corpusRecord } from '../corpus.js';
import { type CorpusPosition, checkReached } from '../corpus-at.js';
import { endsOf } from '../new-records.js';
import type { Workspace } from '../workspace.js';

/** What a pass looks at of a document. */
export interface PassDocument {
  id: string;
  caption: string;
  /** SHA-256 of its image, and of its clip where it is one. */
  image: string;
  clip?: string;
  source: string;
  licence: string;
  scores: Readonly<Record<string, number>>;
  /** The name of the encoder, and the vector of the image. */
  model: string;
  vector: Float32Array;
}

/** The documents of the corpus at a position of its topic (now when left out), in the order of their ids. USAGE. */
export async function snapshot(
  workspace: Workspace,
  wanted?: CorpusPosition,
): Promise<{ position: CorpusPosition; documents: PassDocument[] }> {
  const transport = await workspace.transport();
  const topic = workspace.corpusTopic();
  if (wanted) checkReached(wanted, await transport.ends(topic), topic);
  const position = wanted ?? (await endsOf(transport, topic));
  const removals = await workspace.removals();
  const documents = new Map<string, PassDocument>();
  for await (const record of transport.read(topic)) {
    if (record.offset >= (position[record.partition] ?? 0)) continue;
    const found = corpusRecord(record);
    if (!found) continue;
    const { id, document } = found;
    if (document && !removals.of(removableOf(document))) documents.set(id, seen(document));
    else documents.delete(id);
  }
  return { position, documents: [...documents.values()].sort((a, b) => (a.id < b.id ? -1 : 1)) };
}

function seen({ id, caption, image, embeddings, provenance, scores = {} }: CorpusDocument): PassDocument {
  const { source, licence, clip } = provenance;
  return {
    ...{ id, caption, image: image.sha256, ...(clip !== undefined && { clip }), source, licence, scores },
    ...{ model: embeddings.model, vector: Float32Array.from(embeddings.image) },
  };
}

/** Those with more of a score first; those without it last, and equal ones by their ids. */
export function bestFirst(documents: readonly PassDocument[], score: string): PassDocument[] {
  const of = ({ scores }: PassDocument) => scores[score] ?? Number.NEGATIVE_INFINITY;
  return [...documents].sort((a, b) => compare(of(b), of(a)) || (a.id < b.id ? -1 : 1));
}

const compare = (a: number, b: number) => (a < b ? -1 : a > b ? 1 : 0);
