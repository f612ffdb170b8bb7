import { expect, test } from 'vitest';
import { instructions } from '../../../src/events/prompt.js';
import { withImagesForNames } from '../../../src/models/sampling/images-for-names.js';

/** Two halves of a picture, up to its edges; or a square in the middle of white. */
const picture = (isScene: boolean) => ({
  ...{ width: 32, height: 32 },
  data: Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => {
    const [x, y, c] = [Math.floor(i / 3) % 32, Math.floor(i / 96), i % 3];
    if (!isScene && (x < 8 || x >= 24 || y < 8 || y >= 24)) return 255;
    return [y < 16 ? 40 : 90, 120, 30 * c][c]!;
  }),
});
const shown = (caption: string, isScene = false) => [
  { text: caption },
  { pixels: picture(isScene), role: 'reference' as const },
];
const nano = { imagesForNames: true, backgroundAfter: ['in', 'in front of'] };

/** The prompt as it is read, with <role> in the place of an image. */
function read(said: string, retrieved: ReturnType<typeof shown>[], preset: typeof nano | object = nano) {
  const parts = [...retrieved.flat(), { text: said }];
  const prompt = { task: 'text-to-video' as const, instruction: instructions['text-to-video with context'], parts };
  const result = withImagesForNames(prompt, preset);
  return {
    text: result.parts.map((part) => ('text' in part ? part.text : `<${part.role}>`)).join(' | '),
    instruction: result.instruction,
    isSame: result === prompt,
  };
}

const pair = [shown('a fox'), shown('a brown bear')];
const bay = shown('the bay of Vematar', true);

test('two or more that the words name stand where their names stood', () => {
  expect(read('a fox spins on the left and a brown bear grows, on a red background', pair)).toMatchObject({
    text: 'a | <subject> | spins on the left and a | <subject> | grows, on a red background',
    instruction: instructions['subject-driven'],
  });
  expect(read('a brown bear grows beside a fox in front of the bay of Vematar', [...pair, bay]).text).toBe(
    'a | <subject> | grows beside a | <subject> | in front of the | <background>',
  );
});

test('one alone stays before the words, unless it is a scene behind the rest', () => {
  expect(read('a fox spins', [shown('a fox')]).isSame).toBe(true);
  expect(read('a cup spins in front of the bay of Vematar', [bay]).text).toBe(
    'a cup spins in front of the | <background>',
  );
  expect(read('a cup spins on the bay of Vematar', [bay]).isSame).toBe(true);
  expect(read('a cup spins in front of a fox', [shown('a fox')]).isSame).toBe(true);
});

test('what the words do not name stays before them with its caption', () => {
  const { text, instruction } = read('a fox and a brown bear stay still', [shown('an owl'), ...pair]);
  expect(text).toBe('an owl | <reference> | a | <subject> | and a | <subject> | stay still');
  expect(instruction).toBe(instructions['text-to-video with context']);
});

test('an image is a background only after such words, and never a subject on a plain ground', () => {
  expect(read('a fox in the bay of Vematar', [shown('a fox'), bay]).text).toBe('a | <subject> | in the | <background>');
  expect(read('In the bay of Vematar, a fox', [shown('a fox'), bay]).text).toBe(
    'In the | <background> | , a | <subject>',
  );
  expect(read('a fox on the bay of Vematar', [shown('a fox'), bay]).text).toBe('a | <subject> | on the | <subject>');
  expect(read('a fox in front of a brown bear', pair).text).toBe('a | <subject> | in front of a | <subject>');
});

test('a model that was not trained so reads all as it comes', () =>
  expect(read('a fox and a brown bear spin', pair, {}).isSame).toBe(true));
