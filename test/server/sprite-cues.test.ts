import { expect, it } from 'vitest';
import { cuesOf } from '../../src/server/videos/sprite-cues.js';

it('names the tile of each part of a video', () => {
  const sheet = { tiles: 3, columns: 2, rows: 2, tile_width: 64, tile_height: 48 };
  expect(cuesOf(sheet, 2)).toBe(`WEBVTT

00:00:00.000 --> 00:00:00.667
content?variant=spritesheet#xywh=0,0,64,48

00:00:00.667 --> 00:00:01.333
content?variant=spritesheet#xywh=64,0,64,48

00:00:01.333 --> 00:00:02.000
content?variant=spritesheet#xywh=0,48,64,48
`);
  expect(cuesOf({ ...sheet, tiles: 2 }, 7322.5)).toContain('01:01:01.250 --> 02:02:02.500');
});
