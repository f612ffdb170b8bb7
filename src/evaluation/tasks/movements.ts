import { readFile } from 'node:fs/promises';
import { VimiError } from '../../core/errors.js';
import type { ClipRef } from '../../events/prompt.js';
import { asContext, type ReferenceMaker } from '../documents.js';
import { backgroundColour, plain } from '../metrics/background.js';
import { measured } from '../metrics/interval.js';
import { pathOf } from '../metrics/motion.js';
import { movementNames, movementOf } from '../metrics/movement.js';
import { worldFrames } from '../metrics/world-frames.js';
import type { Oracle, Verdict } from '../oracle.js';
import { type Cell, type Report, type Sheet, someFrames } from '../report.js';
import { type PlainClip, plainClips, readClip } from '../world-folder.js';
import { chooseClips, eachOf, formatOf, type NamedWorld, type Setting } from './setting.js';

export interface MovementsSetting extends Setting, Pick<ReferenceMaker, 'documentOf'> {
  worlds: NamedWorld[];
  oracle: Pick<Oracle, 'judge'>;
  store(mp4: Buffer): Promise<ClipRef>;
}

interface Row extends Verdict {
  set: string;
  clip: number;
  caption: string;
  context: string;
  asked: string;
  /** Of the clip in the context; empty without one. */
  shown: string;
  moved: string;
}

const rowsShown = 12;
const framesShown = 4;
const truth = 'true clips';

/**
 * Is motion retrieved, too? Movements that no training world has, and that only clips of the corpus show: each caption is drawn with a clip
 * of another subject that moves so, without one, and with one of another movement. The subject's image is in each context.
 * MEDIA_NOT_FOUND when a world has no such clips.
 */
export async function evaluateMovements(setting: MovementsSetting): Promise<Report> {
  const { worlds, oracle, model, n, seed, signal } = setting;
  const format = formatOf(model);
  const [steps = model.defaults.steps, guidance = model.defaults.guidance] = [setting.steps[0], setting.guidance[0]];
  const chosen = worlds.flatMap(({ name, world }) => {
    const all = plainClips(world).filter(({ motion }) => movementNames.includes(motion));
    return chooseClips(all, n, seed).map((clip, index) => {
      const others = [...all.slice(index), ...all.slice(0, index)].filter(({ subject }) => subject !== clip.subject);
      const same = others.find(({ motion }) => motion === clip.motion);
      const other = others.find(({ motion }) => motion !== clip.motion);
      return { set: name, clip, index, same, other };
    });
  });
  if (chosen.length === 0)
    throw new VimiError('MEDIA_NOT_FOUND', 'No clip of this world shows a movement that is in no training world', {
      expected: 'a world made with --held-out --paths 0.7 (examples/world/README.md)',
      where: worlds.map(({ world }) => world.folder).join(', '),
    });
  let done = 0;
  const drawn = await eachOf(chosen, setting.atOnce, async ({ set, clip, index, same, other }) => {
    const { document, image } = await setting.documentOf(clip.subject);
    const rows: Row[] = [];
    const images = [image];
    const judge = async (context: string, video: Parameters<Oracle['judge']>[0], shown: string) => {
      const frames = worldFrames(video);
      const moved = movementOf(pathOf(frames, plain(backgroundColour(frames))));
      rows.push({
        ...{ set, clip: clip.number, caption: clip.caption, context, asked: clip.motion, shown, moved },
        ...(await oracle.judge(video, clip, clip.subject)),
      });
      images.push(...someFrames(video, framesShown));
      setting.onProgress(++done, 4 * chosen.length, set);
    };
    const draw = async (how: string, example?: PlainClip) => {
      const context = [asContext(document)];
      if (example) {
        const stored = await setting.store(await readFile(example.file));
        context.push({ ...asContext(document), clip: stored, caption: example.caption });
      }
      const { frames } = await setting.serving.serve(
        {
          prompt: clip.caption,
          ...{ seed: (seed + index) >>> 0, steps, guidance },
          ...{ frames: format.frames, width: format.side, height: format.side, fps: format.fps },
        },
        { context, signal },
      );
      await judge(how, frames.video, example?.motion ?? '');
    };
    await judge(truth, await readClip(clip, format, signal), clip.motion);
    await draw('no clip');
    if (same) await draw('a clip of its movement', same);
    if (other) await draw('a clip of another movement', other);
    return { rows, set, index, label: clip.caption, images };
  });
  const rows = drawn.flatMap((one) => one.rows);
  const keys = [...new Set(rows.map(({ set, context }) => JSON.stringify([set, context])))];
  return {
    title: 'Movements that only a clip shows',
    notes: [
      'zigzag, orbit, swing and shake are in no training world, and their words neither. The context has the image of the subject, and a clip of another subject.',
      'Movement of the caption, of the clip: the form that explains most of the path, among these four and the motions of the world (chance: one in twelve).',
    ],
    tables: [
      {
        title: 'What the videos show',
        columns: [
          ...[
            'set',
            'context',
            'n',
            'movement of the caption',
            'movement of the clip',
            'appearance rank-1',
            'background',
          ],
          ...['appearance kept', 'way'],
        ],
        rows: keys.map((key): Cell[] => {
          const [set, context] = JSON.parse(key) as [string, string];
          const group = rows.filter((row) => row.set === set && row.context === context);
          const share = (of: (row: Row) => number): Cell => ({ share: measured(group.map(of)) });
          return [
            ...[set, context, group.length],
            share(({ moved, asked }) => Number(moved === asked)),
            share(({ moved, shown }) => (shown === '' ? Number.NaN : Number(moved === shown))),
            ...[share(({ appearanceRank }) => Number(appearanceRank === 1)), share(({ colourRight }) => colourRight)],
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
