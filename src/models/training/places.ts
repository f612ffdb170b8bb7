import type { PromptItem } from '../networks/prompt-input.js';
import type { ModelPrompt } from '../ports.js';
import { type Moments, momentsOf, momentsOfPicture } from './subjects.js';

/** Where one picture of a prompt is in the T frames of a clip: what the placement should find. */
export interface PlacesOfPicture {
  /** 1 where the frame's place is known, [T]. */
  known: Float32Array;
  /** The picture's middle in the frame, which is 1 wide and 1 high, and ln of its size, [T, 3]. */
  pose: Float32Array;
  /** How its subject is spread over the patches, each frame's sum 1; all 0 for a ground, [T, patches]. */
  heat: Float32Array;
}

interface Given {
  /** The prompt whose pictures are placed, and the sample's own, whose pictures the labels count. */
  prompt: ModelPrompt;
  sample: ModelPrompt;
  ground: number;
  /** Labels of subjects.ts: of the T frames, and of the first frame, which prediction shows. */
  now: Uint8Array;
  begin: Uint8Array;
  T: number;
  side: number;
  patch: number;
}

/** For each picture among the items, in their order; null: not known. */
export function knownPlaces(items: readonly PromptItem[], given: Given): (PlacesOfPicture | null)[] {
  const own = given.sample.parts.flatMap((part) => ('pixels' in part ? [part.pixels] : []));
  const parts = given.prompt.parts.filter((part) => 'pixels' in part);
  const pictures = items.flatMap((item) => ('picture' in item ? [item.picture] : []));
  return pictures.map((picture, i) => {
    const part = parts[i]!;
    if (part.role === 'first-frame') return ofFirstFrame(given);
    const k = own.indexOf(part.pixels);
    if (k < 0) return null;
    if (k === given.ground) return everywhere(given);
    const shown = momentsOfPicture(picture, Math.sqrt(picture.length / 3));
    return shown && following(shown, (label) => label === k + 1, given);
  });
}

/** The first frame moves with its only subject; with two it moves two ways, and that is not known. */
function ofFirstFrame(given: Given): PlacesOfPicture | null {
  const names = new Set(given.begin.filter((label) => label > 0));
  if (names.size !== 1) return null;
  const [name] = names;
  const shown = momentsOf(given.side, (i) => given.begin[i] === name);
  return shown && following(shown, (label) => label === name, given);
}

function everywhere({ T, side, patch }: Given): PlacesOfPicture {
  return {
    known: new Float32Array(T).fill(1),
    pose: Float32Array.from({ length: T * 3 }, (_, i) => (i % 3 === 2 ? 0 : 0.5)),
    heat: new Float32Array(T * (side / patch) ** 2),
  };
}

/** So that the subject of the picture lies on the subject of each frame, as large as that. */
function following(
  shown: Moments,
  belongs: (label: number) => boolean,
  { now, T, side, patch }: Given,
): PlacesOfPicture {
  const cells = (side / patch) ** 2;
  const places: PlacesOfPicture = {
    known: new Float32Array(T),
    pose: new Float32Array(T * 3),
    heat: new Float32Array(T * cells),
  };
  for (let t = 0; t < T; t++) {
    const frame = now.subarray(t * side * side, (t + 1) * side * side);
    const there = momentsOf(side, (i) => belongs(frame[i]!));
    if (!there) continue;
    const size = there.spread / shown.spread;
    places.known[t] = 1;
    places.pose.set([there.x - size * (shown.x - 0.5), there.y - size * (shown.y - 0.5), Math.log(size)], t * 3);
    const covered = coverage(frame, 1, side, patch, belongs);
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
