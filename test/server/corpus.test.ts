import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { endsOf } from '../../src/app/new-records.js';
import { runPipelines } from '../../src/app/run-pipelines.js';
import { quartered } from '../media/make-images.js';
import { discPng, never } from '../media/make-media.js';
import { patient } from '../support/patience.js';
import { ownTopology, serve } from './served.js';

const topology = await ownTopology();
const { server, workspace, call, post, drain, close } = await serve(topology);
afterAll(close);
const grow = () => runPipelines(workspace, [workspace.pipeline('corpus')], { drain: true, signal: never });

describe('the corpus over HTTP', patient, () => {
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

    const gone = await call(`${self}?reason=asked`, { method: 'DELETE' });
    expect(gone).toMatchObject({ status: 200, body: { object: 'document.deleted', deleted: true } });
    for (const path of [self, image]) expect((await call(path)).body.code).toBe('DOCUMENT_NOT_FOUND');
    expect((await post('/v1/context', { prompt: asked.prompt })).body.context).toEqual([]);
    // It stays out.
    await post('/v1/media', { ...kite, version: '2' });
    await grow();
    expect((await call(self)).status).toBe(404);
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
    form.set('uri', 'x');
    for (const [body, type] of [
      [form, 'multipart/form-data'],
      [new URLSearchParams('uri=x'), 'application/x-www-form-urlencoded'],
    ] as const) {
      const answer = await fetch(`${server.url}/v1/media`, { method: 'POST', body });
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
