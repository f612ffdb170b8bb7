import { schemas } from '../../events/schemas.js';
import type { SinkSpec } from '../delivery/pipeline-spec.js';
import { type Mistakes, quote } from './mistake.js';
import { fixedMap } from './sections.js';
import { type Placed, type PlacedScalar, shown } from './source.js';
import type { UnfoldedStep } from './steps.js';
import type { TopicDeclaration } from './topology.js';

export interface ReadSink {
  sink?: SinkSpec;
  /** As written. */
  outline: { objects: string } | { topic: string };
}

/** What the pipeline's last product is, as far as its operator says so. */
type Product = NonNullable<UnfoldedStep['operator']>['product'];

interface Surroundings {
  what: string;
  topics: Map<string, TopicDeclaration>;
  topicNames: Set<string>;
  /** By topic: how long the links of its events last, in milliseconds. */
  links: Record<string, number>;
  steps: UnfoldedStep[];
  /** Fields of the flow after the last step; undefined: not known. */
  there: Set<string> | undefined;
  mistakes: Mistakes;
}

/** The sinks of a pipeline; undefined entries and missing ones are reported. */
export function readSinks(node: Placed, around: Surroundings): ReadSink[] {
  const { what, there, steps, mistakes } = around;
  const items = node.kind === 'list' ? node.items : [node];
  const product = steps.findLast(({ operator }) => operator?.product)?.operator?.product;
  const hasProduct = !there || there.has('product') || product !== undefined;
  const seen = new Set<string>();
  const sinks: ReadSink[] = [];
  for (const item of items) {
    const map = fixedMap(item, `${what}: to`, ['objects', 'topic'], mistakes);
    if (!map) continue;
    const [entry, second] = [...map.entries.values()].filter(({ name }) => ['objects', 'topic'].includes(name));
    if (!entry || second) {
      mistakes.add('value', item.place, `${what}: a sink is either { objects: PATTERN } or { topic: NAME }`);
      continue;
    }
    if (!hasProduct)
      mistakes.add('needs', entry.place, `${what}: this sink needs a product, which no step of the pipeline adds`);
    const { value } = entry;
    if (value.kind === 'scalar' && value.variables?.unset.length) continue;
    if (value.kind !== 'scalar' || typeof value.value !== 'string') {
      mistakes.add('value', value.place, `${what}: ${entry.name}: expected text, found ${shown(value)}`);
      continue;
    }
    const text = value as PlacedScalar & { value: string };
    const kind = entry.name === 'objects' ? 'objects' : `topic ${text.value}`;
    if (seen.has(kind))
      mistakes.add(
        'value',
        entry.place,
        kind === 'objects'
          ? `${what}: products go to one place among the objects: a second is listed here`
          : `${what}: the topic ${shown(value)} is listed twice`,
      );
    seen.add(kind);
    sinks.push(entry.name === 'objects' ? objectSink(text, product, around) : topicSink(text, product, around));
  }
  if (!seen.has('objects'))
    for (const { sink } of sinks)
      if (sink && 'topic' in sink && needsObject(sink))
        mistakes.add('needs', node.place, `${what}: ${sink.schema} names an object: add a sink { objects: PATTERN }`);
  return sinks;
}

function objectSink(node: PlacedScalar & { value: string }, product: Product, around: Surroundings): ReadSink {
  const { what, mistakes } = around;
  const wrong = (reason: string) =>
    mistakes.add('value', node.place, `${what}: objects ${shown(node)}: ${reason}`, { found: shown(node) });
  const fields = [...node.value.matchAll(/\{([^{}]*)\}/g)].map(([, field]) => field!);
  const rest = node.value.replace(/\{[^{}]*\}/g, 'x');
  if (!/^[A-Za-z0-9._/-]+$/.test(rest))
    wrong('a key has letters, digits, dot, dash, underscore, slash and {fields} alone');
  else if (rest.length > 512) wrong('expected at most 512 characters');
  else if (rest.split('/').some((segment) => ['', '.', '..'].includes(segment)))
    wrong("a key is relative and has no empty, '.' or '..' part");
  if (fields.length > 0 && !/^[A-Za-z0-9._-]+\//.test(node.value))
    wrong('a key begins with a folder of its own, such as videos/: a field there would choose the folder');
  if (fields.length === 0) wrong('expected at least one {field}, or each product would replace the last');
  for (const field of product ? fields : []) {
    if (product?.fields.includes(field)) continue;
    // The field's name may come from the environment.
    if (node.variables) wrong(`it has a field that is none of ${product?.fields.map(quote).join(', ')}`);
    else mistakes.addUnknown('field', field, node.place, product?.fields ?? []);
  }
  return {
    sink: { objects: node.value },
    outline: { objects: node.variables ? node.variables.written : node.value },
  };
}

function topicSink(node: PlacedScalar & { value: string }, product: Product, around: Surroundings): ReadSink {
  const { what, topics, topicNames, links, mistakes } = around;
  const outline = { topic: topicNames.has(node.value) ? node.value : shown(node) };
  if (!topicNames.has(node.value)) {
    if (node.variables) mistakes.add('unknown-name', node.place, `${what}: ${shown(node)} names no topic`);
    else mistakes.addUnknown('topic', node.value, node.place, topicNames);
  }
  const topic = topics.get(node.value);
  if (!topic) return { outline };
  if (product && !topic.schemas.includes(product.schema)) {
    mistakes.add(
      'value',
      node.place,
      `${what}: the topic ${quote(topic.name)} carries ${topic.schemas.join(' and ')}, but the product is ${product.schema}`,
    );
    return { outline };
  }
  const life = Object.hasOwn(links, topic.name) ? links[topic.name]! : undefined;
  return {
    sink: {
      topic: topic.name,
      schema: product?.schema ?? topic.schemas[0]!,
      ...(life !== undefined && { linkSeconds: life / 1000 }),
    },
    outline,
  };
}

function needsObject(sink: { schema: keyof typeof schemas }): boolean {
  const { shape } = schemas[sink.schema];
  return 'object' in shape && !shape.object.safeParse(undefined).success;
}
