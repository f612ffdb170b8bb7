import { encodeEvent } from '../../events/cloudevents.js';
import { placeOf, replayRecord } from '../../events/replay.js';
import type { EventRejected } from '../../events/schemas.js';
import type { Workspace } from '../workspace.js';
import { type DeadLetter, isWaiting, letterOf, rejectsOf } from './dead-letters.js';

/** Published at once; bytes of values in base64. */
const most = { events: 500, bytes: 16 * 1024 * 1024 };

/** Where a record was published. */
export interface PublishedAt {
  topic: string;
  partition: number;
  offset: number;
}

/**
 * Publishes those that wait again: the original bytes and headers, to their own topics, under their own ids. What was replayed
 * before is passed over, so that a replay that was interrupted can be given again.
 */
export async function* replayLetters(
  workspace: Workspace,
  letters: readonly DeadLetter[],
): AsyncGenerator<{ letter: DeadLetter; as: PublishedAt }> {
  const waiting = new Map(letters.filter(isWaiting).map((one) => [letterOf(one), one]));
  const transport = await workspace.transport();
  const batch: { letter: DeadLetter; reject: EventRejected }[] = [];
  let bytes = 0;
  async function* publish() {
    const now = batch.splice(0);
    bytes = 0;
    const places = await transport.publish(now.map(({ reject }) => replayRecord(reject)));
    for (const [n, { letter }] of now.entries()) yield { letter, as: places[n]! };
  }
  // Read again, so that no more of them is in memory than one batch.
  for await (const { data } of rejectsOf(workspace)) {
    const letter = waiting.get(letterOf({ place: placeOf(data.origin), written: data.origin.timestamp }));
    // The first that tells of it, as in the list.
    if (!letter || !waiting.delete(letterOf(letter))) continue;
    batch.push({ letter, reject: data });
    bytes += data.origin.value?.length ?? 0;
    if (batch.length >= most.events || bytes >= most.bytes) yield* publish();
  }
  if (batch.length > 0) yield* publish();
}

/**
 * Says that nothing is to be done about those that wait: they are no longer listed, nor replayed. A record on their own
 * topic of rejects, so that it is so for everybody. Gives them.
 */
export async function dismissLetters(workspace: Workspace, letters: readonly DeadLetter[]): Promise<DeadLetter[]> {
  const waiting = letters.filter(isWaiting);
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
  return waiting;
}
