import { expect, it } from 'vitest';
import { KnownReadings, Readings } from '../../../src/models/encoders/known-readings.js';
import { promptKey } from '../../../src/models/networks/prompt-key.js';

it('what one video read is known to the next, and counted for each', async () => {
  const known = new KnownReadings();
  let read = 0;
  const reading = { key: 'a fox', read: async () => [++read], bytesOf: () => 4 };
  const [first, second] = [new Readings(known), new Readings(known)];
  expect(await first.of(reading)).toEqual([1]);
  expect(await second.of(reading)).toEqual([1]);
  expect(await second.of({ ...reading, key: 'a boat' })).toEqual([2]);
  expect([first.counts, second.counts]).toEqual([
    { made: 1, known: 0 },
    { made: 1, known: 1 },
  ]);
});

it('what failed is read again', async () => {
  const readings = new Readings(new KnownReadings());
  let tries = 0;
  const reading = {
    ...{ key: 'a fox', bytesOf: () => 4 },
    async read() {
      if (++tries === 1) throw new Error('no memory');
      return tries;
    },
  };
  await expect(readings.of(reading)).rejects.toThrow('no memory');
  expect(await readings.of(reading)).toBe(2);
});

it('keeps no more bytes than it may: what was asked for last stays, and what goes is dropped', () => {
  const known = new KnownReadings(10);
  const readings = new Readings(known);
  const open = new Set<string>();
  let copies = 0;
  const ask = (key: string) =>
    readings.now({
      key,
      read: () => key,
      bytesOf: () => 4,
      copies: {
        copy(value) {
          const own = `${value} ${copies++}`;
          open.add(own);
          return own;
        },
        drop: (value) => void open.delete(value),
      },
    });
  for (const key of ['a', 'b', 'a', 'c', 'b']) ask(key);
  // `b` had to go for `c`, since `a` had been asked for again.
  expect(readings.counts).toEqual({ made: 4, known: 1 });
  // Two kept ones, and the copy that the second video with `a` has.
  expect([...open].map((one) => one[0]).toSorted()).toEqual(['a', 'b', 'c']);
});

it('prompts have one key where all that they are read from is the same', () => {
  const image = Float32Array.of(0.5, -0.5, 1);
  const keys = [
    promptKey([]),
    promptKey([{ word: 'a' }, { word: 'fox' }]),
    promptKey([{ word: 'afox' }]),
    promptKey([{ word: null }]),
    promptKey([{ image, role: 'subject' }]),
    promptKey([{ image, role: 'background' }]),
    promptKey([{ image: Float32Array.of(0.5, -0.5, -1), role: 'subject' }]),
    promptKey([{ vector: image, of: 'text' }]),
    promptKey([{ vector: image, of: 'subject' }]),
    promptKey([
      { vector: image.subarray(0, 1), of: 'text' },
      { vector: image.subarray(1), of: 'text' },
    ]),
  ];
  expect(new Set(keys).size).toBe(keys.length);
  expect(promptKey([{ image: image.slice(), role: 'subject' }])).toBe(keys[4]);
});
