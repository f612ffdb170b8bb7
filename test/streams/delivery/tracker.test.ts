import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePosition, emptyCounts, encodePosition, type Position } from '../../../src/streams/delivery/position.js';
import { type CommitPlan, Tracker } from '../../../src/streams/delivery/tracker.js';
import type { GroupPosition } from '../../../src/streams/transports/transport.js';
import { metadataBudget } from '../../../src/streams/transports/transport.js';

/** A partition as a transport would keep it, and a worker that can die at any moment. */
class Worker {
  readonly offsets: readonly number[];
  readonly split: number;
  readonly budget: number;
  /** Durable. */
  position: GroupPosition | null = null;
  outputs: string[] = [];
  /** In memory. */
  tracker!: Tracker;
  open: number[] = [];
  #read = 0;

  constructor(offsets: readonly number[], split: number, budget: number) {
    this.offsets = offsets;
    this.split = split;
    this.budget = budget;
    this.start();
  }

  /** Everything that was not committed is lost. */
  start(): void {
    const { committedOffset, beyond, foreign } = decodePosition(this.position);
    expect(foreign).toBe(false);
    this.tracker = new Tracker(committedOffset, beyond, this.budget);
    this.open = [];
    this.#read = this.offsets.findIndex((offset) => offset >= committedOffset);
    if (this.#read < 0) this.#read = this.offsets.length;
  }

  take(most: number): void {
    for (const offset of this.offsets.slice(this.#read, this.#read + most)) {
      this.#read++;
      if (this.tracker.admit(offset)) this.open.push(offset);
    }
  }

  settle(which: number): void {
    if (this.open.length === 0) return;
    const [offset] = this.open.splice(which % this.open.length, 1);
    this.tracker.settle(offset!);
  }

  commit(survives = true): CommitPlan | null {
    const plan = this.tracker.plan();
    if (plan === null) return null;
    const text = encodePosition({ ...plan, counts: emptyCounts(), states: {} });
    expect(text.metadata.length).toBeLessThanOrEqual(metadataBudget);
    expect(plan.committedOffset).toBeGreaterThanOrEqual(this.tracker.committedOffset);
    if (!survives) return plan;
    this.position = text;
    for (const offset of plan.offsets)
      for (let part = 0; part < this.split; part++) this.outputs.push(`${offset}.${part}`);
    this.tracker.committed(plan);
    return plan;
  }

  finish(): void {
    this.take(this.offsets.length);
    while (this.open.length > 0) this.settle(0);
    this.commit();
  }

  expected(): string[] {
    return this.offsets.flatMap((offset) => Array.from({ length: this.split }, (_, part) => `${offset}.${part}`));
  }
}

const offsetsWithGaps = fc
  .array(fc.oneof({ weight: 6, arbitrary: fc.constant(1) }, fc.integer({ min: 1, max: 5 }), fc.constant(1_000_000)), {
    minLength: 1,
    maxLength: 200,
  })
  .map((steps) => {
    let at = -1;
    return steps.map((step) => {
      at += step;
      return at;
    });
  });

type Act = { kind: 'take' | 'settle' | 'commit' | 'die' | 'die committing'; n: number };
const act: fc.Arbitrary<Act> = fc.record({
  kind: fc.oneof(
    { weight: 3, arbitrary: fc.constant('take' as const) },
    { weight: 8, arbitrary: fc.constant('settle' as const) },
    { weight: 3, arbitrary: fc.constant('commit' as const) },
    { weight: 1, arbitrary: fc.constant('die' as const) },
    { weight: 1, arbitrary: fc.constant('die committing' as const) },
  ),
  n: fc.nat({ max: 60 }),
});

function perform(worker: Worker, acts: Act[]): void {
  for (const { kind, n } of acts) {
    if (kind === 'take') worker.take(n);
    else if (kind === 'settle') worker.settle(n);
    else if (kind === 'commit') worker.commit();
    else {
      if (kind === 'die committing') worker.commit(n % 2 === 0);
      worker.start();
    }
  }
}

describe('the tracker', () => {
  it('loses nothing and commits nothing twice: any order, gaps, splits, deaths, and room for the set', () => {
    fc.assert(
      fc.property(
        offsetsWithGaps,
        fc.integer({ min: 1, max: 4 }),
        fc.oneof(fc.constant(3000), fc.integer({ min: 2, max: 24 })),
        fc.array(act, { maxLength: 300 }),
        (offsets, split, budget, acts) => {
          const worker = new Worker(offsets, split, budget);
          perform(worker, acts);
          expect(new Set(worker.outputs).size).toBe(worker.outputs.length);
          worker.finish();
          expect([...worker.outputs].sort()).toEqual(worker.expected().sort());
          const { committedOffset, beyond } = decodePosition(worker.position);
          expect(committedOffset).toBe(offsets.at(-1)! + 1);
          expect(beyond).toEqual([]);
        },
      ),
      { numRuns: 1500 },
    );
  });

  it('commits outputs whose offset the position tells of, and no others', () => {
    fc.assert(
      fc.property(offsetsWithGaps, fc.array(act, { maxLength: 200 }), (offsets, acts) => {
        const worker = new Worker(offsets, 1, 12);
        perform(worker, acts);
        const { committedOffset, beyond } = decodePosition(worker.position);
        const told = offsets.filter(
          (at) => at < committedOffset || beyond.some(({ from, to }) => at >= from && at < to),
        );
        expect(worker.outputs.map((output) => Number(output.split('.')[0])).sort((a, b) => a - b)).toEqual(told);
      }),
      { numRuns: 500 },
    );
  });

  it('holds back what does not fit, farthest from the committed offset first, until the holes close', () => {
    const tracker = new Tracker(0, [], 6);
    for (let offset = 0; offset < 100; offset++) tracker.admit(offset);
    for (let offset = 1; offset < 100; offset += 2) tracker.settle(offset);
    const first = tracker.plan()!;
    expect(first.committedOffset).toBe(0);
    expect(first.offsets.length).toBeGreaterThan(0);
    expect(first.offsets.length).toBeLessThan(50);
    expect(first.offsets).toEqual(Array.from(first.offsets, (_, n) => 2 * n + 1));
    tracker.committed(first);
    expect(tracker.plan()?.offsets ?? []).toEqual([]);
    for (let offset = 0; offset < 100; offset += 2) tracker.settle(offset);
    const rest = tracker.plan()!;
    expect(rest).toMatchObject({ committedOffset: 100, beyond: [] });
    expect([...first.offsets, ...rest.offsets].sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, n) => n));
  });

  it('moves past a slow record only in the set', () => {
    const tracker = new Tracker();
    for (const offset of [0, 1, 2, 5, 6]) tracker.admit(offset);
    for (const offset of [1, 2, 5, 6]) tracker.settle(offset);
    expect(tracker.plan()).toEqual({ offsets: [1, 2, 5, 6], committedOffset: 0, beyond: [{ from: 1, to: 7 }] });
  });

  it('passes a gap at the end once it is known', () => {
    const tracker = new Tracker(3);
    tracker.reach(9);
    expect(tracker.plan()).toEqual({ offsets: [], committedOffset: 9, beyond: [] });
    expect(tracker.admit(8)).toBe(false);
    expect(tracker.admit(9)).toBe(true);
  });

  it('needs no memory for what is settled behind a slow record', () => {
    const tracker = new Tracker();
    for (let offset = 0; offset < 200_000; offset++) {
      tracker.admit(offset);
      if (offset > 0) tracker.settle(offset);
      if (offset % 500 === 0) tracker.committed(tracker.plan()!);
    }
    tracker.committed(tracker.plan()!);
    expect([tracker.open, tracker.waiting]).toEqual([1, 0]);
    expect(tracker.plan()).toEqual({ offsets: [], committedOffset: 0, beyond: [{ from: 1, to: 200_000 }] });
  });
});

describe('a position', () => {
  const ranges = fc
    .array(fc.tuple(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 400 })), { maxLength: 100 })
    .chain((runs) => fc.tuple(fc.constant(runs), fc.nat({ max: 2 ** 40 })))
    .map(([runs, committedOffset]) => {
      let at = committedOffset;
      const beyond = runs.map(([open, settled]) => {
        const from = at + open;
        at = from + settled;
        return { from, to: at };
      });
      return { committedOffset, beyond };
    });
  const counts = fc.record({
    delivered: fc.nat(),
    rejected: fc.nat(),
    dropped: fc.record(
      { duplicate: fc.integer({ min: 1 }), 'too-still': fc.integer({ min: 1 }) },
      { requiredKeys: [] },
    ),
  });
  const states = fc.dictionary(fc.stringMatching(/^[a-z-]{1,20}$/), fc.nat(), { maxKeys: 4 });

  it('comes back as it was written', () => {
    fc.assert(
      fc.property(ranges, counts, states, (set, outcomes, byName) => {
        const position: Position = { ...set, counts: outcomes, states: byName };
        expect(decodePosition(encodePosition(position))).toEqual({ ...position, foreign: false });
      }),
    );
  });

  it('says 16,000 alternating offsets in 3,000 bytes', () => {
    const beyond = Array.from({ length: 8_000 }, (_, n) => ({ from: 2 * n + 1, to: 2 * n + 2 }));
    const { metadata } = encodePosition({ committedOffset: 0, beyond, counts: emptyCounts(), states: {} });
    expect(metadata.length).toBeLessThan(3_000);
  });

  it.each([
    ['another client', 'consumer-1 2024-01-01'],
    ['nothing after our name', 'vimi1 '],
    ['no JSON', 'vimi1 {"b":'],
    ['a list', 'vimi1 []'],
    ['a set of an unknown form', 'vimi1 {"b":"xAAA"}'],
    ['a set that is cut off', 'vimi1 {"b":"r__8"}'],
    ['a set beyond all numbers', `vimi1 {"b":"r${Buffer.alloc(9, 255).toString('base64url')}AAA"}`],
    ['an empty run', 'vimi1 {"b":"rAQA"}'],
    ['a set that is no text', 'vimi1 {"b":7}'],
    ['a negative count', 'vimi1 {"f":{"delivered":-1}}'],
    ['a state that is no number', 'vimi1 {"m":{"shard":"1"}}'],
    ['a version to come', 'vimi2 {}'],
    ['too much', `vimi1 ${JSON.stringify({ x: 'x'.repeat(5000) })}`],
  ])('of %s counts as a plain committed offset', (_, metadata) => {
    expect(decodePosition({ offset: 7, metadata })).toEqual({
      committedOffset: 7,
      beyond: [],
      counts: emptyCounts(),
      states: {},
      foreign: true,
    });
  });

  it('survives any text', () => {
    fc.assert(
      fc.property(
        fc.string({ maxLength: 300 }),
        fc.constantFrom('', 'vimi1 ', 'vimi1 {"b":"r', 'vimi1 {"b":"m'),
        (text, start) => {
          const { committedOffset, beyond } = decodePosition({ offset: 5, metadata: `${start}${text}` });
          expect(committedOffset).toBe(5);
          for (const { from, to } of beyond) expect(to).toBeGreaterThan(from);
        },
      ),
    );
  });

  it('without metadata, or without anything, is no foreign one', () => {
    expect(decodePosition(null)).toMatchObject({ committedOffset: 0, foreign: false });
    expect(decodePosition({ offset: 4, metadata: '' })).toMatchObject({ committedOffset: 4, foreign: false });
  });
});
