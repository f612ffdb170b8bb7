import type { CorpusDocument } from '../../events/schemas.js';
import type { RgbImage } from '../../models/ports.js';
import { asContext } from '../documents.js';
import { measured } from '../metrics/interval.js';
import { translations } from '../metrics/motion.js';
import type { Oracle, Verdict } from '../oracle.js';
import { paste } from '../paster.js';
import { type Cell, type Report, type Sheet, someFrames, type Table } from '../report.js';
import { type PlainClip, plainClips, readClip } from '../world-folder.js';
import type { Condition } from './conditions.js';
import { chooseClips, eachOf, formatOf, type NamedWorld, type Setting } from './setting.js';
import { curveColumns, curveRows } from './wrong-contexts.js';

export interface GroundingSetting extends Setting {
  worlds: NamedWorld[];
  oracle: Oracle;
  conditions: readonly Condition[];
  /** The document of each subject, and its image. */
  documentOf(code: string): Promise<{ document: CorpusDocument; image: RgbImage }>;
  /** Documents that live retrieval chooses from. */
  documents: number;
  /** Per cent of the prompts with a wrong context, for the curve. */
  wrongContexts: readonly number[];
}

interface Case {
  set: string;
  clip: PlainClip;
  /** The subject whose document is the wrong one for this clip. */
  other: string;
  condition: Condition;
  steps: number | undefined;
  guidance: number | undefined;
  seed: number;
  /** Place among the clips of its set. */
  index: number;
}

interface Row extends Omit<Case, 'clip' | 'steps' | 'guidance'>, Verdict {
  clip: number;
  caption: string;
  subject: string;
  askedMotion: string;
  askedColour: string;
  steps: number;
  guidance: number;
  /** Captions of what was retrieved, best first; the first is in the prompt. */
  context: string[];
  /** Whether the subject's own document is in the prompt, and among all that was retrieved; NaN when nothing was asked. */
  foundFirst: number;
  foundAny: number;
}

interface Drawn {
  row: Row;
  /** What the oracle says of the baseline; null without an image, and after the first of a sweep. */
  pasted: Verdict | null;
  images: RgbImage[];
}

/** Videos a sheet shows. */
const rowsShown = 12;
const framesShown = 8;

/**
 * Does the model draw what it is shown? For held-out and seen subjects: appearance among 100 candidates, motion, background and size
 * with the true, a wrong and no context, and with what retrieval finds where the corpus has the subject and where it does not;
 * true clips' own score as the ceiling.
 */
export async function evaluateGrounding(setting: GroundingSetting): Promise<Report> {
  const { worlds, oracle, serving, model, n, seed, signal } = setting;
  const format = formatOf(model);
  const sets = worlds.map(({ name, world }) => ({ name, clips: chooseClips(plainClips(world), n, seed) }));
  const cases = sets.flatMap(({ name, clips }) =>
    setting.steps.flatMap((steps) =>
      setting.guidance.flatMap((guidance) =>
        setting.conditions.flatMap((condition) =>
          clips.map((clip, i): Case => {
            const behind = [...clips.slice(i + 1), ...clips.slice(0, i)];
            const other = behind.find(({ subject }) => subject !== clip.subject) ?? clip;
            return {
              set: name,
              clip,
              other: other.subject,
              condition,
              steps,
              guidance,
              seed: (seed + i) >>> 0,
              index: i,
            };
          }),
        ),
      ),
    ),
  );
  const total = cases.length + sets.reduce((sum, { clips }) => sum + clips.length, 0);
  let done = 0;
  const tell = (note: string) => setting.onProgress(++done, total, note);

  const ceilings = [];
  const trueVideos = new Map<PlainClip, RgbImage[]>();
  for (const { name, clips } of sets)
    ceilings.push({
      name,
      verdicts: await eachOf(clips, 2, async (clip) => {
        const video = await readClip(clip, format, signal);
        trueVideos.set(clip, someFrames(video, framesShown));
        const verdict = await oracle.judge(video, clip, null);
        tell('true clips');
        return verdict;
      }),
    });

  const sheets = new Map<string, Sheet>();
  const began = performance.now();
  const drawn = await eachOf(cases, setting.atOnce, async (one): Promise<Drawn> => {
    const { clip, condition } = one;
    const own = await setting.documentOf(clip.subject);
    const wrong = await setting.documentOf(one.other);
    const context = {
      true: [asContext(own.document)],
      wrong: [asContext(wrong.document)],
      none: [],
      live: undefined,
      missing: undefined,
    }[condition];
    const served = await serving.serve(
      {
        prompt: clip.caption,
        seed: one.seed,
        steps: one.steps ?? model.defaults.steps,
        guidance: one.guidance ?? model.defaults.guidance,
        ...{ frames: format.frames, width: format.side, height: format.side, fps: format.fps },
        ...(condition === 'missing' && { retrieval: { exclude: [own.document.id] } }),
      },
      { context, signal },
    );
    const { entries } = served.context;
    const { video, sampler } = served.frames;
    const shown = { true: clip.subject, wrong: one.other, none: null, live: null, missing: null }[condition];
    const isOwn = ({ document }: { document: string }) => document === own.document.id;
    const isLive = condition === 'live';
    const row: Row = {
      ...one,
      ...(await oracle.judge(video, clip, shown)),
      ...{ clip: clip.number, caption: clip.caption, subject: clip.subject },
      ...{ askedMotion: clip.motion, askedColour: clip.colour, steps: sampler.steps, guidance: sampler.guidance.image },
      context: entries.map(({ caption }) => caption),
      foundFirst: isLive ? Number(entries.slice(0, 1).some(isOwn)) : Number.NaN,
      foundAny: isLive ? Number(entries.some(isOwn)) : Number.NaN,
    };
    tell(`${one.set}, ${condition} context`);
    const image = entries[0] ? await serving.image(entries[0].image) : null;
    const isFirst = one.steps === setting.steps[0] && one.guidance === setting.guidance[0];
    const pasted =
      image && isFirst ? await oracle.judge(paste(clip.caption, image, format, oracle.colours), clip, shown) : null;
    if (one.index >= rowsShown) return { row, pasted, images: [] };
    return { row, pasted, images: [image ?? blank, ...someFrames(video, framesShown), ...trueVideos.get(clip)!] };
  });
  const secondsEach = (performance.now() - began) / 1000 / cases.length;
  const rows = drawn.map(({ row }) => row);
  const pasted = drawn.flatMap(({ row, pasted: verdict }) => (verdict ? [{ ...row, ...verdict }] : []));
  const isSweep = setting.steps.length * setting.guidance.length > 1;
  for (const { row, images } of drawn) {
    if (images.length === 0) continue;
    const name = `${row.set}-${row.condition}${isSweep ? `-${row.steps}-steps-guidance-${row.guidance}` : ''}`;
    const sheet = sheets.get(name) ?? { name, rows: [] };
    sheets.set(name, sheet);
    sheet.rows.push({ label: labelOf(row), images });
  }

  const tables: Table[] = [
    {
      title: `What the videos show (chance: appearance 1 %, motion 10 %, background 12 %)`,
      columns: [...'set,context,steps,guidance,n'.split(','), ...columns, 'document found'],
      rows: [
        ...ceilings.map(({ name, verdicts }, i): Cell[] => [
          ...[name, 'true clips: the ceiling', '', '', verdicts.length],
          ...cellsOf(verdicts.map((verdict, k) => ({ ...verdict, askedMotion: sets[i]!.clips[k]!.motion }))),
          '',
        ]),
        ...grouped(rows).map((group): Cell[] => [
          ...[group[0]!.set, group[0]!.condition, group[0]!.steps, group[0]!.guidance, group.length],
          ...cellsOf(group),
          foundIn(group),
        ]),
        ...grouped(pasted).map((group): Cell[] => [
          ...[group[0]!.set, `${group[0]!.condition}, ${noNet}`, '', '', group.length],
          ...cellsOf(group),
          foundIn(group),
        ]),
      ],
    },
    {
      title: 'Even and odd frames',
      columns: [
        'set',
        'context',
        'steps',
        'guidance',
        'n',
        'likeness, even',
        'likeness, odd',
        'sharpness, odd of even',
      ],
      rows: [
        ...ceilings.map(({ name, verdicts }): Cell[] => [
          ...[name, 'true clips', '', '', verdicts.length],
          ...evenAndOdd(verdicts),
        ]),
        ...grouped(rows).map((group): Cell[] => [
          ...[group[0]!.set, group[0]!.condition, group[0]!.steps, group[0]!.guidance, group.length],
          ...evenAndOdd(group),
        ]),
        ...grouped(pasted).map((group): Cell[] => [
          ...[group[0]!.set, `${group[0]!.condition}, ${noNet}`, '', '', group.length],
          ...evenAndOdd(group),
        ]),
      ],
    },
    ...sets.flatMap(({ name }) => curvesOf(name, { rows, pasted, shares: setting.wrongContexts, seed })),
  ];
  const live = grouped(rows.filter(({ condition }) => condition === 'live'));
  if (live.length > 0)
    tables.push({
      title: `Live retrieval among ${setting.documents} documents: how often the subject's own was found`,
      columns: ['set', 'n', 'in the prompt', 'among all retrieved'],
      rows: live.map((group) => [
        ...[group[0]!.set, group.length],
        { share: measured(group.map(({ foundFirst }) => foundFirst)) },
        { share: measured(group.map(({ foundAny }) => foundAny)) },
      ]),
    });
  const missing = grouped(rows.filter(({ condition }) => condition === 'missing'));
  if (missing.length > 0)
    tables.push({
      title: `Live retrieval among ${setting.documents} documents less the subject's own: how often another was retrieved`,
      columns: ['set', 'n', 'another document'],
      rows: missing.map((group) => [
        ...[group[0]!.set, group.length],
        { share: measured(group.map(({ context }) => Number(context.length > 0))) },
      ]),
    });
  const misled = grouped(rows.filter(({ condition }) => condition === 'wrong'));
  if (misled.length > 0)
    tables.push({
      title: 'With the wrong context: how often the video shows what was shown instead of what was asked',
      columns: ['set', 'drawn by', 'n', 'appearance rank-1', 'appearance rank-5', 'colour rank-1', 'colour rank-5'],
      rows: (
        [
          ['the model', misled],
          [noNet, grouped(pasted.filter(({ condition }) => condition === 'wrong'))],
        ] as const
      ).flatMap(([by, groups]) =>
        groups.map((group) => [
          ...[group[0]!.set, by, group.length],
          ...ranks(group.map(({ shownAppearanceRank }) => shownAppearanceRank)),
          ...ranks(group.map(({ shownColourRank }) => shownColourRank)),
        ]),
      ),
    });
  return {
    title: 'Grounding: is the subject the one that the context shows?',
    notes: [
      "Appearance: place of the asked subject among 100 candidates, by template (correlation at its best place and size) and by mean colour. Ceiling: the true clips, measured alike. Size: within a quarter of the world's sizes. Appearance kept: correlation of the subject between neighbouring frames. Way: units that its centre goes, of 32.",
      'Pasted without a net: the image of the context, cut out and laid along the verb of the caption on the background that it names (paster.ts). Odd frames are those that an upsampler makes between two of the base model; sharpness: squared differences of neighbouring pixels.',
      'Share of wrong contexts: this share of the clips, drawn by the seed, has the video with the wrong context, the others the one with the true context; a larger share contains the smaller one. Against no context: differences of the same clips.',
      `${cases.length} videos, ${secondsEach.toFixed(2)} s each with retrieval and measuring.`,
    ],
    tables,
    records: rows.map((row) => ({ ...row })),
    sheets: [...sheets.values()],
  };
}

const noNet = 'pasted without a net';

/** The curve of the model for each steps and guidance, and that of the baseline; none without both contexts. */
function curvesOf(
  set: string,
  { rows, pasted, shares, seed }: { rows: Row[]; pasted: Row[]; shares: readonly number[]; seed: number },
): Table[] {
  const of = (list: Row[], by: string, instead: Condition) => {
    const mine = list.filter((row) => row.set === set);
    const settings = [...new Set(mine.map(({ steps, guidance }) => JSON.stringify([steps, guidance])))];
    return settings.flatMap((key) => {
      const some = mine.filter(({ steps, guidance }) => JSON.stringify([steps, guidance]) === key);
      const under = (wanted: Condition) => some.filter(({ condition }) => condition === wanted);
      const name = settings.length > 1 ? `${by}, steps and guidance ${key}` : by;
      return curveRows(name, { right: under('true'), wrong: under(instead), none: under('none'), shares, seed });
    });
  };
  const curve = (title: string, all: Cell[][]): Table[] =>
    all.length === 0 ? [] : [{ title: `${title}: ${set}`, columns: curveColumns, rows: all }];
  return [
    ...curve('Quality against the share of wrong contexts', [
      ...of(rows, 'the model', 'wrong'),
      ...of(pasted, noNet, 'wrong'),
    ]),
    ...curve('Quality against the share of subjects that the corpus does not have', of(rows, 'the model', 'missing')),
  ];
}

/** How often live retrieval put the subject's own document into the prompt; a context that was given has none. */
const foundIn = (group: readonly Row[]): Cell => ({ share: measured(group.map(({ foundFirst }) => foundFirst)) });

const columns = [
  ...[
    'appearance rank-1',
    'appearance rank-5',
    'colour rank-1',
    'colour rank-5',
    'motion: translations',
    'motion: all',
  ],
  ...['background', 'size', 'appearance kept', 'way'],
];

type Judged = Verdict & { askedMotion: string };

function cellsOf(group: readonly Judged[]): Cell[] {
  const moving = group.filter(({ askedMotion }) => translations.includes(askedMotion));
  return [
    ...ranks(group.map(({ appearanceRank }) => appearanceRank)),
    ...ranks(group.map(({ colourRank }) => colourRank)),
    { share: measured(moving.map(({ motionRight }) => motionRight)) },
    { share: measured(group.map(({ motionRight }) => motionRight)) },
    { share: measured(group.map(({ colourRight }) => colourRight)) },
    { share: measured(group.map(({ sizeRight }) => sizeRight)) },
    { value: measured(group.map(({ kept }) => kept)), digits: 2 },
    { value: measured(group.map(({ way }) => way)), digits: 1 },
  ];
}

function evenAndOdd(group: readonly Verdict[]): Cell[] {
  const mean = (values: number[]): Cell => ({ value: measured(values), digits: 2 });
  return [
    mean(group.map(({ evenLikeness }) => evenLikeness)),
    mean(group.map(({ oddLikeness }) => oddLikeness)),
    mean(group.map(({ oddSharpness }) => oddSharpness)),
  ];
}

/** Shares of ranks 1 and up to 5. */
function ranks(values: readonly number[]): Cell[] {
  return [1, 5].map((most) => ({
    share: measured(values.map((rank) => (Number.isNaN(rank) ? rank : Number(rank <= most)))),
  }));
}

/** Rows of one set, condition, steps and guidance together, in order of appearance. */
function grouped(rows: readonly Row[]): Row[][] {
  const groups = new Map<string, Row[]>();
  for (const row of rows) {
    const key = JSON.stringify([row.set, row.condition, row.steps, row.guidance]);
    const group = groups.get(key) ?? [];
    group.push(row);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function labelOf({ caption, appearanceRank, colourRank, motion, motionRight, colour, colourRight }: Row): string {
  const wrong = [...(motionRight ? [] : [motion]), ...(colourRight ? [] : [colour])];
  return `${caption} (appearance ${appearanceRank}, colour ${colourRank}${wrong.length > 0 ? `; is ${wrong.join(', ')}` : ''})`;
}

const blank: RgbImage = { width: 1, height: 1, data: new Uint8Array([238, 240, 242]) };
