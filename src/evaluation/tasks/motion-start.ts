import { readFile } from 'node:fs/promises';
import type { InProcessPipeline } from '../../app/in-process-pipeline.js';
import type { ClipRef } from '../../events/prompt.js';
import type { ReferenceMaker } from '../documents.js';
import { asContext } from '../documents.js';
import { measured } from '../metrics/interval.js';
import type { Oracle, Verdict } from '../oracle.js';
import { type Cell, type Report, type Sheet, someFrames } from '../report.js';
import { type PlainClip, plainClips, readClip } from '../world-folder.js';
import { chooseClips, eachOf, formatOf, type NamedWorld, type Setting } from './setting.js';

export interface MotionStartSetting extends Setting, Pick<ReferenceMaker, 'documentOf'> {
  worlds: NamedWorld[];
  oracle: Pick<Oracle, 'judge'>;
  /** Noise levels to start from. */
  levels: readonly number[];
  /** The pipeline with this setting of `denoise`. */
  servingAt(level: number): InProcessPipeline;
  store(mp4: Buffer): Promise<ClipRef>;
}

interface Row extends Verdict {
  set: string;
  clip: number;
  caption: string;
  how: string;
  askedMotion: string;
  /** Of the clip that it starts from; empty without one. */
  startMotion: string;
}

const rowsShown = 12;
const framesShown = 4;

/**
 * Starting from a retrieved clip in noise, without training: does the video move as the clip does, and what does it cost? Each clip of the
 * world is drawn from noise alone, and from the clip of another subject: one that moves as the caption says, and one that does not. And with
 * the verb taken out of the caption, so that the clip alone says how to move.
 */
export async function evaluateMotionStart(setting: MotionStartSetting): Promise<Report> {
  const { worlds, oracle, model, n, seed, levels, signal } = setting;
  const format = formatOf(model);
  const [steps = model.defaults.steps, guidance = model.defaults.guidance] = [setting.steps[0], setting.guidance[0]];
  const serving = new Map(levels.map((level) => [level, setting.servingAt(level)]));
  const chosen = worlds.flatMap(({ name, world }) => {
    const all = plainClips(world);
    return chooseClips(all, n, seed).map((clip, index) => {
      const others = [...all.slice(index), ...all.slice(0, index)].filter(({ subject }) => subject !== clip.subject);
      const same = others.find(({ motion }) => motion === clip.motion);
      const other = others.find(({ motion }) => motion !== clip.motion);
      return { set: name, clip, index, same, other };
    });
  });
  const each = 2 + 3 * levels.length;
  let done = 0;
  const drawn = await eachOf(chosen, setting.atOnce, async ({ set, clip, index, same, other }) => {
    const { document, image } = await setting.documentOf(clip.subject);
    const rows: Row[] = [];
    const images = [image];
    const draw = async (how: string, caption: string, start?: { clip: PlainClip; level: number }) => {
      const context = [asContext(document)];
      if (start) {
        const stored = await setting.store(await readFile(start.clip.file));
        context.push({ ...asContext(document), clip: stored, caption: start.clip.caption });
      }
      const { frames } = await (start ? serving.get(start.level)! : setting.serving).serve(
        {
          prompt: caption,
          ...{ seed: (seed + index) >>> 0, steps, guidance },
          ...{ frames: format.frames, width: format.side, height: format.side, fps: format.fps },
        },
        { context, signal },
      );
      rows.push({
        ...{ set, clip: clip.number, caption, how },
        ...{ askedMotion: clip.motion, startMotion: start?.clip.motion ?? '' },
        ...(await oracle.judge(frames.video, clip, clip.subject)),
      });
      images.push(...someFrames(frames.video, framesShown));
      setting.onProgress(++done, chosen.length * each, set);
    };
    const mute = withoutVerb(clip);
    await draw('the caption, from noise alone', clip.caption);
    await draw('no verb, from noise alone', mute);
    for (const level of levels) {
      if (same) {
        await draw(`the caption, from a clip of its motion at ${level}`, clip.caption, { clip: same, level });
        await draw(`no verb, from a clip of its motion at ${level}`, mute, { clip: same, level });
        images.push(...someFrames(await readClip(same, format, signal), framesShown));
      }
      if (other)
        await draw(`the caption, from a clip of another motion at ${level}`, clip.caption, { clip: other, level });
    }
    return { rows, set, index, label: clip.caption, images };
  });
  for (const one of serving.values()) await one.close();
  const rows = drawn.flatMap((one) => one.rows);
  const keys = [...new Set(rows.map(({ set, how }) => JSON.stringify([set, how])))];
  return {
    title: 'Starting from a retrieved clip in noise: motion and coherence with and without',
    notes: [
      'The sampler begins at this noise level with the clip of another subject in noise, where it otherwise begins with noise alone (RAGME’s RagInit; no training). The true image is the context. No verb: "a fox on a blue background", so the clip alone says how to move.',
      'Motion of the caption: as the clip of the world moves, also where the caption does not say it (chance: 10 %). Motion of the start: as the clip moves that it started from.',
    ],
    tables: [
      {
        title: 'What the videos show',
        columns: [
          ...['set', 'how', 'n', 'motion of the caption', 'motion of the start', 'appearance rank-1', 'background'],
          ...['size', 'appearance kept', 'way'],
        ],
        rows: keys.map((key): Cell[] => {
          const [set, how] = JSON.parse(key) as [string, string];
          const group = rows.filter((row) => row.set === set && row.how === how);
          const share = (of: (row: Row) => number): Cell => ({ share: measured(group.map(of)) });
          return [
            ...[set, how, group.length],
            share(({ motionRight }) => motionRight),
            share(({ motion, startMotion }) => (startMotion === '' ? Number.NaN : Number(motion === startMotion))),
            share(({ appearanceRank }) => Number(appearanceRank === 1)),
            ...[share(({ colourRight }) => colourRight), share(({ sizeRight }) => sizeRight)],
            { value: measured(group.map(({ kept }) => kept)), digits: 2 },
            { value: measured(group.map(({ way }) => way)), digits: 1 },
          ];
        }),
      },
    ],
    records: rows.map((row) => ({ ...row })),
    sheets: worlds.map(
      ({ name }): Sheet => ({ name, rows: drawn.filter(({ set, index }) => set === name && index < rowsShown) }),
    ),
  };
}

/** "a fox moves left on a blue background" → "a fox on a blue background". */
const withoutVerb = ({ phrase, colour }: Pick<PlainClip, 'phrase' | 'colour'>): string =>
  `${phrase} on ${/^[aeiou]/.test(colour) ? 'an' : 'a'} ${colour} background`;
