import { expect, it } from 'vitest';
import { mistakeLine } from '../../../src/streams/topology/mistake.js';
import { checkTopology } from '../../../src/streams/topology/read-topology.js';
import { testOperators } from './operators.js';

const check = (profile: { transport?: string; objects?: string; search?: string; server?: string }) =>
  checkTopology(
    `profiles:
  a:
    transport: ${profile.transport ?? '{ type: embedded }'}
    objects: ${profile.objects ?? '{ type: files }'}
    search: ${profile.search ?? '{ type: embedded }'}
${profile.server ? `    server: ${profile.server}\n` : ''}topics: { requests: { schema: generation.requested }, videos: { schema: video.completed }, copies: { schema: video.completed }, jobs: { schema: job.changed }, rejects: { schema: event.rejected } }
pipelines:
  p: { from: requests, steps: [admit, embed, retrieve, compose, denoise, encode], to: [{ objects: "videos/{job}.mp4" }, { topic: videos }, { topic: copies }] }
`,
    { env: {}, operators: testOperators, file: '/srv/team/t.yaml' },
  );
const lines = async (profile: Parameters<typeof check>[0]) => (await check(profile)).mistakes.map(mistakeLine);
const s3 = (more: string) => `{ type: s3, endpoint: https://s3, bucket: vimi, ${more} }`;
const kafka = (tls: string) => `{ type: kafka, brokers: a, tls: ${tls} }`;

it('names files for TLS from the folder of the topology', async () => {
  const { topology, mistakes } = await check({
    transport: kafka('{ ca: tls/ca.pem, cert: /etc/own.pem, key: own.key }'),
    objects: s3('tls: { ca: tls/ca.pem }'),
  });
  expect(mistakes).toEqual([]);
  expect(topology!.profile).toMatchObject({
    transport: { tls: { ca: '/srv/team/tls/ca.pem', cert: '/etc/own.pem', key: '/srv/team/own.key' } },
    objects: { tls: { ca: '/srv/team/tls/ca.pem' } },
  });
  const cut = await check({ transport: kafka('{ ca: ca.pem }') });
  expect(cut.topology!.profile.transport).toMatchObject({ tls: { ca: '/srv/team/ca.pem' } });
  const all = await check({ transport: kafka('true') });
  expect(all.topology!.profile.transport).toMatchObject({ tls: true });
});

it('says where HTTP is served, and with which files', async () => {
  const { topology } = await check({
    server: '{ address: 0.0.0.0, port: 443, tls: { cert: tls/a.pem, key: /etc/a.key } }',
  });
  expect(topology!.profile.server).toEqual({
    ...{ address: '0.0.0.0', port: 443 },
    tls: { cert: '/srv/team/tls/a.pem', key: '/etc/a.key' },
  });
  expect((await check({ server: '{}' })).topology!.profile.server).toEqual({ address: '127.0.0.1', port: 9400 });
  expect((await check({})).topology!.profile.server).toBeUndefined();
});

it.each([
  ['{ address: "0.0.0.0:443" }', 'server: address: expected an IP address or a host name, without a port'],
  ['{ address: "https://a" }', 'server: address: expected an IP address or a host name, without a port'],
  ['{ port: 70000 }', 'server: port: expected'],
  ['{ tls: { cert: a.pem } }', 'server: missing tls.key'],
  ['{ tls: true }', 'server: tls: expected'],
  ['{ host: a }', "server: unknown key 'host'"],
  ['9400', 'server: expected'],
])('refuses the server %s', async (server, text) => {
  const [line, ...more] = await lines({ server });
  expect(line).toContain(text);
  expect(more).toEqual([]);
});

it('wants a certificate and its key together', async () => {
  for (const half of ['{ cert: own.pem }', '{ key: own.key }'])
    expect(await lines({ transport: kafka(half) })).toEqual([
      "/srv/team/t.yaml:3:48 error profile 'a': transport: tls: expected cert and key, or neither, found a map",
    ]);
});

it('gives the sinks of a topic the life of its links', async () => {
  const { topology } = await check({ objects: s3('links: { videos: 24h }') });
  expect(topology!.pipelines[0]!.to).toEqual([
    { objects: 'videos/{job}.mp4' },
    { topic: 'videos', schema: 'video.completed', linkSeconds: 86_400 },
    { topic: 'copies', schema: 'video.completed' },
  ]);
});

it('refuses links that nobody could make or carry', async () => {
  expect(await lines({ objects: '{ type: files, links: { videos: 24h } }' })).toEqual([
    "/srv/team/t.yaml:4:36 error profile 'a': objects: links: expected none, since a folder has no links (s3 has), found a map",
  ]);
  expect(await lines({ objects: s3('links: { video: 24h, jobs: 1h, videos: 8d, copies: 30s }') })).toEqual([
    "/srv/team/t.yaml:4:71 error unknown topic 'video'; did you mean 'videos'?",
    "/srv/team/t.yaml:4:83 error profile 'a': links: the topic 'jobs' carries job.changed, which has no link",
    "/srv/team/t.yaml:4:101 error profile 'a': objects: links.videos: expected 1m to 7d, found '8d'",
    "/srv/team/t.yaml:4:113 error profile 'a': objects: links.copies: expected 1m to 7d, found '30s'",
  ]);
});

it.each([
  ['bucket: Vimi_A2', 'bucket', 'expected 3 to 63 small letters'],
  ['bucket: -vimi', 'bucket', 'expected 3 to 63 small letters'],
  ['bucket: vi..mi', 'bucket', 'expected 3 to 63 small letters'],
  ['bucket: 192.168.1.1', 'bucket', 'no IP address'],
  ['bucket: vimi, region: EU Central', 'region', 'such as eu-central-1'],
  ['bucket: vimi, endpoint: s3.example.org', 'endpoint', 'expected https://host'],
  ['bucket: vimi, endpoint: "https://user:hunter2@s3"', 'endpoint', 'expected https://host'],
  ['bucket: vimi, endpoint: "https://s3/path"', 'endpoint', 'expected https://host'],
  ['bucket: vimi, prefix: a//b', 'prefix', 'joined by slashes'],
  ['bucket: vimi, prefix: "a b"', 'prefix', 'joined by slashes'],
])('[streams F25] says of { %s } that the %s is wrong', async (settings, field, rule) => {
  const endpoint = settings.includes('endpoint') ? '' : ', endpoint: https://s3';
  const [line, ...more] = await lines({ objects: `{ type: s3, ${settings}${endpoint} }` });
  expect(more).toEqual([]);
  expect(line).toContain(`objects: ${field}: expected`);
  expect(line).toContain(rule);
});

it.each([
  'endpoint: "https://user:hunter2@s3"',
  'endpoint: "https://user:hunter2/@s3"',
  'endpoint: "https://me:x@s3 https://user:hunter2@s3"',
  `endpoint: "https://user:hunter2${'x'.repeat(100)}@s3"`,
  'endpoint: https://s3, secret_key: [hunter2]',
  'endpoint: https://s3, secret_key: 42424242',
  'endpoint: https://s3, access_key: "hunter2 with spaces", secret_key: {}',
])('gives no secret away that stands in { %s }', async (settings) => {
  const { mistakes } = await check({ objects: `{ type: s3, bucket: vimi, ${settings} }` });
  expect(mistakes.length).toBeGreaterThan(0);
  expect(JSON.stringify(mistakes)).not.toMatch(/hunter2|42424242/);
});

it.each(['my.bucket-2', 'abc', '1.2.3'])('[streams F25] takes the bucket %s', async (bucket) => {
  expect(
    await lines({ objects: `{ type: s3, endpoint: "http://localhost:9000", bucket: "${bucket}", prefix: /a/b/ }` }),
  ).toEqual([]);
});

it('takes a search engine of several nodes, and says what is wrong with its address or its index', async () => {
  const { topology, mistakes } = await check({
    search: '{ type: weaviate, url: "http://a:1,https://b", replicas: 3 }',
  });
  expect(mistakes).toEqual([]);
  expect(topology!.profile.search).toEqual({
    ...{ type: 'weaviate', url: ['http://a:1', 'https://b'], index: 'Vimi', replicas: 3 },
  });
  for (const [wrong, rule] of [
    ['url: a:8080', 'url: expected http://host:port or https://host:port'],
    ['url: http://user:secret@a', 'url: expected http://host:port or https://host:port'],
    ['url: http://a, index: vimi', 'index: expected letters and digits, the first one a capital'],
    ['url: http://a, replicas: 0', 'replicas: expected'],
  ])
    expect((await lines({ search: `{ type: weaviate, ${wrong} }` })).join(), wrong).toContain(rule);
});

it('wants the file of an engine of a team under its folder', async () => {
  expect(await lines({ search: '{ type: ./engine.js }' })).toEqual([
    "/srv/team/t.yaml:5:21 error profile 'a': search: ./engine.js: there is no such file",
  ]);
  expect((await lines({ search: '{ type: elastic }' })).join()).toContain("unknown type of search 'elastic'");
});
