import { type Change, moveImage } from '../../media/drawing/moved-image.js';
import { Random } from '../../models/numerics/random.js';
import type { RgbImage, RgbVideo } from '../../models/ports.js';
import type { ReferenceMaker } from '../documents.js';
import { alignedCorrelation } from '../metrics/aligned-correlation.js';
import { backgroundColour, plain } from '../metrics/background.js';
import { chanceOfCorrelation, measuredCorrelation } from '../metrics/interval.js';
import { pathOf } from '../metrics/motion.js';
import { worldFrames } from '../metrics/world-frames.js';
import type { Oracle } from '../oracle.js';
import { paste } from '../paster.js';
import { type Cell, type Report, type Sheet, someFrames } from '../report.js';
import { someChange } from '../some-change.js';
import { type PlainClip, plainClips } from '../world-folder.js';
import { chooseClips, eachOf, formatOf, type NamedWorld, type Setting } from './setting.js';

export interface CopyingSetting extends Setting, ReferenceMaker {
  worlds: NamedWorld[];
  oracle: Pick<Oracle, 'colours'>;
}

interface Row {
  set: string;
  clip: number;
  caption: string;
  drawnBy: string;
  /** Of the reference. */
  change: Change;
  /** What is then different in the video: units, units, logarithm of sizes, radians; NaN where nothing is seen. */
  difference: Change;
}

const rowsShown = 12;
const framesShown = 8;
/** Turns that are tried, in steps of 10 degrees. */
const angles = Array.from({ length: 17 }, (_, i) => ((i - 8) * Math.PI) / 18);

/**
 * Does a video copy where and how its reference stands? Each clip is drawn twice from the same noise: with the reference as the corpus
 * has it, and with the subject elsewhere in it, smaller and turned. What is different then is compared with what was changed.
 */
export async function evaluateCopying(setting: CopyingSetting): Promise<Report> {
  const { worlds, oracle, serving, model, n, seed, signal } = setting;
  const format = formatOf(model);
  const [steps = model.defaults.steps, guidance = model.defaults.guidance] = [setting.steps[0], setting.guidance[0]];
  // What turns of itself has no upright frames.
  const chosen = worlds.flatMap(({ name, world }) =>
    chooseClips(
      plainClips(world).filter(({ motion }) => motion !== 'spin'),
      n,
      seed,
    ).map((clip, index) => ({ set: name, clip, index })),
  );
  let done = 0;
  const drawn = await eachOf(chosen, setting.atOnce, async ({ set, clip, index }) => {
    const { document, image } = await setting.documentOf(clip.subject);
    const change = someChange(new Random(seed, 0xc0b1 + index));
    const moved = moveImage(image, change);
    const draw = async (reference: RgbImage) => {
      const { frames } = await serving.serve(
        {
          prompt: clip.caption,
          seed: (seed + index) >>> 0,
          ...{ steps, guidance, frames: format.frames, width: format.side, height: format.side, fps: format.fps },
        },
        { context: [await setting.asReference(document, reference)], signal },
      );
      setting.onProgress(++done, chosen.length * 2, set);
      return frames.video;
    };
    const pasted = (reference: RgbImage) => paste(clip.caption, reference, format, oracle.colours);
    const about = { set, clip: clip.number, caption: clip.caption, change };
    const [asIs, other] = [await draw(image), await draw(moved)];
    const rows: Row[] = [
      { ...about, drawnBy: 'the model', difference: differenceOf(asIs, other, clip) },
      { ...about, drawnBy: 'pasted without a net', difference: differenceOf(pasted(image), pasted(moved), clip) },
    ];
    const images = [image, ...someFrames(asIs, framesShown), moved, ...someFrames(other, framesShown)];
    return { rows, set, index, label: clip.caption, images };
  });
  const rows = drawn.flatMap((one) => one.rows);
  const sheets = worlds.map(
    ({ name }): Sheet => ({ name, rows: drawn.filter(({ set, index }) => set === name && index < rowsShown) }),
  );
  return {
    title: 'Copying: does the video stand where and how its reference stands?',
    notes: [
      'Each clip is drawn twice from the same noise: with the reference as it is, and with its subject moved within the image, made smaller (40 to 65 %) and turned (up to 50 degrees). The table correlates over the clips what was changed in the reference with what is then different in the video. 0: it does not follow the reference; 1: it copies it.',
      'Chance: 95 % of the correlations of unrelated numbers lie within it. Pasted without a net: cut out of its image, so place and size are the rule’s, and the turn is the image’s.',
    ],
    tables: [
      {
        title: 'Correlation of reference and video',
        columns: ['set', 'drawn by', 'n', 'place, across', 'place, down', 'size', 'turn', 'chance'],
        rows: [...new Set(rows.map(({ set, drawnBy }) => JSON.stringify([set, drawnBy])))].map((key): Cell[] => {
          const [set, drawnBy] = JSON.parse(key) as [string, string];
          const group = rows.filter((row) => row.set === set && row.drawnBy === drawnBy);
          const against = (of: (change: Change) => number): Cell => ({
            value: measuredCorrelation(
              group.map(({ change }) => of(change)),
              group.map(({ difference }) => of(difference)),
            ),
            digits: 2,
          });
          return [
            ...[set, drawnBy, group.length],
            ...[against(({ x }) => x), against(({ y }) => y), against(({ size }) => size)],
            ...[against(({ angle }) => angle), `±${chanceOfCorrelation(group.length).toFixed(2)}`],
          ];
        }),
      },
    ],
    records: rows.map((row) => ({ ...row })),
    sheets,
  };
}

/** What is different in the second of two videos of one clip. */
function differenceOf(asIs: RgbVideo, other: RgbVideo, { poses }: PlainClip): Change {
  const videos = [asIs, other].map((video) => {
    const frames = worldFrames(video);
    const background = plain(backgroundColour(frames));
    return { frames, background, path: pathOf(frames, background) };
  });
  const [a, b] = videos as [(typeof videos)[0], (typeof videos)[0]];
  const seen = a.path.flatMap((from, t) => (from && b.path[t] ? [{ t, from, to: b.path[t] }] : []));
  const mean = (of: (pair: (typeof seen)[0]) => number) =>
    seen.length === 0 ? Number.NaN : seen.reduce((sum, pair) => sum + of(pair), 0) / seen.length;
  // Small frames show no turn.
  const largest = Math.max(...poses.map(({ size }) => size));
  const clear = seen.filter(({ t }) => poses[Math.floor((t * poses.length) / a.frames.length)]!.size > 0.8 * largest);
  const fits = angles.map((angle) =>
    clear.reduce(
      (sum, { t, from, to }) =>
        sum + alignedCorrelation({ a: a.frames[t]!, b: b.frames[t]!, background: b.background, from, to, angle }),
      0,
    ),
  );
  return {
    x: mean(({ from, to }) => to.x - from.x),
    y: mean(({ from, to }) => to.y - from.y),
    size: mean(({ from, to }) => Math.log(to.size / from.size)),
    angle: clear.length === 0 ? Number.NaN : angles[fits.indexOf(Math.max(...fits))]!,
  };
}
