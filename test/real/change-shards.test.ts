import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse, stringify } from 'yaml';
import { changeShards, type ShardChanges } from '../../src/app/samples/change-shards.js';
import { allShards } from '../../src/app/samples/live-shards.js';
import { Workspace } from '../../src/app/workspace.js';
import type { SamplesSealed } from '../../src/events/schemas.js';
import { quietLog } from '../operators/run-operator.js';
import { patience } from '../support/patience.js';
import { brokers, expelMembers } from './kafka-broker.js';

const folder = mkdtempSync(join(tmpdir(), 'vimi-changes-'));
const topic = `samples-${randomUUID().slice(0, 8)}`;
const opened: Workspace[] = [];

/** As another process has it. */
async function workspace(): Promise<Workspace> {
  const one = await Workspace.open({ topology: join(folder, 'topology.yaml'), env: {}, log: quietLog });
  opened.push(one);
  return one;
}

beforeAll(() => {
  const topology = parse(readFileSync(join(import.meta.dirname, '../../topology.yaml'), 'utf8'));
  topology.profiles = {
    test: { ...topology.profiles.embedded, transport: { type: 'kafka', brokers: brokers.join(',') } },
  };
  topology.topics = Object.fromEntries(
    Object.entries<object>(topology.topics).map(([name, spec]) => [name, { ...spec, partitions: 3 }]),
  );
  const text = stringify(topology)
    .replaceAll(/\bsamples:(?=\n)/g, `${topic}:`)
    .replaceAll('topic: samples', `topic: ${topic}`);
  writeFileSync(join(folder, 'topology.yaml'), text);
});
afterAll(async () => {
  await Promise.all(opened.map((one) => one.close()));
  rmSync(folder, { recursive: true, force: true });
});

const sealed = (shard: string, replaces: string[] = []): SamplesSealed =>
  ({
    ...{ shard, kind: 'clips', samples: 1, ...(replaces.length > 0 && { replaces }) },
    object: { key: `samples/${shard}.tar`, size: 1, sha256: '0'.repeat(64), media_type: 'application/x-tar' },
  }) as SamplesSealed;
const live = async (one: Workspace) =>
  (await allShards(one)).flatMap((shards) => shards.live.map(({ shard }) => shard)).sort();

describe('the right to replace shards, on Kafka', { timeout: patience(300) }, () => {
  it('is with one process at a time, and passes on', async () => {
    let working = 0;
    const added = async (name: string) => {
      const one = await workspace();
      await changeShards(one, topic, async (changes) => {
        expect(++working).toBe(1);
        // Each sees what the one before published.
        const before = await live(one);
        await changes.publish(sealed(name, before.slice(0, 1)), '/test');
        expect(await live(one)).toEqual([...before.slice(1), name].sort());
        working--;
      });
    };
    await Promise.all(['a', 'b', 'c'].map(added));
    expect(await live(opened[0]!)).toHaveLength(1);
  });

  it('is lost by who was taken for dead: nothing of it is published', async () => {
    const [one, other] = [await workspace(), await workspace()];
    const before = await live(one);
    let late: ShardChanges | undefined;
    let isOver = () => {};
    const over = new Promise<void>((resolve) => {
      isOver = resolve;
    });
    const hanging = changeShards(one, topic, async (changes) => {
      late = changes;
      await over;
      await changes.publish(sealed('late'), '/test');
    });
    hanging.catch(() => {});
    while (!late) await new Promise((resolve) => setTimeout(resolve, 20));
    await expelMembers(`vimi-changes-of.${topic}`);
    await changeShards(other, topic, (changes) => changes.publish(sealed('next'), '/test'));
    isOver();
    await expect(hanging).rejects.toMatchObject({ code: 'TRANSPORT_FENCED' });
    expect(await live(other)).toEqual([...before, 'next'].sort());
  });
});
