import { z } from 'zod';
import { encodeEvent, eventType } from '../../events/cloudevents.js';
import type { NewRecord, StoredRecord } from '../../events/record.js';
import { placeOf, replayOf } from '../../events/replay.js';
import { defineOperator } from '../../flow/define-operator.js';
import type { Has } from '../../flow/flow.js';
import { drop } from '../../flow/map-each.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';
import { clipOutcomes } from './clip-outcomes.js';
import { mediaOutcome } from './media-outcome.js';
import { type RecentDocument, RecentDocuments } from './recent-documents.js';
import { saidOf } from './said.js';
import { type Turn, Turns } from './turns.js';

/*
 * In      media, file
 * Out     the same; replaces: documents that this medium made under another caption, source or licence
 * Drops   duplicate: the corpus has documents of these bytes, with this caption or from another uri
 * Fails   INDEX_DAMAGED when the index is not filled again in time
 * Memory  documents of the last 1,000 media that were delivered here
 *
 * Of media with the same bytes only one is under way at a time in one process: those that were published later wait for its outcome,
 * and are then known, or take its place. A replayed event is not dropped, since parts of it may have been rejected; deduplicate looks
 * at each part.
 * What is replaced is removed in the commit by which the medium is delivered again, so there is no moment without it.
 * An event never stands in its own way: done again after a commit that failed, it passes again.
 */
export const recognise = defineOperator(
  {
    name: 'recognise',
    summary:
      'Drops media that the corpus already has before they are decoded, and reports the outcome of each medium and clip.',
    contract: {
      in: 'media and file.',
      out: 'The same. A medium that came before under its uri passes if it has another caption or, where the event gives one, another source or licence. When it is delivered, its earlier documents are removed from the corpus; sealed samples stay as they are. For every medium a media.settled record, and for each of its clips a clip.settled record with its scores, in the commit of its outcome.',
      drops:
        'duplicate: the corpus has documents of the same bytes, with this caption or from another uri. So a medium is decoded again only if its documents were removed, if one of their images is missing from the object store, or if its event is replayed.',
      fails: 'INDEX_DAMAGED after retries.',
      memory: 'Documents of the last 1,000 media that this process delivered.',
    },
    config: z.strictObject({
      topic: z
        .string()
        .min(1)
        .default('outcomes')
        .describe('Topic for the outcomes of media.')
        .meta({ topic: 'media.settled' }),
      clips: z
        .string()
        .min(1)
        .default('clips')
        .describe('Topic for the scores and outcomes of clips.')
        .meta({ topic: 'clip.settled' }),
      documents: z
        .string()
        .min(1)
        .default('corpus')
        .describe('Topic of the documents.')
        .meta({ topic: 'corpus.document' }),
      concurrency: z.number().int().min(1).max(64).default(16).describe('Media looked up at once.'),
    }),
    example: '- recognise',
    needs: ['media', 'file'],
    adds: ['replaces'],
  },
  {
    concurrency: (config) => config.concurrency,
    // The turns of equal media are taken as the media were published.
    after: 'begun',
    open({ corpus }) {
      const recent = new RecentDocuments(1000);
      corpus.onRemoved((id) => recent.removed(id));
      return { recent, turns: new Turns(), started: new WeakMap<StoredRecord, Started>() };
    },
    async process({ media, file }, { corpus, objects, origin, signal, state: { recent, turns, started } }) {
      // Tried again after trouble of the index or the store, it has its turn already.
      const turn = started.get(origin)?.turn ?? turns.take(file.sha256, origin, signal);
      const medium = { media, file, said: saidOf(media, file), replaces: [] as string[], turn };
      started.set(origin, medium);
      await turn.mine;
      recent.begun(file.sha256, placeOf(origin));
      const known = recent.of(file.sha256, await corpus.find({ file: file.sha256 }));
      const stale = known.filter((document) => document.uri === media.uri && !isSame(medium, document));
      const other = known.find((document) => !stale.includes(document));
      if (other && stale.length === 0 && replayOf(origin) === null && (await areStored(known, objects)))
        return drop('duplicate', other.uri);
      medium.replaces = stale.map(({ document }) => document);
      return { replaces: medium.replaces };
    },

    onOutcome(settlement, { config: { topic, clips, documents }, state: { recent, started } }) {
      const { origin, event, outcome, outputs } = settlement;
      if (event.schema !== 'media.added') return [];
      const medium = started.get(origin);
      const made = idsOf(outputs);
      const isDelivered = outcome.kind === 'delivered';
      const removed = isDelivered && medium ? medium.replaces.filter((id) => !made.includes(id)) : [];
      if (medium && isDelivered)
        recent.delivered(medium.file.sha256, placeOf(origin), { added: summaries(medium, made), removed });
      medium?.turn.end();
      return [
        ...removed.map((id): NewRecord => ({ topic: documents, key: Buffer.from(id), value: null, headers: {} })),
        encodeEvent({
          schema: 'media.settled',
          id: `${placeOf(origin)}-settled`,
          source: event.source,
          topic,
          key: (event.data as Has<'media'>['media']).uri,
          traceparent: event.traceparent,
          data: mediaOutcome(settlement, removed.length),
        }),
        ...clipOutcomes(settlement, clips),
      ];
    },
  },
);

/** Whether all images are in the object store. One that is gone comes back when its medium is decoded again. */
async function areStored(documents: readonly RecentDocument[], objects: ObjectStore): Promise<boolean> {
  for (let n = 0; n < documents.length; n += statsAtOnce) {
    const found = await Promise.all(
      documents.slice(n, n + statsAtOnce).map(async ({ image }) => !image || (await objects.stat(image.key)) !== null),
    );
    if (found.includes(false)) return false;
  }
  return true;
}
const statsAtOnce = 16;

/** A medium whose turn was taken. */
interface Started extends Has<'media' | 'file'> {
  said: string;
  replaces: string[];
  turn: Turn;
}

/** Whether a document says all that the event says of the medium. What the event leaves out may be anything. */
function isSame({ media, said }: Started, document: RecentDocument): boolean {
  return (
    document.said === said &&
    (media.source === undefined || document.source === media.source) &&
    (media.licence === undefined || document.licence === media.licence)
  );
}

function idsOf(outputs: readonly NewRecord[]): string[] {
  return outputs.flatMap(({ headers, key }) =>
    key && headers.ce_type?.toString() === eventType('corpus.document') ? [key.toString()] : [],
  );
}

function summaries({ media, file, said }: Started, made: string[]): RecentDocument[] {
  return made.map((document) => ({
    ...{ document, caption: said, said, retrievable: true },
    ...{ uri: media.uri, source: file.source, licence: file.licence },
  }));
}
