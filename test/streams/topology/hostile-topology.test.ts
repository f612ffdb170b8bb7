// biome-ignore-all lint/suspicious/noTemplateCurlyInString: so values from the environment are written.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { isScalar, parseDocument, visit } from 'yaml';
import { operators } from '../../../src/operators/index.js';
import { mistakeLine } from '../../../src/streams/topology/mistake.js';
import { checkTopology } from '../../../src/streams/topology/read-topology.js';

const shipped = readFileSync(join(import.meta.dirname, '../../../topology.yaml'), 'utf8');
const check = (text: string, env: Record<string, string> = {}) =>
  checkTopology(text, { env, operators, file: '/srv/t.yaml' });
const lines = async (text: string) => (await check(text)).mistakes.map(mistakeLine);

describe('names that every object has', () => {
  const everyObjectHas = Object.getOwnPropertyNames(Object.prototype);

  it.each(everyObjectHas)('[safety S10] %s is no type, step, field or schema, and may name a topic', async (name) => {
    const profile = (part: string, type: string) =>
      ['transport', 'objects', 'search']
        .map((one) => `${one}: { type: ${one === part ? type : one === 'objects' ? 'files' : 'embedded'} }`)
        .join(', ');
    for (const part of ['transport', 'objects', 'search'])
      expect(
        await lines(`profiles: { a: { ${profile(part, name)} } }\n${shipped.replace(/^profiles:/m, 'x:')}`),
      ).toContainEqual(expect.stringContaining(`error unknown type of ${part} '${name}'`));
    expect(await lines(shipped.replace('- admit', `- ${name}`))).toContainEqual(
      expect.stringContaining(`unknown step '${name}'`),
    );
    expect(await lines(shipped.replace('{job}', `{${name}}`))).toContainEqual(
      expect.stringContaining(`unknown field '${name}'`),
    );
    expect(await lines(shipped.replace('schema: media.added', `schema: ${name}`))).toContainEqual(
      expect.stringContaining(`unknown schema '${name}'`),
    );
    expect(await lines(shipped.replace('  ground:', `  ground:\n    - ${name}: { a: 1 }`))).not.toEqual([]);
    if (name.startsWith('_')) return;
    const renamed = shipped.replaceAll(
      /^( {2}| {4}from: | {6}- topic: )(videos|requests)\b/gm,
      (_, before, topic) => `${before}${topic === 'videos' ? name : topic}`,
    );
    expect(await lines(renamed)).toEqual([]);
  });
});

describe('values from the environment', () => {
  const secret = 'hunter2-hunter2';
  const places: number[][] = [];
  // Variables stand as letters while places are looked for.
  visit(parseDocument(shipped.replace(/\$\{[^}]*\}/g, (found) => 'x'.repeat(found.length))), {
    Scalar(key, node) {
      if (key !== 'key' && isScalar(node) && node.range) places.push([node.range[0], node.range[1]]);
    },
  });

  it.each(['${S}', '{${S}}', 'a/{${S}}/b', '${S}${S}', '${UNSET:-${S}}', 'x${S} ${'])(
    '[safety S10] are in no mistake and no image where %s stands',
    async (written) => {
      expect(places.length).toBeGreaterThan(40);
      for (const [from, to] of places) {
        const text = `${shipped.slice(0, from)}"${written}"${shipped.slice(to)}`;
        for (const profile of ['embedded', 'cluster']) {
          const { mistakes, topology } = await checkTopology(text, {
            env: { S: secret },
            operators,
            file: '/srv/t.yaml',
            profile,
          });
          expect(JSON.stringify(mistakes), text.slice(from! - 40, to! + 40)).not.toContain(secret);
          expect(JSON.stringify(topology?.outline ?? {})).not.toContain(secret);
        }
      }
    },
  );
});

it('[safety S10] shows what would move a terminal in no line, suggestions and file included', async () => {
  const { mistakes } = await check(
    shipped.replace('media: { schema', '"me\\e[2Jdia": { schema').replace('from: media', 'from: medoa'),
  );
  expect(mistakes.length).toBeGreaterThan(1);
  for (const mistake of mistakes)
    expect(mistakeLine({ ...mistake, file: 't\u001b[2J.yaml', suggestion: mistake.suggestion })).not.toMatch(/\p{Cc}/u);
});

/** As large as a topology may be. */
const full = (unit: string) => unit.repeat(Math.floor((256 * 1024 - 400) / unit.length));

describe('a topology of 256 KiB is read in steps that grow with its size', () => {
  const words = (n: number) => `${'a'.repeat(30)}${n}${'b'.repeat(20)}`;
  it.each([
    ['beginnings of ${file:}', `a: "${full('${file:')}"`],
    ['beginnings of ${A:-}', `a: "${full('${A:-')}"`],
    ['a long name', `a: \${${'A'.repeat(200_000)}`],
    ['braces', `topics: {}\npipelines: { p: { from: v, steps: [], to: [{ objects: "${full('{')}" }] } }`],
    ['slashes', `profiles: { a: { objects: { type: s3, endpoint: x, bucket: x, prefix: "a${full('/')}a" } } }`],
    ['a number that is none, from the environment', 'media_roots: ${LONG}\n'],
    [
      'wrong names beside right ones',
      `topics:\n${Array.from({ length: 1500 }, (_, n) => `  ${words(n)}: { schema: x }\n`).join('')}pipelines:\n${Array.from({ length: 1200 }, (_, n) => `  p${n}: { from: z${words(n)}, steps: [] }\n`).join('')}`,
    ],
  ])('[safety S12] %s', async (_, text) => {
    // What is quadratic takes minutes here; the time limit of the test is what tells.
    const { mistakes } = await check(text, { LONG: `${'1'.repeat(120_000)}x` });
    expect(mistakes.length).toBeGreaterThan(0);
    expect(JSON.stringify(mistakes).length).toBeLessThan(10_000_000);
  });
});
