import { readSprite } from '../media/read-sprite.js';
import { Random } from '../models/numerics/random.js';
import type { RgbVideo } from '../models/ports.js';
import { colourDistances, likenesses, meanColour, rankOf } from './metrics/appearance.js';
import { backgroundColour, nearestColour, plain, type Rgb } from './metrics/background.js';
import { appearanceKept } from './metrics/coherence.js';
import { findSubject } from './metrics/find-subject.js';
import { motionOf, wayLength } from './metrics/motion.js';
import { oddSharpness } from './metrics/sharpness.js';
import { Template } from './metrics/template.js';
import { type WorldFrame, worldFrames, worldSide } from './metrics/world-frames.js';
import { type Actor, isArt, type PlainClip, plainClips, readClip, type Still, type World } from './world-folder.js';

/** Candidates of which the asked subject is one: chance is 1 %. */
const candidateCount = 100;
/** Frames of a clip in which appearances are compared. */
const framesCompared = 3;
/** A frame is looked at when the subject stands upright in it and has at least this share of its largest size. */
const leastOfLargest = 0.8;
/** True clips that each named colour is measured from. */
const perColour = 3;
/** How far beyond the sizes of the world a size may be and still be right. */
const sizeSlack = 1.25;

/** What a one-subject video shows, against what was asked. Ranks are from 1; shares are 0 or 1. */
export interface Verdict {
  appearanceRank: number;
  colourRank: number;
  /** Of the subject whose image was shown, when that is another than was asked; NaN else. */
  shownAppearanceRank: number;
  shownColourRank: number;
  /** Correlation with the asked subject, -1 to 1. */
  likeness: number;
  motion: string;
  motionRight: number;
  colour: string;
  colourRight: number;
  /** Longer side of the subject at its largest, in world units; NaN when there is none. */
  size: number;
  sizeRight: number;
  /** Correlation of the subject between neighbouring frames, -1 to 1. */
  kept: number;
  /** Units that its centre goes. */
  way: number;
  /** The same correlation as `likeness` in even and in odd frames alone, and how sharp the odd ones are against the even. */
  evenLikeness: number;
  oddLikeness: number;
  oddSharpness: number;
}

/** Of one actor among others. */
export interface ActorVerdict extends Pick<Verdict, 'appearanceRank' | 'colourRank' | 'motion' | 'motionRight'> {
  /** Whether it looks most like one of the other actors. */
  mistaken: number;
}

/** Subjects that share the world are so much smaller, and their paths shorter. */
const halfScale = 0.7;

/** Knows a world well enough to say what a video of it shows. */
export class Oracle {
  readonly #templates = new Map<string, Promise<Template>>();
  readonly #stills: Map<string, Still>;

  readonly #sizes: ReadonlyMap<string, { least: number; most: number }>;

  private constructor(
    worlds: readonly World[],
    /** Of the named backgrounds, 0 to 255. */
    readonly colours: ReadonlyMap<string, Rgb>,
    sizes: ReadonlyMap<string, { least: number; most: number }>,
  ) {
    this.#sizes = sizes;
    this.#stills = new Map(worlds.flatMap((world) => [...world.stills]));
  }

  /** Measures the named colours from true clips, and the sizes from the truth. */
  static async of(worlds: readonly World[], signal: AbortSignal): Promise<Oracle> {
    const clips = worlds.flatMap(plainClips);
    const colours = new Map<string, Rgb>();
    for (const name of new Set(clips.map(({ colour }) => colour))) {
      const some = clips.filter(({ colour }) => colour === name).slice(0, perColour);
      const read = await Promise.all(some.map((clip) => readClip(clip, { frames: 2, side: 32, fps: 8 }, signal)));
      colours.set(name, backgroundColour(read.flatMap(worldFrames)));
    }
    const sizes = new Map<string, { least: number; most: number }>();
    for (const { motion, poses } of clips) {
      const largest = Math.max(...poses.map(({ size }) => size));
      const { least, most } = sizes.get(motion) ?? { least: largest, most: largest };
      sizes.set(motion, { least: Math.min(least, largest), most: Math.max(most, largest) });
    }
    return new Oracle(worlds, colours, sizes);
  }

  /** What `video` shows of `asked`; `shown` is the code of the subject in the prompt's image, null without one. */
  async judge(video: RgbVideo, asked: PlainClip, shown: string | null): Promise<Verdict> {
    const frames = worldFrames(video);
    const rgb = backgroundColour(frames);
    const background = plain(rgb);
    const codes = this.candidates(asked, shown === null ? [] : [shown]);
    const templates = await Promise.all(codes.map((code) => this.template(code)));
    const looked = lookedAt(asked, frames.length).map((t) => frames[t]!);
    const likely = likenesses(looked, background, templates);
    const distances = colourDistances(meanColour(looked, background), templates);
    const ranksOf = (n: number) =>
      n < 0
        ? { appearance: Number.NaN, colour: Number.NaN }
        : { appearance: rankOf(n, likely, 'high'), colour: rankOf(n, distances, 'low') };
    const other = shown !== null && shown !== asked.subject ? codes.indexOf(shown) : -1;
    const motion = motionOf(frames, background);
    const colour = nearestColour(rgb, this.colours);
    const size = this.#sizeOf(frames, background, templates[Math.max(0, other)]!);
    const likenessIn = (odd: number) => {
      const some = lookedAt(asked, frames.length, (t) => t % 2 === odd).map((t) => frames[t]!);
      return likenesses(some, background, templates.slice(0, 1))[0]!;
    };
    const range = this.#sizes.get(asked.motion) ?? { least: 0, most: Number.POSITIVE_INFINITY };
    return {
      appearanceRank: ranksOf(0).appearance,
      colourRank: ranksOf(0).colour,
      shownAppearanceRank: ranksOf(other).appearance,
      shownColourRank: ranksOf(other).colour,
      likeness: likely[0]!,
      motion,
      motionRight: Number(motion === asked.motion),
      colour,
      colourRight: Number(colour === asked.colour),
      size,
      sizeRight: Number(size >= range.least / sizeSlack && size <= range.most * sizeSlack),
      kept: appearanceKept(frames, background, { turn: asked.motion === 'spin' ? (2 * Math.PI) / frames.length : 0 }),
      way: wayLength(frames.map((frame) => findSubject(frame, background))),
      ...{ evenLikeness: likenessIn(0), oddLikeness: likenessIn(1), oddSharpness: oddSharpness(video) },
    };
  }

  /**
   * What a video shows of one of several actors, or in front of an image. Only the actor's half of the frames is looked
   * at, and the other actors are among the candidates: who stands in another's place is wrong.
   */
  async judgeActor(
    frames: readonly WorldFrame[],
    background: WorldFrame,
    actor: Actor,
    { number, rivals }: { number: number; rivals: readonly string[] },
  ): Promise<ActorVerdict> {
    const half = frames.map((frame) => within(frame, background, actor.place));
    const codes = this.candidates({ subject: actor.subject, number }, rivals);
    const templates = await Promise.all(codes.map((code) => this.template(code)));
    const looked = lookedAt(actor, frames.length).map((t) => half[t]!);
    const motion = motionOf(half, background, actor.place === 'whole' ? 1 : halfScale);
    const likely = likenesses(looked, background, templates);
    return {
      appearanceRank: rankOf(0, likely, 'high'),
      mistaken: Number(rivals.some((code) => rankOf(codes.indexOf(code), likely, 'high') === 1)),
      colourRank: rankOf(0, colourDistances(meanColour(looked, background), templates), 'low'),
      motion,
      motionRight: Number(motion === actor.motion),
    };
  }

  /** The name of the nearest of the world's colours. */
  colourOf(rgb: Rgb): string {
    return nearestColour(rgb, this.colours);
  }

  template(code: string): Promise<Template> {
    const there = this.#templates.get(code);
    if (there) return there;
    const made = readSprite(this.#stills.get(code)!.file).then((sprite) => new Template(code, sprite));
    this.#templates.set(code, made);
    return made;
  }

  /** The asked subject first, rivals behind, and others drawn by the clip's number: always the same for a clip. */
  candidates({ subject, number }: Pick<PlainClip, 'subject' | 'number'>, rivals: readonly string[]): string[] {
    const chosen = new Set([subject, ...rivals.filter((code) => this.#stills.has(code))]);
    const codes = [...this.#stills.values()]
      .filter(isArt)
      .map(({ code }) => code)
      .sort();
    const random = new Random(number, 0x10ca);
    while (chosen.size < Math.min(candidateCount, codes.length)) chosen.add(codes[random.below(codes.length)]!);
    return [...chosen];
  }

  /** The largest longer side over the frames, for a subject of the template's form. */
  #sizeOf(frames: readonly WorldFrame[], background: WorldFrame, { spread }: Template): number {
    const sizes = frames.flatMap((frame) => findSubject(frame, background)?.size ?? []);
    return sizes.length === 0 ? Number.NaN : Math.max(...sizes) / spread;
  }
}

/** A frame of which only one half is left; the rest is background. */
function within(frame: WorldFrame, background: WorldFrame, place: string): WorldFrame {
  if (place === 'whole') return frame;
  const middle = worldSide / 2;
  return frame.map((value, i) => {
    const pixel = Math.floor(i / 3);
    const [row, column] = [Math.floor(pixel / worldSide), pixel % worldSide];
    const inside = { left: column < middle, right: column >= middle, top: row < middle, bottom: row >= middle }[place];
    return inside ? value : background[i]!;
  });
}

/** Frames of a video of T in which the truth has the subject upright and large: at most framesCompared, spread evenly. */
export function lookedAt({ poses }: Pick<Actor, 'poses'>, T: number, among = (_: number) => true): number[] {
  const largest = Math.max(...poses.map(({ size }) => size));
  const good = Array.from({ length: T }, (_, t) => t).filter((t) => {
    if (!among(t)) return false;
    const { size, angle } = poses[Math.floor((t * poses.length) / T)]!;
    return angle === 0 && size >= leastOfLargest * largest;
  });
  const chosen = Array.from({ length: framesCompared }, (_, i) => good[Math.floor((i * good.length) / framesCompared)]);
  return [...new Set(chosen)].filter((t) => t !== undefined);
}
