import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readClassCounts, readClasses } from '../../src/evaluation/ucf101/read-classes.js';
import { apportioned, classRequests } from '../../src/evaluation/ucf101/requests.js';
import { decodeEvent } from '../../src/events/cloudevents.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vimi-ucf101-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = (text: string) => {
  const path = join(folder, 'list.txt');
  writeFileSync(path, text);
  return path;
};

describe('the list of classes', () => {
  test('is a prompt a line, or a name, a tab and a prompt', async () => {
    const text = '\uFEFFArchery\ta person shoots an arrow\r\n\n  a person bowls  \n';
    expect(await readClasses(file(text))).toEqual([
      { name: 'Archery', prompt: 'a person shoots an arrow' },
      { name: 'a person bowls', prompt: 'a person bowls' },
    ]);
  });

  test.each([
    ['nothing', '\n\n', 'list.txt'],
    ['two tabs', 'Archery\tx\ty', 'list.txt:1'],
    ['a class twice', 'Archery\tx\nBowling\ty\nArchery\tz', 'list.txt:3'],
    ['more than a prompt may have', 'x'.repeat(4001), 'list.txt:1'],
  ])('refuses %s', async (_, text, said) => {
    await expect(readClasses(file(text))).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(said),
    });
  });

  test('is told when it is not there', async () => {
    await expect(readClasses(join(folder, 'none'))).rejects.toMatchObject({ code: 'MEDIA_NOT_FOUND' });
    await expect(readClasses(folder)).rejects.toMatchObject({ code: 'MEDIA_NOT_FOUND' });
  });
});

describe('the list of real videos', () => {
  const classes = ['Archery', 'Bowling'].map((name) => ({ name, prompt: name }));

  test('is counted by class, as UCF101 lists its videos', async () => {
    const text =
      'Archery/v_Archery_g01_c01.avi 1\nBowling/v_Bowling_g01_c01.avi 2\nArchery/v_Archery_g01_c02.avi 1\nArchery\n';
    expect(await readClassCounts(file(text), classes)).toEqual([3, 1]);
  });

  test('of other classes or of none is refused', async () => {
    const other = readClassCounts(file('Archery/a.avi\nSurfing/b.avi\n'), classes);
    await expect(other).rejects.toMatchObject({ code: 'USAGE', where: expect.stringContaining('list.txt:2') });
    await expect(readClassCounts(file(''), classes)).rejects.toMatchObject({ code: 'USAGE' });
  });
});

test('shares are within one of what they would be exactly, and nothing is lost', () => {
  const weights = fc.array(fc.integer({ min: 0, max: 200 }), { minLength: 1, maxLength: 101 });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12_000 }), weights, (n, list) => {
      const sum = list.reduce((a, b) => a + b, 0);
      fc.pre(sum > 0);
      const counts = apportioned(n, list);
      expect(counts.reduce((a, b) => a + b, 0)).toBe(n);
      for (const [i, count] of counts.entries()) expect(Math.abs(count - (n * list[i]!) / sum)).toBeLessThan(1 + 1e-6);
    }),
  );
});

describe('the requests', () => {
  const classes = ['shoots', 'bowls', 'surfs'].map((verb) => ({ name: verb, prompt: `a person ${verb}` }));
  const asked = { n: 100, classes, seed: 7, settings: { frames: 16 } };

  test('are events that the requests topic takes, each with an id and a seed of its own', () => {
    const events = classRequests(asked);
    const decoded = events.map((event) =>
      decodeEvent(
        {
          ...{ topic: 'requests', partition: 0, offset: 0, key: null, timestamp: 0 },
          headers: { 'content-type': Buffer.from('application/cloudevents+json') },
          value: Buffer.from(JSON.stringify(event)),
        },
        ['generation.requested', 'generation.cancelled'],
      ),
    );
    expect(new Set(decoded.map(({ id }) => id)).size).toBe(100);
    expect(decoded[0]!.data).toEqual({ prompt: 'a person shoots', seed: 7, frames: 16 });
    expect(decoded.map(({ data }) => (data as { seed: number }).seed)).toEqual(events.map((_, i) => 7 + i));
    // The names of the videos begin with the ids: in the order of the requests.
    expect(events.map(({ id }) => id)).toEqual(events.map(({ id }) => id).sort());
  });

  test('are the same again, and of another name when anything is another', () => {
    expect(classRequests(asked)).toEqual(classRequests(asked));
    const sets = [
      asked,
      { ...asked, n: 99 },
      { ...asked, seed: 8 },
      { ...asked, settings: { frames: 8 } },
      { ...asked, weights: [2, 1, 1] },
      { ...asked, classes: classes.toReversed() },
    ].map((one) => classRequests(one)[0]!.id);
    expect(new Set(sets).size).toBe(sets.length);
  });

  test('hold the classes in their shares in any part of the list', () => {
    const events = classRequests({ ...asked, n: 400, weights: [4, 1, 3] });
    for (let from = 0; from < 400; from += 40) {
      const part = events.slice(from, from + 40).map(({ data }) => data.prompt);
      for (const [i, share] of [20, 5, 15].entries()) {
        const found = part.filter((prompt) => prompt === classes[i]!.prompt).length;
        expect(Math.abs(found - share)).toBeLessThanOrEqual(1);
      }
    }
  });
});
