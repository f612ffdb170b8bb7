import { describe, expect, it } from 'vitest';
import { onLastFate } from '../../src/operators/last-fate.js';
import type { Settlement } from '../../src/streams/settlement.js';
import { testEnvelope } from './run-operator.js';

function watched(signal?: AbortSignal) {
  const log: string[] = [];
  const onSettled = ({ parts }: Settlement) => log.push(`settled ${parts.length}`);
  const envelope = onLastFate(testEnvelope({}, 0, onSettled, { signal }), () => log.push('done'));
  return { envelope, log };
}

describe('onLastFate', () => {
  it('waits for the fate, through new data', () => {
    const { envelope, log } = watched();
    const next = envelope.with({ media: { uri: 'a' } }).with({});
    expect(log).toEqual([]);
    next.settle({ kind: 'delivered' });
    expect(log).toEqual(['settled 1', 'done']);
  });

  it('waits for every descendant', () => {
    const { envelope, log } = watched();
    const [a, b] = envelope.fork([{}, {}]);
    const [c, d] = b!.fork([{}, {}]);
    expect([a!.part, c!.part, d!.part]).toEqual(['0', '1.0', '1.1']);
    c!.settle({ kind: 'dropped', reason: 'custom' });
    a!.settle({ kind: 'delivered' });
    expect(log).toEqual([]);
    d!.with({}).settle({ kind: 'delivered' });
    expect(log).toEqual(['settled 3', 'done']);
  });

  it('is done with an empty fork', () => {
    const { envelope, log } = watched();
    expect(envelope.fork([], 'too-short')).toEqual([]);
    expect(log).toEqual(['settled 1', 'done']);
  });

  it('is done once when the work is abandoned, before or after', () => {
    const stop = new AbortController();
    const { envelope, log } = watched(stop.signal);
    stop.abort();
    expect(log).toEqual(['done']);
    envelope.settle({ kind: 'delivered' });
    expect(log).toEqual(['done', 'settled 1']);
    expect(watched(AbortSignal.abort()).log).toEqual(['done']);
  });
});
