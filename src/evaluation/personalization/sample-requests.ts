import { eventType } from '../../events/cloudevents.js';
import type { GenerationRequested } from '../../events/schemas.js';
import type { RequestEvent } from '../ucf101/requests.js';
import type { Sample } from './samples.js';

/** Names the video of a sample: its file's name begins with it. */
export const requestId = (benchmark: string, { id }: Pick<Sample, 'id'>): string => `${benchmark}-${id}`;

/**
 * A request for each sample. The first image of a reference stands where its word stands in the prompt, in the place of the noun (VIMI's
 * subject-driven task); images whose words the prompt does not have stand before it. Request i has noise seed + i.
 */
export function sampleRequests(
  benchmark: string,
  samples: readonly Sample[],
  { seed, settings }: { seed: number; settings: Partial<GenerationRequested> },
): RequestEvent[] {
  return samples.map((sample, i) => ({
    specversion: '1.0',
    id: requestId(benchmark, sample),
    source: `/vimi/eval/${benchmark}`,
    type: eventType('generation.requested'),
    data: { prompt: partsOf(sample), seed: (seed + i) >>> 0, ...settings },
  }));
}

type Parts = Exclude<GenerationRequested['prompt'], string>;

function partsOf({ prompt, references }: Sample): Parts {
  const placed = references
    .map(({ word, images }) => ({ word, uri: images[0]!, at: placeOf(word, prompt) }))
    .sort((a, b) => a.at - b.at);
  const parts: Parts = [];
  const text = (said: string) => {
    if (said.trim() !== '') parts.push({ text: said.trim() });
  };
  let from = 0;
  for (const { word, uri, at } of placed) {
    if (at >= from) {
      text(prompt.slice(from, at));
      from = at + word.length;
    }
    parts.push({ image: { uri }, role: /^background$/i.test(word) ? 'background' : 'subject' });
  }
  text(prompt.slice(from));
  return parts;
}

/** Where the word stands by itself; -1: it does not. */
function placeOf(word: string, prompt: string): number {
  if (word === '') return -1;
  const escaped = word.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return new RegExp(`(?<![\\p{L}\\p{N}])${escaped}(?![\\p{L}\\p{N}])`, 'iu').exec(prompt)?.index ?? -1;
}
