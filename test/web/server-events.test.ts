import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { call, Unreachable } from '../../web/api.js';
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

afterEach(() => vi.unstubAllGlobals());

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

  it('counts an answer as lost of which a proxy lets nothing through', async () => {
    vi.stubGlobal('sessionStorage', { getItem: () => null });
    const proxy = createServer(() => {}).listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    const address = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/v1/videos/x/events`;
    await expect(call(address, { silenceMs: 50 })).rejects.toThrow(Unreachable);
    // Whoever leaves is not told of trouble.
    const leave = new AbortController();
    const left = call(address, { signal: leave.signal });
    leave.abort();
    await expect(left).rejects.toMatchObject({ name: 'AbortError' });
    proxy.closeAllConnections();
    proxy.close();
  });
});
