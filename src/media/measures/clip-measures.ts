import type { RgbImage } from '../pixels.js';
import { black } from './black.js';
import { frozen } from './frozen.js';
import { type Bars, letterbox } from './letterbox.js';
import type { Measure } from './measure.js';
import { motion } from './motion.js';
import { type SeenFrame, seeFrame } from './seen-frame.js';
import { sharpness } from './sharpness.js';
import { tellingFrame } from './telling-frame.js';
import { brightness, contrast } from './tone.js';

/** Everything that is measured of a clip, by name: the one list. Each is made anew for each clip. All but the keyframe are scores. */
const measures = (fps: number, everyBar: boolean) => ({
  motion: motion(fps),
  sharpness: sharpness(fps),
  brightness: brightness(),
  contrast: contrast(),
  black: black(),
  frozen: frozen(fps),
  letterbox: letterbox(fps, everyBar),
  keyframe: tellingFrame(),
});

type Measures = ReturnType<typeof measures>;

/** What was found of a clip, under the names of its measures. */
export type ClipFacts = { [Name in keyof Measures]: ReturnType<Measures[Name]['found']> };

/**
 * Measures one clip of so many frames a second: all measures, in the one pass in which it is cut. `bars`: the black bars that every
 * frame has, with `everyBar`; otherwise those of two frames a second.
 */
export function measureClip(fps: number, everyBar = false): Measure<ClipFacts> & { bars(): Bars } {
  const all = measures(fps, everyBar);
  const list: Measure<unknown>[] = Object.values(all);
  return {
    see(frame: SeenFrame) {
      for (const one of list) one.see(frame);
    },
    found: () => Object.fromEntries(Object.entries(all).map(([name, one]) => [name, one.found()])) as ClipFacts,
    bars: () => all.letterbox.bars(),
  };
}

/** The scores of a still: it has no motion, and stands still for no time. */
export function stillScores(image: RgbImage): Omit<ClipFacts, 'keyframe'> {
  const { keyframe: _, ...scores } = measuredStill(image).found();
  return scores;
}

/** The black bars of a still. */
export function stillBars(image: RgbImage): Bars {
  return measuredStill(image).bars();
}

function measuredStill(image: RgbImage): ReturnType<typeof measureClip> {
  const measured = measureClip(1);
  measured.see(seeFrame(image));
  return measured;
}
