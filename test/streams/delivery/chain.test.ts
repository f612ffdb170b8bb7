import { setImmediate } from 'node:timers/promises';
import { mergeMap } from 'rxjs';
import { describe, expect, it } from 'vitest';
import { systemClock as clock } from '../../../src/core/clock.js';
import { VimiError } from '../../../src/core/errors.js';
import type { Flow, Product } from '../../../src/flow/flow.js';
import { mapEach } from '../../../src/flow/map-each.js';
import type { OperatorInstance } from '../../../src/flow/operator.js';
import type { Settlement } from '../../../src/flow/settlement.js';
import { startChain } from '../../../src/streams/delivery/chain.js';
import type { Sinks } from '../../../src/streams/delivery/sinks.js';
import { testEnvelope } from '../../operators/run-operator.js';
import { productOf } from './pipeline-fixtures.js';

const step = (work: Parameters<typeof mapEach<'media'>>[0]): OperatorInstance => ({
  step: mapEach<'media'>(work, { step: 'work', concurrency: 8, clock, attempts: 1 }),
});
const record = ({ id }: Product) => ({ topic: 'out', key: null, value: Buffer.from(id), headers: {} });
const sinks: Sinks = async (product) => [record(product)];
const broken = (error: unknown) => expect.fail(String(error));
const flow = (uri: string): Flow => ({ media: { uri } });

/** Feeds flows, completes the chain, and gives what each came to. */
async function settlementsOf(chain: ReturnType<typeof startChain>, flows: Flow[]): Promise<Settlement[]> {
  const settlements: Settlement[] = [];
  for (const [n, data] of flows.entries())
    chain.feed(
      testEnvelope(data, n, (one) => {
        settlements[n] = one;
      }),
    );
  await chain.complete();
  return settlements;
}

describe('the steps of a pipeline', () => {
  it('are gone through in their order, and what they make is put out at the end', async () => {
    const steps = [
      step(({ media }) => ({ media: { uri: `${media.uri}1` } })),
      step(({ media }) => productOf(`${media.uri}2`)),
    ];
    const [settled] = await settlementsOf(startChain(steps, sinks, clock, broken), [flow('a')]);
    expect(settled).toMatchObject({ outcome: { kind: 'delivered' }, parts: [{ part: '' }] });
    expect(settled!.outputs.map(({ value }) => String(value))).toEqual(['a12']);
  });

  it('deliver what comes without a product as it is', async () => {
    const asked: Product[] = [];
    const chain = startChain(
      [],
      async (product) => {
        asked.push(product);
        return [];
      },
      clock,
      broken,
    );
    const [settled] = await settlementsOf(chain, [flow('a')]);
    expect(settled).toMatchObject({ outcome: { kind: 'delivered' }, outputs: [] });
    expect(asked).toEqual([]);
  });

  it('hand the key and the trace of the record to the sinks', async () => {
    const origins: unknown[] = [];
    const chain = startChain(
      [step(({ media }) => productOf(media.uri))],
      async (_, origin) => {
        origins.push(origin);
        return [];
      },
      clock,
      broken,
    );
    await settlementsOf(chain, [flow('a')]);
    expect(origins).toEqual([{ key: null, traceparent: undefined }]);
  });

  it('give each part of a split event its own outcome, at the sinks too', async () => {
    const chain = startChain(
      [step(({ media: { uri } }) => ['x', 'y'].map((end) => productOf(uri + end)))],
      async (product) => {
        if (product.id === 'ay') throw new VimiError('OBJECT_KEY_INVALID', 'No such name');
        return [record(product)];
      },
      clock,
      broken,
    );
    const [settled] = await settlementsOf(chain, [flow('a')]);
    expect(settled!.outcome.kind).toBe('delivered');
    expect(settled!.parts.map(({ part, outcome }) => [part, outcome.kind])).toEqual([
      ['0', 'delivered'],
      ['1', 'rejected'],
    ]);
    expect(settled!.parts[1]!.outcome).toMatchObject({ step: 'to', error: { code: 'OBJECT_KEY_INVALID' } });
    expect(settled!.outputs.map(({ value }) => String(value))).toEqual(['ax']);
  });

  it('are complete only when all that was fed has left them', async () => {
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    const settled: Settlement[] = [];
    const chain = startChain([step(() => held.then(() => ({})))], sinks, clock, broken);
    chain.feed(testEnvelope(flow('a'), 0, (one) => settled.push(one)));
    let isComplete = false;
    const complete = chain.complete().then(() => {
      isComplete = true;
    });
    await setImmediate();
    expect([settled.length, isComplete]).toEqual([0, false]);
    release();
    await complete;
    expect(settled).toHaveLength(1);
  });

  it('tell when one breaks the stream itself, and end', async () => {
    const defects: unknown[] = [];
    const breaking: OperatorInstance = {
      step: (source) =>
        source.pipe(
          mergeMap(() => {
            throw new Error('a defect');
          }),
        ),
    };
    const chain = startChain([breaking], sinks, clock, (error) => defects.push(error));
    chain.feed(testEnvelope(flow('a'), 0, () => expect.fail('it has no outcome')));
    await chain.complete();
    expect(defects).toEqual([new Error('a defect')]);
  });
});
