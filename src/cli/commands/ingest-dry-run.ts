import { type Asked, look } from '../../app/ingest/look.js';
import type { MediaSource } from '../../app/ingest/media-source.js';
import { type BrokenSource, offeredBy } from '../../app/ingest/offered-by.js';
import { PassedOver } from '../../app/ingest/passed-over.js';
import type { Topology } from '../../streams/topology/topology.js';
import { FoundProblems } from './found-problems.js';
import { brokenFacts, tellBroken, tellPassedOver } from './passed-over.js';

export interface DryRunOptions {
  /** Where the media would be published. */
  topic: string;
  topology: Topology;
  asked: Asked;
  json: boolean;
  signal: AbortSignal;
}

/** Looks at all media of some sources and says what would be published, and what would be rejected; gives the number of that. */
export async function tellLooks(
  sources: readonly MediaSource[],
  { topic, topology, asked, json, signal }: DryRunOptions,
  out: NodeJS.WritableStream,
): Promise<number> {
  const kinds: Record<string, number> = {};
  const problems = new FoundProblems();
  const offering = { passedOver: new PassedOver(), broken: [] as BrokenSource[], signal };
  let count = 0;
  for await (const medium of offeredBy(sources, offering)) {
    count++;
    const { kind, problem } = await look(medium, topology, asked);
    kinds[kind] = (kinds[kind] ?? 0) + 1;
    if (problem) problems.add(medium.uri, problem);
  }
  const { broken } = offering;
  const passedOver = offering.passedOver.list();
  const total = problems.count;
  if (json) {
    out.write(
      `${JSON.stringify({ would_publish: count, topic, kinds, problems: problems.list(), broken: broken.map(brokenFacts), passed_over: passedOver })}\n`,
    );
    return total + broken.length;
  }
  const sorted = Object.entries(kinds).sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1));
  const told = sorted.map(([kind, times]) => `${kind} ${times}`).join(', ');
  out.write(`would publish ${count} media to ${topic}${told ? `: ${told}` : ''}\n`);
  tellPassedOver(passedOver, out);
  tellBroken(broken, out);
  if (total > 0) out.write(`${total} of them would be rejected:\n`);
  problems.tell(out);
  out.write('nothing was published (--dry-run)\n');
  return total + broken.length;
}
