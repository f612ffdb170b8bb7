import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, inject, it, vi } from 'vitest';
import { clusterTopology } from '../../infra/cluster-topology.mjs';
import { addSecret, secretPath } from '../../src/app/webhooks/secret-file.js';
import { patient } from '../support/patience.js';
import { killReplica, type Replica, startReplica } from './replica.js';

/*
 * Webhooks of two processes over Kafka, each of which sends those of its partitions: what one owes when it is killed, the other
 * sends, under the same ids.
 */

const folder = mkdtempSync(join(tmpdir(), 'vimi-webhooks-'));
const topology = join(folder, 'topology.yaml');
const replicas: Replica[] = [];

/** What came of each job: the id of the message, once for each attempt. */
const came = new Map<string, string[]>();
/** Attempts that wait for an answer; null: they are answered as they come. */
let held: ServerResponse[] | null = [];
const receiver = createServer(async (request, response) => {
  let text = '';
  for await (const chunk of request) text += chunk;
  const { id } = JSON.parse(text).data;
  came.set(id, [...(came.get(id) ?? []), String(request.headers['webhook-id'])]);
  if (held) held.push(response);
  else response.writeHead(204).end();
});

afterAll(async () => {
  for (const one of replicas) await killReplica(one, 'SIGTERM');
  receiver.closeAllConnections();
  receiver.close();
  rmSync(folder, { recursive: true, force: true });
});

it('are sent by the process that is left, when another is killed while it owes them', patient, async () => {
  Object.assign(process.env, inject('servers'));
  receiver.listen(0, '127.0.0.1');
  await once(receiver, 'listening');
  const host = `127.0.0.1:${(receiver.address() as AddressInfo).port}`;
  const text = JSON.parse(clusterTopology(`hooks-${randomUUID().slice(0, 8)}`, { partitions: 4 }));
  // The other one finds out soon.
  text.profiles.cluster.transport.session_timeout = '6s';
  writeFileSync(topology, JSON.stringify({ ...text, webhook_hosts: [host] }));
  await addSecret(secretPath(folder, {}), null);
  replicas.push(await startReplica(topology), await startReplica(topology));
  const [first, second] = replicas as [Replica, Replica];

  const asked = await Promise.all(
    Array.from({ length: 12 }, async (_, n) => {
      const body = JSON.stringify({ prompt: `a fox ${n}`, frames: 4, webhook: { url: `http://${host}/videos` } });
      const headers = { 'content-type': 'application/json' };
      const answer = await fetch(`${replicas[n % 2]!.url}/v1/videos`, { method: 'POST', headers, body });
      expect(answer.status).toBe(202);
      return ((await answer.json()) as { id: string }).id;
    }),
  );
  // Every job is over, and its message is on its way, unanswered; at most eight are at one host for each process.
  await vi.waitFor(() => expect(came.size).toBe(12), patient);
  await killReplica(first);
  for (const response of held!) response.writeHead(204).end();
  held = null;

  const states = async () => {
    const answer = await fetch(`${second.url}/v1/webhooks/deliveries?limit=100`);
    const { data } = (await answer.json()) as { data: { status: string }[] };
    return data.map(({ status }) => status);
  };
  await vi.waitFor(async () => expect(await states()).toEqual(Array(12).fill('delivered')), patient);
  expect([...came.keys()].sort()).toEqual(asked.toSorted());
  for (const ids of came.values()) expect(new Set(ids).size).toBe(1);
  expect([...came.values()].some((ids) => ids.length > 1)).toBe(true);
  const metrics = await (await fetch(`${second.url}/metrics`)).text();
  expect(metrics).toContain('vimi_webhooks_waiting 0');
  expect(metrics).toContain('vimi_webhook_attempts_total{outcome="delivered"} 12');
});
