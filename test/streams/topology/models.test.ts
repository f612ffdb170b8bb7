// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a topology takes values from the environment so.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { mistakeLine } from '../../../src/streams/topology/mistake.js';
import { checkTopology } from '../../../src/streams/topology/read-topology.js';
import { testFolder } from '../../media/make-media.js';
import { testOperators } from './operators.js';

const folder = await testFolder();
writeFileSync(join(folder, 'wan.key'), 'sesame-opens\n');
const check = (models: string, hosts = '["gpu.internal:8000"]') =>
  checkTopology(
    `model_hosts: ${hosts}\nmodels: ${models}\ntopics:\n  media: { schema: media.added }\npipelines:\n  p: { from: media, steps: [fetch], rejects: false }\n`,
    { env: { HOST: 'elsewhere.internal' }, operators: testOperators, file: join(folder, 't.yaml') },
  );
const mistakesOf = async (models: string, hosts?: string) =>
  (await check(models, hosts)).mistakes.map(mistakeLine).map((line) => line.replace(folder, ''));

const url = 'url: "https://gpu.internal:8000/api"';

const makes = '{ frames: 81, width: 832, height: 480, fps: 16, steps: 30, guidance: 5 }';

it('reads models of servers', async () => {
  const { topology, mistakes } = await check(
    `{ wan: { type: remote, ${url}, api_key: "\${file:wan.key}", ca: wan.pem, model: wan-1.3b, run_limit: 30m } }`,
  );
  expect(mistakes).toEqual([]);
  expect([...topology!.models]).toEqual([
    [
      'wan',
      {
        ...{ type: 'remote', url: 'https://gpu.internal:8000/api', model: 'wan-1.3b', dialect: 'vimi' },
        ...{ api_key: 'sesame-opens', ca: join(folder, 'wan.pem'), run_limit: 1_800_000 },
      },
    ],
  ]);
});

it('reads models of this machine', async () => {
  const { topology, mistakes } = await check(
    '{ fast: { type: own, processes: 2 }, large: { type: own, model: ./large.safetensors, encoder: words, devices: [0, 1] } }',
  );
  expect(mistakes).toEqual([]);
  expect([...topology!.models]).toEqual([
    ['fast', { type: 'own', model: 'nano', backend: 'auto', processes: 2 }],
    [
      'large',
      {
        ...{ type: 'own', model: './large.safetensors', backend: 'auto', devices: [0, 1] },
        encoder: join(folder, 'words'),
      },
    ],
  ]);
});

it.each([
  ['processes and devices', '{ a: { type: own, processes: 2, devices: [0, 1] } }', undefined, 'leave processes out'],
  ['no processes', '{ a: { type: own, processes: 0 } }', undefined, 'processes: expected'],
  ['a device of no backend', '{ a: { type: own, backend: wasm, devices: [0] } }', undefined, 'expected tensorflow'],
  ['a device that is none', '{ a: { type: own, devices: [gpu] } }', undefined, 'devices.0: expected'],
  ['a setting of a server', '{ a: { type: own, url: "http://gpu" } }', undefined, "unknown key 'url'"],
  ['a host that is not allowed', `{ wan: { type: remote, ${url} } }`, '[]', 'whose host is not in model_hosts'],
  ['another port', `{ wan: { type: remote, ${url} } }`, '[gpu.internal]', 'whose host is not in model_hosts'],
  ['a file', '{ wan: { type: remote, url: "file:///etc/passwd" } }', undefined, 'expected http:// or https://'],
  [
    'a password',
    '{ wan: { type: remote, url: "http://a:b@gpu.internal:8000" } }',
    undefined,
    'without a query or a password',
  ],
  ['another type', `{ wan: { type: local, ${url} } }`, undefined, 'type: expected'],
  [
    'a key that no header holds',
    `{ wan: { type: remote, ${url}, api_key: "a b" } }`,
    undefined,
    'letters, digits and signs',
  ],
  ['a misspelt setting', `{ wan: { type: remote, ${url}, apikey: x } }`, undefined, "unknown key 'apikey'"],
  ['makes where the server says it', `{ wan: { type: remote, ${url}, makes: ${makes} } }`, undefined, 'leave it out'],
  ['no makes where it does not', `{ wan: { type: remote, ${url}, dialect: sglang } }`, undefined, 'missing makes'],
  ['a dialect that nobody speaks', `{ wan: { type: remote, ${url}, dialect: sora } }`, undefined, 'dialect: expected'],
  ['a list', '[wan]', undefined, 'expected a map of models by name'],
  [
    'a key file that is not there',
    `{ wan: { type: remote, ${url}, api_key: "\${file:no.key}" } }`,
    undefined,
    'no.key',
  ],
])('refuses %s', async (_, models, hosts, text) => {
  const found = await mistakesOf(models, hosts);
  expect(found.join('\n')).toContain(text);
});

it('does not say what came from the environment', async () => {
  const found = await mistakesOf('{ wan: { type: remote, url: "http://${HOST}:8000" } }');
  expect(found).toEqual([
    "/t.yaml:2:16 error model 'wan' calls 'http://${HOST}:8000', whose host is not in model_hosts: add it there",
  ]);
});
