import { lostMs, Unreachable } from './api.js';

/**
 * The server-sent events (WHATWG HTML, 9.2) of an answer. Browsers' own EventSource sends no API key.
 * @param {Response} answer
 * @param {{ silenceMs?: number }} [options]
 * @returns {AsyncGenerator<{ event: string, data: string }>} Unreachable, when the line is lost
 */
export async function* eventsOf(answer, { silenceMs = lostMs } = {}) {
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  if (!reader) return;
  let text = '';
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let lost;
  const silence = () =>
    new Promise((_, reject) => {
      lost = setTimeout(() => reject(new Unreachable()), silenceMs);
    });
  try {
    for (;;) {
      const reading = reader.read().catch((error) => {
        throw error.name === 'AbortError' ? error : new Unreachable();
      });
      const { done, value } = await Promise.race([reading, silence()]).finally(() => clearTimeout(lost));
      if (done) return;
      // Each event ends with an empty line.
      const events = (text + value).split('\n\n');
      text = events.pop() ?? '';
      for (const event of events.map(parsed)) if (event.data) yield event;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

/** @param {string} text */
function parsed(text) {
  const found = { event: 'message', data: '' };
  for (const line of text.split('\n')) {
    const [, name, value = ''] = /^(event|data): ?(.*)$/.exec(line) ?? [];
    if (name === 'event') found.event = value;
    if (name === 'data') found.data += value;
  }
  return found;
}
