import { relative } from 'node:path';
import { asVimiError } from '../../core/errors.js';
import { printable } from '../../core/printable.js';
import type { MediaSettled } from '../../events/schemas.js';
import type { DropReason } from '../../flow/envelope.js';
import { parseTarAddress } from '../../media/tar-address.js';
import type { SettledMedium } from '../../stores/media/settled-media.js';
import type { PipelineReport } from '../../streams/delivery/pipeline.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import { addCounts, countOutcome, emptyCounts } from '../../streams/delivery/position.js';
import { reportLine } from './run.js';

/** Media that are told of one by one unless all are asked for; rejected ones always are. */
const mostLines = 20;

/** How media are fed to a pipeline, and told of. */
export interface FeedingOptions {
  pipeline: PipelineSpec;
  source?: string;
  licence?: string;
  /** Also what was rejected, or is known, and has not changed since. */
  again: boolean;
  /** Names every medium, also those that were simply kept. */
  list: boolean;
  json: boolean;
  signal: AbortSignal;
}

/** The outcomes of media, each counted once, and those of their parts. */
export class OutcomeSums {
  readonly outcomes = emptyCounts();
  readonly parts = emptyCounts();

  add({ outcome, parts: { delivered, rejected, dropped } }: MediaSettled): void {
    const reason = Object.keys(dropped)[0] as DropReason;
    countOutcome(this.outcomes, outcome === 'dropped' ? { kind: outcome, reason } : ({ kind: outcome } as never));
    const failed = Object.values(rejected).reduce((sum, times) => sum + times, 0);
    addCounts(this.parts, { delivered, rejected: failed, dropped });
  }
}

/** What became of media, in words: counts, then a line for each that was not simply kept; with `all` for every one. */
export function tellOutcomes(
  media: Iterable<SettledMedium>,
  sums: OutcomeSums,
  { all, lost }: { all: boolean; lost: PipelineReport['lost'] },
  out: NodeJS.WritableStream,
): void {
  out.write(`${reportLine({ run: sums.outcomes, parts: sums.parts, lost })}\n`);
  let told = 0;
  for (const one of media)
    if (one.outcome !== 'rejected' && (all || !isPlain(one)) && (all || ++told <= mostLines))
      out.write(`  ${outcomeLine(one)}\n`);
  if (told > mostLines) out.write(`  and ${told - mostLines} more (--list names all)\n`);
  for (const one of media) if (one.outcome === 'rejected' && !one.unchanged) out.write(rejection(one));
}

/** "  rejected NAME", the reason and the remedy; `when` it was rejected, if not now. */
export function rejection({ uri, error }: Pick<MediaSettled, 'uri' | 'error'>, when = ''): string {
  const why = error ? `\n    ${error.code} at ${error.step}: ${error.message}\n    → ${error.remedy}` : '';
  return `  rejected ${nameOf(uri)}${when}${why}\n`;
}

/** `dropped photos/copy.png: duplicate of photos/fox.png`: what became of a medium, in one line. */
export function outcomeLine(one: MediaSettled): string {
  const { uri, outcome, parts, duplicate_of: of, dropped_for: cause, replaced, error } = one;
  const name = nameOf(uri);
  if (outcome === 'dropped') {
    const [reason = 'dropped'] = Object.keys(parts.dropped);
    if (partsIn(one) > 1) return `dropped ${name}: none of ${partsIn(one)} clips kept${lossesOf(parts)}`;
    if (of === undefined) return `dropped ${name}: ${reason}${cause === undefined ? '' : ` (${cause})`}`;
    return of === uri ? `dropped ${name}: already in the corpus` : `dropped ${name}: duplicate of ${nameOf(of)}`;
  }
  const facts = [];
  if (partsIn(one) > 1) facts.push(`${parts.delivered} of ${partsIn(one)} clips kept${lossesOf(parts)}`);
  if (replaced !== undefined) facts.push(`replaces ${replaced} ${replaced === 1 ? 'document' : 'documents'}`);
  if (error) facts.push(`${error.code} at ${error.step}: ${error.message}`);
  return `${outcome} ${name}${facts.length > 0 ? `: ${facts.join('; ')}` : ''}`;
}

function lossesOf({ dropped, rejected }: MediaSettled['parts']): string {
  const losses = Object.entries({ ...dropped, ...rejected }).map(([why, times]) => `${why} ${times}`);
  return losses.length > 0 ? ` (${losses.join(', ')})` : '';
}

/** All of it was kept, and nothing replaced. */
function isPlain(one: MediaSettled): boolean {
  return one.outcome === 'delivered' && one.parts.delivered === partsIn(one) && one.replaced === undefined;
}

function partsIn({ parts: { delivered, rejected, dropped } }: MediaSettled): number {
  return [...Object.values(rejected), ...Object.values(dropped)].reduce((sum, times) => sum + times, delivered);
}

/** As a person would type it from here, in one line. */
export function nameOf(uri: string): string {
  const tar = parseTarAddress(uri);
  if (tar) return `${nameOf(tar.path)}/${tar.name}`;
  const near = uri.startsWith('/') ? relative(process.cwd(), uri) : uri;
  return printable(near === '' || near.startsWith('..') ? uri : near);
}

/** Of a GROUP_BUSY: who runs the pipeline. */
export function otherProcess({ name }: PipelineSpec, thrown: unknown): string {
  const { found } = asVimiError(thrown);
  return `another process runs ${name}${found ? ` (${found})` : ''}`;
}
