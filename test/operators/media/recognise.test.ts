import { Subject } from 'rxjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { VimiError } from '../../../src/core/errors.js';
import { decodeEvent } from '../../../src/events/cloudevents.js';
import type { NewRecord } from '../../../src/events/record.js';
import type { CorpusDocument, MediaSettled } from '../../../src/events/schemas.js';
import type { Envelope, Outcome } from '../../../src/flow/envelope.js';
import type { Flow } from '../../../src/flow/flow.js';
import type { Settlement } from '../../../src/flow/settlement.js';
import { documentId } from '../../../src/operators/corpus/index-clips.js';
import { clipOutcomes } from '../../../src/operators/media/clip-outcomes.js';
import { recognise } from '../../../src/operators/media/recognise.js';
import type { Corpus } from '../../../src/stores/corpus/corpus.js';
import type { ObjectStore } from '../../../src/stores/objects/object-store.js';
import { corpusDocument } from '../../stores/corpus/corpus-documents.js';
import { patient } from '../../support/patience.js';
import { corpusOf, fileStore, storeWithImages } from '../grounding-resources.js';
import { describeOperator } from '../operator-contract.js';
import { openOperator, outcomes, resourcesWith, runOperator, testEnvelope } from '../run-operator.js';

const digest = (letter: string) => letter.repeat(64);
const medium = (uri: string, sha256: string, said?: string, more: object = {}): Flow => ({
  media: { uri, ...(said !== undefined && { caption: said }), ...more },
  file: { path: `/${uri}`, size: 1, sha256, identity: '', uri, source: uri, licence: 'unknown', ...more },
});
/** The test's envelopes carry their flow as the event's data, too. */
const asEvent = (flow: Flow): Flow => ({ ...flow, ...flow.media });
let unique = 0;
const documentOf = (uri: string, file: string, caption: string): CorpusDocument => {
  const made = corpusDocument(caption);
  return {
    ...made,
    id: documentId(caption, { kind: 'still', object: made.image, keyframe: made.image }),
    provenance: { ...made.provenance, uri, sha256: file, source: uri },
  };
};
const outcome = (records: NewRecord[]) => {
  const record = records.at(-1)!;
  return decodeEvent({ ...record, partition: 0, offset: 0, timestamp: 0 }, ['media.settled']).data as MediaSettled;
};
const tombstones = (records: NewRecord[]) =>
  records.filter(({ value }) => value === null).map(({ key }) => String(key));

describeOperator(recognise, {
  resources: async () => resourcesWith({ corpus: await corpusOf([]), objects: await fileStore() }),
  good: () => asEvent(medium('new.png', String(unique++).padStart(64, '0'), 'something new')),
  bad: null,
});

describe('recognise', () => {
  const fox = documentOf('fox.png', digest('f'), 'a fox');
  let objects: ObjectStore;
  beforeAll(async () => {
    objects = await storeWithImages([fox]);
  });
  const meet = async (corpus: Corpus, flow: Flow, headers = {}) => {
    const run = await runOperator(recognise, {}, resourcesWith({ corpus, objects }), [asEvent(flow)], { headers });
    return { outcome: outcomes(run)[0], replaces: run.emitted[0]?.data.replaces, told: run.settlements[0]! };
  };

  it('leaves out what the corpus has, before it is decoded, and says of what it is a duplicate [use U2]', async () => {
    const corpus = await corpusOf([fox]);
    const again = await meet(corpus, medium('fox.png', digest('f'), 'a fox'));
    expect([again.outcome, again.told.outcome]).toEqual([
      'duplicate',
      { kind: 'dropped', reason: 'duplicate', of: 'fox.png' },
    ]);
    expect((await meet(corpus, medium('copy.png', digest('f'), 'another caption'))).told.outcome).toMatchObject({
      of: 'fox.png',
    });
    expect((await meet(corpus, medium('fox.png', digest('e'), 'a fox'))).outcome).toBe('delivered');
    // Parts of it may have been rejected.
    expect(
      (await meet(corpus, medium('fox.png', digest('f'), 'a fox'), { ce_replayof: Buffer.from('test-0-0') })).outcome,
    ).toBe('delivered');
  });

  it('decodes a medium again whose image is gone from the object store', async () => {
    const without = await fileStore();
    const corpus = await corpusOf([fox]);
    const flow = asEvent(medium('fox.png', digest('f'), 'a fox'));
    const run = await runOperator(recognise, {}, resourcesWith({ corpus, objects: without }), [flow]);
    expect(outcomes(run)).toEqual(['delivered']);
    expect(run.emitted[0]!.data.replaces).toEqual([]);
  });

  it('lets a medium pass whose caption, licence or source was corrected, and names what it replaces [use U1]', async () => {
    const corpus = await corpusOf([fox]);
    for (const corrected of [
      medium('fox.png', digest('f'), 'a red fox'),
      medium('fox.png', digest('f'), 'a fox', { licence: 'CC-BY-4.0' }),
      medium('fox.png', digest('f'), 'a fox', { source: 'the zoo' }),
    ])
      expect(await meet(corpus, corrected)).toMatchObject({ outcome: 'delivered', replaces: [fox.id] });
    const same = medium('fox.png', digest('f'), 'a fox', { licence: 'CC0-1.0', source: 'fox.png' });
    expect((await meet(corpus, same)).outcome).toBe('duplicate');
  });

  it('goes by what was said of a medium where another step wrote the caption', async () => {
    const told = { ...fox, provenance: { ...fox.provenance, said: 'IMG_1234' } };
    const corpus = await corpusOf([told]);
    expect((await meet(corpus, medium('fox.png', digest('f'), 'IMG_1234'))).outcome).toBe('duplicate');
    expect((await meet(corpus, medium('fox.png', digest('f'), 'a fox'))).replaces).toEqual([fox.id]);
  });

  it('goes by the labels of a medium that has no caption', async () => {
    const of = (label: string) => ({
      ...medium('fox.png', digest('f'), ''),
      media: { uri: 'fox.png', labels: { label } },
    });
    const corpus = await corpusOf([{ ...fox, provenance: { ...fox.provenance, said: '{"label":"fox"}' } }]);
    expect((await meet(corpus, of('fox'))).outcome).toBe('duplicate');
    expect((await meet(corpus, of('red fox'))).replaces).toEqual([fox.id]);
  });

  /** A run of it by hand: envelopes go in, and get their outcomes when the test says. */
  async function running(corpus: Corpus) {
    const instance = await openOperator(recognise, {}, resourcesWith({ corpus, objects }));
    const source = new Subject<Envelope<Flow>>();
    const passed: Envelope<Flow>[] = [];
    const published: NewRecord[][] = [];
    const settlements: Settlement[] = [];
    instance.step(source).subscribe((envelope) => passed.push(envelope));
    let offset = 0;
    return {
      ...{ passed, published, settlements },
      send: (flow: Flow, signal?: AbortSignal, at = offset++) =>
        source.next(
          testEnvelope(
            asEvent(flow),
            at,
            (settled) => {
              settlements.push(settled);
              published.push(instance.onOutcome!(settled));
            },
            signal && { signal },
          ),
        ),
      settle(n: number, outcome: Outcome, made: CorpusDocument[] = []) {
        for (const { id } of made)
          passed[n]!.output({
            ...{ topic: 'corpus', key: Buffer.from(id), value: Buffer.from('{}') },
            headers: { ce_type: Buffer.from('dev.vimi.corpus.document.v1') },
          });
        passed[n]!.settle(outcome);
      },
    };
  }

  it('removes what is replaced in the commit by which the medium is delivered, and not when it is not [use U1]', async () => {
    const red = documentOf('fox.png', digest('f'), 'a red fox');
    for (const [end, gone] of [
      [{ kind: 'delivered' }, [fox.id]],
      [{ kind: 'dropped', reason: 'too-still' }, []],
      [{ kind: 'rejected', error: new VimiError('INTERNAL', 'Odd'), step: 'x', attempts: 1 }, []],
    ] as [Outcome, string[]][]) {
      const run = await running(await corpusOf([fox]));
      run.send(medium('fox.png', digest('f'), 'a red fox'));
      await expect.poll(() => run.passed.length).toBe(1);
      run.settle(0, end, [red]);
      expect(tombstones(run.published[0]!)).toEqual(gone);
      expect(outcome(run.published[0]!)).toMatchObject({ outcome: end.kind, ...(gone.length > 0 && { replaced: 1 }) });
    }
  });

  it('decodes one of several that have the same bytes; the others wait for its outcome [kind 10]', async () => {
    const run = await running(await corpusOf([]));
    for (const uri of ['a.png', 'b.png', 'c.png']) run.send(medium(uri, digest('5'), 'five'));
    run.send(medium('other.png', digest('6'), 'six'));
    await expect.poll(() => run.passed.map(({ data }) => data.media!.uri)).toEqual(['a.png', 'other.png']);
    // The first comes to nothing, so the second is tried; with its success the third is known, before the index is.
    run.settle(0, { kind: 'rejected', error: new VimiError('INTERNAL', 'Odd'), step: 'x', attempts: 1 });
    await expect.poll(() => run.passed.map(({ data }) => data.media!.uri)).toEqual(['a.png', 'other.png', 'b.png']);
    run.settle(2, { kind: 'delivered' }, [documentOf('b.png', digest('5'), 'five')]);
    await expect
      .poll(() => run.settlements.at(-1)!.outcome)
      .toEqual({ kind: 'dropped', reason: 'duplicate', of: 'b.png' });
    expect(run.passed).toHaveLength(3);
  });

  it('takes the last of two captions that came in a row, whoever was faster [kind 10]', async () => {
    const [one, two] = ['one', 'two'].map((caption) => documentOf('a.png', digest('5'), caption));
    const run = await running(await corpusOf([]));
    run.send(medium('a.png', digest('5'), 'one'));
    run.send(medium('a.png', digest('5'), 'two'));
    run.send(medium('a.png', digest('5'), 'one'));
    await expect.poll(() => run.passed.length).toBe(1);
    run.settle(0, { kind: 'delivered' }, [one!]);
    await expect.poll(() => run.passed.length).toBe(2);
    run.settle(1, { kind: 'delivered' }, [two!]);
    expect(tombstones(run.published[1]!)).toEqual([one!.id]);
    await expect.poll(() => run.passed.length).toBe(3);
    run.settle(2, { kind: 'delivered' }, [one!]);
    expect(tombstones(run.published[2]!)).toEqual([two!.id]);
  });

  it('takes a document that was removed for gone, though this process added it a moment ago [use U1]', async () => {
    const corpus = await corpusOf([]);
    const run = await running(corpus);
    const document = documentOf('a.png', digest('5'), 'one');
    run.send(medium('a.png', digest('5'), 'one'));
    await expect.poll(() => run.passed.length).toBe(1);
    run.settle(0, { kind: 'delivered' }, [document]);
    await corpus.apply([
      { partition: 0, offset: 0, id: document.id, document },
      { partition: 0, offset: 1, id: document.id, document: null },
    ]);
    run.send(medium('a.png', digest('5'), 'one'));
    await expect.poll(() => run.passed.length).toBe(2);
  });

  it('takes a medium again whose outcome was not committed, and replaces what it would have replaced', async () => {
    const red = documentOf('fox.png', digest('f'), 'a red fox');
    const run = await running(await corpusOf([fox]));
    for (const time of [0, 1]) {
      run.send(medium('fox.png', digest('f'), 'a red fox'), undefined, 7);
      await expect.poll(() => run.passed.length).toBe(time + 1);
      run.settle(time, { kind: 'delivered' }, [red]);
      expect(tombstones(run.published[time]!)).toEqual([fox.id]);
    }
    run.send(medium('fox.png', digest('f'), 'a red fox'), undefined, 8);
    await expect.poll(() => run.settlements.at(-1)!.outcome).toMatchObject({ kind: 'dropped', reason: 'duplicate' });
  });

  it('does not wait for itself when it is tried again: the index or the store was away', patient, async () => {
    const corpus = await corpusOf([fox]);
    let failures = 2;
    const find = corpus.find.bind(corpus);
    corpus.find = async (filter) => {
      if (failures-- > 0) throw new VimiError('INDEX_DAMAGED', 'The index is filled again');
      return find(filter);
    };
    expect(await meet(corpus, medium('owl.png', digest('e'), 'an owl'))).toMatchObject({ outcome: 'delivered' });
    expect(failures).toBeLessThan(0);
  });

  it('lets the next one go when a wait is given up', async () => {
    const run = await running(await corpusOf([]));
    const stop = new AbortController();
    run.send(medium('a.png', digest('5'), 'x'));
    await expect.poll(() => run.passed.length).toBe(1);
    run.send(medium('b.png', digest('5'), 'x'), stop.signal);
    run.send(medium('c.png', digest('5'), 'x'));
    stop.abort();
    run.settle(0, { kind: 'dropped', reason: 'too-small' });
    await expect.poll(() => run.passed.map(({ data }) => data.media!.uri)).toEqual(['a.png', 'c.png']);
  });

  it('says what became of each medium and of its parts [media F30] [use U2]', async () => {
    const run = await running(await corpusOf([]));
    run.send(medium('film.mp4', digest('7'), 'a film', { version: 'v1' }));
    await expect.poll(() => run.passed.length).toBe(1);
    const parts = run.passed[0]!.fork([{}, {}, {}, {}]);
    const error = new VimiError('OBJECT_NOT_FOUND', 'It is not there');
    parts[0]!.settle({ kind: 'dropped', reason: 'too-still' });
    parts[1]!.settle({ kind: 'delivered' });
    parts[2]!.settle({ kind: 'rejected', error, step: 'shard', attempts: 1 });
    parts[3]!.settle({ kind: 'dropped', reason: 'too-still' });
    expect(outcome(run.published[0]!)).toEqual({
      ...{ uri: 'film.mp4', event: 'test-0-0', version: 'v1', outcome: 'delivered' },
      parts: { delivered: 1, rejected: { OBJECT_NOT_FOUND: 1 }, dropped: { 'too-still': 2 } },
      error: { step: 'shard', code: error.code, message: error.message, remedy: error.remedy },
    });
    expect(String(run.published[0]![0]!.key)).toBe('film.mp4');
  });

  it('tells of each clip what was measured of it, and what became of it', () => {
    const clip = (n: number) => ({
      ...{ kind: 'clip', start: 4 * n, duration: 4, frames: 48, fps: 12, width: 64, height: 48, motion: n / 100 },
      scores: { motion: n / 100, sharpness: 0.003 },
      object: { key: 'clips/a.mp4', sha256: digest('a') },
      keyframe: { key: 'images/b.webp', sha256: digest('b') },
    });
    const error = new VimiError('CAPTION_MISSING', 'This medium has no caption');
    const ends: [string, Outcome, object][] = [
      ['0', { kind: 'dropped', reason: 'too-still' }, { clip: clip(0) }],
      ['1', { kind: 'delivered' }, { clip: clip(1), query: { text: 'a fox' } }],
      ['2', { kind: 'dropped', reason: 'duplicate', of: 'copy.mp4' }, { clip: clip(2) }],
      ['3', { kind: 'rejected', error, step: 'caption', attempts: 1 }, { clip: clip(3) }],
      ['4', { kind: 'rejected', error, step: 'split', attempts: 1 }, {}],
    ];
    const { event, origin } = testEnvelope(asEvent(medium('film.mp4', digest('f'))), 0, () => {});
    const parts = ends.map(([part, outcome, data]) => ({ part, outcome, data }));
    const told = clipOutcomes({ event, origin, outcome: { kind: 'delivered' }, parts, outputs: [] }, 'clips');
    expect(told.map(({ key }) => String(key))).toEqual([0, 1, 2, 3].map((n) => `film.mp4#${n}`));
    const data = told.map(
      (one) => decodeEvent({ ...one, partition: 0, offset: 0, timestamp: 0 }, ['clip.settled']).data,
    );
    expect(data[0]).toEqual({
      ...{ uri: 'film.mp4', event: event.id, record: 'test-0-0', part: '0', outcome: 'dropped', reason: 'too-still' },
      clip: {
        ...{ kind: 'clip', start: 0, duration: 4, frames: 48, fps: 12, width: 64, height: 48 },
        ...{ object: digest('a'), keyframe: digest('b') },
      },
      scores: { motion: 0, sharpness: 0.003, seconds: 4, side: 48 },
    });
    expect(data.slice(1)).toMatchObject([
      { outcome: 'delivered', caption: 'a fox' },
      { outcome: 'dropped', reason: 'duplicate', duplicate_of: 'copy.mp4' },
      { outcome: 'rejected', error: { step: 'caption', code: 'CAPTION_MISSING' } },
    ]);
  });
});
