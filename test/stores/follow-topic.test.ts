import { describe, expect, it } from 'vitest';
import { VimiError } from '../../src/core/errors.js';
import { followTopic, ReadAgain } from '../../src/stores/follow-topic.js';
import { Positions } from '../../src/stores/positions.js';

const log = { warn() {}, info() {} };
const size = 5_000;

/** A view of a topic of one partition. */
function followed() {
  const seen = new Positions();
  const counts = { read: 0, taken: 0 };
  const follower = followTopic<{ partition: number; offset: number }>({
    what: 'The view',
    async *read(from, { follow, signal }) {
      for (let offset = from[0] ?? 0; offset < size && !signal.aborted; offset++) {
        counts.read++;
        yield { partition: 0, offset };
        if (offset % 500 === 499) await new Promise(setImmediate);
      }
      if (follow && !signal.aborted)
        await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
    },
    positions: async () => seen.next,
    async apply(records) {
      seen.advance(records, () => {
        counts.taken++;
      });
    },
    log,
  });
  return { follower, counts };
}

describe('a view that is made anew', () => {
  it.each([
    ['at its last record', size],
    ['behind the mark of a transaction', size + 1],
  ])('reads a long topic that ends %s once, not twice at once', async (_, high) => {
    const { follower, counts } = followed();
    await follower.caughtUp([{ partition: 0, high }]);
    expect(counts.taken).toBe(size);
    // A reading that begins while the first one is held up reads less than all again.
    expect(counts.read).toBeLessThan(2 * size);
    await follower.close();
  });
});

describe('a view that fails once', () => {
  it.each([
    ['is told of as trouble', new VimiError('INDEX_DAMAGED', 'A page is gone'), ['warn', 'info']],
    ['is no trouble when others have moved it', new ReadAgain('INDEX_DAMAGED', 'It was started again'), ['info']],
  ])('%s, and goes on', async (_, failure, levels) => {
    const told: string[] = [];
    let failures = 1;
    const seen = new Positions();
    const follower = followTopic<{ partition: number; offset: number }>({
      what: 'The view',
      async *read(from) {
        if (!from[0]) yield { partition: 0, offset: 0 };
      },
      positions: async () => seen.next,
      async apply(records) {
        if (failures-- > 0) throw failure;
        seen.advance(records, () => {});
      },
      log: { warn: () => told.push('warn'), info: () => told.push('info') },
      retryMs: 1,
    });
    await follower.caughtUp([{ partition: 0, high: 1 }]);
    await follower.close();
    expect(told).toEqual(levels);
  });
});
