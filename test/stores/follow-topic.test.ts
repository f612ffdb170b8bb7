import { describe, expect, it } from 'vitest';
import { followTopic } from '../../src/stores/follow-topic.js';
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
