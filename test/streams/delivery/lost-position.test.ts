import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Clock } from '../../../src/core/clock.js';
import { lostPosition } from '../../../src/streams/delivery/lost-position.js';
import type { PipelineSpec } from '../../../src/streams/delivery/pipeline-spec.js';
import { pipelineSource } from '../../../src/streams/delivery/rejects.js';
import type { AssignedPartition, GroupPosition, Transport } from '../../../src/streams/transports/transport.js';
import { memoryTransport } from '../../../src/testing/memory.js';

let transport: Transport;
const spec = { name: 'test', group: 'test', to: [{ topic: 'out' }] } as unknown as PipelineSpec;
const beginning = { topic: 'in', partition: 1, position: null } as unknown as AssignedPartition;
const committed: Map<number, GroupPosition> = new Map([[0, { offset: 1, metadata: '' }]]);
let slept = 0;
const clock: Clock = { now: () => 0, elapsed: () => 0, sleep: async () => void slept++ };

/** A group whose first commit is visible from the `nth` answer on. */
function visibleFrom(nth: number): Transport {
  let asked = 0;
  return Object.assign(Object.create(transport) as Transport, {
    positions: async () => (++asked >= nth ? committed : new Map<number, GroupPosition>()),
  });
}

beforeEach(async () => {
  slept = 0;
  transport = memoryTransport();
  await transport.ensureTopics(['in', 'out'].map((name) => ({ name, partitions: 2, cleanup: 'delete' as const })));
  await transport.publish([{ topic: 'in', partition: 1, key: null, value: Buffer.from('{}'), headers: {} }]);
});
afterEach(() => transport.close());

describe('a partition without a committed offset', () => {
  it('is new where the pipeline has published nothing', async () => {
    expect(await lostPosition(beginning, spec, { transport: visibleFrom(99), clock })).toBeNull();
    expect(slept).toBe(0);
  });

  describe('whose pipeline has published', () => {
    beforeEach(() =>
      transport.publish([
        {
          topic: 'out',
          key: null,
          value: Buffer.from('{}'),
          headers: { ce_source: Buffer.from(pipelineSource('test')) },
        },
      ]),
    );

    it('has lost it', async () => {
      await expect(lostPosition(beginning, spec, { transport: visibleFrom(99), clock })).rejects.toMatchObject({
        code: 'POSITION_LOST',
        where: 'in/1 of test',
      });
    });

    it('is new where the first commit of another partition becomes visible after its records', async () => {
      expect(await lostPosition(beginning, spec, { transport: visibleFrom(4), clock })).toBeNull();
      expect(slept).toBeGreaterThan(0);
    });
  });
});
