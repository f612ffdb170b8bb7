import { decodeEvent } from '../../events/cloudevents.js';
import type { StoredRecord } from '../../events/record.js';
import type { MediaAdded } from '../../events/schemas.js';
import { decodePosition, isSettled } from '../../streams/delivery/position.js';
import type { Transport } from '../../streams/transports/transport.js';
import { ingestSource } from './media-event.js';

/** A topic of media, and the group that takes them from there. */
export interface MediaInput {
  topic: string;
  group: string;
}

export interface RecordPlace {
  partition: number;
  offset: number;
}

export interface UnsettledMedium {
  /** The id of its event. */
  event: string;
  uri: string;
  version: string | undefined;
  place: RecordPlace;
}

/** Tells which records have their outcome by what is committed now, or are kept no more. */
export async function settledPlaces(
  transport: Transport,
  { topic, group }: MediaInput,
): Promise<(place: RecordPlace) => boolean> {
  const lows = new Map((await transport.ends(topic)).map(({ partition, low }) => [partition, low]));
  const committed = await transport.positions(group, topic);
  const positions = new Map([...committed].map(([partition, position]) => [partition, decodePosition(position)]));
  return ({ partition, offset }) => {
    const position = positions.get(partition);
    return offset < (lows.get(partition) ?? 0) || (position !== undefined && isSettled(position, offset));
  };
}

/** Media that `vimi ingest` published, and that have no outcome yet. */
export async function* unsettledMedia(transport: Transport, input: MediaInput): AsyncGenerator<UnsettledMedium> {
  const committed = await transport.positions(input.group, input.topic);
  const from = Object.fromEntries([...committed].map(([partition, { offset }]) => [partition, offset]));
  const isSettledPlace = await settledPlaces(transport, input);
  for await (const record of transport.read(input.topic, { from })) {
    const own = isSettledPlace(record) ? null : ownEventIn(record);
    if (!own) continue;
    const { partition, offset } = record;
    yield { event: own.id, uri: own.data.uri, version: own.data.version, place: { partition, offset } };
  }
}

function ownEventIn(record: StoredRecord): { id: string; data: MediaAdded } | null {
  try {
    const { id, source, data } = decodeEvent(record, ['media.added']);
    return source === ingestSource ? { id, data: data as MediaAdded } : null;
  } catch {
    return null;
  }
}
