import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(import.meta.dirname, '../..');
/** The short form: as many as take a few seconds. */
const runs: Record<string, number> = { event: 5000, topology: 300, tar: 3000, safetensors: 3000, http: 300, onnx: 150 };
const targets = readdirSync(join(import.meta.dirname, 'targets')).map((name) => name.replace('.mjs', ''));

function fuzz(target: string): Promise<{ code: number | null; out: string; err: string }> {
  const args = ['test/fuzz/fuzz.mjs', target, '--runs', String(runs[target] ?? 3000), '--seed', '16'];
  const child = spawn(process.execPath, args, { cwd: root });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  return new Promise((ended) => child.on('close', (code) => ended({ code, out, err })));
}

describe('mutated input, in its short form (npm run fuzz -- TARGET)', () => {
  it.each(targets)('%s: no crash, no hang', async (target) => {
    const { code, out, err } = await fuzz(target);
    expect(err).toBe('');
    expect(code).toBe(0);
    const sums = JSON.parse(out);
    expect(sums.runs).toBeGreaterThan(100);
    // Both ways are gone: what nothing refuses, or nothing reads, tests nothing.
    expect(sums.refused).toBeGreaterThan(0);
    expect(sums.read).toBeGreaterThan(0);
    expect(sums.beyond).toBeGreaterThan(sums.runs / 3);
    expect(sums.crashes + sums.hangs).toBe(0);
  });

  it('keeps a small corpus of what was found', () => {
    const folder = join(import.meta.dirname, 'corpus');
    const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const bytes = files.reduce((sum, { parentPath, name }) => sum + readFileSync(join(parentPath, name)).length, 0);
    expect(bytes).toBeLessThan(200_000);
  });
});
