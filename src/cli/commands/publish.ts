import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { VimiError } from '../../errors.js';
import { decodeEvent, structuredType } from '../../events/cloudevents.js';
import type { NewRecord } from '../../events/record.js';
import type { Workspace } from '../workspace.js';

export interface PublishOptions {
  /** Publish lines as they are, good or bad. */
  raw?: boolean;
  json?: boolean;
}

const batch = 500;
const longestLine = 4 * 1024 * 1024;

/**
 * Publishes one event a line, the data alone or a whole CloudEvent. Every line is checked before the first batch that
 * holds it goes out; a bad one ends the command with its number, and what was published before it is said.
 */
export async function publish(
  workspace: Workspace,
  topic: string,
  lines: Readable,
  options: PublishOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const declared = workspace.topic(topic);
  const transport = await workspace.transport();
  let published = 0;
  /** `id`: its own; of an event that has none it follows from its place. */
  let waiting: { record: NewRecord; id?: string }[] = [];
  const flush = async () => {
    const places = await transport.publish(waiting.map(({ record }) => record));
    if (options.json)
      for (const [n, { topic, partition, offset }] of places.entries()) {
        const id = waiting[n]!.id ?? `${topic}-${partition}-${offset}`;
        out.write(`${JSON.stringify({ topic, partition, offset, id })}\n`);
      }
    published += waiting.length;
    waiting = [];
  };

  let number = 0;
  for await (const line of createInterface({ input: lines, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    if (line.trim() === '') continue;
    if (line.length > longestLine)
      throw new VimiError('EVENT_TOO_LARGE', 'This line is too long', {
        expected: `at most ${longestLine} characters`,
        found: `${line.length}`,
        where: `line ${number}; ${published} events were published before it`,
      });
    const { headers, id } = envelopeOf(line);
    const record: NewRecord = { topic, key: null, value: Buffer.from(line), headers };
    if (!options.raw) {
      try {
        decodeEvent({ ...record, partition: 0, offset: number, timestamp: 0 }, declared.schemas);
      } catch (thrown) {
        if (!(thrown instanceof VimiError)) throw thrown;
        await flush();
        // The place that it names is none yet: nothing of this line was published.
        const why = thrown.message.replace(` (${thrown.where})`, '');
        throw new VimiError(thrown.code, `Line ${number} is not an event of '${topic}': ${why}`, {
          where: `${published} events were published before it`,
          cause: thrown,
        });
      }
    }
    waiting.push({ record, id });
    if (waiting.length >= batch) await flush();
  }
  await flush();
  if (!options.json) out.write(`published ${published} ${published === 1 ? 'event' : 'events'} to ${topic}\n`);
}

/** A line may be a whole CloudEvent, which has an id of its own, or the data of one. */
function envelopeOf(line: string): { headers: NewRecord['headers']; id?: string } {
  if (!line.includes('"specversion"')) return { headers: {} };
  try {
    const { specversion, type, data, id } = JSON.parse(line);
    const whole = typeof specversion === 'string' && typeof type === 'string' && typeof data === 'object';
    if (!whole) return { headers: {} };
    return { headers: { 'content-type': Buffer.from(structuredType) }, ...(typeof id === 'string' && { id }) };
  } catch {
    return { headers: {} };
  }
}
