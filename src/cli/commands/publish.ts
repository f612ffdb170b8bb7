import { fstatSync } from 'node:fs';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type { Workspace } from '../../app/workspace.js';
import { counted } from '../../core/counted.js';
import { didYouMean } from '../../core/did-you-mean.js';
import { VimiError } from '../../core/errors.js';
import { decodeEvent, structuredType } from '../../events/cloudevents.js';
import type { NewRecord } from '../../events/record.js';
import { placeOf } from '../../events/replay.js';
import { unknownFields } from '../../events/unknown-fields.js';
import { printable } from '../printable.js';

export interface PublishOptions {
  /** Of every event; without one they are spread over the partitions. */
  key?: string;
  /** Publish no event: a record without a value, which removes what is kept under the key. */
  tombstone?: boolean;
  /** Publish lines as they are, good or bad. */
  raw?: boolean;
  json?: boolean;
}

const batch = 500;
const longestLine = 4 * 1024 * 1024;
/** Fields that nothing reads are told of, so many times. */
const mostWarnings = 20;

interface Waiting {
  record: NewRecord;
  /** Its own; of an event that has none it follows from its place. */
  id?: string;
}

/**
 * Publishes one event a line, the data alone or a whole CloudEvent. Every line is checked before the first batch that
 * holds it goes out; a bad one ends the command with its number, and what was published before it is said. Each event's
 * place and id are printed.
 */
export async function publish(
  workspace: Workspace,
  topic: string,
  lines: Readable & { fd?: number },
  options: PublishOptions,
  out: NodeJS.WritableStream,
  warn: (line: string) => void = (line) => void process.stderr.write(`${printable(line)}\n`),
): Promise<void> {
  const declared = workspace.topic(topic);
  if (options.tombstone && (options.key === undefined || declared.cleanup !== 'compact'))
    throw new VimiError('USAGE', 'A tombstone removes what a compacted topic keeps under a key', {
      expected: options.key === undefined ? '--key with it' : 'a topic with cleanup: compact',
      found: options.key === undefined ? 'no key' : `cleanup: ${declared.cleanup}`,
      where: topic,
    });
  if (!options.tombstone) checkReadable(lines);
  const transport = await workspace.transport();
  const key = options.key === undefined ? null : Buffer.from(options.key);
  let published = 0;
  let waiting: Waiting[] = [];
  const flush = async () => {
    const places = await transport.publish(waiting.map(({ record }) => record));
    for (const [n, place] of places.entries()) {
      const id = waiting[n]!.id ?? placeOf(place);
      const tombstone = waiting[n]!.record.value === null;
      if (options.json)
        out.write(
          `${JSON.stringify({ ...placed(place), key: options.key ?? null, ...(tombstone ? { tombstone } : { id }) })}\n`,
        );
      else
        out.write(`${place.topic}/${place.partition}/${place.offset}  ${tombstone ? `removed ${options.key}` : id}\n`);
    }
    published += waiting.length;
    waiting = [];
  };

  if (options.tombstone) waiting.push({ record: { topic, key, value: null, headers: {} } });
  else await readLines();
  await flush();
  if (!options.json) out.write(`published ${counted(published, 'event')} to ${topic}\n`);

  async function readLines(): Promise<void> {
    let number = 0;
    let warnings = 0;
    for await (const line of linesOf(lines)) {
      number++;
      if (line.trim() === '') continue;
      if (line.length > longestLine)
        throw new VimiError('EVENT_TOO_LARGE', 'This line is too long', {
          expected: `at most ${longestLine} characters`,
          found: `${line.length}`,
          where: `line ${number}; published before it: ${counted(published, 'event')}`,
        });
      const { headers, id } = envelopeOf(line);
      const record: NewRecord = { topic, key, value: Buffer.from(line), headers };
      if (!options.raw) warnings += await check(record, number, mostWarnings - warnings);
      waiting.push({ record, id });
      if (waiting.length >= batch) await flush();
    }
    if (warnings > mostWarnings) warn(`warning: ${warnings - mostWarnings} more unknown fields`);
  }

  /** Throws what is wrong with the line; gives the number of its fields that nothing reads, `most` of which are told. */
  async function check(record: NewRecord, number: number, most: number): Promise<number> {
    try {
      const event = decodeEvent({ ...record, partition: 0, offset: number, timestamp: 0 }, declared.schemas);
      const unknown = unknownFields(event.schema, event.data);
      for (const { path, known } of unknown.slice(0, Math.max(0, most))) {
        const meant = didYouMean(path.split('.').at(-1)!, known);
        warn(`warning: line ${number}: the field '${path}' is unknown${meant}; the event is published as it is`);
      }
      return unknown.length;
    } catch (thrown) {
      if (!(thrown instanceof VimiError)) throw thrown;
      await flush();
      // The place that it names is none yet: nothing of this line was published.
      const why = thrown.message.replace(` (${thrown.where})`, '');
      throw new VimiError(thrown.code, `Line ${number} is not an event of '${topic}': ${why}`, {
        where: `published before it: ${counted(published, 'event')}`,
        cause: thrown,
      });
    }
  }
}

function placed({ topic, partition, offset }: { topic: string; partition: number; offset: number }) {
  return { topic, partition, offset };
}

/** A folder gives no lines, and no error either until somebody listens. */
function checkReadable({ fd }: { fd?: number }): void {
  if (fd === undefined || !fstatSync(fd).isDirectory()) return;
  throw notLines('a folder', new Error('EISDIR'));
}

/** The lines of a stream; a stream that fails ends them with its error, which readline alone would swallow. */
async function* linesOf(input: Readable): AsyncGenerator<string> {
  let failure: Error | undefined;
  const reader = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
  input.once('error', (error) => {
    failure = error;
    reader.close();
  });
  yield* reader;
  if (failure) throw notLines(failure.message, failure);
}

function notLines(found: string, cause: Error): VimiError {
  return new VimiError('USAGE', 'Standard input cannot be read', {
    expected: 'a file or a pipe of lines',
    found,
    cause,
  });
}

/** A line may be a whole CloudEvent, which has an id of its own, or the data of one. */
function envelopeOf(line: string): { headers: NewRecord['headers']; id?: string } {
  if (!line.includes('"specversion"')) return { headers: {} };
  try {
    const { specversion, type, data, data_base64: base64, id } = JSON.parse(line);
    const whole = typeof specversion === 'string' && typeof type === 'string' && (typeof data === 'object' || base64);
    if (!whole) return { headers: {} };
    return { headers: { 'content-type': Buffer.from(structuredType) }, ...(typeof id === 'string' && { id }) };
  } catch {
    return { headers: {} };
  }
}
