import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { openApp } from '../../src/server/app.js';
import { addPage } from '../../src/server/page.js';
import { quietLog } from '../operators/run-operator.js';

const app = await openApp({ log: quietLog, version: 'test' });
addPage(app);
afterAll(() => app.close());
const get = (url: string, headers = {}) => app.inject({ url, headers });

it('gives the page and its files, with a policy that lets nothing in from elsewhere', async () => {
  const page = await get('/');
  expect(page.headers['content-type']).toBe('text/html; charset=utf-8');
  const named = [...page.body.matchAll(/(?:src|href)="(\/web\/[^"]+)"/g)].map(([, path]) => path!);
  expect(new Set(named).size).toBe(5);
  for (const path of ['/', ...named]) {
    const answer = await get(path);
    expect(answer.statusCode).toBe(200);
    expect(answer.headers['content-security-policy']).toMatch(/^default-src 'self'; .*frame-ancestors 'none'/);
    expect(answer.headers['content-security-policy']).not.toContain('unsafe');
    expect(answer.headers['x-content-type-options']).toBe('nosniff');
    const again = await get(path, { 'if-none-match': answer.headers.etag });
    expect([again.statusCode, again.body]).toEqual([304, '']);
  }
});

it('gives nothing else of the disk', async () => {
  expect(readdirSync(join(import.meta.dirname, '../../web'))).toContain('tsconfig.json');
  for (const path of ['/web/tsconfig.json', '/web/', '/web/../package.json', '/web/%2e%2e/package.json', '/index.html'])
    expect((await get(path)).json().code).toBe('ROUTE_UNKNOWN');
  expect((await app.inject({ url: '/', method: 'POST' })).statusCode).toBe(405);
});
