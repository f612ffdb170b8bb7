import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { addKey, keyPath, type Scope } from '../../src/server/keys/key-file.js';
import { patient } from '../support/patience.js';
import { ownTopology, type Served, serve } from './served.js';

/* Videos that go on from the last frame of others. */

const topology = await ownTopology();
const open: Served[] = [await serve(topology)];
const [one] = open as [Served];
afterAll(async () => {
  for (const served of open) await served.close();
});

/** Of a picture of the API, without losses. */
async function pixels(url: string): Promise<Buffer> {
  const answer = await fetch(`${one.server.url}${url}`);
  expect(answer.status).toBe(200);
  return sharp(Buffer.from(await answer.arrayBuffer()))
    .removeAlpha()
    .raw()
    .toBuffer();
}
const goOn = (id: string, more = {}) => ({
  ...{ prompt: 'and it goes on', frames: 1, references: [{ role: 'first_frame', video_id: id }] },
  ...more,
});

describe('the last frame of a video', patient, () => {
  it('is frame 1 of the video that goes on from it, pixel for pixel', async () => {
    const large = { width: 512, height: 384, frames: 3 };
    for (const size of [{ frames: 5 }, large]) {
      const first = (await one.post('/v1/videos', { prompt: 'a boat', ...size })).body;
      await one.drain();
      const { last_frame: last, urls } = (await one.call(first.urls.self)).body;
      // A video of one frame: its last frame is its first.
      const next = await one.post('/v1/videos', goOn(first.id, { width: last.width, height: last.height }));
      expect(next.status).toBe(202);
      expect(next.body.request.asked.prompt[0].role).toBe('first-frame');
      await one.drain();
      const made = (await one.call(next.body.urls.self)).body;
      expect([made.status, made.error]).toEqual(['completed', null]);
      expect((await pixels(made.urls.last_frame)).equals(await pixels(urls.last_frame))).toBe(true);
      // The video that it went on from is not needed any more.
      await one.call(first.urls.self, { method: 'DELETE' });
      const again = await one.post('/v1/videos', made.request.asked);
      await one.drain();
      expect((await one.call(again.body.urls.self)).body.status).toBe('completed');
    }
  });

  it('is refused where there is none, and where two images are to be frame 1', async () => {
    const waiting = (await one.post('/v1/videos', { prompt: 'a boat' })).body;
    const early = await one.post('/v1/videos', goOn(waiting.id));
    expect([early.status, early.body.code]).toEqual([409, 'VIDEO_NOT_READY']);
    const nobody = await one.post('/v1/videos', goOn('nobody'));
    expect([nobody.status, nobody.body.code]).toEqual([404, 'JOB_NOT_FOUND']);
    await one.drain();
    const two = await one.post('/v1/videos', {
      ...goOn(waiting.id),
      references: [waiting.id, waiting.id].map((video_id) => ({ role: 'first_frame', video_id })),
    });
    expect([two.status, two.body.code]).toEqual([422, 'EVENT_INVALID']);
    const both = await one.post('/v1/videos', goOn(waiting.id, { references: [{ video_id: 'a', document_id: 'b' }] }));
    expect([both.status, both.body.code]).toEqual([422, 'EVENT_INVALID']);
  });

  it('is seen by whom its video is seen by', async () => {
    const locked = await ownTopology();
    const path = keyPath(locked.replace(/\/topology\.yaml$/, ''), {});
    const key = async (name: string, scopes: Scope[]) => ({
      authorization: `Bearer ${(await addKey(path, name, scopes)).text}`,
    });
    const [mine, rival, blind] = await Promise.all([
      key('shop', ['create', 'read']),
      key('rival', ['create', 'read']),
      key('shop', ['create']),
    ]);
    const other = await serve(locked);
    open.push(other);
    const { id } = (await other.post('/v1/videos', { prompt: 'a boat' }, mine)).body;
    await other.drain();
    const asked = async (headers: Record<string, string>) => (await other.post('/v1/videos', goOn(id), headers)).body;
    expect((await asked(rival)).code).toBe('JOB_NOT_FOUND');
    expect(await asked(blind)).toMatchObject({
      code: 'KEY_REFUSED',
      detail: expect.stringContaining('references.0.video_id'),
    });
    expect((await asked(mine)).status).toBe('queued');
  });
});
