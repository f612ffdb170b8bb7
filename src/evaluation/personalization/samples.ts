import { isAbsolute, join } from 'node:path';
import { z } from 'zod';
import { readBounded } from '../../core/bounded-file.js';
import { VimiError } from '../../core/errors.js';

/** What a benchmark of personalised videos asks for: a text, and images of what its words mean. */
export interface Sample {
  /** By which the benchmark knows its video. */
  id: string;
  prompt: string;
  references: { word: string; images: string[] }[];
}

const mostBytes = 64 * 2 ** 20;
const longestPrompt = 4000;

async function read(file: string): Promise<string> {
  const bytes = await readBounded(file, {
    most: mostBytes,
    unreadable: ['MEDIA_NOT_FOUND', 'The list cannot be read'],
    tooLarge: ['MEDIA_TOO_LARGE', 'This list is too long'],
  });
  return bytes.toString('utf8').replace(/^\uFEFF/, '');
}

/**
 * The samples of MSRVTT-Personalization, as its own script lists them: names, prompts and references in three files, line by line. A line
 * of references is a Python dictionary of words and lists of paths, from `folder` on. USAGE with the line.
 */
export async function readMsrvtt(
  files: { names: string; prompts: string; references: string },
  folder: string,
): Promise<Sample[]> {
  const linesOf = async (file: string) => (await read(file)).trimEnd().split(/\r?\n/);
  const [names, prompts, references] = [
    await linesOf(files.names),
    await linesOf(files.prompts),
    await linesOf(files.references),
  ];
  if (prompts.length !== names.length || references.length !== names.length)
    throw new VimiError('USAGE', 'The three lists do not go together', {
      expected: `${names.length} lines each`,
      found: `${prompts.length} prompts and ${references.length} lines of references`,
      where: files.names,
    });
  return names.map((name, i) =>
    checked(
      {
        id: name.trim(),
        prompt: prompts[i]!.trim(),
        references: dictionaryOf(references[i]!, `${files.references}:${i + 1}`).map(([word, images]) => ({
          word,
          images: images.map((path) => located(path, folder)),
        })),
      },
      `${files.names}:${i + 1}`,
    ),
  );
}

const located = (path: string, folder: string) => (isAbsolute(path) ? path : join(folder, path));

/** "{'a horse': ['horse.frame1.png', \"o'neill.png\"]}": words and their paths. */
function dictionaryOf(line: string, where: string): [string, string[]][] {
  const refuse = () =>
    new VimiError('USAGE', 'This line is no dictionary of words and paths', {
      expected: "{'a horse': ['horse.png', ...], ...}",
      found: line.slice(0, 200),
      where,
    });
  const token = /\s*([{}[\],:]|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")/y;
  const tokens: string[] = [];
  const text = line.trim();
  while (token.lastIndex < text.length) {
    const at = token.exec(text);
    if (!at) throw refuse();
    tokens.push(at[1]!);
  }
  const isText = (one = '') => /^['"]/.test(one);
  const textOf = (one: string) => one.slice(1, -1).replace(/\\(.)/g, '$1');
  const entries: [string, string[]][] = [];
  let n = 0;
  const take = (wanted: string) => {
    if (tokens[n++] !== wanted) throw refuse();
  };
  const takeText = () => {
    if (!isText(tokens[n])) throw refuse();
    return textOf(tokens[n++]!);
  };
  take('{');
  while (tokens[n] !== '}') {
    const word = takeText();
    take(':');
    take('[');
    const paths: string[] = [];
    while (tokens[n] !== ']') {
      paths.push(takeText());
      if (tokens[n] !== ']') take(',');
    }
    take(']');
    entries.push([word, paths]);
    if (tokens[n] !== '}') take(',');
  }
  take('}');
  if (n !== tokens.length) throw refuse();
  return entries;
}

const openS2v = z.record(
  z.string(),
  z.looseObject({
    prompt: z.string(),
    img_paths: z.array(z.string()),
    class_label: z.union([z.string(), z.array(z.string())]).nullish(),
  }),
);

/** The samples of OpenS2V-Eval, from one of its JSON files; paths from `folder` on. USAGE with the id. */
export async function readOpenS2v(file: string, folder: string): Promise<Sample[]> {
  let told: unknown;
  try {
    told = JSON.parse(await read(file));
  } catch (cause) {
    if (cause instanceof VimiError) throw cause;
    throw new VimiError('USAGE', 'This list is not JSON', { where: file, cause });
  }
  const { data, error } = openS2v.safeParse(told);
  if (!data)
    throw new VimiError('USAGE', 'These are no samples of OpenS2V-Eval', {
      expected: 'ids, each with prompt and img_paths',
      found: error.issues[0] && `${error.issues[0].path.join('.')}: ${error.issues[0].message}`,
      where: file,
    });
  return Object.entries(data).map(([id, { prompt, img_paths: paths, class_label: label }]) => {
    const labels = typeof label === 'string' ? [label] : (label ?? []);
    const references = paths.map((path, i) => ({
      word: (labels[i] ?? '').toLowerCase(),
      images: [located(path, folder)],
    }));
    return checked({ id, prompt: prompt.trim(), references }, `${file}: ${id}`);
  });
}

function checked(sample: Sample, where: string): Sample {
  const { id, prompt, references } = sample;
  const isGood = /^[\w.-]{1,200}$/.test(id) && prompt !== '' && prompt.length <= longestPrompt;
  if (isGood && references.every(({ images }) => images.length > 0)) return sample;
  throw new VimiError('USAGE', 'This sample cannot be asked for', {
    expected: `a name of letters, digits, '.', '_' and '-', a prompt of at most ${longestPrompt} characters, and an image for each word`,
    found: JSON.stringify({ id, prompt: prompt.slice(0, 80) }),
    where,
  });
}
