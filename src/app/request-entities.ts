import { VimiError } from '../core/errors.js';
import type { GenerationRequested } from '../events/schemas.js';
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

interface Stand extends WordRun {
  part: Parts[number];
  /** Of the prompt. */
  in: number;
}

/**
 * A prompt with its references: those that stand for words in the place of these, all others before its texts. The second one
 * for the same words stands where the prompt has them a second time; if it does not, beside the first. EVENT_INVALID for words
 * that the prompt does not have, or of which another reference has a part.
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
  for (const { part, entity, where } of references) {
    if (entity === undefined) {
      before.push(part);
      continue;
    }
    const runs = given.flatMap(({ text }, n) =>
      typeof text === 'string' ? wordRuns(text, entity).map((run) => ({ ...run, in: n })) : [],
    );
    const name = words(entity).join(' ');
    const time = times.get(name) ?? 0;
    times.set(name, time + 1);
    const run = runs[Math.min(time, runs.length - 1)];
    if (!run)
      throw new VimiError('EVENT_INVALID', 'The prompt does not have the words that a reference stands for', {
        ...{ expected: 'words of the prompt, one after the other', found: entity, where },
        remedy: 'Say them as the prompt has them, or leave entity out: then the image stands before the text.',
      });
    const other = stands.find((one) => one.in === run.in && one.from < run.to && run.from < one.to);
    if (other && (other.from !== run.from || other.to !== run.to))
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
    parts.push({ ...image, entity: text.slice(from, to) } as Parts[number]);
    end = to;
  }
  say(text.slice(end));
  return parts;
}
