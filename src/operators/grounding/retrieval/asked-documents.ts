import { VimiError } from '../../../core/errors.js';
import { type Mistake, mistakeText } from '../../../events/mistakes.js';
import type { ContextEntry } from '../../../events/prompt.js';
import type { CorpusDocument } from '../../../events/schemas.js';
import type { AskedDocuments } from '../../../flow/flow.js';
import type { Corpus } from '../../../stores/corpus/corpus.js';
import { entryOf } from '../../../stores/corpus/ranking/retrieved.js';
import type { ObjectStore } from '../../../stores/objects/object-store.js';
import { type Removals, removableOf } from '../../../stores/removals/removals.js';
import type { Allowed } from './narrowed.js';
import { keepsLimits } from './score-limits.js';

export interface AskedSurroundings {
  corpus: Pick<Corpus, 'get'>;
  removals: Removals;
  objects: Pick<ObjectStore, 'stat'>;
}

/** A request names documents that cannot be its context: DOCUMENT_REFUSED, with all of them. */
export class DocumentsRefused extends VimiError {
  readonly mistakes: readonly Mistake[];

  constructor(mistakes: readonly Mistake[]) {
    super('DOCUMENT_REFUSED', 'The request names documents that cannot be pinned or excluded', {
      where: mistakes.map(mistakeText).join('; '),
    });
    this.mistakes = mistakes;
  }
}

/**
 * The documents that a request pins, in its order, as entries of the context. They need not fit the prompt, but what the
 * step or the request's own filter refuses to retrieve cannot be pinned either: DocumentsRefused. So is an id that the
 * corpus never had, pinned or excluded; what was removed may be excluded, since it is out already.
 */
export async function askedDocuments(
  { pin = [], exclude = [] }: AskedDocuments,
  limits: Allowed,
  around: AskedSurroundings,
): Promise<ContextEntry[]> {
  const [pinned, excluded] = await Promise.all([
    Promise.all(pin.map((id) => pinnable(id, limits, around))),
    Promise.all(exclude.map((id) => excludable(id, around))),
  ]);
  const mistakes = [...mistakesIn('pin', pinned), ...mistakesIn('exclude', excluded)];
  if (mistakes.length > 0) throw new DocumentsRefused(mistakes);
  return pinned.flatMap(({ document }, n) =>
    document ? [{ ...entryOf(document, 'image'), score: 0, ranks: { pinned: n + 1 } }] : [],
  );
}

/** A document that was looked for, or why it cannot be what the request wants. */
interface Looked {
  document?: CorpusDocument;
  refusal?: Pick<Mistake, 'expected' | 'found'>;
}

function mistakesIn(list: keyof AskedDocuments, looked: readonly Looked[]): Mistake[] {
  return looked.flatMap(({ refusal }, n) => (refusal ? [{ path: ['retrieval', list, n], ...refusal }] : []));
}

function refused(expected: string, found: string): Looked {
  return { refusal: { expected, found } };
}

async function excludable(id: string, { corpus, removals }: AskedSurroundings): Promise<Looked> {
  const isKnown = removals.of({ document: id }) || (await corpus.get(id));
  return isKnown ? {} : refused('a document of the corpus', `${id}, which it does not have`);
}

async function pinnable(
  id: string,
  { licences, scores }: Allowed,
  { corpus, removals, objects }: AskedSurroundings,
): Promise<Looked> {
  const document = await corpus.get(id);
  if (removals.of(document ? removableOf(document) : { document: id }))
    return refused('a document of the corpus', `${id}, which was removed`);
  if (!document) return refused('a document of the corpus', `${id}, which it does not have`);
  const { retrievable, image, provenance } = document;
  if (!retrievable) return refused('a document that is retrieved as an image', `${id}, which is not`);
  if (licences && !licences.includes(provenance.licence)) {
    const allowed =
      licences.length > 0 ? `the licence ${licences.join(' or ')}` : 'a licence that step and filter allow';
    return refused(`a document with ${allowed}`, `${id}, which has another`);
  }
  if (!keepsLimits(document, scores))
    return refused(
      `a document whose scores keep the limits of ${Object.keys(scores).join(', ')}`,
      `${id}, whose scores do not`,
    );
  if ((await objects.stat(image.key))?.sha256 !== image.sha256)
    return refused('a document whose image is in the object store', `${id}, whose image is missing there`);
  return { document };
}
