import { VimiError } from '../errors.js';
import type { VimiEvent } from './event.js';
import { decodeText, readJsonObject } from './json.js';
import { describeValue, type Mistake, mistakesOf, mistakeText } from './mistakes.js';
import type { NewRecord, StoredRecord } from './record.js';
import { recordTime } from './record-time.js';
import { placeOf } from './replay.js';
import { type EventData, type SchemaName, schemas } from './schemas.js';

/*
 * CloudEvents 1.0 over Kafka records.
 *
 * binary       header ce_id, ce_source, ce_type, ce_specversion = "1.0", ce_time?, ce_subject?, traceparent?
 *              header content-type = application/json; value = data as JSON. Any attribute left out gets its default.
 * structured   header content-type = application/cloudevents+json; value = { specversion, id, source, type, data ... }
 * bare         no such headers; value = data as JSON. Schema: the first of the topic whose required fields are there.
 */

/** Content type of a value that is the whole event. */
export const structuredType = 'application/cloudevents+json';
const limits = { bytes: 4 * 1024 * 1024, depth: 64, values: 100_000 };
/** A reject carries the bytes that were too large, in base64. */
const rejectLimits = { ...limits, bytes: 48 * 1024 * 1024 };
const mostMistakes = 20;

/** `dev.vimi.video.completed.v1`. */
export function eventType(schema: SchemaName): string {
  return `dev.vimi.${schema}.v1`;
}

/**
 * Reads a record of a topic that carries `accepted`. Unknown fields of the data survive.
 * Throws EVENT_MALFORMED (no JSON object in UTF-8, or no value), EVENT_TOO_LARGE (over 4 MiB or 100,000 values),
 * EVENT_UNKNOWN_TYPE, EVENT_INVALID (with everything that is wrong).
 */
export function decodeEvent(record: StoredRecord, accepted: readonly SchemaName[]): VimiEvent {
  const where = `${record.topic}/${record.partition}/${record.offset}`;
  if (record.value === null)
    throw new VimiError('EVENT_MALFORMED', 'This record has no value', { expected: 'a JSON object', where });
  const value = readJsonObject(record.value, accepted.includes('event.rejected') ? rejectLimits : limits, where);
  const headers = readHeaders(record.headers, where);
  const structured = mediaType(headers['content-type']) === structuredType;
  const { attributes, data } = structured ? fromStructured(value) : fromBinary(headers, value);

  const schema = attributes.type === undefined ? infer(data, accepted) : schemaOfType(attributes.type, accepted, where);
  const mistakes = checkAttributes(attributes);
  const checked = schemas[schema].safeParse(data);
  if (!checked.success) mistakes.push(...mistakesOf(checked.error, data));
  if (mistakes.length > 0) throw invalid(schema, mistakes, where);

  const { id, source, time, subject } = attributes as Partial<Record<Attribute, string>>;
  const traceparent = knownTrace(attributes.traceparent);
  return {
    id: id ?? placeOf(record),
    source: source ?? `/${record.topic}`,
    type: eventType(schema),
    schema,
    time: time === undefined ? recordTime(record) : new Date(time).toISOString(),
    ...(subject !== undefined && { subject }),
    ...(traceparent !== undefined && { traceparent }),
    data: checked.data,
  };
}

export interface EventToEncode<N extends SchemaName = SchemaName> {
  schema: N;
  id: string;
  source: string;
  data: EventData<N>;
  topic: string;
  /** Text is written as UTF-8. */
  key: string | Buffer | null;
  /** ISO 8601. Left out: readers take the record's time. */
  time?: string;
  subject?: string;
  traceparent?: string;
}

/** Writes an event as a record in binary mode. Data or attributes that no reader would take are refused: EVENT_INVALID. */
export function encodeEvent<N extends SchemaName>(event: EventToEncode<N>): NewRecord {
  const { schema, id, source, data, topic, key, time, subject, traceparent } = event;
  const mistakes = checkAttributes({ id, source, time, subject });
  const checked = schemas[schema].safeParse(data);
  if (!checked.success) mistakes.push(...mistakesOf(checked.error, data));
  if (mistakes.length > 0) throw invalid(schema, mistakes, `for topic ${topic}`);
  const headers: Record<string, Buffer> = {
    ce_specversion: version,
    ce_id: Buffer.from(id),
    ce_source: Buffer.from(source),
    ce_type: types[schema],
  };
  if (time !== undefined) headers.ce_time = Buffer.from(time);
  if (subject !== undefined) headers.ce_subject = Buffer.from(subject);
  if (traceparent !== undefined) headers.traceparent = Buffer.from(traceparent);
  headers['content-type'] = json;
  return {
    topic,
    key: typeof key === 'string' ? Buffer.from(key) : key,
    value: Buffer.from(JSON.stringify(data)),
    headers,
  };
}

/** What stands in the headers of many records, as bytes. */
const [version, json] = [Buffer.from('1.0'), Buffer.from('application/json')];
const types = Object.fromEntries(
  Object.keys(schemas).map((name) => [name, Buffer.from(eventType(name as SchemaName))]),
) as Record<SchemaName, Buffer>;

type Attribute = 'specversion' | 'id' | 'source' | 'type' | 'time' | 'subject' | 'traceparent';
type Attributes = Partial<Record<Attribute, unknown>>;

const wanted = /^(ce_[a-z0-9]{1,64}|content-type|traceparent)$/i;

/** Header names are compared in lower case: clients differ in how they write content-type. */
function readHeaders(headers: Record<string, Buffer>, where: string): Record<string, string> {
  const read: Record<string, string> = {};
  for (const name of Object.keys(headers))
    if (wanted.test(name)) read[name.toLowerCase()] = decodeText(headers[name]!, `${where}, header ${name}`);
  return read;
}

function mediaType(contentType: string | undefined): string | undefined {
  return contentType?.split(';')[0]?.trim().toLowerCase();
}

function fromBinary(headers: Record<string, string>, data: unknown): { attributes: Attributes; data: unknown } {
  return {
    attributes: {
      specversion: headers.ce_specversion,
      id: headers.ce_id,
      source: headers.ce_source,
      type: headers.ce_type,
      time: headers.ce_time,
      subject: headers.ce_subject,
      traceparent: headers.traceparent ?? headers.ce_traceparent,
    },
    data,
  };
}

function fromStructured(event: Record<string, unknown>): { attributes: Attributes; data: unknown } {
  const { data, ...attributes } = event;
  return { attributes, data };
}

function schemaOfType(type: unknown, accepted: readonly SchemaName[], where: string): SchemaName {
  const schema = accepted.find((name) => eventType(name) === type);
  if (schema) return schema;
  throw new VimiError('EVENT_UNKNOWN_TYPE', 'This topic carries no such type', {
    expected: accepted.map(eventType).join(' or '),
    found: describeValue(type),
    where,
  });
}

function infer(data: unknown, accepted: readonly SchemaName[]): SchemaName {
  const fields = typeof data === 'object' && data !== null ? data : {};
  const fits = (name: SchemaName) => requiredFields[name].every((field) => Object.hasOwn(fields, field));
  const schema = accepted.find(fits) ?? accepted[0];
  if (!schema) throw new VimiError('INTERNAL', 'A topic was read that carries no schema');
  return schema;
}

const requiredFields = Object.fromEntries(
  Object.entries(schemas).map(([name, { shape }]) => [
    name,
    Object.entries(shape).flatMap(([field, type]) => (type.safeParse(undefined).success ? [] : [field])),
  ]),
) as Record<SchemaName, string[]>;

const traceContext = /^[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}(-[!-~]{0,200})?$/;

/** A trace that cannot be read is left out rather than refused, as W3C Trace Context asks. */
function knownTrace(value: unknown): string | undefined {
  return typeof value === 'string' && traceContext.test(value) ? value : undefined;
}

/** CloudEvents allows neither control characters nor halves of surrogate pairs in text. */
const unprintable = /[\p{Cc}\p{Cs}]/u;
const longest = [
  ['id', 512],
  ['source', 1024],
  ['subject', 1024],
] as const;

function checkAttributes(attributes: Attributes): Mistake[] {
  const mistakes: Mistake[] = [];
  const refuse = (name: string, expected: string, found: unknown) =>
    mistakes.push({ path: [`ce_${name}`], expected, found: JSON.stringify(found).slice(0, 80) });
  for (const [name, most] of longest) {
    const text = attributes[name];
    if (text === undefined) continue;
    if (typeof text !== 'string' || text.length < 1 || text.length > most || unprintable.test(text))
      refuse(name, `1 to ${most} printable characters`, text);
  }
  const { specversion, time } = attributes;
  if (specversion !== undefined && specversion !== '1.0') refuse('specversion', '1.0', specversion);
  if (time !== undefined && !(typeof time === 'string' && isMoment(time)))
    refuse('time', 'a moment such as 2026-01-31T12:00:00Z', time);
  return mistakes;
}

/** RFC 3339, any offset. */
function isMoment(text: string): boolean {
  return (
    /^\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)$/.test(text) && !Number.isNaN(Date.parse(text))
  );
}

function invalid(schema: SchemaName, mistakes: Mistake[], where: string): VimiError {
  const shown = mistakes.slice(0, mostMistakes).map(mistakeText);
  if (mistakes.length > mostMistakes) shown.push(`and ${mistakes.length - mostMistakes} more`);
  return new VimiError('EVENT_INVALID', `This is no valid ${schema}: ${shown.join('; ')}`, { where });
}
