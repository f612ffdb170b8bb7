import { z } from 'zod';
import { type SchemaName, schemas } from '../../events/schemas.js';
import { checkAgainst } from './against.js';
import { duration } from './duration.js';
import { type Mistakes, quote } from './mistake.js';
import { namedEntries } from './sections.js';
import { type Placed, type PlacedEntry, reportUnset, shown } from './source.js';
import type { TopicDeclaration } from './topology.js';

/** A reject carries the original in base64: of the largest that a Kafka topic takes by default, 1 MiB, with its headers. */
const largestReject = 2 * 1024 * 1024;

/** The search index of a profile is a view of the one topic that carries it. */
const ofCorpus: SchemaName = 'corpus.document';

/** What it carries is read apart. */
export const topicSettings = z.strictObject({
  schema: z.unknown().optional(),
  partitions: z.number().int().min(1).max(1000).default(4).describe('How far the work on it can be spread.'),
  cleanup: z
    .enum(['delete', 'compact'])
    .default('delete')
    .describe('compact: only the newest record of each key is kept.'),
  retention: duration.optional().describe('How long records are kept, such as 7d; forever when left out.'),
});

/** The topics of the file; those with mistakes are left out, `names` holds them all the same. */
export function readTopics(
  node: Placed | undefined,
  mistakes: Mistakes,
): { topics: Map<string, TopicDeclaration>; names: Set<string> } {
  const topics = new Map<string, TopicDeclaration>();
  const names = new Set<string>();
  if (!node) {
    mistakes.add('missing-key', { line: 1, column: 1 }, "missing 'topics': expected a map of topics by name");
    return { topics, names };
  }
  reportUnset(node, mistakes);
  for (const entry of namedEntries(node, 'topic', mistakes)) {
    names.add(entry.name);
    const topic = readTopic(entry, mistakes);
    if (!topic) continue;
    const other =
      topic.schemas.includes(ofCorpus) && [...topics.values()].find((one) => one.schemas.includes(ofCorpus));
    if (other)
      mistakes.add(
        'value',
        entry.place,
        `topic ${quote(entry.name)}: carries ${ofCorpus}, as ${quote(other.name)} does: the search index is made from one topic`,
      );
    topics.set(entry.name, topic);
  }
  return { topics, names };
}

function readTopic({ name, place, value }: PlacedEntry, mistakes: Mistakes): TopicDeclaration | undefined {
  const what = `topic '${name}'`;
  const checked = checkAgainst(topicSettings, value, what, mistakes);
  if (value.kind !== 'map') return undefined;
  const schema = value.entries.get('schema');
  if (!schema) mistakes.add('missing-key', place, `${what}: missing schema: expected what the topic carries`);
  const carried = schema && readSchemas(schema.value, what, mistakes);
  const retention = value.entries.get('retention');
  if (retention && checked?.cleanup === 'compact')
    mistakes.add('value', retention.place, `${what}: retention does nothing where cleanup is compact: leave it out`);
  if (!carried || !checked) return undefined;
  const { partitions, cleanup, retention: retentionMs } = checked;
  return {
    name,
    schemas: carried,
    partitions,
    cleanup,
    ...(retentionMs !== undefined && { retentionMs }),
    ...(carried.includes('event.rejected') && { largestRecord: largestReject }),
  };
}

function readSchemas(node: Placed, what: string, mistakes: Mistakes): SchemaName[] | undefined {
  const items = node.kind === 'list' ? node.items : [node];
  const known = Object.keys(schemas) as SchemaName[];
  if (items.length === 0) mistakes.add('value', node.place, `${what}: schema: expected at least one`);
  const found: SchemaName[] = [];
  for (const item of items) {
    const name = item.kind === 'scalar' && typeof item.value === 'string' ? item.value : undefined;
    const schema = known.find((candidate) => candidate === name);
    if (schema && found.includes(schema))
      mistakes.add('value', item.place, `${what}: the schema '${schema}' is listed twice`);
    else if (schema) found.push(schema);
    else if (name === undefined || (item.kind === 'scalar' && item.variables))
      mistakes.add('value', item.place, `${what}: schema: expected the name of a schema, found ${shown(item)}`);
    else mistakes.addUnknown('schema', name, item.place, known);
  }
  return found.length === items.length && found.length > 0 ? found : undefined;
}
