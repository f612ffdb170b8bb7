// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a topology takes values from the environment so.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, expect, it } from 'vitest';
import { runTopologyTest, type TestResult } from '../../../src/app/topology-tests/run-topology-test.js';
import { operators } from '../../../src/operators/index.js';
import { readTopology } from '../../../src/streams/topology/read-topology.js';
import { quietLog } from '../../operators/run-operator.js';

const folder = mkdtempSync(join(tmpdir(), 'vimi-tests-'));
afterAll(() => rmSync(folder, { recursive: true }));

const topology = `profiles:
  cluster:
    transport: { type: kafka, brokers: "\${NOBODY_SETS_THIS}" }
    objects: { type: s3, endpoint: "\${NOR_THIS}", bucket: vimi }
    search: { type: embedded, path: index }
topics:
  requests: { schema: [generation.requested, generation.cancelled] }
  media: { schema: media.added }
  corpus: { schema: corpus.document, cleanup: compact }
  jobs: { schema: job.changed, cleanup: compact }
  videos: { schema: video.completed }
  rejects: { schema: event.rejected }
pipelines:
  generate:
    from: requests
    steps: [admit, embed, retrieve, compose, denoise, encode]
    to: [{ objects: "videos/{job}.mp4" }, { topic: videos }]
  photos:
    from: media
    steps: [fetch, { use: ./only-cats.mjs, with: { word: cat } }]
  broken: { from: media, steps: [fetch, { use: ./broken.mjs }] }
`;
const source = (path: string) => JSON.stringify(pathToFileURL(resolve(import.meta.dirname, '../../..', path)).href);
writeFileSync(
  join(folder, 'only-cats.mjs'),
  `import { defineOperator, drop, z } from ${source('src/index.ts')};
export default defineOperator(
  {
    name: 'only-cats',
    summary: 'Drops what is no cat.',
    config: z.strictObject({ word: z.string().default('cat').describe('Which word.') }),
    needs: ['media'], adds: [], drops: ['no-cat'],
  },
  { process: ({ media }, { config }) => (media.caption.includes(config.word) ? {} : drop('no-cat')) },
);
`,
);
writeFileSync(
  join(folder, 'broken.mjs'),
  `import operator from './only-cats.mjs';
export default { ...operator, name: 'broken', create() { throw new Error('this operator cannot be made'); } };
`,
);

async function run(test: string): Promise<TestResult> {
  const file = join(folder, 't.yaml');
  writeFileSync(file, `${topology}tests:\n  it:\n    ${test.trim().replaceAll('\n', '\n    ')}\n`);
  const read = await readTopology(file, { env: {}, operators, profile: null });
  return runTopologyTest(read.tests[0]!, read, quietLog);
}

const steps = ({ events }: TestResult, n = 0) => events[n]!.steps.map(({ step }) => step);

it('runs a pipeline on a log in memory with the fake model, and passes', async () => {
  const result = await run(`
input: { generate: [{ prompt: a fox, seed: 7 }] }
expect:
  outcomes: { generate: [delivered] }
  jobs: { generate: [{ state: completed, progress: 1 }] }
  outputs: { videos: [{ model: { name: fake }, sampler: { seed: 7 }, context: [] }], rejects: [] }`);
  expect(result.differences).toEqual([]);
  expect(steps(result)).toEqual(['admit', 'embed', 'retrieve', 'compose', 'denoise', 'encode']);
  expect(result.events[0]).toMatchObject({ pipeline: 'generate', number: 1, id: 'generate-1' });
  expect(result.events[0]!.steps[1]!.fields).toEqual({
    embeddings: { model: expect.any(String), text: '256 numbers' },
  });
});

it('names each difference with its place and what came instead', async () => {
  const { differences } = await run(`
input: { generate: [{ prompt: a fox }, { prompt: "" }] }
expect:
  outcomes: { generate: [{ rejected: PROMPT_EMPTY }, { rejected: PROMPT_TOO_LONG }] }
  jobs: { generate: [failed, failed] }
  outputs:
    videos: [{ frames: 9, model: { name: fake }, colour: red }]
    rejects: []`);
  const lines = differences.map(({ line, column, path, expected, got }) => [`${line}:${column}`, path, expected, got]);
  const rejected = expect.stringMatching(/^one more: .*"code":"PROMPT_EMPTY"/);
  expect(lines).toEqual([
    ['26:30', 'outcomes.generate[0]', '{"rejected":"PROMPT_EMPTY"}', '"delivered"'],
    ['26:70', 'outcomes.generate[1].rejected', '"PROMPT_TOO_LONG"', '"PROMPT_EMPTY"'],
    ['27:26', 'jobs.generate[0]', '"failed"', '"completed"'],
    ['29:28', 'outputs.videos[0].frames', '9', '8'],
    ['29:54', 'outputs.videos[0].colour', '"red"', 'no such field'],
    ['30:9', 'outputs.rejects', '0 events', rejected],
  ]);
});

it('gives recorded answers instead of running steps', async () => {
  const result = await run(`
replace:
  retrieve: { context: { entries: [{ caption: a fox, score: 2 }] } }
input: { generate: [{ prompt: a fox moves left }] }
expect:
  outputs: { videos: [{ frames: 8, model: { name: fake }, context: [{ caption: a fox, score: 2 }] }] }`);
  expect(result.differences).toEqual([]);
  expect(result.events[0]!.steps.find(({ step }) => step === 'compose')!.fields.prompt).toMatchObject({
    parts: [{ text: 'a fox' }, { image: { key: 'images/recorded.webp' } }, { text: 'a fox moves left' }],
  });
  const frames = await run(`
replace: { denoise: { frames: { fps: 4, video: { frames: 3 } } } }
input: { generate: [{ prompt: a fox moves left }] }
expect: { outputs: { videos: [{ fps: 4, frames: 3, width: 32, model: { name: recorded } }] } }`);
  expect(frames.differences).toEqual([]);
});

it('drops and rejects as it was recorded, once each', async () => {
  const { differences, events } = await run(`
replace: { embed: { rejected: MODEL_CRASHED }, fetch: { dropped: unchanged } }
input: { generate: [{ prompt: a fox }], photos: [{ uri: a.png }] }
expect:
  outcomes: { generate: [{ rejected: MODEL_CRASHED }], photos: [{ dropped: unchanged }] }
  outputs: { rejects: [{ step: embed, attempts: 1 }] }`);
  expect(differences).toEqual([]);
  expect(events.map(({ steps: seen }) => seen.length)).toEqual([1, 0]);
});

it('has a clock of its own, by which deadlines pass', async () => {
  const test = (takes: string) => `
now: 2030-05-01T10:00:00Z
replace: { denoise: { takes: ${takes}, frames: {} } }
input: { generate: [{ prompt: a fox, finish_by: "2030-05-01T12:00:00Z" }] }
expect: { outcomes: { generate: [{ rejected: REQUEST_EXPIRED }] } }`;
  expect((await run(test('3h'))).differences).toEqual([]);
  expect((await run(test('1h'))).differences).toMatchObject([{ got: '"delivered"' }]);
});

it('publishes whole events, and texts, as they are', async () => {
  const whole =
    '{ specversion: "1.0", id: a, source: /shop, type: dev.vimi.generation.requested.v1, data: { prompt: a fox } }';
  const { differences, events } = await run(`
input: { generate: [${whole}, ${whole}, "{"] }
expect:
  outcomes: { generate: [delivered, { dropped: duplicate-request }, { rejected: EVENT_MALFORMED }] }
  jobs: { generate: [completed, completed, null] }
  outputs: { videos: [{ request: { id: a, source: /shop } }] }`);
  expect(differences).toEqual([]);
  expect(events.map(({ id }) => id)).toEqual(['a', 'a', 'requests-0-2']);
});

it('runs custom operators', async () => {
  const { differences } = await run(`
replace: { fetch: { file: {} } }
input: { photos: [{ uri: a.png, caption: a cat }, { uri: b.png, caption: a dog }] }
expect: { outcomes: { photos: [delivered, { dropped: no-cat }] } }`);
  expect(differences).toEqual([]);
});

it('says what keeps a pipeline from running at all', async () => {
  const { differences, events } = await run(`
input: { broken: [{ uri: a.png }] }
expect: { outcomes: { broken: [delivered] } }`);
  expect(differences).toMatchObject([
    { line: 23, path: 'the test', got: expect.stringMatching(/^INTERNAL: .*this operator cannot be made/) },
    { line: 25, path: 'outcomes.broken[0]', got: 'nothing' },
  ]);
  expect(events).toMatchObject([{ id: 'broken-1', steps: [], outcome: undefined }]);
});
