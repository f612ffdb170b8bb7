import { setTimeout as sleep } from 'node:timers/promises';
import { placeNamed, recordId } from '../../events/replay.js';
import type { Transport } from '../transports/transport.js';
import { decodePosition, isSettled } from './position.js';

interface Input {
  group: string;
  from: string;
}

/** A new leader may know less for a moment. */
const looks = { most: 10, everyMs: 300 };

/**
 * Whether a record of a pipeline's input, named as events/replay.ts names it, has its outcome by what is committed, or is
 * kept no more.
 */
export async function isSettledRecord(transport: Transport, { group, from }: Input, record: string): Promise<boolean> {
  const { topic, partition, offset } = placeNamed(record);
  // Of a topic that this pipeline does not read (any more): nobody will come to it.
  if (topic !== from) return true;
  const [ends, positions] = [await transport.ends(from), await transport.positions(group, from)];
  const low = ends.find((end) => end.partition === partition)?.low ?? 0;
  return offset < low || isSettled(decodePosition(positions.get(partition) ?? null), offset);
}

/**
 * Whether no record of that name will have an outcome any more: as `isSettledRecord`, and when its topic was made anew,
 * where another record has its place, or none.
 */
export async function isSettledOrGone(transport: Transport, input: Input, record: string): Promise<boolean> {
  if (await isSettledRecord(transport, input, record)) return true;
  for (let n = 1; ; n++) {
    const there = await recordAt(transport, placeNamed(record));
    if (there !== undefined || n === looks.most) return there !== record;
    await sleep(looks.everyMs);
  }
}

/** The name of the record that lies there; undefined: none does. */
async function recordAt(
  transport: Transport,
  { topic, partition, offset }: ReturnType<typeof placeNamed>,
): Promise<string | undefined> {
  const ends = await transport.ends(topic);
  const from = Object.fromEntries(ends.map((end) => [end.partition, end.high]));
  for await (const record of transport.read(topic, { from: { ...from, [partition]: offset } }))
    if (record.partition === partition) return record.offset === offset ? recordId(record) : undefined;
  return undefined;
}
