import { VimiError } from '../../core/errors.js';
import { shrink } from '../../models/encoders/built-in/area.js';
import type { RgbVideo } from '../../models/ports.js';

/** The world of examples/world is 32 units wide. Measures look at one pixel a unit, whatever a model draws. */
export const worldSide = 32;

/** Numbers of one frame: RGB, row by row. */
export const frameLength = worldSide * worldSide * 3;

/** RGB, 0 to 255: [worldSide, worldSide, 3]. */
export type WorldFrame = Float32Array;

/** The frames of a square video at one pixel a unit, by area averaging. SHAPE_MISMATCH when it is not square. */
export function worldFrames({ frames, width, height, data }: RgbVideo): WorldFrame[] {
  const size = width * height * 3;
  if (width !== height || frames < 1 || data.length !== frames * size)
    throw new VimiError('SHAPE_MISMATCH', 'Videos of the world are square', {
      expected: `[T, S, S, 3]`,
      found: `[${frames}, ${height}, ${width}, 3] in ${data.length} bytes`,
    });
  return Array.from({ length: frames }, (_, t) =>
    Float32Array.from(
      shrink({ width, height, data: data.subarray(t * size, (t + 1) * size) }, worldSide),
      (v) => v * 255,
    ),
  );
}
