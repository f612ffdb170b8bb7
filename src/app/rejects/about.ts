import type { EventRejected } from '../../events/schemas.js';

/** What a rejected event was about: its uri, its prompt or what it would cancel, as far as the original says so in either mode of CloudEvents. */
export function aboutOf({ origin }: EventRejected): string {
  try {
    const value = JSON.parse(Buffer.from(origin.value ?? '', 'base64').toString()) as { data?: unknown };
    const data = { ...value, ...(typeof value.data === 'object' ? value.data : {}) } as Record<string, unknown>;
    if (Array.isArray(data.prompt))
      return data.prompt.map((part) => (typeof part?.text === 'string' ? part.text : '[image]')).join(' ');
    const about = data.uri ?? data.prompt ?? data.cancel;
    return typeof about === 'string' ? about : '';
  } catch {
    return '';
  }
}
