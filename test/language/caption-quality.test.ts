import { describe, expect, it } from 'vitest';
import { boilerplate } from '../../src/language/boilerplate.js';
import { repetition } from '../../src/language/repetition.js';
import { words } from '../../src/language/words.js';

describe('repetition', () => {
  const of = (text: string) => repetition(words(text));

  it.each([
    ['', 0],
    ['fox', 0],
    ['a fox runs through the snow', 0],
    // 9 pairs; "the red" and "red fox" come again.
    ['the red fox and the red fox see a dog', 2 / 9],
    // 11 pairs, of which "a cat", "cat on" and "on a" are new.
    ['a cat on a cat on a cat on a cat on', 8 / 11],
    ['ha ha ha ha', 2 / 3],
  ])('of %j is %d', (text, share) => {
    expect(of(text)).toBeCloseTo(share, 12);
  });
});

describe('boilerplate', () => {
  it.each([
    'a red fox in the snow',
    'a man clicks a pen',
    'a download of coal from a ship',
    'the stock market floor',
    'two people with cameras',
    'a picture hangs on the wall',
    'P. T. Barnum, 1851',
  ])('is nothing of %j', (text) => {
    expect(boilerplate(text)).toBe(0);
  });

  it.each([
    ['IMG_1234.JPG', 1],
    ['DSC00042', 1],
    ['OLYMPUS DIGITAL CAMERA', 1],
    ['https://shop.example/fox?x=1', 1],
    // 7 of 10, 15 of 23, 18 of 25 and 15 of 34 signs.
    ['fox #wildlife', 9 / 12],
    ['An image of a red fox', 9 / 16],
    ['This picture shows a red fox', 16 / 23],
    ['a fox - Shutterstock', 12 / 17],
  ])('is much of %j', (text, share) => {
    expect(boilerplate(text)).toBeCloseTo(share, 12);
  });

  it('takes no time that grows with the square of a text', () => {
    for (const hostile of [
      '@'.repeat(4000),
      'a.'.repeat(2000),
      'click here '.repeat(360),
      'x'.repeat(4000),
      '.jpg'.repeat(1000),
    ])
      expect(boilerplate(hostile)).toBeLessThanOrEqual(1);
  });
});
