import { describe, expect, it } from 'vitest';
import { balanceCorpus } from '../../src/app/passes/balance-corpus.js';
import { deduplicateCorpus } from '../../src/app/passes/deduplicate-corpus.js';
import type { PassDocument } from '../../src/app/passes/snapshot.js';
import { KeepList, readKeepList, writeKeepList } from '../../src/stores/keep-lists/keep-list.js';
import { seeded } from '../chaos/random.mjs';

const random = seeded(5);
const hash = (n: number) => n.toString(16).padStart(64, '0');
const encoder = 'hashed-text-and-looks/2';

function unit(vector: number[]): Float32Array {
  const length = Math.hypot(...vector);
  return Float32Array.from(vector, (value) => value / length);
}

/** Around a few centres, so that many are alike; every fifth a still. */
const documents: PassDocument[] = Array.from({ length: 300 }, (_, n) => {
  const centre = n % 12;
  const vector = Array.from(
    { length: 16 },
    (_, i) => Math.sin(1 + centre * 7 + i * (centre + 1)) + (random() - 0.5) * 0.5,
  );
  return {
    ...{
      id: hash(1000 + ((n * 7919) % 300)),
      caption: `${['a fox', 'two foxes and a car', 'snow'][n % 3]}`,
      image: hash(2000 + n),
    },
    ...(n % 5 !== 0 && { clip: hash(3000 + n) }),
    ...{
      source: `source-${n % 4}`,
      licence: 'CC0-1.0',
      scores: (n % 11 === 0 ? {} : { sharpness: Math.round(random() * 50) }) as Record<string, number>,
    },
    ...{ model: encoder, vector: unit(vector) },
  };
});
const shuffled = [...documents].sort((a, b) => (a.image.slice(-1) < b.image.slice(-1) ? 1 : -1));
const cosine = (a: PassDocument, b: PassDocument) => a.vector.reduce((sum, value, i) => sum + value * b.vector[i]!, 0);
const kindOf = ({ clip }: PassDocument) => (clip === undefined ? 'still' : 'clip');
const sharpness = ({ scores }: PassDocument) => scores.sharpness ?? Number.NEGATIVE_INFINITY;
const byId = new Map(documents.map((one) => [one.id, one]));

describe('semantic deduplication', () => {
  it('keeps no two that are alike, and leaves out nothing that is like none that stays, or better than it', async () => {
    const { leftOut, unknown } = await deduplicateCorpus(documents, { likeness: 0.95, best: 'sharpness', encoder });
    const gone = new Set(leftOut.map(({ document }) => document));
    const kept = documents.filter(({ id }) => !gone.has(id));
    expect(unknown).toBe(0);
    expect(kept.length).toBeGreaterThan(12);
    expect(leftOut.length).toBeGreaterThan(50);
    for (const [n, one] of kept.entries())
      for (const other of kept.slice(n + 1))
        if (kindOf(one) === kindOf(other)) expect(cosine(one, other)).toBeLessThan(0.95 + 1e-6);
    for (const { document, of, likeness, reason, clip } of leftOut) {
      const [left, stays] = [byId.get(document)!, byId.get(of!)!];
      expect([reason, clip, gone.has(of!), kindOf(stays)]).toEqual(['like', left.clip, false, kindOf(left)]);
      expect(likeness).toBeCloseTo(cosine(left, stays), 5);
      expect(likeness).toBeGreaterThanOrEqual(0.95 - 1e-6);
      expect(sharpness(left)).toBeLessThanOrEqual(sharpness(stays));
    }
  });

  it('says the same whatever the order of the documents; keeps those of another encoder; can be stopped', async () => {
    const options = { likeness: 0.95, best: 'sharpness', encoder };
    const [one, other] = [await deduplicateCorpus(documents, options), await deduplicateCorpus(shuffled, options)];
    expect(writeKeepList(other.leftOut)).toBe(writeKeepList(one.leftOut));
    const foreign = documents.map((document, n) => (n < 100 ? { ...document, model: 'clip-vit' } : document));
    const { leftOut, unknown } = await deduplicateCorpus(foreign, options);
    expect(unknown).toBe(100);
    expect(leftOut.filter(({ document }) => foreign.slice(0, 100).some(({ id }) => id === document))).toEqual([]);
    await expect(deduplicateCorpus(documents, { ...options, signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'CANCELLED',
    });
  });
});

describe('balance', () => {
  it.each([
    ['source', 10],
    ['subject', 7],
    ['noun', 7],
    ['licence', 30],
  ] as const)('keeps at most so many of a %s, the best ones, whatever the order', (by, most) => {
    const leftOut = balanceCorpus(documents, { by, most, best: 'sharpness' });
    expect(writeKeepList(balanceCorpus(shuffled, { by, most, best: 'sharpness' }))).toBe(writeKeepList(leftOut));
    const gone = new Map(leftOut.map((line) => [line.document, line]));
    const groups = ({ source, licence, caption }: PassDocument) =>
      by === 'source'
        ? [source]
        : by === 'licence'
          ? [licence]
          : caption === 'snow'
            ? ['snow']
            : by === 'noun' && caption.includes('car')
              ? ['fox', 'car']
              : caption.includes('car')
                ? ['fox', 'car']
                : ['fox'];
    for (const kind of ['clip', 'still']) {
      const counts = new Map<string, number>();
      for (const document of documents.filter((one) => kindOf(one) === kind && !gone.has(one.id)))
        for (const group of groups(document)) counts.set(group, (counts.get(group) ?? 0) + 1);
      for (const [group, count] of counts) expect(count, `${kind} ${group}`).toBeLessThanOrEqual(most);
      // Full where something of it was left out.
      for (const { document, group } of leftOut) {
        if (kindOf(byId.get(document)!) !== kind) continue;
        expect(counts.get(group!)).toBe(most);
        const worst = documents.filter(
          (one) => kindOf(one) === kind && !gone.has(one.id) && groups(one).includes(group!),
        );
        expect(sharpness(byId.get(document)!)).toBeLessThanOrEqual(Math.min(...worst.map(sharpness)));
      }
    }
  });
});

describe('balance of what captions name', () => {
  it('counts what is measured, not the measure', () => {
    const captions = [
      'a pair of scissors',
      'a pair of glasses',
      'a slice of pizza',
      'a pair dances',
      'a pair of scissors',
    ];
    const five = captions.map((caption, n) => ({ ...documents[n]!, caption, clip: undefined }));
    const leftOut = balanceCorpus(five, { by: 'noun', most: 1, best: 'sharpness' });
    expect(leftOut.map(({ group }) => group)).toEqual(['scissor']);
  });
});

describe('a keep-list', () => {
  it('is read as it was written, and knows clips by their bytes and stills by their images', () => {
    const lines = balanceCorpus(documents, { by: 'source', most: 10, best: 'sharpness' });
    const list = readKeepList('even', writeKeepList(lines), 'x');
    const clip = lines.find((line) => line.clip)!;
    const still = lines.find((line) => !line.clip)!;
    expect(list.ofDocument(clip.document)).toEqual(clip);
    expect(list.ofMedium(clip.clip!)).toEqual(clip);
    expect(list.ofMedium(clip.image)).toBeNull();
    expect(list.ofMedium(still.image)).toEqual(still);
    expect(list.ofDocument(hash(1))).toBeNull();
    expect(new KeepList('none', []).ofDocument(clip.document)).toBeNull();
    for (const damaged of ['{"document": 7}', '{"docu', '[]'])
      expect(() => readKeepList('even', damaged, 'x')).toThrow(expect.objectContaining({ code: 'OBJECT_DAMAGED' }));
  });
});
