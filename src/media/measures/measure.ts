import type { SeenFrame } from './seen-frame.js';

/**
 * Something that is found out about a clip while its frames pass. A measure is one file in this folder, and stands in the
 * list of clip-measures.ts.
 */
export interface Measure<Found> {
  /** Called with each frame of the clip, once, in order. Keeps numbers and no frame. */
  see(frame: SeenFrame): void;
  /** Called after the last frame; there was at least one. */
  found(): Found;
}
