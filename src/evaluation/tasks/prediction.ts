import { frameAsWebp } from '../../media/images.js';
import type { RgbImage, RgbVideo } from '../../models/ports.js';
import { backgroundColour, plain } from '../metrics/background.js';
import { type Measured, measured, measuredRatio } from '../metrics/interval.js';
import { motionOf, pathDistance, pathOf } from '../metrics/motion.js';
import { mse, ssim } from '../metrics/similarity.js';
import { worldFrames } from '../metrics/world-frames.js';
import type { Oracle } from '../oracle.js';
import { paste } from '../paster.js';
import { type Cell, type Report, type Sheet, someFrames } from '../report.js';
import { type PlainClip, plainClips, readClip } from '../world-folder.js';
import { chooseClips, eachOf, formatOf, type NamedWorld, type Setting } from './setting.js';

export interface PredictionSetting extends Setting {
  worlds: NamedWorld[];
  /** Knows the colours that captions name. */
  oracle: Pick<Oracle, 'colours'>;
}

/** Frames from here on are measured: the first is given, and the second is what linear extrapolation starts from. */
const firstJudged = 2;
const rowsShown = 12;
const framesShown = 8;

interface Error {
  mse: number;
  ssim: number;
  /** Units between the subject's centre and the true one. */
  away: number;
  motionRight: number;
}

interface Row extends Error {
  set: string;
  clip: number;
  caption: string;
  how: string;
  steps: number | null;
  guidance: number | null;
}

/**
 * From the first frame and the caption to the rest of a clip: errors against the truth, beside those of copying the first
 * frame, of extrapolating the first two frames (which sees one more), of the baseline without a net, which moves what stands in the
 * first frame as the caption says, and of the same model without the frame.
 */
export async function evaluatePrediction(setting: PredictionSetting): Promise<Report> {
  const { worlds, oracle, serving, model, n, seed, signal } = setting;
  const format = formatOf(model);
  const chosen = worlds.flatMap(({ name, world }) =>
    chooseClips(plainClips(world), n, seed).map((clip, index) => ({ set: name, clip, index })),
  );
  const settings = setting.steps.flatMap((steps) => setting.guidance.map((guidance) => ({ steps, guidance })));
  const total = chosen.length * settings.length * 2;
  let done = 0;
  const sheets = new Map<string, Sheet>();

  const results = await eachOf(chosen, setting.atOnce, async ({ set, clip, index }) => {
    const truth = await readClip(clip, format, signal);
    const first = await readClip(clip, { frames: 1, fps: format.fps }, signal);
    const base64 = (await frameAsWebp(first)).toString('base64');
    const about = { set, clip: clip.number, caption: clip.caption };
    const rows: Row[] = [
      { ...about, how: 'copy the first frame', steps: null, guidance: null, ...errorsOf(copied(truth), truth, clip) },
      {
        ...about,
        how: 'extrapolate two frames',
        steps: null,
        guidance: null,
        ...errorsOf(extrapolated(truth), truth, clip),
      },
      {
        ...about,
        how: 'first frame, pasted without a net',
        steps: null,
        guidance: null,
        ...errorsOf(paste(clip.caption, first, { ...format, fromThere: true }, oracle.colours), truth, clip),
      },
    ];
    const pages: { name: string; label: string; images: RgbImage[] }[] = [];
    for (const { steps, guidance } of settings)
      for (const how of ['model, first frame', 'model, text alone'] as const) {
        const image = { image: { base64 }, role: 'first-frame' as const };
        const { frames } = await serving.serve(
          {
            prompt: how === 'model, text alone' ? clip.caption : [{ text: clip.caption }, image],
            seed: (seed + index) >>> 0,
            steps: steps ?? model.defaults.steps,
            guidance: guidance ?? model.defaults.guidance,
            ...{ frames: format.frames, width: format.side, height: format.side, fps: format.fps },
          },
          { context: [], signal },
        );
        const { sampler, video } = frames;
        const row: Row = {
          ...{ ...about, how, steps: sampler.steps, guidance: sampler.guidance.image },
          ...errorsOf(video, truth, clip),
        };
        rows.push(row);
        setting.onProgress(++done, total, set);
        if (index < rowsShown && how === 'model, first frame')
          pages.push({
            name: settings.length > 1 ? `${set}-${row.steps}-steps-guidance-${row.guidance}` : set,
            label: `${clip.caption} (error ${((100 * row.mse) / rows[0]!.mse).toFixed(0)} % of copying)`,
            images: [first, ...someFrames(video, framesShown), ...someFrames(truth, framesShown)],
          });
      }
    return { rows, pages };
  });
  for (const { name, label, images } of results.flatMap(({ pages }) => pages)) {
    const sheet = sheets.get(name) ?? { name, rows: [] };
    sheets.set(name, sheet);
    sheet.rows.push({ label, images });
  }

  const rows = results.flatMap((result) => result.rows);
  return {
    title: 'Prediction: a clip from its first frame',
    notes: [
      `Measured on frames ${firstJudged + 1} to ${format.frames} of ${format.frames}, which nobody was given. MSE of pixels, 0 to 255; SSIM with a Gaussian window of 11; centre: units of 32 between the subject and where it is in truth. Extrapolation sees two frames, the others one.`,
    ],
    tables: [
      {
        title: 'Errors against the truth',
        columns: [
          ...['set', 'how', 'steps', 'guidance', 'n', 'MSE', 'MSE against copying', 'SSIM'],
          ...['centre away', 'motion: all'],
        ],
        rows: grouped(rows).map((group) => cellsOf(group, rows)),
      },
    ],
    records: rows.map((row) => ({ ...row })),
    sheets: [...sheets.values()],
  };
}

function grouped(rows: readonly Row[]): Row[][] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.set, row.how, row.steps, row.guidance]);
    const group = groups.get(key) ?? [];
    group.push(row);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function cellsOf(group: readonly Row[], all: readonly Row[]): Cell[] {
  const { set, how, steps, guidance } = group[0]!;
  const copying = new Map(
    all.flatMap((row) => (row.set === set && row.how === 'copy the first frame' ? [[row.clip, row.mse]] : [])),
  );
  const against: Measured = measuredRatio(
    group.map((row) => row.mse),
    group.map(({ clip }) => copying.get(clip)!),
  );
  return [
    ...[set, how, steps ?? '', guidance ?? '', group.length],
    { value: measured(group.map((row) => row.mse)), digits: 0 },
    { share: against },
    { value: measured(group.map((row) => row.ssim)), digits: 3 },
    { value: measured(group.map((row) => row.away)), digits: 1 },
    { share: measured(group.map((row) => row.motionRight)) },
  ];
}

/** Of frames from the third on. */
export function errorsOf(video: RgbVideo, truth: RgbVideo, { motion }: PlainClip): Error {
  const { frames, width, height } = truth;
  const size = width * height * 3;
  const from = Math.min(firstJudged, frames - 1);
  const similar = Array.from({ length: frames - from }, (_, i) => {
    const part = ({ data }: RgbVideo) => data.subarray((from + i) * size, (from + i + 1) * size);
    const raster = (one: RgbVideo) => ({ width, height, channels: 3, data: part(one) });
    return ssim(raster(video), raster(truth));
  });
  const [made, real] = [worldFrames(video), worldFrames(truth)];
  const [madeBackground, realBackground] = [plain(backgroundColour(made)), plain(backgroundColour(real))];
  return {
    mse: mse(video.data.subarray(from * size), truth.data.subarray(from * size)),
    ssim: similar.reduce((sum, value) => sum + value, 0) / similar.length,
    away: pathDistance(pathOf(made, madeBackground).slice(from), pathOf(real, realBackground).slice(from)),
    motionRight: Number(motionOf(made, madeBackground) === motion),
  };
}

/** The first frame, as long as the clip is. */
export function copied({ frames, width, height, data }: RgbVideo): RgbVideo {
  const size = width * height * 3;
  const out = new Uint8Array(data.length);
  for (let t = 0; t < frames; t++) out.set(data.subarray(0, size), t * size);
  return { frames, width, height, data: out };
}

/** Every pixel goes on as it went from the first frame to the second. */
function extrapolated({ frames, width, height, data }: RgbVideo): RgbVideo {
  const size = width * height * 3;
  const out = new Uint8ClampedArray(data.length);
  for (let t = 0; t < frames; t++)
    for (let i = 0; i < size; i++) {
      const start = data[i]!;
      out[t * size + i] = start + t * ((frames > 1 ? data[size + i]! : start) - start);
    }
  return { frames, width, height, data: new Uint8Array(out.buffer) };
}
