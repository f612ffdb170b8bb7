// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a topology takes values from the environment so.
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { Ajv } from 'ajv';
import { afterAll, describe, expect, it } from 'vitest';
import { parseDocument } from 'yaml';
import { writeDemoTopology } from '../../../src/cli/commands/demo-topology.js';
import { init } from '../../../src/cli/commands/init.js';
import { operators } from '../../../src/operators/index.js';
import { testFileSchema, topologySchema } from '../../../src/streams/topology/json-schema.js';
import { checkTopology } from '../../../src/streams/topology/read-topology.js';
import { schemaFile, testSchemaFile, withSchemaLine } from '../../../src/streams/topology/schema-line.js';

const root = resolve(import.meta.dirname, '../../..');
const folder = mkdtempSync(join(tmpdir(), 'vimi-schema-'));
afterAll(() => rmSync(folder, { recursive: true }));

const compile = (schema: object) =>
  new Ajv({ strict: true, strictTypes: false, strictRequired: false, allErrors: true }).compile(schema);
const ofTopology = compile(topologySchema(operators));
const ofTests = compile(testFileSchema());

/** As an editor reads it: plain YAML, which knows nothing of `${NAME}`. */
function faults(text: string, validate = ofTopology): string[] {
  const document = parseDocument(text);
  if (document.errors.length > 0) return document.errors.map(({ message }) => message);
  return validate(document.toJS())
    ? []
    : validate.errors!.map(({ instancePath, message }) => `${instancePath} ${message}`);
}

const read = (path: string) => readFileSync(join(root, path), 'utf8');
const shipped = read('topology.yaml');
const testFiles = readdirSync(root).filter((name) => name.endsWith('.test.yaml'));
const examples = readdirSync(join(root, 'examples'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.yaml'))
  .map((name) => `examples/${name}`)
  .filter((path) => /^pipelines:/m.test(read(path)));
const topics = `topics:
  requests: { schema: generation.requested, partitions: "\${PARTITIONS:-4}" }
  media: { schema: media.added, retention: 7d }
  jobs: { schema: job.changed, cleanup: compact }
  rejects: { schema: [event.rejected, reject.dismissed] }
`;
const withSteps = (steps: string) => `${topics}pipelines:\n  p:\n    from: requests\n    steps: ${steps}\n`;

describe('the JSON Schema of a topology takes', () => {
  it.each(['topology.yaml', ...examples])('%s', (path) => {
    expect(faults(read(path))).toEqual([]);
  });

  it('the topology of the demo', async () => {
    expect(faults(readFileSync(await writeDemoTopology(join(folder, 'demo')), 'utf8'))).toEqual([]);
  });

  it.each(operators.map(({ name, example }) => [name, example]))('the example of %s', (_name, example) => {
    expect(faults(withSteps(`\n      ${example.trimEnd().replaceAll('\n', '\n      ')}`))).toEqual([]);
  });

  it.each(testFiles)('and that of tests %s', (path) => {
    expect(faults(read(path), ofTests)).toEqual([]);
  });

  it.each([
    ['values from the environment, wherever they stand', withSteps('[{ retrieve: { k: "${K}", mode: "${MODE}" } }]')],
    [
      'custom operators, with settings of their own',
      withSteps('[admit, { use: ./x.js, with: { any: [1, { thing: y }] } }]'),
    ],
    ['a custom operator without settings', withSteps('[{ use: ../operators/x.ts }]')],
    ['settings that are left empty', withSteps('\n      - admit:\n      - embed: {}')],
    ['one sink that is no list', `${withSteps('[admit]')}    to: { topic: media }\n`],
    ['no rejects', `${withSteps('[admit]')}    rejects: false\n`],
  ])('%s', async (_name, text) => {
    expect(faults(text)).toEqual([]);
  });
});

describe('the JSON Schema of a topology refuses, as the reader does,', () => {
  it.each<[string, string, RegExp]>([
    ['a section that there is not', shipped.replace(/^topics:/m, 'topicz:'), /additional properties/],
    ['no pipelines', topics, /required property 'pipelines'/],
    ['a pipeline without steps', `${topics}pipelines:\n  p: { from: requests }\n`, /required property 'steps'/],
    [
      'the old name of max_in_flight',
      shipped.replace('max_in_flight:', 'window:'),
      /generate must NOT have additional/,
    ],
    ['too few in flight', shipped.replace('max_in_flight: 32', 'max_in_flight: 0'), /max_in_flight must be >= 1/],
    ['an unknown operator', withSteps('[admit, retreive]'), /steps\/1 must be equal/],
    ['an unknown setting', withSteps('[{ retrieve: { kk: 3 } }]'), /retrieve must NOT have additional/],
    ['a setting out of its range', withSteps('[{ retrieve: { k: 1000 } }]'), /retrieve\/k must be <= /],
    ['a word that is no choice', withSteps('[{ retrieve: { mode: hybird } }]'), /retrieve\/mode must be equal/],
    ['two operators in one step', withSteps('[{ admit: {}, embed: {} }]'), /must NOT have more than 1 properties/],
    ['settings for a segment', withSteps('[{ use: ground, with: {} }]'), /steps\/0 must NOT have additional/],
    [
      'a schema that there is not',
      shipped.replace('schema: media.added', 'schema: media.adding'),
      /media\/schema must be/,
    ],
    [
      'a time that is none',
      shipped.replace('cleanup: compact }', 'cleanup: compact, retention: 7 days }'),
      /retention must match/,
    ],
    [
      'a type of transport that there is not',
      shipped.replace('type: kafka', 'type: kafkaa'),
      /transport\/type must be/,
    ],
    [
      'a sink of two kinds',
      shipped.replace('- topic: videos', '- { topic: videos, objects: "a/{job}" }'),
      /to\/1 must NOT have/,
    ],
  ])('%s', async (_name, text, fault) => {
    expect(faults(text).join('\n')).toMatch(fault);
    const surroundings = { file: join(root, 't.yaml'), env: {}, operators };
    expect((await checkTopology(text, surroundings)).mistakes).not.toEqual([]);
  });
});

describe('the JSON Schema of tests refuses', () => {
  const test = (settings: string) => `tests: { t: { input: { generate: [{ prompt: a }] }, ${settings} } }`;
  it.each([
    ['another section', 'topics: {}', /must NOT have additional/],
    ['a test without input', 'tests: { t: { expect: {} } }', /required property 'input'/],
    ['an unknown key', test('expect: {}, inputs: {}'), /t must NOT have additional/],
    ['an outcome that is none', test('expect: { outcomes: { generate: [done] } }'), /generate\/0 must be equal/],
    ['a moment that is none', test('expect: {}, now: noon'), /now must match/],
    ['a time that is none', test('expect: {}, replace: { denoise: { takes: 5 } }'), /takes must be string/],
  ])('%s', (_name, text, fault) => {
    expect(faults(test('expect: {}'), ofTests)).toEqual([]);
    expect(faults(text, ofTests).join('\n')).toMatch(fault);
  });
});

describe('the line that names it for editors', () => {
  const named = (text: string) => /^# yaml-language-server: \$schema=(\S+)\n/.exec(text)?.[1] ?? expect.fail('no line');

  it.each(['topology.yaml', ...testFiles, ...examples])('is the first of %s, and leads to it', (path) => {
    expect(existsSync(join(root, dirname(path), named(read(path))))).toBe(true);
  });

  it('leads into node_modules in a new project', async () => {
    const silent = { write: () => true } as unknown as NodeJS.WritableStream;
    await init(join(folder, 'project'), {}, silent);
    const text = readFileSync(join(folder, 'project/topology.yaml'), 'utf8');
    expect(named(text)).toBe(`./node_modules/vimi/${schemaFile}`);
    expect(faults(text)).toEqual([]);
    const tests = readFileSync(join(folder, 'project/topology.test.yaml'), 'utf8');
    expect(named(tests)).toBe(`./node_modules/vimi/${testSchemaFile}`);
  });

  it('leads to the package that is installed above the folder', () => {
    mkdirSync(join(folder, 'team/node_modules/vimi'), { recursive: true });
    const installed = `${join(folder, 'team/node_modules/vimi')}/`;
    const at = (below: string) => named(withSchemaLine(shipped, join(folder, below), installed));
    expect(at('team')).toBe(`./node_modules/vimi/${schemaFile}`);
    expect(at('team/streams/video')).toBe(`../../node_modules/vimi/${schemaFile}`);
    expect(at('elsewhere')).toBe(`./node_modules/vimi/${schemaFile}`);
  });
});
