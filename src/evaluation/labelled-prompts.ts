import { z } from 'zod';
import { readBounded } from '../core/bounded-file.js';
import { VimiError } from '../core/errors.js';
import { mistakesOf, mistakeText } from '../events/mistakes.js';

/** A prompt, and what people said of documents: its captions or ids, with a grade above 0 where they fit. */
export interface LabelledPrompt {
  prompt: string;
  fits: Map<string, number>;
  /** Looked at, and another thing. */
  misfits: Set<string>;
}

const mostBytes = 256 * 2 ** 20;
const text = z.string().min(1).max(4000);
const graded = z.looseObject({ caption: text, grade: z.number().int().min(1).max(10) });
const labels = z.looseObject({
  prompt: text,
  fits: z.array(z.union([text, graded])).max(100_000),
  misfits: z.array(text).max(100_000).optional(),
});
const pair = z.looseObject({ prompt: text, caption: text, fits: z.boolean() });
const labelledLine = z.union([labels, pair], {
  error: '{ prompt, fits: [captions] } or { prompt, caption, fits: true }',
});
const captionLine = z.looseObject({ caption: text });

/**
 * Labels, one JSON object a line: what fits a prompt, each with a grade (default 1), and what does not; or one judged pair.
 * Lines of one prompt are added up, of whichever file; of several grades the highest counts. LABELS_INVALID with the line,
 * also where something fits a prompt by one line and not by another.
 */
export async function readLabelledPrompts(files: readonly string[]): Promise<LabelledPrompt[]> {
  const prompts = new Map<string, LabelledPrompt>();
  const lines = (await Promise.all(files.map((file) => readLines(file, labelledLine)))).flat();
  for (const { value: line, where } of lines) {
    const known = prompts.get(line.prompt) ?? { prompt: line.prompt, fits: new Map(), misfits: new Set() };
    prompts.set(line.prompt, known);
    const fits = typeof line.fits === 'boolean' ? (line.fits ? [line.caption as string] : []) : line.fits;
    const misfits = typeof line.fits === 'boolean' ? (line.fits ? [] : [line.caption as string]) : (line.misfits ?? []);
    for (const one of fits) {
      const { caption, grade } = typeof one === 'string' ? { caption: one, grade: 1 } : one;
      known.fits.set(caption, Math.max(grade, known.fits.get(caption) ?? 0));
    }
    for (const one of misfits as string[]) known.misfits.add(one);
    const named = [...fits.map((one) => (typeof one === 'string' ? one : one.caption)), ...(misfits as string[])];
    const both = named.find((one) => known.fits.has(one) && known.misfits.has(one));
    if (both !== undefined)
      throw new VimiError('LABELS_INVALID', 'Labels contradict each other', {
        expected: `'${both}' in fits or in misfits of the prompt '${line.prompt}'`,
        found: 'it in both, by this line or by this and an earlier one',
        where,
      });
  }
  return [...prompts.values()];
}

/** Captions, one object with a `caption` a line, as lists of media have them; each once. Lines without one are left out. */
export async function readCaptions(file: string): Promise<string[]> {
  const lines = await readLines(file, z.union([captionLine, z.looseObject({ uri: z.string() })]));
  return [...new Set(lines.flatMap(({ value: { caption } }) => (typeof caption === 'string' ? [caption] : [])))];
}

async function readLines<T>(file: string, schema: z.ZodType<T>): Promise<{ value: T; where: string }[]> {
  const bytes = await readBounded(file, {
    most: mostBytes,
    unreadable: ['LABELS_INVALID', 'There is no such list'],
    tooLarge: ['LABELS_INVALID', 'This list is too long'],
    expected: 'a file with one JSON object a line',
  });
  const lines = bytes.toString('utf8').split('\n');
  return lines.flatMap((line, n) => {
    if (line.trim() === '') return [];
    const where = `${file}:${n + 1}`;
    let value: unknown;
    try {
      value = JSON.parse(line);
    } catch (cause) {
      throw new VimiError('LABELS_INVALID', 'A line is not JSON', { found: (cause as Error).message, where, cause });
    }
    const checked = schema.safeParse(value);
    if (checked.success) return [{ value: checked.data, where }];
    throw new VimiError('LABELS_INVALID', mistakesOf(checked.error, value).map(mistakeText).join('; '), { where });
  });
}
