import { type Bounds, readBounded } from './bounded-file.js';
import { VimiError } from './errors.js';

export interface JsonFile<T> extends Bounds {
  /** Makes of the value what is wanted; throws for anything else. */
  parse(value: unknown): T;
  /** What is wrong with the content is not said: the file holds secrets. */
  isSecret?: boolean;
}

/** What a bounded JSON file holds, checked. Fails as `unreadable` for content that is anything else. */
export async function readJsonFile<T>(path: string, { parse, isSecret, ...bounds }: JsonFile<T>): Promise<T> {
  const text = (await readBounded(path, bounds)).toString();
  try {
    return parse(JSON.parse(text));
  } catch (cause) {
    throw new VimiError(...bounds.unreadable, {
      ...{ expected: bounds.expected, found: 'something else', where: path },
      ...(!isSecret && { cause }),
    });
  }
}
