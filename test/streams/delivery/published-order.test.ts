import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { VimiError } from '../../../src/core/errors.js';
import { VirtualClock } from '../../../src/core/virtual-clock.js';
import type { StoredRecord } from '../../../src/events/record.js';
import type { Envelope } from '../../../src/flow/envelope.js';
import type { Flow } from '../../../src/flow/flow.js';
import { comparePublished } from '../../../src/flow/order.js';
import { Pause } from '../../../src/flow/pause.js';
import { openEnvelope } from '../../../src/flow/settlement.js';
import { StepWatch } from '../../../src/flow/step-watch.js';
import { WaitingList } from '../../../src/flow/waiting-list.js';
import { Work } from '../../../src/flow/work.js';
import { type OrderedPartition, PublishedOrder } from '../../../src/streams/delivery/published-order.js';
import { patient } from '../../support/patience.js';

const recordAt = (partition: number, offset: number, timestamp: number): StoredRecord => ({
  ...{ topic: 'in', partition, offset, timestamp, key: null, value: null, headers: {} },
});

/** Partitions that are read by hand. */
function topic(...logs: StoredRecord[][]) {
  const made = unbegun(...logs);
  made.order.begin();
  return made;
}

function unbegun(...logs: StoredRecord[][]) {
  const partitions = new Map(
    logs.map((_, n) => [n, { isTaking: true, holds: false, reached: 0, last: undefined as StoredRecord | undefined }]),
  );
  const ends = vi.fn(async () => new Map(logs.map((log, n) => [n, log.length])));
  const order = new PublishedOrder(partitions as Map<number, OrderedPartition>, ends);
  const works = new Map<StoredRecord, Work>();
  return {
    ...{ order, ends, works },
    partition: (n: number) => partitions.get(n)!,
    read(n: number) {
      const partition = partitions.get(n)!;
      const record = logs[n]![partition.reached]!;
      const work = new Work();
      works.set(record, work);
      order.add(record, work);
      Object.assign(partition, { reached: partition.reached + 1, last: record });
      return record;
    },
  };
}
const isTurn = (order: PublishedOrder, record: StoredRecord) => order.isTurn(record, 'step', 'settled');
const becomesTurn = (order: PublishedOrder, record: StoredRecord) =>
  vi.waitFor(() => expect(isTurn(order, record)).toBe(true), patient);

describe('the order of what was published', () => {
  it('is by time over all partitions, whoever is read first', async () => {
    const { order, read } = topic([recordAt(0, 0, 5)], [recordAt(1, 0, 3), recordAt(1, 1, 9)]);
    const later = read(0);
    expect(isTurn(order, later)).toBe(false);
    const first = read(1);
    expect([isTurn(order, later), isTurn(order, first)]).toEqual([false, true]);
    order.end(first);
    // The other partition has been read to nothing newer yet, and holds one more.
    expect(isTurn(order, later)).toBe(false);
    read(1);
    expect(isTurn(order, later)).toBe(true);
  });

  it('begins when all partitions are known', () => {
    const { order, read } = unbegun([recordAt(0, 0, 5)]);
    const first = read(0);
    expect(isTurn(order, first)).toBe(false);
    order.begin();
    expect(isTurn(order, first)).toBe(true);
  });

  it('waits for no partition that is at its end, is given up, or has come further', async () => {
    const quiet = topic([recordAt(0, 0, 5)], [recordAt(1, 0, 3)]);
    quiet.order.end(quiet.read(1));
    await becomesTurn(quiet.order, quiet.read(0));
    const revoked = topic([recordAt(0, 0, 5)], [recordAt(1, 0, 3)]);
    const waits = revoked.read(0);
    expect(isTurn(revoked.order, waits)).toBe(false);
    revoked.partition(1).isTaking = false;
    expect(isTurn(revoked.order, waits)).toBe(true);
  });

  it('does not count as read what was given out and waits for a pause to be over', async () => {
    const { order, read, partition, ends } = topic([recordAt(0, 0, 5)], [recordAt(1, 0, 3)]);
    Object.assign(partition(1), { holds: true, reached: 1 });
    const waits = read(0);
    expect(isTurn(order, waits)).toBe(false);
    await vi.waitFor(() => expect(ends).toHaveBeenCalled(), patient);
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(isTurn(order, waits)).toBe(false);
    partition(1).holds = false;
    await becomesTurn(order, waits);
  });

  it('is not waited for any more by whoever was given up', () => {
    const { order, read, works } = topic([recordAt(0, 0, 5), recordAt(0, 1, 6)]);
    const [first, second] = [read(0), read(0)];
    expect(isTurn(order, second)).toBe(false);
    works.get(first)!.abort(new VimiError('CANCELLED', 'x'));
    expect(isTurn(order, second)).toBe(true);
  });

  it('lets nobody pass those who were given up as the run ends', () => {
    const { order, read, works } = topic([recordAt(0, 0, 5), recordAt(0, 1, 6)]);
    const [first, second] = [read(0), read(0)];
    order.stop();
    works.get(first)!.abort(new VimiError('TIMED_OUT', 'x'));
    expect(isTurn(order, second)).toBe(false);
  });

  it('lets a record from the future pass, although older ones go on coming', async () => {
    const logs = [[recordAt(0, 0, 1e15)], [recordAt(1, 0, 1), recordAt(1, 1, 2)]];
    const { order, read, ends } = topic(...logs);
    const future = read(0);
    const first = read(1);
    expect(isTurn(order, future)).toBe(false);
    await vi.waitFor(() => expect(ends).toHaveBeenCalled(), patient);
    await new Promise(setImmediate);
    for (let offset = 2; offset < 5; offset++) logs[1]!.push(recordAt(1, offset, 1 + offset));
    order.end(first);
    order.end(read(1));
    // These came after it.
    read(1);
    await becomesTurn(order, future);
  });

  it('has begun in one step and not in another', () => {
    const { order, read } = topic([recordAt(0, 0, 1), recordAt(0, 1, 2)]);
    const [first, second] = [read(0), read(0)];
    expect(order.isTurn(second, 'one', 'begun')).toBe(false);
    order.begun(first, 'one');
    expect(order.isTurn(second, 'one', 'begun')).toBe(true);
    expect(order.isTurn(second, 'other', 'begun')).toBe(false);
    expect(isTurn(order, second)).toBe(false);
  });

  it('comes to an end, and keeps the order where times rise: whatever is read and ends when', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat({ max: 2 }), fc.nat({ max: 8 })), { minLength: 1, maxLength: 24 }),
        fc.boolean(),
        fc.infiniteStream(fc.nat({ max: 2 })),
        async (published, doRise, choices) => {
          const logs: StoredRecord[][] = [[], [], []];
          for (const [n, [partition, time]] of published.entries())
            logs[partition]!.push(recordAt(partition, logs[partition]!.length, doRise ? n : time));
          const { order, read, partition } = topic(...logs);
          const open = new Set<StoredRecord>();
          const ended: StoredRecord[] = [];
          while (ended.length < published.length) {
            const n = choices.next().value;
            if (partition(n).reached < logs[n]!.length && [...open].filter((one) => one.partition === n).length < 2)
              open.add(read(n));
            const next = [...open].find((record) => isTurn(order, record));
            if (!next) {
              await new Promise((resolve) => setTimeout(resolve, 1));
              continue;
            }
            open.delete(next);
            order.end(next);
            ended.push(next);
          }
          if (doRise) expect(ended).toEqual(logs.flat().sort(comparePublished));
        },
      ),
      { numRuns: 20 },
    );
  });
});

describe('a step that has no place for all', () => {
  it('takes the one that was published first, for which others may wait, and else who came first', () => {
    const clock = new VirtualClock(0);
    const { order, works, read } = topic([0, 1, 2, 3].map((n) => recordAt(0, n, n)));
    const records = [0, 1, 2, 3].map(() => read(0));
    const waiting = new WaitingList(
      clock,
      () => {},
      () => {},
    );
    // The later ones were quicker in the steps before.
    for (const n of [3, 2, 0, 1]) {
      const event = { id: String(n), source: '/test', type: 'dev.vimi.media.added.v1', time: '', data: {} };
      const open = { pause: new Pause({ clock }), watch: new StepWatch({ elapsed: clock.elapsed }), order };
      const media = { uri: `${n}.png` };
      const [record, work] = [records[n]!, works.get(records[n]!)!];
      waiting.add(
        openEnvelope<Flow>(record, { ...event, schema: 'media.added', data: media }, { media }, work, () => {}, open),
      );
    }
    const take = (): Envelope<Flow> => waiting.take()!;
    expect(take().event.id).toBe('0');
    // Under way, it is still the first of those without an outcome: the others go as they came.
    expect(take().event.id).toBe('3');
    order.end(records[0]!);
    expect([take().event.id, take().event.id]).toEqual(['1', '2']);
  });
});
