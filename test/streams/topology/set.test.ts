// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a topology takes values from the environment so.
import { resolve } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { operators } from '../../../src/operators/index.js';
import { mistakeLine } from '../../../src/streams/topology/mistake.js';
import { checkTopology, checkTopologyFile } from '../../../src/streams/topology/read-topology.js';

const shipped = resolve(import.meta.dirname, '../../../topology.yaml');
const read = (set: string[], env = {}) => checkTopologyFile(shipped, { env, operators, set });

const generate = async (...set: string[]) => {
  const { topology, mistakes } = await read(set);
  expect(mistakes).toEqual([]);
  return topology!.pipelines.find(({ name }) => name === 'generate')!;
};
const mistakesOf = async (...set: string[]) => (await read(set)).mistakes.map(mistakeLine);

describe('values in the place of those of a topology', () => {
  it('take the place of one that is there, and are added where none is', async () => {
    expect((await generate('pipelines.generate.max_in_flight=3')).maxInFlight).toBe(3);
    expect((await generate('pipelines.generate.group=mine')).group).toBe('mine');
    expect((await read(['topics.new={ schema: media.added }'])).topology!.topics.has('new')).toBe(true);
  });

  it('find a step of a list by its name or its number, also one that has no settings yet', async () => {
    const config = async (set: string, step: string) =>
      (await generate(set)).steps.find(({ name }) => name === step)!.config;
    expect(await config('segments.ground.retrieve.k=7', 'retrieve')).toMatchObject({ k: 7, mode: 'hybrid' });
    expect(await config('segments.ground.1={ retrieve: { k: 7 } }', 'retrieve')).toMatchObject({ k: 7 });
    expect(await config('segments.ground.embed.concurrency=3', 'embed')).toMatchObject({ concurrency: 3 });
  });

  it('come in the order in which they are given: the last one counts', async () => {
    const set = ['pipelines.generate.max_in_flight=3', 'pipelines.generate.max_in_flight=5'];
    expect((await generate(...set)).maxInFlight).toBe(5);
  });

  it('reach names that have dots', async () => {
    const text = `topics:
  r.x: { schema: event.rejected }
  requests: { schema: [generation.requested, generation.cancelled] }
  jobs: { schema: job.changed, cleanup: compact }
pipelines: { p: { from: requests, steps: [admit] } }
`;
    const set = ['topics.r.x.partitions=2'];
    const { topology, mistakes } = await checkTopology(text, { file: 't.yaml', env: {}, operators, set });
    expect(mistakes).toEqual([]);
    expect(topology!.topics.get('r.x')!.partitions).toBe(2);
  });

  it('may come from the environment', async () => {
    const { topology } = await read(['pipelines.generate.max_in_flight=${MOST}'], { MOST: '4' });
    expect(topology!.pipelines[0]!.maxInFlight).toBe(4);
  });

  it.each([
    ['pipelines.generate.max_in_flight', /^--set pipelines\.generate\.max_in_flight:1:1 error expected PATH=VALUE/],
    ['=3', /^--set :1:1 error expected PATH=VALUE/],
    ['a..b=3', /^--set a\.\.b:1:1 error a path is names with dots between them/],
    [
      'pipelines.generate.max_in_flight=0',
      /^--set pipelines\.generate\.max_in_flight:1:1 error .*expected at least 1, found 0/,
    ],
    ['pipelines.generate.max_in_flight=', /^--set pipelines\.generate\.max_in_flight:1:1 error .*found nothing/],
    [
      'segments.ground.retreive.k=3',
      /'ground' has no 'retreive': expected a number below 3, or 'embed', 'retrieve', 'compose'/,
    ],
    ['segments.ground.9.k=3', /'ground' has no '9'/],
    ['segments.ground.retrieve.kk=3', /^--set segments\.ground\.retrieve\.kk:1:1 error .*unknown key 'kk'/],
    ['pipelines.generate.from.x=3', /'from' is no map, so it has no 'x'/],
    ['pipelines.generate.max_in_flight=[', /^--set pipelines\.generate\.max_in_flight:1:\d+ error/],
    ['nonsense.x=3', /unknown key 'nonsense'/],
    ['profiles.embedded.work=${NOPE}', /the environment has no NOPE/],
  ])('%s says what is wrong with it', async (set, line) => {
    const found = await mistakesOf(set);
    expect(found.join('\n')).toMatch(line);
  });

  it('never make reading throw, whatever is given', async () => {
    const name = fc.constantFrom(
      'pipelines',
      'generate',
      'steps',
      '0',
      'ground',
      'segments',
      '__proto__',
      'constructor',
      '',
      'é',
      'topics',
    );
    const path = fc.array(name, { maxLength: 5 }).map((names) => names.join('.'));
    const value = fc.constantFrom(
      '3',
      '[]',
      '{}',
      '{ a: *b }',
      '- x',
      '&a [*a]',
      '"',
      'null',
      '${X}',
      '${',
      '\u0000',
      '!!js/function x',
    );
    await fc.assert(
      fc.asyncProperty(path, value, async (path, value) => {
        const { topology, mistakes } = await read([`${path}=${value}`]);
        expect(topology !== undefined || mistakes.length > 0).toBe(true);
      }),
      { numRuns: 150 },
    );
    expect(({} as { a?: unknown }).a).toBeUndefined();
  });
});
