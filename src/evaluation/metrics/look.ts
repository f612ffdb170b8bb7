import { type Found, findSubject } from './find-subject.js';
import { colourDistance, type Rgb } from './ground.js';
import { type Raster, Template } from './template.js';
import { WORLD, type WorldFrame } from './world-frames.js';

/** Units that a template is moved about its expected place, to each side. */
const SHIFT = 2;
/** Levels of size that are tried to each side, 12 % each. */
const REACH = 1;

/**
 * How well a template, laid on the ground at its best place and size, explains a frame: the correlation of both with the
 * ground taken away, -1 to 1. Blind to contrast (a faded fox is a fox), not to what stands in the frame beside.
 */
function likeness(frame: WorldFrame, ground: WorldFrame, found: Found, template: Template): number {
  const energy = energyOf(frame, ground);
  let best = -1;
  for (const level of template.levelsNear(found.size, REACH)) {
    const size = Template.sizeOf(level);
    const raster = template.at(level);
    const x = Math.floor(found.x - template.offset.x * size);
    const y = Math.floor(found.y - template.offset.y * size);
    for (let dy = -SHIFT; dy <= SHIFT; dy++)
      for (let dx = -SHIFT; dx <= SHIFT; dx++)
        best = Math.max(best, correlation(frame, ground, energy, raster, x + dx, y + dy));
  }
  return best;
}

/** Mean likeness over those of the frames that show something; -1 when none does. */
export function likenesses(
  frames: readonly WorldFrame[],
  ground: WorldFrame,
  templates: readonly Template[],
): number[] {
  const shown = frames.flatMap((frame) => {
    const found = findSubject(frame, ground);
    return found ? [{ frame, found }] : [];
  });
  if (shown.length === 0) return templates.map(() => -1);
  return templates.map(
    (template) =>
      shown.reduce((sum, { frame, found }) => sum + likeness(frame, ground, found, template), 0) / shown.length,
  );
}

/** The subject's colour over frames that show something, weighted by area; null when none does. */
export function meanColour(frames: readonly WorldFrame[], ground: WorldFrame): Rgb | null {
  const found = frames.map((frame) => findSubject(frame, ground)).filter((one) => one !== null);
  const area = found.reduce((sum, one) => sum + one.area, 0);
  if (area === 0) return null;
  return [0, 1, 2].map((c) => found.reduce((sum, one) => sum + one.area * one.colour[c]!, 0) / area) as unknown as Rgb;
}

/** Distances of the templates' mean colours from a colour; all infinite without one. */
export function colourDistances(colour: Rgb | null, templates: readonly Template[]): number[] {
  return templates.map((template) => (colour ? colourDistance(colour, template.colour) : Number.POSITIVE_INFINITY));
}

/** The place of entry n among `values`, 1 is best; whoever ties with it stands before it. */
export function rankOf(n: number, values: readonly number[], better: 'high' | 'low'): number {
  const mine = values[n]!;
  return 1 + values.filter((value, i) => i !== n && (better === 'high' ? !(value < mine) : !(value > mine))).length;
}

function energyOf(frame: WorldFrame, ground: WorldFrame): number {
  let sum = 0;
  for (let i = 0; i < frame.length; i++) sum += (frame[i]! - ground[i]!) ** 2;
  return sum;
}

/** Of (frame - ground) and (template over ground - ground), with the raster's middle pixel at (x, y). */
function correlation(
  frame: WorldFrame,
  ground: WorldFrame,
  energy: number,
  { side, pixels }: Raster,
  x: number,
  y: number,
): number {
  const half = side >> 1;
  const [top, bottom] = [Math.max(0, y - half), Math.min(WORLD - 1, y + half)];
  const [left, right] = [Math.max(0, x - half), Math.min(WORLD - 1, x + half)];
  let product = 0;
  let own = 0;
  for (let row = top; row <= bottom; row++)
    for (let column = left; column <= right; column++) {
      const at = ((row - y + half) * side + column - x + half) * 4;
      const alpha = pixels[at + 3]!;
      if (alpha === 0) continue;
      const to = (row * WORLD + column) * 3;
      for (let c = 0; c < 3; c++) {
        const q = pixels[at + c]! - alpha * ground[to + c]!;
        product += q * (frame[to + c]! - ground[to + c]!);
        own += q * q;
      }
    }
  return product / Math.sqrt(Math.max(1e-9, own * energy));
}
