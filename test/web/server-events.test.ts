import { describe, expect, it } from 'vitest';
import { Unreachable } from '../../web/api.js';
import { eventsOf } from '../../web/server-events.js';

/** An answer whose body says this, and then nothing for ever. */
function silentAfter(...texts: string[]): Response {
  return new Response(
    new ReadableStream({
      start(body) {
        for (const text of texts) body.enqueue(new TextEncoder().encode(text));
      },
    }),
  );
}

describe('the page', () => {
  it.each([
    ['nothing came', []],
    ['an event came', [': still here\n\nevent: status\n', 'data: {}\n\n']],
  ])('counts a stream as lost that says nothing any more, after %s', async (_, texts) => {
    const events: string[] = [];
    const reading = async () => {
      for await (const { event } of eventsOf(silentAfter(...texts), { silenceMs: 50 })) events.push(event);
    };
    await expect(reading()).rejects.toThrow(Unreachable);
    expect(events).toEqual(texts.length > 0 ? ['status'] : []);
  });
});
