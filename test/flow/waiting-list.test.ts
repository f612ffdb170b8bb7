import fc from 'fast-check';
import { Subject } from 'rxjs';
import { describe, expect, it } from 'vitest';
import type { Clock } from '../../src/core/clock.js';
import { VimiError } from '../../src/core/errors.js';
import { VirtualClock } from '../../src/core/virtual-clock.js';
import { type GenerationRequested, priorities, type SchemaName } from '../../src/events/schemas.js';
import type { Envelope } from '../../src/flow/envelope.js';
import type { Flow } from '../../src/flow/flow.js';
import { mapEach } from '../../src/flow/map-each.js';
import { Pause } from '../../src/flow/pause.js';
import { openEnvelope, type Settlement } from '../../src/flow/settlement.js';
import { StepWatch } from '../../src/flow/step-watch.js';
import { Work } from '../../src/flow/work.js';

const second = 1000;
const ageingMs = 60 * second;
const start = Date.parse('2026-01-31T12:00:00Z');

interface Asked {
  id: string;
  /** Milliseconds after the start. */
  came: number;
  wishes?: Pick<GenerationRequested, 'priority' | 'start_by' | 'finish_by'>;
  signal?: AbortSignal;
}

function envelopeOf(
  { id, came, wishes = {}, signal = new AbortController().signal }: Asked,
  clock: Clock,
  {
    schema = 'generation.requested',
    onSettled = () => {},
    watch = new StepWatch({ elapsed: clock.elapsed }),
  }: EnvelopeOptions = {},
): Envelope<Flow> {
  const [record, time] = [{ topic: 'requests', partition: 0, offset: 0, key: null, value: null, headers: {} }, ''];
  const data = { prompt: id, ...wishes };
  const work = new Work();
  signal.addEventListener('abort', () => work.abort(signal.reason));
  return openEnvelope<Flow>(
    { ...record, timestamp: start + came },
    { id, source: '/test', schema, type: `dev.vimi.${schema}.v1`, time, data },
    { request: data },
    work,
    onSettled,
    { pause: new Pause({ clock }), watch, ageingMs },
  );
}

interface EnvelopeOptions {
  schema?: SchemaName;
  onSettled?: (settlement: Settlement) => void;
  watch?: StepWatch;
}

interface Started {
  id: string;
  came: number;
  began: number;
}

/** Requests come at their moments to a step that does one after the other, each for `takes`; gives them as they were begun. */
async function served(asked: Asked[], takes: number): Promise<Started[]> {
  const clock = new VirtualClock(start);
  const came = new Map(asked.map((one) => [one.id, one.came]));
  const began: Started[] = [];
  const source = new Subject<Envelope<Flow>>();
  let done = 0;
  const step = mapEach<never>(
    async (_, { event }) => {
      began.push({ id: event.id, came: came.get(event.id)!, began: clock.elapsed() });
      await clock.sleep(takes);
      done++;
      return {};
    },
    { step: 'work', concurrency: 1, clock },
  );
  const over = new Promise<void>((resolve, reject) => {
    step(source).subscribe({ complete: resolve, error: reject });
  });
  for (const one of asked.toSorted((a, b) => a.came - b.came)) {
    await clock.advance(one.came - clock.elapsed());
    source.next(envelopeOf(one, clock));
  }
  while (done < asked.length) await clock.advance(takes);
  source.complete();
  await over;
  return began;
}

const ids = (started: Started[]) => started.map(({ id }) => id);

describe('requests that wait for a step', () => {
  it('leave by priority, then by deadline, then as they came', async () => {
    const deadline = (seconds: number) => new Date(start + seconds * second).toISOString();
    const asked: Asked[] = [
      { id: 'first', came: 0 },
      { id: 'batch', came: 1, wishes: { priority: 'batch' } },
      { id: 'usual', came: 2 },
      { id: 'usual, later', came: 3, wishes: { priority: 'standard' } },
      { id: 'hurried', came: 4, wishes: { finish_by: deadline(500) } },
      { id: 'more hurried', came: 5, wishes: { start_by: deadline(400), finish_by: deadline(900) } },
      { id: 'someone', came: 6, wishes: { priority: 'interactive' } },
    ];
    expect(ids(await served(asked, second))).toEqual([
      ...['first', 'someone', 'more hurried', 'hurried', 'usual', 'usual, later', 'batch'],
    ]);
  });

  it('a batch request has its turn although interactive ones never stop coming', async () => {
    const takes = 10 * second;
    // More than the step can do.
    const others = Array.from({ length: 60 }, (_, n) => ({
      ...{ id: `interactive ${n}`, came: n * 8 * second },
      wishes: { priority: 'interactive' as const },
    }));
    const started = await served([{ id: 'batch', came: 1, wishes: { priority: 'batch' } }, ...others], takes);
    const { began } = started.find(({ id }) => id === 'batch')!;
    // After two ageings it counts as interactive, and came before all who wait then.
    expect(began).toBeGreaterThan(ageingMs);
    expect(began).toBeLessThanOrEqual(2 * ageingMs + 2 * takes);
    expect(started).toHaveLength(61);
  });

  it('nobody is overtaken by one who came later than the priorities between them age', async () => {
    const request = fc.record({
      came: fc.integer({ min: 0, max: 600 }).map((seconds) => seconds * second),
      priority: fc.constantFrom(...priorities),
      finish_by: fc.option(
        fc.integer({ min: 0, max: 2000 }).map((seconds) => new Date(start + seconds * second).toISOString()),
        { nil: undefined },
      ),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(request, { minLength: 2, maxLength: 40 }),
        fc.integer({ min: 5, max: 40 }),
        async (all, takes) => {
          const asked = all.map(({ came, ...wishes }, n) => ({ id: String(n), came, wishes }));
          const started = await served(asked, takes * second);
          expect(ids(started).toSorted()).toEqual(asked.map(({ id }) => id).toSorted());
          const rank = ({ id }: Started) => priorities.indexOf(all[Number(id)]!.priority);
          for (const [n, one] of started.entries())
            for (const earlier of started.slice(0, n)) {
              if (earlier.came <= one.came) continue;
              // It was overtaken: by one that came within what its wait was worth.
              expect(earlier.came - one.came).toBeLessThan(ageingMs * (rank(one) - rank(earlier) + 1));
            }
        },
      ),
      { numRuns: 40 },
    );
  });

  it('one that is cancelled leaves at once, the order of the others stays, and each is counted in the step', async () => {
    const clock = new VirtualClock(start);
    const began: string[] = [];
    const watch = new StepWatch({ elapsed: clock.elapsed });
    const settled: [string, string][] = [];
    const source = new Subject<Envelope<Flow>>();
    const waits: (() => void)[] = [];
    const step = mapEach<never>(
      async (_, { event }) => {
        began.push(event.id);
        await new Promise<void>((resolve) => waits.push(resolve));
        return {};
      },
      { step: 'work', concurrency: 1, clock },
    );
    const over = new Promise<void>((resolve) => {
      step(source).subscribe({ complete: resolve });
    });
    const cancelled = new AbortController();
    const asked: Asked[] = [
      { id: 'first', came: 0 },
      { id: 'usual', came: 1 },
      { id: 'cancelled', came: 2, wishes: { priority: 'interactive' }, signal: cancelled.signal },
      { id: 'someone', came: 3, wishes: { priority: 'interactive' } },
    ];
    for (const one of asked)
      source.next(
        envelopeOf(one, clock, { watch, onSettled: ({ event, outcome }) => settled.push([event.id, outcome.kind]) }),
      );
    expect(watch.inStep).toEqual(new Map([['work', 4]]));
    cancelled.abort(new VimiError('CANCELLED', 'The job was cancelled'));
    expect(settled).toEqual([['cancelled', 'dropped']]);
    expect(watch.inStep).toEqual(new Map([['work', 3]]));
    source.complete();
    for (let n = 0; n < 3; n++) {
      waits.shift()!();
      await new Promise(setImmediate);
    }
    await over;
    expect(began).toEqual(['first', 'someone', 'usual']);
    expect(watch.inStep).toEqual(new Map([['work', 0]]));
  });

  it('events that are no requests leave as they came, whatever they say', async () => {
    const clock = new VirtualClock(start);
    const began: string[] = [];
    const source = new Subject<Envelope<Flow>>();
    const step = mapEach<never>(
      async (_, { event }) => {
        began.push(event.id);
        return {};
      },
      { step: 'work', concurrency: 1, clock },
    );
    const over = new Promise<void>((resolve) => {
      step(source).subscribe({ complete: resolve });
    });
    for (const [n, priority] of (['batch', 'batch', 'standard', 'interactive'] as const).entries())
      source.next(envelopeOf({ id: String(n), came: 9 - n, wishes: { priority } }, clock, { schema: 'media.added' }));
    source.complete();
    await over;
    expect(began).toEqual(['0', '1', '2', '3']);
  });
});

describe('places of a step', () => {
  /** Events that go on when the test says so; `begun` and `left` in their order. */
  function stepOf(concurrency: number | (() => number)) {
    const clock = new VirtualClock(start);
    const [begun, left]: string[][] = [[], []];
    const open = new Map<string, { giveWay(): void; end(): void }>();
    const source = new Subject<Envelope<Flow>>();
    let isOver = false;
    mapEach<never>(
      (_, { event }, place) => {
        begun!.push(event.id);
        return new Promise((resolve) => open.set(event.id, { giveWay: () => place.giveWay(), end: () => resolve({}) }));
      },
      { step: 'work', concurrency, clock },
    )(source).subscribe({
      next: ({ event }) => void left!.push(event.id),
      complete() {
        isOver = true;
      },
    });
    const feed = (...names: string[]) => {
      for (const id of names) source.next(envelopeOf({ id, came: 0 }, clock));
    };
    const end = async (id: string) => {
      open.get(id)!.end();
      await new Promise(setImmediate);
    };
    return { begun: begun!, left: left!, open, feed, end, source, isOver: () => isOver };
  }

  it('one that gives way lets the next begin, and is still waited for at the end', async () => {
    const { begun, left, open, feed, end, source, isOver } = stepOf(1);
    feed('a', 'b', 'c');
    expect(begun).toEqual(['a']);
    open.get('a')!.giveWay();
    open.get('a')!.giveWay(); // once counts
    expect(begun).toEqual(['a', 'b']);
    source.complete();
    await end('b');
    expect(begun).toEqual(['a', 'b', 'c']);
    await end('c');
    expect([left, isOver()]).toEqual([['b', 'c'], false]);
    await end('a');
    expect([left, isOver()]).toEqual([['b', 'c', 'a'], true]);
  });

  it('may become more or fewer: nobody is stopped, and the next begin by what is so then', async () => {
    let places = 1;
    const { begun, feed, end } = stepOf(() => places);
    feed('a', 'b', 'c', 'd', 'e');
    places = 3;
    await end('a');
    expect(begun).toEqual(['a', 'b', 'c', 'd']);
    places = 1;
    await end('b');
    await end('c');
    expect(begun).toEqual(['a', 'b', 'c', 'd']);
    await end('d');
    expect(begun).toEqual(['a', 'b', 'c', 'd', 'e']);
  });
});
