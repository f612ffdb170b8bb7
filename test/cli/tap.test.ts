import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { PassThrough } from 'node:stream';
import { afterEach, expect, it, vi } from 'vitest';
import { tap } from '../../src/cli/commands/tap.js';

afterEach(() => vi.useRealTimers());

it('tells a process whose thread is kept busy from one that is not there', async () => {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const tapping = () =>
    tap('generate.embed', { at: `127.0.0.1:${port}`, signal: new AbortController().signal }, new PassThrough());

  vi.useFakeTimers({ toFake: ['setTimeout'] });
  const silent = expect(tapping()).rejects.toMatchObject({
    message: expect.stringMatching(/listens there, and does not answer.*no answer within 10 s/),
    remedy: expect.stringContaining('kept busy'),
  });
  const [connection] = await once(server, 'connection');
  vi.advanceTimersByTime(10_000);
  await silent;

  connection.destroy();
  server.close();
  await once(server, 'close');
  await expect(tapping()).rejects.toMatchObject({
    message: expect.stringContaining('No process answers there'),
    remedy: expect.stringContaining('--at HOST:PORT'),
  });
});
