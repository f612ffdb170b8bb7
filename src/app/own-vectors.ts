import { asVimiError } from '../core/errors.js';
import type { Log } from '../core/log.js';
import type { CorpusDocument } from '../events/schemas.js';
import { embedderParts } from '../models/encoders/embedder-name.js';
import type { Embedder } from '../models/ports.js';
import { decodedImage } from '../operators/decoded-image.js';
import type { Corpus, CorpusRecord } from '../stores/corpus/corpus.js';
import type { ObjectStore } from '../stores/objects/object-store.js';

/**
 * A corpus as its topic feeds it: documents whose vectors another encoder made are embedded again on their way into the
 * index. So the topic stays as it is, whichever encoders its processes use, and an index made with a new one from its
 * beginning is complete. A document whose image is gone, or does not decode, comes in as it is: found by its words only.
 */
export function withOwnVectors(
  corpus: Pick<Corpus, 'positions' | 'apply' | 'onAgain'>,
  around: { embedder: Embedder; objects: ObjectStore; log: Log },
): Pick<Corpus, 'positions' | 'apply' | 'onAgain'> {
  return {
    positions: () => corpus.positions(),
    onAgain: (listener) => corpus.onAgain?.(listener),
    async apply(records) {
      const own: CorpusRecord[] = [];
      for (const record of records) {
        const { document } = record;
        const isForeign = document !== null && document.embeddings.model !== around.embedder.name;
        own.push(isForeign ? { ...record, document: await embedded(document, around) } : record);
      }
      await corpus.apply(own);
    },
  };
}

/** Vectors of a part that both encoders share are kept. */
async function embedded(
  document: CorpusDocument,
  { embedder, objects, log }: Parameters<typeof withOwnVectors>[1],
): Promise<CorpusDocument> {
  const [had, own] = [document.embeddings.model, embedder.name].map(embedderParts);
  try {
    const { caption, image } = document.embeddings;
    return {
      ...document,
      embeddings: {
        model: embedder.name,
        caption: had!.text === own!.text ? caption : await embedder.text(document.caption),
        image: had!.image === own!.image ? image : await embedder.image(await decodedImage(document.image, objects)),
      },
    };
  } catch (thrown) {
    const error = asVimiError(thrown);
    if (!['OBJECT_NOT_FOUND', 'OBJECT_DAMAGED', 'MEDIA_DAMAGED', 'MEDIA_TOO_LARGE'].includes(error.code)) throw thrown;
    log.warn(
      { document: document.id, key: document.image.key, error: error.message },
      'The image of a document cannot be embedded again: the document is found by its words only',
    );
    return document;
  }
}
