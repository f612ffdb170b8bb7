import { type DeadLetter, isChosen, isWaiting, readDeadLetters, withReplays } from '../../app/rejects/dead-letters.js';
import { dismissLetters, replayLetters } from '../../app/rejects/settle-letters.js';
import type { Workspace } from '../../app/workspace.js';
import { didYouMean } from '../../core/did-you-mean.js';
import { errorCodes, VimiError } from '../../core/errors.js';
import { placeOf } from '../../events/replay.js';
import { age } from './age.js';

export interface RejectsOptions {
  /** Error codes; all when left out. */
  code?: string[];
  /** An age ("2h") or a moment. */
  since?: string;
  /** Places such as requests-3-42, or ids of the rejected events. */
  id?: string[];
  /** Those that were dismissed as well. */
  dismissed?: boolean;
  json?: boolean;
}

/** Prints dead letters, oldest first, and what a replay with the same options would do. */
export async function listRejects(
  workspace: Workspace,
  options: RejectsOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const { found: all, odd } = await rejectedEvents(workspace, options);
  const found = all.filter(({ dismissed }) => !dismissed || options.dismissed);
  for (const { content, rejects, key, ...one } of found)
    out.write(options.json ? `${JSON.stringify(one)}\n` : asLine(one));
  if (options.json) return;
  const waiting = found.filter(isWaiting);
  const topics = [...new Set(waiting.map(({ topic }) => topic))].join(', ');
  const replayed = found.filter((one) => one.replayed);
  out.write(`${count(found.length)}${replayed.length > 0 ? `, ${replayed.length} of them replayed before` : ''}\n`);
  if (all.length > found.length)
    out.write(`${all.length - found.length} that were dismissed are not shown (--dismissed shows them)\n`);
  if (odd > 0) out.write(`${odd} records skipped: not dead letters, or from topics that no pipeline reads\n`);
  if (waiting.length > 0)
    out.write(
      `\`vimi rejects replay${isChoice(options) ? '` with the same options' : ' --all`'} would publish ${waiting.length} again, to ${topics}\n`,
    );
}

/** All, or a chosen part, but never all by accident: USAGE. */
function checkChoice(options: RejectsOptions & { all?: boolean }, done: 'replayed' | 'dismissed'): void {
  if (options.all || isChoice(options)) return;
  throw new VimiError('USAGE', `No dead letters were chosen to be ${done}`, {
    expected: '--code, --since, --id, or --all',
  });
}

/**
 * Publishes dead letters again, each once: see replayLetters. All or a chosen part: without a choice it must be said to be
 * meant (USAGE).
 */
export async function replayRejects(
  workspace: Workspace,
  options: RejectsOptions & { all?: boolean },
  out: NodeJS.WritableStream,
): Promise<void> {
  checkChoice(options, 'replayed');
  const { found } = await rejectedEvents(workspace, options);
  let published = 0;
  for await (const { letter, as } of replayLetters(workspace, found)) {
    const { place, event } = letter;
    published++;
    out.write(
      options.json ? `${JSON.stringify({ replayed: place, event, ...as })}\n` : `${place} replayed as ${placeOf(as)}\n`,
    );
  }
  const before = found.filter(({ replayed }) => replayed).length;
  const passed = before > 0 ? `; ${before} ${before === 1 ? 'was' : 'were'} replayed before` : '';
  if (!options.json) out.write(`${count(published)} published again${passed}\n`);
}

/** Says that nothing is to be done about dead letters: see dismissLetters. */
export async function dismissRejects(
  workspace: Workspace,
  options: RejectsOptions & { all?: boolean },
  out: NodeJS.WritableStream,
): Promise<void> {
  checkChoice(options, 'dismissed');
  const { found } = await rejectedEvents(workspace, options);
  const dismissed = await dismissLetters(workspace, found);
  for (const { place, event } of dismissed)
    out.write(options.json ? `${JSON.stringify({ dismissed: place, event })}\n` : `${place} dismissed\n`);
  if (!options.json) out.write(`${count(dismissed.length)} dismissed\n`);
}

/** Whether some are asked for; else a replay wants to hear that all are meant. */
function isChoice({ code, since, id }: RejectsOptions): boolean {
  return code !== undefined || since !== undefined || id !== undefined;
}

/** Those that fit the options, oldest first. `odd`: see readDeadLetters. */
async function rejectedEvents(
  workspace: Workspace,
  { code, id, since }: RejectsOptions,
): Promise<{ found: DeadLetter[]; odd: number }> {
  const choice = { codes: code, ids: id, ...(since !== undefined && { since: momentOf(since) }) };
  const { letters, odd } = await readDeadLetters(workspace);
  checkCodes(code, letters);
  checkIds(id, letters);
  const wanted = letters.filter((letter) => isChosen(letter, choice));
  return { found: await withReplays(workspace, wanted), odd };
}

/** USAGE for a code that is neither vimi's nor that of any reject here: a custom operator may have its own. */
function checkCodes(codes: readonly string[] = [], rejected: readonly DeadLetter[]): void {
  const known = new Set([
    ...Object.keys(errorCodes),
    ...rejected.flatMap(({ errors }) => errors.map(({ code }) => code)),
  ]);
  for (const code of codes)
    if (!known.has(code))
      throw new VimiError('USAGE', `There is no error code '${code}'${didYouMean(code, [...known])}`, {
        expected: 'a code from `vimi rejects`',
      });
}

/** USAGE for an id that no dead letter has: nothing would be done about it, and nobody would notice. */
function checkIds(ids: readonly string[] = [], rejected: readonly DeadLetter[]): void {
  const known = new Set(rejected.flatMap(({ place, event }) => [place, event]));
  for (const id of ids)
    if (!known.has(id))
      throw new VimiError('USAGE', `There is no dead letter '${id}'${didYouMean(id, [...known])}`, {
        expected: 'a place or an id from `vimi rejects --dismissed`',
      });
}

/** "2h" (ago), or a moment, in milliseconds since 1970. */
function momentOf(text: string): number {
  const moment = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(moment) ? Date.now() - age(text) : moment;
}

/** Characters of what a reject is about. */
const longestAbout = 100;

function asLine({
  place,
  event,
  about,
  time,
  pipeline,
  errors,
  replayed,
  dismissed,
}: Omit<DeadLetter, 'content' | 'rejects' | 'key'>): string {
  const first = errors[0]!;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more parts)` : '';
  const name = event === place ? place : `${place} ${event}`;
  const what = about.length > longestAbout ? `${[...about].slice(0, longestAbout).join('')}...` : about;
  const text = `${name}  ${time}  ${what ? `"${what}"  ` : ''}${pipeline}/${first.step}  ${first.code} ${first.message}${more}`;
  return `${text.replaceAll('\n', '\\n')}${replayed ? '  replayed' : ''}${dismissed ? '  dismissed' : ''}\n`;
}

function count(events: number): string {
  return `${events} dead ${events === 1 ? 'letter' : 'letters'}`;
}
