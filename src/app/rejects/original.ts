import { placeOf } from '../../events/replay.js';
import type { EventRejected } from '../../events/schemas.js';
import type { Workspace } from '../workspace.js';
import { rejectsOf } from './dead-letters.js';

/** Characters of one value that are shown. */
const most = 65_536;

/** Bytes as a person reads them. */
export interface ShownBytes {
  /** As text, or in base64 if it is none; cut. */
  text: string;
  encoding: 'text' | 'base64';
  /** Of the whole. */
  bytes: number;
}

export interface Original {
  attempts: number;
  remedy: string;
  original: {
    topic: string;
    partition: number;
    offset: number;
    timestamp: string;
    key: ShownBytes | null;
    value: ShownBytes | null;
    headers: Record<string, ShownBytes>;
  };
}

/** The newest record that was rejected at this place, as it came; undefined: no dead letter is of it. */
export async function readOriginal(workspace: Workspace, place: string): Promise<Original | undefined> {
  let found: EventRejected | undefined;
  for await (const { data } of rejectsOf(workspace))
    if (placeOf(data.origin) === place && (!found || data.origin.timestamp >= found.origin.timestamp)) found = data;
  return found && shown(found);
}

function shown({ attempts, error: { remedy }, origin }: EventRejected): Original {
  const { key, value, headers, ...where } = origin;
  const all = Object.entries(headers).map(([name, text]): [string, ShownBytes] => [name, readableBytes(text)]);
  return {
    ...{ attempts, remedy },
    original: {
      ...where,
      ...{ key: key === null ? null : readableBytes(key), value: value === null ? null : readableBytes(value) },
      headers: Object.fromEntries(all),
    },
  };
}

function readableBytes(base64: string): ShownBytes {
  const bytes = Buffer.from(base64, 'base64');
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return { text: text.slice(0, most), encoding: 'text', bytes: bytes.length };
  } catch {
    return { text: base64.slice(0, most), encoding: 'base64', bytes: bytes.length };
  }
}
