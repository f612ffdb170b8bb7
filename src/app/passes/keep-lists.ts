import { createHash } from 'node:crypto';
import { didYouMean } from '../../core/did-you-mean.js';
import { asVimiError, VimiError } from '../../core/errors.js';
import { decodeEvent, encodeEvent } from '../../events/cloudevents.js';
import type { StoredRecord } from '../../events/record.js';
import type { CorpusPassed } from '../../events/schemas.js';
import { type KeepList, type LeftOut, readKeepList, writeKeepList } from '../../stores/keep-lists/keep-list.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';
import type { Transport } from '../../streams/transports/transport.js';

/*
 * A keep-list is an object, and an event of the compacted topic of passes that names it, under the name of the list. It
 * removes nothing: commands and the step `shard` apply it where they are told its name, and forgetting it takes all back.
 */

export interface KeepListPlace {
  transport: Transport;
  objects: ObjectStore;
  /** Of passes. */
  topic: string;
}

/** What passes say now, by the name of their lists. */
export async function keepLists({ transport, topic }: Pick<KeepListPlace, 'transport' | 'topic'>) {
  const lists = new Map<string, CorpusPassed>();
  for await (const record of transport.read(topic)) {
    const key = record.key?.toString();
    if (key === undefined) continue;
    lists.delete(key);
    const pass = passIn(record);
    if (pass) lists.set(key, pass);
  }
  return lists;
}

/** The list of this name as it is now. USAGE if there is none. */
export async function openKeepList(name: string, place: KeepListPlace): Promise<KeepList> {
  for (let gone: string | undefined; ; ) {
    const { list } = await passOf(name, place);
    try {
      const bytes = await place.objects.get(list.key, { sha256: list.sha256 });
      return readKeepList(name, bytes.toString(), list.key);
    } catch (thrown) {
      // Another list took its place since its name was looked up.
      if (asVimiError(thrown).code !== 'OBJECT_NOT_FOUND' || list.key === gone) throw thrown;
      gone = list.key;
    }
  }
}

/** Under a name that may be there already: then it takes its place. Gives what the event says. */
export async function storeKeepList(
  pass: Pick<CorpusPassed, 'name' | 'pass' | 'settings' | 'position' | 'documents'>,
  lines: readonly LeftOut[],
  { transport, objects, topic }: KeepListPlace,
): Promise<CorpusPassed> {
  const before = (await keepLists({ transport, topic })).get(pass.name);
  const body = Buffer.from(writeKeepList(lines));
  const key = `keep-lists/${pass.name}-${sha256(body).slice(0, 16)}.jsonl`;
  const list = await objects.put(key, body, { mediaType: 'application/x-ndjson', byContent: true });
  const data: CorpusPassed = { ...pass, left_out: lines.length, list };
  await transport.publish([
    encodeEvent({
      schema: 'corpus.passed',
      id: `${pass.name}-${list.sha256}`,
      source: '/vimi/corpus',
      topic,
      key: pass.name,
      data,
    }),
  ]);
  if (before && before.list.key !== key) await removeList(before, objects);
  return data;
}

/** It applies to nothing any more. USAGE if there is none. */
export async function forgetKeepList(name: string, place: KeepListPlace): Promise<void> {
  const pass = await passOf(name, place);
  await place.transport.publish([{ topic: place.topic, key: Buffer.from(name), value: null, headers: {} }]);
  await removeList(pass, place.objects);
}

/** Whoever may publish on the topic cannot have other objects removed. */
async function removeList({ list }: CorpusPassed, objects: ObjectStore): Promise<void> {
  if (list.key.startsWith('keep-lists/')) await objects.remove(list.key);
}

/** null: it was forgotten, or is a stranger's record. */
function passIn(record: StoredRecord): CorpusPassed | null {
  if (record.value === null) return null;
  try {
    return decodeEvent(record, ['corpus.passed']).data as CorpusPassed;
  } catch (thrown) {
    if (thrown instanceof VimiError) return null;
    throw thrown;
  }
}

async function passOf(name: string, place: KeepListPlace): Promise<CorpusPassed> {
  const lists = await keepLists(place);
  const found = lists.get(name);
  if (found) return found;
  const names = [...lists.keys()];
  throw new VimiError('USAGE', `There is no keep-list '${name}'${didYouMean(name, names)}`, {
    expected: names.length > 0 ? names.join(' or ') : 'a list that `vimi corpus pass` made',
  });
}

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
