import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from 'vitest';
import { validate } from '../../src/cli/validate.js';

const shipped = resolve(import.meta.dirname, '../../topology.yaml');
const tenMistakes = join(import.meta.dirname, '../streams/topology/ten-mistakes.yaml');

async function run(file: string, json = false): Promise<{ code: number; printed: string }> {
  const out = new PassThrough();
  const code = await validate(file, { json, out, env: {} });
  out.end();
  return { code, printed: await text(out) };
}

describe('vimi validate', () => {
  it('prints ten mistakes of ten, each on a line with its place, and fails', async () => {
    const { code, printed } = await run(tenMistakes);
    expect(code).toBe(2);
    const lines = printed.trimEnd().split('\n');
    expect(lines.filter((line) => /ten-mistakes\.yaml:\d+:\d+ error /.test(line))).toHaveLength(10);
    expect(lines.at(-1)).toBe('10 mistakes');
    expect(printed).toContain("ten-mistakes.yaml:14:7 error unknown step 'retreive'; did you mean 'retrieve'?\n");
  });

  it('gives scripts the same as JSON', async () => {
    const { code, printed } = await run(tenMistakes, true);
    expect(code).toBe(2);
    const { file, mistakes } = JSON.parse(printed);
    expect(file).toBe(tenMistakes);
    expect(mistakes).toHaveLength(10);
    expect(mistakes[5]).toEqual({
      rule: 'unknown-name',
      message: "unknown step 'retreive'",
      file: tenMistakes,
      line: 14,
      column: 7,
      found: 'retreive',
      suggestion: 'retrieve',
    });
  });

  it('names the line of a limit whose least is above its most', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vimi-validate-'));
    try {
      const file = join(folder, 'topology.yaml');
      const lines = (await readFile(shipped, 'utf8')).split('\n');
      const at = lines.findIndex((line) => /^ +- filter/.test(line));
      lines[at] = '    - filter: { scores: { sharpness: { min: 0.9, max: 0.1 } } }';
      await writeFile(file, lines.join('\n'));
      const { code, printed } = await run(file);
      expect(code).toBe(2);
      expect(printed).toContain(
        `:${at + 1}:45 error step 'filter': scores.sharpness.min: expected at most max (0.1), found 0.9\n`,
      );
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('says what it has seen when all is well', async () => {
    expect(await run(shipped)).toEqual({
      code: 0,
      printed: `${shipped}: no mistakes (3 pipelines, 13 topics, profile embedded)\n`,
    });
  });
});
