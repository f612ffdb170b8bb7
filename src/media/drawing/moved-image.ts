import type { RgbImage } from '../pixels.js';

/** How an image was changed: shares of its side, a factor, and radians, clockwise. */
export interface Change {
  x: number;
  y: number;
  size: number;
  angle: number;
}

/** Samples a side of a pixel. */
const samples = 3;

/** The image on white, moved, made smaller and turned about its middle. */
export function moveImage({ width, height, data }: RgbImage, { x, y, size, angle }: Change): RgbImage {
  const out = new Uint8Array(width * height * 3);
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  for (let row = 0; row < height; row++)
    for (let column = 0; column < width; column++) {
      const sum = [0, 0, 0];
      for (let s = 0; s < samples ** 2; s++) {
        const dx = (column + ((s % samples) + 0.5) / samples - width * (0.5 + x)) / size;
        const dy = (row + (Math.floor(s / samples) + 0.5) / samples - height * (0.5 + y)) / size;
        const u = Math.floor(width / 2 + cos * dx + sin * dy);
        const v = Math.floor(height / 2 + cos * dy - sin * dx);
        const inside = u >= 0 && v >= 0 && u < width && v < height;
        for (let c = 0; c < 3; c++) sum[c]! += inside ? data[(v * width + u) * 3 + c]! : 255;
      }
      for (let c = 0; c < 3; c++) out[(row * width + column) * 3 + c] = Math.round(sum[c]! / samples ** 2);
    }
  return { width, height, data: out };
}
