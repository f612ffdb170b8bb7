import type { MediaSettled } from '../../events/schemas.js';
import type { Transport } from '../../streams/transports/transport.js';
import { type MediaDefaults, mediaEvent, withDefaults } from './media-event.js';
import { outcomesSince } from './media-outcomes.js';
import type { MediaSource } from './media-source.js';
import { type Offering, offeredBy } from './offered-by.js';
import type { OfferedMedium } from './offered-medium.js';
import { PublicationTimes } from './publication-times.js';

/** Records that are published at once. */
const batch = 500;
/** Rejected for what the medium or its caption is: the same again would be rejected again. */
export const isLasting = (code: string) => /^(MEDIA_|CAPTION_|PROMPT_)/.test(code);

export interface PublishMediaOptions extends Offering, MediaDefaults {
  transport: Transport;
  topic: string;
  /** By uri: media that were rejected before are not published again while they are the same. */
  refused: ReadonlyMap<string, MediaSettled>;
  /** Told after each batch how many were published. */
  onPublished?(count: number): void;
}

export interface PublishedMedia {
  published: number;
  /** Those of `refused` that came again unchanged. */
  unchanged: MediaSettled[];
}

/** Publishes an event for each medium of some sources, as offeredBy gives them. */
export async function publishMedia(
  sources: readonly MediaSource[],
  { transport, topic, refused, source, licence, onPublished, ...offering }: PublishMediaOptions,
): Promise<PublishedMedia> {
  let published = 0;
  const unchanged = new Map<string, MediaSettled>();
  let waiting: OfferedMedium[] = [];
  // Nobody knows here what was offered before: a topic that grew has other events from now on.
  const ends = (await transport.ends(topic)).filter(({ high }) => high > 0);
  const after = ends.length > 0 ? JSON.stringify(ends.map(({ partition, high }) => [partition, high])) : '';
  const times = new PublicationTimes();
  const publish = async () => {
    const records = waiting.map((medium) => ({
      ...mediaEvent(medium, topic, after).record,
      timestamp: times.next(),
    }));
    waiting = [];
    if (records.length > 0) await transport.publish(records);
    await times.settled();
    published += records.length;
    onPublished?.(published);
  };
  for await (const offered of offeredBy(sources, offering)) {
    const medium = withDefaults(offered, { source, licence });
    const before = refused.get(medium.uri);
    if (before?.version === medium.version) unchanged.set(medium.uri, before);
    else waiting.push(medium);
    if (waiting.length >= batch) await publish();
  }
  await publish();
  return { published, unchanged: [...unchanged.values()] };
}

/** By uri: the media that came to a lasting reject when they were last seen. */
export async function lastingRejects(transport: Transport, topic: string): Promise<Map<string, MediaSettled>> {
  const found = new Map<string, MediaSettled>();
  for await (const one of outcomesSince(transport, topic))
    if (one.outcome === 'rejected' && one.error && isLasting(one.error.code)) found.set(one.uri, one);
    else found.delete(one.uri);
  return found;
}
