import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { resolve } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { liveGraph } from '../../../src/cli/graph.js';
import { operators } from '../../../src/operators/index.js';
import { createMetrics } from '../../../src/streams/delivery/metrics.js';
import { readTopology } from '../../../src/streams/topology/read-topology.js';
import { never } from '../../media/make-media.js';
import { thrownBy } from '../../operators/run-operator.js';

const shipped = resolve(import.meta.dirname, '../../../topology.yaml');
const topology = await readTopology(shipped, { env: {}, operators });

/** A process in which 5 events wait to be read, and embed works on 2 and hands one on for each look. */
const metrics = createMetrics();
metrics.watch('generate', () => ({
  ...{ partitions: 1, open: 3, waiting: 0, maxInFlight: 32, troubles: [] },
  ...{
    oldest: new Map(),
    inStep: new Map(topology.pipelines[0]!.steps.map(({ name }) => [name, name === 'embed' ? 2 : 0])),
  },
  behind: async () => new Map([[0, { lag: 8, waiting: 8 }]]),
}));
const server = createServer(async (_, response) => {
  metrics.stepSeconds.observe({ pipeline: 'generate', step: 'embed' }, 0.2);
  response.end(await metrics.registry.metrics());
});
beforeAll(() => new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening)));
afterAll(() => new Promise((closed) => server.close(closed)));

describe('the live graph', () => {
  it('has what happens in each step and waits in each topic, in every format', async () => {
    const at = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    const graph = JSON.parse(await liveGraph(topology, 'json', { at, signal: never }));
    const noteOf = (label: string) => graph.nodes.find((node: { label: string }) => node.label === label).note;
    expect(noteOf('embed')).toMatch(/^[\d.]+\/(s|min), 2 in flight, p99 \d+ ms$/);
    expect(noteOf('admit')).toBe('0/s, 0 in flight');
    expect(noteOf('requests')).toBe('5 waiting');
    // No run of the corpus is there.
    expect(noteOf('fetch')).toBeUndefined();
    expect(await liveGraph(topology, 'svg', { at, signal: never })).toContain('2 in flight');
    expect(await liveGraph(topology, 'mermaid', { at, signal: never })).toContain('2 in flight');
  });

  it('says where nothing answers', async () => {
    const at = '127.0.0.1:1';
    expect((await thrownBy(() => liveGraph(topology, 'svg', { at, signal: never }))).code).toBe('USAGE');
  });
});
