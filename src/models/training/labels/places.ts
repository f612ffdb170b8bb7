import type { PromptItem } from '../../networks/prompt-input.js';
import type { ModelPrompt, RgbImage } from '../../ports.js';
import type { LowResolution } from '../../presets/preset.js';
import type { Pose } from './match.js';

/** Where one image of a prompt is in the T frames of a clip: what the placement should find. */
export interface PlacesOfImage {
  /** 1 where the frame's place is known, [T]. */
  known: Float32Array;
  /** The image's middle in the frame, which is 1 wide and 1 high, ln of its size, cosine and sine of its turn, [T, 5]. */
  pose: Float32Array;
  /** How its subject is spread over the patches, each frame's sum 1; all 0 for a background, [T, patches]. */
  heat: Float32Array;
}

interface Given {
  /** The prompt whose images are placed, and the sample's own, whose images the labels count. */
  prompt: ModelPrompt;
  sample: ModelPrompt;
  background: number;
  /** Labels and poses of subjects.ts: of the T frames, and of the first frame, which prediction shows. */
  now: Shown;
  begin: Shown;
  T: number;
  side: number;
  patch: number;
  /** Images of the prompt that show one of the sample's own in another pose. */
  posed?: ReadonlyMap<RgbImage, { of: RgbImage; pose: Pose }>;
}

/** Labels [frames, side, side], and of each image its poses, a frame each. */
export interface Shown {
  labels: Uint8Array;
  poses: (Pose | null)[][];
}

/** Where an image lies in the small video of a clip; null: not known in all of it. */
export function smallPoses({ known, pose }: PlacesOfImage, { everyFrame }: LowResolution): Float32Array | null {
  return known.every(Boolean) ? pose.filter((_, i) => Math.floor(i / 5) % everyFrame === 0) : null;
}

/** For each image among the items, in their order; null: not known. */
export function knownPlaces(items: readonly PromptItem[], given: Given): (PlacesOfImage | null)[] {
  const own = given.sample.parts.flatMap((part) => ('pixels' in part ? [part.pixels] : []));
  const parts = given.prompt.parts.filter((part) => 'pixels' in part);
  const images = items.filter((item) => 'image' in item);
  return images.map((_, i) => {
    const part = parts[i]!;
    if (part.role === 'first-frame') return ofFirstFrame(given);
    const posed = given.posed?.get(part.pixels);
    const k = own.indexOf(posed?.of ?? part.pixels);
    if (k < 0) return null;
    const poses = given.now.poses[k]!;
    return placesOf(k, posed ? poses.map((pose) => pose && since(posed.pose, pose)) : poses, given);
  });
}

/** The first frame moves with its only subject; with two it moves two ways, and that is not known. */
function ofFirstFrame(given: Given): PlacesOfImage | null {
  const names = new Set(given.begin.labels.filter((label) => label > 0));
  const k = names.size === 1 ? [...names][0]! - 1 : -1;
  const begin = given.begin.poses[k]?.[0];
  if (!begin) return null;
  const moved = given.now.poses[k]!.map((pose) => pose && since(begin, pose));
  return placesOf(k, moved, given);
}

/** The pose of a frame that shows an image in pose `from`, so that the image lies in pose `to`. */
export function since(from: Pose, to: Pose): Pose {
  const size = to.size / from.size;
  const turn = to.turn - from.turn;
  const [cos, sin] = [Math.cos(turn) * size, Math.sin(turn) * size];
  const [dx, dy] = [0.5 - from.x, 0.5 - from.y];
  return { x: to.x + dx * cos - dy * sin, y: to.y + dx * sin + dy * cos, size, turn };
}

function placesOf(
  k: number,
  poses: readonly (Pose | null)[],
  { now, background, T, side, patch }: Given,
): PlacesOfImage {
  const cells = (side / patch) ** 2;
  const places: PlacesOfImage = {
    known: new Float32Array(T),
    pose: new Float32Array(T * 5),
    heat: new Float32Array(T * cells),
  };
  for (const [t, pose] of poses.entries()) {
    if (!pose) continue;
    places.known[t] = 1;
    const { x, y, size, turn } = pose;
    places.pose.set([x, y, Math.log(size), Math.cos(turn), Math.sin(turn)], t * 5);
    if (k === background) continue;
    const frame = now.labels.subarray(t * side * side, (t + 1) * side * side);
    const covered = coverage(frame, 1, side, patch, (label) => label === k + 1);
    const sum = covered.reduce((a, b) => a + b, 0);
    places.heat.set(
      covered.map((c) => c / sum),
      t * cells,
    );
  }
  return places;
}

/** The part of each cell of `cell` x `cell` pixels that belongs to a subject: labels [T, side, side] → [T, cells]. */
export function coverage(
  labels: Uint8Array,
  T: number,
  side: number,
  cell: number,
  belongs: (label: number) => boolean = (label) => label > 0,
): Float32Array {
  const cells = side / cell;
  const out = new Float32Array(T * cells * cells);
  for (let t = 0; t < T; t++)
    for (let y = 0; y < side; y++)
      for (let x = 0; x < side; x++)
        if (belongs(labels[(t * side + y) * side + x]!))
          out[(t * cells + Math.floor(y / cell)) * cells + Math.floor(x / cell)]! += 1 / cell ** 2;
  return out;
}
