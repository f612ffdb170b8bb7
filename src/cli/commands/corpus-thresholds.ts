import { z } from 'zod';
import type { OutcomeTable } from '../../app/outcomes/outcome-table.js';
import { Spread } from '../../app/outcomes/spread.js';
import type { Workspace } from '../../app/workspace.js';
import { didYouMean } from '../../core/did-you-mean.js';
import { VimiError } from '../../core/errors.js';
import { mistakesOf } from '../../events/mistakes.js';
import type { ClipSettled } from '../../events/schemas.js';
import { filter } from '../../operators/media/filter.js';
import {
  type Bound,
  boundOf,
  boundsOf,
  concerns,
  contradictions,
  type Judged,
  keepsTo,
  type Limit,
  type LimitName,
  type Limits,
  limitNames,
  limitSettings,
  limits,
  strictest,
  verdictOf,
} from '../../operators/media/limits.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import { columns } from '../columns.js';
import { withOutcomes } from './corpus-view.js';

export interface CorpusThresholdsOptions {
  /** `min_motion=0.03`: a limit in place of the topology's. */
  limit?: string[];
  /** Names each clip of which the limits that are set decide otherwise. */
  list?: boolean;
  json?: boolean;
}

export interface LimitCounts {
  kept: number;
  /** By the reason of the drop. */
  dropped: Record<string, number>;
  /** By limit: clips among the kept of which nothing measured what it asks, since they were dropped before that. */
  unmeasured: Record<string, number>;
}

/**
 * Tells from recorded scores what the step `filter` keeps and drops: with the limits of the topology, with those that are
 * set instead, and for each limit what some other values of it would keep. Nothing is decoded; a run with the same limits
 * counts the same. USAGE without a step `filter`, and for a limit that there is not.
 */
export async function corpusThresholds(
  workspace: Workspace,
  { limit = [], list = false, json = false }: CorpusThresholdsOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const pipeline = workspace.pipelineFor('media.added');
  const now = limitsOf(pipeline);
  await withOutcomes(workspace, pipeline, async (outcomes) => {
    const wanted = withLimits(now, limit, outcomes.measured);
    const [boundsNow, bounds] = [boundsOf(now), boundsOf(wanted)];
    const [before, after] = [new Counts(boundsNow), new Counts(bounds)];
    const sweeps = possibleBounds(wanted, outcomes.measured).map((bound) => new Sweep(wanted, bound));
    let clips = 0;
    let changes = 0;
    for (const clip of outcomes.clips()) {
      clips++;
      if ((before.add(clip) === null) !== (after.add(clip) === null)) changes++;
      for (const sweep of sweeps) sweep.add(clip);
    }
    // What the values found leave out is counted one by one.
    for (const clip of outcomes.clips()) for (const sweep of sweeps) sweep.count(clip);
    const others = sweeps.map((sweep) => sweep.told(clips));
    const media = outcomes.mediaWithClips();
    if (json) {
      const told = {
        ...{ clips, media, score_only: scoresOnly(pipeline) },
        topology: { limits: now, ...before.told() },
        set: { limits: wanted, ...after.told() },
        ...{ changes, ...(list && { changed: [...changed(outcomes, boundsNow, bounds)] }), other_values: others },
      };
      out.write(`${JSON.stringify(told)}\n`);
      return;
    }
    out.write(`${clips} clips and stills of ${media} media have scores\n`);
    const unused = scoresOnly(pipeline) ? ' (score_only: the pipeline itself drops nothing)' : '';
    out.write(`limits of ${pipeline.name}: ${countsLine(before.told())}${unused}\n`);
    if (limit.length > 0)
      out.write(`with ${limit.join(', ')}: ${countsLine(after.told())}; ${changes} decided otherwise\n`);
    if (list)
      for (const { uri, part, start, limit, score, value, kept } of changed(outcomes, boundsNow, bounds))
        out.write(
          `  ${kept ? 'kept' : 'dropped'} ${uri}#${part} at ${start.toFixed(1)} s: ${score} ${value} (${limit})\n`,
        );
    if (clips > 0) out.write(`\n${sweepTable(others)}`);
  });
}

/** The clips of which two sets of limits decide otherwise. */
function* changed(outcomes: OutcomeTable, before: readonly Bound[], after: readonly Bound[]) {
  for (const clip of outcomes.clips()) {
    const [from, to] = [verdictOn(clip, before), verdictOn(clip, after)];
    if ((from === null) !== (to === null)) yield changeOf(clip, from, to);
  }
}

/** Of the pipeline's steps `filter`; of several the strictest value of each limit. */
export function limitsOf({ name, steps }: PipelineSpec): Limits {
  const filters = steps.filter(({ operator }) => operator.name === filter.name).map(({ config }) => config as Limits);
  const [first, ...others] = filters;
  if (first) return others.reduce(strictest, first);
  throw new VimiError('USAGE', `The pipeline ${name} has no step filter: it has no limits`, {
    remedy: 'Add the step filter to the pipeline.',
  });
}

function scoresOnly({ steps }: PipelineSpec): boolean {
  return steps.some(({ operator, config }) => operator.name === filter.name && config.score_only === true);
}

/**
 * The limits with some in place of theirs, each written `NAME=NUMBER`, `SCORE.min=NUMBER`, `SCORE.max=NUMBER` or `languages=en,de`. `measured`: the
 * scores that clips have. USAGE for a limit that there is not, a value that it cannot have, and limits that no clip could keep to.
 */
export function withLimits(before: Limits, set: readonly string[], measured: ReadonlySet<string>): Limits {
  const wanted = set.reduce((limits, text) => {
    const [name = '', value = ''] = text.split(/=(.*)/s).map((part) => part.trim());
    return setOne(limits, name, value, measured);
  }, before);
  // What the filters of a topology say together is not the fault of what is set here.
  const [wrong] = set.length > 0 ? contradictions(wanted) : [];
  if (!wrong) return wanted;
  const { name, expected } = wrong;
  const { value } = boundsOf(wanted).find((one) => one.name === name)!;
  throw new VimiError('USAGE', 'No clip could keep to these limits', {
    expected: `${name} ${expected}`,
    found: `${name}=${value}`,
    remedy: 'Set both with --limit if one is from the topology.',
  });
}

const oneLimit = z.strictObject(limitSettings).partial();

function setOne(before: Limits, name: string, value: string, measured: ReadonlySet<string>): Limits {
  const [, score = '', bound] = /^(.*)\.(min|max)$/.exec(name) ?? [];
  const isNamed = bound !== undefined && (measured.has(score) || Object.hasOwn(before.scores, score));
  if (!isNamed && name !== 'languages' && !Object.hasOwn(limits, name)) {
    const others = [...measured].flatMap((one) => [`${one}.min`, `${one}.max`]);
    throw new VimiError(
      'USAGE',
      `The step filter has no limit '${name}'${didYouMean(name, [...limitNames, ...others])}`,
      {
        expected: `${limitNames.join(', ')}, languages, or SCORE.min and SCORE.max of a score that clips have`,
      },
    );
  }
  const number = value === '' ? undefined : Number(value);
  const wanted = isNamed
    ? { scores: { ...before.scores, [score]: { ...before.scores[score], [bound]: number } } }
    : { [name]: name === 'languages' ? value.split(',').map((one) => one.trim()) : number };
  // Whether a least value is below the most is seen when all are set.
  const checked = isNamed ? z.number().safeParse(number) : oneLimit.safeParse(wanted);
  if (value !== '' && checked.success) return { ...before, ...wanted };
  throw new VimiError('USAGE', `This is no value of ${name}`, {
    expected: checked.error
      ? mistakesOf(checked.error, isNamed ? number : wanted)
          .map(({ expected }) => expected)
          .join('; ')
      : `${name}=NUMBER`,
    found: `${name}=${value}`,
  });
}

/** As limits ask for it. */
export function clipOf({ clip, scores, captions }: ClipSettled): Judged {
  return { kind: clip.kind, scores, language: captions?.[0]?.language };
}

/** The first limit that a clip does not keep to. A clip that was dropped before something was measured of it keeps to limits of that. */
export function verdictOn(clip: ClipSettled, bounds: readonly Bound[]): Bound | null {
  return verdictOf(clipOf(clip), bounds, 'passes');
}

/** The limits of which nothing measured what they ask of a clip. */
function unmeasuredOf(clip: ClipSettled, bounds: readonly Bound[]): Bound[] {
  const judged = clipOf(clip);
  return bounds.filter((bound) => concerns(bound, judged) && keepsTo(bound, judged) === undefined);
}

/** What limits keep and drop of the clips that it is given. */
export class Counts {
  readonly #bounds: readonly Bound[];
  readonly #told: LimitCounts = { kept: 0, dropped: {}, unmeasured: {} };

  constructor(bounds: readonly Bound[]) {
    this.#bounds = bounds;
  }

  /** The limit that it does not keep to; null: it is kept. */
  add(clip: ClipSettled): Bound | null {
    const { dropped, unmeasured } = this.#told;
    const failed = verdictOn(clip, this.#bounds);
    if (failed) dropped[failed.reason] = (dropped[failed.reason] ?? 0) + 1;
    else this.#told.kept++;
    for (const { name } of failed ? [] : unmeasuredOf(clip, this.#bounds))
      unmeasured[name] = (unmeasured[name] ?? 0) + 1;
    return failed;
  }

  told(): LimitCounts {
    return this.#told;
  }
}

function changeOf(clip: ClipSettled, from: Bound | null, to: Bound | null) {
  const { name, score } = (to ?? from)!;
  const { language } = clipOf(clip);
  return {
    ...{ uri: clip.uri, part: clip.part, start: clip.clip.start, kept: to === null, limit: name, score },
    value: score === 'language' ? language : Number(clip.scores[score]?.toPrecision(4)),
  };
}

interface OtherValues {
  limit: string;
  /** Missing: it is not set. */
  value?: number;
  at: { value: number; kept: number; dropped: number }[];
}

/** Those that leave out about so many of the clips. */
const quantiles = [0.05, 0.25, 0.5, 0.75, 0.95];

/** A limit that there can be; where it is not set, every clip keeps to it. */
export interface PossibleBound extends Bound {
  value: number;
  isSet: boolean;
}

/** Every limit that there can be: the built-in ones, and of every other score that is measured or limited a least and a most. */
export function possibleBounds(wanted: Limits, measured: ReadonlySet<string>): PossibleBound[] {
  const own: ReadonlySet<string> = new Set(Object.values(limits).map(({ score }) => score));
  const others = [...new Set([...Object.keys(wanted.scores), ...measured])].filter((score) => !own.has(score));
  return [
    ...limitNames.map((name) => {
      const { onlyClips = false, score, bound, reason, open }: Limit = limits[name];
      const value = wanted[name];
      return { name, score, bound, reason, onlyClips, value, isSet: value !== open };
    }),
    ...others.flatMap((score) =>
      (['min', 'max'] as const).map((bound) => {
        const value = wanted.scores[score]?.[bound];
        const open = bound === 'min' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
        return { ...boundOf(score, bound, value ?? open), value: value ?? open, isSet: value !== undefined };
      }),
    ),
  ];
}

/** What is kept if one limit has other values, and the others stay. First all clips are added, then all are counted. */
class Sweep {
  readonly #bound: PossibleBound;
  readonly #others: readonly Bound[];
  readonly #spread = new Spread();
  #passing = 0;
  #candidates: { value: number; dropped: number }[] | null = null;

  constructor(wanted: Limits, bound: PossibleBound) {
    this.#bound = bound;
    this.#others = boundsOf(wanted).filter(({ name }) => name !== bound.name);
  }

  add(clip: ClipSettled): void {
    if (verdictOn(clip, this.#others) !== null) return;
    this.#passing++;
    const score = this.#scoreOf(clip);
    if (score !== undefined) this.#spread.add(score);
  }

  count(clip: ClipSettled): void {
    this.#candidates ??= this.#choose();
    const score = this.#scoreOf(clip);
    if (score === undefined || verdictOn(clip, this.#others) !== null) return;
    const isMin = this.#bound.bound === 'min';
    for (const one of this.#candidates) if (isMin ? score < one.value : score > one.value) one.dropped++;
  }

  told(clips: number): OtherValues {
    const { name: limit, value } = this.#bound;
    const at = (this.#candidates ?? []).map(({ value: other, dropped }) => ({
      value: other,
      kept: this.#passing - dropped,
      dropped: clips - this.#passing + dropped,
    }));
    return { limit, ...(Number.isFinite(value) && { value }), at };
  }

  /** undefined: the limit does not ask for it. */
  #scoreOf(clip: ClipSettled): number | undefined {
    return concerns(this.#bound, clipOf(clip)) ? clip.scores[this.#bound.score] : undefined;
  }

  #choose(): { value: number; dropped: number }[] {
    const { name } = this.#bound;
    const setting = Object.hasOwn(limits, name) ? limits[name as LimitName].setting : z.number();
    const values = quantiles
      .flatMap((share) => this.#spread.at(share) ?? [])
      .map((value) => Number(value.toPrecision(2)))
      .filter((value) => setting.safeParse(value).success);
    return [...new Set(values)].map((value) => ({ value, dropped: 0 }));
  }
}

function sweepTable(sweeps: readonly OtherValues[]): string {
  const rows = sweeps
    .filter(({ at }) => at.length > 0)
    .map(({ limit, value, at }) => [limit, `${value ?? '-'}`, ...at.map((one) => `${one.value}: ${one.kept}`)]);
  const most = Math.max(0, ...rows.map((row) => row.length));
  const even = rows.map((row) => [...row, ...Array.from({ length: most - row.length }, () => '')]);
  const lines = columns([['limit', 'now', ...Array.from({ length: most - 2 }, () => '')], ...even], most);
  return `what other values of one limit would keep (VALUE: CLIPS); the other limits stay\n${lines}`;
}

export function unmeasuredLines({ unmeasured }: Pick<LimitCounts, 'unmeasured'>): string[] {
  return Object.entries(unmeasured).map(
    ([name, times]) => `${times} kept without ${name}, which nothing measured of them`,
  );
}

function countsLine({ kept, dropped, unmeasured }: LimitCounts): string {
  const reasons = Object.entries(dropped).sort(([, a], [, b]) => b - a);
  const all = reasons.reduce((sum, [, times]) => sum + times, 0);
  const unknown = unmeasuredLines({ unmeasured }).map((line) => `; ${line}`);
  return `${kept} kept, ${all} dropped${all > 0 ? ` (${reasons.map(([reason, times]) => `${reason} ${times}`).join(', ')})` : ''}${unknown.join('')}`;
}
