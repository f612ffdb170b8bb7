import { decodeEvent } from '../../events/cloudevents.js';
import type { MediaSettled } from '../../events/schemas.js';
import type { Transport } from '../../streams/transports/transport.js';

/** What was told from these offsets on, oldest first in each partition; records that are none are passed over. */
export async function* outcomesSince(
  transport: Transport,
  topic: string,
  from: Record<number, number> = {},
): AsyncGenerator<MediaSettled> {
  for await (const record of transport.read(topic, { from })) {
    if (record.value === null) continue;
    try {
      yield decodeEvent(record, ['media.settled']).data as MediaSettled;
    } catch {
      // A stranger's: the topic is open to all who may write.
    }
  }
}
