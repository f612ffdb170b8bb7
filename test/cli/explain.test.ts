// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a topology takes values from the environment so.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { explain } from '../../src/cli/commands/explain.js';
import { operators } from '../../src/operators/index.js';
import { checkTopology, readTopology, sections } from '../../src/streams/topology/read-topology.js';
import { render } from '../../src/streams/topology/render.js';
import type { ReadOptions, Topology } from '../../src/streams/topology/topology.js';
import { written } from './small-corpus.js';

const repository = resolve(import.meta.dirname, '../..');
const shipped = join(repository, 'topology.yaml');
const env = {
  ...{ KAFKA_BROKERS: 'secret-broker:9092', S3_ENDPOINT: 'http://secret-endpoint:9000' },
  ...{ S3_ACCESS_KEY: 'secret-access', S3_SECRET_KEY: 'secret-key' },
};
const read = (more: Partial<ReadOptions> = {}) => readTopology(shipped, { env, operators, ...more });

describe('vimi render', () => {
  it.each(['embedded', 'cluster'])('gives a topology that means the same, for the profile %s', async (profile) => {
    const topology = await read({ profile });
    const again = await checkTopology(render(topology, 'yaml'), { file: shipped, env, operators });
    expect(again.mistakes).toEqual([]);
    const meant = ({ profile, topics, pipelines, mediaRoots, mediaHosts }: Topology) => ({
      ...{ profile, topics: [...topics], mediaRoots, mediaHosts },
      pipelines: pipelines.map(({ steps, ...rest }) => ({
        ...rest,
        steps: steps.map(({ name, config }) => ({ name, config })),
      })),
    });
    expect(meant(again.topology!)).toEqual(meant(topology));
    expect(render(again.topology!, 'yaml')).toBe(render(topology, 'yaml'));
  });

  it('has every section that takes effect, so that the topology it gives means the same', async () => {
    const text = `topics:
  requests: { schema: [generation.requested, generation.cancelled] }
  jobs: { schema: job.changed, cleanup: compact }
  rejects: { schema: event.rejected }
media_roots: [media]
media_hosts: ['*.media.example']
model_hosts: [models.example, 'gpu.example:8000']
webhook_hosts: [hooks.example]
models:
  far: { type: remote, url: 'https://models.example', api_key: '\${FAR_KEY}' }
  wide:
    type: remote
    url: http://gpu.example:8000
    dialect: sglang
    run_limit: 30m
    makes: { frames: 81, width: 832, height: 480, fps: 16, steps: 50, guidance: 5 }
pipelines:
  p: { from: requests, steps: [admit] }
`;
    const around = { file: shipped, operators, env: { FAR_KEY: 'secret-model-key' } };
    const { topology, mistakes } = await checkTopology(text, around);
    expect(mistakes).toEqual([]);
    const rendered = render(topology!, 'yaml');
    expect(rendered).not.toContain('secret-');
    const notOfEffect = ['segments', 'tests'];
    expect(Object.keys(parse(rendered)).sort()).toEqual(sections.filter((name) => !notOfEffect.includes(name)).sort());
    const again = await checkTopology(rendered, around);
    expect(again.mistakes).toEqual([]);
    const meant = ({ models, mediaRoots, mediaHosts, webhookHosts }: Topology) => ({
      ...{ models: [...models], mediaRoots, mediaHosts, webhookHosts },
    });
    expect(meant(again.topology!)).toEqual(meant(topology!));
    expect(render(again.topology!, 'yaml')).toBe(rendered);
  });

  it('has variables by their names, and no value of theirs', async () => {
    const text = render(await read({ profile: 'cluster' }), 'yaml');
    expect(text).not.toContain('secret-');
    expect(text).toContain('secret_key: ${S3_SECRET_KEY}');
    expect(text).toContain('bucket: ${S3_BUCKET:-vimi}');
  });

  it('gives no secret away that was written down', async () => {
    const written = ['objects.secret_key', 'objects.access_key', 'transport.sasl.password'];
    const set = written.map((path) => `profiles.cluster.${path}=written-down`);
    const more = ['transport.sasl.mechanism=plain', 'transport.sasl.username=me', 'transport.tls=true'];
    set.push(...more.map((path) => `profiles.cluster.${path}`));
    const { profiles } = parse(render(await read({ profile: 'cluster', set }), 'yaml'));
    expect(JSON.stringify(profiles)).not.toContain('written-down');
    expect(profiles.cluster.objects).toMatchObject({ secret_key: '${SECRET_KEY}', access_key: '${ACCESS_KEY}' });
    expect(profiles.cluster.transport.sasl).toMatchObject({ username: 'me', password: '${PASSWORD}' });
  });

  it('unfolds segments, fills in defaults, and takes what is set', async () => {
    const topology = await read({ set: ['segments.ground.retrieve.k=5'] });
    const { pipelines, segments } = parse(render(topology, 'yaml'));
    expect(segments).toBeUndefined();
    expect(pipelines.generate.steps.map((step: object) => Object.keys(step)[0])).toEqual([
      ...['admit', 'embed', 'retrieve', 'compose', 'denoise', 'encode'],
    ]);
    expect(pipelines.generate.steps[2].retrieve).toMatchObject({ k: 5, mode: 'hybrid', concurrency: 8 });
    expect(pipelines.generate.group).toBe('vimi-generate');
    expect(JSON.parse(render(topology, 'json'))).toEqual(parse(render(topology, 'yaml')));
  });

  describe('with an operator of the team’s own', () => {
    const folder = mkdtempSync(join(tmpdir(), 'vimi-render-'));
    afterAll(() => rmSync(folder, { recursive: true }));

    it('names its file', async () => {
      const zod = pathToFileURL(join(repository, 'node_modules/zod/index.js')).href;
      const source = `import { z } from ${JSON.stringify(zod)};
export default {
  name: 'hold', summary: 'Holds.', contract: {}, example: '- hold', needs: [], adds: [],
  config: z.strictObject({ most: z.number().default(3) }),
  create: () => ({ step: (source) => source }),
};
`;
      writeFileSync(join(folder, 'hold.mjs'), source);
      const text = `topics:
  requests: { schema: [generation.requested, generation.cancelled] }
  rejects: { schema: event.rejected }
pipelines:
  p: { from: requests, steps: [{ use: ./hold.mjs, with: { most: 4 } }] }
`;
      const file = join(folder, 't.yaml');
      const { topology, mistakes } = await checkTopology(text, { file, env: {}, operators });
      expect(mistakes).toEqual([]);
      expect(parse(render(topology!, 'yaml')).pipelines.p.steps).toEqual([{ use: './hold.mjs', with: { most: 4 } }]);
      const again = await checkTopology(render(topology!, 'yaml'), { file, env: {}, operators });
      expect(again.mistakes).toEqual([]);
      expect(await written(async (out) => explain(topology!, 'p.hold', {}, out))).toMatch(/ {2}most +4 +.*t\.yaml:5/);
    });
  });
});

describe('vimi explain', () => {
  const said = async (what: string | undefined, more?: Partial<ReadOptions>) => {
    const topology = await read(more);
    return (await written(async (out) => explain(topology, what, {}, out))).replaceAll(shipped, 'topology.yaml');
  };
  const json = async (what?: string) => {
    const topology = await read();
    return JSON.parse(await written(async (out) => explain(topology, what, { json: true }, out)));
  };

  it('says of each setting its value, and whether it comes from the file, a line of the command or nowhere', async () => {
    const text = await said('generate.retrieve', { set: ['segments.ground.retrieve.k=5'] });
    expect(text).toContain('generate.retrieve: step 3 of 6, of the segment ground');
    expect(text).toMatch(/^ {2}mode +"hybrid" +topology\.yaml:\d+ +lexical: BM25/m);
    expect(text).toMatch(/^ {2}k +5 +--set segments\.ground\.retrieve\.k +Documents to retrieve/m);
    expect(text).toMatch(/^ {2}concurrency +8 +default +Searches at once/m);
  });

  it('names the lines where the values stand', async () => {
    const { settings } = await json('generate.encode');
    const lines = readFileSync(shipped, 'utf8').split('\n');
    const { from, value } = settings.find(({ name }: { name: string }) => name === 'scale');
    expect(value).toBe(4);
    expect(lines[Number(from.split(':').at(-1)) - 1]).toContain('encode: { scale: 4 }');
  });

  it('lists the steps of a pipeline, and all pipelines', async () => {
    expect(await said('generate')).toMatch(/ 3 retrieve +Attaches the k best documents .*\(segment ground\)/);
    expect((await json('generate')).steps.map(({ name }: { name: string }) => name)).toEqual([
      ...['admit', 'embed', 'retrieve', 'compose', 'denoise', 'encode'],
    ]);
    expect(await said(undefined)).toContain('generate: requests → admit → embed');
  });

  it.each([
    ['generat', "There is no pipeline 'generat' (did you mean 'generate'?)"],
    ['generate.retreive', "There is no step of generate 'retreive' (did you mean 'retrieve'?)"],
  ])('of %s says that there is none', async (what, message) => {
    await expect(said(what)).rejects.toMatchObject({ code: 'USAGE', message: expect.stringContaining(message) });
  });
});
