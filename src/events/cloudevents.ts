import { cutText } from '../core/cut-text.js';
import { VimiError } from '../core/errors.js';
import type { VimiEvent } from './event.js';
import { within } from './input.js';
import { decodeText, readJsonObject, writeJson } from './json.js';
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
 * structured   header content-type = application/cloudevents+json, or no ce_ header and a value that says specversion
 *              and type; value = { specversion, id, source, type, data or data_base64 ... }
 * bare         no such headers; value = data as JSON. Schema: the first of the topic whose required fields are there.
 *
 * Clients differ in small things, so ce-id is read as ce_id, contentType as content-type, an attribute that is null
 * as one that is left out, data that is a JSON text as what it says, and a value may follow the five bytes that
 * serialisers with a schema registry put before it.
 */

/** Content type of a value that is the whole event. */
export const structuredType = 'application/cloudevents+json';
const batchType = 'application/cloudevents-batch+json';
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
  const value = readJsonObject(
    withoutSchemaId(record.value),
    accepted.includes('event.rejected') ? rejectLimits : limits,
    where,
  );
  const headers = readHeaders(record.headers, where);
  const type = mediaType(headers['content-type']);
  if (type === batchType)
    throw new VimiError('EVENT_MALFORMED', 'A record must hold one event', {
      expected: structuredType,
      found: type,
      where,
    });
  const { attributes: given, data } =
    type === structuredType || isWholeEvent(headers, value) ? fromStructured(value, where) : fromBinary(headers, value);
  const attributes = spoken(given);

  const schema = attributes.type === undefined ? infer(data, accepted) : schemaOfType(attributes.type, accepted, where);
  const mistakes = checkAttributes(attributes);
  const checked = schemas[schema].safeParse(data);
  if (!checked.success) mistakes.push(...mistakesOf(checked.error, data));
  if (mistakes.length > 0) throw invalid(schema, mistakes, where);

  const { id, source, time, subject } = attributes as Partial<Record<Attribute, string>>;
  const traceparent = knownTrace(attributes.traceparent);
  const event: VimiEvent = {
    id: id ?? placeOf(record),
    source: source ?? `/${record.topic}`,
    type: eventType(schema),
    schema,
    time: time === undefined ? recordTime(record) : new Date(asMoment(time)).toISOString(),
    data: checked.data,
  };
  if (subject !== undefined) event.subject = subject;
  if (traceparent !== undefined) event.traceparent = traceparent;
  return event;
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

/** Writes an event as a record in binary mode. Data or attributes that no reader would take are refused: EVENT_INVALID, EVENT_MALFORMED. */
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
    value: Buffer.from(writeJson(data, `for topic ${topic}`)),
    headers,
  };
}

/** What stands in the headers of many records, as bytes. */
const [version, json] = [Buffer.from('1.0'), Buffer.from('application/json')];
export const types = Object.fromEntries(
  Object.keys(schemas).map((name) => [name, Buffer.from(eventType(name as SchemaName))]),
) as Record<SchemaName, Buffer>;

const attributeNames = ['specversion', 'id', 'source', 'type', 'time', 'subject', 'traceparent'] as const;
type Attribute = (typeof attributeNames)[number];
type Attributes = Partial<Record<Attribute, unknown>>;

const wanted = /^(?:ce[_-]([a-z0-9]{1,64})|(content[_-]?type)|traceparent)$/i;

/** By their names in lower case, as this file writes them. */
function readHeaders(headers: Record<string, Buffer>, where: string): Record<string, string> {
  const read: Record<string, string> = {};
  for (const [given, bytes] of Object.entries(headers)) {
    const known = wanted.exec(given);
    if (!known) continue;
    const name = known[1] ? `ce_${known[1]}` : known[2] ? 'content-type' : given;
    read[name.toLowerCase()] = decodeText(bytes, `${where}, header ${given}`);
  }
  return read;
}

/** Some clients write every header as JSON, in quotes. */
function mediaType(contentType: string | undefined): string | undefined {
  return contentType?.split(';')[0]?.replaceAll('"', '').trim().toLowerCase();
}

/** Serialisers with a schema registry write a zero and four bytes of the schema's number first. No JSON begins so. */
function withoutSchemaId(value: Buffer): Buffer {
  return value.length > 5 && value[0] === 0 && value[5] === 0x7b ? value.subarray(5) : value;
}

/** Whether a value is a whole event though no header says so: then there are none that say otherwise. */
function isWholeEvent(headers: Record<string, string>, value: Record<string, unknown>): boolean {
  if (Object.keys(headers).some((name) => name.startsWith('ce_'))) return false;
  return (
    typeof value.specversion === 'string' &&
    typeof value.type === 'string' &&
    ('data' in value || 'data_base64' in value)
  );
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

function fromStructured(event: Record<string, unknown>, where: string): { attributes: Attributes; data: unknown } {
  const { data, data_base64: packed, ...attributes } = event;
  if (packed !== undefined && packed !== null) {
    if (typeof packed !== 'string' || !base64.test(packed))
      throw new VimiError('EVENT_MALFORMED', 'data_base64 of this event cannot be read', {
        expected: 'base64 of a JSON object',
        found: describeValue(packed),
        where,
      });
    return { attributes, data: readJsonObject(Buffer.from(packed, 'base64'), limits, `${where}, data_base64`) };
  }
  if (typeof data === 'string' && data.trimStart().startsWith('{'))
    return { attributes, data: readJsonObject(Buffer.from(data), limits, `${where}, data`) };
  return { attributes, data };
}

/** Padded or not. */
const base64 = /^[A-Za-z0-9+/\s]*={0,2}\s*$/;

/** Those that say something. An id or a source that is empty was meant to be one: it is refused, not replaced. */
function spoken(attributes: Attributes): Attributes {
  const those: Attributes = {};
  for (const name of attributeNames) {
    const value = attributes[name];
    if (value === undefined || value === null || (value === '' && name !== 'id' && name !== 'source')) continue;
    those[name] = value;
  }
  return those;
}

function schemaOfType(type: unknown, accepted: readonly SchemaName[], where: string): SchemaName {
  const schema = accepted.find((name) => eventType(name) === type);
  if (schema) return schema;
  throw new VimiError('EVENT_UNKNOWN_TYPE', 'This topic does not carry this type', {
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
    mistakes.push({ path: [`ce_${name}`], expected, found: cutText(JSON.stringify(found), 80) });
  for (const [name, most] of longest) {
    const text = attributes[name];
    if (text === undefined) continue;
    if (typeof text !== 'string' || !within(text, 1, most) || unprintable.test(text))
      refuse(name, `1 to ${most} printable characters`, text);
  }
  const { specversion, time } = attributes;
  if (specversion !== undefined && specversion !== '1.0') refuse('specversion', '1.0', specversion);
  if (time !== undefined && !(typeof time === 'string' && isMoment(time)))
    refuse('time', 'a moment such as 2026-01-31T12:00:00Z', time);
  return mistakes;
}

/** RFC 3339, any offset; a space for the T, as it allows. A leap second counts as the second before it. */
function isMoment(text: string): boolean {
  return (
    /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d{1,20})?([Zz]|[+-]\d\d:\d\d)$/.test(text) &&
    !Number.isNaN(Date.parse(asMoment(text)))
  );
}

function asMoment(text: string): string {
  return text.replace(' ', 'T').replace(/:60(?=[.Zz+-])/, ':59');
}

function invalid(schema: SchemaName, mistakes: Mistake[], where: string): VimiError {
  const shown = mistakes.slice(0, mostMistakes).map(mistakeText);
  if (mistakes.length > mostMistakes) shown.push(`and ${mistakes.length - mostMistakes} more`);
  return new VimiError('EVENT_INVALID', `Not a valid ${schema}: ${shown.join('; ')}`, { where });
}
