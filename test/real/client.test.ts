import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { clusterTopology } from '../../infra/cluster-topology.mjs';
import { type Client, openClient } from '../../src/app/client/index.js';

/*
 * The client over Kafka and S3, while another process serves: what test/app/client.test.ts looks at closely is here seen
 * to hold between processes.
 */

const root = join(import.meta.dirname, '../..');
const servers = inject('servers');
const folder = mkdtempSync(join(tmpdir(), 'vimi-client-'));
const topology = join(folder, 'topology.yaml');
let service: ChildProcess;
let client: Client;

beforeAll(async () => {
  Object.assign(process.env, servers);
  writeFileSync(topology, clusterTopology(`client-${randomUUID().slice(0, 8)}`, { partitions: 4 }));
  const run = ['-t', topology, '-p', 'cluster', 'run', '--pipeline', 'generate'];
  service = spawn(process.execPath, [join(root, 'dist/cli/main.js'), ...run], { stdio: 'ignore' });
  client = await openClient({ topology, profile: 'cluster' });
});
afterAll(async () => {
  await client.close();
  const gone = once(service, 'exit');
  service.kill('SIGTERM');
  await gone;
  rmSync(folder, { recursive: true, force: true });
});

it('submits, follows and fetches many at once, and one request twice is one job', async () => {
  const prompts = ['a fox moves left', 'a boat moves right', 'a kite moves up', 'a leaf falls'];
  const jobs = await Promise.all(prompts.map((prompt) => client.submit({ prompt, frames: 4 }, { id: prompt })));
  for (const [n, video] of (await Promise.all(jobs.map((job) => job.video()))).entries()) {
    expect(video.data).toMatchObject({ job: jobs[n]!.id, request: { id: prompts[n] } });
    expect(await client.bytes(video)).toHaveLength(video.data.object.size);
  }
  const again = await client.submit({ prompt: prompts[0]!, frames: 4 }, { id: prompts[0] });
  expect((await again.video()).id).toBe((await jobs[0]!.video()).id);
  await expect(client.submit('another', { id: prompts[0] })).rejects.toMatchObject({ code: 'REQUEST_ID_TAKEN' });
});

it('cancels a request, before or while it runs, or finds it done', async () => {
  const job = await client.submit('a fox runs');
  await job.cancel();
  let last: string | undefined;
  for await (const { state } of job.changes()) last = state;
  expect(['cancelled', 'completed']).toContain(last);
});
