import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, expect, it } from 'vitest';
import { exchange } from '../../../../src/models/servers/remote/exchange.js';

/** Of nobody, for a century, at 127.0.0.1. */
const key = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgQLjAupqu8arzRJ7q
hujS7kkebDAEvAuSeAnxaDyvgd2hRANCAAT6LecfCwvhJ7Uznx5NFH63tbOXqM+T
RD+Ybp8YytF9OTK8nZl/EdRiJ34TPwXGpPoT4NwIKXkacTq3q8Hkwy4e
-----END PRIVATE KEY-----
`;
const certificate = `-----BEGIN CERTIFICATE-----
MIIBjzCCATagAwIBAgIUfR5QaR4FBpyZbENlyXIvWZZw4HkwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEzMDIwNTQ0OFoYDzIxMjYxMTA2
MjA1NDQ4WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAT6LecfCwvhJ7Uznx5NFH63tbOXqM+TRD+Ybp8YytF9OTK8nZl/EdRi
J34TPwXGpPoT4NwIKXkacTq3q8Hkwy4eo2QwYjAdBgNVHQ4EFgQUCEF7g+6oR+iN
Lkuw0P5YMbpQj+4wHwYDVR0jBBgwFoAUCEF7g+6oR+iNLkuw0P5YMbpQj+4wDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0cAMEQC
ICwCSaOhpp9fuF+JSzsZ6v4Nk2UDX2UEpppmhZ72iKlmAiAHVmltPLSpAF1o9Bfm
m4Wx5YTia1mKmZysd2RQZ5wLzg==
-----END CERTIFICATE-----
`;

const server = createServer({ key, cert: certificate }, (_, response) => response.end('{}'));
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
afterAll(() => new Promise((resolve) => server.close(resolve)));
const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
const call = { method: 'GET', path: 'v1/models', mostBytes: 1000 } as const;

it('trusts a server by an authority of its own', async () => {
  expect(await exchange({ url, ca: certificate }, call)).toMatchObject({ status: 200, body: Buffer.from('{}') });
});

it('does not trust one that nobody vouches for', async () => {
  await expect(exchange({ url, key: 'sesame-opens' }, call)).rejects.toMatchObject({
    ...{ code: 'MODEL_SERVER_UNAVAILABLE', found: expect.stringMatching(/SELF_SIGNED|self-signed/) },
  });
});

it('takes paths below the url, with and without a slash at its end', async () => {
  for (const base of [`${url}/api`, `${url}/api/`])
    expect((await exchange({ url: base, ca: certificate }, call)).status).toBe(200);
});
