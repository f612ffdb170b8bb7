import { decodeEvent } from '../events/cloudevents.js';
import type { VimiEvent } from '../events/event.js';
import type { SchemaName } from '../events/schemas.js';
import type { Transport } from '../streams/transports/transport.js';

/** The next offset of each partition: where what comes later begins. */
export async function endsOf(transport: Transport, topic: string): Promise<Record<number, number>> {
  return Object.fromEntries((await transport.ends(topic)).map(({ partition, high }) => [partition, high]));
}

/** What was committed to a topic since `from`. */
export async function recordsAfter<T>(
  transport: Transport,
  topic: string,
  from: Record<number, number>,
  schema: SchemaName,
): Promise<VimiEvent<T>[]> {
  const events: VimiEvent<T>[] = [];
  for await (const record of transport.read(topic, { from }))
    events.push(decodeEvent(record, [schema]) as VimiEvent<T>);
  return events;
}
