import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isFresh } from './answers/preconditions.js';
import type { App } from './app.js';

const folder = fileURLToPath(new URL('../../web/', import.meta.url));

const types: Record<string, string> = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

const headers = {
  'cache-control': 'no-cache',
  // Videos and images come with the API key of the caller, as blobs. Nothing makes HTML from text.
  'content-security-policy': [
    "default-src 'self'",
    "img-src 'self' blob:",
    "media-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
    "require-trusted-types-for 'script'",
  ].join('; '),
  'cross-origin-opener-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
};

/**
 * The page at /: docs/guides/page.md. Each file of the folder web has an address of its own, and there are no others; they are
 * read once.
 */
export function addPage(app: App): void {
  for (const file of readdirSync(folder)) {
    const type = types[extname(file)];
    if (!type) continue;
    const bytes = readFileSync(join(folder, file));
    const etag = `"${createHash('sha256').update(bytes).digest('hex')}"`;
    app.get(file === 'index.html' ? '/' : `/web/${file}`, { schema: { hide: true } }, (request, reply) => {
      reply.headers({ ...headers, etag });
      if (isFresh(request.headers['if-none-match'], etag)) return reply.code(304).send();
      return reply.type(type).send(bytes);
    });
  }
}
