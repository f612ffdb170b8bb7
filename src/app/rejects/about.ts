import { cutText } from '../../core/cut-text.js';
import type { EventRejected } from '../../events/schemas.js';

/** Characters: all dead letters are in memory while they are listed. */
const most = 500;

/**
 * What a rejected event was about: the beginning of its uri, its prompt or what it would cancel, as far as the original says so in
 * either mode of CloudEvents.
 */
export function aboutOf({ origin }: EventRejected): string {
  try {
    const value = JSON.parse(Buffer.from(origin.value ?? '', 'base64').toString()) as { data?: unknown };
    const data = { ...value, ...(typeof value.data === 'object' ? value.data : {}) } as Record<string, unknown>;
    if (Array.isArray(data.prompt))
      return cut(data.prompt.map((part) => (typeof part?.text === 'string' ? part.text : '[image]')).join(' '));
    const about = data.uri ?? data.prompt ?? data.cancel;
    return typeof about === 'string' ? cut(about) : '';
  } catch {
    return '';
  }
}

function cut(text: string): string {
  return text.length > most ? `${cutText(text, most - 3)}...` : text;
}
