import type { Workspace } from '../../app/workspace.js';
import { didYouMean } from '../../core/did-you-mean.js';
import { errorCodes, VimiError } from '../../core/errors.js';
import { decodeEvent, encodeEvent } from '../../events/cloudevents.js';
import type { VimiEvent } from '../../events/event.js';
import type { StoredRecord } from '../../events/record.js';
import { contentOf, placeOf, replayOf, replayRecord } from '../../events/replay.js';
import type { EventRejected, RejectDismissed } from '../../events/schemas.js';
import type { Transport } from '../../streams/transports/transport.js';
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

/** One rejected record, with all that was rejected of it. */
interface Rejected {
  place: string;
  /** The event's own id, where it has one in its headers. */
  event: string;
  /** What it was about: the uri of a medium, the text of a prompt; empty where it cannot be read. */
  about: string;
  time: string;
  pipeline: string;
  /** Of each part. */
  errors: { part: string; step: string; code: string; message: string }[];
  replayed: boolean;
  dismissed: boolean;
  topic: string;
  partition: number;
  offset: number;
  content: string;
  /** Of the reject itself: its topic, and the key of the original. */
  rejects: string;
  key: Buffer | null;
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
  out.write(`${count(found.length)}, ${replayed.length} of them replayed before\n`);
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
 * Publishes dead letters again: the original bytes and headers, to their own topics, under their own ids. What was
 * replayed before is passed over, so that a replay that was interrupted can be given again. All or a chosen part: without
 * a choice it must be said to be meant (USAGE).
 */
export async function replayRejects(
  workspace: Workspace,
  options: RejectsOptions & { all?: boolean },
  out: NodeJS.WritableStream,
): Promise<void> {
  checkChoice(options, 'replayed');
  const { found } = await rejectedEvents(workspace, options);
  const waiting = new Map(found.filter(isWaiting).map((one) => [one.place, one.event]));
  const [published, before] = [waiting.size, found.filter(({ replayed }) => replayed).length];
  const transport = await workspace.transport();
  const batch: EventRejected[] = [];
  let bytes = 0;
  const publish = async () => {
    const rejects = batch.splice(0);
    bytes = 0;
    const places = await transport.publish(rejects.map(replayRecord));
    for (const [n, reject] of rejects.entries()) {
      const [place, event] = [placeOf(reject.origin), idOf(reject)];
      out.write(
        options.json
          ? `${JSON.stringify({ replayed: place, event, ...places[n] })}\n`
          : `${place} replayed as ${placeOf(places[n]!)}\n`,
      );
    }
  };
  // Read again, so that no more of them is in memory than one batch.
  for await (const { data } of rejectsOf(workspace, () => {})) {
    // The first that tells of a place, as in the list.
    if (!waiting.delete(placeOf(data.origin))) continue;
    batch.push(data);
    bytes += data.origin.value?.length ?? 0;
    if (batch.length >= most.events || bytes >= most.bytes) await publish();
  }
  if (batch.length > 0) await publish();
  if (!options.json) out.write(`${count(published)} published again, ${before} were replayed before\n`);
}

/**
 * Says that nothing is to be done about dead letters: they are no longer listed, nor replayed. A record on their own
 * topic of rejects, so that it is so for everybody.
 */
export async function dismissRejects(
  workspace: Workspace,
  options: RejectsOptions & { all?: boolean },
  out: NodeJS.WritableStream,
): Promise<void> {
  checkChoice(options, 'dismissed');
  const { found } = await rejectedEvents(workspace, options);
  const waiting = found.filter(isWaiting);
  const transport = await workspace.transport();
  for (let n = 0; n < waiting.length; n += most.events)
    await transport.publish(
      waiting.slice(n, n + most.events).map(({ place, content, rejects, key }) =>
        encodeEvent({
          schema: 'reject.dismissed',
          id: `${place}-dismissed`,
          source: '/vimi/rejects',
          topic: rejects,
          key,
          data: { dismissed: place, content },
        }),
      ),
    );
  for (const { place, event } of waiting)
    out.write(options.json ? `${JSON.stringify({ dismissed: place, event })}\n` : `${place} dismissed\n`);
  if (!options.json) out.write(`${count(waiting.length)} dismissed\n`);
}

function isWaiting({ replayed, dismissed }: Pick<Rejected, 'replayed' | 'dismissed'>): boolean {
  return !replayed && !dismissed;
}

/** Whether some are asked for; else a replay wants to hear that all are meant. */
function isChoice({ code, since, id }: RejectsOptions): boolean {
  return code !== undefined || since !== undefined || id !== undefined;
}

/** Published at once; bytes of values in base64. */
const most = { events: 500, bytes: 16 * 1024 * 1024 };

/** Those that fit the options, oldest first. `odd`: records of the topics of rejects that this topology cannot have made. */
async function rejectedEvents(
  workspace: Workspace,
  options: RejectsOptions,
): Promise<{ found: Rejected[]; odd: number }> {
  const { code, id } = options;
  const since = options.since === undefined ? Number.NEGATIVE_INFINITY : momentOf(options.since);
  const transport = await workspace.transport();
  const all = new Map<string, Rejected>();
  const dismissals = new Set<string>();
  let odd = 0;
  const onOther = (record: StoredRecord) => {
    const dismissal = readDismissal(record);
    if (dismissal) dismissals.add(`${dismissal.dismissed} ${dismissal.content}`);
    else odd++;
  };
  for await (const { time, data, topic: rejects } of rejectsOf(workspace, onOther)) {
    const { pipeline, part, step, error } = data;
    const { topic, partition, offset } = data.origin;
    const place = placeOf(data.origin);
    const one = all.get(place) ?? {
      ...{ place, event: idOf(data), about: aboutOf(data), time, pipeline, errors: [] },
      ...{ replayed: false, dismissed: false, topic, partition, offset, rejects },
      ...contentAndKeyOf(data),
    };
    one.errors.push({ part, step, code: error.code, message: error.message });
    all.set(place, one);
  }
  checkCodes(code, [...all.values()]);
  checkIds(id, [...all.values()]);
  const wanted = [...all.values()].filter(
    ({ place, event, time, errors }) =>
      Date.parse(time) >= since &&
      (!code || errors.some((error) => code.includes(error.code))) &&
      (!id || id.includes(place) || id.includes(event)),
  );
  const replayed = await replays(transport, new Set(wanted.map(({ topic }) => topic)));
  const found = wanted
    .map((one) => ({
      ...one,
      replayed: replayed.has(`${one.place} ${one.content}`),
      dismissed: dismissals.has(`${one.place} ${one.content}`),
    }))
    .sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
  return { found, odd };
}

/** All that this topology can have made; `onOther` for every other record of the topics of rejects. */
async function* rejectsOf(
  workspace: Workspace,
  onOther: (record: StoredRecord) => void,
): AsyncGenerator<VimiEvent<EventRejected> & { topic: string }> {
  const { topics, pipelines } = workspace.topology;
  const inputs = new Set(pipelines.map(({ from }) => from));
  const transport = await workspace.transport();
  for (const { name, schemas } of topics.values()) {
    if (!schemas.includes('event.rejected')) continue;
    for await (const record of transport.read(name)) {
      const event = readReject(record);
      if (event && inputs.has(event.data.origin.topic)) yield { ...event, topic: name };
      else onOther(record);
    }
  }
}

function readReject(record: StoredRecord): VimiEvent<EventRejected> | null {
  try {
    return decodeEvent(record, ['event.rejected']) as VimiEvent<EventRejected>;
  } catch {
    return null;
  }
}

function readDismissal(record: StoredRecord): RejectDismissed | null {
  try {
    return decodeEvent(record, ['reject.dismissed']).data as RejectDismissed;
  } catch {
    return null;
  }
}

/** USAGE for a code that is neither vimi's nor that of any reject here: a custom operator may have its own. */
function checkCodes(codes: readonly string[] = [], rejected: readonly Rejected[]): void {
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
function checkIds(ids: readonly string[] = [], rejected: readonly Rejected[]): void {
  const known = new Set(rejected.flatMap(({ place, event }) => [place, event]));
  for (const id of ids)
    if (!known.has(id))
      throw new VimiError('USAGE', `There is no dead letter '${id}'${didYouMean(id, [...known])}`, {
        expected: 'a place or an id from `vimi rejects --dismissed`',
      });
}

/** Place and content: the topics themselves say what was replayed, and nothing else has to agree with them. */
async function replays(transport: Transport, topics: Set<string>): Promise<Set<string>> {
  const found = new Set<string>();
  for (const topic of topics)
    for await (const record of transport.read(topic)) {
      const place = replayOf(record);
      if (place !== null) found.add(`${place} ${contentOf(record)}`);
    }
  return found;
}

function idOf({ origin }: EventRejected): string {
  const id = Object.entries(origin.headers).find(([name]) => name.toLowerCase() === 'ce_id')?.[1];
  return id === undefined ? placeOf(origin) : Buffer.from(id, 'base64').toString();
}

function contentAndKeyOf(reject: EventRejected): Pick<Rejected, 'content' | 'key'> {
  const record = replayRecord(reject);
  return { content: contentOf(record), key: record.key };
}

/** The uri, the prompt or what it would cancel, as far as the original says so in either mode of CloudEvents. */
function aboutOf({ origin }: EventRejected): string {
  try {
    const value = JSON.parse(Buffer.from(origin.value ?? '', 'base64').toString()) as { data?: unknown };
    const data = { ...value, ...(typeof value.data === 'object' ? value.data : {}) } as Record<string, unknown>;
    if (Array.isArray(data.prompt))
      return data.prompt.map((part) => (typeof part?.text === 'string' ? part.text : '[image]')).join(' ');
    const about = data.uri ?? data.prompt ?? data.cancel;
    return typeof about === 'string' ? about : '';
  } catch {
    return '';
  }
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
}: Omit<Rejected, 'content' | 'rejects' | 'key'>): string {
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
