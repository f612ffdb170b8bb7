import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text as textOf } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { runPipelines } from '../../src/app/run-pipelines.js';
import { Workspace } from '../../src/app/workspace.js';
import { evalUcf101, type Ucf101Options } from '../../src/cli/commands/eval-ucf101.js';
import { publish } from '../../src/cli/commands/publish.js';
import { quietLog } from '../operators/run-operator.js';
import { patience } from '../support/patience.js';

// A pipeline, ffmpeg and nets in WebAssembly: slow where other work shares the cores.
vi.setConfig({ testTimeout: patience(400) });

const root = join(import.meta.dirname, '../..');
const net = (name: string) => join(root, 'test/models/encoders/onnx/fixtures', `${name}.onnx`);
const { signal } = new AbortController();
let folder: string;
let workspace: Workspace;
const file = (...names: string[]) => join(folder, ...names);

async function run(options: Partial<Ucf101Options>): Promise<string> {
  const out = new PassThrough();
  const defaults = { frames: 16, pixels: '-1..1', inceptionPixels: '0..255', seed: 1, signal } as const;
  await evalUcf101({ ...defaults, ...options }, out);
  out.end();
  return textOf(out);
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vimi-ucf101-command-'));
  const topology = readFileSync(join(root, 'topology.yaml'), 'utf8').replace(
    /model: nano, upsampler: [\w-]+/,
    'model: fake',
  );
  writeFileSync(file('topology.yaml'), topology);
  writeFileSync(file('classes.txt'), 'Archery\ta person shoots an arrow\nBowling\ta person bowls\n');
  writeFileSync(file('videos.txt'), 'Archery/a.avi\nBowling/b.avi\nArchery/c.avi\n');
  workspace = await Workspace.open({ topology: file('topology.yaml'), log: quietLog });
});
afterAll(async () => {
  await workspace?.close();
  rmSync(folder, { recursive: true, force: true });
});

describe.sequential('vimi eval ucf101', () => {
  it('writes requests that publish takes, by the shares of a list', async () => {
    const asked = { writeRequests: 3, classes: file('classes.txt'), like: file('videos.txt') };
    const said = await run({ ...asked, out: file('lists/requests.jsonl') });
    expect(said).toMatch(/3 requests ucf101-\w{8}-00000 to ucf101-\w{8}-00002 for 2 classes, 1 to 2 a class/);
    expect(said).toContain('10000 videos of 101 classes');
    const list = readFileSync(file('lists/requests.jsonl'), 'utf8');
    expect(await run(asked)).toBe(list);
    const out = new PassThrough();
    await publish(workspace, 'requests', Readable.from([list]), {}, out);
    expect(out.read().toString()).toMatch(
      /(^requests\/\d+\/\d+ {2}ucf101-\w{8}-0000\d\n){3}published 3 events to requests\n$/m,
    );
  });

  it('measures the videos that come of them under their own ids', async () => {
    await runPipelines(workspace, [workspace.pipeline('generate')], { drain: true, signal });
    const generated = file('.vimi/objects/videos');
    const ids = readFileSync(file('lists/requests.jsonl'), 'utf8')
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line).id);
    const jobs = readdirSync(generated)
      .filter((name) => name.endsWith('.mp4'))
      .sort();
    expect(jobs.map((name) => name.replace(/-[0-9a-f]{20}-[0-9a-f]{16}\.mp4$/, ''))).toEqual(ids);
    const said = await run({ generated, real: generated, onnx: net('i3d'), inception: net('c3d'), out: file('out') });
    // Not a word of FVD for a net that is not I3D: here the name and the 400 logits are its.
    expect(said).toContain('## FVD (i3d)');
    expect(said).toContain('| 16 frames of 224x224 | 16 frames of 224x224 | yes |');
    expect(said).toContain('101 logits of c3d');
    expect(said).toContain('Only 3 generated videos');
    const report = JSON.parse(readFileSync(file('out/ucf101.json'), 'utf8'));
    expect(report).toMatchObject({
      ...{ evaluation: 'ucf101', n: 3, net: 'i3d' },
      onnxSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      inceptionSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    });
    expect(report.records[0].distance).toBeLessThan(1e-6);
    expect(readdirSync(file('out')).sort()).toEqual([
      ...['ucf101-generated.png', 'ucf101-real.png', 'ucf101.json', 'ucf101.md'],
    ]);
  });

  it('calls another net by its own name', async () => {
    const generated = file('.vimi/objects/videos');
    const said = await run({ generated, real: generated, onnx: net('video'), out: file('other') });
    expect(said).toContain('Frechet distance on video');
    expect(said).not.toContain('## FVD');
    expect(said).toContain('Not the published protocol (generated videos, the net sees, features of the distance)');
  });

  it('says what is missing before it begins', async () => {
    const generated = file('.vimi/objects/videos');
    const usage = { code: 'USAGE', message: expect.stringContaining('--write-requests N --classes FILE') };
    await expect(run({})).rejects.toMatchObject(usage);
    await expect(run({ writeRequests: 3 })).rejects.toMatchObject(usage);
    await expect(run({ generated, real: generated })).rejects.toMatchObject(usage);
    await expect(run({ writeRequests: 3, classes: 'x', generated })).rejects.toMatchObject(usage);
    const nets = { generated, real: generated, onnx: net('i3d'), inception: net('none') };
    await expect(run(nets)).rejects.toMatchObject({ code: 'WEIGHTS_NOT_FOUND' });
    const empty = { generated, real: file('lists'), onnx: net('i3d') };
    await expect(run(empty)).rejects.toMatchObject({
      code: 'MEDIA_NOT_FOUND',
      expected: expect.stringContaining('--real'),
    });
    const stopped = { generated, real: generated, onnx: net('video'), signal: AbortSignal.abort() };
    await expect(run(stopped)).rejects.toMatchObject({ code: 'CANCELLED' });
  });
});
