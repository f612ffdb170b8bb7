import { readBounded } from '../../bounded-file.js';
import { VimiError } from '../../errors.js';

/** All of a file of a net, of at most `most` bytes: WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED. */
export function netFile(path: string, most: number): Promise<Buffer> {
  return readBounded(path, {
    most,
    unreadable: ['WEIGHTS_NOT_FOUND', 'A file of the net cannot be read'],
    tooLarge: ['WEIGHTS_DAMAGED', 'This file is too large'],
  });
}

/** The same for a JSON file. */
export async function netJson(path: string, most: number): Promise<unknown> {
  const bytes = await netFile(path, most);
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (cause) {
    throw new VimiError('WEIGHTS_DAMAGED', 'This is no JSON', { found: (cause as Error).message, where: path, cause });
  }
}
