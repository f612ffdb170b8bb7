import { asVimiError, type VimiError } from '../../core/errors.js';
import type { MediaSource } from './media-source.js';
import type { OfferedMedium } from './offered-medium.js';
import type { PassedOver } from './passed-over.js';

/** A source that could not be read to its end. */
export interface BrokenSource {
  name: string;
  error: VimiError;
}

export interface Offering {
  passedOver: PassedOver;
  broken: BrokenSource[];
  signal: AbortSignal;
  /** Whether an address is offered for the first time; remembered in memory when left out. */
  isNew?(uri: string): boolean;
}

/**
 * The media of some sources, in their order; each address once. A source that is damaged is told of, and the others go on.
 */
export async function* offeredBy(
  sources: readonly MediaSource[],
  { passedOver, broken, signal, isNew = remembered() }: Offering,
): AsyncGenerator<OfferedMedium> {
  for (const { name, media } of sources) {
    try {
      for await (const medium of media(passedOver)) {
        if (signal.aborted) return;
        if (isNew(medium.uri)) yield medium;
        else passedOver.add('named twice', medium.uri);
      }
    } catch (thrown) {
      const error = asVimiError(thrown);
      if (error.fault === 'surroundings' || error.code === 'INTERNAL') throw error;
      broken.push({ name, error });
    }
  }
}

function remembered(): (uri: string) => boolean {
  const seen = new Set<string>();
  return (uri) => seen.size < seen.add(uri).size;
}
