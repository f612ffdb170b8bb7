import type { CorpusDocument } from '../../events/schemas.js';
import type { RgbImage } from '../../models/ports.js';
import { asContext } from '../documents.js';
import { backgroundColour, plain } from '../metrics/background.js';
import { appearanceKept } from '../metrics/coherence.js';
import { measured } from '../metrics/interval.js';
import { pathOf, wayLength } from '../metrics/motion.js';
import { type WorldFrame, worldFrames } from '../metrics/world-frames.js';
import { type Report, type Sheet, someFrames } from '../report.js';
import { plainClips, readClip } from '../world-folder.js';
import { chooseClips, eachOf, formatOf, type NamedWorld, type Setting } from './setting.js';

export interface CoherenceSetting extends Setting {
  worlds: NamedWorld[];
  documentOf(code: string): Promise<{ document: CorpusDocument; image: RgbImage }>;
}

interface Row {
  set: string;
  how: string;
  clip: number;
  caption: string;
  /** Correlation of the subject between neighbouring frames, and between frames half a clip apart. */
  next: number;
  half: number;
  /** Units that its centre goes. */
  way: number;
  /** Share of the frames in which there is a subject. */
  present: number;
}

const rowsShown = 12;
const framesShown = 8;

/**
 * Does a video hang together? Generated with the true context; beside them the true clips, and as the floor the same
 * videos with their frames taken in turn from all of them: different subjects, each where it was.
 */
export async function evaluateCoherence(setting: CoherenceSetting): Promise<Report> {
  const { worlds, serving, model, n, seed, signal } = setting;
  const format = formatOf(model);
  const settings = setting.steps.flatMap((steps) => setting.guidance.map((guidance) => ({ steps, guidance })));
  const chosen = worlds.map(({ name, world }) => ({ name, clips: chooseClips(plainClips(world), n, seed) }));
  const total = chosen.reduce((sum, { clips }) => sum + clips.length * settings.length, 0);
  let done = 0;
  const rows: Row[] = [];
  const sheets: Sheet[] = [];
  for (const { name, clips } of chosen) {
    const about = (index: number) => ({ set: name, clip: clips[index]!.number, caption: clips[index]!.caption });
    const turns = clips.map(({ motion }) => (motion === 'spin' ? (2 * Math.PI) / format.frames : 0));
    const truths = await eachOf(clips, 2, async (clip) => readClip(clip, format, signal));
    for (const [i, truth] of truths.entries())
      rows.push({ ...about(i), how: 'true clips', ...hold(worldFrames(truth), turns[i]!) });
    for (const { steps, guidance } of settings) {
      const videos = await eachOf(clips, setting.atOnce, async (clip, i) => {
        const { document } = await setting.documentOf(clip.subject);
        const { frames } = await serving.serve(
          {
            prompt: clip.caption,
            seed: (seed + i) >>> 0,
            steps: steps ?? model.defaults.steps,
            guidance: guidance ?? model.defaults.guidance,
            ...{ frames: format.frames, width: format.side, height: format.side, fps: format.fps },
          },
          { context: [asContext(document)], signal },
        );
        setting.onProgress(++done, total, name);
        return frames;
      });
      const { sampler } = videos[0]!;
      const how = `model, ${sampler.steps} steps, guidance ${sampler.guidance.image}`;
      const made = videos.map(({ video }) => worldFrames(video));
      const onGrey = made.map(laidOnGrey);
      for (const [i, frames] of made.entries()) rows.push({ ...about(i), how, ...hold(frames, turns[i]!) });
      for (const i of made.keys())
        rows.push({ ...about(i), how: `${how}: frames of all in turn`, ...hold(mixed(onGrey, i), turns[i]!) });
      sheets.push({
        name: settings.length > 1 ? `${name}-${sampler.steps}-steps-guidance-${sampler.guidance.image}` : name,
        rows: await Promise.all(
          videos.slice(0, rowsShown).map(async ({ video }, i) => {
            const row = rows.find((one) => one.how === how && one.set === name && one.clip === clips[i]!.number)!;
            const { image } = await setting.documentOf(clips[i]!.subject);
            return {
              label: `${row.caption} (next ${row.next.toFixed(2)}, half ${row.half.toFixed(2)})`,
              images: [image, ...someFrames(video, framesShown), ...someFrames(truths[i]!, framesShown)],
            };
          }),
        ),
      });
    }
  }
  const keys = [...new Set(rows.map(({ set, how }) => JSON.stringify([set, how])))];
  return {
    title: 'Coherence: does the subject stay itself while it moves?',
    notes: [
      'Appearance kept: correlation of the subject’s crops, moved and scaled onto each other (turned where the motion turns), between neighbouring frames and between frames half a clip apart; 0 where it is missing. Way: units that its centre goes, of 32.',
    ],
    tables: [
      {
        title: 'Appearance kept, and motion',
        columns: [
          'set',
          'what',
          'n',
          'kept to the next frame',
          'kept over half a clip',
          'way',
          'frames with a subject',
        ],
        rows: keys.map((key) => {
          const [set, how] = JSON.parse(key) as [string, string];
          const group = rows.filter((row) => row.set === set && row.how === how);
          return [
            ...[set, how, group.length],
            { value: measured(group.map(({ next }) => next)), digits: 2 },
            { value: measured(group.map(({ half }) => half)), digits: 2 },
            { value: measured(group.map(({ way }) => way)), digits: 1 },
            { share: measured(group.map(({ present }) => present)) },
          ];
        }),
      },
    ],
    records: rows.map((row) => ({ ...row })),
    sheets,
  };
}

function hold(frames: readonly WorldFrame[], turn: number): Pick<Row, 'next' | 'half' | 'way' | 'present'> {
  const background = plain(backgroundColour(frames));
  const path = pathOf(frames, background);
  return {
    next: appearanceKept(frames, background, { turn }),
    half: appearanceKept(frames, background, { turn, lag: frames.length >> 1 }),
    way: wayLength(path),
    present: path.filter((found) => found !== null).length / frames.length,
  };
}

/** With its own background taken away, so that videos on different backgrounds differ by their subjects alone. */
function laidOnGrey(frames: readonly WorldFrame[]): WorldFrame[] {
  const background = plain(backgroundColour(frames));
  return frames.map((frame) => frame.map((value, i) => value - background[i]! + 128));
}

/** Frame t of video i + t. */
function mixed(videos: readonly (readonly WorldFrame[])[], i: number): WorldFrame[] {
  return videos[i]!.map((_, t) => videos[(i + t) % videos.length]![t]!);
}
