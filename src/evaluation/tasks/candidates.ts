import type { ReferenceMaker } from '../documents.js';
import { asContext } from '../documents.js';
import { measured, measuredDifference } from '../metrics/interval.js';
import type { Oracle, Verdict } from '../oracle.js';
import { type Cell, type Report, type Sheet, someFrames } from '../report.js';
import { plainClips } from '../world-folder.js';
import { chooseClips, eachOf, formatOf, type NamedWorld, type Setting } from './setting.js';

export interface CandidatesSetting extends Setting, Pick<ReferenceMaker, 'documentOf'> {
  worlds: NamedWorld[];
  oracle: Pick<Oracle, 'judge'>;
  /** Drafts to choose from, in each row of the table; 1: none. */
  counts: readonly number[];
}

interface Row extends Verdict {
  set: string;
  clip: number;
  caption: string;
  candidates: number;
  seed: number;
  /** Of the model, drafts included. */
  seconds: number;
}

const rowsShown = 12;
const framesShown = 8;

const measures: { name: string; of(one: Verdict): number }[] = [
  { name: 'appearance rank-1', of: ({ appearanceRank }) => Number(appearanceRank === 1) },
  { name: 'colour rank-1', of: ({ colourRank }) => Number(colourRank === 1) },
  { name: 'colour rank-5', of: ({ colourRank }) => Number(colourRank <= 5) },
  { name: 'motion', of: ({ motionRight }) => motionRight },
  { name: 'background', of: ({ colourRight }) => colourRight },
  { name: 'size', of: ({ sizeRight }) => sizeRight },
];

/**
 * What choosing among drafts gains and costs. The same clips with 1, 2, 4, ... candidates, whose seeds contain those of the row above;
 * the true context, and the oracle's measures, which the choice does not know.
 */
export async function evaluateCandidates(setting: CandidatesSetting): Promise<Report> {
  const { worlds, oracle, serving, model, n, seed, counts, signal } = setting;
  const format = formatOf(model);
  const [steps = model.defaults.steps, guidance = model.defaults.guidance] = [setting.steps[0], setting.guidance[0]];
  const most = Math.max(...counts);
  const chosen = worlds.flatMap(({ name, world }) =>
    chooseClips(plainClips(world), n, seed).map((clip, index) => ({ set: name, clip, index })),
  );
  let done = 0;
  const drawn = await eachOf(chosen, setting.atOnce, async ({ set, clip, index }) => {
    const { document, image } = await setting.documentOf(clip.subject);
    const rows: Row[] = [];
    const images = [image];
    for (const candidates of counts) {
      const { frames } = await serving.serve(
        {
          prompt: clip.caption,
          // No two clips share a seed.
          ...{ seed: (seed + index * most) >>> 0, candidates, steps, guidance },
          ...{ frames: format.frames, width: format.side, height: format.side, fps: format.fps },
        },
        { context: [asContext(document)], signal },
      );
      const { video, sampler, seconds } = frames;
      rows.push({
        ...{ set, clip: clip.number, caption: clip.caption, candidates, seed: sampler.seed, seconds },
        ...(await oracle.judge(video, clip, clip.subject)),
      });
      images.push(...someFrames(video, framesShown));
      setting.onProgress(++done, chosen.length * counts.length, set);
    }
    return { rows, set, index, label: clip.caption, images };
  });
  const rows = drawn.flatMap((one) => one.rows);
  return {
    title: 'Candidates: what does it gain to choose among drafts, and what does it cost?',
    notes: [
      `Each row chooses among so many drafts of the first steps, by the encoder, and finishes the best one. Rows of more candidates contain the seeds of those with fewer. Differences: of the same clips, from ${counts[0]} candidate${counts[0] === 1 ? '' : 's'}. Seconds: of the model, drafts included.`,
    ],
    tables: [
      {
        title: 'Gain and cost',
        columns: [
          ...['set', 'candidates', 'n', ...measures.map(({ name }) => name), 'likeness', 'seconds', 'times the cost'],
          ...['appearance', 'colour rank-1', 'motion', 'likeness'].map((name) => `${name}, difference`),
        ],
        rows: worlds.flatMap(({ name }) => {
          const groupOf = (candidates: number) =>
            rows.filter((row) => row.set === name && row.candidates === candidates);
          const first = groupOf(counts[0]!);
          const mean = (group: readonly Row[]) => group.reduce((sum, { seconds }) => sum + seconds, 0) / group.length;
          return counts.map((candidates): Cell[] => {
            const group = groupOf(candidates);
            const from = (of: (one: Verdict) => number) => measuredDifference(group.map(of), first.map(of));
            const isFirst = candidates === counts[0];
            const differences: Cell[] = isFirst
              ? ['', '', '', '']
              : [
                  { share: from(measures[0]!.of) },
                  { share: from(measures[1]!.of) },
                  { share: from(measures[3]!.of) },
                  { value: from(({ likeness }) => likeness), digits: 3 },
                ];
            return [
              ...[name, candidates, group.length],
              ...measures.map(({ of }): Cell => ({ share: measured(group.map(of)) })),
              { value: measured(group.map(({ likeness }) => likeness)), digits: 3 },
              { value: measured(group.map(({ seconds }) => seconds)), digits: 1 },
              (mean(group) / mean(first)).toFixed(1),
              ...differences,
            ];
          });
        }),
      },
    ],
    records: rows.map((row) => ({ ...row })),
    sheets: worlds.map(
      ({ name }): Sheet => ({ name, rows: drawn.filter(({ set, index }) => set === name && index < rowsShown) }),
    ),
  };
}
