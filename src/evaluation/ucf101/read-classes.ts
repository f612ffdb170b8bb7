import { readBounded } from '../../core/bounded-file.js';
import { VimiError } from '../../core/errors.js';

/** A class of a data set of actions, and the prompt that asks for it. */
export interface ClassPrompt {
  name: string;
  prompt: string;
}

/** Of lists: the names of 10,000 files are a hundredth of it. */
const mostBytes = 32 * 2 ** 20;
const longestPrompt = 4000;

/** A prompt a line, or its class's name, a tab and the prompt; empty lines are passed over. USAGE with the line. */
export async function readClasses(file: string): Promise<ClassPrompt[]> {
  const lines = await readLines(file);
  const classes: ClassPrompt[] = [];
  const seen = new Map<string, string>();
  for (const { line, where } of lines) {
    const at = line.indexOf('\t');
    const [name, prompt] = at < 0 ? [line, line] : [line.slice(0, at).trim(), line.slice(at + 1).trim()];
    if (name === '' || prompt === '' || prompt.length > longestPrompt || /\p{Cc}/u.test(name + prompt))
      throw new VimiError('USAGE', 'This line names no class', {
        expected: `a prompt of at most ${longestPrompt} characters, or a name, one tab and a prompt`,
        found: JSON.stringify(line),
        where,
      });
    const before = seen.get(name);
    if (before !== undefined)
      throw new VimiError('USAGE', 'Two lines name the same class', { found: `${name}, also ${before}`, where });
    seen.set(name, where);
    classes.push({ name, prompt });
  }
  if (classes.length === 0)
    throw new VimiError('USAGE', 'This file names no class', { expected: 'a prompt a line', where: file });
  return classes;
}

/**
 * How many videos of each class a data set has, in the order of `classes`: a line a video, which begins with the class's
 * name and a slash (`Archery/v_Archery_g01_c01.avi 3`) or is the name alone. USAGE for other classes.
 */
export async function readClassCounts(file: string, classes: readonly ClassPrompt[]): Promise<number[]> {
  const places = new Map(classes.map(({ name }, i) => [name, i]));
  const counts = classes.map(() => 0);
  for (const { line, where } of await readLines(file)) {
    const name = line.split('/', 1)[0]!.trim();
    const place = places.get(name);
    if (place === undefined)
      throw new VimiError('USAGE', 'A video belongs to none of the classes', {
        expected: `a class of --classes and a slash: ${classes[0]!.name}/...`,
        found: line,
        where,
      });
    counts[place]!++;
  }
  if (counts.every((count) => count === 0))
    throw new VimiError('USAGE', 'This list names no video', { expected: 'CLASS/FILE a line', where: file });
  return counts;
}

async function readLines(file: string): Promise<{ line: string; where: string }[]> {
  const bytes = await readBounded(file, {
    most: mostBytes,
    unreadable: ['MEDIA_NOT_FOUND', 'The list cannot be read'],
    tooLarge: ['MEDIA_TOO_LARGE', 'This list is too long'],
  });
  return bytes
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .split(/\r?\n/)
    .map((line, i) => ({ line: line.trim(), where: `${file}:${i + 1}` }))
    .filter(({ line }) => line !== '');
}
