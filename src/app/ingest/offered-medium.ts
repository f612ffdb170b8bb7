import { createHash } from 'node:crypto';
import { within } from '../../events/input.js';
import type { MediaAdded } from '../../events/schemas.js';
import { checkText } from '../../media/text-of.js';

/** A medium as its event will offer it; `version` tells this state of it from another. */
export type OfferedMedium = Pick<MediaAdded, 'uri' | 'caption' | 'labels' | 'source' | 'licence'> & { version: string };

/** Why an event cannot say this of a medium, in words; null: it can. */
export function whyNotOffered({
  uri,
  caption,
  labels = {},
  source,
  licence,
}: Omit<OfferedMedium, 'version'>): string | null {
  if (!within(uri, 1, 4096)) return 'an address of more than 4096 characters';
  if (caption !== undefined && !within(caption, 1, 4000)) return 'a caption of more than 4000 characters';
  if (source !== undefined && !within(source, 0, 512)) return 'a source of more than 512 characters';
  if (licence !== undefined && !within(licence, 0, 128)) return 'a licence of more than 128 characters';
  try {
    for (const text of [uri, caption, source, licence, ...Object.values(labels)])
      if (typeof text === 'string') checkText(text, uri);
  } catch {
    return 'a text with control characters, or half a surrogate pair';
  }
  return null;
}

/** A version that follows from facts about the medium and its caption. */
export function versionOf(...facts: (string | number | undefined)[]): string {
  return createHash('sha256').update(JSON.stringify(facts)).digest('hex').slice(0, 32);
}
