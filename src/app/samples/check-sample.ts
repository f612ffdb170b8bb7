import { createHash } from 'node:crypto';
import { mistakesOf, mistakeText } from '../../events/mistakes.js';
import { readContext, type SharedKind, sampleDescription, sampleOrigin, sharedName } from '../../events/sample.js';
import type { PlacedMember, ShardSample } from './shard-samples.js';

/** How a medium begins, by its extension. */
const beginnings: Record<string, (bytes: Uint8Array) => boolean> = {
  mp4: (bytes) => text(bytes, 4, 8) === 'ftyp',
  webp: (bytes) => text(bytes, 0, 4) === 'RIFF' && text(bytes, 8, 12) === 'WEBP',
};

/** What is wrong with a sample: its members, its facts, the images and clips that it names. Of shards of today's layouts. */
export async function sampleMistakes({ key, json, members, shared }: ShardSample): Promise<string[]> {
  const byEnding = new Map(members.map((member) => [member.name.slice(key.length + 1), member]));
  const mistakes: string[] = [];
  const medium = [...byEnding.keys()].find((ending) => Object.hasOwn(beginnings, ending));
  if (medium === undefined) mistakes.push('expected a clip (.mp4) or an image (.webp)');
  else if (!beginnings[medium]!(await byEnding.get(medium)!.read())) mistakes.push(`.${medium} is none`);
  const caption = byEnding.get('txt');
  if (!byEnding.has('json') || !caption)
    return [...mistakes, `expected .json and .txt, found ${[...byEnding.keys()].join(', ')}`];
  return [...mistakes, ...(await factMistakes(json, Buffer.from(await caption.read()).toString(), shared))];
}

async function factMistakes(json: string, caption: string, shared: readonly PlacedMember[]): Promise<string[]> {
  let told: unknown;
  try {
    told = JSON.parse(json);
  } catch (thrown) {
    return [`.json is none: ${(thrown as Error).message}`];
  }
  const checked = sampleDescription.and(sampleOrigin).safeParse(told);
  if (!checked.success) return mistakesOf(checked.error, told).map((mistake) => `.json: ${mistakeText(mistake)}`);
  const mistakes = checked.data.caption === caption ? [] : ['.txt differs from the caption in .json'];
  const there = new Map(shared.map((one) => [one.name, one]));
  const named: Record<SharedKind, string[]> = { image: [], clip: [] };
  try {
    for (const { image, clip } of readContext(checked.data.context)) {
      named.image.push(image.sha256);
      if (clip) named.clip.push(clip.sha256);
    }
  } catch (thrown) {
    mistakes.push(`.json: context: ${(thrown as Error).message}`);
  }
  for (const { image, clip } of checked.data.prompt.parts) {
    if (image) named.image.push(image);
    if (clip) named.clip.push(clip);
  }
  for (const kind of ['image', 'clip'] as const)
    for (const sha256 of new Set(named[kind])) {
      const bytes = await there.get(sharedName(kind, sha256))?.read();
      if (!bytes) mistakes.push(`the shard does not hold its ${kind} ${sha256}`);
      else if (createHash('sha256').update(bytes).digest('hex') !== sha256)
        mistakes.push(`the ${kind} ${sha256} is another`);
    }
  return mistakes;
}

function text(bytes: Uint8Array, from: number, to: number): string {
  return Buffer.from(bytes.subarray(from, to)).toString('latin1');
}
