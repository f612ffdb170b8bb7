import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, vi } from 'vitest';
import type { NewRecord } from '../../src/events/record.js';
import type { Transport } from '../../src/streams/transports/transport.js';
import { readAll } from '../streams/delivery/pipeline-fixtures.js';
import { patient } from '../support/patience.js';
import { brokers } from './kafka-broker.js';

/** For what other processes do on a busy machine. */
export const wait = { ...patient, interval: 50 };

export interface Line {
  began?: string;
  info?: string;
  warn?: string;
  report?: { end: string };
  [more: string]: unknown;
}

export interface Worker {
  child: ChildProcess;
  lines: Line[];
  /** Its exit code. */
  ended: Promise<number | null>;
  kill(signal: NodeJS.Signals): void;
}

const started: Worker[] = [];

/** Another process of the group that consumes `topic`: see kafka-run.mjs. */
export function startWorker(topic: string, options: Record<string, unknown> = {}): Worker {
  const script = join(import.meta.dirname, 'kafka-run.mjs');
  const child = spawn(process.execPath, [script, JSON.stringify({ brokers, topic, ...options })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const lines: Line[] = [];
  createInterface({ input: child.stdout! }).on('line', (line) => lines.push(JSON.parse(line) as Line));
  const ended = once(child, 'exit').then(([code]) => code as number | null);
  const worker = { child, lines, ended, kill: (signal: NodeJS.Signals) => void child.kill(signal) };
  started.push(worker);
  return worker;
}

export async function endWorkers(): Promise<void> {
  for (const { child, ended } of started.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
}

/** What a worker that runs tells a scraper: the number of each metric, by its name with labels; 0 when it has none. */
export async function metricsOf({ lines }: Worker): Promise<(metric: string) => number> {
  const url = await vi.waitFor(() => {
    const found = lines.find(({ metrics }) => metrics)?.metrics;
    expect(found).toBeTypeOf('string');
    return found as string;
  }, wait);
  const text = await (await fetch(url)).text();
  return (metric) =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${metric} `))
        ?.slice(metric.length) ?? 0,
    );
}

export function partitionsOf({ lines }: Worker): number[] {
  return lines.filter(({ debug }) => debug === 'Assigned').map(({ partition }) => Number(partition));
}

/** With topics for the outputs and rejects, too. */
export async function freshTopic(
  transport: Transport,
  partitions: number,
  topic = `in-${randomUUID().slice(0, 8)}`,
): Promise<string> {
  await transport.ensureTopics(
    [topic, `${topic}-out`].map((name) => ({ name, partitions, cleanup: 'delete' as const })),
  );
  // As the topology has it.
  const largestRecord = 2 * 1024 * 1024;
  await transport.ensureTopics([{ name: `${topic}-rejects`, partitions, cleanup: 'delete', largestRecord }]);
  return topic;
}

/** Events m<from> to m<to - 1>. */
export function events(topic: string, from: number, to: number): NewRecord[] {
  return Array.from({ length: to - from }, (_, n) => ({
    topic,
    key: Buffer.from(`m${from + n}`),
    value: Buffer.from(JSON.stringify({ uri: `m${from + n}` })),
    headers: {},
  }));
}

export function expectedOutputs(count: number): string[] {
  return Array.from({ length: count }, (_, n) => n)
    .flatMap((n) => {
      if (n % 10 === 9) return ['a', 'b', 'c'].map((part) => `m${n}.${part}`);
      return n % 10 === 7 || n % 10 === 8 ? [] : [`m${n}`];
    })
    .sort();
}

export async function outputsOf(transport: Transport, topic: string): Promise<string[]> {
  const records = await readAll(transport, `${topic}-out`);
  return records.map(({ value }) => (JSON.parse(String(value)) as { job: string }).job).sort();
}

/** Waits until all is settled, and checks that each event had one outcome and each output appeared once. */
export async function expectExactlyOnce(
  transport: Transport,
  topic: string,
  count: number,
  timeout = wait.timeout,
): Promise<void> {
  const wanted = { outputs: expectedOutputs(count), rejects: Math.floor((count + 2) / 10) };
  const look = async () => ({ outputs: await outputsOf(transport, topic), rejects: await rejectsOf(transport, topic) });
  await vi.waitFor(
    async () => {
      const { outputs, rejects } = await look();
      expect(outputs.length).toBeGreaterThanOrEqual(wanted.outputs.length);
      expect(rejects.length).toBeGreaterThanOrEqual(wanted.rejects);
    },
    { timeout, interval: 500 },
  );
  const { outputs, rejects } = await look();
  expect(outputs).toEqual(wanted.outputs);
  expect(new Set(rejects).size).toBe(rejects.length);
  expect(rejects.length).toBe(wanted.rejects);
}

/** The places of rejected records. */
async function rejectsOf(transport: Transport, topic: string): Promise<string[]> {
  return (await readAll(transport, `${topic}-rejects`)).map(({ value }) => {
    const { origin } = JSON.parse(String(value)) as { origin: { partition: number; offset: number } };
    return `${origin.partition}/${origin.offset}`;
  });
}
