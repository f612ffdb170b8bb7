import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { mediaPaths } from '../../app/ingest/media-files.js';
import { VimiError } from '../../core/errors.js';
import { type Features, readFeatures } from '../../evaluation/features/read-features.js';
import { temporalConsistency } from '../../evaluation/metrics/temporal-consistency.js';
import { requestId, sampleRequests } from '../../evaluation/personalization/sample-requests.js';
import { readMsrvtt, readOpenS2v, type Sample } from '../../evaluation/personalization/samples.js';
import type { Report } from '../../evaluation/report.js';
import { type SampleScores, scoreMsrvtt, scoreOpenS2v } from '../../evaluation/tasks/personalization.js';
import { clipFrames } from '../../media/clip-frames.js';
import { probeMedia } from '../../media/probe-media.js';
import { publish } from './eval.js';

interface CommonOptions {
  /** Where the paths of the lists begin. */
  images: string;
  writeRequests?: boolean;
  /** Copy the videos of this folder under the names that the benchmark asks for. */
  collect?: string;
  frames?: number;
  steps?: number;
  seed: number;
  out: string;
  signal: AbortSignal;
}

export interface MsrvttOptions extends CommonOptions {
  names: string;
  prompts: string;
  references: string;
  /** Videos under their samples' names, for the score that needs no net. */
  generated?: string;
  /** Features (.npy or .json) and the names of their nets. */
  texts?: string;
  frameFeatures?: string;
  real?: string;
  crops?: string;
  subjects?: string;
  faceCrops?: string;
  faces?: string;
  flow?: string;
  clipNet: string;
  dinoNet: string;
  faceNet: string;
  flowNet: string;
}

export interface OpenS2vOptions extends CommonOptions {
  samples: string;
  /** JSON files that the scripts of OpenS2V-Eval wrote. */
  scores?: string[];
}

export async function evalMsrvtt(options: MsrvttOptions, out: NodeJS.WritableStream): Promise<void> {
  const samples = await readMsrvtt(options, options.images);
  if (await prepared('msrvtt', samples, options, out)) return;
  const { clipNet, dinoNet, faceNet, flowNet } = options;
  const named = async (file: string | undefined, net: string) =>
    file === undefined ? undefined : { net, rows: await readFeatures(file) };
  const flow = await named(options.flow, flowNet);
  if (flow) checkRows(flow.rows, samples.length, options.flow!);
  const report = scoreMsrvtt({
    samples: samples.length,
    texts: await named(options.texts, clipNet),
    frames: await named(options.frameFeatures, clipNet),
    real: await named(options.real, clipNet),
    crops: await named(options.crops, dinoNet),
    subjects: await named(options.subjects, dinoNet),
    faceCrops: await named(options.faceCrops, faceNet),
    faces: await named(options.faces, faceNet),
    flow,
    consistency:
      options.generated === undefined ? undefined : await consistencies(samples, options.generated, options.signal),
  });
  await told('msrvtt-personalization', report, samples, options, out);
}

export async function evalOpenS2v(options: OpenS2vOptions, out: NodeJS.WritableStream): Promise<void> {
  const samples = await readOpenS2v(options.samples, options.images);
  if (await prepared('opens2v', samples, options, out)) return;
  const files = await Promise.all(
    (options.scores ?? []).map(async (file) => ({ name: basename(file), scores: await readScores(file) })),
  );
  const report = scoreOpenS2v(
    files,
    samples.map(({ id }) => id),
  );
  await told('opens2v', report, samples, options, out);
}

/** Writes the requests or names the videos, where it was asked to. */
async function prepared(
  benchmark: string,
  samples: Sample[],
  { writeRequests, collect, frames, steps, seed, out: place }: CommonOptions,
  out: NodeJS.WritableStream,
): Promise<boolean> {
  if (writeRequests) {
    const settings = { ...(frames && { frames }), ...(steps && { steps }) };
    const lines = sampleRequests(benchmark, samples, { seed, settings }).map((event) => `${JSON.stringify(event)}\n`);
    await mkdir(dirname(place), { recursive: true });
    await writeFile(place, lines.join(''));
    out.write(`${place}: ${samples.length} requests\n`);
    return true;
  }
  if (collect === undefined) return false;
  const files = await mediaPaths([collect]);
  await mkdir(place, { recursive: true });
  let missing = 0;
  for (const sample of samples) {
    const file = files.find((one) => basename(one).startsWith(`${requestId(benchmark, sample)}-`));
    if (file) await copyFile(file, join(place, `${sample.id}${extname(file)}`));
    else missing++;
  }
  out.write(
    `${place}: ${samples.length - missing} videos under their samples’ names${missing > 0 ? `, ${missing} samples have none` : ''}\n`,
  );
  return true;
}

async function told(
  what: string,
  report: Report,
  samples: Sample[],
  { seed, out: folder }: CommonOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  if (report.tables.every(({ rows }) => rows.length === 0))
    throw new VimiError('USAGE', 'There is nothing to score', {
      expected: '--write-requests, --collect FOLDER, or what your nets say of the videos',
    });
  await publish(report, what, null, { out: folder, n: samples.length, seed }, {}, out);
}

async function consistencies(samples: Sample[], folder: string, signal: AbortSignal): Promise<number[]> {
  const values: number[] = [];
  for (const { id } of samples) {
    const file = join(folder, `${id}.mp4`);
    const { width, height } = await probeMedia(file, { maxPixels: 40_000_000, signal });
    values.push(temporalConsistency(await clipFrames(file, { width, height, most: 256, signal })));
  }
  return values;
}

function checkRows({ n, d }: Features, samples: number, where: string): void {
  if (n === samples && d === 1) return;
  throw new VimiError('SHAPE_MISMATCH', 'A dynamic degree is one number for each sample', {
    expected: `[${samples}, 1]`,
    found: `[${n}, ${d}]`,
    where,
  });
}

async function readScores(file: string): Promise<SampleScores> {
  const refuse = (found: string, cause?: unknown) =>
    new VimiError('USAGE', 'These are no scores of samples', {
      expected: '{ "singleface_3": { "gme_score": 0.68 } }',
      ...{ found, where: file, cause },
      remedy: 'Give the JSON that a script of the benchmark wrote.',
    });
  let told: unknown;
  try {
    told = JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    throw refuse((cause as Error).message, cause);
  }
  const isScores = (value: unknown): value is SampleScores =>
    typeof value === 'object' &&
    value !== null &&
    Object.values(value).every(
      (one) => typeof one === 'object' && one !== null && Object.values(one).every((v) => typeof v === 'number'),
    );
  if (!isScores(told)) throw refuse(typeof told);
  return told;
}
