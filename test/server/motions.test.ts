import { copyFileSync, readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { endsOf } from '../../src/app/new-records.js';
import { runPipelines } from '../../src/app/run-pipelines.js';
import type { CorpusDocument } from '../../src/events/schemas.js';
import { commentOf } from '../../src/media/mp4-comment.js';
import { discPng, never } from '../media/make-media.js';
import { patience, patient } from '../support/patience.js';
import { ownTopology, type Served, serve } from './served.js';

/* References that show a motion. nano follows one; the model that only paints follows none. */

const examples = join(import.meta.dirname, '../../examples/media');
const topology = await ownTopology((text) =>
  text.replace('model: fake', 'model: nano').replace('- index\n', '- index: { clips: true }\n'),
);
const one = await serve(topology);
const painter = await serve(await ownTopology());
afterAll(async () => {
  await one.close();
  await painter.close();
});

const mp4 = readFileSync(join(examples, 'clips/fox-left-blue.mp4'));
const dataUrl = (bytes: Buffer, type = 'video/mp4') => `data:${type};base64,${bytes.toString('base64')}`;
const small = { frames: 4, steps: 1, guidance: 1 };
const motion = (reference: object) => ({ role: 'motion', ...reference });
const ask = (served: Served, ...references: object[]) =>
  served.post('/v1/videos', { prompt: 'a mushroom', ...small, references });
async function sent(served: Served, fields: Record<string, string>, bytes: Buffer) {
  const form = new FormData();
  for (const [name, value] of Object.entries({ prompt: 'a mushroom', ...fields })) form.append(name, value);
  form.append('motion', new Blob([new Uint8Array(bytes)]), 'run.mp4');
  return served.call('/v1/videos', { method: 'POST', body: form });
}
/** What the model read, of a job that is over. */
async function madeOf(id: string) {
  const { status, error, unread_parts: unread, urls } = (await one.call(`/v1/videos/${id}`)).body;
  expect([status, error]).toEqual(['completed', null]);
  const answer = await fetch(`${one.server.url}${urls.content}`);
  const { prompt } = JSON.parse(commentOf(Buffer.from(await answer.arrayBuffer()))!);
  return { parts: prompt.parts, unread };
}

describe('a motion that a request refers to', { timeout: patience(180) }, () => {
  it('is a clip of the corpus, a video, a data URL or a part of a form, and is followed', async () => {
    const name = 'penguin-right-yellow';
    for (const end of ['mp4', 'txt'])
      copyFileSync(join(examples, `clips/${name}.${end}`), join(dirname(topology), `${name}.${end}`));
    copyFileSync(join(examples, 'images/fox.png'), join(dirname(topology), 'fox.png'));
    // A corpus keeps longer captions than a request may have.
    const whole = `${readFileSync(join(examples, `clips/${name}.txt`), 'utf8').trim()}${' there'.repeat(300)}`;
    const caption = whole.slice(0, whole.lastIndexOf(' ', 1000));
    await one.post('/v1/media', { uri: join(dirname(topology), `${name}.mp4`), caption: whole });
    await one.post('/v1/media', { uri: join(dirname(topology), 'fox.png'), caption: 'a fox' });
    await runPipelines(one.workspace, [one.workspace.pipeline('corpus')], { drain: true, signal: never });
    const documents: Pick<CorpusDocument, 'id' | 'kind' | 'clip'>[] = [];
    for await (const { value } of (await one.workspace.transport()).read('corpus'))
      documents.push(JSON.parse(String(value)));
    const [clip, still] = ['clip', 'still'].map((kind) => documents.find((document) => document.kind === kind)!);

    const first = await ask(one, motion({ document_id: clip!.id }));
    expect([first.status, first.body.code]).toEqual([202, undefined]);
    expect(first.body.request.asked.prompt).toEqual([
      { clip: { uri: `object:${clip!.clip!.key}` }, caption, role: 'motion' },
      { text: 'a mushroom' },
    ]);
    const second = await ask(one, motion({ data_url: dataUrl(mp4) }), {
      data_url: dataUrl(await discPng(64), 'image/png'),
    });
    const third = await sent(one, { frames: '4', steps: '1', guidance: '1' }, mp4);
    expect([second.status, third.status]).toEqual([202, 202]);
    // What is kept of a stranger's clip was coded here, so both are one.
    const uris = [second, third].map(({ body }) => body.request.asked.prompt[0].clip.uri);
    expect(uris[0]).toMatch(/^object:clips\/[0-9a-f]{64}\.mp4$/);
    expect(uris[1]).toBe(uris[0]);
    await one.drain();
    const [followed, both] = await Promise.all([first, second, third].map(({ body }) => madeOf(body.id)));
    expect(followed).toMatchObject({ parts: [{ caption, role: 'motion' }, { text: 'a mushroom' }], unread: [0] });
    expect(both!.parts.map((part: { role?: string }) => part.role)).toEqual(['motion', 'subject', undefined]);
    expect(both!.unread).toEqual([]);

    const fourth = await ask(one, motion({ video_id: first.body.id }));
    expect(fourth.status).toBe(202);
    // The video that it follows is not needed any more.
    await one.call(`/v1/videos/${first.body.id}`, { method: 'DELETE' });
    await one.drain();
    expect(await madeOf(fourth.body.id)).toMatchObject({ parts: [{ role: 'motion' }, {}], unread: [0] });

    const before = await endsOf(await one.workspace.transport(), 'requests');
    for (const [answer, status, code] of [
      [await ask(one, motion({ document_id: still!.id })), 415, 'MEDIA_UNSUPPORTED'],
      [await ask(one, motion({ document_id: '0'.repeat(64) })), 404, 'DOCUMENT_NOT_FOUND'],
      [await ask(one, motion({ video_id: 'nobody' })), 404, 'JOB_NOT_FOUND'],
      [await ask(one, motion({ data_url: dataUrl(await discPng(64)) })), 415, 'MEDIA_UNSUPPORTED'],
      [await ask(one, motion({ data_url: dataUrl(mp4.subarray(0, 900)) })), 422, 'MEDIA_DAMAGED'],
      [await sent(one, {}, Buffer.alloc(0)), 422, 'MEDIA_EMPTY'],
      [await ask(one, motion({ image_url: 'https://media.example/run.mp4' })), 422, 'EVENT_INVALID'],
      [await ask(one, motion({ upload: 'run' })), 422, 'EVENT_INVALID'],
      [await sent(one, { references: '[{"role": "subject", "upload": "motion"}]' }, mp4), 422, 'EVENT_INVALID'],
      // It follows one.
      [await ask(one, ...[1, 2].map(() => motion({ document_id: clip!.id }))), 422, 'REQUEST_UNSUPPORTED'],
      [
        await one.post('/v1/videos', { ...first.body.request.asked, references: [motion({ document_id: clip!.id })] }),
        ...[422, 'REQUEST_UNSUPPORTED'],
      ],
    ] as const)
      expect([answer.status, answer.body.code, answer.body.detail]).toEqual([status, code, expect.anything()]);
    expect(await endsOf(await one.workspace.transport(), 'requests')).toEqual(before);
    const [model] = (await one.call('/v1/models')).body.data;
    expect([model.roles, model.limits.clips]).toEqual([['subject', 'background', 'first_frame', 'motion'], 1]);
  });

  it('is refused before anything is decoded where the model follows none', patient, async () => {
    const { status, body } = await ask(painter, motion({ data_url: 'data:video/mp4;base64,AAAA' }));
    expect([status, body.code, body.detail]).toEqual([
      ...[422, 'REQUEST_UNSUPPORTED', expect.stringContaining('The model fake cannot follow a motion')],
    ]);
    // No clip at all: it would be MEDIA_UNSUPPORTED once it is looked at.
    const form = await sent(painter, {}, Buffer.alloc(300_000, 'x'));
    expect([form.status, form.body.code]).toEqual([422, 'REQUEST_UNSUPPORTED']);
    const [model] = (await painter.call('/v1/models')).body.data;
    expect([model.roles, model.limits.clips]).toEqual([['subject', 'background', 'first_frame'], 0]);
  });

  it('that is one more than a prompt may have is refused before it is read', patient, async () => {
    const few = await serve(
      await ownTopology((text) =>
        text.replace('model: fake', 'model: nano').replace('- admit', '- admit: { max_clips: 0 }'),
      ),
    );
    try {
      const { status, body } = await sent(few, {}, Buffer.alloc(300_000, 'x'));
      expect([status, body.code, body.detail]).toEqual([
        ...[422, 'REQUEST_OVER_LIMIT', expect.stringContaining('too many clips: expected at most 0')],
      ]);
    } finally {
      await few.close();
    }
  });

  it('that arrives slowly keeps no clip of another caller waiting', patient, async () => {
    const slow = Array.from({ length: 3 }, () => {
      const { port } = new URL(one.server.url);
      const socket = connect(Number(port), '127.0.0.1');
      socket.write(
        [
          `POST /v1/videos HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 9000\r\n\r\n`,
          '--b\r\nContent-Disposition: form-data; name="motion"; filename="a"\r\n\r\nx',
        ].join(''),
      );
      return socket;
    });
    try {
      const { status } = await ask(one, motion({ data_url: dataUrl(mp4) }));
      expect(status).toBe(202);
      expect((await sent(one, {}, mp4)).status).toBe(202);
    } finally {
      for (const socket of slow) socket.destroy();
    }
  });
});
