import { VimiError } from '../errors.js';
import type { GenerateInput, ModelDescription } from './ports.js';

/**
 * Refuses what a model cannot make, before anything is computed: REQUEST_OVER_LIMIT beyond its limits, SHAPE_MISMATCH for
 * sizes that are no multiple of `multiple` and for images whose data do not fit.
 */
export function checkInput(input: GenerateInput, limits: ModelDescription['limits'], multiple: number): void {
  for (const side of ['frames', 'width', 'height'] as const) {
    const [least, most] = [side === 'frames' ? 1 : multiple, limits[side]];
    const value = input[side];
    if (Number.isInteger(value) && value > most)
      throw new VimiError('REQUEST_OVER_LIMIT', `The model makes no such ${side}`, {
        expected: `at most ${most}`,
        found: String(value),
      });
    if (!Number.isInteger(value) || value < least || (side !== 'frames' && value % multiple !== 0))
      throw new VimiError('SHAPE_MISMATCH', `The model makes no such ${side}`, {
        expected: side === 'frames' ? `${least} to ${most}` : `a multiple of ${multiple} up to ${most}`,
        found: String(value),
      });
  }
  const range = (name: string, value: number, least: number, most: number, whole: boolean) => {
    if (!(value >= least && value <= most) || (whole && !Number.isInteger(value)))
      throw new VimiError('REQUEST_OVER_LIMIT', `${name} is out of range`, {
        expected: `${least} to ${most}`,
        found: String(value),
      });
  };
  range('steps', input.steps, 1, 1000, true);
  range('seed', input.seed, 0, 2 ** 32 - 1, true);
  range('fps', input.fps, 0.1, 1000, false);
  range('guidance.text', input.guidance.text, 0, 100, false);
  range('guidance.image', input.guidance.image, 0, 100, false);
  if (input.oscillation) {
    range('oscillation.steady', input.oscillation.steady, 0, 1000, true);
    range('oscillation.low', input.oscillation.low, 0, 100, false);
  }
  for (const part of input.prompt.parts) {
    if ('text' in part) continue;
    const { width, height, data } = part.pixels;
    if (!(width >= 1 && height >= 1 && data.length === width * height * 3))
      throw new VimiError('SHAPE_MISMATCH', 'An image of the prompt does not fit its size', {
        expected: `${width} x ${height} x 3 bytes`,
        found: `${data.length} bytes`,
      });
  }
}
