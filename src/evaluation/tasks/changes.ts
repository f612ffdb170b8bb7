import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { readSprite } from '../../media/read-sprite.js';
import type { RgbVideo } from '../../models/ports.js';
import { asContext, type ReferenceMaker } from '../documents.js';
import { likenesses, rankOf } from '../metrics/appearance.js';
import { backgroundColour, plain, type Rgb } from '../metrics/background.js';
import { fenceShown, withoutFence } from '../metrics/fence.js';
import { findSubject } from '../metrics/find-subject.js';
import { measured, measuredDifference } from '../metrics/interval.js';
import { motionOf } from '../metrics/motion.js';
import { Template } from '../metrics/template.js';
import { worldFrames } from '../metrics/world-frames.js';
import { lookedAt, type Oracle } from '../oracle.js';
import { paste } from '../paster.js';
import { type Cell, type Report, type Sheet, someFrames } from '../report.js';
import { type ChangedClip, changedClips, readClip } from '../world-folder.js';
import { chooseClips, eachOf, formatOf, type NamedWorld, type Setting } from './setting.js';

export interface ChangesSetting extends Setting, Pick<ReferenceMaker, 'documentOf'> {
  worlds: NamedWorld[];
  oracle: Oracle;
}

/** Shares, 0 or 1. */
interface Right {
  /** The change, or the fence. */
  asked: number;
  /** Of a subject behind a fence, among 100 candidates; NaN where the change is the appearance. */
  appearance: number;
  motion: number;
  background: number;
}

interface Row extends Right {
  kind: string;
  set: string;
  clip: number;
  caption: string;
  drawnBy: (typeof drawers)[number];
}

const drawers = ['true clips: the ceiling', 'the model', 'pasted without a net'] as const;
const rowsShown = 12;
const framesShown = 8;
/** A miniature is half as large as another: its size may be off by this factor. */
const sizeSlack = 1.3;
/** The share of the posts that must be seen. */
const fenceSeen = 0.8;

const measures: { name: string; of(one: Right): number }[] = [
  { name: 'as asked', of: ({ asked }) => asked },
  { name: 'appearance rank-1', of: ({ appearance }) => appearance },
  { name: 'motion', of: ({ motion }) => motion },
  { name: 'background', of: ({ background }) => background },
  {
    name: 'all',
    of: ({ asked, appearance, motion, background }) =>
      Number(asked + motion + background + (Number.isNaN(appearance) ? 1 : appearance) === 4),
  },
];

/**
 * What laying an image into frames cannot do: the words ask for another appearance than the image shows, or for a fence before
 * the subject. The same oracle measures true clips, the model with the subject's own document, and the baseline without a net.
 */
export async function evaluateChanges(setting: ChangesSetting): Promise<Report> {
  const { worlds, oracle, serving, model, n, seed, signal } = setting;
  const format = formatOf(model);
  const [steps = model.defaults.steps, guidance = model.defaults.guidance] = [setting.steps[0], setting.guidance[0]];
  const cases = worlds.flatMap(({ name, world }) => {
    const clips = changedClips(world);
    return (['appearance', 'fence'] as const).flatMap((kind) =>
      chooseClips(
        clips.filter(({ fence }) => (kind === 'fence') === Boolean(fence)),
        n,
        seed,
      ).map((clip, index) => ({ set: name, kind, clip, index })),
    );
  });
  let done = 0;
  const drawn = await eachOf(cases, setting.atOnce, async ({ set, kind, clip, index }) => {
    const { document, image } = await setting.documentOf(clip.subject);
    const { frames } = await serving.serve(
      {
        prompt: clip.caption,
        ...{ seed: (seed + index) >>> 0, steps, guidance },
        ...{ frames: format.frames, width: format.side, height: format.side, fps: format.fps },
      },
      { context: [asContext(document)], signal },
    );
    const truth = await readClip(clip, format, signal);
    const videos = [truth, frames.video, paste(clip.caption, image, format, oracle.colours)];
    const judge = await judgeOf(clip, oracle);
    const rows = await Promise.all(
      videos.map(
        async (video, i): Promise<Row> => ({
          ...{ kind, set, clip: clip.number, caption: clip.caption, drawnBy: drawers[i]! },
          ...(await judge(video)),
        }),
      ),
    );
    setting.onProgress(++done, cases.length, `${set}, ${kind}`);
    const images = [
      image,
      ...videos.slice(1).flatMap((video) => someFrames(video, framesShown / 2)),
      ...someFrames(truth, framesShown / 2),
    ];
    return { rows, name: `${set}-${kind}`, index, label: clip.caption, images };
  });
  const rows = drawn.flatMap((one) => one.rows);
  const groups = [...new Set(rows.map(({ set, kind }) => JSON.stringify([set, kind])))];
  return {
    title: 'Changes: does it do what laying the image into the frames cannot?',
    notes: [
      'Appearance: the caption asks for the subject painted in a colour, in grey, upside down or as a miniature. As asked: among the subject as it is and in every change, the video is most like the one that was asked for (chance: 13 %); of a miniature, that its size is right.',
      `Fence: the caption asks for a fence, behind which the subject passes. As asked: in ${100 * fenceSeen} % of what its posts cover, over all frames, its colour is seen, and the background has another. Appearance and motion are measured between the posts.`,
      'Images of a row: the document, four frames of the model, four of the baseline, four of the true clip.',
    ],
    tables: [
      {
        title: 'What the videos show',
        columns: ['set', 'world', 'drawn by', 'n', ...measures.map(({ name }) => name), 'as asked, over the baseline'],
        rows: groups.flatMap((key) => {
          const [set, kind] = JSON.parse(key) as [string, string];
          const by = (drawer: Row['drawnBy']) =>
            rows.filter((row) => row.set === set && row.kind === kind && row.drawnBy === drawer);
          const baseline = by('pasted without a net').map(({ asked }) => asked);
          return drawers.map((drawer): Cell[] => [
            ...[set, kind, drawer, by(drawer).length],
            ...measures.map(({ of }): Cell => ({ share: measured(by(drawer).map(of)) })),
            drawer === 'pasted without a net'
              ? ''
              : {
                  share: measuredDifference(
                    by(drawer).map(({ asked }) => asked),
                    baseline,
                  ),
                },
          ]);
        }),
      },
    ],
    records: rows.map((row) => ({ ...row })),
    sheets: [...new Set(drawn.map(({ name }) => name))].map(
      (name): Sheet => ({ name, rows: drawn.filter((one) => one.name === name && one.index < rowsShown) }),
    ),
  };
}

async function judgeOf(clip: ChangedClip, oracle: Oracle): Promise<(video: RgbVideo) => Promise<Right>> {
  const { change, fence } = clip;
  const looks = change === undefined ? [] : await looksOf(clip.looks);
  const codes = oracle.candidates(clip, []);
  const candidates = fence ? await Promise.all(codes.map((code) => oracle.template(code))) : [];
  return async (video) => {
    const shown = worldFrames(video);
    const rgb = backgroundColour(shown);
    const background = plain(rgb);
    const frames = fence ? shown.map((frame) => withoutFence(frame, rgb, fence.posts)) : shown;
    const looked = lookedAt(clip, frames.length).map((t) => frames[t]!);
    const others = {
      motion: Number(motionOf(frames, background) === clip.motion),
      background: Number(oracle.colourOf(rgb) === clip.colour),
    };
    if (fence) {
      const colour = oracle.colours.get(fence.colour) as Rgb;
      return {
        ...{ asked: Number(fenceShown(shown, colour, rgb, fence.posts) >= fenceSeen), ...others },
        appearance: Number(rankOf(0, likenesses(looked, background, candidates), 'high') === 1),
      };
    }
    const asked = looks.find(({ code }) => code === change);
    if (asked) {
      const values = likenesses(looked, background, [asked, ...looks.filter((one) => one !== asked)]);
      return { asked: Number(rankOf(0, values, 'high') === 1), appearance: Number.NaN, ...others };
    }
    const sizes = frames.flatMap((frame) => findSubject(frame, background)?.size ?? []);
    const size = Math.max(0, ...sizes) / looks[0]!.spread;
    const wanted = Math.max(...clip.poses.map((pose) => pose.size));
    const isRight = size > wanted / sizeSlack && size < wanted * sizeSlack;
    return { asked: Number(isRight), appearance: Number.NaN, ...others };
  };
}

/** The subject as it is and in the changes of its appearance; a miniature looks like the subject as it is. */
async function looksOf(folder: string): Promise<Template[]> {
  const files = (await readdir(folder)).filter((name) => name.endsWith('.png')).sort();
  return Promise.all(
    files.map(async (name) => new Template(basename(name, '.png'), await readSprite(join(folder, name)))),
  );
}
