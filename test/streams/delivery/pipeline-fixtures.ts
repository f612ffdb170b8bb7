import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../../../src/core/clock.js';
import type { NewRecord, StoredRecord } from '../../../src/events/record.js';
import type { MediaAdded } from '../../../src/events/schemas.js';
import { defineOperator } from '../../../src/flow/define-operator.js';
import type { Envelope } from '../../../src/flow/envelope.js';
import type { Flow } from '../../../src/flow/flow.js';
import { mapEach } from '../../../src/flow/map-each.js';
import type { Operator, OperatorInstance, Resources } from '../../../src/flow/operator.js';
import type { PipelineSpec } from '../../../src/streams/delivery/pipeline-spec.js';
import type { Transport } from '../../../src/streams/transports/transport.js';
import { quietLog, resourcesWith } from '../../operators/run-operator.js';

export { quietLog, resourcesWith };

export function temporaryFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'vimi-'));
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) };
}

/** An operator written in a test. */
export function testOperator(name: string, create: (resources: Resources) => OperatorInstance): Operator {
  const operator = defineOperator({ name, summary: 'For a test.', needs: [], adds: [] }, { process: () => ({}) });
  return { ...operator, create: (_config, resources) => create(resources) };
}

/** Work on each media event; its uri says which. */
export function eachMedia(
  work: (
    media: MediaAdded,
    envelope: Envelope<Flow>,
  ) => Promise<Partial<Flow> | Partial<Flow>[]> | Partial<Flow> | Partial<Flow>[],
  concurrency = 1000,
): Operator {
  return testOperator('work', () => ({
    step: mapEach<'media'>((data, envelope) => work(data.media, envelope as Envelope<Flow>), {
      step: 'work',
      concurrency,
      clock: systemClock,
      backoffMs: 1,
    }),
  }));
}

/** A job.changed product named by the uri: the cheapest event that there is. */
export function productOf(id: string): Pick<Flow, 'product'> {
  return {
    product: {
      body: Buffer.from(id),
      mediaType: 'text/plain',
      fields: { job: id },
      schema: 'job.changed',
      data: { job: id, state: 'completed' },
      id,
    },
  };
}

export function spec(operators: Operator[], changes: Partial<PipelineSpec> = {}): PipelineSpec {
  return {
    name: 'test',
    group: 'test',
    from: 'in',
    schemas: ['media.added'],
    maxInFlight: 64,
    steps: operators.map((operator, n) => ({
      name: n === 0 ? operator.name : `${operator.name}-${n}`,
      operator,
      config: {},
    })),
    to: [{ topic: 'out', schema: 'job.changed' }],
    rejects: 'rejects',
    ...changes,
  };
}

export function media(uri: string, key: string | null = uri): NewRecord {
  return {
    topic: 'in',
    key: key === null ? null : Buffer.from(key),
    value: Buffer.from(JSON.stringify({ uri })),
    headers: {},
  };
}

export async function prepareTopics(transport: Transport, partitions = 2): Promise<void> {
  await transport.ensureTopics(
    ['in', 'out', 'rejects'].map((name) => ({ name, partitions, cleanup: 'delete' as const })),
  );
}

export async function readAll(transport: Transport, topic: string): Promise<StoredRecord[]> {
  const records: StoredRecord[] = [];
  for await (const record of transport.read(topic)) records.push(record);
  return records;
}

/** The ids that the out topic tells of, sorted. */
export async function delivered(transport: Transport, topic = 'out'): Promise<string[]> {
  const records = await readAll(transport, topic);
  return records.map(({ value }) => (JSON.parse(String(value)) as { job: string }).job).sort();
}

/** For who takes a group although its consumer lives, as over a volume on which locks do not work. */
export const unlocked = { release: () => {} };
