import type { Served } from '../../app/in-process-pipeline.js';
import { VimiError } from '../../core/errors.js';
import type { Task } from '../../events/prompt.js';
import type { GenerationRequested } from '../../events/schemas.js';
import { frameAsWebp } from '../../media/images.js';
import type { RgbImage, RgbVideo } from '../../models/ports.js';
import { type Measured, measured, measuredDifference, measuredRatio } from '../metrics/interval.js';
import type { Oracle, Verdict } from '../oracle.js';
import { type Cell, type Report, type Sheet, someFrames } from '../report.js';
import { type PlainClip, plainClips, readClip, type World } from '../world-folder.js';
import { copied, errorsOf } from './prediction.js';
import { chooseClips, eachOf, formatOf, type NamedWorld, type Setting } from './setting.js';
import { promptOf } from './subject.js';

/** One steps and one guidance for all weights; left out: each model's own. */
export interface AblationSetting extends Omit<Setting, 'serving' | 'model' | 'steps' | 'guidance'> {
  worlds: NamedWorld[];
  oracle: Oracle;
  steps?: number;
  guidance?: number;
  /** Names of the weights; the first are what others are compared with at the same k. */
  weights: readonly string[];
  /** Opens the weights of that name, lets `work` ask them, and closes them. */
  withWeights<R>(name: string, work: (opened: Pick<Setting, 'serving' | 'model'>) => Promise<R>): Promise<R>;
  /** Documents that are retrieved for a prompt; the first is what others are compared with on the same weights. */
  ks: readonly number[];
  /** Documents of the corpus. */
  documents: number;
}

interface Row extends Pick<Verdict, 'appearanceRank' | 'colourRank' | 'motionRight' | 'colourRight'> {
  set: string;
  weights: string;
  task: Task;
  /** null: the request says nothing of retrieval, the pipeline decides. */
  k: number | null;
  clip: number;
  caption: string;
  seed: number;
  steps: number;
  guidance: number;
  /** Captions of what was retrieved, best first, and how many of them are in the prompt. */
  context: string[];
  inPrompt: number;
  /** MSE of what is predicted, and of copying the first frame; NaN for other tasks. */
  error: number;
  copying: number;
}

interface Drawn {
  row: Row;
  /** What the model read, to tell prompts that are the same. */
  read: string;
  /** Frames, side and rate: errors of other ones cannot be compared. */
  format: string;
  page: { label: string; images: RgbImage[] } | null;
}

/** Clips that a page shows, with all weights and k below each other. */
const rowsShown = 6;
const framesShown = 8;

/**
 * What does each part of the recipe do? Weights that were trained without it, and k documents for a prompt, on the same
 * clips with the same noise: text to video with live retrieval, and for each weights once the subject given as an image
 * in the place of its name, and the rest of the clip from its first frame.
 */
export async function evaluateAblation(setting: AblationSetting): Promise<Report> {
  const { worlds, oracle, weights, ks, n, seed, signal } = setting;
  const chosen = worlds.flatMap(({ name, world }) =>
    chooseClips(plainClips(world), n, seed).map((clip, index) => ({ set: name, world, clip, index })),
  );
  if (chosen.length === 0)
    throw new VimiError('USAGE', 'An ablation needs clips of one subject on a plain background', {
      found: worlds.map(({ world }) => `${world.clips.length} other clips in ${world.folder}`).join(', '),
    });
  const asked = [
    ...ks.map((k) => ({ task: 'text-to-video' as const, k })),
    ...(['subject-driven', 'prediction'] as const).map((task) => ({ task, k: null })),
  ];
  const total = chosen.length * weights.length * asked.length;
  let done = 0;
  const drawn: Drawn[] = [];
  const models: Record<string, unknown>[] = [];
  const truths = new Map<string, Promise<RgbVideo>>();
  for (const name of weights)
    await setting.withWeights(name, async ({ serving, model }) => {
      const format = formatOf(model);
      const kind = JSON.stringify(format);
      const { weights: sha256, parameters, backend } = model;
      models.push({ weights: name, model: model.name, sha256, parameters, backend });
      const cases = chosen.flatMap((one) => asked.map((how) => ({ ...one, ...how })));
      const made = await eachOf(cases, setting.atOnce, async ({ set, world, clip, index, task, k }): Promise<Drawn> => {
        const key = JSON.stringify([set, clip.number, format]);
        const truth = await (truths.get(key) ?? kept(truths, key, readClip(clip, format, signal)));
        const request: GenerationRequested = {
          prompt: await promptFor(task, clip, world, format.fps, signal),
          task,
          seed: (seed + index) >>> 0,
          steps: setting.steps ?? model.defaults.steps,
          guidance: setting.guidance ?? model.defaults.guidance,
          ...{ frames: format.frames, width: format.side, height: format.side, fps: format.fps },
          ...(k !== null && { retrieval: { k } }),
        };
        const served = await serving.serve(request, { signal });
        const row: Row = {
          ...{ set, weights: name, task, k, clip: clip.number, caption: clip.caption, seed: request.seed! },
          ...(await measure(served, task, clip, truth, oracle)),
        };
        setting.onProgress(++done, total, `${name}, ${k === null ? task : `k = ${k}`}`);
        const first = served.context.entries[0];
        const images = async () => [
          first ? await serving.image(first.image) : blank,
          ...someFrames(served.frames.video, framesShown),
        ];
        const page = index < rowsShown && k !== null ? { label: labelOf(row), images: await images() } : null;
        return { row, read: JSON.stringify(served.prompt), format: kind, page };
      });
      drawn.push(...made);
    });

  const ceilings = await Promise.all(
    worlds.map(async ({ name }) => {
      const clips = chosen.flatMap(({ set, clip }) => (set === name ? [clip] : []));
      const format = JSON.parse(drawn[0]!.format);
      return eachOf(clips, 2, async (clip) => {
        const key = JSON.stringify([name, clip.number, format]);
        const truth = await (truths.get(key) ?? kept(truths, key, readClip(clip, format, signal)));
        return { clip, images: [blank, ...someFrames(truth, framesShown)], ...(await oracle.judge(truth, clip, null)) };
      });
    }),
  );

  const pairs = weights.flatMap((name) => ks.map((k) => ({ name, k })));
  const of = (set: string, name: string, task: Task, k: number | null) =>
    drawn.filter(({ row }) => row.set === set && row.weights === name && row.task === task && row.k === k);
  const cellsFor = (set: string, name: string, k: number): Group => ({
    text: of(set, name, 'text-to-video', k),
    // The same for every k: told once.
    subject: k === ks[0] ? of(set, name, 'subject-driven', null) : [],
    prediction: k === ks[0] ? of(set, name, 'prediction', null) : [],
  });
  return {
    title: 'Ablation: what does each part do?',
    notes: [
      `k: documents retrieved live for a prompt, of ${setting.documents}; in the prompt: how many of them the model read. All rows are the same clips with the same noise. Subject-driven (the image in the place of the name) and prediction (MSE of frames from the third on, against copying the first) are no matter of k and stand once for each weights. Appearance and colour: place among 100 candidates.`,
      ...samePrompts(drawn, weights[0]!, ks),
    ],
    tables: [
      {
        title: 'What the videos show (chance: appearance 1 %, motion 10 %, background 12 %)',
        columns: ['set', 'weights', 'k', 'n', 'in the prompt', ...columns],
        rows: worlds.flatMap(({ name: set }, w) => [
          [
            ...[set, 'true clips: the ceiling', '', ceilings[w]!.length, ''],
            ...shares.map(({ of: value }): Cell => ({ share: measured(ceilings[w]!.map(value)) })),
            ...['', '', ''],
          ],
          ...pairs.map(({ name, k }): Cell[] => {
            const group = cellsFor(set, name, k);
            const inPrompt = group.text.reduce((sum, { row }) => sum + row.inPrompt, 0) / group.text.length;
            return [set, name, k, group.text.length, Number(inPrompt.toFixed(2)), ...absolute(group)];
          }),
        ]),
      },
      ...(pairs.length > 1
        ? [
            {
              title: 'Differences in points, of pairs on the same clip: other weights at the same k, or another k',
              columns: ['set', 'weights', 'k', 'against', 'n', ...columns],
              rows: worlds.flatMap(({ name: set }) =>
                [
                  ...pairs.map((pair) => ({ pair, base: { name: weights[0]!, k: pair.k } })),
                  ...pairs.map((pair) => ({ pair, base: { name: pair.name, k: ks[0]! } })),
                ]
                  .filter(({ pair, base }) => pair.name !== base.name || pair.k !== base.k)
                  .map(({ pair: { name, k }, base }): Cell[] => {
                    const group = cellsFor(set, name, k);
                    const against = base.name === name ? `k = ${base.k}` : base.name;
                    const cells = differences(group, cellsFor(set, base.name, base.k));
                    return [set, name, k, against, group.text.length, ...cells];
                  }),
              ),
            },
          ]
        : []),
      {
        title: 'The weights',
        columns: ['weights', 'model', 'SHA-256', 'parameters', 'backend', 'steps', 'guidance'],
        rows: models.map(({ weights: name, model, sha256, parameters, backend }): Cell[] => {
          const { steps, guidance } = drawn.find(({ row }) => row.weights === name)!.row;
          return [String(name), String(model), String(sha256), Number(parameters), String(backend), steps, guidance];
        }),
      },
    ],
    records: drawn.map(({ row }) => ({ ...row })),
    sheets: worlds.map(({ name: set }, w): Sheet => {
      const pages = drawn.filter(({ row, page }) => row.set === set && page);
      return {
        name: set,
        rows: ceilings[w]!.slice(0, rowsShown).flatMap(({ clip, images }) => [
          { label: clip.caption, images },
          ...pages.flatMap(({ row, page }) => (row.clip === clip.number ? [page!] : [])),
        ]),
      };
    }),
  };
}

async function promptFor(
  task: Task,
  clip: PlainClip,
  world: World,
  fps: number,
  signal: AbortSignal,
): Promise<GenerationRequested['prompt']> {
  if (task === 'text-to-video') return clip.caption;
  if (task === 'subject-driven')
    return (await promptOf({ ...clip, actors: [clip], background: { colour: clip.colour } }, world)).prompt;
  const first = await frameAsWebp(await readClip(clip, { frames: 1, fps }, signal));
  return [{ text: clip.caption }, { image: { base64: first.toString('base64') }, role: 'first-frame' }];
}

async function measure(
  { prompt, context, frames }: Served,
  task: Task,
  clip: PlainClip,
  truth: RgbVideo,
  oracle: Oracle,
) {
  const { video, sampler } = frames;
  const { appearanceRank, colourRank, motionRight, colourRight } = await oracle.judge(video, clip, null);
  const predicted = task === 'prediction';
  return {
    ...{ appearanceRank, colourRank, motionRight, colourRight, steps: sampler.steps, guidance: sampler.guidance.image },
    context: context.entries.map(({ caption }) => caption),
    inPrompt: prompt.parts.filter((part) => 'image' in part && part.role === 'reference').length,
    error: predicted ? errorsOf(video, truth, clip).mse : Number.NaN,
    copying: predicted ? errorsOf(copied(truth), truth, clip).mse : Number.NaN,
  };
}

type Ranks = Pick<Verdict, 'appearanceRank' | 'colourRank' | 'motionRight' | 'colourRight'>;

const upTo = (most: number) => (rank: number) => (Number.isNaN(rank) ? rank : Number(rank <= most));
const [first, firstFive] = [upTo(1), upTo(5)];

const shares: { name: string; of(looks: Ranks): number }[] = [
  { name: 'appearance rank-1', of: ({ appearanceRank }) => first(appearanceRank) },
  { name: 'appearance rank-5', of: ({ appearanceRank }) => firstFive(appearanceRank) },
  { name: 'colour rank-5', of: ({ colourRank }) => firstFive(colourRank) },
  { name: 'motion', of: ({ motionRight }) => motionRight },
  { name: 'background', of: ({ colourRight }) => colourRight },
];
const shownShares = shares.slice(0, 2);
const columns = [
  ...shares.map(({ name }) => name),
  ...shownShares.map(({ name }) => `subject-driven: ${name}`),
  'prediction: error against copying',
];

interface Group {
  text: Drawn[];
  subject: Drawn[];
  prediction: Drawn[];
}

const none: Measured = measured([]);

function absolute({ text, subject, prediction }: Group): Cell[] {
  const errors = prediction.map(({ row }) => row.error);
  return [
    ...shares.map(({ of }): Cell => ({ share: measured(text.map(({ row }) => of(row))) })),
    ...shownShares.map(({ of }): Cell => ({ share: measured(subject.map(({ row }) => of(row))) })),
    {
      share: measuredRatio(
        errors,
        prediction.map(({ row }) => row.copying),
      ),
    },
  ];
}

/** Groups are in the order of the clips: what stands at one place in both is a pair. */
function differences(group: Group, base: Group): Cell[] {
  const difference = (a: Drawn[], b: Drawn[], value: (row: Row) => number): Cell => ({
    share:
      a.length === b.length
        ? measuredDifference(
            a.map(({ row }) => value(row)),
            b.map(({ row }) => value(row)),
          )
        : none,
  });
  const [a, b] = [group.prediction, base.prediction];
  const comparable = a.length === b.length && a[0]?.format === b[0]?.format;
  return [
    ...shares.map(({ of }) => difference(group.text, base.text, of)),
    ...shownShares.map(({ of }) => difference(group.subject, base.subject, of)),
    {
      // Both are measured against the same copies, so the ratios' difference is that of the errors against them.
      share: comparable
        ? measuredRatio(
            a.map(({ row }, i) => row.error - b[i]!.row.error),
            b.map(({ row }) => row.copying),
          )
        : none,
    },
  ];
}

/** More documents that no prompt takes in change nothing: whoever reads the table should know. */
function samePrompts(drawn: readonly Drawn[], name: string, ks: readonly number[]): string[] {
  const readAt = (k: number) =>
    drawn.flatMap(({ row, read }) => (row.weights === name && row.k === k ? [read] : [])).join('\n');
  return ks
    .slice(1)
    .flatMap((k, i) =>
      readAt(k) === readAt(ks[i]!)
        ? [
            `k = ${k} put the same into every prompt as k = ${ks[i]}: the compose step of the pipeline takes no more of what was found (\`images\`, \`further\`), or no more was found.`,
          ]
        : [],
    );
}

function labelOf({ weights, k, appearanceRank, colourRank, motionRight, colourRight }: Row): string {
  const wrong = [...(motionRight ? [] : ['motion']), ...(colourRight ? [] : ['background'])];
  return `${weights}, k = ${k} (appearance ${appearanceRank}, colour ${colourRank}${wrong.length > 0 ? `; not its ${wrong.join(', ')}` : ''})`;
}

function kept<T>(map: Map<string, Promise<T>>, key: string, made: Promise<T>): Promise<T> {
  map.set(key, made);
  return made;
}

const blank: RgbImage = { width: 1, height: 1, data: new Uint8Array([238, 240, 242]) };
