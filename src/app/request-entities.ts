import { VimiError } from '../core/errors.js';
import type { GenerationRequested } from '../events/schemas.js';
import { promptText } from '../language/prompt-text.js';
import { type WordRun, wordRuns } from '../language/word-runs.js';
import { composed, words } from '../language/words.js';

/*
 * A reference may say for which words of the prompt it stands. The event has the image in their place, with these words, as a
 * prompt in parts has it: a model that reads several images binds each to the words beside it.
 */

type Parts = Exclude<GenerationRequested['prompt'], string>;

/** An image as a part of a prompt, and the words that it stands for, if the request says them. */
export interface Placed {
  part: Parts[number];
  entity?: string | undefined;
  /** As the caller knows the words. */
  where: string;
}

interface Place extends WordRun {
  /** The part of the prompt. */
  in: number;
}

interface Stand extends Place {
  part: Parts[number];
}

/**
 * A prompt with its references: those that stand for words in the place of these, all others before its texts. The second one
 * for the same words stands where the prompt has them a second time; if it does not, beside the first. One for "red fox" is placed
 * before one for "fox", which stands at another fox. EVENT_INVALID for words that the prompt does not have, or has only where
 * another reference has a part of them.
 */
export function inPlace(
  prompt: GenerationRequested['prompt'],
  references: readonly Placed[],
): GenerationRequested['prompt'] {
  if (references.length === 0) return prompt;
  const given: Parts = typeof prompt === 'string' ? [{ text: prompt }] : prompt;
  const stands: Stand[] = [];
  const before: Parts = [];
  const times = new Map<string, number>();
  for (const { part, entity, where } of longestFirst(references)) {
    if (entity === undefined) {
      before.push(part);
      continue;
    }
    const runs = given.flatMap(({ text }, n) =>
      typeof text === 'string' ? wordRuns(text, entity).map((run) => ({ ...run, in: n })) : [],
    );
    if (runs.length === 0)
      throw new VimiError('EVENT_INVALID', 'The prompt does not have the words that a reference stands for', {
        ...{ expected: 'words of the prompt, one after the other', found: entity, where },
        remedy: 'Say them as the prompt has them, or name no words: then the image stands beside the text.',
      });
    const free = runs.filter((run) => !stands.some((one) => haveParts(one, run)));
    const name = words(entity).join(' ');
    const time = times.get(name) ?? 0;
    times.set(name, time + 1);
    const run = free[Math.min(time, free.length - 1)];
    if (!run)
      throw new VimiError('EVENT_INVALID', 'Two references stand for the same word', {
        ...{ expected: 'the same words, or none that another reference stands for', found: entity, where },
      });
    stands.push({ ...run, part });
  }
  return [
    ...before,
    ...given.flatMap((part, n) =>
      cut(
        part,
        stands.filter((one) => one.in === n),
      ),
    ),
  ] as Parts;
}

/** Those of as many words in the order of the request. */
function longestFirst(references: readonly Placed[]): Placed[] {
  const length = ({ entity = '' }: Placed) => words(entity).length;
  return [...references].sort((a, b) => length(b) - length(a));
}

/** Some words are of both, and others are not. */
function haveParts(one: Place, other: Place): boolean {
  const isSame = one.from === other.from && one.to === other.to;
  return one.in === other.in && !isSame && one.from < other.to && other.from < one.to;
}

/** A text with images in the place of words. */
function cut(part: Parts[number], stands: readonly Stand[]): Parts {
  if (typeof part.text !== 'string' || stands.length === 0) return [part];
  const text = composed(part.text);
  const parts: Parts = [];
  let end = 0;
  const say = (said: string) => {
    if (said.trim() !== '') parts.push({ text: said.trim() });
  };
  // Those of one place in the order of the request.
  for (const { from, to, part: image } of [...stands].sort((a, b) => a.from - b.from)) {
    if (from >= end) say(text.slice(end, from));
    parts.push({ ...image, entity: promptText(text.slice(from, to)) } as Parts[number]);
    end = to;
  }
  say(text.slice(end));
  return parts;
}
