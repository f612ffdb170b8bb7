import { errorCodes } from '../../errors.js';
import { catalogue, headers } from '../../events/catalogue.js';
import { eventType } from '../../events/cloudevents.js';
import type { SchemaName } from '../../events/schemas.js';
import type { TopicDeclaration, Topology } from '../../streams/topology/topology.js';
import { jsonSchema } from './asyncapi.js';
import { fenced, fieldRows, table } from './markdown.js';

/** The page for people who publish to the topics or read them. */
export function topicsPage(topology: Topology): string {
  const topics = [...topology.topics.values()];
  return `${[
    '# Topics',
    'What travels on each topic of topology.yaml, who writes it and who reads it. Generated: the schemas are those that the running system checks ([JSON Schema](schemas), [AsyncAPI](asyncapi.json)), and every example here has been checked against them.',
    table(
      ['Topic', 'Carries', 'Partitions', 'Kept'],
      topics.map((topic) => [
        `[${topic.name}](#${topic.name.toLowerCase()})`,
        topic.schemas.join(', '),
        String(topic.partitions),
        kept(topic),
      ]),
    ),
    publishing,
    '## Headers',
    'Events are CloudEvents 1.0. In binary mode the attributes are headers of the record and the value is the data as JSON. A header that is left out has its default, so a bare JSON object is an event too.',
    table(
      ['Header', 'Meaning', 'Left out', 'Example'],
      headers.map(({ name, meaning, fallback, example }) => [`\`${name}\``, meaning, fallback, `\`${example}\``]),
    ),
    'In structured mode (`content-type: application/cloudevents+json`, or no `ce_` header at all) the value is the whole event: `specversion`, `id`, `source`, `type`, and `data` or `data_base64`. `vimi publish` takes such a line for what it is.',
    'Small differences between clients do not matter: `ce-id` is read as `ce_id`, `contentType` as `content-type`; an empty optional attribute and a field that is null count as left out; the five bytes that serialisers with a schema registry put before a JSON value are passed over. One record is one event: batches are refused.',
    'An event is at most 4 MiB of UTF-8, 64 levels deep, with at most 100,000 values. Fields that a schema does not know are kept. Characters are Unicode code points; half a surrogate pair is read as U+FFFD. A moment needs its offset from UTC.',
    '## What is refused',
    'An event that cannot be read ends in the topic of rejects with its original bytes, and has no job; the others go on.',
    table(
      ['Code', 'What to do'],
      (['EVENT_MALFORMED', 'EVENT_INVALID', 'EVENT_TOO_LARGE', 'EVENT_UNKNOWN_TYPE'] as const).map((code) => [
        `\`${code}\``,
        errorCodes[code].remedy,
      ]),
    ),
    identity,
    ...topics.map((topic) => section(topic, topology)),
  ].join('\n\n')}\n`;
}

const publishing = `## Publish

A request is one JSON object. On one machine, without a server:

${fenced('sh', `echo '{"prompt":"a fox runs through snow"}' | vimi publish requests`)}

On Kafka, with any client. From a shell:

${fenced('sh', `echo '{"prompt":"a fox runs through snow"}' | kcat -P -b "$KAFKA_BROKERS" -t requests`)}

In Python, with an id of your own, so that you recognise what follows from it:

${fenced(
  'python',
  `import json, os
from confluent_kafka import Producer

producer = Producer({"bootstrap.servers": os.environ["KAFKA_BROKERS"]})
producer.produce(
    "requests",
    key="order-66",
    value=json.dumps({"prompt": "a fox runs through snow"}),
    headers={
        "ce_specversion": "1.0",
        "ce_id": "order-66",
        "ce_source": "https://shop.example",
        "ce_type": "dev.vimi.generation.requested.v1",
    },
)
producer.flush()`,
)}

In Java:

${fenced(
  'java',
  `var record = new ProducerRecord<>("requests", "order-66", "{\\"prompt\\":\\"a fox runs through snow\\"}");
record.headers().add("ce_id", "order-66".getBytes(StandardCharsets.UTF_8));
record.headers().add("ce_source", "https://shop.example".getBytes(StandardCharsets.UTF_8));
producer.send(record);`,
)}`;

/** What a request is known by, and what follows from that. */
const identity = `## Which request is which

A request is known by its \`ce_source\` and its \`ce_id\` together: two upstreams may both count from 1. All that follows from it (changes of its job, its video) names both in \`request\`, and carries the id of the job in \`job\`. Job ids are made by vimi: plain ASCII, at most 61 characters, the same for the same request in the same pipeline. The events themselves are vimi's: their \`ce_source\` is the pipeline, and no two that differ share an id, so a reader may drop what it has seen by \`ce_source\` and \`ce_id\`.

| You send | What happens |
| --- | --- |
| the same source, id and data again | One job. The second is dropped as \`duplicate-request\`, while the first is answered and after, whatever partition or process it comes to. Order of fields and spaces do not matter; headers other than these two do not either. |
| the same source and id with other data | Rejected with \`REQUEST_ID_TAKEN\`; the first goes on. |
| a request again that failed (or \`vimi rejects replay\`) | It is tried again as the same job, with the same or other data. |
| a request again that was cancelled | It stays cancelled: send it under another id. |
| a request without \`ce_id\` | Its id is its place, \`<topic>-<partition>-<offset>\`, so it is never a duplicate of another record. \`vimi publish --json\` prints it. |

The topic of jobs is what remembers all this, for good: it is compacted and holds one small record a job. To forget a job, publish a record without a value under the key of the job; its request may then be asked again.

## Cancel

\`{"cancel": ID}\` on the topic of requests stops the request of that id and of the same source: the cancellation's own \`ce_source\`, or its field \`source\`. Its key, its partition and the partitioner of your client do not matter, nor does a backlog: every process looks for cancellations ahead of the work. A running job stops at its next step.

${fenced('sh', `echo '{"cancel":"order-66","source":"https://shop.example"}' | vimi publish requests`)}

A cancellation that names no source at all means the request without a source, or else the one request that is known under that id; where two sources use the id, neither.

| The request | Counted as | The topic of jobs says |
| --- | --- | --- |
| waits or runs | \`cancel-handled\`, the request as \`cancelled\` | \`cancelled\` |
| has yet to come, or never does | \`cancel-early\`; the request as \`cancelled\` when it comes, however late | \`cancelled\` at once |
| is over | \`cancel-late\` | what it said before |`;

function section(topic: TopicDeclaration, { pipelines }: Topology): string {
  const { name } = topic;
  const reading = pipelines.filter(({ from }) => from === name).map((pipeline) => `The pipeline \`${pipeline.name}\`.`);
  const writing = pipelines
    .filter(({ to }) => to.some((sink) => 'topic' in sink && sink.topic === name))
    .map((pipeline) => `The pipeline \`${pipeline.name}\`.`);
  return [
    `## ${name}`,
    `${topic.partitions} partitions. ${kept(topic)}.`,
    ...topic.schemas.map((schema) => event(schema, writing, reading)),
  ].join('\n\n');
}

function event(schema: SchemaName, writing: string[], reading: string[]): string {
  const { summary, writers, readers, key, example } = catalogue[schema];
  const fields = fieldRows(jsonSchema(schema, 'draft-2020-12'));
  return [
    `### ${schema}`,
    `${summary} Type \`${eventType(schema)}\`, [schema](schemas/${schema}.schema.json).`,
    table(
      ['', ''],
      [
        ['**Written by**', [...writing, ...(writers ? [writers] : [])].join(' ')],
        ['**Read by**', [...reading, ...(readers ? [readers] : [])].join(' ')],
        ['**Key**', key],
      ],
    ),
    fenced('json', JSON.stringify(example, null, 2)),
    table(['Field', 'Values', 'Default', 'Meaning'], fields),
  ].join('\n\n');
}

function kept({ cleanup, retentionMs }: TopicDeclaration): string {
  if (cleanup === 'compact') return 'The newest record of each key is kept';
  if (retentionMs === undefined) return 'Records are kept for good';
  const days = retentionMs / 86_400_000;
  return days >= 1 ? `Records are kept for ${days} days` : `Records are kept for ${retentionMs / 3_600_000} hours`;
}
