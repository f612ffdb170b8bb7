import type { ContextEntry } from '../../../events/prompt.js';
import type { CorpusDocument } from '../../../events/schemas.js';
import type { DocumentSummary, RetrievedAs } from '../corpus.js';

/** Whether a document can be retrieved as an image, as a clip, or as both. */
export function retrievableAs({ retrievable, clip }: Pick<CorpusDocument, 'retrievable' | 'clip'>) {
  return { image: retrievable, clip: clip !== undefined };
}

/** Whether it can be retrieved at all: then it counts among the documents of the corpus. */
export function isRetrievable(document: Pick<CorpusDocument, 'retrievable' | 'clip'>): boolean {
  const as = retrievableAs(document);
  return as.image || as.clip;
}

/** What an answer tells of a document. */
export function entryOf(
  { id, caption, image, clip }: CorpusDocument,
  kind: RetrievedAs,
): Pick<ContextEntry, 'document' | 'caption' | 'image' | 'clip'> {
  return { document: id, caption, image, ...(kind === 'clip' && { clip }) };
}

export function summaryOf(document: CorpusDocument): DocumentSummary {
  const { id, caption, image, retrievable, clip, provenance } = document;
  const { uri, source, licence, said = caption } = provenance;
  // Of an older document only its clip is known.
  const { kind = provenance.clip === undefined ? 'still' : 'clip' } = document;
  return { document: id, caption, said, image, kind, retrievable, ...(clip && { clip }), uri, source, licence };
}
