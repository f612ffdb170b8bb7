import sharp from 'sharp';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { Clock } from '../../../../src/core/clock.js';
import { asVimiError } from '../../../../src/core/errors.js';
import type { Denoiser, GenerateInput } from '../../../../src/models/ports.js';
import { createRemoteDenoiser } from '../../../../src/models/servers/remote/remote-denoiser.js';
import { vimiDialect } from '../../../../src/models/servers/remote/vimi-dialect.js';
import { testFolder } from '../../../media/make-media.js';
import { patient } from '../../../support/patience.js';
import { npy, type ScriptedAnswer, ScriptedServer } from './scripted-server.js';

const workDir = await testFolder();
const weights = 'a'.repeat(64);
const model = {
  ...{ id: 'tiny', object: 'model', weights, backend: 'torch', sampler: 'flow', parameters: 7, multiple: 8 },
  defaults: { frames: 5, width: 16, height: 8, fps: 8, steps: 4, guidance: { text: 5, image: 1 } },
  limits: { frames: 9, width: 64, height: 64, images: 2, clips: 1 },
  frame_counts: { every: 4, plus: 1 },
  ...{ roles: ['subject', 'first_frame', 'motion'], entities: true, content: ['frames', 'video'] },
};
const pixels = { width: 2, height: 2, data: new Uint8Array(12).fill(9) };
const input: GenerateInput = {
  prompt: {
    ...{ task: 'subject-driven', instruction: '' },
    parts: [
      { text: 'a red fox in snow' },
      { pixels, role: 'reference' },
      { text: 'Today' },
      { pixels, role: 'subject' },
      { text: 'runs.' },
    ],
    clips: [{ mp4: Buffer.from('....ftyp'), caption: 'running' }],
  },
  ...{ frames: 5, width: 16, height: 8, fps: 8, steps: 4, guidance: { text: 5, image: 1 }, seed: 3 },
};
const job = (status: string, more: object = {}) => ({ id: 'job-1', object: 'video', status, progress: 0, ...more });
const done = { 'GET /v1/videos/job-1/content': { bytes: npy(5, 8, 16), type: 'application/octet-stream' } };
/** Looks come one after the other; only limits of time are not over at once. */
const hasty: Clock = {
  now: () => 0,
  elapsed: () => performance.now(),
  sleep: (ms, signal) =>
    ms < 5000
      ? Promise.resolve()
      : new Promise((resolve) => signal?.addEventListener('abort', () => resolve(), { once: true })),
};

type Script = Record<string, ScriptedAnswer | ScriptedAnswer[] | (() => ScriptedAnswer | Promise<ScriptedAnswer>)>;
const open: { close(): Promise<void> }[] = [];
afterEach(async () => {
  for (const one of open.splice(0)) await one.close();
});

/** A server that answers by the beginning of `METHOD /path`: a list in its order, the last one for ever. */
async function served(script: Script, { clock = hasty, key }: { clock?: Clock; key?: string } = {}) {
  const all: Script = { 'GET /v1/models': { json: { object: 'list', data: [model] } }, ...script };
  const server = await ScriptedServer.start(({ method, path }) => {
    const names = Object.keys(all).filter((name) => `${method} ${path}`.startsWith(name));
    const name = names.sort((a, b) => b.length - a.length)[0];
    const answer = name === undefined ? { status: 404 } : all[name];
    if (typeof answer === 'function') return answer();
    if (Array.isArray(answer)) return answer.length > 1 ? answer.shift() : answer[0];
    return answer;
  });
  const denoiser = remote(server.url, { clock, key });
  open.push(denoiser, server);
  return { server, denoiser };
}

function remote(url: string, { clock = hasty, key }: { clock?: Clock; key?: string | undefined } = {}): Denoiser {
  return createRemoteDenoiser({ dialect: vimiDialect({ url, key, workDir }), where: url, runSeconds: 60, clock });
}

const never = new AbortController().signal;
const refused = (denoiser: Denoiser, changes: Partial<GenerateInput> = {}) =>
  denoiser.generate({ ...input, ...changes }, { signal: never }).then(
    () => 'made',
    (thrown: unknown) => asVimiError(thrown),
  );

describe('a model server', () => {
  it('is asked for a video, and followed to its end', async () => {
    const steps: number[] = [];
    const { server, denoiser } = await served({
      'POST /v1/videos': { status: 202, json: job('queued') },
      'GET /v1/videos/job-1': [
        ...[{ json: job('queued') }, { json: job('in_progress', { progress: 25 }) }],
        ...[{ json: job('in_progress', { progress: 75 }) }, { json: job('completed', { progress: 100, weights }) }],
      ],
      ...done,
    });
    const { video, asked } = await denoiser.generate(input, { signal: never, onStep: (n) => steps.push(n) });
    expect(video).toMatchObject({ frames: 5, width: 16, height: 8 });
    expect(video.data.every((value) => value === 127)).toBe(true);
    expect(steps).toEqual([1, 3, 4]);
    const { body, headers } = server.calls('POST /v1/videos')[0]!;
    expect(body).toMatchObject({
      ...{ model: 'tiny', prompt: 'Today the subject of image 2 runs.', retrieval: false },
      ...{ frames: 5, width: 16, height: 8, fps: 8, steps: 4, guidance: { text: 5, image: 1 }, seed: 3 },
      references: [
        { role: 'subject', entity: 'a red fox in snow', data_url: expect.stringMatching(/^data:image\/webp;base64,/) },
        { role: 'subject', data_url: expect.stringMatching(/^data:image\/webp;base64,/) },
        { role: 'motion', entity: 'running', data_url: expect.stringMatching(/^data:video\/mp4;base64,/) },
      ],
    });
    expect(headers).toHaveProperty('idempotency-key', expect.stringMatching(/^"[0-9a-f]{64}"$/));
    expect(asked).toMatchObject({
      ...{ prompt: 'Today the subject of image 2 runs.', seed: 3 },
      references: [{ role: 'subject', sha256: expect.stringMatching(/^[0-9a-f]{64}$/) }, {}, {}],
    });
    expect(JSON.stringify(asked)).not.toContain('base64');
  });

  it('shows its previews, none that is none, and forgets a video that was read', async () => {
    const frame = await sharp({ create: { width: 8, height: 4, channels: 3, background: '#ff0000' } })
      .webp()
      .toBuffer();
    const previews = [
      { bytes: frame, type: 'image/webp' },
      { bytes: Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), type: 'image/webp' },
      { status: 500 },
    ];
    const running = (preview: string) => ({ json: job('in_progress', { progress: 25, preview }) });
    const { server, denoiser } = await served({
      'POST /v1/videos': { status: 202, json: job('queued') },
      'GET /v1/videos/job-1': [
        ...[running('a'), running('a'), running('b'), running('c')],
        { json: job('completed', { progress: 100, weights }) },
      ],
      'GET /v1/videos/job-1/preview': previews,
      'DELETE /v1/videos/job-1': { json: job('completed') },
      ...done,
    });
    const shown: object[] = [];
    await denoiser.generate(input, { signal: never, onPreview: (one) => shown.push(one) });
    expect(shown).toMatchObject([{ width: 8, height: 4 }]);
    expect(server.calls('GET /v1/videos/job-1/preview')).toHaveLength(3);
    await vi.waitFor(() => expect(server.calls('DELETE /v1/videos/job-1')).toHaveLength(1), patient);
  });

  it('says what it makes and takes', async () => {
    const { denoiser, server } = await served({});
    expect(await denoiser.describe()).toEqual({
      ...{ name: 'tiny', weights, backend: 'torch', sampler: 'flow', parameters: 7, multiple: 8 },
      server: { url: server.url, dialect: 'vimi' },
      defaults: model.defaults,
      limits: { frames: 9, width: 64, height: 64, images: 2 },
      frameCounts: { every: 4, plus: 1 },
      takes: { roles: ['subject', 'first-frame'], clips: 1 },
    });
  });

  it('refuses what its server does not make before it is asked', async () => {
    const { denoiser, server } = await served({});
    expect(await refused(denoiser, { frames: 6 })).toMatchObject({
      ...{ code: 'REQUEST_OVER_LIMIT', expected: 'frames: 1 and a multiple of 4', found: '6' },
    });
    expect(await refused(denoiser, { oscillation: { steady: 1, low: 1 } })).toMatchObject({
      code: 'REQUEST_UNSUPPORTED',
    });
    expect(server.calls('POST')).toEqual([]);
  });

  it.each([
    ['a video of another size', npy(5, 8, 24), 'expected a video of 16x8, found one of 24x8'],
    ['too few frames', npy(4, 8, 16), 'expected 5 frames, found 4'],
    ['too many frames', npy(6, 8, 16), 'expected 5 frames, found more'],
    [
      'a web page',
      Buffer.from('<html>hello</html>'),
      'expected a video as .npy or MP4, found 18 bytes that begin with',
    ],
    ['an array cut short', npy(5, 8, 16).subarray(0, 300), 'found 172 bytes for 5 frames of 16x8'],
    ['a false MP4', Buffer.from('....ftypisom nothing'), 'expected an MP4 that can be decoded'],
    ['more bytes than any such video has', Buffer.alloc(2 ** 21), 'at most 1056256 bytes'],
  ])('rejects %s as an answer', async (_, bytes, text) => {
    const { denoiser } = await served({
      'POST /v1/videos': { status: 202, json: job('queued') },
      'GET /v1/videos/job-1': { json: job('completed') },
      'GET /v1/videos/job-1/content': { bytes, type: 'video/mp4' },
    });
    const error = await refused(denoiser);
    expect(error).toMatchObject({ code: 'MODEL_ANSWER_INVALID', fault: 'input' });
    expect(String(error)).toContain(text);
  });

  it.each([
    ['no JSON', { bytes: Buffer.from('hello') }, 'found hello'],
    ['no status', { json: { id: 'job-1' } }, 'status: expected'],
    ['an id that is a path', { json: { ...job('queued'), id: '../../admin' } }, 'id: expected letters'],
    ['a status of its own', { json: job('dreaming') }, 'status: expected'],
    ['too much', { bytes: Buffer.alloc(2 ** 20 + 1, 32) }, 'at most 1048576 bytes'],
  ])('rejects %s as a job', async (_, answer, text) => {
    const { denoiser } = await served({ 'POST /v1/videos': answer });
    const error = await refused(denoiser);
    expect(error).toMatchObject({ code: 'MODEL_ANSWER_INVALID' });
    expect(String(error)).toContain(text);
  });

  it.each([
    [401, 'MODEL_SERVER_DENIED', 'surroundings'],
    [403, 'MODEL_SERVER_DENIED', 'surroundings'],
    [422, 'MODEL_SERVER_REFUSED', 'input'],
    [413, 'MODEL_SERVER_REFUSED', 'input'],
    [500, 'MODEL_SERVER_FAILED', 'passing'],
    [503, 'MODEL_SERVER_UNAVAILABLE', 'surroundings'],
    [302, 'MODEL_SERVER_UNAVAILABLE', 'surroundings'],
    [429, 'MODEL_SERVER_BUSY', 'surroundings'],
  ])('knows whose fault status %i is', async (status, code, fault) => {
    const problem = { code: 'TOO_ODD', detail: 'not like that', title: 'No' };
    const { denoiser, server } = await served(
      { 'POST /v1/videos': { status, json: problem, headers: { location: 'http://127.0.0.1:1/' } } },
      { key: 'sesame-opens' },
    );
    const error = await refused(denoiser);
    expect(error).toMatchObject({ code, fault });
    expect(server.calls('POST')[0]?.headers.authorization).toBe('Bearer sesame-opens');
    expect(String(error)).not.toContain('sesame');
    if (status === 422) expect(String(error)).toContain('TOO_ODD: not like that');
  });

  it('waits as long as a server without room says', async () => {
    const slept: number[] = [];
    const clock: Clock = { now: () => 0, elapsed: () => 0, sleep: async (ms) => void slept.push(ms) };
    const { denoiser } = await served(
      {
        'POST /v1/videos': [
          { status: 429, json: { code: 'QUEUE_FULL' }, headers: { 'retry-after': '17' } },
          { status: 202, json: job('queued') },
        ],
        'GET /v1/videos/job-1': { json: job('completed') },
        ...done,
      },
      { clock },
    );
    expect(await refused(denoiser)).toMatchObject({ code: 'MODEL_SERVER_BUSY', fault: 'surroundings' });
    expect(await refused(denoiser)).toBe('made');
    expect(slept).toContain(17_000);
  });

  it('goes on with the job that was accepted before the connection broke', async () => {
    const { denoiser, server } = await served({
      'POST /v1/videos': { status: 202, json: job('queued') },
      'GET /v1/videos/job-1': [{ json: job('in_progress') }, undefined, { json: job('completed') }],
      ...done,
    });
    expect(await refused(denoiser)).toMatchObject({ code: 'MODEL_SERVER_UNAVAILABLE', fault: 'surroundings' });
    expect(await refused(denoiser)).toBe('made');
    expect(server.calls('POST')).toHaveLength(1);
  });

  it('spends a try on a job that a restarted server does not know, and asks anew', async () => {
    const { denoiser, server } = await served({
      'POST /v1/videos': { status: 202, json: job('queued') },
      'GET /v1/videos/job-1': [{ json: job('in_progress') }, { status: 404 }, { json: job('completed') }],
      ...done,
    });
    expect(await refused(denoiser)).toMatchObject({ code: 'MODEL_SERVER_FAILED', fault: 'passing' });
    expect(await refused(denoiser)).toBe('made');
    expect(server.calls('POST')).toHaveLength(2);
  });

  describe('that is restarted again and again', () => {
    /** A server that forgets all jobs when it starts. Jobs are drawn one after the other, in the order in which they came. */
    const forgetful = async () => {
      let jobs: { id: string; seed: number; status: string }[] = [];
      let count = 0;
      let isAway = false;
      const server = await ScriptedServer.start(({ method, path, body }) => {
        if (isAway && method === 'POST') return { status: 502 };
        if (path === '/v1/models') return { json: { object: 'list', data: [model] } };
        if (method === 'POST') {
          const made = { id: `job-${++count}`, seed: body.seed, status: 'queued' };
          jobs.push(made);
          return { status: 202, json: job('queued', { id: made.id }) };
        }
        if (path.includes('/content')) return { bytes: npy(5, 8, 16), type: 'application/octet-stream' };
        const found = jobs.find(({ id }) => path === `/v1/videos/${id}`);
        return found ? { json: job(found.status, { id: found.id }) } : { status: 404 };
      });
      const denoiser = remote(server.url);
      open.push(denoiser, server);
      const has = (seed: number) => jobs.find((one) => one.seed === seed);
      return {
        ...{ server, denoiser, has },
        first: () => jobs.find(({ status }) => status === 'queued'),
        set: (seed: number, status: string) => Object.assign(has(seed)!, { status }),
        restart(away = false) {
          jobs = [];
          isAway = away;
        },
      };
    };
    /** Until what is so now was seen. */
    const looked = (server: ScriptedServer, id: string) => {
      const before = server.calls(`GET /v1/videos/${id}`).length;
      return vi.waitFor(() => expect(server.calls(`GET /v1/videos/${id}`).length).toBeGreaterThan(before + 1), patient);
    };

    it('holds that against the job that it was at, not against those that wait', async () => {
      const { server, denoiser, has, set, restart } = await forgetful();
      const ends: unknown[] = [];
      const waiting = refused(denoiser, { seed: 2 });
      await vi.waitFor(() => expect(has(2)).toBeDefined(), patient);
      for (let restarts = 0; restarts < 6; restarts++) {
        const drawn = refused(denoiser, { seed: 1 });
        await vi.waitFor(() => expect([has(1), has(2)]).not.toContain(undefined), patient);
        set(1, 'in_progress');
        await looked(server, has(1)!.id);
        restart();
        ends.push(await drawn);
      }
      expect(ends).toMatchObject(Array(6).fill({ code: 'MODEL_SERVER_FAILED', fault: 'passing' }));
      await vi.waitFor(() => expect(has(2)).toBeDefined(), patient);
      set(2, 'completed');
      expect(await waiting).toBe('made');
    });

    it('does not let a job that ends it before anybody sees it begin do so for ever', async () => {
      const { denoiser, has, first, set, restart } = await forgetful();
      const ends: Record<number, unknown> = {};
      for (const seed of [1, 2]) {
        void refused(denoiser, { seed }).then((end) => Object.assign(ends, { [seed]: end }));
        await vi.waitFor(() => expect(has(seed)).toBeDefined(), patient);
      }
      let restarts = 0;
      while (Object.keys(ends).length < 2) {
        await vi.waitFor(() => expect(first() ?? (Object.keys(ends).length === 2 || undefined)).toBeDefined(), patient);
        if (first()?.seed === 1) {
          restart();
          restarts++;
        } else if (first()) {
          set(2, 'completed');
          await vi.waitFor(() => expect(ends[2]).toBeDefined(), patient);
        }
      }
      expect(ends).toMatchObject({ 1: { code: 'MODEL_SERVER_FAILED', fault: 'passing' }, 2: 'made' });
      expect(restarts).toBe(4);
    });

    it('holds nothing against a request that ended while it was away', async () => {
      const { denoiser, has, set, restart } = await forgetful();
      const lose = async (times: number) => {
        for (let n = 1; n <= times; n++) {
          await vi.waitFor(() => expect(has(1)).toBeDefined(), patient);
          restart(n === 3);
        }
      };
      const ended = new AbortController();
      const making = denoiser.generate({ ...input, seed: 1 }, { signal: ended.signal }).catch(asVimiError);
      await lose(3);
      expect(await making).toMatchObject({ code: 'MODEL_SERVER_UNAVAILABLE' });
      ended.abort();
      restart();
      const again = refused(denoiser, { seed: 1 });
      await lose(1);
      await vi.waitFor(() => expect(has(1)).toBeDefined(), patient);
      set(1, 'completed');
      expect(await again).toBe('made');
    });
  });

  it('tries again only where the server says that it may help', async () => {
    const failed = (retryable: boolean) => job('failed', { error: { code: 'OOM', message: 'too large', retryable } });
    const { denoiser } = await served({
      'POST /v1/videos': { status: 202, json: job('queued') },
      'GET /v1/videos/job-1': [{ json: failed(true) }, { json: failed(false) }],
    });
    expect(await refused(denoiser)).toMatchObject({ code: 'MODEL_SERVER_FAILED', fault: 'passing' });
    expect(await refused(denoiser)).toMatchObject({
      ...{ code: 'MODEL_SERVER_REFUSED', fault: 'input', found: 'OOM: too large' },
    });
  });

  it('asks under another key where somebody cancelled the job of this one', async () => {
    const { denoiser, server } = await served({
      'POST /v1/videos': [{ json: job('cancelled') }, { status: 202, json: job('queued') }],
      'GET /v1/videos/job-1': { json: job('completed') },
      ...done,
    });
    expect(await refused(denoiser)).toBe('made');
    const keys = server.calls('POST').map(({ headers }) => headers['idempotency-key']);
    expect(new Set(keys).size).toBe(2);
  });

  it('tells the server of a cancellation', async () => {
    const abort = new AbortController();
    const { denoiser, server } = await served({
      'POST /v1/videos': { status: 202, json: job('queued') },
      'POST /v1/videos/job-1/cancel': { json: job('cancelled') },
      'GET /v1/videos/job-1': { json: job('in_progress', { progress: 50 }) },
    });
    const making = denoiser.generate(input, { signal: abort.signal, onStep: () => abort.abort() });
    await expect(making).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(server.calls('POST /v1/videos/job-1/cancel')).toHaveLength(1);
  });

  it('ends the job of a request that is cancelled while the server is away', async () => {
    const abort = new AbortController();
    let cancelled: () => void = () => {};
    const heard = new Promise<void>((resolve) => {
      cancelled = resolve;
    });
    const { denoiser } = await served({
      'POST /v1/videos': { status: 202, json: job('queued') },
      'POST /v1/videos/job-1/cancel': () => {
        cancelled();
        return { json: job('cancelled') };
      },
      'GET /v1/videos/job-1': undefined,
    });
    const making = denoiser.generate(input, { signal: abort.signal });
    await expect(making).rejects.toMatchObject({ code: 'MODEL_SERVER_UNAVAILABLE' });
    abort.abort();
    await heard;
  });

  it('does not let one of two equal requests cancel the other', async () => {
    const abort = new AbortController();
    // Not before the first has left: its images may be written before those of the second, or long after.
    let isLeft = false;
    const { denoiser, server } = await served({
      'POST /v1/videos': { status: 202, json: job('queued') },
      'GET /v1/videos/job-1': () => ({ json: job(isLeft ? 'completed' : 'in_progress', { progress: 50 }) }),
      ...done,
    });
    const leaving = denoiser.generate(input, { signal: abort.signal }).finally(() => {
      isLeft = true;
    });
    const [first, second] = await Promise.allSettled([
      leaving,
      denoiser.generate(input, { signal: never, onStep: () => abort.abort() }),
    ]);
    expect(first).toMatchObject({ status: 'rejected', reason: { code: 'CANCELLED' } });
    expect(second.status).toBe('fulfilled');
    expect(server.calls('POST /v1/videos').map(({ path }) => path)).toEqual(['/v1/videos']);
  });

  it('gives whoever asks for what is just being cancelled a job of its own, once the other has ended', async () => {
    const abort = new AbortController();
    let second: Promise<unknown> | undefined;
    let isCancelled = false;
    const { denoiser, server } = await served({
      'POST /v1/videos': [
        { status: 202, json: job('queued') },
        { status: 202, json: { ...job('queued'), id: 'job-2' } },
      ],
      'POST /v1/videos/job-1/cancel': async () => {
        second = refused(denoiser);
        // Enough for it to ask, if it did not wait.
        await new Promise((resolve) => setTimeout(resolve, 100));
        isCancelled = true;
        return { json: job('cancelled') };
      },
      'GET /v1/videos/job-1': () => ({ json: isCancelled ? job('cancelled') : job('in_progress', { progress: 50 }) }),
      'GET /v1/videos/job-2': { json: { ...job('completed'), id: 'job-2' } },
      ...Object.fromEntries(Object.entries(done).map(([call, answer]) => [call.replace('job-1', 'job-2'), answer])),
    });
    await expect(denoiser.generate(input, { signal: abort.signal, onStep: () => abort.abort() })).rejects.toMatchObject(
      { code: 'CANCELLED' },
    );
    expect(await second).toBe('made');
    expect(server.calls('POST /v1/videos').map(({ path }) => path)).toEqual([
      '/v1/videos',
      '/v1/videos/job-1/cancel',
      '/v1/videos',
    ]);
  });

  it('gives a job that runs too long up, but none that waits', async () => {
    let now = 0;
    const clock: Clock = {
      ...{ now: () => 0, elapsed: () => now },
      async sleep() {
        now += 50_000;
      },
    };
    const waiting = Array.from({ length: 20 }, () => ({ json: job('queued') }));
    const { denoiser, server } = await served(
      {
        'POST /v1/videos': { status: 202, json: job('queued') },
        'POST /v1/videos/job-1/cancel': { json: job('cancelled') },
        'GET /v1/videos/job-1': [...waiting, { json: job('in_progress') }],
      },
      { clock },
    );
    expect(await refused(denoiser)).toMatchObject({
      code: 'MODEL_SERVER_REFUSED',
      summary: 'The model server took too long',
    });
    expect(server.calls('GET /v1/videos').length).toBeGreaterThan(20);
  });

  it('gives a job that runs too long up, however often the server was away in between', async () => {
    let now = 0;
    const clock: Clock = {
      ...{ now: () => 0, elapsed: () => now },
      async sleep(ms) {
        if (ms > 0) now += 50_000;
      },
    };
    let looks = 0;
    const { denoiser, server } = await served(
      {
        'POST /v1/videos': { status: 202, json: job('queued') },
        'POST /v1/videos/job-1/cancel': { json: job('cancelled') },
        'GET /v1/videos/job-1': () => (++looks % 2 === 1 ? { json: job('in_progress') } : undefined),
      },
      { clock },
    );
    const codes = [];
    for (let tries = 0; tries < 3; tries++) codes.push(await refused(denoiser));
    expect(codes).toMatchObject([
      { code: 'MODEL_SERVER_UNAVAILABLE' },
      { code: 'MODEL_SERVER_UNAVAILABLE' },
      { summary: 'The model server took too long' },
    ]);
    expect(server.asked.filter(({ method, path }) => method === 'POST' && path === '/v1/videos')).toHaveLength(1);
  });

  it('leaves a server without room alone as long as it says, also while it makes a job', async () => {
    const slept: number[] = [];
    const clock: Clock = { now: () => 0, elapsed: () => 0, sleep: async (ms) => void slept.push(ms) };
    const { denoiser } = await served(
      {
        'POST /v1/videos': { status: 202, json: job('queued') },
        'GET /v1/videos/job-1': [{ status: 429, headers: { 'retry-after': '23' } }, { json: job('completed') }],
        ...done,
      },
      { clock },
    );
    expect(await refused(denoiser)).toMatchObject({ code: 'MODEL_SERVER_BUSY' });
    expect(slept).not.toContain(23_000);
    expect(await refused(denoiser)).toBe('made');
    expect(slept).toContain(23_000);
  });

  it('notices other weights than those that it was told of', async () => {
    const { denoiser } = await served({
      'POST /v1/videos': { status: 202, json: job('queued') },
      'GET /v1/videos/job-1': { json: job('completed', { weights: 'b'.repeat(64) }) },
    });
    expect(await refused(denoiser)).toMatchObject({ code: 'MODEL_SERVER_FAILED', found: 'b'.repeat(64) });
  });

  it.each([
    ['has no list of models', { status: 404 }, 'status 404'],
    ['has an empty one', { json: { data: [] } }, 'data: expected'],
    ['is none at all', { bytes: Buffer.from('<html>') }, '<html>'],
  ])('pauses for a server that %s', async (_, answer, text) => {
    const { denoiser } = await served({ 'GET /v1/models': answer });
    const error = await refused(denoiser);
    expect(error).toMatchObject({ fault: 'surroundings', code: 'MODEL_SERVER_UNAVAILABLE' });
    expect(String(error)).toContain(text);
  });

  it('pauses for one that cannot be reached, and does not hold up who gives up', async () => {
    const denoiser = remote('http://127.0.0.1:9');
    expect(await refused(denoiser)).toMatchObject({ code: 'MODEL_SERVER_UNAVAILABLE', found: 'ECONNREFUSED' });
    await denoiser.close();
    const gone = AbortSignal.abort();
    await expect(denoiser.generate(input, { signal: gone })).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});
