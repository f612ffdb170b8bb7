import { expect, test } from 'vitest';
import { withRetrievedBackgrounds } from '../../../src/models/sampling/retrieved-backgrounds.js';

/** Two halves of a picture, up to its edges; or a square in the middle of white. */
const picture = (isScene: boolean) => ({
  ...{ width: 32, height: 32 },
  data: Uint8Array.from({ length: 32 * 32 * 3 }, (_, i) => {
    const [x, y, c] = [Math.floor(i / 3) % 32, Math.floor(i / 96), i % 3];
    if (!isScene && (x < 8 || x >= 24 || y < 8 || y >= 24)) return 255;
    return [y < 16 ? 40 : 90, 120, 30 * c][c]!;
  }),
});
const shown = (caption: string, isScene: boolean) => [
  { text: caption },
  { pixels: picture(isScene), role: 'reference' as const },
];

/** The roles of the images of a prompt that says this of what was retrieved. */
function roles(
  said: string,
  retrieved: ReturnType<typeof shown>[],
  after: string[] | undefined = ['in', 'in front of'],
) {
  const parts = [...retrieved.flat(), { text: said }];
  const read = withRetrievedBackgrounds({ task: 'text-to-video', instruction: '', parts }, after).parts;
  expect(read.map((part) => ('text' in part ? part.text : ''))).toEqual(
    parts.map((part) => ('text' in part ? part.text : '')),
  );
  return read.flatMap((part) => ('pixels' in part ? [part.role] : []));
}

test.each<[string, string, boolean, string]>([
  ['a fox moves left in front of the bay of Vematar', 'the bay of Vematar', true, 'background'],
  ['In a National Park, a fox runs', 'a national park', true, 'background'],
  ['a fox runs in front of bay of Vematar', 'the bay of Vematar', true, 'background'],
  ['the bay of Vematar behind a fox', 'the bay of Vematar', true, 'reference'],
  ['a fox on the bay of Vematar', 'the bay of Vematar', true, 'reference'],
  ['a fox in front of the bay of Gakiri', 'the bay of Vematar', true, 'reference'],
  ['a captain, the bay of Vematar', 'the bay of Vematar', true, 'reference'],
  ['a fox in front of a box', 'a box', false, 'reference'],
])('"%s": %s, a scene: %s, is a %s', (said, caption, isScene, role) =>
  expect(roles(said, [shown(caption, isScene)])).toEqual([role]),
);

test('the subjects beside it stay what they are', () => {
  const retrieved = [shown('a fox', false), shown('a bear', false), shown('the forest of Minule', true)];
  expect(roles('a fox spins and a bear grows, in front of the forest of Minule', retrieved)).toEqual([
    'reference',
    'reference',
    'background',
  ]);
});

test('a model that names no such words reads all as it comes', () =>
  expect(roles('a fox in front of the bay', [shown('the bay', true)], [])).toEqual(['reference']));
