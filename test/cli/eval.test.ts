import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { Workspace } from '../../src/app/workspace.js';
import {
  evalAblation,
  evalCoherence,
  evalGrounding,
  evalPrediction,
  evalSubject,
} from '../../src/cli/commands/eval.js';
import { posesOf, writeWorld } from '../evaluation/synthetic-world.js';
import { inHalf } from '../evaluation/tasks/copying-model.js';
import { quietLog } from '../operators/run-operator.js';

const root = join(import.meta.dirname, '../..');
let folder: string;
let workspace: Workspace;
const options = () => ({
  ...{ model: 'fake', pipeline: 'generate', n: 1, seed: 1, atOnce: 1, out: join(folder, 'out') },
  ...{ heldOut: join(folder, 'world'), signal: new AbortController().signal },
});
const printed = () => new PassThrough().resume();
const results = (what: string) => JSON.parse(readFileSync(join(folder, `out/${what}.json`), 'utf8'));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vimi-eval-command-'));
  const poses = (motion: string, place: string) => posesOf(motion, 8).map((pose) => inHalf(pose, place));
  await writeWorld(join(folder, 'world'), 4, [
    { subjects: [{ k: 1, motion: 'left' }], background: 'white' },
    {
      subjects: [
        { k: 2, motion: 'right', place: 'top', poses: poses('right', 'top') },
        { k: 3, motion: 'left', place: 'bottom', poses: poses('left', 'bottom') },
      ],
      background: 'white',
    },
  ]);
  writeFileSync(join(folder, 'topology.yaml'), readFileSync(join(root, 'topology.yaml')));
  workspace = await Workspace.open({ topology: join(folder, 'topology.yaml'), log: quietLog });
});
afterAll(async () => {
  await workspace?.close();
  rmSync(folder, { recursive: true, force: true });
});

it.each([
  ['prediction', evalPrediction],
  ['subject', (ws, options, out) => evalSubject(ws, { ...options, live: false }, out)],
  ['coherence', evalCoherence],
] satisfies [string, typeof evalPrediction][])(
  'vimi eval %s serves the world to the model, and writes what it found',
  async (what, command) => {
    await command(workspace, options(), printed());
    expect(results(what)).toMatchObject({
      evaluation: what,
      model: 'fake',
      n: 1,
      worlds: { 'held-out': { clips: 2 } },
    });
    expect(results(what).records.length).toBeGreaterThan(0);
    expect(readFileSync(join(folder, `out/${what}.md`), 'utf8')).toContain('held-out');
  },
);

it('vimi eval subject --live asks in words, and says whether retrieval found the images', async () => {
  await evalSubject(workspace, { ...options(), n: 2, live: true }, printed());
  const { records, tables } = results('subject');
  const drawn = records.filter(({ how }: { how: string }) => how !== 'true clips');
  expect(drawn.map(({ kind, found }: { kind: string; found: number }) => [kind, found])).toEqual([
    ['one subject', 1],
    ['two subjects', 1],
  ]);
  expect(tables[0].columns.at(-1)).toBe('all documents found');
});

it('vimi eval grounding fills a corpus for what is retrieved live', async () => {
  const conditions = ['true', 'live'] as const;
  await evalGrounding(workspace, { ...options(), conditions, documents: [], wrongContexts: [0, 100] }, printed());
  const { records } = results('grounding');
  expect(new Set(records.map(({ condition }: { condition: string }) => condition))).toEqual(new Set(conditions));
});

it('vimi eval ablation asks each of the named weights with each k', async () => {
  const { model: _, ...rest } = options();
  const weights = ['one', 'other'].map((name) => ({ name, model: 'fake' }));
  const asked = { ...rest, weights, k: [0, 1, 1], documents: [] };
  await evalAblation(workspace, asked, printed());
  const { records, tables, worlds } = results('ablation');
  const pairs = records.map((row: { weights: string; k: number | null; task: string }) => [
    row.weights,
    row.task,
    row.k,
  ]);
  const tasks = [
    ['text-to-video', 0],
    ['text-to-video', 1],
    ['subject-driven', null],
    ['prediction', null],
  ];
  expect(pairs).toEqual(weights.flatMap(({ name }) => tasks.map((task) => [name, ...task])));
  expect(tables[0].rows).toHaveLength(1 + 2 * 2);
  expect(worlds).toMatchObject({ 'held-out': { clips: 2 } });
  const page = readFileSync(join(folder, 'out/ablation-held-out.png'));
  expect(page.subarray(1, 4).toString()).toBe('PNG');

  const twice = { ...asked, weights: [weights[0]!, weights[0]!] };
  await expect(evalAblation(workspace, twice, printed())).rejects.toMatchObject({ code: 'USAGE', found: 'one' });
  // Before anything is drawn.
  const mistyped = { ...asked, weights: [...weights, { name: 'third', model: join(folder, 'none.safetensors') }] };
  await expect(evalAblation(workspace, mistyped, printed())).rejects.toMatchObject({ code: 'WEIGHTS_NOT_FOUND' });
});

it('says what is missing, and that it was stopped', async () => {
  const without = { ...options(), heldOut: undefined };
  await expect(evalPrediction(workspace, without, printed())).rejects.toMatchObject({ code: 'USAGE' });
  const nowhere = { ...options(), heldOut: join(folder, 'nowhere') };
  await expect(evalPrediction(workspace, nowhere, printed())).rejects.toMatchObject({
    code: 'MEDIA_NOT_FOUND',
    expected: expect.stringContaining(`make.mjs --sprites .cache/package --out ${nowhere.heldOut}`),
  });
  const stopped = { ...options(), signal: AbortSignal.abort() };
  await expect(evalPrediction(workspace, stopped, printed())).rejects.toMatchObject({ code: 'CANCELLED' });
});
