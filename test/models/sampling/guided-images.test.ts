import { describe, expect, test } from 'vitest';
import type { ImageRole } from '../../../src/events/prompt.js';
import { isGuided, type PromptItem, seenBy } from '../../../src/models/networks/prompt-input.js';
import { placesOf } from '../../../src/models/sampling/guided-network.js';
import { image, numbers } from '../networks/tiny.js';

const word: PromptItem = { word: 'fox' };
const shown = (role: 'reference' | 'subject' | 'background' | 'first-frame', seed = 1): PromptItem => ({
  image: image(seed),
  role,
});

describe('what covers the frame is read with the words', () => {
  test.each(['background', 'first-frame'] as const)(
    '%s: in both branches, so guidance strengthens nothing of it',
    (role) => {
      const covers = shown(role);
      expect(seenBy.text([word, covers])).toEqual([word, covers]);
      expect(seenBy.nothing([word, covers])).toEqual([]);
      expect([word, covers].some(isGuided)).toBe(false);
    },
  );

  test.each(['subject', 'reference'] as const)('%s: guided', (role) => {
    const guided = shown(role);
    expect(seenBy.text([word, guided])).toEqual([word]);
    expect([word, guided].some(isGuided)).toBe(true);
  });

  test('what an outside encoder saw of an image is guided as the image is', () => {
    const saw = (of: ImageRole): PromptItem => ({ vector: numbers(6, 1), of });
    const read: PromptItem = { vector: numbers(6, 2), of: 'text' };
    expect(seenBy.text([read, saw('subject'), saw('reference'), saw('background')])).toEqual([read, saw('background')]);
  });

  test('the path of a clip is left to the last branch', () => {
    const path = { path: [] } as unknown as PromptItem;
    expect(seenBy.text([word, path])).toEqual([word]);
    expect(seenBy.all([word, path])).toHaveLength(2);
  });
});

describe('where the images of a branch are, of an upsampler', () => {
  const T = 2;
  const [subject, background] = [shown('subject', 1), shown('background', 2)];
  const poses = [numbers(T * 5, 3), numbers(T * 5, 4)];
  const items = [word, subject, background];
  const video = { items, frames: T, width: 8, height: 8, fps: 8, low: { x: new Float32Array(), level: 0, poses } };

  test('each keeps its place where another is left out', () => {
    const places = placesOf(video, seenBy.text(items))!;
    expect(places.pose.shape).toEqual([1, 1, T, 5]);
    expect([...places.pose.values]).toEqual([...poses[1]!]);
    expect([...placesOf(video, items)!.pose.values]).toEqual([...poses[0]!, ...poses[1]!]);
  });

  test('with room for as many as another branch has, what is not there is not known', () => {
    const places = placesOf(video, seenBy.text(items), 2)!;
    expect(places.pose.shape).toEqual([1, 2, T, 5]);
    expect([...places.known.values]).toEqual([1, 1, 0, 0]);
    expect(placesOf(video, [word])).toBeUndefined();
  });
});
