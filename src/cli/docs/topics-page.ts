import { errorCodes } from '../../core/errors.js';
import { markdownTable } from '../../core/markdown-table.js';
import { catalogue, headers } from '../../events/catalogue.js';
import { eventType } from '../../events/cloudevents.js';
import type { SchemaName } from '../../events/schemas.js';
import type { TopicDeclaration, Topology } from '../../streams/topology/topology.js';
import { jsonSchema } from './asyncapi.js';
import { fenced, fieldRows } from './markdown.js';

/** The page for people who publish to the topics or read them. */
export function topicsPage(topology: Topology): string {
  const topics = [...topology.topics.values()];
  return `${[
    '# Topics',
    'The events on each topic of topology.yaml, who writes them and who reads them. This page is generated. The schemas are those that the running system checks ([JSON Schema](schemas), [AsyncAPI](asyncapi.json)), and a test checks every example here.',
    markdownTable(
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
    'Events are CloudEvents 1.0. In binary mode the attributes are headers of the record, and the value is the data as JSON. A missing header has its default, so a bare JSON object is an event too.',
    markdownTable(
      ['Header', 'Meaning', 'Left out', 'Example'],
      headers.map(({ name, meaning, fallback, example }) => [`\`${name}\``, meaning, fallback, `\`${example}\``]),
    ),
    'In structured mode (`content-type: application/cloudevents+json`, or no `ce_` header at all) the value is the whole event: `specversion`, `id`, `source`, `type`, and `data` or `data_base64`. `vimi publish` accepts such lines too.',
    'Small differences between clients do not matter: `ce-id` is read as `ce_id`, `contentType` as `content-type`; an empty optional attribute and a field that is null count as missing; the five bytes that serialisers with a schema registry put before a JSON value are skipped. One record is one event: batches are refused.',
    'An event has at most 4 MiB of UTF-8, 64 levels and 100,000 values. Unknown fields are kept. Characters are Unicode code points; half a surrogate pair is read as U+FFFD. A moment needs its offset from UTC.',
    '## What is refused',
    'An event that cannot be read becomes a dead letter: it goes to the topic of rejects with its original bytes, and has no job. The others go on.',
    markdownTable(
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

In Python, with your own id, so that you recognise what follows from it:

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

\`ce_source\` and \`ce_id\` together identify a request: two upstreams may both count from 1. Everything that follows from it (changes of its job, its video) names both in \`request\`, and carries the id of the job in \`job\`. vimi makes job ids: plain ASCII, at most 61 characters, the same for the same request in the same pipeline. These events come from vimi: their \`ce_source\` is the pipeline, and different events have different ids. So a reader may drop what it has seen before by \`ce_source\` and \`ce_id\`.

| You send | What happens |
| --- | --- |
| the same source, id and data again | One job. The second is dropped as \`duplicate-request\`, during and after the service of the first, in every partition and process. The order of fields, spaces and other headers do not matter. |
| the same source and id with other data | Rejected with \`REQUEST_ID_TAKEN\`; the first is not affected. |
| a failed request again (or \`vimi rejects replay\`) | It is tried again as the same job, with the same or other data. |
| a cancelled request again | It stays cancelled: send it under another id. |
| a request without \`ce_id\` | Its id is its place, \`<topic>-<partition>-<offset>\`, so it is never a duplicate of another record. \`vimi publish --json\` prints it. |

The topic of jobs remembers all this for good: it is compacted and holds one small record for each job. To make vimi forget a job, publish a record without a value under the key of the job. Its request may then be sent again. \`DELETE /v1/videos/ID\` does the same, and names in the header \`vimi_deletes\` the records that asked for the job: what they still say of it counts for nothing.

## Cancel

\`{"cancel": ID}\` on the topic of requests stops the request of that id and of the same source: the cancellation's own \`ce_source\`, or its field \`source\`. Its key, its partition, the partitioner of your client and a backlog do not matter: every process looks for cancellations ahead of the work. A running job stops at its next step.

${fenced('sh', `echo '{"cancel":"order-66","source":"https://shop.example"}' | vimi publish requests`)}

A cancellation without any source means the request without a source, or otherwise the only request with that id. If two sources use the id, it cancels neither. A request with a source that waits in a backlog, or has yet to come, is not known: only a cancellation that names its source reaches it. By the id alone it could stop what somebody else will ask for.

| The request | Counted as | The topic of jobs says |
| --- | --- | --- |
| waits or runs | \`cancel-handled\`, the request as \`cancelled\` | \`cancelled\` |
| has not arrived yet, or never does | \`cancel-early\`; the request as \`cancelled\` when it arrives, however late | \`cancelled\` at once |
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
    markdownTable(
      ['', ''],
      [
        ['**Written by**', [...writing, ...(writers ? [writers] : [])].join(' ')],
        ['**Read by**', [...reading, ...(readers ? [readers] : [])].join(' ')],
        ['**Key**', key],
      ],
    ),
    fenced('json', JSON.stringify(example, null, 2)),
    markdownTable(['Field', 'Values', 'Default', 'Meaning'], fields),
  ].join('\n\n');
}

function kept({ cleanup, retentionMs }: TopicDeclaration): string {
  if (cleanup === 'compact') return 'The newest record of each key is kept';
  if (retentionMs === undefined) return 'Records are kept forever';
  const days = retentionMs / 86_400_000;
  return days >= 1 ? `Records are kept for ${days} days` : `Records are kept for ${retentionMs / 3_600_000} hours`;
}
