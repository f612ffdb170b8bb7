import { z } from 'zod';
import { catalogue, headers } from '../../events/catalogue.js';
import { eventType } from '../../events/cloudevents.js';
import { type SchemaName, schemas } from '../../events/schemas.js';
import type { TopicDeclaration, Topology } from '../../streams/topology/topology.js';

const kafka = '0.5.0';
const reference = (path: string) => ({ $ref: `#/${path}` });

/** The topics of a topology as an AsyncAPI 3.0 document: what may be written to each, and what is read from it. */
export function asyncapi({ topics, pipelines }: Topology, version: string): object {
  const carried = [...new Set([...topics.values()].flatMap((topic) => topic.schemas))];
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'vimi',
      version,
      description:
        'Prompts and media in, videos and training samples out. Generated from topology.yaml and src/events.',
      license: { name: 'Apache-2.0', url: 'https://www.apache.org/licenses/LICENSE-2.0' },
    },
    defaultContentType: 'application/json',
    channels: Object.fromEntries([...topics.values()].map((topic) => [topic.name, channel(topic)])),
    operations: Object.fromEntries(pipelines.flatMap(operations)),
    components: {
      messages: Object.fromEntries(carried.map((schema) => [schema, message(schema)])),
      schemas: Object.fromEntries([
        ...carried.map((schema) => [schema, jsonSchema(schema, 'draft-07')]),
        ['headers', headersSchema()],
      ]),
    },
  };
}

function channel({ name, schemas: carried, partitions, cleanup, retentionMs }: TopicDeclaration): object {
  return {
    address: name,
    description: carried.map((schema) => catalogue[schema].summary).join(' '),
    messages: Object.fromEntries(carried.map((schema) => [schema, reference(`components/messages/${schema}`)])),
    bindings: {
      kafka: {
        topic: name,
        partitions,
        topicConfiguration: { 'cleanup.policy': [cleanup], 'retention.ms': retentionMs ?? -1 },
        bindingVersion: kafka,
      },
    },
  };
}

function operations({ name, from, to, group, rejects }: Topology['pipelines'][number]): [string, object][] {
  const outputs = [...to.flatMap((sink) => ('topic' in sink ? [sink.topic] : [])), ...(rejects ? [rejects] : [])];
  return [
    [
      `${name}.receive.${from}`,
      {
        action: 'receive',
        channel: reference(`channels/${from}`),
        summary: `The pipeline ${name} starts with these.`,
        bindings: { kafka: { groupId: { type: 'string', enum: [group] }, bindingVersion: kafka } },
      },
    ],
    ...outputs.map((topic): [string, object] => [
      `${name}.send.${topic}`,
      {
        action: 'send',
        channel: reference(`channels/${topic}`),
        summary:
          topic === rejects ? `What the pipeline ${name} could not handle.` : `The pipeline ${name} ends in these.`,
      },
    ]),
  ];
}

function message(schema: SchemaName): object {
  const { summary, key, example } = catalogue[schema];
  return {
    name: eventType(schema),
    title: schema,
    summary,
    contentType: 'application/json',
    headers: reference('components/schemas/headers'),
    payload: reference(`components/schemas/${schema}`),
    bindings: { kafka: { key: { type: 'string', description: key }, bindingVersion: kafka } },
    examples: [{ name: 'bare', summary: 'Without headers', payload: example }],
  };
}

function headersSchema(): object {
  const properties = headers.map(({ name, example, meaning, fallback }) => [
    name,
    { type: 'string', description: fallback ? `${meaning}; left out: ${fallback}` : meaning, examples: [example] },
  ]);
  return { type: 'object', description: 'CloudEvents 1.0, binary mode.', properties: Object.fromEntries(properties) };
}

/** An event's data as JSON Schema. */
export function jsonSchema(schema: SchemaName, target: 'draft-07' | 'draft-2020-12'): object {
  const { $schema, ...rest } = z.toJSONSchema(schemas[schema], { io: 'input', target });
  const title = { title: schema, description: catalogue[schema].summary };
  return target === 'draft-07' ? { ...title, ...rest } : { $schema, ...title, ...rest };
}
