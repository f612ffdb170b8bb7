import { Subject } from 'rxjs';
import { beforeAll, describe, expect, it } from 'vitest';
import { VimiError } from '../../src/errors.js';
import { deduplicate } from '../../src/operators/deduplicate.js';
import type { Clip, Flow } from '../../src/operators/flow.js';
import type { Corpus, NearDuplicate } from '../../src/stores/corpus.js';
import type { ObjectStore } from '../../src/stores/object-store.js';
import type { Envelope } from '../../src/streams/envelope.js';
import type { Settlement } from '../../src/streams/settlement.js';
import { corpusOf, fileStore, stillOf } from './grounding.js';
import { describeOperator } from './operator-contract.js';
import { fates, resourcesWith, runOperator, testEnvelope } from './run-operator.js';

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
  const fate = async (data: Flow, config = {}) => fates(await runOperator(deduplicate, config, resources(), [data]))[0];

  it('drops what another event brought before', async () => {
    expect(await fate(flow(fox))).toBe('delivered');
    expect(await fate(flow(fox, near(0, { exact: true })))).toBe('duplicate');
    expect(await fate(flow(fox, near(4)))).toBe('duplicate');
    expect(await fate(flow(fox, near(5)))).toBe('delivered');
    expect(await fate(flow(fox, near(5)), { perceptual_bits: 6 })).toBe('duplicate');
  });

  it('does not take different things for one because their hashes agree', async () => {
    expect(await fate(flow(fox, near(0, { likeness: 0.9 })))).toBe('delivered');
    expect(await fate(flow(fox, near(0, { likeness: 0.9 })), { likeness: 0.8 })).toBe('duplicate');
    expect(await fate(flow(fox, near(0, { likeness: null })))).toBe('duplicate');
    const lookalike = { ...cat, perceptual: fox.perceptual };
    expect(fates(await runOperator(deduplicate, {}, resources(), [flow(fox), flow(lookalike)]))).toEqual([
      'delivered',
      'delivered',
    ]);
    const copy = { ...fox, keyframe: cat.keyframe };
    expect(fates(await runOperator(deduplicate, {}, resources(), [flow(fox), flow(copy)]))).toEqual([
      'delivered',
      'duplicate',
    ]);
  });

  it('looks at bytes or looks alone when told so', async () => {
    expect(await fate(flow(fox, near(0)), { perceptual_bits: -1 })).toBe('delivered');
    expect(await fate(flow(fox, near(0, { exact: true })), { perceptual_bits: -1 })).toBe('duplicate');
    expect(await fate(flow(fox, near(0, { exact: true })), { perceptual_bits: -1, exact: false })).toBe('delivered');
  });

  it('lets an event pass that is done again after a crash', async () => {
    expect(await fate(flow(fox, near(0, { exact: true, event: 'test-0-0' })))).toBe('delivered');
  });

  it('drops what a replayed event brought before, and not what only looks like it', async () => {
    const headers = { ce_replayof: Buffer.from('test-0-0') };
    const own = (distance: number, exact: boolean) => flow(fox, near(distance, { exact, event: 'test-0-0' }));
    const replayed = async (data: Flow) =>
      fates(await runOperator(deduplicate, {}, resources(), [data], { headers }))[0];
    expect(await replayed(own(0, true))).toBe('duplicate');
    expect(await replayed(own(0, false))).toBe('delivered');
    expect(await replayed(flow(fox))).toBe('delivered');
  });

  describe('of two at once', () => {
    /** A running step; `send` gives an envelope in, and resolves with what came out of it. */
    function running() {
      const instance = deduplicate.create(deduplicate.config.parse({}) as never, resources());
      const source = new Subject<Envelope<Flow>>();
      const out: Envelope<Flow>[] = [];
      const settlements: Settlement[] = [];
      instance.step(source).subscribe((envelope) => out.push(envelope));
      const send = async (clip: Clip, offset: number, signal?: AbortSignal) => {
        const before = out.length + settlements.length;
        const options = signal ? { signal } : {};
        const settled = (settlement: Settlement) => {
          settlements.push(settlement);
          instance.onFate!(settlement);
        };
        source.next(testEnvelope(flow(clip), offset, settled, options));
        while (out.length + settlements.length === before) await new Promise(setImmediate);
        const last = out.at(-1);
        return last?.origin.offset === offset ? last : settlements.at(-1)!.fate;
      };
      return send;
    }
    const duplicate = { kind: 'dropped', reason: 'duplicate', of: expect.any(String) };
    const rejected = { kind: 'rejected', error: new VimiError('INTERNAL', 'x'), step: 'later', attempts: 1 } as const;

    it('drops the later one, while the first is under way and after it was delivered', async () => {
      const send = running();
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
      const send = running();
      const first = (await send(fox, 0)) as Envelope<Flow>;
      first.settle(rejected);
      expect(await send(fox, 1)).toHaveProperty('settle');
    });

    it('forgets an event that was given up', async () => {
      const send = running();
      const revoked = new AbortController();
      await send(fox, 0, revoked.signal);
      expect(await send(fox, 1)).toEqual(duplicate);
      revoked.abort();
      expect(await send(fox, 2)).toHaveProperty('settle');
    });

    it('drops neither of two clips of one video', async () => {
      const run = await runOperator(deduplicate, {}, resources(), [flow(fox)]);
      expect(fates(run)).toEqual(['delivered']);
      const settled: Settlement[] = [];
      const children = testEnvelope(flow(fox), 7, (one) => settled.push(one)).fork([flow(fox), flow(fox)]);
      const source = new Subject<Envelope<Flow>>();
      const instance = deduplicate.create(deduplicate.config.parse({}) as never, resources());
      const done = new Promise<void>((resolve) =>
        instance.step(source).subscribe({ next: (one) => one.settle({ kind: 'delivered' }), complete: resolve }),
      );
      for (const child of children) source.next(child);
      source.complete();
      await done;
      expect(settled[0]!.parts.map(({ fate: { kind } }) => kind)).toEqual(['delivered', 'delivered']);
    });
  });
});
