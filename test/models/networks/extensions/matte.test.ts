import { expect, test } from 'vitest';
import { matteOf } from '../../../../src/models/networks/extensions/matte.js';

const side = 8;

/** Rows of letters: w white, g green, r red, b nearly white. */
function image(rows: string): Float32Array {
  const colours: Record<string, number[]> = { w: [1, 1, 1], g: [-1, 0.5, -1], r: [0.9, -0.9, -0.9], b: [0.95, 0.9, 1] };
  return Float32Array.from([...rows.replace(/\s/g, '')].flatMap((letter) => colours[letter]!));
}

const shown = (rows: string) => {
  const matte = matteOf(image(rows), side);
  return Array.from({ length: side }, (_, y) => [...matte.subarray(y * side, (y + 1) * side)].join(''));
};

test('white around a figure is seen through, white inside it is not', () => {
  const rows = 'wwwwwwww wwrrrrww wrwwwwrw wrwbbwrw wrwwwwrw wwrrrrww wwwwwwww wwwwwwwb';
  expect(shown(rows)).toEqual([
    '00000000',
    '00111100',
    '01111110',
    '01111110',
    '01111110',
    '00111100',
    '00000000',
    '00000000',
  ]);
});

test('so is one other colour of three quarters of the border; an image that fills its square is all there', () => {
  const rows = 'gggggggg gggrrggg ggrwwrgg ggrwwrgg gggrrggg gggggggg gggggggg gggggggg';
  expect(shown(rows).slice(0, 5)).toEqual(['00000000', '00011000', '00111100', '00111100', '00011000']);
  const half = 'gggggggg gggggggg gggggggg gggggggg rrrrrrrr rrrrrrrr rrrrrrrr rrrrrrrr';
  expect(shown(half).every((row) => row === '11111111')).toBe(true);
});

test('white at a corner of a scene takes no more than itself', () => {
  const rows = 'wwgggggg wggggggg gggggggg ggggwwgg ggggwwgg rrrrrrrr rrrrrrrr rrrrrrrr';
  expect(shown(rows)).toEqual([
    '00111111',
    '01111111',
    '11111111',
    '11111111',
    '11111111',
    '11111111',
    '11111111',
    '11111111',
  ]);
});
