import { Subject } from 'rxjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { VimiError } from '../../../src/core/errors.js';
import type { Envelope } from '../../../src/flow/envelope.js';
import type { Clip, Flow } from '../../../src/flow/flow.js';
import type { Settlement } from '../../../src/flow/settlement.js';
import { deduplicate } from '../../../src/operators/corpus/deduplicate.js';
import type { Corpus, NearDuplicate } from '../../../src/stores/corpus/corpus.js';
import type { ObjectStore } from '../../../src/stores/objects/object-store.js';
import { corpusDocument } from '../../stores/corpus/corpus-documents.js';
import { corpusOf, fileStore, stillOf } from '../grounding-resources.js';
import { describeOperator } from '../operator-contract.js';
import {
  type InputOptions,
  openOperator,
  outcomes,
  resourcesWith,
  runOperator,
  testEnvelope,
} from '../run-operator.js';

let objects: ObjectStore;
let fox: Clip;
let cat: Clip;
let index: Corpus;
const resources = () => resourcesWith({ corpus: index });
beforeAll(async () => {
  index = await corpusOf([]);
  objects = await fileStore();
  fox = await stillOf('fox', objects);
  cat = await stillOf('cat', objects);
});

const corpus = { documents: 0, digest: '0'.repeat(32) };
const flow = (clip: Clip, ...nearDuplicates: NearDuplicate[]): Flow => ({
  clip,
  context: { entries: [], nearDuplicates, corpus },
});
const near = (distance: number, changes: Partial<NearDuplicate> = {}): NearDuplicate => ({
  document: 'a'.repeat(64),
  distance,
  exact: false,
  likeness: 0.99,
  source: 's',
  uri: 'another.png',
  event: 'another',
  ...changes,
});
let unique = 0;

describeOperator(deduplicate, {
  resources,
  good: async () => flow(await stillOf(`something new ${unique++}`, objects)),
  bad: null,
});

describe('deduplicate', () => {
  const outcome = async (data: Flow, config = {}) =>
    outcomes(await runOperator(deduplicate, config, resources(), [data]))[0];

  it('drops what another event brought before', async () => {
    expect(await outcome(flow(fox))).toBe('delivered');
    expect(await outcome(flow(fox, near(0, { exact: true })))).toBe('duplicate');
    expect(await outcome(flow(fox, near(4)))).toBe('duplicate');
    expect(await outcome(flow(fox, near(5)))).toBe('delivered');
    expect(await outcome(flow(fox, near(5)), { perceptual_bits: 6 })).toBe('duplicate');
  });

  it('does not take different things for one because their hashes agree', async () => {
    expect(await outcome(flow(fox, near(0, { likeness: 0.9 })))).toBe('delivered');
    expect(await outcome(flow(fox, near(0, { likeness: 0.9 })), { likeness: 0.8 })).toBe('duplicate');
    expect(await outcome(flow(fox, near(0, { likeness: null })))).toBe('duplicate');
    const lookalike = { ...cat, perceptual: fox.perceptual };
    expect(outcomes(await runOperator(deduplicate, {}, resources(), [flow(fox), flow(lookalike)]))).toEqual([
      'delivered',
      'delivered',
    ]);
    const copy = { ...fox, keyframe: cat.keyframe };
    expect(outcomes(await runOperator(deduplicate, {}, resources(), [flow(fox), flow(copy)]))).toEqual([
      'delivered',
      'duplicate',
    ]);
  });

  it('looks at bytes or looks alone when told so', async () => {
    expect(await outcome(flow(fox, near(0)), { perceptual_bits: -1 })).toBe('delivered');
    expect(await outcome(flow(fox, near(0, { exact: true })), { perceptual_bits: -1 })).toBe('duplicate');
    expect(await outcome(flow(fox, near(0, { exact: true })), { perceptual_bits: -1, exact: false })).toBe('delivered');
  });

  it('knows what the index has heard of since the retrieval', async () => {
    const document = corpusDocument('a fox', { hashes: { content: fox.keyframe.sha256, perceptual: fox.perceptual } });
    const later = resourcesWith({ corpus: await corpusOf([document]) });
    expect(outcomes(await runOperator(deduplicate, {}, later, [flow(fox), flow(cat)]))).toEqual([
      'duplicate',
      'delivered',
    ]);
  });

  it('lets an event pass that is done again after a crash', async () => {
    expect(await outcome(flow(fox, near(0, { exact: true, event: 'test-0-0' })))).toBe('delivered');
  });

  it('[kind 2] tells events of one id by their sources, and knows its own of an older document by the id alone', async () => {
    const known = (eventSource?: string) => flow(fox, near(0, { exact: true, event: 'test-0-0', eventSource }));
    expect(await outcome(known('/test/test'))).toBe('delivered');
    expect(await outcome(known())).toBe('delivered');
    expect(await outcome(known('/another'))).toBe('duplicate');
  });

  it('drops what a replayed event brought before, and not what only looks like it', async () => {
    const headers = { ce_replayof: Buffer.from('test-0-0') };
    const own = (distance: number, exact: boolean) => flow(fox, near(distance, { exact, event: 'test-0-0' }));
    const replayed = async (data: Flow) =>
      outcomes(await runOperator(deduplicate, {}, resources(), [data], { headers }))[0];
    expect(await replayed(own(0, true))).toBe('duplicate');
    expect(await replayed(own(0, false))).toBe('delivered');
    expect(await replayed(flow(fox))).toBe('delivered');
  });

  describe('of two at once', () => {
    /** A running step; `send` gives an envelope in, and resolves with what came out of it. */
    async function running() {
      const instance = await openOperator(deduplicate, {}, resources());
      const source = new Subject<Envelope<Flow>>();
      const out: Envelope<Flow>[] = [];
      const settlements: Settlement[] = [];
      instance.step(source).subscribe((envelope) => out.push(envelope));
      const send = async (clip: Clip, offset: number, options: InputOptions = {}) => {
        const before = out.length + settlements.length;
        const settled = (settlement: Settlement) => {
          settlements.push(settlement);
          instance.onOutcome!(settlement);
        };
        source.next(testEnvelope(flow(clip), offset, settled, options));
        while (out.length + settlements.length === before) await new Promise(setImmediate);
        const last = out.at(-1);
        return last?.origin.offset === offset ? last : settlements.at(-1)!.outcome;
      };
      return send;
    }
    const duplicate = { kind: 'dropped', reason: 'duplicate', of: expect.any(String) };
    const rejected = { kind: 'rejected', error: new VimiError('INTERNAL', 'x'), step: 'later', attempts: 1 } as const;

    it('drops the later one, while the first is under way and after it was delivered', async () => {
      const send = await running();
      const first = (await send(fox, 0)) as Envelope<Flow>;
      expect(await send(fox, 1)).toEqual(duplicate);
      expect(await send({ ...fox, perceptual: cat.perceptual, imageEmbedding: cat.imageEmbedding }, 2)).toEqual(
        duplicate,
      );
      first.settle({ kind: 'delivered' });
      expect(await send(fox, 3)).toEqual(duplicate);
      expect(await send(cat, 4)).toHaveProperty('settle');
    });

    it('lets the next one in when the first was rejected', async () => {
      const send = await running();
      const first = (await send(fox, 0)) as Envelope<Flow>;
      first.settle(rejected);
      expect(await send(fox, 1)).toHaveProperty('settle');
    });

    it('[kind 2] and takes those of two upstreams for two, though both count from 1', async () => {
      const send = await running();
      const from = (source: string) => ({ source, id: '1' });
      const first = (await send(fox, 0, from('/shop'))) as Envelope<Flow>;
      expect(await send(fox, 1, from('/museum'))).toEqual(duplicate);
      // What became of one is no news of the other.
      const other = (await send(cat, 2, from('/museum'))) as Envelope<Flow>;
      other.settle(rejected);
      expect(await send(fox, 3)).toEqual(duplicate);
      first.settle(rejected);
      expect(await send(fox, 4)).toHaveProperty('settle');
    });

    it('forgets an event that was given up', async () => {
      const send = await running();
      const revoked = new AbortController();
      await send(fox, 0, { signal: revoked.signal });
      expect(await send(fox, 1)).toEqual(duplicate);
      revoked.abort();
      expect(await send(fox, 2)).toHaveProperty('settle');
    });

    it('drops neither of two clips of one video', async () => {
      const run = await runOperator(deduplicate, {}, resources(), [flow(fox)]);
      expect(outcomes(run)).toEqual(['delivered']);
      const settled: Settlement[] = [];
      const children = testEnvelope(flow(fox), 7, (one) => settled.push(one)).fork([flow(fox), flow(fox)]);
      const source = new Subject<Envelope<Flow>>();
      const instance = await openOperator(deduplicate, {}, resources());
      const done = new Promise<void>((resolve) =>
        instance.step(source).subscribe({ next: (one) => one.settle({ kind: 'delivered' }), complete: resolve }),
      );
      for (const child of children) source.next(child);
      source.complete();
      await done;
      expect(settled[0]!.parts.map(({ outcome: { kind } }) => kind)).toEqual(['delivered', 'delivered']);
    });
  });
});
