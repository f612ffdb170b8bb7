import { expect, test } from 'vitest';
import { hidden, type PromptItem } from '../../../../src/models/networks/prompt-input.js';
import { Random } from '../../../../src/models/numerics/random.js';
import { augmentItems, drawAugmentation, repaint, sharedNames } from '../../../../src/models/training/data/augment.js';

const none = { names: null, mirror: false, channels: [0, 1, 2] as const, strange: null };
const text = (line: string): PromptItem[] => line.split(' ').map((word) => ({ word }));
const said = (items: PromptItem[]) =>
  items.map((item) => ('word' in item ? (item.word === hidden ? '_' : item.word) : '<img>')).join(' ');
const image = Float32Array.of(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11);
const prompt: PromptItem[] = [
  ...text('a red fox'),
  { image, role: 'reference' },
  ...text('a red fox moves left on a blue background'),
];
const captions = ['a red fox', 'a left shoe'];

test('the names are what the prompt shares with its context', () => {
  expect([...sharedNames(prompt, captions)].sort()).toEqual(['fox', 'red']);
});

test('names become others, each the same wherever it stands', () => {
  const renamed = (names: number) => said(augmentItems(prompt, captions, { ...none, names }).items);
  const told = /^a (?<one>\w+) (?<two>\w+) <img> a \k<one> \k<two> moves left on a blue background$/;
  const { one, two } = renamed(1).match(told)!.groups!;
  expect(new Set(['red', 'fox', one, two]).size).toBe(4);
  expect(renamed(1)).toBe(renamed(1));
  expect(renamed(2)).not.toBe(renamed(1));
});

test('a mirrored sample says so; what turns is not mirrored', () => {
  const { items, mirrored } = augmentItems(prompt, [], { ...none, mirror: true });
  expect(mirrored).toBe(true);
  expect(said(items)).toBe('a red fox <img> a red fox moves right on a blue background');
  expect(items.find((item) => 'image' in item)).toMatchObject({
    image: Float32Array.of(3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8),
  });
  const path = Float32Array.of(0.25, 0.5, 1, 0);
  const alongPath = augmentItems([...prompt, { path }], [], { ...none, mirror: true }).items.at(-1);
  expect(alongPath).toEqual({ path: Float32Array.of(0.75, 0.5, 0, 0) });
  expect(augmentItems(text('a fox spins'), [], { ...none, mirror: true }).mirrored).toBe(false);
});

test('permuted colours lose their names, the others keep them', () => {
  const { items } = augmentItems([...prompt, ...text('white')], [], { ...none, channels: [2, 0, 1] });
  expect(said(items)).toBe('a _ fox <img> a _ fox moves left on a _ background white');
  expect(repaint(image.subarray(0, 6), 2, false, [2, 0, 1])).toEqual(Float32Array.of(2, 0, 1, 5, 3, 4));
});

test('[kind 13] strange words: about half of all but the names are others; as they are where the draw says so', () => {
  const line = text('one two three four five six seven eight nine ten eleven twelve');
  const told = (strange: number) => said(augmentItems([...prompt, ...line], captions, { ...none, strange }).items);
  const words = told(7).split(' ');
  expect(words.filter((word) => word === 'fox' || word === 'red')).toHaveLength(4);
  const kept = words.slice(-12).filter((word, i) => word === (line[i] as { word: string }).word).length;
  expect(kept).toBeGreaterThan(1);
  expect(kept).toBeLessThan(11);
  expect(told(7)).toBe(told(7));
  expect(told(8)).not.toBe(told(7));
});

test('each change is drawn as often as asked', () => {
  const random = new Random(1);
  const shares = { hideNames: 0.6, mirror: 0.5, colours: 0.3 };
  const drawn = Array.from({ length: 4000 }, () => drawAugmentation(random, { ...shares, strangeWords: 0.7 }));
  const part = (test: (a: (typeof drawn)[number]) => boolean) => drawn.filter(test).length / drawn.length;
  expect(part((a) => a.names !== null)).toBeCloseTo(0.6, 1);
  expect(part((a) => a.mirror)).toBeCloseTo(0.5, 1);
  expect(part((a) => a.channels.join() !== '0,1,2')).toBeCloseTo(0.3, 1);
  expect(new Set(drawn.map((a) => a.channels.join())).size).toBe(6);
  expect(part((a) => a.strange !== null)).toBeCloseTo(0.7, 1);
  // Runs from before there were strange words draw as they did.
  const [before, now] = [new Random(2), new Random(2)];
  drawAugmentation(before, shares);
  for (let n = 0; n < 3; n++) now.uniform();
  expect(before.uniform()).toBe(now.uniform());
  const names = drawn.flatMap((a) => a.names ?? []);
  expect(new Set(names).size).toBe(names.length);
});
