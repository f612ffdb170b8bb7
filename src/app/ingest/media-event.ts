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

/**
 * The record that offers a medium on a topic. Its id follows from the address, the state of the medium and `after`, which
 * tells this offer from earlier ones of the same: the same media in a new workspace have the same ids, so their shards
 * have the same bytes.
 */
export function mediaEvent(medium: OfferedMedium, topic: string, after: string): { id: string; record: NewRecord } {
  const { uri, version } = medium;
  const id = `ingest-${versionOf(uri, version, after).slice(0, 24)}`;
  return {
    id,
    record: encodeEvent({ schema: 'media.added', id, source: ingestSource, topic, key: uri, data: medium }),
  };
}
