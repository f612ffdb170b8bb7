import { colourDistance, type Rgb } from './background.js';
import { type Found, findSubject } from './find-subject.js';
import { type Raster, Template } from './template.js';
import { type WorldFrame, worldSide } from './world-frames.js';

/** Units that a template is moved about its expected place, to each side. */
const shift = 2;
/** Levels of size that are tried to each side, 12 % each. */
const reach = 1;

/**
 * How well a template, laid on the background at its best place and size, explains a frame: the correlation of both with the
 * background taken away, -1 to 1. Blind to contrast (a faded fox is a fox), not to what stands in the frame beside.
 */
function likeness(frame: WorldFrame, background: WorldFrame, found: Found, template: Template): number {
  const energy = energyOf(frame, background);
  let best = -1;
  for (const level of template.levelsNear(found.size, reach)) {
    const size = Template.sizeOf(level);
    const raster = template.at(level);
    const x = Math.floor(found.x - template.offset.x * size);
    const y = Math.floor(found.y - template.offset.y * size);
    for (let dy = -shift; dy <= shift; dy++)
      for (let dx = -shift; dx <= shift; dx++)
        best = Math.max(best, correlation(frame, background, energy, raster, x + dx, y + dy));
  }
  return best;
}

/** Mean likeness over those of the frames that show something; -1 when none does. */
export function likenesses(
  frames: readonly WorldFrame[],
  background: WorldFrame,
  templates: readonly Template[],
): number[] {
  const shown = frames.flatMap((frame) => {
    const found = findSubject(frame, background);
    return found ? [{ frame, found }] : [];
  });
  if (shown.length === 0) return templates.map(() => -1);
  return templates.map(
    (template) =>
      shown.reduce((sum, { frame, found }) => sum + likeness(frame, background, found, template), 0) / shown.length,
  );
}

/** The subject's colour over frames that show something, weighted by area; null when none does. */
export function meanColour(frames: readonly WorldFrame[], background: WorldFrame): Rgb | null {
  const found = frames.map((frame) => findSubject(frame, background)).filter((one) => one !== null);
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

function energyOf(frame: WorldFrame, background: WorldFrame): number {
  let sum = 0;
  for (let i = 0; i < frame.length; i++) sum += (frame[i]! - background[i]!) ** 2;
  return sum;
}

/** Of (frame - background) and (template over background - background), with the raster's middle pixel at (x, y). */
function correlation(
  frame: WorldFrame,
  background: WorldFrame,
  energy: number,
  { side, pixels }: Raster,
  x: number,
  y: number,
): number {
  const half = side >> 1;
  const [top, bottom] = [Math.max(0, y - half), Math.min(worldSide - 1, y + half)];
  const [left, right] = [Math.max(0, x - half), Math.min(worldSide - 1, x + half)];
  let product = 0;
  let own = 0;
  for (let row = top; row <= bottom; row++)
    for (let column = left; column <= right; column++) {
      const at = ((row - y + half) * side + column - x + half) * 4;
      const alpha = pixels[at + 3]!;
      if (alpha === 0) continue;
      const to = (row * worldSide + column) * 3;
      for (let c = 0; c < 3; c++) {
        const q = pixels[at + c]! - alpha * background[to + c]!;
        product += q * (frame[to + c]! - background[to + c]!);
        own += q * q;
      }
    }
  return product / Math.sqrt(Math.max(1e-9, own * energy));
}
