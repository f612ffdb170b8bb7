import { VimiError } from '../../errors.js';
import { decodeEvent } from '../../events/cloudevents.js';
import type { VimiEvent } from '../../events/event.js';
import { placeOf, replayOf, replayRecord } from '../../events/replay.js';
import type { EventRejected } from '../../events/schemas.js';
import type { StoredRecord, Transport } from '../../streams/transport.js';
import type { Workspace } from '../workspace.js';
import { age } from './age.js';

export interface RejectsOptions {
  /** Error codes; all when left out. */
  code?: string[];
  /** An age ("2h") or a moment. */
  since?: string;
  /** Places such as requests-3-42, or ids of the rejected events. */
  id?: string[];
  json?: boolean;
}

/** One rejected record, with all that was rejected of it. */
interface Rejected {
  place: string;
  /** The event's own id, where it has one in its headers. */
  event: string;
  time: string;
  pipeline: string;
  /** Of each part. */
  errors: { part: string; step: string; code: string; message: string }[];
  replayed: boolean;
  reject: EventRejected;
}

/** Prints rejected events, oldest first, and what a replay with the same options would do. */
export async function listRejects(
  workspace: Workspace,
  options: RejectsOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const { found, odd } = await rejectedEvents(workspace, options);
  for (const one of found) out.write(options.json ? `${JSON.stringify(asJson(one))}\n` : asLine(one));
  if (options.json) return;
  const waiting = found.filter(({ replayed }) => !replayed);
  const topics = [...new Set(waiting.map(({ reject }) => reject.origin.topic))].join(', ');
  out.write(`${count(found.length)}, ${found.length - waiting.length} of them replayed before\n`);
  if (odd > 0) out.write(`${odd} records passed over: no rejects, or of topics that no pipeline reads\n`);
  if (waiting.length > 0)
    out.write(`\`vimi rejects replay\` with the same options would publish ${waiting.length} again, to ${topics}\n`);
}

/**
 * Publishes rejected events again: the original bytes and headers, to their own topics, under their own ids. What was
 * replayed before is passed over, so that a replay that was interrupted can be given again. All or a chosen part: without
 * a choice it must be said to be meant (USAGE).
 */
export async function replayRejects(
  workspace: Workspace,
  options: RejectsOptions & { all?: boolean },
  out: NodeJS.WritableStream,
): Promise<void> {
  if (!options.all && !options.code && !options.since && !options.id)
    throw new VimiError('USAGE', 'Which rejected events are to be replayed is not said', {
      expected: '--code, --since, --id, or --all',
    });
  const { found } = await rejectedEvents(workspace, options);
  const waiting = found.filter(({ replayed }) => !replayed);
  const transport = await workspace.transport();
  for (let at = 0; at < waiting.length; at += batch) {
    const some = waiting.slice(at, at + batch);
    const places = await transport.publish(some.map(({ reject }) => replayRecord(reject)));
    for (const [n, { place, event }] of some.entries())
      out.write(
        options.json
          ? `${JSON.stringify({ replayed: place, event, ...places[n] })}\n`
          : `${place} replayed as ${placeOf(places[n]!)}\n`,
      );
  }
  if (!options.json)
    out.write(`${count(waiting.length)} published again, ${found.length - waiting.length} were replayed before\n`);
}

const batch = 500;

/** Those that fit the options, oldest first. `odd`: records of the topics of rejects that this topology cannot have made. */
async function rejectedEvents(
  workspace: Workspace,
  options: RejectsOptions,
): Promise<{ found: Rejected[]; odd: number }> {
  const { code, id } = options;
  const since = options.since === undefined ? Number.NEGATIVE_INFINITY : momentOf(options.since);
  const transport = await workspace.transport();
  const inputs = new Set(workspace.topology.pipelines.map(({ from }) => from));
  const all = new Map<string, Rejected>();
  let odd = 0;
  for (const { name, schemas } of workspace.topology.topics.values()) {
    if (!schemas.includes('event.rejected')) continue;
    for await (const record of transport.read(name)) {
      const event = readReject(record);
      if (!event || !inputs.has(event.data.origin.topic)) {
        odd++;
        continue;
      }
      const { time, data: reject } = event;
      const { pipeline, part, step, error } = reject;
      const place = placeOf(reject.origin);
      const one = all.get(place) ?? {
        ...{ place, event: idOf(reject), time, pipeline, errors: [], replayed: false, reject },
      };
      one.errors.push({ part, step, code: error.code, message: error.message });
      all.set(place, one);
    }
  }
  const wanted = [...all.values()].filter(
    ({ place, event, time, errors }) =>
      Date.parse(time) >= since &&
      (!code || errors.some((error) => code.includes(error.code))) &&
      (!id || id.includes(place) || id.includes(event)),
  );
  const replayed = await replayedPlaces(transport, new Set(wanted.map(({ reject }) => reject.origin.topic)));
  const found = wanted
    .map((one) => ({ ...one, replayed: replayed.has(one.place) }))
    .sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
  return { found, odd };
}

function readReject(record: StoredRecord): VimiEvent<EventRejected> | null {
  try {
    return decodeEvent(record, ['event.rejected']) as VimiEvent<EventRejected>;
  } catch {
    return null;
  }
}

/** The topics themselves say what was replayed: nothing else has to agree with them. */
async function replayedPlaces(transport: Transport, topics: Set<string>): Promise<Set<string>> {
  const places = new Set<string>();
  for (const topic of topics)
    for await (const record of transport.read(topic)) {
      const place = replayOf(record);
      if (place !== null) places.add(place);
    }
  return places;
}

function idOf({ origin }: EventRejected): string {
  const id = Object.entries(origin.headers).find(([name]) => name.toLowerCase() === 'ce_id')?.[1];
  return id === undefined ? placeOf(origin) : Buffer.from(id, 'base64').toString();
}

/** "2h" (ago), or a moment, in milliseconds since 1970. */
function momentOf(text: string): number {
  const moment = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  return Number.isNaN(moment) ? Date.now() - age(text) : moment;
}

function asJson({ reject, ...rest }: Rejected): object {
  const { topic, partition, offset } = reject.origin;
  return { ...rest, topic, partition, offset };
}

function asLine({ place, event, time, pipeline, errors, replayed }: Rejected): string {
  const first = errors[0]!;
  const more = errors.length > 1 ? ` (and ${errors.length - 1} more parts)` : '';
  const name = event === place ? place : `${place} ${event}`;
  const text = `${name}  ${time}  ${pipeline}/${first.step}  ${first.code} ${first.message}${more}`;
  return `${text.replaceAll('\n', '\\n')}${replayed ? '  replayed' : ''}\n`;
}

function count(events: number): string {
  return `${events} rejected ${events === 1 ? 'event' : 'events'}`;
}
