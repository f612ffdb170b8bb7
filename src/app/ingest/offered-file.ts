import type { FoundMedium } from './media-files.js';
import { mediumVersion } from './medium-version.js';
import type { OfferedMedium } from './offered-medium.js';

/** A file as its event will offer it. */
export async function offeredFile({ path, beside: _, ...told }: FoundMedium): Promise<OfferedMedium> {
  const { caption, labels } = told;
  // By which it is known to have other words than before.
  const said = labels ? JSON.stringify([caption, labels]) : caption;
  return { uri: path, ...told, version: await mediumVersion(path, said) };
}
