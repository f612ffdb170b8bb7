import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, it, vi } from 'vitest';
import type { Grounding } from '../../src/app/grounding.js';
import { openApp } from '../../src/server/app.js';
import { addContextRoute } from '../../src/server/corpus/context.js';
import { recogniseCallers } from '../../src/server/keys/callers.js';
import { Keys } from '../../src/server/keys/key-file.js';
import { never, testFolder } from '../media/make-media.js';
import { quietLog } from '../operators/run-operator.js';
import { patient } from '../support/patience.js';

/** A server whose steps wait for a store that is away. */
async function waiting() {
  const signals: AbortSignal[] = [];
  const grounding: Grounding = {
    async ground(_, signal) {
      signals.push(signal);
      if (!signal.aborted) await once(signal, 'abort');
      throw signal.reason;
    },
    close: async () => {},
  };
  const app = await openApp({ log: quietLog, version: 'test' });
  recogniseCallers(app, await Keys.open(join(await testFolder(), 'keys.json'), quietLog));
  addContextRoute(app, async () => grounding, never);
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  const ask = (signal?: AbortSignal) =>
    fetch(`http://127.0.0.1:${port}/v1/context`, {
      ...{ method: 'POST', body: '{"prompt":"a fox"}', ...(signal && { signal }) },
      headers: { 'content-type': 'application/json' },
    });
  return { signals, ask, close: () => app.close() };
}

it('grounds nothing any longer for a caller that has left', patient, async () => {
  const { signals, ask, close } = await waiting();
  const leaving = new AbortController();
  const asked = ask(leaving.signal).catch((thrown) => thrown.name);
  await vi.waitFor(() => expect(signals.map(({ aborted }) => aborted)).toEqual([false]), patient);
  leaving.abort();
  expect(await asked).toBe('AbortError');
  await vi.waitFor(() => expect(signals.map(({ aborted }) => aborted)).toEqual([true]), patient);
  await close();
});

it('waits for a store that is away no longer than a minute', patient, async () => {
  const late = new AbortController();
  const timeout = vi.spyOn(AbortSignal, 'timeout').mockReturnValue(late.signal);
  const { signals, ask, close } = await waiting();
  try {
    const asked = ask();
    await vi.waitFor(() => expect(signals).toHaveLength(1), patient);
    expect(timeout).toHaveBeenCalledWith(60_000);
    late.abort();
    const answer = await asked;
    expect(answer.status).toBe(504);
    expect(await answer.json()).toMatchObject({ code: 'TIMED_OUT' });
  } finally {
    timeout.mockRestore();
    await close();
  }
});
