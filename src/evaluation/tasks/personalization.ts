import { clipSimilarity } from '../features/clip-similarity.js';
import type { Features } from '../features/read-features.js';
import { measured } from '../metrics/interval.js';
import { subjectSimilarities, videoSimilarities } from '../personalization/similarities.js';
import type { Cell, Report } from '../report.js';

/*
 * Benchmarks of personalised videos, on what the user's own nets say of the videos. A score has its published name only where it comes
 * from the published nets; whether that is so is a row's last column.
 */

/** Features by their net, as the user names it. */
interface Named {
  net: string;
  rows: Features;
}

export interface MsrvttScores {
  samples: number;
  /** CLIP: a row a text, and rows of frames. */
  texts?: Named;
  frames?: Named;
  real?: Named;
  /** DINO: crops of the subject in the frames, zeros where none was found, and the images that show it. */
  crops?: Named;
  subjects?: Named;
  /** The same of faces. */
  faceCrops?: Named;
  faces?: Named;
  /** Of each video, 0 or more: RAFT. */
  flow?: Named;
  /** Of each video, computed here. */
  consistency?: readonly number[];
}

/** The nets of the published code, as names begin. */
const published = { clip: /^clip-vit-l-?14/i, dino: /^dino-/i, face: /^arcface/i, flow: /^raft/i };

export function scoreMsrvtt(scores: MsrvttScores): Report {
  const { samples, texts, frames, real, crops, subjects, faceCrops, faces, flow, consistency } = scores;
  const rows: { name: string; other: string; net: string; isPublished: boolean; values: readonly number[] }[] = [];
  const add = (name: string, other: string, net: string, known: RegExp | null, values: readonly number[]) =>
    rows.push({ name, other, net, isPublished: known === null || known.test(net), values });
  if (texts && frames)
    add('Text-S', 'text similarity', frames.net, published.clip, clipSimilarity(frames.rows, texts.rows));
  if (real && frames)
    add('Vid-S', 'video similarity', frames.net, published.clip, videoSimilarities(frames.rows, real.rows, samples));
  if (crops && subjects)
    add(
      'Subj-S',
      'subject similarity',
      crops.net,
      published.dino,
      subjectSimilarities(crops.rows, subjects.rows, samples),
    );
  if (faceCrops && faces)
    add(
      'Face-S',
      'face similarity',
      faceCrops.net,
      published.face,
      subjectSimilarities(faceCrops.rows, faces.rows, samples),
    );
  if (flow) add('Dync-D', 'dynamic degree', flow.net, published.flow, [...flow.rows.values]);
  if (consistency) add('T-Cons', 'temporal consistency', 'none needed', null, consistency);
  const foreign = rows.filter(({ isPublished }) => !isPublished);
  return {
    title: 'MSRVTT-Personalization',
    notes: [
      foreign.length === 0
        ? 'Nets as in the published code, as far as their names say. Frames, sizes and samples are the user’s: say yours beside the numbers.'
        : `Not the published nets (${foreign.map(({ other, net }) => `${other}: ${net}`).join(', ')}): these numbers say something beside each other, and nothing beside published ones.`,
      'Video similarity is over all pairs of a generated and a real frame. A subject that was not detected counts as 0.',
    ],
    tables: [
      {
        title: 'Scores',
        columns: ['score', 'net', 'n', 'mean', 'published net'],
        rows: rows.map(({ name, other, net, isPublished, values }): Cell[] => [
          ...[isPublished ? name : `${other} (${net})`, net, values.length],
          { value: measured(values), digits: 3 },
          isPublished ? 'yes' : 'NO',
        ]),
      },
    ],
    records: Array.from({ length: samples }, (_, sample) => ({
      sample,
      ...Object.fromEntries(rows.map(({ other, values }) => [other, values[sample]])),
    })),
    sheets: [],
  };
}

/** Numbers of samples by their ids, as the scripts of OpenS2V-Eval write them: { id: { gme_score: 0.68 } }. */
export type SampleScores = Record<string, Record<string, number>>;

/** Means over the samples, in all and by category: "singleface" of "singleface_3". Nothing is weighed into one total. */
export function scoreOpenS2v(
  files: readonly { name: string; scores: SampleScores }[],
  asked: readonly string[],
): Report {
  const all = files.flatMap(({ name, scores }) =>
    Object.entries(scores).flatMap(([id, numbers]) =>
      Object.entries(numbers).map(([score, value]) => ({ file: name, id, score, value })),
    ),
  );
  const names = [...new Set(all.map(({ score }) => score))];
  const categories = [...new Set(all.map(({ id }) => categoryOf(id)))].sort();
  const cell = (score: string, within: (id: string) => boolean): Cell => ({
    value: measured(all.filter((one) => one.score === score && within(one.id)).map(({ value }) => value)),
    digits: 3,
  });
  return {
    title: 'OpenS2V-Eval',
    notes: [
      'The numbers are those that the scripts of OpenS2V-Eval wrote; vimi only takes their means. The published total weighs them, and is not computed here.',
      ...names.flatMap((score) => {
        const has = new Set(all.filter((one) => one.score === score).map(({ id }) => id));
        const missing = asked.filter((id) => !has.has(id));
        return missing.length > 0 ? [`${score}: ${missing.length} of ${asked.length} samples have none.`] : [];
      }),
    ],
    tables: [
      {
        title: 'Scores',
        columns: ['score', 'all', ...categories],
        rows: names.map((score) => [
          score,
          cell(score, () => true),
          ...categories.map((category) => cell(score, (id) => categoryOf(id) === category)),
        ]),
      },
    ],
    records: all,
    sheets: [],
  };
}

const categoryOf = (id: string): string => id.replace(/_[^_]*$/, '');
