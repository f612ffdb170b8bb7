import { createServer } from 'node:http';
import { connect } from 'node:net';
import { afterAll, describe, expect, it } from 'vitest';
import { endsOf } from '../../src/app/new-records.js';
import { commentOf } from '../../src/media/mp4-comment.js';
import { quartered } from '../media/make-images.js';
import { discPng, hollowPng } from '../media/make-media.js';
import { patient } from '../support/patience.js';
import { ownTopology, serve } from './served.js';

/* Images that come with requests. A web server of this machine plays the internet where media_hosts names it. */

const png = await discPng(64);
const jpeg = await quartered().jpeg().toBuffer();
const web = createServer((request, answer) => {
  if (request.url === '/disc.png') answer.end(png);
  else if (request.url === '/page') answer.end('<html><body>hello</body></html>');
  else if (request.url === '/leads-home') answer.writeHead(302, { location: 'http://169.254.169.254/latest' }).end();
  else if (request.url === '/cut') {
    answer.writeHead(200, { 'content-length': 2 * png.length });
    answer.write(png, () => answer.destroy());
  } else if (request.url === '/endless') {
    const timer = setInterval(() => answer.write(Buffer.alloc(1024 * 1024)), 1);
    answer.on('close', () => clearInterval(timer));
  } else answer.writeHead(404).end();
});
await new Promise<void>((resolve) => web.listen(0, '127.0.0.1', () => resolve()));
const { port } = web.address() as { port: number };
const topology = await ownTopology((text) => `${text}\nmedia_hosts: ["127.0.0.1:${port}"]\n`);
const { server, workspace, post, call, drain, close } = await serve(topology);
afterAll(async () => {
  await close();
  web.closeAllConnections();
  web.close();
});

const dataUrl = (bytes: Buffer, type = 'image/png') => `data:${type};base64,${bytes.toString('base64')}`;
const requests = async () => endsOf(await workspace.transport(), 'requests');
const upload = (fields: Record<string, string>, files: [name: string, bytes: Buffer][] = []) => {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  for (const [name, bytes] of files) form.append(name, new Blob([new Uint8Array(bytes)]), 'image.png');
  return call('/v1/videos', { method: 'POST', body: form });
};
/** The images that a job was drawn with, by their roles. */
async function drawnWith(id: string): Promise<string[]> {
  await drain();
  const { status, error } = (await call(`/v1/videos/${id}`)).body;
  expect([status, error]).toEqual(['completed', null]);
  for await (const { value } of (await workspace.transport()).read('videos')) {
    const { job, prompt } = JSON.parse(String(value));
    if (job === id) return prompt.parts.map((part: { role?: string; text?: string }) => part.role ?? part.text);
  }
  throw new Error('no video');
}

describe('images of requests over HTTP', patient, () => {
  it('come as data URLs, from addresses, and as objects that are there', async () => {
    const first = await post('/v1/videos', {
      prompt: 'moves left',
      references: [
        { role: 'subject', data_url: dataUrl(png) },
        { role: 'background', image_url: `http://127.0.0.1:${port}/disc.png` },
      ],
    });
    expect(first.status).toBe(202);
    expect(await drawnWith(first.body.id)).toEqual(['subject', 'background', 'moves left']);
    const listed = [];
    for await (const key of (await workspace.objects()).list('images/')) listed.push(key);
    const again = await post('/v1/videos', {
      prompt: [{ image: { uri: `object:${listed[0]}` }, role: 'first-frame' }, { text: 'moves' }],
    });
    expect(await drawnWith(again.body.id)).toEqual(['first-frame', 'moves']);
    // What is null was left out.
    const nulls = await post('/v1/videos', {
      prompt: [
        { text: 'a cup', image: null, clip: null, role: null },
        { image: { uri: `object:${listed[0]}` }, text: null, role: null },
      ],
      seconds: null,
      references: null,
    });
    expect(await drawnWith(nulls.body.id)).toEqual(['a cup', 'subject']);
    const other = await post('/v1/videos', { prompt: 'x', image_reference: { image_url: dataUrl(jpeg, 'text/html') } });
    expect(await drawnWith(other.body.id)).toEqual(['first-frame', 'x']);
  });

  it('come as parts of a form, whose names say what they are for', async () => {
    const asked = await upload({ prompt: '7', seconds: '1', seed: '5', size: '32x32' }, [
      ['input_reference', png],
      ['background', jpeg],
    ]);
    expect(asked.body).toMatchObject({ status: 'queued', prompt: '7', seconds: '1', size: '32x32', seed: 5 });
    expect(await drawnWith(asked.body.id)).toEqual(['first-frame', 'background', '7']);
    const references = JSON.stringify([{ role: 'subject', upload: 'cup' }]);
    const named = await upload({ prompt: 'a cup', references }, [['cup', png]]);
    expect(await drawnWith(named.body.id)).toEqual(['subject', 'a cup']);
  });

  it('come with fields whose names have brackets, as clients write objects in forms', async () => {
    const form = new FormData();
    for (const [name, value] of [
      ['prompt', 'a cup spins by the bay'],
      ['retrieval[k]', '0'],
      ['references[][entity]', 'cup'],
      ['references[][entity]', 'bay'],
      ['references[][role]', 'subject'],
      ['references[][role]', 'background'],
      ['references[][data_url]', dataUrl(png)],
      ['references[][data_url]', dataUrl(jpeg)],
    ] as const)
      form.append(name, value);
    const asked = await call('/v1/videos', { method: 'POST', body: form });
    expect([asked.status, asked.body.request?.asked.retrieval]).toEqual([202, { k: 0 }]);
    expect(await drawnWith(asked.body.id)).toEqual(['a', 'subject', 'spins by the', 'background']);
    form.append('references[][role]', 'subject');
    const { status, body } = await call('/v1/videos', { method: 'POST', body: form });
    expect([status, body.code, body.remedy]).toEqual([
      ...[400, 'HTTP_MALFORMED', 'Send references as one field whose value is JSON.'],
    ]);
    // Digits that are the name of a document, and no number.
    const pinned = await upload({ prompt: 'a cup', 'retrieval[pin][]': '1'.repeat(64) });
    expect([pinned.status, pinned.body.code, pinned.body.detail]).toEqual([
      ...[422, 'DOCUMENT_REFUSED', expect.stringContaining('1'.repeat(64))],
    ]);
  });

  it('stand for words of the prompt, in their place', async () => {
    const [fox, bay] = [
      { entity: 'fox', data_url: dataUrl(png) },
      { role: 'background', entity: 'Bay', data_url: dataUrl(jpeg) },
    ];
    const asked = await post('/v1/videos', { prompt: 'a fox runs through the bay', references: [bay, fox] });
    expect([asked.status, asked.body.prompt]).toEqual([202, 'a fox runs through the bay']);
    expect(await drawnWith(asked.body.id)).toEqual(['a', 'subject', 'runs through the', 'background']);
    const made = (await call(`/v1/videos/${asked.body.id}`)).body;
    const { prompt } = JSON.parse(
      commentOf(Buffer.from(await (await fetch(`${server.url}${made.urls.content}`)).arrayBuffer()))!,
    );
    expect(prompt.parts.map(({ entity }: { entity?: string }) => entity)).toEqual([undefined, 'fox', undefined, 'bay']);

    const references = JSON.stringify([{ entity: 'cup', upload: 'thing' }]);
    const named = await upload({ prompt: 'a cup spins', references }, [['thing', png]]);
    expect(await drawnWith(named.body.id)).toEqual(['a', 'subject', 'spins']);

    const before = await requests();
    const refused = async (reference: object, prompt = 'a fox runs') => {
      const { status, body } = await post('/v1/videos', { prompt, references: [fox, reference] });
      return [status, body.code, body.errors?.[0]?.pointer ?? body.detail];
    };
    const at = (name: string) => expect.stringContaining(`references.1.${name}`);
    expect(await refused({ entity: 'wolf', image_url: 'https://media.example/a.png' })).toEqual([
      ...[422, 'EVENT_INVALID', at('entity')],
    ]);
    for (const role of ['first_frame', 'motion'])
      expect(await refused({ role, entity: 'fox', data_url: dataUrl(png) })).toEqual([
        ...[422, 'EVENT_INVALID', '/references/1/entity'],
      ]);
    expect(await refused({ entity: '', data_url: dataUrl(png) })).toEqual([
      422,
      'EVENT_INVALID',
      '/references/1/entity',
    ]);
    expect(await requests()).toEqual(before);
  });

  const nine = Array.from({ length: 30 }, () => ({ image_url: 'http://10.0.0.1/never-asked' }));
  it.each([
    ['30 references', { references: nine }, 422, 'REQUEST_OVER_LIMIT'],
    ['65 references', { references: [...nine, ...nine, ...nine] }, 422, 'EVENT_INVALID'],
    ['a private address', { references: [{ image_url: 'http://10.0.0.1/x.png' }] }, 403, 'MEDIA_FORBIDDEN'],
    [
      'the metadata of a cloud',
      { references: [{ image_url: 'http://169.254.169.254/latest' }] },
      403,
      'MEDIA_FORBIDDEN',
    ],
    ['loopback in other words', { references: [{ image_url: `http://2130706433:1/x` }] }, 403, 'MEDIA_FORBIDDEN'],
    [
      'a redirect into the own network',
      { references: [{ image_url: `http://127.0.0.1:${port}/leads-home` }] },
      403,
      'MEDIA_FORBIDDEN',
    ],
    ['a file address', { references: [{ image_url: 'file:///etc/passwd' }] }, 403, 'MEDIA_FORBIDDEN'],
    ['nothing there', { references: [{ image_url: `http://127.0.0.1:${port}/none` }] }, 422, 'MEDIA_NOT_FOUND'],
    ['an endless image', { references: [{ image_url: `http://127.0.0.1:${port}/endless` }] }, 413, 'MEDIA_TOO_LARGE'],
    ['half of an answer', { references: [{ image_url: `http://127.0.0.1:${port}/cut` }] }, 502, 'SOURCE_UNREACHABLE'],
    ['a web page', { references: [{ image_url: `http://127.0.0.1:${port}/page` }] }, 415, 'MEDIA_UNSUPPORTED'],
    [
      'SVG',
      {
        references: [{ data_url: dataUrl(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"/>'), 'image/svg+xml') }],
      },
      415,
      'MEDIA_UNSUPPORTED',
    ],
    [
      'HTML that calls itself PNG',
      { references: [{ data_url: dataUrl(Buffer.from('<!doctype html><script>')) }] },
      415,
      'MEDIA_UNSUPPORTED',
    ],
    ['a bomb of pixels', { references: [{ data_url: dataUrl(hollowPng(60_000, 60_000)) }] }, 413, 'MEDIA_TOO_LARGE'],
    ['no base64', { references: [{ data_url: 'data:image/png;base64,@@@@' }] }, 422, 'MEDIA_DAMAGED'],
    ['a data URL without data', { references: [{ data_url: `data:${',x'.repeat(100_000)}` }] }, 422, 'MEDIA_DAMAGED'],
    ['half an image', { references: [{ data_url: dataUrl(png.subarray(0, 60)) }] }, 422, 'MEDIA_DAMAGED'],
    ['an unknown document', { references: [{ document_id: '../../etc/passwd' }] }, 404, 'DOCUMENT_NOT_FOUND'],
    ['an upload that did not come', { references: [{ upload: 'cup' }] }, 422, 'EVENT_INVALID'],
    ['two sources at once', { references: [{ upload: 'cup', data_url: 'data:' }] }, 422, 'EVENT_INVALID'],
    ['no source', { references: [{ role: 'subject' }] }, 422, 'EVENT_INVALID'],
    ['an unknown role', { references: [{ role: 'music', data_url: dataUrl(png) }] }, 422, 'EVENT_INVALID'],
    [
      'two first frames',
      { references: [1, 2].map(() => ({ role: 'first_frame', data_url: dataUrl(png) })) },
      422,
      'EVENT_INVALID',
    ],
    [
      'a drawing that stands in the prompt',
      { prompt: [{ text: 'x' }, { image: { base64: Buffer.from('<svg/>').toString('base64') } }] },
      415,
      'MEDIA_UNSUPPORTED',
    ],
    ['a file of the server', { prompt: [{ image: { uri: 'topology.yaml' } }] }, 403, 'MEDIA_FORBIDDEN'],
    ['another object of the store', { prompt: [{ image: { uri: 'object:samples/x.tar' } }] }, 403, 'MEDIA_FORBIDDEN'],
    ['a clip of the server', { prompt: [{ text: 'x' }, { clip: { uri: '/etc/passwd' } }] }, 403, 'MEDIA_FORBIDDEN'],
    [
      'an object by a detour',
      { prompt: [{ image: { uri: `object:images/../../${'0'.repeat(64)}.webp` } }] },
      403,
      'MEDIA_FORBIDDEN',
    ],
  ])('refuses %s', async (_, body, status, code) => {
    const before = await requests();
    const answer = await post('/v1/videos', { prompt: 'x', ...body });
    expect([answer.status, answer.body.code]).toEqual([status, code]);
    expect(await requests()).toEqual(before);
  });

  it('refuses forms that are too much or make no sense', async () => {
    const before = await requests();
    const codes = async (fields: Record<string, string>, files?: [string, Buffer][]) => {
      const { status, body } = await upload(fields, files);
      return [status, body.code];
    };
    expect(await codes({ prompt: 'x' }, [['hat', png]])).toEqual([422, 'EVENT_INVALID']);
    expect(await codes({ prompt: 'x' }, [['subject', Buffer.from('<html></html>')]])).toEqual([
      415,
      'MEDIA_UNSUPPORTED',
    ]);
    expect(await codes({ prompt: 'x' }, [['subject', Buffer.alloc(0)]])).toEqual([422, 'MEDIA_EMPTY']);
    expect(await codes({ prompt: 'x' }, [['subject', Buffer.alloc(21_000_000)]])).toEqual([413, 'HTTP_TOO_LARGE']);
    expect(await codes({ prompt: 'x', seed: 'many' })).toEqual([422, 'EVENT_INVALID']);
    expect(await codes({ seed: '1' })).toEqual([422, 'EVENT_INVALID']);
    const nameless = await call('/v1/videos', {
      ...{ method: 'POST', headers: { 'content-type': 'multipart/form-data; boundary=b' } },
      body: '--b\r\nContent-Disposition: form-data; filename="a"\r\nContent-Type: image/png\r\n\r\nx\r\n--b--\r\n',
    });
    expect([nameless.status, nameless.body.code]).toEqual([400, 'HTTP_MALFORMED']);
    const { body } = await upload({ seed: '1' }, [['subject', png]]);
    expect(body.detail).toMatch(/no prompt: expected a field named prompt .*, found seed, subject \(prompt\)/);
    const many = await upload(
      { prompt: 'x' },
      Array.from({ length: 12 }, (): [string, Buffer] => ['subject', png]),
    );
    expect([many.status, many.body.code]).toEqual([422, 'REQUEST_OVER_LIMIT']);
    expect(many.body.detail).toMatch(/too many images: expected at most 8/);
    expect(await codes(Object.fromEntries(Array.from({ length: 80 }, (_, n) => [`f${n}`, 'x'])))).toEqual([
      413,
      'HTTP_TOO_LARGE',
    ]);
    expect(await codes({ prompt: 'x'.repeat(2_000_000) })).toEqual([413, 'HTTP_TOO_LARGE']);
    expect(await codes({ prompt: 'a fox', references: '[{"role": "subject", "entity": "\\ud83e"}]' })).toEqual([
      400,
      'HTTP_MALFORMED',
    ]);
    const latin1 = Buffer.concat([
      Buffer.from('--x\r\nContent-Disposition: form-data; name="prompt"\r\n\r\ncaf'),
      Buffer.from([0xe9]),
      Buffer.from('\r\n--x--\r\n'),
    ]);
    const asForm = { 'content-type': 'multipart/form-data; boundary=x' };
    const unread = await call('/v1/videos', { method: 'POST', headers: asForm, body: latin1 });
    expect([unread.status, unread.body.code]).toEqual([400, 'HTTP_MALFORMED']);
    expect(unread.body.detail).toContain('prompt');
    const headers = { 'content-type': 'multipart/form-data' };
    expect((await call('/v1/videos', { method: 'POST', headers, body: 'x' })).status).toBe(400);
    const broken = { 'content-type': 'multipart/form-data; boundary=x' };
    expect((await call('/v1/videos', { method: 'POST', headers: broken, body: '--x\r\nnot a part' })).status).toBe(400);
    expect(await requests()).toEqual(before);
    // Somebody leaves in the middle of an upload: the next is served.
    const { hostname, port: own } = new URL(server.url);
    await new Promise<void>((resolve) => {
      const socket = connect(Number(own), hostname, () => {
        socket.write(
          'POST /v1/videos HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\nContent-Type: multipart/form-data; boundary=x\r\n\r\n',
        );
        socket.write('--x\r\nContent-Disposition: form-data; name="subject"; filename="a"\r\n\r\n1234', () =>
          socket.destroy(),
        );
      });
      socket.on('close', () => resolve());
    });
    expect((await upload({ prompt: 'x' }, [['subject', png]])).status).toBe(202);
  });
});
