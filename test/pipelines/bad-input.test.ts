import { mkdirSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { recordsAfter } from '../../src/app/new-records.js';
import { runPipelines } from '../../src/app/run-pipelines.js';
import { Workspace } from '../../src/app/workspace.js';
import type { EventRejected, JobChanged, VideoCompleted } from '../../src/events/schemas.js';
import { convert, discPng, hollowPng, makeVideo, never, testFolder, tone, turnQuarter } from '../media/make-media.js';
import { quietLog } from '../operators/run-operator.js';
import { patience } from '../support/patience.js';

/*
 * The topology that ships, with a model that paints at once: good and bad input together, as strangers send it. Every
 * bad event must end in the rejects with its own bytes and a code that says why, and hold up none of the good ones.
 */

const folder = await testFolder();
const root = join(import.meta.dirname, '../..');
writeFileSync(
  join(folder, 'topology.yaml'),
  readFileSync(join(root, 'topology.yaml'), 'utf8')
    .replace(/model: nano, upsampler: [\w-]+/, 'model: fake')
    .replace('media_roots: [.]', 'media_roots: [media]'),
);
const media = join(folder, 'media');
mkdirSync(media);
const workspace = await Workspace.open({ topology: join(folder, 'topology.yaml'), log: quietLog });
afterAll(() => workspace.close());

type Input = [code: string | null, value: string | Buffer, headers?: Record<string, string>];

/** Publishes, drains the pipeline, and gives what became of each input: a code, or null where none was rejected. */
async function become(pipelineName: string, inputs: Input[]) {
  const transport = await workspace.transport();
  const pipeline = workspace.pipeline(pipelineName);
  const places = await transport.publish(
    inputs.map(([, value, headers = {}]) => ({
      topic: pipeline.from,
      key: null,
      value: Buffer.from(value as string),
      headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])),
    })),
  );
  const [report] = await runPipelines(workspace, [pipeline], { drain: true, signal: never });
  const rejects = (await recordsAfter<EventRejected>(transport, 'rejects', {}, 'event.rejected'))
    .map(({ data }) => data)
    .filter((reject) => reject.pipeline === pipelineName);
  const codes = inputs.map(([, value], n) => {
    const { partition, offset } = places[n]!;
    const mine = rejects.filter(({ origin }) => origin.partition === partition && origin.offset === offset);
    expect(mine.length).toBeLessThanOrEqual(1);
    if (mine[0]) expect(Buffer.from(mine[0].origin.value!, 'base64').equals(Buffer.from(value as string))).toBe(true);
    if (mine[0]) expect(mine[0].error.remedy).not.toBe('');
    return mine[0]?.error.code ?? null;
  });
  return { codes, report: report!.run, rejects, places, transport };
}

describe('bad input', () => {
  it('among requests', { timeout: patience(120) }, async () => {
    const image = (bytes: Buffer) => JSON.stringify({ prompt: [{ image: { base64: bytes.toString('base64') } }] });
    const prompt = (more: object) => JSON.stringify({ prompt: 'a fox runs', ...more });
    const disc = await discPng(40);
    writeFileSync(join(folder, 'secret.png'), disc);
    const inputs: Input[] = [
      [null, prompt({ seed: 1 })],
      ['EVENT_MALFORMED', '{"prompt": '],
      ['EVENT_MALFORMED', '["a fox runs"]'],
      ['EVENT_MALFORMED', Buffer.from('7b2270726f6d7074223a2022ff227d', 'hex')],
      ['EVENT_MALFORMED', '{"prompt":'.repeat(100_000)],
      ['EVENT_INVALID', '{}'],
      ['EVENT_INVALID', '{"prompt": 7}'],
      ['EVENT_INVALID', prompt({ frames: 'many' })],
      ['EVENT_INVALID', prompt({ task: 'dance' })],
      ['EVENT_INVALID', prompt({ frames: 1_000_000 })],
      ['EVENT_INVALID', prompt({ task: 'prediction' })],
      ['EVENT_INVALID', prompt({}), { ce_id: 'a\u001b[2Jb' }],
      ['EVENT_UNKNOWN_TYPE', prompt({}), { ce_type: 'com.example.order' }],
      ['EVENT_TOO_LARGE', prompt({ note: 'x'.repeat(5 * 1024 * 1024) })],
      ['PROMPT_EMPTY', '{"prompt": " \\n "}'],
      ['PROMPT_EMPTY', '{"prompt": []}'],
      ['PROMPT_TOO_LONG', JSON.stringify({ prompt: 'fox '.repeat(25_000) })],
      ['REQUEST_OVER_LIMIT', prompt({ frames: 65 })],
      ['REQUEST_OVER_LIMIT', prompt({ width: 4096, height: 4096 })],
      ['REQUEST_EXPIRED', prompt({ finish_by: '2020-01-01T00:00:00Z' })],
      ['MEDIA_UNSUPPORTED', image(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>'))],
      ['MEDIA_DAMAGED', image(disc.subarray(0, disc.length >> 1))],
      ['MEDIA_TOO_LARGE', image(hollowPng(30_000, 30_000))],
      ['MEDIA_FORBIDDEN', JSON.stringify({ prompt: [{ image: { uri: join(folder, 'secret.png') } }] })],
      ['OBJECT_KEY_INVALID', JSON.stringify({ prompt: [{ image: { uri: 'object:../../secret.png' } }] })],
      [null, image(disc)],
      // Strange, and no mistake: an id that is a path, fields that nobody knows or that JavaScript knows too well.
      [null, prompt({ seed: 2, unheard: { of: [1] } }), { ce_id: '../../../escape/../job' }],
      // Two senders that chose one id: neither's video replaces the other's.
      [null, prompt({ seed: 4 }), { ce_id: 'order-66', ce_source: 'https://a.example' }],
      [null, prompt({ seed: 5 }), { ce_id: 'order-66', ce_source: 'https://b.example' }],
      [null, '{"prompt": "a fox runs", "seed": 3, "__proto__": {"frames": 9}, "constructor": {"prototype": 1}}'],
    ];
    const { codes, report, transport } = await become('generate', inputs);
    expect(codes).toEqual(inputs.map(([code]) => code));
    const good = inputs.filter(([code]) => code === null).length;
    expect(report).toMatchObject({ delivered: good, rejected: inputs.length - good, dropped: {} });

    const videos = await recordsAfter<VideoCompleted>(transport, 'videos', {}, 'video.completed');
    expect(videos).toHaveLength(good);
    for (const { data } of videos) {
      expect(data.object.key).toMatch(/^videos\/[A-Za-z0-9_][A-Za-z0-9._-]*\.mp4$/);
      expect(await (await workspace.objects()).get(data.object.key, { sha256: data.object.sha256 })).toBeTruthy();
      expect(data.frames).toBe(8);
    }
    // A request that could be read has a job, and that job has an end; a task without its image is such a request too.
    const jobs = await recordsAfter<JobChanged>(transport, 'jobs', {}, 'job.changed');
    const ends = jobs.map(({ data }) => data.state).filter((state) => state === 'completed' || state === 'failed');
    expect(ends.filter((state) => state === 'completed')).toHaveLength(good);
    const readable = inputs.filter(([code]) => code && !/^EVENT_/.test(code)).length;
    expect(ends.filter((state) => state === 'failed')).toHaveLength(readable + 1);
  });

  it('among media', { timeout: patience(120) }, async () => {
    const file = (name: string, bytes: Buffer | string) => {
      writeFileSync(join(media, name), bytes);
      return name;
    };
    const inMedia = async (name: string, options: string[]) => {
      const whole = await makeVideo(media, `whole-${name}`, { scenes: [12] });
      await convert(media, whole, name, ['-c', 'copy', ...options]);
      return name;
    };
    const cut = await inMedia('cut.mp4', []);
    truncateSync(join(media, cut), readFileSync(join(media, cut)).length >> 1);
    await makeVideo(media, 'turned.mp4', { scenes: [12], width: 66, height: 34 });
    await turnQuarter(join(media, 'turned.mp4'));
    await makeVideo(media, 'one-frame.mp4', { scenes: [1], width: 51, height: 37 });
    symlinkSync(join(folder, 'secret.png'), join(media, 'door.png'));
    mkdirSync(join(media, 'folder'));
    const secret = join(folder, 'secret.png');
    const list = `#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://${secret}\n#EXT-X-ENDLIST\n`;

    const named: [code: string | null, name: string][] = [
      ['MEDIA_NOT_FOUND', 'none.png'],
      ['MEDIA_EMPTY', file('empty.png', '')],
      ['MEDIA_EMPTY', await inMedia('no-frame.mp4', ['-frames:v', '0'])],
      ['MEDIA_DAMAGED', cut],
      ['MEDIA_DAMAGED', file('cut.png', (await discPng(64)).subarray(0, 300))],
      ['MEDIA_UNSUPPORTED', file('text.mp4', 'Once upon a time there was a fox.\n'.repeat(40))],
      ['MEDIA_UNSUPPORTED', file('list.mp4', list)],
      ['MEDIA_UNSUPPORTED', file('concat.mp4', `ffconcat version 1.0\nfile '${secret}'\n`)],
      ['MEDIA_UNSUPPORTED', file('sound.wav', tone())],
      ['MEDIA_UNSUPPORTED', 'folder'],
      ['MEDIA_TOO_LARGE', file('bomb.png', hollowPng(30_000, 30_000))],
      ['MEDIA_FORBIDDEN', 'door.png'],
      ['MEDIA_FORBIDDEN', '../secret.png'],
      [null, file('odd-and-clear.png', await discPng(33))],
      [null, file('image-called.mp4', await discPng(48))],
      [null, 'one-frame.mp4'],
      [null, 'turned.mp4'],
    ];
    const event = (uri: string, caption?: string) => JSON.stringify({ uri, caption });
    const inputs: Input[] = [
      ...named.map(([code, name]): Input => [code, event(join(media, name), `the ${name}`)]),
      ['MEDIA_FORBIDDEN', event('http://127.0.0.1/fox.png', 'a fox')],
      ['MEDIA_FORBIDDEN', event('/etc/hostname', 'a name')],
      ['CAPTION_MISSING', event(join(media, 'odd-and-clear.png'))],
      ['PROMPT_TOO_LONG', event(join(media, file('told.png', await discPng(52))))],
      ['EVENT_INVALID', event('', 'nothing')],
      ['EVENT_INVALID', '{"caption": "a fox"}'],
    ];
    file('told.txt', 'fox '.repeat(3000));
    const { codes, report } = await become('corpus', inputs);
    expect(codes).toEqual(inputs.map(([code]) => code));
    const rejected = inputs.filter(([code]) => code !== null).length;
    const dropped = Object.values(report.dropped).reduce((sum, n) => sum + (n ?? 0), 0);
    expect(report.rejected).toBe(rejected);
    expect(report.delivered + dropped).toBe(inputs.length - rejected);
    expect(report.delivered).toBeGreaterThan(0);
  });
});
