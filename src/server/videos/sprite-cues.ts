import type { SheetGeometry } from '../../events/schemas.js';

/**
 * WebVTT that tells players which tile of a spritesheet to show at which time. Each cue names the sheet beside it, and a part
 * of it as a media fragment (W3C, Media Fragments 4.2.2).
 */
export function cuesOf({ tiles, columns, tile_width: w, tile_height: h }: SheetGeometry, seconds: number): string {
  const cues = Array.from({ length: tiles }, (_, n) => {
    const [from, to] = [n, n + 1].map((at) => momentOf((at * seconds) / tiles));
    const [x, y] = [(n % columns) * w, Math.floor(n / columns) * h];
    return `${from} --> ${to}\ncontent?variant=spritesheet#xywh=${x},${y},${w},${h}\n`;
  });
  return ['WEBVTT\n', ...cues].join('\n');
}

/** 00:01:02.345 */
function momentOf(seconds: number): string {
  const all = Math.round(seconds * 1000);
  const [h, m, s] = [all / 3_600_000, (all / 60_000) % 60, (all / 1000) % 60].map((n) => two(Math.floor(n)));
  return `${h}:${m}:${s}.${String(all % 1000).padStart(3, '0')}`;
}

const two = (n: number) => String(n).padStart(2, '0');
