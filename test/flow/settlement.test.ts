import { describe, expect, it } from 'vitest';
import { VimiError } from '../../src/core/errors.js';
import type { Outcome } from '../../src/flow/envelope.js';
import type { Settlement } from '../../src/flow/settlement.js';
import { testEnvelope } from '../operators/run-operator.js';

function watched(signal?: AbortSignal) {
  const log: string[] = [];
  const onSettled = ({ parts }: Settlement) => log.push(`settled ${parts.length}`);
  const envelope = testEnvelope({}, 0, onSettled, { signal });
  envelope.onEnd(() => log.push('done'));
  return { envelope, log };
}

describe('onEnd', () => {
  it('waits for the outcome, through new data', () => {
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

  it('calls all who wait, and those who come later at once', () => {
    const { envelope, log } = watched();
    const [part] = envelope.fork([{}]);
    part!.onEnd(() => log.push('done too'));
    part!.settle({ kind: 'delivered' });
    expect(log).toEqual(['settled 1', 'done', 'done too']);
    part!.onEnd(() => log.push('done late'));
    expect(log.at(-1)).toBe('done late');
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

describe('what a record comes to', () => {
  const settlementOf = (settle: (envelope: ReturnType<typeof testEnvelope>) => void) => {
    const settled: Settlement[] = [];
    settle(testEnvelope({}, 7, (one) => settled.push(one)));
    expect(settled).toHaveLength(1);
    return settled[0]!;
  };
  const output = (name: string) => ({ topic: name, key: null, value: null, headers: {} });
  const error = new VimiError('MEDIA_DAMAGED', 'Damaged');
  const rejected = { kind: 'rejected', error, step: 'work', attempts: 1 } as const;
  const dropped = { kind: 'dropped', reason: 'duplicate' } as const;

  it('is its parts in their order, whatever the order in which they finish', () => {
    const { parts, outputs } = settlementOf((envelope) => {
      const forked = envelope.fork(Array.from({ length: 11 }, () => ({})));
      const [first, second] = forked[2]!.fork([{}, {}]);
      for (const part of [second!, first!, ...forked.filter((one) => one !== forked[2]).reverse()]) {
        part.output(output(part.part));
        part.settle({ kind: 'delivered' });
      }
    });
    const order = ['0', '1', '2.0', '2.1', '3', '4', '5', '6', '7', '8', '9', '10'];
    expect(parts.map(({ part }) => part)).toEqual(order);
    expect(outputs.map(({ topic }) => topic)).toEqual(order);
  });

  it('is delivered when any part is, else rejected when any is, else dropped for the first reason', () => {
    const of = (...outcomes: Outcome[]) =>
      settlementOf((envelope) => {
        for (const [n, part] of envelope.fork(outcomes.map(() => ({}))).entries()) part.settle(outcomes[n]!);
      }).outcome;
    expect(of(dropped, rejected, { kind: 'delivered' })).toEqual({ kind: 'delivered' });
    expect(of(dropped, rejected)).toBe(rejected);
    expect(of(dropped, { kind: 'dropped', reason: 'too-still' })).toBe(dropped);
  });

  it('has no outputs of what was rejected, and those of before a fork once', () => {
    const { outputs } = settlementOf((envelope) => {
      envelope.output(output('before'));
      const [good, bad] = envelope.fork([{}, {}]);
      for (const part of [good!, bad!]) part.output(output(part.part));
      bad!.settle(rejected);
      good!.settle({ kind: 'delivered' });
    });
    expect(outputs.map(({ topic }) => topic)).toEqual(['before', '0']);
  });

  it('is told once: an envelope that has its outcome takes nothing more', () => {
    const envelope = testEnvelope({}, 7, () => {});
    const next = envelope.with({ media: { uri: 'a' } });
    next.settle({ kind: 'delivered' });
    for (const again of [() => envelope.settle(dropped), () => next.output(output('late')), () => envelope.fork([{}])])
      expect(again).toThrowError(expect.objectContaining({ code: 'INTERNAL', where: "test/0/7 part ''" }));
  });
});
