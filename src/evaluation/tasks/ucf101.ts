import { noDistribution } from '../features/inception-score.js';
import type { NetFeatures } from '../features/net-features.js';
import type { Cell, Report } from '../report.js';
import { distanceName, evaluateDistance, evaluateInception } from './features.js';

/*
 * UCF101, zero-shot, as text-to-video papers report it: FVD on the 400 logits of I3D, and the Inception score of C3D's 101
 * classes, of videos that were asked for by one prompt a class. Whether a run is that protocol is said in its table;
 * nothing else may stand beside published numbers.
 */

/** Of a part that a score is computed on. */
const leastRows = 10;

/** What is published of the protocol (Make-A-Video and those after it). */
export const protocol = { videos: 10_000, frames: 16, side: 224, logits: 400, classes: 101, splits: 10 } as const;

export interface Ucf101Features {
  generated: NetFeatures;
  real: NetFeatures;
  net: string;
  /** Class probabilities, or logits, which are told by not being probabilities; for the Inception score. */
  classes?: { generated: NetFeatures; real: NetFeatures; net: string };
  seed: number;
}

/** Both scores, with what of the protocol was kept. Rows are in the order of the files. */
export function evaluateUcf101({ generated, real, net, classes, seed }: Ucf101Features): Report {
  const distance = evaluateDistance(real, generated, { net, seed });
  // A score of a few rows is near 1 whatever they show.
  const splits = Math.min(generated.n, real.n) >= protocol.splits * leastRows ? protocol.splits : 1;
  const logits = classes !== undefined && [classes.generated, classes.real].some((rows) => noDistribution(rows));
  const score =
    classes && evaluateInception(classes.generated, classes.real, { net: classes.net, splits, logits, seed });
  const { frames, width, height } = generated.input;
  const rows: { what: string; asked: string; here: string; kept: boolean | null }[] = [
    {
      what: 'generated videos',
      asked: String(protocol.videos),
      here: String(generated.n),
      kept: generated.n >= protocol.videos,
    },
    { what: 'real videos', asked: 'not published alike', here: String(real.n), kept: null },
    {
      what: 'the net sees',
      asked: `${protocol.frames} frames of ${protocol.side}x${protocol.side}`,
      here: `${frames ?? 'single'} frames of ${width}x${height}`,
      kept: frames === protocol.frames && width === protocol.side && height === protocol.side,
    },
    {
      what: 'features of the distance',
      asked: `${protocol.logits} logits of I3D (Kinetics)`,
      here: `${generated.d} numbers of ${net}`,
      kept: distanceName(net, generated.d).startsWith('FVD'),
    },
    {
      what: 'classes of the score',
      asked: `${protocol.classes} of C3D (UCF101), ${protocol.splits} splits`,
      here: classes
        ? `${classes.generated.d} ${logits ? 'logits' : 'probabilities'} of ${classes.net}, ${splits} splits`
        : 'no --inception',
      kept: classes ? classes.generated.d === protocol.classes && splits === protocol.splits : null,
    },
  ];
  const broken = rows.filter(({ kept }) => kept === false);
  return {
    title: 'UCF101, zero-shot',
    notes: [
      ...(broken.length > 0
        ? [
            `Not the published protocol (${broken.map(({ what }) => what).join(', ')}): these numbers say something beside each other, and nothing beside published ones.`,
          ]
        : [
            'The published sizes are kept. Prompts, what is retrieved, which frames of the real videos are taken and the conversion of the nets differ from paper to paper: say yours.',
          ]),
      ...(generated.n < protocol.videos
        ? [
            `Only ${generated.n} generated videos, where the protocol has ${protocol.videos}: the distance comes out too large and the score too small.`,
          ]
        : []),
      ...distance.notes,
      ...(score?.notes ?? []),
    ],
    tables: [
      {
        title: 'What the protocol asks for',
        columns: ['what', 'published', 'here', 'kept'],
        rows: rows.map(({ what, asked, here, kept }): Cell[] => [
          ...[what, asked, here, kept === null ? '' : kept ? 'yes' : 'NO'],
        ]),
      },
      ...[distance, ...(score ? [score] : [])].flatMap(({ title, tables }) =>
        tables.map((table) => ({ ...table, title: `${title}: ${table.title}` })),
      ),
    ],
    records: [...distance.records, ...(score?.records ?? [])],
    sheets: [],
  };
}
