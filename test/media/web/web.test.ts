import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { isPublicAddress } from '../../../src/media/web/addresses.js';
import { download } from '../../../src/media/web/download.js';
import { SiteRules } from '../../../src/media/web/site-rules.js';
import { createWebClient, type WebClientOptions } from '../../../src/media/web/web-client.js';
import { never, testFolder } from '../make-media.js';

/*
 * A real server on 127.0.0.2. In these tests that address counts as public, and 127.0.0.1, where the same server listens
 * too, does not.
 */
const workDir = await testFolder();
const png = readFileSync(join(import.meta.dirname, '../../../examples/media/images/ant.png'));
type Handler = (request: IncomingMessage, response: ServerResponse) => void;
let pages: Record<string, Handler> = {};
let asked: string[] = [];
/** Addresses of this machine that were connected to. */
let reached: Set<string | undefined> = new Set();
const server = createServer((request, response) => {
  reached.add(request.socket.localAddress);
  asked.push(`${request.headers.host?.replace(/:\d+$/, '')}${request.url}`);
  const page = pages[request.url ?? ''];
  if (page) page(request, response);
  else response.writeHead(404).end();
});
await new Promise<void>((done) => server.listen(0, '0.0.0.0', done));
const { port } = server.address() as AddressInfo;
afterAll(() => {
  server.closeAllConnections();
  server.close();
});
beforeEach(() => {
  pages = { '/a.png': send(png) };
  asked = [];
  reached = new Set();
});

function send(body: string | Buffer, headers: Record<string, string | string[]> = {}, status = 200): Handler {
  return (_, response) => void response.writeHead(status, headers).end(body);
}
const to = (location: string) => send('', { location }, 302);

const names: Record<string, string[]> = { 'media.example': ['127.0.0.2'], 'both.example': ['127.0.0.2', '10.0.0.1'] };
async function get(path: string, options: Partial<WebClientOptions> & { maxBytes?: number; maxMs?: number } = {}) {
  const client = createWebClient({
    hosts: [`media.example:${port}`, `*.example:${port}`, `127.0.0.2:${port}`],
    resolve: async (host) => names[host] ?? [],
    isAllowed: (address) => address === '127.0.0.2',
    ...options,
  });
  const { maxBytes = 1_000_000, maxMs = 60_000 } = options;
  const uri = path.startsWith('/') ? `http://media.example:${port}${path}` : path;
  const web = { client, rules: new SiteRules(client, () => 0) };
  const found = await download(uri, web, { maxBytes, maxMs, workDir, signal: never });
  if ('optedOut' in found) return found.optedOut;
  const bytes = readFileSync(found.medium.realPath);
  await found.medium.close();
  found.release();
  return bytes;
}

describe('an address of a medium', () => {
  it('is fetched into a file of its own, which is gone afterwards', async () => {
    expect((await get('/a.png')) as Buffer).toEqual(png);
    expect(asked).toEqual(['/robots.txt', '/.well-known/tdmrep.json', '/a.png'].map((path) => `media.example${path}`));
    expect([...reached]).toEqual(['127.0.0.2']);
    await expect.poll(() => readdir(workDir)).toEqual([]);
  });

  it('leads to the address that was checked, whatever its name says a moment later', async () => {
    const answers = [['127.0.0.2'], ['127.0.0.1'], ['127.0.0.1']];
    const resolve = async () => answers.shift() ?? [];
    // The first request, for robots.txt, goes through; the next look-up is checked anew.
    await expect(get('/a.png', { resolve })).rejects.toMatchObject({ code: 'MEDIA_FORBIDDEN', found: '127.0.0.1' });
    expect(asked).toEqual(['media.example/robots.txt']);
  });

  it.each([
    ['another host', () => `http://elsewhere.test:${port}/a.png`, { found: `elsewhere.test:${port}` }],
    ['another port', () => 'http://media.example/a.png', {}],
    ['a host with one private address of two', () => `http://both.example:${port}/a.png`, { found: '10.0.0.1' }],
    ['a user and password', () => `http://me:secret@media.example:${port}/a.png`, {}],
    ['an address, written another way', () => `http://0x7f.1:${port}/a.png`, {}],
    ['a mapped address', () => `http://[::ffff:127.0.0.2]:${port}/a.png`, {}],
    ['a redirect to this machine', () => '/to-loopback', { found: `127.0.0.1:${port}` }],
    ['a redirect to a name that leads there', () => '/to-name', { found: '127.0.0.1' }],
    ['a redirect to a file', () => '/to-file', { found: 'file:' }],
    ['a redirect to nothing that is an address', () => '/to-nothing', { found: 'http://[' }],
    ['redirects without end', () => '/round', {}],
  ])('is refused with %s', async (_, uri, says) => {
    names['inside.example'] = ['127.0.0.1'];
    pages['/to-loopback'] = to(`http://127.0.0.1:${port}/a.png`);
    pages['/to-name'] = to(`http://inside.example:${port}/a.png`);
    pages['/to-file'] = to('file:///etc/passwd');
    pages['/to-nothing'] = to('http://[');
    pages['/round'] = to('/round');
    const error = await get(uri()).catch((thrown) => thrown);
    expect(error).toMatchObject({ code: 'MEDIA_FORBIDDEN', ...says });
    expect(error.message).not.toContain('secret');
    expect(asked.filter((one) => one.endsWith('/a.png'))).toEqual([]);
  });

  it.each([
    ['too long by its header', send(Buffer.alloc(2_000_000), { 'content-length': '2000000' }), 'MEDIA_TOO_LARGE', {}],
    ['too long without saying so', (_: unknown, r: ServerResponse) => endless(r, png), 'MEDIA_TOO_LARGE', {}],
    ['compressed', send(gzipSync(Buffer.alloc(5_000_000)), { 'content-encoding': 'gzip' }), 'MEDIA_UNSUPPORTED', {}],
    [
      'a web page that calls itself a PNG',
      send('<!doctype html><p>x', { 'content-type': 'image/png' }),
      'MEDIA_UNSUPPORTED',
      {},
    ],
    [
      'an endless web page',
      (_: unknown, r: ServerResponse) => endless(r, Buffer.from('<!doctype html><p>'.repeat(500))),
      'MEDIA_UNSUPPORTED',
      { maxBytes: 1e12 },
    ],
    ['shorter than announced', cut, 'SOURCE_UNREACHABLE', {}],
    ['silent', () => {}, 'SOURCE_UNREACHABLE', { silenceMs: 300 }],
    [
      'silent after its first bytes',
      (_: unknown, r: ServerResponse) => void r.write(png.subarray(0, 9)),
      'SOURCE_UNREACHABLE',
      { silenceMs: 300 },
    ],
    ['sent byte by byte', slowly, 'SOURCE_TOO_SLOW', { maxMs: 1500 }],
    ['no HTTP', (request: IncomingMessage) => void request.socket.end('SSH-2.0-x\r\n'), 'SOURCE_UNREACHABLE', {}],
    ['not there', send('', {}, 404), 'MEDIA_NOT_FOUND', {}],
    ['not for everybody', send('', {}, 403), 'MEDIA_FORBIDDEN', {}],
    ['of a server in trouble', send('', {}, 503), 'SOURCE_UNREACHABLE', {}],
    ['with headers without end', send(png, { 'x-long': 'x'.repeat(60_000) }), 'SOURCE_UNREACHABLE', {}],
  ] as [string, Handler, string, object][])('is refused when the answer is %s', async (_, page, code, options) => {
    pages['/bad'] = page;
    const error = await get('/bad', options).catch((thrown) => thrown);
    expect(error.code, error.message).toBe(code);
    await expect.poll(() => readdir(workDir)).toEqual([]);
  });
});

describe('a medium is opted out', () => {
  it.each([
    ['robots.txt: Disallow: /', 'User-agent: *\nDisallow: /\n'],
    ['robots.txt: Disallow: /*.png$', 'user-agent: other\nuser-agent: VIMI/2.0\ndisallow: /*.png$ # no\nallow: /b\n'],
    ['robots.txt: Content-Usage: train-ai=n', 'User-Agent: *\nContent-Usage: train-ai=n\nAllow: /\n'],
    ['robots.txt: Content-Usage: bots=n', 'User-Agent: *\nContent-Usage: /a bots=n\n'],
    [null, 'User-agent: *\nDisallow: /\n\nUser-agent: vimi\nDisallow: /b\n'],
    [null, 'User-agent: *\nDisallow: /a\nAllow: /a.png\n'],
    [null, 'User-agent: *\nDisallow:\nContent-Usage: bots=n, train-ai=y\n'],
    [null, '<!doctype html>'],
  ])('by robots.txt: %s', async (signal, robots) => {
    pages['/robots.txt'] = send(robots);
    expect(await get('/a.png')).toEqual(signal ?? png);
    expect(asked.includes('media.example/a.png')).toBe(signal === null);
  });

  it.each([
    ['tdmrep.json: tdm-reservation of /', [{ location: '/', 'tdm-reservation': 1 }]],
    [
      'tdmrep.json: tdm-reservation of /a*',
      [
        { location: '/', 'tdm-reservation': 0 },
        { location: '/a*', 'tdm-reservation': 1 },
      ],
    ],
    [
      null,
      [
        { location: '/', 'tdm-reservation': 1 },
        { location: '/a.png', 'tdm-reservation': 0 },
      ],
    ],
    [null, 'no list'],
  ])('by TDMRep: %s', async (signal, rules) => {
    pages['/.well-known/tdmrep.json'] = send(JSON.stringify(rules));
    expect(await get('/a.png')).toEqual(signal ?? png);
  });

  it.each([
    ['content-usage: train-ai=n', { 'Content-Usage': 'train-ai=n' }],
    ['content-usage: train-genai=n', { 'Content-Usage': 'train-ai=y, train-genai=n;x=1' }],
    ['tdm-reservation: 1', { 'TDM-Reservation': '1', 'tdm-policy': 'https://media.example/policy' }],
    ['x-robots-tag: noai', { 'X-Robots-Tag': 'noindex, NoAI' }],
    ['x-robots-tag: noimageai', { 'X-Robots-Tag': ['other: noai', 'noimageai'] }],
    ['x-robots-tag: noml', { 'X-Robots-Tag': 'vimi: noml' }],
    [null, { 'X-Robots-Tag': 'other: noai, noml', 'Content-Usage': 'search=n', 'TDM-Reservation': '0' }],
  ] as [string | null, Record<string, string>][])('by a header: %s', async (signal, headers) => {
    pages['/a.png'] = send(png, headers);
    expect(await get('/a.png')).toEqual(signal ?? png);
    // A redirect may say so, too.
    pages['/moved'] = send('', { ...headers, location: '/b.png' }, 301);
    pages['/b.png'] = send(png);
    expect(await get('/moved')).toEqual(signal ?? png);
  });

  it('not at all known while the site does not say', async () => {
    pages['/robots.txt'] = send('', {}, 500);
    await expect(get('/a.png')).rejects.toMatchObject({ code: 'SOURCE_UNREACHABLE' });
    pages['/robots.txt'] = to(`http://elsewhere.test:${port}/robots.txt`);
    await expect(get('/a.png')).rejects.toMatchObject({ code: 'MEDIA_FORBIDDEN' });
    // Half a megabyte is read of an endless one.
    pages['/robots.txt'] = (_, response) => endless(response, Buffer.from('User-agent: *\nDisallow: /a\n'));
    expect(await get('/a.png')).toBe('robots.txt: Disallow: /a');
    expect(asked).not.toContain('media.example/a.png');
  });

  it('by rules that take no time to match', async () => {
    pages['/robots.txt'] = send(`User-agent: *\nDisallow: /${'*a'.repeat(100_000)}b\n`);
    pages[`/${'a'.repeat(5000)}`] = send(png);
    expect(await get(`/${'a'.repeat(5000)}`)).toEqual(png);
  });
});

it('an address is public or it is not', () => {
  const open = '8.8.8.8 1.1.1.1 100.63.255.255 168.63.129.15 172.32.0.1 2606:4700::1111 2a00:1450::1'.split(' ');
  const closed =
    '127.0.0.1 127.9.9.9 0.0.0.0 10.1.2.3 100.64.0.1 100.100.100.200 168.63.129.16 169.254.169.254 172.16.0.1 192.168.1.1 192.0.0.8 198.18.0.1 224.0.0.1 255.255.255.255 :: ::1 ::ffff:8.8.8.8 ::ffff:127.0.0.1 64:ff9b::a00:1 64:ff9b:1::1 2002:7f00:1::1 2001::1 2001:db8::1 fc00::1 fd00:ec2::254 ::ffff:a9fe:a9fe fd12::1 fe80::1 fe80::1%eth0 fec0::1 ff02::1 100::1 localhost 1.2.3 x'.split(
      ' ',
    );
  expect(open.filter((address) => !isPublicAddress(address))).toEqual([]);
  expect(closed.filter(isPublicAddress)).toEqual([]);
});

function endless(response: ServerResponse, chunk: Buffer): void {
  response.writeHead(200);
  const more = () => {
    while (!response.destroyed && response.write(chunk));
    response.once('drain', more);
  };
  more();
}

function cut(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200, { 'content-length': '99999' });
  response.write(png.subarray(0, 500), () => response.socket?.end());
}

function slowly(_: IncomingMessage, response: ServerResponse): void {
  response.writeHead(200);
  const timer = setInterval(() => response.write('\x89'), 50);
  response.on('close', () => clearInterval(timer));
}
