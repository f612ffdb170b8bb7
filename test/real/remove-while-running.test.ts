import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, inject, it, vi } from 'vitest';
import { parse, stringify } from 'yaml';
import { clusterTopology } from '../../infra/cluster-topology.mjs';
import { patience, patient } from '../support/patience.js';
import { runVimi } from './run-vimi.js';

/*
 * A source opts out while a process searches, answers requests and makes shards. From the removal on it shows in none of
 * them, and the proof of absence holds for all that was made before and after.
 */

const root = join(import.meta.dirname, '../..');
const folders: string[] = [];
const running: ChildProcess[] = [];

afterAll(async () => {
  for (const child of running) {
    const gone = once(child, 'exit');
    if (child.kill('SIGTERM')) await gone;
  }
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder with the topology of a profile, in which each clip gets a shard of its own, and media. */
function project(profile: 'embedded' | 'cluster'): string {
  const folder = mkdtempSync(join(tmpdir(), 'vimi-opt-out-'));
  folders.push(folder);
  const shipped = readFileSync(join(root, 'topology.yaml'), 'utf8').replace(
    /model: nano, upsampler: [\w-]+/,
    'model: fake',
  );
  const name = `optout-${randomUUID().slice(0, 8)}`;
  const topology = parse(profile === 'cluster' ? clusterTopology(name, { partitions: 2 }) : shipped);
  topology.segments.grow = topology.segments.grow.map((step: unknown) =>
    step === 'shard' ? { shard: { records: 1 } } : step,
  );
  writeFileSync(join(folder, 'topology.yaml'), stringify(topology));
  for (const [from, to] of [
    ['images/fox', 'fox'],
    ['images/mushroom', 'mushroom'],
    ['clips/fox-left-blue', 'early'],
    ['clips/automobile-left-green', 'late'],
  ] as const)
    for (const end of [from.startsWith('clips') ? 'mp4' : 'png', 'txt'])
      cpSync(join(root, `examples/media/${from}.${end}`), join(folder, `${to}.${end}`));
  // It names what is gone by then.
  writeFileSync(join(folder, 'late.txt'), 'a fox moves left on a green background');
  return folder;
}

/** Serves everything, in a process of its own. */
async function serve(cwd: string, env: NodeJS.ProcessEnv): Promise<string> {
  const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), 'run', '--http', '127.0.0.1:0'], {
    ...{ cwd, env, stdio: ['ignore', 'ignore', 'pipe'] },
  });
  running.push(child);
  let said = '';
  for await (const chunk of child.stderr!) {
    said += chunk;
    const url = /HTTP at (\S+)/.exec(said)?.[1];
    if (url) {
      child.stderr!.resume();
      return url;
    }
  }
  throw new Error(said);
}

describe.each(['embedded', 'cluster'] as const)('a source that is removed while everything runs: %s', (profile) => {
  it('is in no search, no request and no shard from then on', { timeout: patience(400) }, async () => {
    const cwd = project(profile);
    const env = { ...process.env, ...inject('servers'), VIMI_PROFILE: profile };
    const vimi = async (...args: string[]) => {
      const { code, out, err } = await runVimi(args, { cwd, env });
      return { code, err, facts: out.split('\n').flatMap((line) => (line.startsWith('{') ? [JSON.parse(line)] : [])) };
    };
    const url = await serve(cwd, env);
    const get = async (path: string, body?: object) => {
      const headers = { 'content-type': 'application/json' };
      const asked = body && { method: 'POST', headers, body: JSON.stringify(body) };
      // biome-ignore lint/suspicious/noExplicitAny: what came is what the test looks at.
      return (await (await fetch(`${url}${path}`, asked)).json()) as any;
    };
    const captions = (found: { caption: string }[]) => found.map(({ caption }) => caption);
    const search = async () => captions((await get('/v1/corpus/documents?q=a%20fox&k=5')).data);
    /** What a video was made with. */
    const request = async (prompt: string) => {
      const { id } = await get('/v1/videos', { prompt, frames: 4 });
      const videos = await vi.waitFor(async () => {
        const job = await get(`/v1/videos/${id}`);
        expect(job.status).toBe('completed');
        return job;
      }, patient);
      return captions(videos.context);
    };
    const take = async (file: string, source: string) => {
      const { facts, err } = await vimi('ingest', file, '--source', source, '--json');
      expect(facts.at(-1)?.outcomes, err).toEqual({ delivered: 1, rejected: 0, dropped: {} });
    };
    const isAbsent = async () => (await vimi('corpus', 'verify-removed', 'zoo', '--json')).code === 0;

    await take('fox.png', 'zoo');
    await take('mushroom.png', 'park');
    await vi.waitFor(async () => expect(await search()).toContain('a fox'), patient);
    expect(await request('a fox moves left')).toContain('a fox');
    await take('early.mp4', 'films');
    expect(await isAbsent()).toBe(false);

    expect((await vimi('corpus', 'remove', 'zoo', '--rewrite-shards')).code).toBe(0);
    await vi.waitFor(async () => expect(await search()).not.toContain('a fox'), patient);
    expect(await search()).toContain('a mushroom');
    expect(await request('a fox moves left')).not.toContain('a fox');
    await take('late.mp4', 'films');
    expect(await isAbsent()).toBe(true);
  });
});
