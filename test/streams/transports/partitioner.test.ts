import fc from 'fast-check';
import kafkajs from 'kafkajs';
import { describe, expect, it } from 'vitest';
import { createPartitioner, murmur2 } from '../../../src/streams/transports/partitioner.js';

describe('the partitioner', () => {
  it.each([
    ['21', -973932308],
    ['foobar', -790332482],
    ['a-little-bit-long-string', -985981536],
    ['a-little-bit-longer-string', -1486304829],
    ['lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8', -58897971],
    ['abc', 479470107],
  ])("hashes %s as Kafka's own clients do", (key, hash) => {
    expect(murmur2(Buffer.from(key))).toBe(hash);
  });

  it('agrees with kafkajs on any key', () => {
    const theirs = kafkajs.Partitioners.DefaultPartitioner();
    const ours = createPartitioner();
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 40 }), fc.integer({ min: 1, max: 100 }), (bytes, count) => {
        const key = Buffer.from(bytes);
        const partitionMetadata = Array.from({ length: count }, (_, partitionId) => ({
          partitionId,
          leader: 1,
          partitionErrorCode: 0,
          replicas: [],
          isr: [],
        }));
        expect(ours(key, count)).toBe(theirs({ topic: 't', partitionMetadata, message: { key, value: null } }));
      }),
    );
  });

  it('gives what has no key to each in turn', () => {
    const partitionOf = createPartitioner(() => 0);
    expect(Array.from({ length: 5 }, () => partitionOf(null, 3))).toEqual([0, 1, 2, 0, 1]);
  });

  it('[use U7] spreads what many publishers of one record have', () => {
    const partitions = Array.from({ length: 200 }, () => createPartitioner()(null, 12));
    expect(new Set(partitions).size).toBeGreaterThan(6);
  });
});
