import { canonicalJson } from '../../../events/canonical-json.js';
import { commonScores, type ReadSample, type SharedKind, sharedOf } from '../../../events/sample.js';
import { shapeOf } from '../../../events/sample-shape.js';
import type { PlacedMember, ShardSample } from '../shard-samples.js';

/*
 * A sample as a row of a table: one definition for the Parquet file and for the Croissant description of it. Scores that
 * not every topology measures, the prompt and the whole context are JSON, since a column has one type.
 */

export interface SampleRow {
  sample: ShardSample;
  facts: ReadSample;
  /** Of the tar that holds it, as readers of the table find it. */
  shard: string;
}

export type Cell = string | number | string[] | number[] | Uint8Array;

export interface SampleColumn {
  name: string;
  type: 'text' | 'integer' | 'number' | 'bytes';
  /** Several values a row. */
  isList?: true;
  says: string;
  of(row: SampleRow): Cell | Promise<Cell>;
}

const text = (name: string, says: string, of: (row: SampleRow) => string): SampleColumn => ({
  ...{ name, type: 'text', says, of },
});
const number = (name: string, says: string, of: (row: SampleRow) => number): SampleColumn => ({
  ...{ name, type: 'number', says, of },
});
const integer = (name: string, says: string, of: (row: SampleRow) => number): SampleColumn => ({
  ...{ name, type: 'integer', says, of },
});
const list = (
  name: string,
  type: 'text' | 'integer',
  says: string,
  of: (row: SampleRow) => string[] | number[],
): SampleColumn => ({ name, type, isList: true, says, of });

/** The clip, or the image of a still. */
function mediumOf({ sample }: SampleRow): PlacedMember | undefined {
  return sample.members.find(({ name }) => /\.(mp4|webp)$/.test(name));
}

function jsonOf({ sample }: SampleRow): PlacedMember | undefined {
  return sample.members.find(({ name }) => name.endsWith('.json'));
}

export const sampleColumns: readonly SampleColumn[] = [
  text('name', 'the name of the sample', ({ sample }) => sample.key),
  text('caption', 'the caption', ({ facts }) => facts.caption),
  list('captions', 'text', 'all captions', ({ facts }) => facts.captions.map((one) => one.text)),
  list('captions_by', 'text', 'who made each caption; empty: not recorded', ({ facts }) =>
    facts.captions.map(({ by }) => by),
  ),
  text('kind', 'clip or still', ({ facts }) => facts.clip.kind),
  text('shape', 'class of aspect, shorter side and frames, for batches', ({ facts }) => shapeOf(facts.clip)),
  integer('width', 'pixels', ({ facts }) => facts.clip.width),
  integer('height', 'pixels', ({ facts }) => facts.clip.height),
  integer('frames', 'number of frames', ({ facts }) => facts.clip.frames),
  number('fps', 'frames a second; 0: a still', ({ facts }) => facts.clip.fps),
  number('seconds', 'length', ({ facts }) => facts.clip.duration),
  number('start', 'seconds in the source', ({ facts }) => facts.clip.start),
  ...['motion', ...commonScores].map((name) =>
    number(`score_${name}`, `measured ${name}; 0 where nothing measured it`, ({ facts }) => facts.scores[name] ?? 0),
  ),
  text('scores_more', 'JSON: scores that other steps added', ({ facts }) =>
    canonicalJson(
      Object.fromEntries(
        Object.entries(facts.scores).filter(([name]) => name !== 'motion' && !commonScores.includes(name)),
      ),
    ),
  ),
  text('uri', 'the medium that it was cut from', ({ facts }) => facts.provenance.uri),
  text('source', 'where the medium comes from', ({ facts }) => facts.provenance.source),
  text('licence', 'of the medium', ({ facts }) => facts.provenance.licence),
  text('source_sha256', 'SHA-256 of the medium', ({ facts }) => facts.provenance.sha256),
  text('event', 'id of the event that brought the medium', ({ facts }) => facts.provenance.event),
  list('context', 'text', 'ids of the retrieved documents: images, then motion examples, best first', ({ facts }) =>
    facts.context.map(({ document }) => document),
  ),
  list('context_captions', 'text', 'their captions', ({ facts }) => facts.context.map(({ caption }) => caption)),
  text('context_json', 'JSON: the whole context with scores and ranks', ({ facts }) => canonicalJson(facts.context)),
  integer('corpus_documents', 'documents in the corpus at the time', ({ facts }) => facts.corpus.documents),
  text('corpus_digest', 'state of the corpus at the time', ({ facts }) => facts.corpus.digest),
  text('prompt', 'JSON: what a model is given; images and clips by their SHA-256', ({ facts }) =>
    canonicalJson(facts.prompt),
  ),
  text('shard', 'the tar that holds the sample', ({ shard }) => shard),
  integer('clip_offset', 'first byte of the clip in the tar', (row) => mediumOf(row)?.at ?? 0),
  integer('clip_bytes', 'length of the clip', (row) => mediumOf(row)?.size ?? 0),
  integer('json_offset', 'first byte of the facts in the tar', (row) => jsonOf(row)?.at ?? 0),
  integer('json_bytes', 'length of the facts', (row) => jsonOf(row)?.size ?? 0),
  ...sharedColumns('image', 'images', 'SHA-256 of the images of context and prompt'),
  ...sharedColumns('clip', 'motions', 'SHA-256 of the clips of context and prompt'),
];

/** What samples share, and where it lies. */
function sharedColumns(kind: SharedKind, name: string, says: string): SampleColumn[] {
  const shared = ({ sample }: SampleRow) =>
    sample.shared.flatMap(({ name, at, size }) => {
      const of = sharedOf(name);
      return of?.kind === kind ? [{ sha256: of.sha256, at, size }] : [];
    });
  const one = name.slice(0, -1);
  return [
    list(name, 'text', says, (row) => shared(row).map(({ sha256 }) => sha256)),
    list(`${one}_offsets`, 'integer', 'first byte of each in the tar', (row) => shared(row).map(({ at }) => at)),
    list(`${one}_bytes`, 'integer', 'length of each', (row) => shared(row).map(({ size }) => size)),
  ];
}

/** For tables that stand alone. */
export const clipColumn: SampleColumn = {
  ...{ name: 'clip', type: 'bytes', says: 'the clip itself: MP4; WebP of a still' },
  of: async (row) => (await mediumOf(row)?.read()) ?? new Uint8Array(),
};
