import { createHash } from 'node:crypto';
import { copyFileSync, writeFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { endsOf } from '../../src/app/new-records.js';
import { runPipelines } from '../../src/app/run-pipelines.js';
import { corpusRemove } from '../../src/cli/commands/corpus-remove.js';
import { commentOf } from '../../src/media/mp4-comment.js';
import { quartered } from '../media/make-images.js';
import { discPng, never } from '../media/make-media.js';
import { patient } from '../support/patience.js';
import { ownTopology, serve } from './served.js';

const topology = await ownTopology();
const { server, workspace, call, post, drain, close } = await serve(topology);
afterAll(close);
const grow = () => runPipelines(workspace, [workspace.pipeline('corpus')], { drain: true, signal: never });

describe('the corpus over HTTP', patient, () => {
  it.each([
    ['caption', { caption: 'a\0kite' }],
    ['source', { source: 'walks\x1b[2J' }],
    ['labels.subject', { labels: { subject: 'kite\x07' } }],
  ])('refuses control characters in %s', async (where, text) => {
    const before = await endsOf(await workspace.transport(), 'media');
    const { status, body } = await post('/v1/media', { uri: 'kite.png', caption: 'a kite', ...text });
    expect([status, body.code]).toEqual([422, 'EVENT_INVALID']);
    expect(body.detail).toContain(`(${where})`);
    expect(await endsOf(await workspace.transport(), 'media')).toEqual(before);
  });

  it.each([
    ['a host that media_hosts does not name', 'https://media.example/kite.png'],
    ['a private address', 'http://10.0.0.7/kite.png'],
  ])('refuses %s at the door', async (_, uri) => {
    const before = await endsOf(await workspace.transport(), 'media');
    const { status, body } = await post('/v1/media', { uri, caption: 'a kite' });
    expect([status, body.code]).toEqual([403, 'MEDIA_FORBIDDEN']);
    expect(body.detail).toContain('media_hosts');
    expect(await endsOf(await workspace.transport(), 'media')).toEqual(before);
  });

  it('grows, is searched, grounds prompts, and lets documents go', async () => {
    const [red, quilt] = ['kite.png', 'quilt.png'].map((name) => join(dirname(topology), name)) as [string, string];
    writeFileSync(red, await discPng(64));
    writeFileSync(quilt, await quartered().png().toBuffer());
    const kite = { uri: red, caption: 'a red kite', source: 'walks', licence: 'CC0-1.0' };
    for (const medium of [kite, { uri: quilt, caption: 'a quilt' }]) {
      const added = await post('/v1/media', medium);
      expect([added.status, added.body.object, added.body.uri]).toEqual([202, 'media', medium.uri]);
    }
    await grow();

    const { status, body } = await call('/v1/corpus/documents?q=a%20kite&k=5');
    expect([status, body.corpus.documents]).toEqual([200, 2]);
    expect(body.data[0]).toMatchObject({ caption: 'a red kite', ranks: { lexical: 1 } });
    const { self, image } = body.data[0].urls;
    const one = await call(self);
    expect(one.body).toMatchObject({ caption: 'a red kite', provenance: { source: 'walks', licence: 'CC0-1.0' } });
    expect(one.body.embeddings).toBeUndefined();
    const picture = await fetch(`${server.url}${image}`);
    const bytes = Buffer.from(await picture.arrayBuffer());
    expect(picture.headers.get('etag')).toBe(`"${createHash('sha256').update(bytes).digest('hex')}"`);
    expect(picture.headers.get('content-type')).toBe('image/webp');
    const again = await fetch(`${server.url}${image}`, { headers: { 'if-none-match': picture.headers.get('etag')! } });
    expect(again.status).toBe(304);

    // What would be retrieved is what is retrieved.
    const asked = { prompt: 'a red kite moves left', seed: 7 };
    const before = await endsOf(await workspace.transport(), 'jobs');
    const grounded = await post('/v1/context', { prompt: asked.prompt });
    expect(grounded.status).toBe(200);
    expect(grounded.body.context.map(({ caption }: { caption: string }) => caption)).toEqual(['a red kite']);
    expect(grounded.body.prompt.parts.at(-1)).toEqual({ text: 'a red kite moves left' });
    expect(await endsOf(await workspace.transport(), 'jobs')).toEqual(before);
    const job = await post('/v1/videos', asked);
    await drain();
    const made = (await call(`/v1/videos/${job.body.id}`)).body;
    expect(made.context).toMatchObject(
      grounded.body.context.map(({ document, score }: { document: string; score: number }) => ({ document, score })),
    );
    expect((await post('/v1/context', { prompt: asked.prompt, retrieval: false })).body.context).toEqual([]);

    const tag = one.headers.get('etag')!;
    expect((await call(self, { headers: { 'if-none-match': tag } })).status).toBe(304);
    const stale = await call(self, { method: 'DELETE', headers: { 'if-match': '"another"' } });
    expect([stale.status, stale.body.code]).toEqual([412, 'PRECONDITION_FAILED']);
    const gone = await call(`${self}?reason=asked`, { method: 'DELETE', headers: { 'if-match': tag } });
    expect(gone).toMatchObject({ status: 200, body: { object: 'document.deleted', deleted: true } });
    for (const path of [self, image]) expect((await call(path)).body.code).toBe('DOCUMENT_NOT_FOUND');
    expect((await post('/v1/context', { prompt: asked.prompt })).body.context).toEqual([]);
    // It stays out.
    await post('/v1/media', { ...kite, version: '2' });
    await grow();
    expect((await call(self)).status).toBe(404);
  });

  it('takes a medium itself, once for the same bytes, and forgets it with its removal', async () => {
    const bytes = await discPng(48);
    const upload = async (fields: Record<string, string>, file: Buffer | string = bytes, name = 'file') => {
      const form = new FormData();
      for (const [field, value] of Object.entries(fields)) form.append(field, value);
      form.append(name, new Blob([new Uint8Array(Buffer.from(file))]), '../../etc/passwd.png');
      return call('/v1/media', { method: 'POST', body: form });
    };
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    const fields = { caption: 'a small sun', source: 'uploads of a test', licence: 'CC0-1.0' };
    const first = await upload(fields);
    expect([first.status, first.body.uri]).toEqual([202, `object:uploads/${sha256}`]);
    expect((await upload(fields)).body.uri).toBe(first.body.uri);
    await grow();
    const { data } = (await call('/v1/corpus/documents?q=a%20small%20sun&k=1')).body;
    const { provenance } = (await call(data[0].urls.self)).body;
    expect(provenance).toMatchObject({ uri: first.body.uri, source: fields.source, licence: 'CC0-1.0' });
    const objects = await workspace.objects();
    expect(await objects.stat(`uploads/${sha256}`)).toMatchObject({ sha256, size: bytes.length });
    // What is wrong with it is said before anything is stored or published.
    const ends = await endsOf(await workspace.transport(), 'media');
    for (const [answer, status, code] of [
      [await upload({ captoin: 'x' }), 422, 'EVENT_INVALID'],
      [await upload({ uri: '/etc/passwd' }), 422, 'EVENT_INVALID'],
      [await upload({}, '<svg xmlns="http://www.w3.org/2000/svg"></svg>'), 415, 'MEDIA_UNSUPPORTED'],
      [await upload({}, '<!doctype html><html></html>'), 415, 'MEDIA_UNSUPPORTED'],
      [await upload({}, ''), 422, 'MEDIA_EMPTY'],
      [await upload({}, bytes, 'film'), 422, 'EVENT_INVALID'],
      [await upload({ caption: 'a'.repeat(5000) }), 422, 'EVENT_INVALID'],
    ] as const)
      expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(await endsOf(await workspace.transport(), 'media')).toEqual(ends);
    expect(await objects.stat(`uploads/${createHash('sha256').update('').digest('hex')}`)).toBeNull();
    // Nothing of them is left on the way.
    const work = await readdir(workspace.topology.profile.work, { recursive: true });
    await vi.waitFor(() => expect(work.filter((name) => /uploads\.\w+\/[^l]/.test(name))).toEqual([]), patient);

    const silent = { write: () => true } as unknown as NodeJS.WritableStream;
    await corpusRemove(workspace, [], { uri: [first.body.uri] }, silent);
    expect(await objects.stat(`uploads/${sha256}`)).toBeNull();
  });

  it('takes no upload that is larger than the pipeline reads, nor more at once than it may', async () => {
    const small = await serve(
      await ownTopology((text) => text.replaceAll('    - fetch\n', '    - fetch: { max_bytes: 1000 }\n')),
    );
    try {
      const form = new FormData();
      form.append('file', new Blob([new Uint8Array(await discPng(256)), new Uint8Array(5000)]), 'a.png');
      const answer = await small.call('/v1/media', { method: 'POST', body: form });
      expect([answer.status, answer.body.code]).toEqual([413, 'MEDIA_TOO_LARGE']);
      // Four of one caller are open; a fifth is told so before it sends anything.
      const head = '--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n';
      const open = Array.from({ length: 4 }, () => {
        const socket = connect(Number(new URL(small.server.url).port), '127.0.0.1');
        socket.on('error', () => {});
        const headers = 'Host: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\nContent-Length: 900';
        socket.write(`POST /v1/media HTTP/1.1\r\n${headers}\r\n\r\n${head}`);
        return socket;
      });
      const more = async () => (await small.call('/v1/media', { method: 'POST', body: form })).body.code;
      await vi.waitFor(async () => expect(await more()).toBe('QUEUE_FULL'), patient);
      for (const socket of open) socket.destroy();
      await vi.waitFor(async () => expect(await more()).toBe('MEDIA_TOO_LARGE'), patient);
    } finally {
      await small.close();
    }
  });

  it('pins and excludes documents, before drawing and then the same, and refuses at the door what it cannot', async () => {
    const names = ['a balloon', 'a bear', 'a banana'];
    for (const caption of names) {
      const file = `${caption.slice(2)}.png`;
      copyFileSync(join(import.meta.dirname, '../../examples/media/images', file), join(dirname(topology), file));
      await post('/v1/media', { uri: join(dirname(topology), file), caption });
    }
    await grow();
    const idOf = async (caption: string): Promise<string> =>
      (await call(`/v1/corpus/documents?k=1&q=${encodeURIComponent(caption)}`)).body.data[0].document;
    const [balloon, bear, banana] = (await Promise.all(names.map(idOf))) as [string, string, string];
    const prompt = 'a balloon and a banana';
    const seen = async (retrieval?: object) => {
      const { body } = await post('/v1/context', { prompt, ...(retrieval && { retrieval }) });
      return body.context.map(({ document }: { document: string }) => document);
    };
    expect((await seen()).sort()).toEqual([balloon, banana].sort());
    expect(await seen({ pin: [bear], exclude: [balloon] })).toEqual([bear, banana]);
    expect(await seen({ pin: [bear], k: 0 })).toEqual([bear]);

    const asked = { prompt, frames: 4, retrieval: { pin: [bear], exclude: [balloon] } };
    const before = (await post('/v1/context', { prompt, retrieval: asked.retrieval })).body;
    expect(before.context[0]).toMatchObject({ document: bear, score: 0, ranks: { pinned: 1 } });
    expect(before.prompt.parts[0]).toEqual({ text: 'a bear' });
    const job = await post('/v1/videos', asked, { 'idempotency-key': 'pins' });
    expect(job.status).toBe(202);
    const waiting = await call(job.body.urls.context);
    expect([waiting.status, waiting.body]).toEqual([
      200,
      ...[{ id: job.body.id, object: 'video.context', context: null, corpus: null, retrieval: null, prompt: null }],
    ]);
    await drain();
    const made = (await call(`/v1/videos/${job.body.id}`)).body;
    expect(made.status).toBe('completed');
    expect(made.context.map(({ document }: { document: string }) => document)).toEqual([bear, banana]);
    // What was read is what was said before.
    const { text: _, ...said } = before;
    expect((await call(made.urls.context)).body).toEqual({
      ...{ ...said, id: made.id, object: 'video.context', retrieval: asked.retrieval },
    });
    // Of a video that is gone from the store it says what its job says.
    for await (const { value } of (await workspace.transport()).read('videos')) {
      const { job: id, object } = JSON.parse(String(value));
      if (id === made.id) await (await workspace.objects()).remove(object.key);
    }
    const gone = await call(made.urls.context);
    expect([gone.status, gone.body]).toEqual([200, { ...waiting.body, context: said.context }]);
    expect((await call('/v1/videos/nobody/context')).body.code).toBe('JOB_NOT_FOUND');

    const none = '0'.repeat(64);
    const refused = async (retrieval: object) => {
      const answers = await Promise.all(['/v1/context', '/v1/videos'].map((path) => post(path, { prompt, retrieval })));
      const [first, second] = answers.map(({ status, body: { code, errors } }) => ({ status, code, errors }));
      expect(second).toEqual(first);
      return [first!.status, first!.code, ...first!.errors.map(({ pointer }: { pointer: string }) => pointer)];
    };
    const ends = await endsOf(await workspace.transport(), 'requests');
    expect(await refused({ pin: [bear, none], exclude: ['f'.repeat(64)] })).toEqual([
      ...[422, 'DOCUMENT_REFUSED', '/retrieval/pin/1', '/retrieval/exclude/0'],
    ]);
    expect(await refused({ pin: [bear], exclude: [bear] })).toEqual([422, 'EVENT_INVALID', '/retrieval/exclude/0']);
    expect(await refused({ pin: [bear, bear] })).toEqual([422, 'EVENT_INVALID', '/retrieval/pin']);
    expect(await refused({ pin: ['../../etc/passwd'] })).toEqual([422, 'EVENT_INVALID', '/retrieval/pin/0']);
    await call(`/v1/corpus/documents/${bear}`, { method: 'DELETE' });
    expect(await refused({ pin: [bear] })).toEqual([422, 'DOCUMENT_REFUSED', '/retrieval/pin/0']);
    expect(await seen({ exclude: [bear, balloon] })).toEqual([banana]);
    expect(await endsOf(await workspace.transport(), 'requests')).toEqual(ends);
    // The request of before is that job still.
    const again = await post('/v1/videos', asked, { 'idempotency-key': 'pins' });
    expect([again.status, again.body.id]).toEqual([200, job.body.id]);
  });

  it('filters documents by licence and score: in a search, before drawing, and in the record of the video', async () => {
    const licences = { anchor: 'CC0-1.0', drum: 'MIT' };
    for (const [name, licence] of Object.entries(licences)) {
      const file = join(dirname(topology), `${name}.png`);
      copyFileSync(join(import.meta.dirname, `../../examples/media/images/${name}.png`), file);
      await post('/v1/media', { uri: file, caption: `a ${name}`, licence });
    }
    await grow();
    const searched = async (licence: string) => {
      const { status, body } = await call(
        `/v1/corpus/documents?q=${encodeURIComponent('an anchor, a drum')}${licence}`,
      );
      return body.data?.map(({ caption }: { caption: string }) => caption).sort() ?? [status, body.code];
    };
    const both = ['a anchor', 'a drum'];
    expect(await searched('&licence=MIT')).toEqual(['a drum']);
    expect(await searched('&licence=MIT&licence=CC0-1.0&k=2')).toEqual(both);
    expect(await searched('&licence=Zlib')).toEqual([]);
    expect(await searched('&licence=')).toEqual([400, 'HTTP_MALFORMED']);

    const prompt = 'an anchor and a drum';
    const seen = async (filter: object) => {
      const { body } = await post('/v1/context', { prompt, retrieval: { filter } });
      return body.context.map(({ caption }: { caption: string }) => caption).sort();
    };
    expect(await seen({})).toEqual(both);
    expect(await seen({ licences: ['MIT'] })).toEqual(['a drum']);
    expect(await seen({ scores: { sharpness: { min: 0, max: 1 } } })).toEqual(both);
    expect(await seen({ scores: { sharpness: { min: 1.01 } } })).toEqual([]);
    const bad = await post('/v1/context', {
      prompt,
      retrieval: { filter: { scores: { sharpness: { min: 1, max: 0 } } } },
    });
    expect([bad.status, bad.body.code, bad.body.errors[0].pointer]).toEqual([
      ...[422, 'EVENT_INVALID', '/retrieval/filter/scores/sharpness'],
    ]);
    const [{ document: anchor }] = (await call('/v1/corpus/documents?q=anchor&k=1')).body.data;
    const pinned = await post('/v1/videos', { prompt, retrieval: { pin: [anchor], filter: { licences: ['MIT'] } } });
    expect([pinned.status, pinned.body.code, pinned.body.errors[0].pointer]).toEqual([
      ...[422, 'DOCUMENT_REFUSED', '/retrieval/pin/0'],
    ]);

    const filter = { licences: ['MIT'], scores: { sharpness: { min: 0 } } };
    const job = await post('/v1/videos', { prompt, frames: 4, retrieval: { filter } });
    await drain();
    const made = (await call(`/v1/videos/${job.body.id}`)).body;
    expect([made.status, made.context.map(({ caption }: { caption: string }) => caption)]).toEqual([
      ...['completed', ['a drum']],
    ]);
    const mp4 = await fetch(`${server.url}${made.urls.content}`);
    const record = JSON.parse(commentOf(Buffer.from(await mp4.arrayBuffer()))!);
    expect(record.retrieval).toEqual({ filter });
  });

  it.each([
    ['GET', '/v1/corpus/documents', undefined, 400, 'HTTP_MALFORMED'],
    ['GET', `/v1/corpus/documents?q=${'x'.repeat(5000)}`, undefined, 400, 'HTTP_MALFORMED'],
    ['GET', '/v1/corpus/documents?q=x&k=101', undefined, 400, 'HTTP_MALFORMED'],
    ['GET', '/v1/corpus/documents/..%2f..%2fetc', undefined, 404, 'DOCUMENT_NOT_FOUND'],
    ['DELETE', `/v1/corpus/documents/${'0'.repeat(64)}`, undefined, 404, 'DOCUMENT_NOT_FOUND'],
    ['POST', '/v1/media', '{"uri":"x","captoin":"y"}', 422, 'EVENT_INVALID'],
    ['POST', '/v1/media', '{}', 422, 'EVENT_INVALID'],
    ['POST', '/v1/context', '{"prompt":" "}', 422, 'PROMPT_EMPTY'],
    ['POST', '/v1/context', '{"prompt":[{"image":{"uri":"topology.yaml"}}]}', 403, 'MEDIA_FORBIDDEN'],
    ['POST', '/v1/context', '{"prompt":[{"clip":{"uri":"0"},"text":null}]}', 403, 'MEDIA_FORBIDDEN'],
    ['POST', '/v1/context', '{"prompt":"x","seed":1}', 422, 'EVENT_INVALID'],
    ['POST', '/v1/context', '{"prompt":"x","task":"prediction"}', 422, 'EVENT_INVALID'],
  ])('answers %s %.60s %s with a problem', async (method, path, body, status, code) => {
    const answer = body === undefined ? await call(path, { method }) : await post(path, body);
    expect([answer.status, answer.body.code]).toEqual([status, code]);
  });

  it('takes no form where it takes JSON, and names the type that came', async () => {
    const form = new FormData();
    form.set('prompt', 'x');
    for (const [body, type] of [
      [form, 'multipart/form-data'],
      [new URLSearchParams('uri=x'), 'application/x-www-form-urlencoded'],
    ] as const) {
      const answer = await fetch(`${server.url}/v1/context`, { method: 'POST', body });
      expect([answer.status, await answer.json()]).toEqual([
        415,
        expect.objectContaining({ code: 'HTTP_MEDIA_TYPE', detail: expect.stringContaining(`found ${type}`) }),
      ]);
    }
  });

  it('names the models that draw', async () => {
    const { body } = await call('/v1/models');
    expect(body.data).toMatchObject([{ id: 'fake', object: 'model', owned_by: 'vimi', defaults: { fps: 8 } }]);
  });
});
