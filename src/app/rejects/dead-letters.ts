import { decodeEvent } from '../../events/cloudevents.js';
import type { VimiEvent } from '../../events/event.js';
import type { StoredRecord } from '../../events/record.js';
import { contentOf, placeOf, replayOf, replayRecord } from '../../events/replay.js';
import type { EventRejected, RejectDismissed } from '../../events/schemas.js';
import type { Workspace } from '../workspace.js';
import { aboutOf } from './about.js';

/** One rejected record, with all that was rejected of it. */
export interface DeadLetter {
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
  /** When the rejected record was written: another topic of that name may have had one in the same place. */
  written: string;
  /** A hash of key and value of the original. */
  content: string;
  /** Of the reject itself: its topic, and the key of the original. */
  rejects: string;
  key: Buffer | null;
}

export interface ReadLetters {
  /** Oldest first. `replayed` is not known of them yet: `withReplays`. */
  letters: DeadLetter[];
  /** Records of the topics of rejects that this topology cannot have made. */
  odd: number;
}

/** All dead letters that this topology can have made. Their original bytes are not kept. */
export async function readDeadLetters(workspace: Workspace): Promise<ReadLetters> {
  const all = new Map<string, DeadLetter>();
  const dismissals = new Set<string>();
  let odd = 0;
  const onOther = (record: StoredRecord) => {
    const dismissal = readDismissal(record);
    if (dismissal) dismissals.add(`${dismissal.dismissed} ${dismissal.content}`);
    else odd++;
  };
  for await (const { time, data, topic: rejects } of rejectsOf(workspace, onOther)) {
    const { pipeline, part, step, error } = data;
    const { topic, partition, offset, timestamp: written } = data.origin;
    const place = placeOf(data.origin);
    const letter = letterOf({ place, written });
    const one = all.get(letter) ?? {
      ...{ place, event: eventIdOf(data), about: aboutOf(data), time, pipeline, errors: [] },
      ...{ replayed: false, dismissed: false, topic, partition, offset, written, rejects },
      ...contentAndKeyOf(data),
    };
    one.errors.push({ part, step, code: error.code, message: error.message });
    all.set(letter, one);
  }
  const letters = [...all.values()]
    .map((one) => ({ ...one, dismissed: dismissals.has(`${one.place} ${one.content}`) }))
    .sort((a, b) => Date.parse(a.time) - Date.parse(b.time));
  return { letters, odd };
}

/**
 * The same letters, with whether they were published again. Place and content: the topics themselves say what was replayed,
 * and nothing else has to agree with them.
 */
export async function withReplays(workspace: Workspace, letters: readonly DeadLetter[]): Promise<DeadLetter[]> {
  const transport = await workspace.transport();
  const replayed = new Set<string>();
  for (const topic of new Set(letters.map(({ topic }) => topic)))
    for await (const record of transport.read(topic)) {
      const place = replayOf(record);
      if (place !== null) replayed.add(`${place} ${contentOf(record)}`);
    }
  return letters.map((one) => ({ ...one, replayed: replayed.has(`${one.place} ${one.content}`) }));
}

/** Names a dead letter for good. */
export function letterOf({ place, written }: Pick<DeadLetter, 'place' | 'written'>): string {
  return `${place}@${written}`;
}

/** Neither replayed nor dismissed. */
export function isWaiting({ replayed, dismissed }: Pick<DeadLetter, 'replayed' | 'dismissed'>): boolean {
  return !replayed && !dismissed;
}

export interface LettersChoice {
  /** Error codes of any of its parts. */
  codes?: readonly string[] | undefined;
  /** Rejected at this moment or later, in milliseconds since 1970. */
  since?: number | undefined;
  /** Places such as requests-3-42, or ids of the rejected events. */
  ids?: readonly string[] | undefined;
}

export function isChosen(
  { place, event, time, errors }: DeadLetter,
  { codes, since = Number.NEGATIVE_INFINITY, ids }: LettersChoice,
): boolean {
  return (
    Date.parse(time) >= since &&
    (!codes || errors.some(({ code }) => codes.includes(code))) &&
    (!ids || ids.includes(place) || ids.includes(event))
  );
}

/** All rejects that this topology can have made; `onOther` for every other record of the topics of rejects. */
export async function* rejectsOf(
  workspace: Workspace,
  onOther: (record: StoredRecord) => void = () => {},
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

/** The id of the rejected event: its own, or its place. */
function eventIdOf({ origin }: EventRejected): string {
  const id = Object.entries(origin.headers).find(([name]) => name.toLowerCase() === 'ce_id')?.[1];
  return id === undefined ? placeOf(origin) : Buffer.from(id, 'base64').toString();
}

function contentAndKeyOf(reject: EventRejected): Pick<DeadLetter, 'content' | 'key'> {
  const record = replayRecord(reject);
  return { content: contentOf(record), key: record.key };
}
