import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { readBounded } from '../../../core/bounded-file.js';
import { VimiError } from '../../../core/errors.js';

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
    throw new VimiError('WEIGHTS_DAMAGED', 'This file is not JSON', {
      found: (cause as Error).message,
      where: path,
      cause,
    });
  }
}

export async function hasNetFile(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

/** Where a net lies in a folder of Hugging Face's: in it, or under onnx/. The former where it is in neither. */
export async function findNet(folder: string, name: string): Promise<string> {
  const [here, below] = [join(folder, name), join(folder, 'onnx', name)];
  return !(await hasNetFile(here)) && (await hasNetFile(below)) ? below : here;
}
