// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a topology takes values from the environment so.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { VimiError } from '../../../src/core/errors.js';
import { operators } from '../../../src/operators/index.js';
import { mistakeLine } from '../../../src/streams/topology/mistake.js';
import { checkTopology, checkTopologyFile, readTopology } from '../../../src/streams/topology/read-topology.js';
import { stepTopic } from '../../../src/streams/topology/step-topics.js';
import type { ReadOptions, Topology } from '../../../src/streams/topology/topology.js';
import { testOperators } from './operators.js';

const base = { env: {}, operators: testOperators };
const real = { env: {}, operators };

async function lines(text: string, options: Partial<ReadOptions> & { file?: string } = {}): Promise<string[]> {
  const { mistakes } = await checkTopology(text, { ...base, file: 't.yaml', ...options });
  return mistakes.map(mistakeLine);
}

async function read(text: string, options: Partial<ReadOptions> & { file?: string } = {}): Promise<Topology> {
  const { topology, mistakes } = await checkTopology(text, { ...base, file: 't.yaml', ...options });
  expect(mistakes).toEqual([]);
  return topology!;
}

const topics = `topics:
  requests: { schema: [generation.requested, generation.cancelled], partitions: 12 }
  media: { schema: media.added }
  videos: { schema: video.completed, retention: 7d }
  jobs: { schema: job.changed, cleanup: compact }
  rejects: { schema: event.rejected }
`;
/** Eight lines of topics, then pipelines: the pipeline p starts on line 9. */
const withSteps = (steps: string, from = 'requests') =>
  `${topics}\npipelines:\n  p:\n    from: ${from}\n    steps: ${steps}\n`;

describe('topology.yaml as it ships', () => {
  const shipped = resolve(import.meta.dirname, '../../../topology.yaml');

  it('has no mistakes, and says what the two pipelines are', async () => {
    const topology = await readTopology(shipped, real);
    expect(topology.profile).toEqual({
      name: 'embedded',
      transport: { type: 'embedded', path: join(topology.folder, '.vimi') },
      objects: { type: 'files', path: join(topology.folder, '.vimi/objects') },
      search: { type: 'embedded', path: join(topology.folder, '.vimi/index') },
      work: join(topology.folder, '.vimi/work'),
      written: {},
    });
    expect(topology.mediaRoots).toEqual([topology.folder]);
    const [generate, corpus] = topology.pipelines;
    expect(generate).toMatchObject({
      name: 'generate',
      group: 'vimi-generate',
      from: 'requests',
      schemas: ['generation.requested', 'generation.cancelled'],
      to: [{ objects: 'videos/{job}-{digest}.mp4' }, { topic: 'videos', schema: 'video.completed' }],
      rejects: 'rejects',
    });
    expect(generate!.steps.map(({ name }) => name)).toEqual([
      'admit',
      'embed',
      'retrieve',
      'compose',
      'denoise',
      'encode',
    ]);
    expect(generate!.steps[2]).toMatchObject({ config: { mode: 'hybrid', k: 3 } });
    expect(corpus!.steps.map(({ name }) => name).join(' ')).toBe(
      'fetch recognise probe split filter caption embed retrieve compose deduplicate index shard',
    );
    expect(topology.topics.get('corpus')).toMatchObject({ cleanup: 'compact', schemas: ['corpus.document'] });
  });

  it('has a cluster profile that waits for its variables only when it is used', async () => {
    const env = {
      KAFKA_BROKERS: 'a:9092, b:9092',
      S3_ENDPOINT: 'https://s3',
      S3_ACCESS_KEY: '123456',
      S3_SECRET_KEY: 'k',
    };
    const topology = await readTopology(shipped, { ...real, env, profile: 'cluster' });
    expect(topology.profile.transport).toMatchObject({ type: 'kafka', brokers: ['a:9092', 'b:9092'] });
    expect(topology.profile.objects).toMatchObject({ bucket: 'vimi', access_key: '123456', secret_key: 'k' });

    const { mistakes } = await checkTopologyFile(shipped, { ...real, profile: 'cluster' });
    expect(mistakes.map(({ rule }) => rule)).toEqual(['environment', 'environment', 'environment', 'environment']);
    expect(mistakes[0]!.message).toBe('the environment has no KAFKA_BROKERS, and no default is given');
  });
});

describe('a file with ten mistakes', () => {
  it('has ten reported, each with its line and column', async () => {
    const file = join(import.meta.dirname, 'ten-mistakes.yaml');
    const { mistakes } = await checkTopologyFile(file, base);
    expect(mistakes.map((mistake) => mistakeLine({ ...mistake, file: 'ten.yaml' }))).toMatchInlineSnapshot(`
      [
        "ten.yaml:3:24 error unknown type of transport 'embeded'; did you mean 'embedded'?",
        "ten.yaml:7:23 error unknown schema 'generation.request'; did you mean 'generation.requested'?",
        "ten.yaml:8:38 error topic 'videos': unknown key 'partitons'; did you mean 'partitions'?",
        "ten.yaml:9:49 error topic 'rejects': retention: expected a whole number and one of s, m, h, d, w, such as 7d, found 'a week'",
        "ten.yaml:10:3 error the key 'videos' stands here a second time",
        "ten.yaml:14:7 error unknown step 'retreive'; did you mean 'retrieve'?",
        "ten.yaml:18:11 error unknown topic 'request'; did you mean 'requests'?",
        "ten.yaml:20:18 error step 'admit': unknown key 'max_frame'; did you mean 'max_frames'?",
        "ten.yaml:21:14 error unknown segment 'grounds'; did you mean 'ground'?",
        "ten.yaml:24:18 error pipeline 'generate': objects '../{job}.mp4': a key is relative and has no empty, '.' or '..' part",
      ]
    `);
    const error = await readTopology(file, base).catch((thrown) => thrown);
    expect(error).toBeInstanceOf(VimiError);
    expect(error.code).toBe('TOPOLOGY_INVALID');
    for (const mistake of mistakes) expect(error.message).toContain(mistakeLine(mistake));
  });
});

/** What is wrong, where: each case is a file and all that is said of it. */
const wrong: [name: string, text: string, expected: string[]][] = [
  ['an empty file', '', ["t.yaml:1:1 error this file is empty: expected 'topics' and 'pipelines'"]],
  ['comments alone', '# nothing\n', ["t.yaml:1:1 error this file is empty: expected 'topics' and 'pipelines'"]],
  [
    'a list',
    '- a',
    [
      't.yaml:1:1 error this file: expected a map of profiles, media_roots, media_hosts, model_hosts, webhook_hosts, models, topics, segments, pipelines, tests, found a list of 1',
    ],
  ],
  [
    'no profile',
    `profiles: {}\n${topics}pipelines: {}`,
    [
      "t.yaml:1:11 error 'profiles' is empty: name a profile, or leave 'profiles' out",
      't.yaml:8:12 error there is no pipeline: expected at least one',
    ],
  ],
  ['no pipeline', `${topics}pipelines: {}`, ['t.yaml:7:12 error there is no pipeline: expected at least one']],
  [
    'sections that are no maps, or are not there',
    'topics: 5\nprofiles: [a]',
    [
      "t.yaml:1:1 error missing 'pipelines': expected a map of pipelines by name",
      't.yaml:1:9 error expected a map of topics by name, found 5',
      't.yaml:2:11 error expected a map of profiles by name, found a list of 1',
    ],
  ],
  [
    'a section of a later version',
    `${withSteps('[admit]')}alerts: []\npipeline: {}\n`,
    [
      "t.yaml:12:1 error unknown key 'alerts': expected 'profiles', 'media_roots', 'media_hosts', 'model_hosts', 'webhook_hosts', 'models', 'topics', 'segments', 'pipelines', 'tests'",
      "t.yaml:13:1 error unknown key 'pipeline'; did you mean 'pipelines'?",
    ],
  ],
  [
    'profiles with all kinds of mistakes',
    `${withSteps('[admit]')}profiles:
  a: { transport: { type: kafka, session_timeout: 5s }, object: {}, search: { type: embedded, pth: x } }
  b: { transport: {}, objects: { type: s3, endpoint: x, bucket: ab }, search: [], media_roots: [], work: {} }
`,
    [
      "t.yaml:13:3 error profile 'a': missing objects: expected a map with a type",
      "t.yaml:13:19 error profile 'a': transport: missing brokers: expected text or a list",
      "t.yaml:13:51 error profile 'a': transport: session_timeout: expected 6s to 30m, found '5s'",
      "t.yaml:13:57 error unknown key 'object'; did you mean 'objects'?",
      "t.yaml:13:95 error profile 'a': search: unknown key 'pth'; did you mean 'path'?",
      "t.yaml:14:8 error profile 'b': transport: missing type: expected embedded or kafka",
      "t.yaml:14:54 error profile 'b': objects: endpoint: expected https://host or http://host, with a port if need be, found 'x'",
      "t.yaml:14:65 error profile 'b': objects: bucket: expected 3 to 63 small letters, digits, dashes and single dots, a letter or digit first and last, and no IP address, found 'ab'",
      "t.yaml:14:79 error profile 'b': search: expected a map with a type, found an empty list",
      "t.yaml:14:96 error profile 'b': media_roots: expected at least 1 entries, found an empty list",
      "t.yaml:14:106 error profile 'b': work: expected text, found a map",
    ],
  ],
  [
    'topics with all kinds of mistakes',
    `${withSteps('[admit]')}`.replace(
      'topics:\n',
      'topics:\n  9x: { schema: media.added }\n  a: { partitions: 0, cleanup: compactt }\n  b: { schema: [], retention: 7d, cleanup: compact }\n  c: { schema: [media.added, media.added] }\n  d:\n',
    ),
    [
      "t.yaml:2:3 error the name of a topic is a letter, then at most 62 letters, digits, dots, dashes or underscores: found '9x'",
      "t.yaml:3:3 error topic 'a': missing schema: expected what the topic carries",
      "t.yaml:3:20 error topic 'a': partitions: expected at least 1, found 0",
      "t.yaml:3:32 error topic 'a': cleanup: expected \"delete\" or \"compact\", found 'compactt'; did you mean 'compact'?",
      "t.yaml:4:16 error topic 'b': schema: expected at least one",
      "t.yaml:4:20 error topic 'b': retention does nothing where cleanup is compact: leave it out",
      "t.yaml:5:30 error topic 'c': the schema 'media.added' is listed twice",
      "t.yaml:6:5 error topic 'd': expected an object, found nothing",
    ],
  ],
  [
    'steps that are written wrongly',
    withSteps(`
      - 5
      - {}
      - retrieve: {}
        embed: {}
      - ./mine.js
      - use: [ground]
      - use: embed
      - use: nothing
        wih: {}
      - retrieve: [k, 3]
`),
    [
      "t.yaml:12:9 error pipeline 'p': a step is a name, or a map of one name: found 5",
      "t.yaml:13:9 error pipeline 'p': a step is a name, or a map of one name: found a map",
      "t.yaml:15:9 error pipeline 'p': a step names one operator: found 'retrieve', 'embed'; give each its own dash, and indent its settings below it",
      't.yaml:16:9 error a custom operator is written { use: ./mine.js, with: { ... } }',
      "t.yaml:17:14 error pipeline 'p': use: expected the name of a segment or ./file.js, found a list of 1",
      "t.yaml:18:14 error 'embed' is an operator, not a segment: write it without 'use'",
      "t.yaml:19:14 error unknown segment 'nothing'",
      "t.yaml:20:9 error unknown key 'wih'; did you mean 'with'?",
      "t.yaml:21:19 error step 'retrieve': expected an object, found a list of 2",
    ],
  ],
  [
    'settings out of range, within each other',
    withSteps('[admit, embed, { retrieve: { mode: hybird, k: 3.5, min_score: 2, weights: { txt: 1, image: high } } }]'),
    [
      't.yaml:11:47 error step \'retrieve\': mode: expected "lexical" or "dense" or "hybrid", found \'hybird\'; did you mean \'hybrid\'?',
      "t.yaml:11:58 error step 'retrieve': k: expected a whole number, found 3.5",
      "t.yaml:11:74 error step 'retrieve': min_score: expected at most 1, found 2",
      "t.yaml:11:88 error step 'retrieve': unknown key 'txt'; did you mean 'text'?",
      "t.yaml:11:103 error step 'retrieve': weights.image: expected a number, found 'high'",
    ],
  ],
  [
    'steps in the wrong order',
    withSteps('[admit, retrieve, embed, compose]'),
    [
      "t.yaml:11:20 error in pipeline 'p' the step 'retrieve' needs 'embeddings', which no step before it adds: put 'embed' before it",
    ],
  ],
  [
    'a pipeline on the wrong topic',
    withSteps('[fetch, probe]', 'requests'),
    [
      "t.yaml:11:13 error in pipeline 'p' the step 'fetch' needs 'media', which no step before it adds: 'fetch' is for topics that carry media.added",
    ],
  ],
  [
    'a segment in two pipelines, of which one lacks what it needs',
    `${withSteps('[admit, embed, { use: s }]')}  q: { from: media, steps: [fetch, { use: s }] }\nsegments:\n  s: [retrieve]\n`,
    [
      "t.yaml:14:7 error in pipeline 'q' the step 'retrieve' needs 'query', which no step before it adds: put 'admit' or 'caption' before it",
      "t.yaml:14:7 error in pipeline 'q' the step 'retrieve' needs 'embeddings', which no step before it adds: put 'embed' before it",
    ],
  ],
  [
    'segments that use each other, or themselves',
    `${withSteps('[admit, { use: a }]')}segments:\n  a: [embed, { use: b }]\n  b: [{ use: c }]\n  c: [{ use: a }]\n  d: [{ use: d }]\n`,
    [
      't.yaml:13:3 error segments use each other in a circle: a → b → c → a',
      't.yaml:16:3 error segments use each other in a circle: d → d',
    ],
  ],
  [
    'segments that nobody uses',
    `${withSteps('[admit]')}segments:\n  a: [embd]\n  b: 7\n  c: []\n`,
    [
      "t.yaml:13:7 error unknown step 'embd'; did you mean 'embed'?",
      "t.yaml:14:6 error segment 'b': expected a list of steps, found 7",
      "t.yaml:15:6 error segment 'c': expected at least one step",
    ],
  ],
  [
    'a segment named as if it were an operator',
    `${withSteps('[admit, ground]')}segments:\n  ground: [embed]\n`,
    ["t.yaml:11:20 error 'ground' is a segment: write { use: ground }"],
  ],
  [
    'pipelines with all kinds of mistakes',
    `${topics}pipelines:
  a: { frm: requests, steps: [admit] }
  b: { from: request, steps: [admit], max_in_flight: 0 }
  c: { from: requests, rejects: jobs }
  d: { from: requests, steps: [admit], rejects: reject }
  e: [admit]
`,
    [
      "t.yaml:8:6 error pipeline 'a': missing from: expected text",
      "t.yaml:8:8 error pipeline 'a': unknown key 'frm'; did you mean 'from'?",
      "t.yaml:9:14 error unknown topic 'request'; did you mean 'requests'?",
      "t.yaml:9:54 error pipeline 'b': max_in_flight: expected at least 1, found 0",
      "t.yaml:10:3 error pipeline 'c': missing steps: expected a list of steps",
      "t.yaml:10:33 error pipeline 'c': the topic 'jobs' carries job.changed: expected one that carries event.rejected",
      "t.yaml:11:49 error unknown topic 'reject'; did you mean 'rejects'?",
      "t.yaml:12:6 error pipeline 'e': expected an object, found a list of 1",
    ],
  ],
  [
    'a key by the name that it had before',
    `${topics}pipelines:\n  p:\n    from: requests\n    window: 16\n    steps: [admit]\n`,
    ["t.yaml:10:5 error pipeline 'p': 'window' is now called 'max_in_flight'"],
  ],
  [
    'two pipelines of one group',
    `${withSteps('[admit]')}  q: { from: requests, steps: [admit], group: vimi-p }\n`,
    ["t.yaml:12:3 error pipelines 'p' and 'q' share one group: each needs its own"],
  ],
  [
    'no topic for rejects',
    withSteps('[admit]').replace(/ {2}rejects.*\n/, ''),
    [
      "t.yaml:8:3 error pipeline 'p': dead letters (rejected events) have no topic: declare one, rejects: { schema: event.rejected }, or say rejects: false",
    ],
  ],
  [
    'sinks without a product',
    `${withSteps('[admit]')}    to: [{ objects: "x/{job}" }, { topic: videos }]\n`,
    [
      "t.yaml:12:12 error pipeline 'p': this sink needs a product, which no step of the pipeline adds",
      "t.yaml:12:36 error pipeline 'p': this sink needs a product, which no step of the pipeline adds",
    ],
  ],
  [
    'sinks with all kinds of mistakes',
    `${withSteps('[admit, embed, retrieve, compose, denoise, encode]')}    to:
      - objects: videos/out.mp4
      - objects: "{jb}/{shard} .mp4"
      - { topic: videos, objects: "{job}" }
      - { topik: videos }
      - topic: jobs
      - topic: video
      - topic: 5
`,
    [
      "t.yaml:13:18 error pipeline 'p': objects 'videos/out.mp4': expected at least one {field}, or each product would replace the last",
      "t.yaml:14:9 error pipeline 'p': products go to one place among the objects: a second is listed here",
      "t.yaml:14:18 error pipeline 'p': objects '{jb}/{shard} .mp4': a key has letters, digits, dot, dash, underscore, slash and {fields} alone",
      "t.yaml:14:18 error pipeline 'p': objects '{jb}/{shard} .mp4': a key begins with a folder of its own, such as videos/: a field there would choose the folder",
      "t.yaml:14:18 error unknown field 'jb'; did you mean 'job'?",
      "t.yaml:14:18 error unknown field 'shard': expected 'job'",
      "t.yaml:15:9 error pipeline 'p': a sink is either { objects: PATTERN } or { topic: NAME }",
      "t.yaml:16:9 error pipeline 'p': a sink is either { objects: PATTERN } or { topic: NAME }",
      "t.yaml:16:11 error unknown key 'topik'; did you mean 'topic'?",
      "t.yaml:17:16 error pipeline 'p': the topic 'jobs' carries job.changed, but the product is video.completed",
      "t.yaml:18:16 error unknown topic 'video'; did you mean 'videos'?",
      "t.yaml:19:16 error pipeline 'p': topic: expected text, found 5",
    ],
  ],
  [
    'settings that name topics which are not there, or carry something else',
    `${withSteps('[admit, embed, retrieve, compose, denoise, { denoise: { jobs: job } }, { denoise: { jobs: media } }]')}`.replace(
      '  jobs: { schema: job.changed, cleanup: compact }\n',
      '',
    ),
    [
      "t.yaml:10:46 error step 'denoise': jobs: there is no topic 'jobs': declare one that carries job.changed",
      "t.yaml:10:74 error step 'denoise': jobs: there is no topic 'job': declare one that carries job.changed",
      "t.yaml:10:102 error step 'denoise': jobs: the topic 'media' does not carry job.changed",
    ],
  ],
  [
    'two topics that the search index could be made from',
    `${topics.replace('  rejects:', '  corpus: { schema: corpus.document }\n  c2: { schema: [corpus.document, media.added] }\n  rejects:')}\npipelines:\n  p: { from: media, steps: [fetch] }\n`,
    ["t.yaml:7:3 error topic 'c2': carries corpus.document, as 'corpus' does: the search index is made from one topic"],
  ],
  [
    'an event that names an object, and no object',
    `${withSteps('[admit, embed, retrieve, compose, denoise, encode]')}    to: { topic: videos }\n`,
    ["t.yaml:12:9 error pipeline 'p': video.completed names an object: add a sink { objects: PATTERN }"],
  ],
];

describe('every mistake is said, where it stands', () => {
  it.each(wrong)('%s', async (_name, text, expected) => {
    expect(await lines(text)).toEqual(expected);
  });
});

describe('YAML itself', () => {
  it('is reported with its place where it is broken', async () => {
    const [first] = await lines('topics:\n  a: { schema: media.added\n  b: [1\n');
    expect(first).toMatch(/^t\.yaml:\d+:\d+ error /);
    expect((await lines('topics: {}\n---\npipelines: {}')).join()).toMatch(/t\.yaml:2:1 error .*multiple documents/);
    expect((await lines('topics: !!js/function x\npipelines: {}')).join()).toMatch(/t\.yaml:1:9 error .*tag/);
    expect((await lines('topics: *nowhere\npipelines: {}')).join()).toMatch(/t\.yaml:1:9 error .*nowhere/);
    expect((await lines('? [a]\n: 1')).join()).toContain('t.yaml:1:3 error a key must be a plain name');
    expect((await lines('topics: \ue041')).join()).toContain('private use');
  });

  it('tells one duplicate key and goes on to the other mistakes', async () => {
    expect(await lines(`${withSteps('[admt]')}    steps: [admit]\n`)).toEqual([
      "t.yaml:11:13 error unknown step 'admt'; did you mean 'admit'?",
      "t.yaml:12:5 error the key 'steps' stands here a second time",
    ]);
  });

  it('may use anchors, within bounds', async () => {
    const shared = `${topics}segments: { s: &steps [admit, embed] }\npipelines: { p: { from: requests, steps: *steps } }`;
    expect((await read(shared)).pipelines[0]!.steps.map(({ name }) => name)).toEqual(['admit', 'embed']);

    const laughs = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${Array(9).fill(`*l${i}`).join(', ')}]`);
    expect((await lines(`l0: &l0 ha\n${laughs.join('\n')}`)).join()).toContain(
      'too many values: expected at most 20000',
    );
    expect((await lines('topics: &t [*t]')).join()).toMatch(/nested too deeply|too many values/);
  });

  it('is refused when it is too large or too deep', async () => {
    expect(await lines(`# ${'x'.repeat(256 * 1024)}`)).toEqual([
      't.yaml:1:1 error this file is too large: expected at most 262144 bytes',
    ]);
    expect((await lines(`a: ${'['.repeat(40)}${']'.repeat(40)}`)).join()).toContain('nested too deeply');
    expect((await lines('['.repeat(100_000))).join()).toMatch(/^t\.yaml:1:\d+ error nested too deeply$/);
  });

  it('is read in linear time, however many keys, anchors and segments it has', async () => {
    const many = (line: (i: number) => string) => Array.from({ length: 6000 }, (_, i) => line(i)).join('\n');
    expect(await lines(many((i) => `k${i}: &a${i} 1`))).toHaveLength(6002);
    expect((await lines(`a: &a 1\nb: [${Array(19_990).fill('*a').join(', ')}]`)).length).toBeGreaterThan(0);
    expect((await lines(`segments:\n${many((i) => `  s${i}: [{ use: s${i + 1} }]`)}`)).join()).toContain(
      'too many segments',
    );
    const chain = Array.from({ length: 1000 }, (_, i) => `  s${i}: [{ use: s${i + 1} }]`).join('\n');
    expect((await lines(`${withSteps('[{ use: s0 }]')}segments:\n${chain}`)).join()).toContain('too many segments');
  });

  it('cannot speak to the terminal', async () => {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
    const control = /[\u0000-\u001f]/;
    for (const line of await lines('"\\e[2J\\n": 1\ntopics: "\\e[2J"\nsegments: { "\\e": [ "\\e" ] }'))
      expect(line).not.toMatch(control);
  });

  it('gives mistakes, never an exception, whatever is changed in the file that ships', async () => {
    const shipped = readFileSync(resolve(import.meta.dirname, '../../../topology.yaml'), 'utf8');
    const snippets = fc.constantFrom(
      '',
      ' ',
      '\n',
      ':',
      '- ',
      '{',
      '}',
      '[',
      ']',
      '"',
      '&a ',
      '*a',
      '!!x ',
      '${X',
      '${A}',
      '\t',
      '~',
      '5',
      '|',
      '? ',
      '\u0000',
      'use: ground',
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.nat(shipped.length), fc.nat(12), snippets), { minLength: 1, maxLength: 4 }),
        async (changes) => {
          let text = shipped;
          for (const [at, length, snippet] of changes) text = text.slice(0, at) + snippet + text.slice(at + length);
          const { topology, mistakes } = await checkTopology(text, { ...real, file: 't.yaml' });
          expect(topology === undefined).toBe(mistakes.length > 0);
          const last = text.split('\n').length;
          for (const { line, column, message } of mistakes) {
            expect(line).toBeGreaterThanOrEqual(1);
            expect(line).toBeLessThanOrEqual(last);
            expect(column).toBeGreaterThanOrEqual(1);
            expect(message).not.toMatch(/[\ue000-\ue0ff]/);
          }
        },
      ),
      { numRuns: 100 },
    );
  });

  it('cannot unfold segments without bound', async () => {
    const levels = Array.from({ length: 12 }, (_, i) => `  s${i + 1}: [${Array(9).fill(`{ use: s${i} }`).join(', ')}]`);
    const text = `${withSteps('[admit, { use: s12 }]')}segments:\n  s0: [embed]\n${levels.join('\n')}\n`;
    expect(await lines(text)).toEqual([
      "t.yaml:11:5 error pipeline 'p': more than 200 steps when its segments are unfolded",
    ]);
  });
});

describe('the environment', () => {
  const env = { MODEL: 'large', K: '7', TAG: '0042', EMPTY: '', SECRET: 'hunter2', PORT: '9092' };

  it('gives values of the type that YAML, or the setting, wants', async () => {
    const steps =
      '[admit, embed, { retrieve: { k: ${K}, tag: ${TAG}, mode: "${MODE:-dense}" } }, compose, { denoise: { model: "${MODEL}-${EMPTY:-x}" } }]';
    const { pipelines } = await read(withSteps(steps), { env });
    expect(pipelines[0]!.steps[2]!.config).toMatchObject({ k: 7, tag: '0042', mode: 'dense' });
    expect(pipelines[0]!.steps[4]!.config).toEqual({ model: 'large-x', jobs: 'jobs' });
  });

  it('can neither write YAML nor be read twice', async () => {
    const { pipelines } = await read(withSteps('[admit, embed, { retrieve: { tag: ${TAG} } }]'), {
      env: { TAG: 'x, k: 9 } # ${K}' },
    });
    expect(pipelines[0]!.steps[2]!.config).toMatchObject({ tag: 'x, k: 9 } # ${K}', k: 3 });
  });

  it('names what is not set, once a place, and nothing more', async () => {
    expect(
      await lines(withSteps('[admit, embed, { retrieve: { k: ${NOPE}, tag: a${NOPE}b, mode: ${MODE:-} } }]')),
    ).toEqual([
      't.yaml:11:44 error the environment has no NOPE, and no default is given',
      't.yaml:11:58 error the environment has no NOPE, and no default is given',
      't.yaml:11:75 error step \'retrieve\': mode: expected "lexical" or "dense" or "hybrid", found ${MODE:-}',
    ]);
  });

  it('is told when a variable cannot be read', async () => {
    expect(await lines(withSteps('[admit, embed, { retrieve: { tag: "${1X}" } }]'))).toEqual([
      "t.yaml:11:46 error '${1X}' cannot be read: expected ${NAME}, ${NAME:-default} or ${file:PATH}",
    ]);
  });

  it('never shows its values', async () => {
    const text = `profiles:
  a: { transport: { type: "\${SECRET}" }, objects: { type: s3, endpoint: e, bucket: "\${SECRET}", secret_key: [ "\${SECRET}" ] }, search: "\${SECRET}" }
media_roots: \${SECRET}
topics: { t: { schema: "\${SECRET}", partitions: \${SECRET}, retention: \${SECRET} }, r: { schema: event.rejected }, m: { schema: media.added } }
segments: { s: \${SECRET} }
pipelines:
  p: { from: \${SECRET}, steps: [ "\${SECRET}", { use: "\${SECRET}" }, { retrieve: { k: \${SECRET}, mode: "\${SECRET}" } } ], to: [ { topic: "\${SECRET}" }, { objects: "/\${SECRET}/" } ], group: "/\${SECRET}", rejects: "\${SECRET}" }
  q: { from: m, steps: \${SECRET} }
`;
    const { mistakes } = await checkTopology(text, { ...base, env, file: 't.yaml' });
    expect(mistakes.length).toBeGreaterThan(15);
    expect(JSON.stringify(mistakes)).not.toContain('hunter2');
  });

  it('stands by its names in the outline', async () => {
    const sinks = '    to: [{ objects: "${SECRET}/{job}.mp4" }, { topic: videos }]\n';
    const topology = await read(`${withSteps('[admit, embed, retrieve, compose, denoise, encode]')}${sinks}`, { env });
    expect(topology.pipelines[0]!.to[0]).toEqual({ objects: 'hunter2/{job}.mp4' });
    expect(JSON.stringify(topology.outline)).not.toContain('hunter2');
  });
});

describe('profiles', () => {
  const text = `profiles:
  one: { transport: { type: embedded, path: data }, objects: { type: files, path: /abs }, search: { type: embedded }, work: /fast/work, media_roots: [m] }
  two: { transport: { type: kafka, brokers: [a:1, b:2], session_timeout: 2m }, objects: { type: files }, search: { type: embedded } }
media_roots: [x, /y]
${withSteps('[admit]')}`;

  it('have paths from the folder of the file, and media roots of their own', async () => {
    const one = await read(text, { file: '/srv/team/t.yaml' });
    expect(one.profile).toMatchObject({
      name: 'one',
      transport: { path: '/srv/team/data' },
      objects: { path: '/abs' },
      work: '/fast/work',
    });
    expect(one.mediaRoots).toEqual(['/srv/team/m']);
    const two = await read(text, { file: '/srv/team/t.yaml', profile: 'two' });
    expect(two.profile.transport).toMatchObject({
      type: 'kafka',
      brokers: ['a:1', 'b:2'],
      tls: false,
      session_timeout: 120_000,
    });
    expect(two.profile.work).toBe('/srv/team/.vimi/work');
    expect(two.mediaRoots).toEqual(['/srv/team/x', '/y']);
  });

  it('are chosen by name', async () => {
    expect(await lines(text, { profile: 'tow' })).toEqual([
      "t.yaml:2:3 error unknown profile 'tow'; did you mean 'two'?",
    ]);
  });

  it('need not be there', async () => {
    const { profile, mediaRoots } = await read(withSteps('[admit]'), { file: '/srv/t.yaml' });
    expect(profile).toMatchObject({ name: 'embedded', transport: { type: 'embedded', path: '/srv/.vimi' } });
    expect(mediaRoots).toEqual(['/srv']);
  });
});

describe('pipelines', () => {
  it('name a second step of one operator with a number', async () => {
    const { pipelines } = await read(withSteps('[admit, embed, retrieve, embed, { retrieve: { k: 1 } }]'));
    expect(pipelines[0]!.steps.map(({ name }) => name)).toEqual([
      'admit',
      'embed',
      'retrieve',
      'embed-2',
      'retrieve-2',
    ]);
  });

  it('have one topic for what their steps publish of a kind, each pipeline its own', async () => {
    const two = topics.replace('  rejects:', '  jobs-2: { schema: job.changed, cleanup: compact }\n  rejects:');
    const steps = (first: string, second: string) =>
      `[admit, embed, retrieve, compose, { denoise: { jobs: ${first} } }, { denoise: { jobs: ${second} } }]`;
    const pipeline = (name: string, list: string) =>
      `  ${name}:\n    from: requests\n    rejects: rejects\n    steps: ${list}\n`;
    const text = (list: string, other: string) => `${two}\npipelines:\n${pipeline('p', list)}${pipeline('q', other)}`;
    expect(await lines(text(steps('jobs', 'jobs-2'), steps('jobs', 'jobs')))).toEqual([
      "t.yaml:13:94 error step 'denoise': jobs: expected the topic 'jobs', which the step 'denoise' names, found 'jobs-2': all steps of a pipeline publish job.changed to one topic",
    ]);
    const { pipelines } = await read(text(steps('jobs', 'jobs'), steps('jobs-2', 'jobs-2')));
    expect(pipelines.map((one) => stepTopic(one, 'job.changed'))).toEqual(['jobs', 'jobs-2']);
    expect(stepTopic(pipelines[0]!, 'media.settled')).toBeUndefined();
  });

  it('may have no rejects, if they say so', async () => {
    expect((await read(`${withSteps('[admit]')}    rejects: false\n`)).pipelines[0]!.rejects).toBeNull();
  });

  it('keep times in milliseconds', async () => {
    expect((await read(withSteps('[admit]'))).topics.get('videos')).toEqual({
      name: 'videos',
      schemas: ['video.completed'],
      partitions: 4,
      cleanup: 'delete',
      retentionMs: 604_800_000,
    });
  });
});

describe('custom operators', () => {
  let folder: string;
  const zod = pathToFileURL(resolve(import.meta.dirname, '../../../node_modules/zod/index.js')).href;
  const source = (name: string, exported: string) => `import { z } from ${JSON.stringify(zod)};
const operator = {
  name: '${name}', summary: 'Writes in capitals.', contract: {}, example: '- ${name}', needs: ['query'], adds: [],
  config: z.strictObject({ times: z.number().default(1).describe('x') }),
  create: () => ({ step: (source) => source }),
};
export ${exported};
`;

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'vimi-topology-'));
    mkdirSync(join(folder, 'team'));
    mkdirSync(join(folder, 'team/steps'));
    writeFileSync(join(folder, 'outside.mjs'), source('outside', 'default operator'));
    writeFileSync(join(folder, 'team/shout.mjs'), source('shout', 'default operator'));
    writeFileSync(join(folder, 'team/steps/whisper.mjs'), source('whisper', '{ operator }'));
    writeFileSync(join(folder, 'team/empty.mjs'), 'export const other = 1;');
    writeFileSync(join(folder, 'team/odd.mjs'), 'export default { name: 5, config: {}, needs: [1], create: 2 };');
    writeFileSync(join(folder, 'team/thrower.mjs'), "throw new Error('no such luck');");
    writeFileSync(join(folder, 'team/needy.mjs'), "import 'no-such-package';");
    writeFileSync(join(folder, 'team/text.txt'), '');
    symlinkSync(join(folder, 'outside.mjs'), join(folder, 'team/link.mjs'));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('are loaded from the folder of the topology, with their settings', async () => {
    const text = withSteps('[admit, { use: ./shout.mjs, with: { times: 3 } }, { use: ./steps/whisper.mjs }]');
    const { pipelines } = await read(text, { file: join(folder, 'team/t.yaml') });
    expect(pipelines[0]!.steps.map(({ name, config }) => [name, config])).toEqual([
      ['admit', { max_frames: 64 }],
      ['shout', { times: 3 }],
      ['whisper', { times: 1 }],
    ]);
  });

  it.each([
    ['./shout.mjs, with: { time: 3 }', "11:41 error step 'shout': unknown key 'time'; did you mean 'times'?"],
    ['./nowhere.mjs', "11:20 error the operator './nowhere.mjs': there is no such file"],
    ['../outside.mjs', "11:20 error the operator '../outside.mjs': it must lie under the topology's folder"],
    ['./link.mjs', "11:20 error the operator './link.mjs': it must lie under the topology's folder"],
    ['/etc/passwd', '11:20 error the operator '],
    [
      './text.txt',
      "11:20 error the operator './text.txt': expected a module of JavaScript or TypeScript: .js, .mjs, .ts or .mts",
    ],
    ['./empty.mjs', "11:20 error the operator './empty.mjs': it exports no operator"],
    ['./thrower.mjs', "11:20 error the operator './thrower.mjs': it cannot be loaded: no such luck"],
    ['./needy.mjs', 'run npm install in its project'],
    [
      './odd.mjs',
      'name must be a verb in small letters, summary must be text, config must be an object schema of zod 4, needs must be a list of names, adds must be a list of names, create must be a function; make it with defineOperator',
    ],
  ])('%s is refused', async (use, expected) => {
    const said = await lines(withSteps(`[{ use: ${use} }]`), { file: join(folder, 'team/t.yaml') });
    expect(said.join('\n')).toContain(expected);
  });
});

describe('the file', () => {
  it('is told apart when it is not there, and when it is no text', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vimi-topology-'));
    try {
      const error = await readTopology(join(folder, 'topology.yaml'), base).catch((thrown) => thrown);
      expect(error.code).toBe('TOPOLOGY_NOT_FOUND');
      writeFileSync(join(folder, 'topology.yaml'), Buffer.from([0xff, 0xfe, 0x00]));
      const { mistakes } = await checkTopologyFile(join(folder, 'topology.yaml'), base);
      expect(mistakes.map(({ message }) => message)).toEqual(['this file is not text in UTF-8']);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('servers that steps call', () => {
  const media = (server: string) =>
    withSteps(
      `[fetch, probe, split, { caption: { from: [given, { server: { name: looker, url: ${server} } }] } }]`,
      'media',
    );
  const steps = (server: string, hosts: string, env = {}) =>
    lines(`${media(server)}model_hosts: ${hosts}\n`, { ...real, env });

  it('have hosts that the topology allows', async () => {
    expect(await steps('"http://looker.internal:8000/caption"', '["looker.internal:8000"]')).toEqual([]);
    expect(await steps('"https://a.models.example/x"', '["*.models.example"]')).toEqual([]);
    expect(await steps('"http://10.0.0.5:8000"', '["10.0.0.5:8000"]')).toEqual([]);
    for (const [server, hosts] of [
      ['http://looker.internal:8000/caption', '[looker.internal]'],
      ['http://looker.internal.evil.example/', '[looker.internal]'],
      ['http://10.0.0.5/', '[]'],
    ])
      expect(await steps(`"${server}"`, hosts!)).toEqual([
        `t.yaml:11:36 error in pipeline 'p' the step 'caption' calls '${server}', whose host is not in model_hosts: add it there`,
      ]);
  });

  it('are addresses of http without secrets in them, and those from the environment are named by their variable', async () => {
    for (const server of ['looker:8000', 'ftp://looker/', 'http://u:p@looker/', 'file:///etc/passwd'])
      expect((await steps(`"${server}"`, '[looker]')).join()).toContain(
        'expected http:// or https://, a host of model_hosts',
      );
    const text = (await steps('"${LOOKER}"', '[x]', { LOOKER: 'http://hidden.example/q' })).join();
    expect(text).toContain("calls '${LOOKER}'");
    expect(text).not.toContain('hidden');
  });
});
