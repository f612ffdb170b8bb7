import { createHash, randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, inject, it } from 'vitest';
import { clusterTopology } from '../../infra/cluster-topology.mjs';
import { killReplica, type Replica, startReplica } from './replica.js';

/*
 * Two processes over Kafka and S3 that serve HTTP and share the work: whichever is asked answers for every job, and goes on
 * when the other is killed. What test/server looks at closely is here seen to hold between processes.
 */

const folder = mkdtempSync(join(tmpdir(), 'vimi-http-'));
const topology = join(folder, 'topology.yaml');
const replicas: Replica[] = [];

beforeAll(async () => {
  Object.assign(process.env, inject('servers'));
  writeFileSync(topology, clusterTopology(`http-${randomUUID().slice(0, 8)}`, { partitions: 4 }));
  replicas.push(await startReplica(topology), await startReplica(topology));
});
afterAll(async () => {
  for (const one of replicas) await killReplica(one, 'SIGTERM');
  rmSync(folder, { recursive: true, force: true });
});

const [first, second] = [0, 1];
// biome-ignore lint/suspicious/noExplicitAny: what came is what the test looks at.
async function call(at: number, path: string, init?: RequestInit): Promise<{ status: number; body: any }> {
  const answer = await fetch(`${replicas[at]!.url}${path}`, init);
  return { status: answer.status, body: await answer.json() };
}
const post = (at: number, body: object, headers: Record<string, string> = {}) =>
  call(at, '/v1/videos', {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });

/** The last event of a job's stream. */
async function ended(at: number, id: string) {
  const answer = await fetch(`${replicas[at]!.url}/v1/videos/${id}/events`);
  const blocks = (await answer.text()).trim().split('\n\n');
  const [, event, data] = /event: (.*)\ndata: (.*)$/.exec(blocks.at(-1)!) ?? [];
  return { event, job: JSON.parse(data!) };
}

it('answers for every job at every process, and after one is killed', async () => {
  const asked = await Promise.all(
    Array.from({ length: 8 }, (_, n) => post(n % 2, { prompt: `a fox moves left ${n}`, frames: 4, seed: n })),
  );
  expect(asked.map(({ status }) => status)).toEqual(Array(8).fill(202));
  const ids = asked.map(({ body }) => body.id as string);
  // Asked of the process that was not asked for the video, at once.
  for (const [n, id] of ids.entries()) expect((await call((n + 1) % 2, `/v1/videos/${id}`)).body.id).toBe(id);
  const ends = await Promise.all(ids.map((id, n) => ended((n + 1) % 2, id)));
  expect(ends.map(({ event, job }) => [event, job.status])).toEqual(ids.map(() => ['end', 'completed']));
  for (const [n, id] of ids.entries())
    for (const at of [first, second]) expect((await call(at, `/v1/videos/${id}`)).body).toEqual(ends[n]!.job);
  const content = `/v1/videos/${ids[0]}/content`;
  const [whole, part] = await Promise.all([
    fetch(`${replicas[first]!.url}${content}`),
    fetch(`${replicas[second]!.url}${content}`, { headers: { range: 'bytes=100-199' } }),
  ]);
  const bytes = Buffer.from(await whole.arrayBuffer());
  expect(whole.headers.get('etag')).toBe(`"${createHash('sha256').update(bytes).digest('hex')}"`);
  expect(part.status).toBe(206);
  expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(100, 200))).toBe(true);

  const key = { 'idempotency-key': 'order-66' };
  const once66 = await post(first, { prompt: 'a boat', frames: 4 }, key);
  expect((await post(second, { prompt: 'a boat', frames: 4 }, key)).body.id).toBe(once66.body.id);
  expect((await post(second, { prompt: 'a kite', frames: 4 }, key)).status).toBe(422);

  const late = await Promise.all([0, 1, 2, 3].map((n) => post(first, { prompt: `a cup ${n}`, frames: 4 })));
  await killReplica(replicas[first]!);
  const all = [once66, ...late].map(({ body }) => body.id as string);
  const rest = await Promise.all(all.map((id) => ended(second, id)));
  expect(rest.map(({ job }) => job.status)).toEqual(all.map(() => 'completed'));
  const list = await call(second, '/v1/videos?limit=100');
  expect(new Set(list.body.data.map(({ id }: { id: string }) => id))).toEqual(new Set([...ids, ...all]));
});
