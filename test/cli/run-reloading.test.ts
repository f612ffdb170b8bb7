import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { Workspace } from '../../src/app/workspace.js';
import { type ReloadingRun, runReloading } from '../../src/cli/commands/run-reloading.js';
import { quietLog } from '../operators/run-operator.js';
import { printed } from './printed.js';

const folder = mkdtempSync(join(tmpdir(), 'vimi-reload-'));
const topology = join(folder, 'topology.yaml');
const shipped = readFileSync(resolve(import.meta.dirname, '../../topology.yaml'), 'utf8');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** A run that goes on until it is told to end, and what a test does to it. */
function started(more: Partial<ReloadingRun> = {}) {
  writeFileSync(topology, shipped);
  const end = new AbortController();
  const err = printed();
  const runs: { maxInFlight: number; signal: AbortSignal; closed: boolean }[] = [];
  let reload = () => {};
  let listening = 0;
  let began = () => {};
  /** What a run still waits for when it is told to end. */
  const held = { until: Promise.resolve() };
  const ended = runReloading(
    {
      open: () => Workspace.open({ topology, log: quietLog }),
      choose: (workspace) => [workspace.pipeline('generate')],
      async run(workspace, [pipeline], signal) {
        const one = { maxInFlight: pipeline!.maxInFlight, signal, closed: false };
        runs.push(one);
        const close = workspace.close.bind(workspace);
        workspace.close = async () => {
          one.closed = true;
          await close();
        };
        began();
        await new Promise<void>((resolve) => {
          if (signal.aborted) resolve();
          else signal.addEventListener('abort', () => resolve(), { once: true });
        });
        await held.until;
        return [];
      },
      signal: end.signal,
      onReload(asked) {
        listening++;
        reload = asked;
        return () => {
          listening--;
        };
      },
      ...more,
    },
    err,
  );
  return {
    ...{ ended, err, runs, end, held },
    reload: () => reload(),
    listening: () => listening,
    run: (n: number) =>
      new Promise<void>((resolve) => {
        began = () => runs.length >= n && resolve();
        began();
      }),
    says: async (text: string) => {
      while (!err.text.includes(text)) await new Promise((resolve) => setTimeout(resolve, 5));
    },
  };
}

const withMost = (most: number) => shipped.replace(/(from: requests[\s\S]*?max_in_flight: )\d+/, `$1${most}`);

describe('a run whose topology is read again', () => {
  it('goes on with the new one, once the old one has ended and is closed', async () => {
    const it = started();
    await it.run(1);
    writeFileSync(topology, withMost(5));
    it.reload();
    await it.run(2);
    expect(it.runs.map(({ maxInFlight }) => maxInFlight)).toEqual([expect.any(Number), 5]);
    expect(it.runs[0]!.maxInFlight).not.toBe(5);
    expect(it.runs[0]).toMatchObject({ closed: true });
    expect(it.runs[1]!.signal.aborted).toBe(false);
    it.end.abort();
    await it.ended;
    expect(it.runs[1]).toMatchObject({ closed: true });
    expect(it.listening()).toBe(0);
  });

  it('reads it once more when it is asked while the old run still ends', async () => {
    const it = started();
    await it.run(1);
    let release = () => {};
    it.held.until = new Promise((resolve) => {
      release = resolve;
    });
    writeFileSync(topology, withMost(5));
    it.reload();
    await it.says('is finished');
    writeFileSync(topology, withMost(6));
    it.reload();
    await it.says('is read once more');
    release();
    await it.run(3);
    expect(it.runs.map(({ maxInFlight }) => maxInFlight).slice(1)).toEqual([5, 6]);
    it.end.abort();
    await it.ended;
    expect(it.listening()).toBe(0);
  });

  it.each([
    ['has mistakes', 'nonsense: 1\n', "unknown key 'nonsense'"],
    ['has no such pipeline any more', shipped.replaceAll('\n  generate:', '\n  others:'), 'TOPOLOGY_INVALID|USAGE'],
    ['is gone', null, 'TOPOLOGY_NOT_FOUND'],
  ])('goes on as it was when the new one %s, and says why', async (_, text, why) => {
    const it = started();
    await it.run(1);
    if (text === null) rmSync(topology);
    else writeFileSync(topology, text);
    it.reload();
    await it.says('is refused');
    expect(it.err.text).toMatch(new RegExp(why));
    expect(it.runs).toHaveLength(1);
    expect(it.runs[0]!.signal.aborted).toBe(false);
    // And takes the next one that is right.
    writeFileSync(topology, withMost(7));
    it.reload();
    await it.run(2);
    expect(it.runs[1]!.maxInFlight).toBe(7);
    it.end.abort();
    await it.ended;
  });

  it('ends when it is stopped while the topology is read', async () => {
    const it = started();
    await it.run(1);
    it.reload();
    it.end.abort();
    await it.ended;
    expect(it.runs).toHaveLength(1);
    expect(it.runs[0]!.closed).toBe(true);
  });

  it('ends with the error of a run that cannot go on', async () => {
    const it = started({ run: () => Promise.reject(new Error('no broker')) });
    await expect(it.ended).rejects.toThrow('no broker');
    expect(it.listening()).toBe(0);
  });
});
