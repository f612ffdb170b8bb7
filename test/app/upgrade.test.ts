import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isWaiting, readDeadLetters } from '../../src/app/rejects/dead-letters.js';
import { replayLetters } from '../../src/app/rejects/settle-letters.js';
import { recordIn } from '../../src/app/reproduce.js';
import { runPipelines } from '../../src/app/run-pipelines.js';
import { searchCorpus } from '../../src/app/search-corpus.js';
import { Workspace } from '../../src/app/workspace.js';
import { decodeEvent } from '../../src/events/cloudevents.js';
import type { VideoCompleted } from '../../src/events/schemas.js';
import { loadCheckpoint } from '../../src/models/training/loop/checkpoint.js';
import { readWeights } from '../../src/models/weights/safetensors.js';
import { operators } from '../../src/operators/index.js';
import { checkTopologyFile } from '../../src/streams/topology/read-topology.js';
import { never } from '../media/make-media.js';
import { quietLog } from '../operators/run-operator.js';

/** What 0.1.0 wrote: test/fixtures/0.1.0/README.md says how. */
const fixtures = join(import.meta.dirname, '../fixtures/0.1.0');
const folder = mkdtempSync(join(tmpdir(), 'vimi-upgrade-'));
const topology = join(folder, 'topology.yaml');
let old: string;
let workspace: Workspace;

beforeAll(async () => {
  execFileSync('tar', ['-xzf', join(fixtures, 'workspace.tar.gz'), '-C', folder]);
  old = readFileSync(topology, 'utf8');
  const shipped = readFileSync(join(import.meta.dirname, '../../topology.yaml'), 'utf8');
  writeFileSync(
    topology,
    shipped.replace(/model: nano, upsampler: [\w-]+/, 'model: fake').replaceAll('partitions: 12', 'partitions: 2'),
  );
  workspace = await Workspace.open({ topology, log: quietLog });
});
afterAll(async () => {
  await workspace.close();
  rmSync(folder, { recursive: true, force: true });
});

async function eventsOf(topic: string) {
  const { schemas } = workspace.topic(topic);
  const events = [];
  for await (const record of (await workspace.transport()).read(topic)) events.push(decodeEvent(record, schemas));
  return events;
}

describe('what 0.1.0 wrote', () => {
  it('is a topology whose old names are told the new ones', async () => {
    const file = join(folder, 'old.yaml');
    writeFileSync(file, old);
    const { mistakes } = await checkTopologyFile(file, { env: {}, operators });
    expect(mistakes.map(({ message }) => message)).toEqual([
      "pipeline 'generate': 'window' is now called 'max_in_flight'",
    ]);
    writeFileSync(file, old.replace('window:', 'max_in_flight:'));
    expect((await checkTopologyFile(file, { env: {}, operators })).mistakes).toEqual([]);
  });

  it('is a log whose events are all read', async () => {
    const counts = { requests: 5, media: 2, corpus: 2, videos: 2, rejects: 1 };
    for (const [topic, count] of Object.entries(counts)) expect(await eventsOf(topic), topic).toHaveLength(count);
    expect(await (await workspace.transport()).check?.()).toBeGreaterThan(12);
  });

  it('is objects and videos with their records', async () => {
    const objects = await workspace.objects();
    for (const { data } of await eventsOf('videos')) {
      const { object, job } = data as VideoCompleted;
      const mp4 = await objects.get(object.key, { sha256: object.sha256 });
      expect(recordIn(mp4, object.key).job).toBe(job);
    }
  });

  it('is a corpus that is searched', async () => {
    await workspace.corpusIsCurrent();
    const { context, corpus } = await searchCorpus(workspace, 'a fox', { k: 1, mode: 'hybrid', kind: 'image' });
    expect(corpus.documents).toBe(2);
    expect(context.map(({ caption }) => caption)).toEqual(['a fox']);
  });

  it('is positions from which a run goes on: what waited is done, and nothing twice', async () => {
    const [report] = await runPipelines(workspace, [workspace.pipeline('generate')], { drain: true, signal: never });
    expect(report!.run).toEqual({ delivered: 2, rejected: 0, dropped: {} });
    expect(report!.total).toEqual({ delivered: 4, rejected: 1, dropped: {} });
    expect(await eventsOf('videos')).toHaveLength(4);
    const [media] = await runPipelines(workspace, [workspace.pipeline('corpus')], { drain: true, signal: never });
    expect(media!.run).toEqual({ delivered: 0, rejected: 0, dropped: {} });
  });

  it('is a dead letter that is replayed', async () => {
    const { letters } = await readDeadLetters(workspace);
    const waiting = letters.filter(isWaiting);
    expect(waiting.map(({ errors }) => errors.map(({ code }) => code))).toEqual([['PROMPT_EMPTY']]);
    for await (const { as } of replayLetters(workspace, waiting)) expect(as.topic).toBe('requests');
    expect(await eventsOf('requests')).toHaveLength(6);
  });

  it('is a checkpoint and weights', async () => {
    const specs = [
      { name: 'a.weight', shape: [2, 3] },
      { name: 'b', shape: [4] },
    ];
    const run = 'a run of 0.1.0';
    const found = await loadCheckpoint(fixtures, specs as unknown as Parameters<typeof loadCheckpoint>[1], run);
    expect(found?.step).toBe(17);
    expect([...found!.state.weights.get('a.weight')!]).toEqual([1, 2, 3, 4, 5, 6]);
    expect([...found!.state.second.get('b')!]).toEqual([4, 8, 12, 16]);
    const { tensors, metadata } = await readWeights(join(fixtures, 'weights.safetensors'));
    expect(metadata).toEqual({ model: 'tiny' });
    expect([...tensors.get('a.weight')!.values]).toEqual([0.5, 1.5, 2.5, 3.5, 4.5, 5.5]);
  });

  it('is small', () => {
    expect(
      readdirSync(fixtures).reduce((sum, name) => sum + readFileSync(join(fixtures, name)).length, 0),
    ).toBeLessThan(100_000);
  });
});
