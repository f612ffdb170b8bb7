import type { InProcessPipeline } from '../../app/in-process-pipeline.js';
import type { CorpusDocument } from '../../events/schemas.js';
import { measured } from '../metrics/interval.js';
import type { Oracle, Verdict } from '../oracle.js';
import { paste } from '../paster.js';
import { type Cell, type Report, type Sheet, someFrames } from '../report.js';
import { plainClips } from '../world-folder.js';
import { chooseClips, eachOf, formatOf, type NamedWorld, type Setting } from './setting.js';

/** A base of documents: the stills of one world, and all that serves from them. */
export interface DocumentBase extends NamedWorld {
  oracle: Pick<Oracle, 'judge' | 'colours'>;
  serving: InProcessPipeline;
  documentOf(code: string): Promise<{ document: CorpusDocument }>;
}

export interface BasesSetting extends Omit<Setting, 'serving'> {
  /** Two, of the same subjects in another style. The prompts are of the first one's clips. */
  bases: readonly [DocumentBase, DocumentBase];
}

interface Row extends Verdict {
  base: string;
  drawnBy: string;
  clip: number;
  caption: string;
  /** Whether retrieval found the subject's own document. */
  found: number;
  /** Whether the video is more like this base's image of the subject than like the other's. */
  follows: number;
}

const rowsShown = 12;
const framesShown = 8;

/**
 * The same prompts, noise and weights with one base of documents and with another, which has other images under the same captions. Retrieval
 * is live. Does the video follow the base?
 */
export async function evaluateBases(setting: BasesSetting): Promise<Report> {
  const { bases, model, n, seed, signal } = setting;
  const format = formatOf(model);
  const [steps = model.defaults.steps, guidance = model.defaults.guidance] = [setting.steps[0], setting.guidance[0]];
  const [first, second] = bases;
  const there = plainClips(first.world).filter(({ subject }) => second.world.stills.has(subject));
  const clips = chooseClips(there, n, seed);
  let done = 0;
  const drawn = await eachOf(clips, setting.atOnce, async (clip, index) => {
    const rows: Row[] = [];
    const images = [];
    for (const base of bases) {
      const other = base === first ? second : first;
      const { frames, context } = await base.serving.serve(
        {
          prompt: clip.caption,
          ...{ seed: (seed + index) >>> 0, steps, guidance },
          ...{ frames: format.frames, width: format.side, height: format.side, fps: format.fps },
        },
        { signal },
      );
      const [best] = context.entries;
      const { document } = await base.documentOf(clip.subject);
      const image = best ? await base.serving.image(best.image) : null;
      const videos = {
        'the model': frames.video,
        'pasted without a net': paste(clip.caption, image, format, base.oracle.colours),
      };
      for (const [drawnBy, video] of Object.entries(videos)) {
        const verdict = await base.oracle.judge(video, clip, null);
        const { likeness } = await other.oracle.judge(video, clip, null);
        rows.push({
          ...{ base: base.name, drawnBy, clip: clip.number, caption: clip.caption, ...verdict },
          ...{ found: Number(best?.document === document.id), follows: Number(verdict.likeness > likeness) },
        });
      }
      if (image) images.push(image);
      images.push(...someFrames(frames.video, framesShown));
      setting.onProgress(++done, clips.length * bases.length, base.name);
    }
    return { rows, label: clip.caption, images };
  });
  const rows = drawn.flatMap((one) => one.rows);
  return {
    title: 'Bases: does the video follow the base of documents?',
    notes: [
      `The same prompts, noise and weights, with live retrieval from one base and from the other: images of other styles under the same captions. Ranks are among 100 candidates of the base's own style. Follows the base: the video is more like this base's image of the subject than like the other's (chance: 50 %).`,
    ],
    tables: [
      {
        title: 'What the videos show',
        columns: [
          ...['base', 'drawn by', 'n', 'document found', 'follows the base', 'appearance rank-1', 'appearance rank-5'],
          ...['colour rank-5', 'motion', 'background', 'appearance kept'],
        ],
        rows: [...new Set(rows.map(({ base, drawnBy }) => JSON.stringify([base, drawnBy])))].map((key): Cell[] => {
          const [base, drawnBy] = JSON.parse(key) as [string, string];
          const group = rows.filter((row) => row.base === base && row.drawnBy === drawnBy);
          const share = (of: (row: Row) => number): Cell => ({ share: measured(group.map(of)) });
          return [
            ...[base, drawnBy, group.length],
            ...[share(({ found }) => found), share(({ follows }) => follows)],
            share(({ appearanceRank }) => Number(appearanceRank === 1)),
            share(({ appearanceRank }) => Number(appearanceRank <= 5)),
            share(({ colourRank }) => Number(colourRank <= 5)),
            ...[share(({ motionRight }) => motionRight), share(({ colourRight }) => colourRight)],
            { value: measured(group.map(({ kept }) => kept)), digits: 2 },
          ];
        }),
      },
    ],
    records: rows.map((row) => ({ ...row })),
    sheets: [{ name: 'bases', rows: drawn.slice(0, rowsShown) } satisfies Sheet],
  };
}
