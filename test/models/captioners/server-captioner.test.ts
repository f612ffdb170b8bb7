import type { ServerResponse } from 'node:http';
import { afterEach, describe, expect, it } from 'vitest';
import type { VimiError } from '../../../src/core/errors.js';
import { frameAsWebp } from '../../../src/media/images.js';
import { openServerCaptioner } from '../../../src/models/captioners/server-captioner.js';
import type { Shown } from '../../../src/models/ports.js';
import { type Asked, httpCaptioner, isGrey } from './http-captioner.js';

const red = { width: 16, height: 8, data: Uint8Array.from({ length: 384 }, (_, n) => (n % 3 === 0 ? 200 : 20)) };
const shown: Shown = {
  image: { mediaType: 'image/webp', bytes: () => frameAsWebp(red), pixels: async () => red },
  known: [{ text: 'a fox', by: 'given', score: 1 }],
  mostCharacters: 50,
};
const never = new AbortController().signal;
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

async function captioner(answer: (asked: Asked, response: ServerResponse) => unknown, more = {}) {
  const server = await httpCaptioner(answer);
  open.push(server);
  const made = openServerCaptioner({ url: server.url, name: 'looker', seconds: 30, ...more });
  return { ...server, caption: (signal = never) => made.caption(shown, signal) };
}
const failure = (work: Promise<unknown>): Promise<VimiError> =>
  work.then(
    (made) => {
      throw new Error(`made ${JSON.stringify(made)}`);
    },
    (thrown) => thrown,
  );
const status =
  (code: number, text = 'no') =>
  (response: ServerResponse) => {
    response.writeHead(code).end(text);
    return undefined;
  };

describe('a captioner that is a server', () => {
  it('sees the image and what others said, and is named with its model', async () => {
    const server = await captioner(
      () => ({ caption: ' a red\nfield ', language: 'en', score: 0.75, model: 'v1', more: 1 }),
      { key: 'secret' },
    );
    expect(await server.caption()).toEqual({ text: 'a red field', by: 'looker/v1', language: 'en', score: 0.75 });
    expect(server.asked).toMatchObject([
      { colour: [200, 20, 20], texts: [{ text: 'a fox', by: 'given' }], max_characters: 50 },
    ]);
    expect(server.asked[0]!.headers).toMatchObject({
      authorization: 'Bearer secret',
      'content-type': 'application/json',
    });
  });

  it.each([[{ caption: '' }], [{ caption: null }], [{ caption: ' \n' }]])(
    'may have nothing to say: %j',
    async (said) => {
      expect(await (await captioner(() => said)).caption()).toBeUndefined();
    },
  );

  it('leaves out what is null', async () => {
    const server = await captioner(() => ({ caption: 'x', language: null, score: null, model: null }));
    expect(await server.caption()).toEqual({ text: 'x', by: 'looker' });
  });

  const wrong: [string, unknown][] = [
    ['another type', { caption: 3 }],
    ['no caption', { text: 'a fox' }],
    ['a score above 1', { caption: 'a fox', score: 1.5 }],
    ['a caption that is too long', { caption: 'x'.repeat(51) }],
    ['control characters', { caption: 'a\u0000fox' }],
    ['half a surrogate pair', { caption: 'a \ud83d' }],
    ['a model of many characters', { caption: 'a fox', model: 'm'.repeat(121) }],
    ['too much', { caption: 'a fox', more: 'x'.repeat(2 ** 20) }],
    ['a list', []],
  ];
  it.each(wrong)('that answers with %s is wrong about this image, if it is right about another', async (_, said) => {
    const server = await captioner((asked) => (isGrey(asked) ? { caption: 'grey' } : said));
    expect(await failure(server.caption())).toMatchObject({ code: 'CAPTIONER_ANSWER_INVALID', fault: 'passing' });
    expect(server.asked.map(isGrey)).toEqual([false, true]);
  });

  const failing: [string, string, (response: ServerResponse) => unknown][] = [
    ['status 400', 'CAPTIONER_REFUSED', status(400)],
    ['status 422', 'CAPTIONER_REFUSED', status(422)],
    ['status 500', 'CAPTIONER_FAILED', status(500)],
    ['status 429', 'CAPTIONER_FAILED', status(429)],
    ['a redirect', 'CAPTIONER_FAILED', (response) => void response.writeHead(302, { location: '/else' }).end()],
    ['a connection that breaks', 'CAPTIONER_FAILED', (response) => void response.destroy()],
    ['no JSON', 'CAPTIONER_ANSWER_INVALID', (response) => void response.end('<html>')],
    [
      'half an answer',
      'CAPTIONER_FAILED',
      (response) => {
        response.writeHead(200, { 'content-length': 100 });
        response.write('{"caption":');
        setImmediate(() => response.destroy());
      },
    ],
  ];
  it.each(failing)('%s is about this image, if another passes', async (_, code, send) => {
    const server = await captioner((asked, response) => (isGrey(asked) ? { caption: '' } : send(response)));
    expect(await failure(server.caption())).toMatchObject({ code });
  });

  it.each(failing)('%s for everything is about the server', async (_, __, send) => {
    const server = await captioner((_asked, response) => send(response));
    expect(await failure(server.caption())).toMatchObject({ code: 'CAPTIONER_UNAVAILABLE', fault: 'surroundings' });
  });

  it('that is not there is away', async () => {
    const server = await captioner(() => ({ caption: 'x' }));
    await open.pop()!.close();
    const error = await failure(server.caption());
    expect(error).toMatchObject({ code: 'CAPTIONER_UNAVAILABLE', found: 'ECONNREFUSED' });
  });

  it('that hangs on one image fails on it; one that hangs on all is away', async () => {
    const hangs = await captioner((asked) => (isGrey(asked) ? { caption: '' } : undefined), { seconds: 3 });
    expect(await failure(hangs.caption())).toMatchObject({ code: 'CAPTIONER_FAILED', found: 'no answer within 3 s' });
    const dead = await captioner(() => undefined, { seconds: 0.2 });
    expect(await failure(dead.caption())).toMatchObject({ code: 'CAPTIONER_UNAVAILABLE' });
  });

  it.each([401, 403])(
    'that refuses the key (%i) is asked no further, and no message has the key or the query',
    async (code) => {
      const server = await captioner((_, response) => status(code)(response), { key: 'k-secret' });
      const made = openServerCaptioner({
        url: `${server.url}?token=q-secret`,
        name: 'looker',
        key: 'k-secret',
        seconds: 5,
      });
      const error = await failure(made.caption(shown, never));
      expect(error).toMatchObject({ code: 'CAPTIONER_DENIED', fault: 'surroundings' });
      expect(JSON.stringify([error.message, error.where, error.found])).not.toContain('secret');
      expect(server.asked).toHaveLength(1);
    },
  );

  it('stops when the work is pointless', async () => {
    const stop = new AbortController();
    const server = await captioner(() => {
      stop.abort(new Error('enough'));
    });
    expect(await failure(server.caption(stop.signal))).toMatchObject({ message: 'enough' });
    expect(server.asked).toHaveLength(1);
  });
});
