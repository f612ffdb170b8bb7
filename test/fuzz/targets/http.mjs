// @ts-nocheck: a plain script
/** Bytes on a connection of the HTTP API: an answer below 500 or a closed connection, and the server goes on. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Workspace } from '../../../dist/app/workspace.js';
import { VimiError } from '../../../dist/core/errors.js';
import { serveHttp } from '../../../dist/server/http-server.js';
import { mutateJson } from '../mutate-json.mjs';
import { mutateText } from '../mutate-text.mjs';

export const isText = true;
const root = join(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'vimi-fuzz-http-'));
const topology = join(folder, 'topology.yaml');
writeFileSync(
  topology,
  readFileSync(join(root, 'topology.yaml'), 'utf8').replace(/model: nano, upsampler: [\w-]+/, 'model: fake'),
);
const quiet = () => {};
const log = { debug: quiet, info: quiet, warn: quiet, error: quiet, child: () => log };
const workspace = await Workspace.open({ topology, log });
const server = await serveHttp({ workspace, address: { host: '127.0.0.1', port: 0 }, version: '0.0.0' });
const { port } = new URL(server.url);

export async function close() {
  await server.close();
  await workspace.close();
  rmSync(folder, { recursive: true, force: true });
}

const request = (first, body = '', more = '') =>
  Buffer.from(
    `${first} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n${more}${body ? `Content-Length: ${Buffer.byteLength(body)}\r\n` : ''}\r\n${body}`,
  );
const json = 'Content-Type: application/json\r\n';
export const valid = () => [
  request('GET /v1/videos?limit=2'),
  request('GET /v1/pipelines?over=0'),
  request('GET /v1/rejects'),
  request('GET /v1/videos/video-1', '', 'Authorization: Bearer x\r\nIf-None-Match: "a"\r\n'),
  request('GET /v1/videos/video-1/content', '', 'Range: bytes=0-10\r\n'),
  request('POST /v1/videos', '{"prompt":"a fox","seconds":"1","size":"64x64"}', json),
  request(
    'POST /v1/videos',
    '--b\r\nContent-Disposition: form-data; name="prompt"\r\n\r\na fox\r\n--b--\r\n',
    'Content-Type: multipart/form-data; boundary=b\r\n',
  ),
  request('POST /v1/rejects/dismiss', '{"ids":["requests-0-0"]}', json),
  request('GET /metrics'),
  request('GET /'),
  request('DELETE /v1/videos/video-1'),
];

/** Another request that is HTTP: other values in its JSON and in its address, and a length that fits. */
export function change(bytes, _, random) {
  const text = bytes.toString();
  const at = text.indexOf('\r\n\r\n');
  if (at < 0) return bytes;
  let [head, body] = [text.slice(0, at), text.slice(at + 4)];
  if (body.startsWith('{') && random() < 0.8) {
    try {
      body = JSON.stringify(mutateJson(JSON.parse(body), random));
    } catch {
      // It was cut before.
    }
  } else {
    const [first, ...headers] = head.split('\r\n');
    const [method, target = '/', ...rest] = first.split(' ');
    const other = mutateText(Buffer.from(target), Buffer.from(target), random).toString('latin1');
    head = [[method, encodeURI(other.slice(0, 2000)), ...rest].join(' '), ...headers].join('\r\n');
  }
  head = head.replace(/^Content-Length: .*$/im, `Content-Length: ${Buffer.byteLength(body)}`);
  return Buffer.from(`${head}\r\n\r\n${body}`);
}

/** No HTTP, or a request that waits for its rest. */
export const isFirstCheck = ({ message }) => /no request of HTTP|no answer/.test(message);

export async function run(bytes) {
  const { status, text } = await exchange(bytes);
  if (status >= 500 && status !== 503) throw new Error(`status ${status}`);
  if (status === 0) throw new VimiError('HTTP_MALFORMED', 'no answer');
  if (status < 400) return;
  const [, code = 'HTTP_MALFORMED'] = /"code":"([A-Z_]+)"/.exec(text) ?? [];
  const [, title = ''] = /"(?:message|detail)":"([^"]*)"/.exec(text) ?? [];
  throw new VimiError(code, title || `status ${status}`);
}

/** The first line's status, and the answer; 0: the server closed without one, or waits for more. */
function exchange(bytes) {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), '127.0.0.1');
    let text = '';
    const end = () => {
      clearTimeout(timer);
      socket.destroy();
      const [, status = '0'] = /^HTTP\/1\.1 (\d{3})/.exec(text) ?? [];
      if (/"code":"INTERNAL"/.test(text)) reject(new Error(text));
      else resolve({ status: Number(status), text });
    };
    // It may rightly wait for the rest of a body.
    const timer = setTimeout(end, 500);
    socket.on('data', (chunk) => {
      text += chunk.toString('latin1').slice(0, 4000);
      if (/^HTTP\/1\.1 \d{3}/.test(text)) setTimeout(end, 2);
    });
    socket.on('close', end);
    socket.on('error', (error) => (error.code === 'ECONNREFUSED' ? reject(error) : end()));
    socket.end(bytes);
  });
}
