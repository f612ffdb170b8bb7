// biome-ignore-all lint/suspicious/noTemplateCurlyInString: a topology takes values from files so.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkTopology } from '../../../src/streams/topology/read-topology.js';
import { testOperators } from './operators.js';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vimi-secrets-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A topology whose only profile takes its secret key as written. */
function check(secret: string, env: Record<string, string> = {}, profile = 'a') {
  const text = `profiles:
  a:
    transport: { type: embedded }
    objects: { type: s3, endpoint: https://s3, bucket: vimi, access_key: k, secret_key: ${secret} }
    search: { type: embedded }
  b: { transport: { type: embedded }, objects: { type: files }, search: { type: embedded } }
topics: { media: { schema: media.added }, rejects: { schema: event.rejected } }
pipelines: { p: { from: media, steps: [fetch] } }
`;
  return checkTopology(text, { env, operators: testOperators, profile, file: join(folder, 't.yaml') });
}

async function secretOf(written: string, env = {}) {
  const { topology, mistakes } = await check(written, env);
  expect(mistakes).toEqual([]);
  return (topology!.profile.objects as { secret_key: string }).secret_key;
}

describe('a secret in a file', () => {
  it.each([
    ['hunter2\n', 'hunter2'],
    ['hunter2\r\n', 'hunter2'],
    ['hunter2', 'hunter2'],
    [' two words ', ' two words '],
    ['0042', '0042'],
    ['true', 'true'],
    ['${K}', '${K}'],
    ['x, b: 9 } #', 'x, b: 9 } #'],
    ['é'.repeat(2048), 'é'.repeat(2048)],
  ])('is its one line: %j', async (held, expected) => {
    writeFileSync(join(folder, 'secret'), held);
    expect(await secretOf('${file:secret}', { K: 'no' })).toBe(expected);
  });

  it('lies beside the topology, elsewhere, or behind a link', async () => {
    mkdirSync(join(folder, 'run/..data'), { recursive: true });
    writeFileSync(join(folder, 'run/..data/key'), 'linked\n');
    symlinkSync('..data/key', join(folder, 'run/key'));
    expect(await secretOf('${file:run/key}')).toBe('linked');
    expect(await secretOf(`"\${file:${join(folder, 'run/key')}}"`)).toBe('linked');
    expect(await secretOf('"a-${file:run/key}-${E}"', { E: 'b' })).toBe('a-linked-b');
  });

  it('leaves a variable of the name file what it was', async () => {
    expect(await secretOf('"${file:-none}"')).toBe('none');
  });

  it('is told of when it cannot be used, by its name alone', async () => {
    const path = join(folder, 'wrong');
    const wrongs: [() => void, string][] = [
      [() => {}, 'is not there'],
      [() => writeFileSync(path, ''), 'is empty'],
      [() => writeFileSync(path, '\n'), 'is empty'],
      [() => writeFileSync(path, 'hunter2\nhunter2\n'), 'holds more than one line of text'],
      [() => writeFileSync(path, 'hunter2\0'), 'holds more than one line of text'],
      [() => writeFileSync(path, Buffer.from([0x68, 0xff])), 'is not text in UTF-8'],
      [() => writeFileSync(path, 'hunter2'.repeat(600)), 'is too large for a secret: expected at most 4096 bytes'],
      [() => mkdirSync(path), 'is no file'],
      [() => void execFileSync('mkfifo', [path]), 'is no file'],
      [() => symlinkSync('wrong', path), 'cannot be read: ELOOP'],
    ];
    for (const [make, reason] of wrongs) {
      rmSync(path, { recursive: true, force: true });
      make();
      const { mistakes } = await check('${file:wrong}');
      expect(mistakes).toEqual([
        {
          rule: 'environment',
          message: `the file ${path} ${reason}`,
          found: '${file:wrong}',
          file: join(folder, 't.yaml'),
          line: 4,
          column: expect.any(Number),
        },
      ]);
      expect(JSON.stringify(mistakes)).not.toContain('hunter2');
      expect((await check('${file:wrong}', {}, 'b')).mistakes).toEqual([]);
    }
  });

  it('is never shown, wherever it stands', async () => {
    writeFileSync(join(folder, 'shown'), 'hunter2');
    const S = '"${file:shown}"';
    const text = `profiles:
  a: { transport: { type: ${S} }, objects: { type: s3, endpoint: e, bucket: ${S}, secret_key: [ ${S} ], tls: ${S}, links: { videos: ${S} } }, search: ${S} }
  b: { transport: { type: kafka, brokers: [], tls: { ca: [${S}] }, sasl: { mechanism: ${S}, password: ${S} }, session_timeout: ${S} }, objects: ${S}, search: ${S} }
topics: { t: { schema: ${S}, partitions: ${S} }, m: { schema: media.added }, r: { schema: event.rejected } }
pipelines: { p: { from: ${S}, steps: [ ${S} ], to: ${S}, group: ${S}, max_in_flight: ${S} } }
`;
    const { mistakes } = await checkTopology(text, {
      env: {},
      operators: testOperators,
      file: join(folder, 't.yaml'),
    });
    expect(mistakes.length).toBeGreaterThan(12);
    expect(JSON.stringify(mistakes)).not.toContain('hunter2');
  });
});
