import { createHash } from 'node:crypto';
import type { Clock } from '../../core/clock.js';
import { VimiError } from '../../core/errors.js';
import { encodeEvent } from '../../events/cloudevents.js';
import type { ObjectRef } from '../../events/prompt.js';
import type { NewRecord } from '../../events/record.js';
import type { EventData } from '../../events/schemas.js';
import type { Product } from '../../flow/flow.js';
import { besideKey } from '../../stores/objects/object-key.js';
import type { ObjectStore } from '../../stores/objects/object-store.js';
import type { SinkSpec } from './pipeline-spec.js';
import { pipelineSource } from './rejects.js';

/** Stores a product's bytes and gives the records that tell of it: at once where nothing is stored. */
export type Sinks = (product: Product, origin?: Origin) => Promise<NewRecord[]> | NewRecord[];

type Topic = Extract<SinkSpec, { topic: string }>;

/** The record that a product comes from. */
interface Origin {
  key: Buffer | null;
  traceparent?: string | undefined;
}

/**
 * The sinks of a pipeline. Objects come before the event that names them, and their names follow from the event or from
 * the bytes: a redo writes the same bytes to the same place, or others beside them, and nobody reads of an object that is
 * not there. The event goes to each topic that carries its schema, under the key of the record it comes from, or its own id
 * where that had none. A link is made for the one record that is published: a redo makes another.
 */
export function createSinks(
  to: readonly SinkSpec[],
  { pipeline, objects, clock }: { pipeline: string; objects: () => ObjectStore; clock: Clock },
): Sinks {
  const stores = to.filter((sink) => 'objects' in sink);
  const topics = to.filter((sink) => 'topic' in sink);
  const source = pipelineSource(pipeline);

  const recordOf = ({ schema, topic }: Topic, { id, data }: Product, origin: Origin | undefined, more?: object) =>
    encodeEvent({
      schema,
      id,
      source,
      topic,
      time: new Date(clock.now()).toISOString(),
      traceparent: origin?.traceparent,
      key: origin?.key ?? id,
      data: (more ? { ...data, ...more } : data) as EventData<typeof schema>,
    });

  /** What the event says of its objects, the last of which is the product's own. */
  const stored = async (product: Product) => {
    let object: ObjectRef | undefined;
    const beside: Record<string, object> = {};
    for (const { objects: pattern } of stores) {
      const byContent = pattern.includes('{digest}');
      const how = { mediaType: product.mediaType, byContent };
      object = await objects().put(objectKey(pattern, product.fields), product.body, how);
      for (const { ending, body, mediaType, named } of product.beside ?? []) {
        const key = besideKey(object.key, ending.replace('{digest}', digestOf(body)));
        const how = { mediaType, byContent: byContent || ending.includes('{digest}') };
        const stored = await objects().put(key, body, how);
        if (named) beside[named.field] = { ...stored, ...named.more };
      }
    }
    return { object: object!, beside };
  };

  const storedAndTold = async (product: Product, tell: readonly Topic[], origin: Origin | undefined) => {
    const { object, beside } = await stored(product);
    const records: NewRecord[] = [];
    for (const topic of tell) {
      const link = topic.linkSeconds ? await objects().link?.(object.key, topic.linkSeconds) : undefined;
      records.push(recordOf(topic, product, origin, { object, ...beside, ...(link && { link }) }));
    }
    return records;
  };

  return (product, origin) => {
    const tell = topics.filter(({ schema }) => schema === product.schema);
    if (stores.length > 0) return storedAndTold(product, tell, origin);
    return tell.map((topic) => recordOf(topic, product, origin));
  };
}

/**
 * Fills a pattern such as `videos/{job}.mp4`. Throws OBJECT_KEY_INVALID for a field that the product lacks. A value is
 * one segment of the key: what else it holds than letters, digits, dot, dash and underscore is replaced, and a hash of
 * the whole added, so that two values never share a name.
 */
function objectKey(pattern: string, fields: Record<string, string>): string {
  return pattern.replace(/\{(\w+)\}/g, (_, field: string) => {
    const value = Object.hasOwn(fields, field) ? fields[field] : undefined;
    if (value === undefined)
      throw new VimiError(
        'OBJECT_KEY_INVALID',
        `The name of this object needs {${field}}, which the event does not have`,
        {
          expected: Object.keys(fields)
            .map((name) => `{${name}}`)
            .join(' or '),
          where: pattern,
        },
      );
    return segment(value);
  });
}

function digestOf(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 16);
}

function segment(value: string): string {
  const plain = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(value);
  // What looks like a replaced name is replaced as well, else it could be made to meet another's.
  if (plain && !/-[0-9a-f]{32}$/.test(value)) return value;
  const hash = createHash('sha256').update(value).digest('hex').slice(0, 32);
  const start = value.replace(/[^A-Za-z0-9_-]+/g, '_').slice(0, 80);
  return `${start || '_'}-${hash}`;
}
