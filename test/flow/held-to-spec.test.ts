import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { EventRejected } from '../../src/events/schemas.js';
import type { Operator } from '../../src/flow/operator.js';
import { runPipeline } from '../../src/streams/delivery/pipeline.js';
import { checkTopology } from '../../src/streams/topology/read-topology.js';
import { openEmbedded } from '../../src/streams/transports/embedded/open-embedded.js';
import {
  eachMedia,
  media,
  prepareTopics,
  productOf,
  quietLog,
  readAll,
  resourcesWith,
  spec,
  temporaryFolder,
} from '../streams/delivery/pipeline-fixtures.js';

const root = join(import.meta.dirname, '../..');
const folder = temporaryFolder();
mkdirSync(join(folder.path, 'node_modules'));
symlinkSync(root, join(folder.path, 'node_modules/vimi'));
afterAll(() => folder.remove());

let made = 0;
/** The operator as a team would write it, in a file of its own; `work` is line 6. */
async function loaded(work: string, { needs = "'media'", adds = '', parameters = '{ media }', more = '' } = {}) {
  const name = `own${made++}`;
  const file = join(folder.path, `${name}.mjs`);
  writeFileSync(
    file,
    `import { defineOperator, VimiError, drop, delivered, z } from 'vimi';
export default defineOperator({ name: '${name}', summary: 's', needs: [${needs}], adds: [${adds}], ${more} }, {
  concurrency: 2,
  // \`work\` is the next line but one.
  async process(${parameters}) {
    ${work}
  },
});
`,
  );
  const text = `topics: { in: { schema: media.added }, rejects: { schema: event.rejected } }
pipelines: { p: { from: in, steps: [ { use: ./${name}.mjs } ] } }
`;
  const { topology, mistakes } = await checkTopology(text, {
    env: {},
    operators: [],
    file: join(folder.path, 't.yaml'),
  });
  return { name, file, mistakes, operator: topology?.pipelines[0]?.steps[0]?.operator as Operator };
}

/** What becomes of one medium that passes through the operator, and then through a step of vimi's own. */
async function rejected(
  operator: Operator,
  after: Operator = eachMedia(({ uri }) => productOf(uri)),
): Promise<EventRejected | null> {
  const log = temporaryFolder();
  const transport = openEmbedded({ path: join(log.path, 'log.sqlite') });
  try {
    await prepareTopics(transport);
    await transport.publish([media('a.png')]);
    await runPipeline(spec([operator, after]), {
      transport,
      resources: resourcesWith({}),
      signal: new AbortController().signal,
      log: quietLog,
      drain: true,
    });
    const [record] = await readAll(transport, 'rejects');
    return record ? (JSON.parse(String(record.value)) as EventRejected) : null;
  } finally {
    await transport.close();
    log.remove();
  }
}

describe('a mistake in a custom operator is told as its own', () => {
  const fox = "sha256: '0'.repeat(64), identity: '', uri: 'a', source: 'a', licence: 'x'";
  it.each<[string, string, Parameters<typeof loaded>[1], string, RegExp]>([
    ['throws', "throw new Error('boom')", {}, 'INTERNAL', /^boom \(FILE:6:11\)$/],
    ['throws a TypeError', 'return media.uri.nothing.more', {}, 'INTERNAL', /^TypeError: .*'more'.* \(FILE:6:\d+\)$/],
    [
      'throws an own code',
      "throw new VimiError('HAS_LOGO', 'A logo', { found: 'top left' })",
      {},
      'HAS_LOGO',
      /^A logo: found top left$/,
    ],
    [
      'throws an error with a code',
      "throw Object.assign(new Error('no luck'), { code: 'MY_CODE' })",
      {},
      'INTERNAL',
      /^MY_CODE: no luck \(FILE:6:\d+\)$/,
    ],
    ['throws a text', "throw 'just text'", {}, 'INTERNAL', /^just text$/],
    ['throws nothing', 'throw undefined', {}, 'INTERNAL', /^undefined$/],
    ['forgets to return', '', {}, 'INTERNAL', /returned no outcome: expected the fields .*found undefined/],
    [
      'returns an iterator',
      'return (function* () {})()',
      {},
      'INTERNAL',
      /returned no outcome.*found \[object Generator\]/,
    ],
    ['returns a text', "return 'x'", {}, 'INTERNAL', /returned no outcome.*found x/],
    [
      'returns a list of nothing',
      'return [undefined]',
      {},
      'INTERNAL',
      /returned no outcome.*a list that holds something else/,
    ],
    [
      'hands on a bad file',
      'return { file: { path: 5 } }',
      { adds: "'file'" },
      'INTERNAL',
      /hands on a 'file' that is none: path: expected text, found 5/,
    ],
    [
      'hands on a file without a hash',
      `return { file: { path: 'a', size: 1, ${fox.replace('repeat(64)', 'repeat(3)')} } }`,
      { adds: "'file'" },
      'INTERNAL',
      /a 'file' that is none: sha256: expected a SHA-256/,
    ],
    [
      'breaks what it was given',
      'return { media: { uri: 7 } }',
      {},
      'INTERNAL',
      /a 'media' that is none: uri: expected text/,
    ],
    [
      'hands on what it does not add',
      'return { flie: 1 }',
      {},
      'INTERNAL',
      /hands on 'flie': expected nothing, as its adds say/,
    ],
    [
      'hands on nothing of what it adds',
      'return {}',
      { adds: "'file'" },
      'INTERNAL',
      /hands on no 'file': expected 'file'/,
    ],
    [
      'hands on a bad field of its own',
      "return { logos: 'two' }",
      { adds: "'logos'", more: 'fields: { logos: z.number() }' },
      'INTERNAL',
      /a 'logos' that is none: .*expected a number, found "two"/,
    ],
    [
      'drops for a reason that it does not declare',
      "return drop('has-logo')",
      { more: "drops: ['has-text']" },
      'INTERNAL',
      /drops an event as 'has-logo': expected 'has-text', as its drops say/,
    ],
    [
      'counts what it does not name',
      "context.count('logos'); return {}",
      { parameters: '_, context', more: "counters: { words: 'Words.' }" },
      'INTERNAL',
      /counts 'logos', which its spec does not name: expected words/,
    ],
    [
      'hands on the parts of a list that it does not add',
      'return [{}, { flie: 1 }]',
      {},
      'INTERNAL',
      /hands on 'flie'/,
    ],
    [
      'uses what it does not need',
      'return file.path',
      { parameters: '{ file }' },
      'INTERNAL',
      /reads 'file', which is not there: expected 'media', as its needs say/,
    ],
  ])('[use U4] %s', async (_, work, how, code, message) => {
    const { operator, name, file, mistakes } = await loaded(work, how);
    expect(mistakes).toEqual([]);
    const reject = await rejected(operator);
    expect(reject).toMatchObject({ step: name, error: { code } });
    expect(reject!.error.message).toMatch(new RegExp(message.source.replace('FILE', file.replaceAll('.', '\\.'))));
    expect(reject!.error.remedy).toBeTruthy();
  });

  it.each([
    ['hands on what is right', `return { file: { path: 'a', size: 1, ${fox} } }`, { adds: "'file'" }],
    ['asks whether a field is there', "return 'file' in flow ? flow.file : {}", { parameters: 'flow' }],
    ['reads what may be missing', 'return file ?? {}', { parameters: '{ file }', more: "optional: ['file']" }],
    ['adds a field of its own', 'return { logos: 2 }', { adds: "'logos'", more: 'fields: { logos: z.number() }' }],
    ['changes what it needs', "return { media: { ...media, licence: 'CC0-1.0' } }", {}],
  ])('[use U4] and one that %s is let through, with all that came before it', async (_, work, how) => {
    const { operator } = await loaded(work, how);
    let seen: object = {};
    const after = eachMedia((event, envelope) => {
      seen = envelope.data;
      return productOf(event.uri);
    });
    expect(await rejected(operator, after)).toBe(null);
    expect(seen).toMatchObject({ media: { uri: 'a.png' } });
    expect(Object.getOwnPropertySymbols(seen)).toEqual([]);
  });

  it.each([
    ['fails while it is loaded', 'const a = null;\na.b;', /TypeError: .+ \(FILE:2:3\)$/],
    ['imports what is not there', "import 'nowhere-to-be-found';", /nowhere-to-be-found/],
    ['exports nothing', 'export const a = 1;', /exports no operator/],
  ])('[use U4] a module that %s is a mistake of the topology, with its line', async (_, text, message) => {
    const name = `broken${made++}.mjs`;
    writeFileSync(join(folder.path, name), text);
    const { mistakes } = await checkTopology(
      `topics: {}\npipelines: { p: { from: in, steps: [ { use: ./${name} } ] } }\n`,
      {
        env: {},
        operators: [],
        file: join(folder.path, 't.yaml'),
      },
    );
    const mistake = mistakes.find(({ rule }) => rule === 'module');
    expect(mistake?.message).toMatch(
      new RegExp(message.source.replace('FILE', join(folder.path, name).replaceAll('.', '\\.'))),
    );
  });
});

it('[use U4] a module that cannot be parsed is a mistake of the topology, with its line', () => {
  const name = `unparsed${made++}.mjs`;
  writeFileSync(join(folder.path, name), 'export default {\n  a: 1,\n  b: }\n');
  const topology = join(folder.path, 'unparsed.yaml');
  writeFileSync(topology, `topics: {}\npipelines: { p: { from: in, steps: [ { use: ./${name} } ] } }\n`);
  // In a process of its own: the runner of tests parses modules itself.
  const { stdout } = spawnSync(process.execPath, [join(root, 'dist/cli/main.js'), 'validate', topology], {
    encoding: 'utf8',
  });
  expect(stdout).toMatch(new RegExp(`it cannot be loaded: SyntaxError: .+ \\(${join(folder.path, name)}:3\\)`));
});
