import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import specs from '@asyncapi/specs';
import { Ajv, type ValidateFunction } from 'ajv';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { generatedFiles } from '../../../src/cli/docs/generated-files.js';
import { servedOpenApi } from '../../../src/cli/docs/served-openapi.js';
import { updateFiles } from '../../../src/cli/docs/update-files.js';
import { catalogue } from '../../../src/events/catalogue.js';
import type { SchemaName } from '../../../src/events/schemas.js';
import { operators } from '../../../src/operators/index.js';
import { readTopology } from '../../../src/streams/topology/read-topology.js';

const shipped = resolve(import.meta.dirname, '../../../topology.yaml');
const openapi = await servedOpenApi(shipped);
const files = generatedFiles(
  await readTopology(shipped, { env: {}, operators }),
  operators,
  '1.2.3',
  readFileSync(shipped, 'utf8'),
  openapi,
);
const read = (path: string) => files.get(path) ?? expect.fail(`${path} is not generated`);
/** Formats need another package; the schemas carry patterns beside them. */
const lenient = { strict: false, validateFormats: false, allErrors: true };

function faults(validate: ValidateFunction, value: unknown): string[] {
  return validate(value) ? [] : validate.errors!.map(({ instancePath, message }) => `${instancePath} ${message}`);
}

describe('the page of commands', () => {
  const page = read('docs/reference/commands.md');

  it('has each command with its group, its options and its examples', () => {
    for (const [group, command] of [
      ['Requests and videos', 'generate'],
      ['Corpus and samples', 'corpus pass dedup'],
      ['Models', 'eval retrieval'],
      ['Topology', 'dry-run'],
      ['Operation', 'rejects replay'],
    ] as const)
      expect(page.split(`## ${group}\n`)[1]?.split(/^## /m)[0]).toContain(`\n### ${command}\n`);
    expect(page).toContain('| `--likeness <cosine>` | least cosine');
    expect(page).toContain('vimi rejects replay --code STORAGE_UNAVAILABLE --since 1d\n```');
    expect(page).not.toMatch(/undefined|\[object/);
  });
});

describe('the page of the HTTP API', () => {
  const page = read('docs/reference/http.md');

  it('has each address of the server and each object, and its links lead somewhere', () => {
    const titles = [...page.matchAll(/^### `?(.+?)`?$/gm)].map(([, title]) => title);
    const addresses = Object.entries(openapi.paths).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`),
    );
    expect(addresses).toContain('POST /v1/videos');
    expect(titles).toEqual(expect.arrayContaining([...addresses, ...Object.keys(openapi.components.schemas)]));
    const anchors = new Set(titles.map((title) => title?.toLowerCase()));
    const links = [...page.matchAll(/\]\(#([^)]+)\)/g)].map(([, anchor]) => anchor);
    expect(links.length).toBeGreaterThan(10);
    expect(links.filter((anchor) => !anchors.has(anchor))).toEqual([]);
    expect(page).not.toMatch(/undefined|\[object/);
  });
});

describe('the AsyncAPI document', () => {
  const document = JSON.parse(read('docs/reference/asyncapi.json'));

  it('is valid by the official schema of AsyncAPI 3.0', () => {
    const official = new Ajv(lenient).compile(specs.schemasWithoutId['3.0.0'] as object);
    expect(faults(official, document)).toEqual([]);
    expect(faults(official, { ...document, channels: { requests: { address: 5 } } })).not.toEqual([]);
  });

  it('points at nothing that is not there', () => {
    const pointers = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, pointer]) => pointer!);
    expect(pointers.length).toBeGreaterThan(20);
    for (const pointer of pointers) {
      const target = pointer.split('/').reduce((value, key) => value?.[key], document);
      expect(target, pointer).toBeTypeOf('object');
    }
  });

  it('has each topic with its events, and what the pipelines do with it', () => {
    expect(Object.keys(document.channels)).toEqual([
      'requests',
      'media',
      'backfill',
      'outcomes',
      'clips',
      'corpus',
      'removals',
      'passes',
      'jobs',
      'videos',
      'webhooks',
      'samples',
      'rejects',
    ]);
    expect(Object.keys(document.channels.requests.messages)).toEqual(['generation.requested', 'generation.cancelled']);
    expect(document.channels.jobs.bindings.kafka.topicConfiguration).toEqual({
      'cleanup.policy': ['compact'],
      'retention.ms': -1,
    });
    expect(Object.keys(document.operations)).toEqual([
      'generate.receive.requests',
      'generate.send.videos',
      'generate.send.rejects',
      'corpus.receive.media',
      'corpus.send.samples',
      'corpus.send.rejects',
      'backfill.receive.backfill',
      'backfill.send.samples',
      'backfill.send.rejects',
    ]);
  });
});

describe('the JSON Schemas', () => {
  const wrong: { [N in SchemaName]: object } = {
    'generation.requested': { prompt: 5 },
    'generation.cancelled': { cancel: '' },
    'media.added': { uri: 'x', caption: '' },
    'media.settled': { ...catalogue['media.settled'].example, outcome: 'lost' },
    'clip.settled': { ...catalogue['clip.settled'].example, scores: { motion: 'much' } },
    'corpus.document': { ...catalogue['corpus.document'].example, id: 'short' },
    'corpus.removed': { kind: 'everything', value: 'x' },
    'corpus.passed': { ...catalogue['corpus.passed'].example, name: '../up' },
    'job.changed': { job: 'a', state: 'lost' },
    'video.completed': { ...catalogue['video.completed'].example, fps: '8' },
    'samples.sealed': { ...catalogue['samples.sealed'].example, samples: -1 },
    'event.rejected': { ...catalogue['event.rejected'].example, attempts: 0 },
    'reject.dismissed': { dismissed: 'requests-3-42' },
    'webhook.delivery': { ...catalogue['webhook.delivery'].example, id: 'msg_1' },
    'webhook.disabled': { source: '/vimi/http', url: 'https://hooks.example' },
  };

  it.each(Object.entries(wrong) as [SchemaName, object][])(
    '%s takes its example and no other nonsense',
    (name, nonsense) => {
      const validate = new Ajv2020(lenient).compile(JSON.parse(read(`docs/reference/schemas/${name}.schema.json`)));
      expect(faults(validate, catalogue[name].example)).toEqual([]);
      expect(faults(validate, { ...catalogue[name].example, of_a_later_version: true })).toEqual([]);
      expect(faults(validate, nonsense)).not.toEqual([]);
    },
  );
});

describe('the pages', () => {
  it('link to files that are generated or written by hand, and tables have as many cells in every row', () => {
    for (const [path, text] of files) {
      if (!path.endsWith('.md')) continue;
      for (const [, target] of text.matchAll(/\]\(([^)#]+)\)/g)) {
        const place = join(path, '..', target!);
        const there =
          [...files.keys()].some((file) => file.startsWith(place)) || existsSync(join(shipped, '..', place));
        expect(there, `${path} → ${target}`).toBe(true);
      }
      const cells = (line: string) => line.split(/(?<!\\)\|/).length;
      const lines = text.split('\n');
      for (const [index, line] of lines.entries())
        if (line.startsWith('|') && lines[index - 1]?.startsWith('|'))
          expect(cells(line), `${path}: ${line}`).toBe(cells(lines[index - 1]!));
    }
  });

  it('tell of every operator and each of its settings', () => {
    expect(operators.length).toBeGreaterThan(10);
    for (const { name, config } of operators) {
      const page = read(`docs/reference/operators/${name}.md`);
      for (const setting of Object.keys(config.shape)) expect(page).toContain(`| \`${setting}\` |`);
      expect(read('docs/reference/operators/README.md')).toContain(`[${name}](${name}.md)`);
    }
  });
});

describe('bringing files up to date', () => {
  let top: string;
  const wanted = new Map([
    ['docs/made/a.md', 'A'],
    ['docs/made/b.md', 'B'],
    ['docs/c.md', 'C'],
  ]);
  beforeEach(() => {
    top = mkdtempSync(join(tmpdir(), 'vimi-docs-'));
    mkdirSync(join(top, 'docs/made'), { recursive: true });
    writeFileSync(join(top, 'docs/made/a.md'), 'A');
    writeFileSync(join(top, 'docs/made/b.md'), 'old');
    writeFileSync(join(top, 'docs/made/gone.md'), 'X');
    writeFileSync(join(top, 'docs/by-hand.md'), 'H');
  });
  afterEach(() => rmSync(top, { recursive: true, force: true }));

  it('tells what is stale and touches nothing, when asked to check', () => {
    expect(updateFiles(top, wanted, ['docs/made'], true)).toEqual(['docs/made/b.md', 'docs/c.md', 'docs/made/gone.md']);
    expect(readFileSync(join(top, 'docs/made/b.md'), 'utf8')).toBe('old');
    expect(existsSync(join(top, 'docs/made/gone.md'))).toBe(true);
  });

  it('writes what is stale, removes what is gone, and leaves what was written by hand', () => {
    updateFiles(top, wanted, ['docs/made'], false);
    expect(updateFiles(top, wanted, ['docs/made'], true)).toEqual([]);
    expect(existsSync(join(top, 'docs/made/gone.md'))).toBe(false);
    expect(readFileSync(join(top, 'docs/by-hand.md'), 'utf8')).toBe('H');
  });
});
