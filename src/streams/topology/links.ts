import { schemas } from '../../events/schemas.js';
import { type Mistakes, quote } from './mistake.js';
import type { Placed } from './source.js';
import type { TopicDeclaration } from './topology.js';

/** Checks that the topics under `links:` of each profile are declared, and carry events that may have a link. */
export function checkLinks(
  profiles: Placed,
  topics: Map<string, TopicDeclaration>,
  names: Set<string>,
  mistakes: Mistakes,
): void {
  for (const { name: profile, value } of entriesOf(profiles))
    for (const { name, place } of entriesOf(entryOf(entryOf(value, 'objects'), 'links'))) {
      const topic = topics.get(name);
      if (!names.has(name)) mistakes.addUnknown('topic', name, place, names);
      else if (topic && !topic.schemas.some((schema) => 'link' in schemas[schema].shape))
        mistakes.add(
          'value',
          place,
          `profile '${profile}': links: the topic ${quote(name)} carries ${topic.schemas.join(' and ')}, which has no link`,
        );
    }
}

function entryOf(node: Placed | undefined, name: string): Placed | undefined {
  return node?.kind === 'map' ? node.entries.get(name)?.value : undefined;
}

function entriesOf(node: Placed | undefined) {
  return node?.kind === 'map' ? node.entries.values() : [];
}
