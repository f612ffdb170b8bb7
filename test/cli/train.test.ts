import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { presets } from '../../src/models/presets/presets.js';
import { createDenoiser } from '../../src/models/servers/denoiser.js';
import { recipeOf } from '../../src/models/training/loop/recipe.js';
import { gradientProcesses, runs } from '../models/training/gradient-processes.js';
import { image, members, writeShard } from '../models/training/shards.js';
import { patience } from '../support/patience.js';

const root = join(import.meta.dirname, '../..');
const vimi = join(root, 'dist/cli/main.js');
let folder: string;
let shard: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vimi-train-'));
  cpSync(join(root, 'topology.yaml'), join(folder, 'topology.yaml'));
  shard = await writeShard(
    members({ key: 'm-0-1', caption: 'a box', clip: { webp: await image('#e01010') }, context: [] }),
  );
  const stages = [{ share: 1, frames: 1, batch: 1, noise: { mean: 0, std: 1 }, selfCondition: 0 }];
  writeFileSync(join(folder, 'recipe.json'), JSON.stringify({ ...recipeOf(presets.nano!), stages }));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function train(args: string[]): Promise<{ code: number | null; out: string; err: string }> {
  const child = spawn(process.execPath, [vimi, 'train', shard, ...args], { cwd: folder });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code) => done({ code, out, err }));
  });
}

const run = ['--recipe', 'recipe.json', '--steps', '1', '--backend', 'wasm', '--store', 'runs/box'];

test('a run that is stored goes on in another folder, and its images can be looked at', {
  timeout: patience(400),
}, async () => {
  const first = await train([...run, '--out', 'first']);
  expect(first.code, first.err).toBe(0);
  expect(first.out.trim()).toBe('first/nano.safetensors');
  expect(first.err).toContain('train 1 sample read');
  expect(first.err).not.toContain('"level"');
  const stored = join(folder, '.vimi/objects/runs/box');
  expect(readdirSync(stored).sort()).toEqual(
    ['checkpoint.safetensors', 'log.jsonl', 'loss.svg', 'nano.safetensors', 'recipe.json', 'samples.png'].sort(),
  );

  // What was trained can be used, in a process that knows nothing of the run.
  const denoiser = await createDenoiser({ model: join(folder, 'first/nano.safetensors'), backend: 'wasm' });
  expect(await denoiser.describe()).toMatchObject({ name: 'nano', words: expect.arrayContaining(['box']) });
  await denoiser.close();

  const second = await train([...run, '--out', 'second']);
  expect(second.code, second.err).toBe(0);
  // The step was not done again: it would have taken another time.
  for (const name of ['log.jsonl', 'nano.safetensors', 'samples.png'])
    expect(readFileSync(join(folder, 'second', name)).equals(readFileSync(join(folder, 'first', name))), name).toBe(
      true,
    );
});

test('a prefix that is none is refused before anything is read', { timeout: patience(120) }, async () => {
  const { code, err } = await train([...run.slice(0, -1), '../elsewhere', '--out', 'third']);
  expect(code).not.toBe(0);
  expect(err).toContain('OBJECT_KEY_INVALID');
  expect(readdirSync(folder)).not.toContain('third');
});

test('what cannot be shared among devices is refused before anything is read', { timeout: patience(120) }, async () => {
  const { code, err } = await train([...run.slice(0, -2), '--devices', 'cpu,cpu', '--out', 'fourth']);
  expect(code).toBe(2);
  expect(err).toContain('expected a number of devices out of 1, found 2');
  expect(readdirSync(folder)).not.toContain('fourth');
});

test('its processes end with it: stopped in good order, after which it goes on, or killed', {
  timeout: patience(400),
}, async () => {
  const stages = [{ share: 1, frames: 1, batch: 2, noise: { mean: 0, std: 1 }, selfCondition: 0 }];
  writeFileSync(join(folder, 'two.json'), JSON.stringify({ stages }));
  const args = ['--recipe', 'two.json', '--steps', '1000', '--backend', 'wasm', '--devices', 'cpu,cpu', '--out', 'two'];
  const log = join(folder, 'two/log.jsonl');
  const steps = () =>
    existsSync(log)
      ? readFileSync(log, 'utf8')
          .split('\n')
          .flatMap((line) => /"step":(\d+)/.exec(line)?.[1] ?? [])
      : [];
  const patient = { timeout: patience(120), interval: 200 };
  /** Runs it for a step, and ends it. */
  const endWith = async (signal: 'SIGKILL' | 'SIGTERM') => {
    const before = steps().length;
    const child = spawn(process.execPath, [vimi, 'train', shard, ...args], { cwd: folder, stdio: 'ignore' });
    const ended = new Promise<number | null>((done) => child.on('exit', done));
    await vi.waitUntil(() => steps().length > before, patient);
    const [other] = gradientProcesses(child.pid);
    expect(other).toBeGreaterThan(0);
    child.kill(signal);
    const code = await ended;
    await vi.waitUntil(() => !runs(other!), patient);
    return code;
  };
  expect(await endWith('SIGTERM')).toBe(130);
  const first = steps().length;
  expect(await endWith('SIGKILL')).toBe(null);
  expect(steps().length).toBeGreaterThan(first);
  expect(steps()).toEqual(steps().map((_, i) => String(i + 1)));
});
