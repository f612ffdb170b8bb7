import { createHash } from 'node:crypto';
import { encodeEvent } from '../../events/cloudevents.js';
import type { NewRecord } from '../../events/record.js';
import { type OfferedMedium, versionOf } from './offered-medium.js';

/** Who publishes media here, as CloudEvents names it. */
export const ingestSource = '/vimi/ingest';

/** What holds for media that do not say it themselves. */
export interface MediaDefaults {
  source?: string;
  licence?: string;
}

/** With the defaults, which make another version of it: what was said before of the same bytes is corrected. */
export function withDefaults(medium: OfferedMedium, { source, licence }: MediaDefaults): OfferedMedium {
  const missing = {
    ...(source !== undefined && medium.source === undefined && { source }),
    ...(licence !== undefined && medium.licence === undefined && { licence }),
  };
  if (Object.keys(missing).length === 0) return medium;
  return { ...medium, ...missing, version: versionOf(medium.version, JSON.stringify(missing)) };
}

/** The record that offers a medium on a topic, under an id that no other has. */
export function mediaEvent(medium: OfferedMedium, topic: string): { id: string; record: NewRecord } {
  const { uri } = medium;
  const id = `ingest-${createHash('sha256').update(`${uri}\n${Date.now()}`).digest('hex').slice(0, 24)}`;
  return {
    id,
    record: encodeEvent({ schema: 'media.added', id, source: ingestSource, topic, key: uri, data: medium }),
  };
}
