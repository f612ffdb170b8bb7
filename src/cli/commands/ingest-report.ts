import { relative } from 'node:path';
import type { MediaSettled } from '../../events/schemas.js';
import type { DropReason } from '../../streams/envelope.js';
import type { PipelineReport } from '../../streams/pipeline.js';
import { addCounts, countFate, emptyCounts, type FateCounts } from '../../streams/position.js';
import { reportLine } from './run.js';

/** Media that are told of one by one unless all are asked for; rejected ones always are. */
const mostLines = 20;

/** The fates of these media, each counted once. */
export function fatesOf(media: readonly MediaSettled[]): FateCounts {
  const counts = emptyCounts();
  for (const { outcome, parts } of media) {
    const reason = Object.keys(parts.dropped)[0] as DropReason;
    countFate(counts, outcome === 'dropped' ? { kind: outcome, reason } : ({ kind: outcome } as never));
  }
  return counts;
}

/** What became of media, in words: counts, then a line for each that was not simply kept; with `all` for every one. */
export function tellOutcomes(
  media: readonly MediaSettled[],
  { all, lost }: { all: boolean; lost: PipelineReport['lost'] },
  out: NodeJS.WritableStream,
): void {
  out.write(`${reportLine({ run: fatesOf(media), parts: partFatesOf(media), lost })}\n`);
  const worthALine = media.filter((one) => one.outcome !== 'rejected' && (all || !isPlain(one)));
  for (const one of all ? worthALine : worthALine.slice(0, mostLines)) out.write(`  ${line(one)}\n`);
  const more = worthALine.length - mostLines;
  if (!all && more > 0) out.write(`  and ${more} more (--list names all)\n`);
  for (const one of media) if (one.outcome === 'rejected') out.write(rejection(one));
}

/** "  rejected NAME", the reason and the remedy; `when` it was rejected, if not now. */
export function rejection({ uri, error }: MediaSettled, when = ''): string {
  const why = error ? `\n    ${error.code} at ${error.step}: ${error.message}\n    → ${error.remedy}` : '';
  return `  rejected ${nameOf(uri)}${when}${why}\n`;
}

function line(one: MediaSettled): string {
  const { uri, outcome, parts, duplicate_of: of, replaced, error } = one;
  const name = nameOf(uri);
  if (outcome === 'dropped') {
    const [reason = 'dropped'] = Object.keys(parts.dropped);
    if (of === undefined) return `dropped ${name}: ${reason}`;
    return of === uri ? `dropped ${name}: the corpus has it already` : `dropped ${name}: duplicate of ${nameOf(of)}`;
  }
  const facts = [];
  if (partsIn(one) > 1) facts.push(`${parts.delivered} of ${partsIn(one)} clips kept${lossesOf(parts)}`);
  if (replaced !== undefined) facts.push(`replaces ${replaced} ${replaced === 1 ? 'document' : 'documents'} of before`);
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

/** The fates of their parts. */
export function partFatesOf(media: readonly MediaSettled[]): FateCounts {
  const counts = emptyCounts();
  for (const { parts } of media) {
    const rejected = Object.values(parts.rejected).reduce((sum, times) => sum + times, 0);
    addCounts(counts, { delivered: parts.delivered, rejected, dropped: parts.dropped });
  }
  return counts;
}

function partsIn({ parts: { delivered, rejected, dropped } }: MediaSettled): number {
  return [...Object.values(rejected), ...Object.values(dropped)].reduce((sum, times) => sum + times, delivered);
}

/** As a person would type it from here. */
function nameOf(uri: string): string {
  const near = uri.startsWith('/') ? relative(process.cwd(), uri) : uri;
  return near === '' || near.startsWith('..') ? uri : near;
}
