import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, expect, inject, it, vi } from 'vitest';
import { clusterTopology } from '../../infra/cluster-topology.mjs';
import type { CorpusDocument } from '../../src/events/schemas.js';
import { decodePosition } from '../../src/streams/delivery/position.js';
import type { Transport } from '../../src/streams/transports/transport.js';
import { readAll } from '../streams/delivery/pipeline-fixtures.js';
import { patience, patient } from '../support/patience.js';
import { kafkaTransport } from './kafka-broker.js';

/*
 * What is promised of media that look the same and come at once, to two processes with an index each, as on two machines:
 * each process lets at most one of them through, at least one comes through, and once the index has that one, none does.
 */

const root = join(import.meta.dirname, '../..');
const name = `alike-${randomUUID().slice(0, 8)}`;
const images = ['fox', 'mushroom', 'penguin', 'rocket'];
const copies = 12;
const machines = ['one', 'two'];
const wait = { ...patient, interval: 250 };
const processes: { child: ChildProcess; said: string }[] = [];
let folder: string;
let transport: Transport;

const vimi = (args: string[]) =>
  promisify(execFile)(process.execPath, [join(root, 'dist/cli/main.js'), ...args], {
    cwd: folder,
    env: { ...process.env, ...inject('servers') },
  });

/** A `vimi run` of the corpus pipeline, on a machine of its own. */
function start(machine: string): void {
  const topology = JSON.parse(clusterTopology(name));
  topology.profiles.cluster.search.path = `.vimi/${machine}/index`;
  writeFileSync(join(folder, `${machine}.yaml`), JSON.stringify(topology));
  const args = ['-t', `${machine}.yaml`, '-p', 'cluster', '--log-level', 'debug', 'run', '--pipeline', 'corpus'];
  const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), ...args], {
    cwd: folder,
    env: { ...process.env, ...inject('servers') },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const one = { child, said: '' };
  child.stderr.on('data', (text) => {
    one.said += text;
  });
  processes.push(one);
}

/** Copies under names and captions of their own, so that each that comes through is a document of its own. */
async function publishCopies(wave: string): Promise<void> {
  const copyOf = (image: string, n: number) => `${image}-${wave}-${n}.png`;
  for (const image of images)
    for (let n = 0; n < copies; n++)
      cpSync(join(root, `examples/media/images/${image}.png`), join(folder, copyOf(image, n)));
  await transport.publish(
    Array.from({ length: copies }, (_, n) => n).flatMap((n) =>
      images.map((image) => ({
        topic: `${name}-media`,
        key: Buffer.from(`${wave} ${image} ${n}`),
        value: Buffer.from(JSON.stringify({ uri: copyOf(image, n), caption: `a ${image}, ${wave} copy ${n}` })),
        headers: {},
      })),
    ),
  );
}

async function untilSettled(): Promise<void> {
  await vi.waitFor(async () => {
    const positions = await transport.positions(`${name}-corpus`, `${name}-media`);
    for (const { partition, high } of await transport.ends(`${name}-media`))
      expect(decodePosition(positions.get(partition) ?? null).committedOffset).toBe(high);
  }, wait);
}

/** How many copies of each image came through. */
async function documents(): Promise<number[]> {
  const all = (await readAll(transport, `${name}-corpus`)).map(
    ({ value }) => JSON.parse(String(value)) as CorpusDocument,
  );
  return images.map((image) => all.filter(({ caption }) => caption.startsWith(`a ${image},`)).length);
}

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vimi-alike-'));
  transport = kafkaTransport();
});
afterAll(async () => {
  for (const { child } of processes) {
    if (child.exitCode !== null) continue;
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }
  await transport.close();
  rmSync(folder, { recursive: true, force: true });
});

it('lets an image through at most once a process, and not again', { timeout: patience(400) }, async () => {
  for (const machine of machines) start(machine);
  const assigned = ({ said }: { said: string }) => new Set(said.match(/"partition":\d+,[^\n]*"msg":"Assigned"/g)).size;
  await vi.waitFor(() => {
    for (const process of processes) expect(assigned(process), process.said.slice(-2000)).toBeGreaterThan(0);
  }, wait);
  await publishCopies('first');
  await untilSettled();
  const first = await documents();
  for (const count of first) {
    expect(count).toBeGreaterThanOrEqual(1);
    expect(count).toBeLessThanOrEqual(machines.length);
  }
  // A search first waits until the index of its machine has all that the topic holds.
  for (const machine of machines) await vimi(['-t', `${machine}.yaml`, '-p', 'cluster', 'corpus', 'search', 'a fox']);
  await publishCopies('second');
  await untilSettled();
  expect(await documents()).toEqual(first);
});
