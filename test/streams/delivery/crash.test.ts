import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import type { PipelineReport } from '../../../src/streams/delivery/pipeline.js';
import { openEmbedded } from '../../../src/streams/transports/embedded/open-embedded.js';
import { patience } from '../../support/patience.js';
import { delivered, media, prepareTopics, readAll, temporaryFolder } from './pipeline-fixtures.js';

const folder = temporaryFolder();
afterEach(() => folder.remove());

const kills = 14;
/** Published before the first start, and before each start. */
const [first, each] = [1000, 80];
/** The most that one run begins before it dies: never more than there are. */
const most = 140;
const seed = Number(process.env.SEED ?? 20240706);

function start(path: string, ...more: string[]) {
  const script = join(import.meta.dirname, 'crash-run.mjs');
  const child = spawn(process.execPath, [script, path, ...more], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  const watching = new Set<() => void>();
  child.stdout.on('data', (text) => {
    said += text;
    for (const look of watching) look();
  });
  return {
    child,
    said: () => said,
    /** Resolves when it has begun so many events. */
    begun: (count: number) =>
      new Promise<void>((resolve) => {
        watching.add(() => said.length >= count && resolve());
      }),
  };
}

it(`gives every event one outcome over ${kills} deaths at random moments (SEED=${seed})`, {
  timeout: patience(300),
}, async () => {
  const path = join(folder.path, 'log.sqlite');
  const transport = openEmbedded({ path });
  await prepareTopics(transport, 3);
  const uris = Array.from({ length: first + kills * each }, (_, n) => `m${String(n).padStart(6, '0')}`);
  // So many events begun, and so many milliseconds later.
  const moments = fc.sample(fc.tuple(fc.integer({ min: 1, max: most }), fc.nat({ max: 12 })), { numRuns: kills, seed });
  await transport.publish(uris.slice(0, first).map((uri) => media(uri)));
  for (const [n, [begun, later]] of moments.entries()) {
    await transport.publish(uris.slice(first + n * each, first + (n + 1) * each).map((uri) => media(uri)));
    const run = start(path);
    await run.begun(begun);
    // This adds to the moment's randomness; nothing is expected to happen in it.
    await sleep(later);
    run.child.kill('SIGKILL');
    await once(run.child, 'exit');
  }
  const done = (await delivered(transport)).length;
  const last = start(path, 'drain');
  const [code] = await once(last.child, 'exit');
  expect(code).toBe(0);
  const { run, total } = JSON.parse(last.said().split('\n')[1]!) as PipelineReport;
  // Else the deaths came too early or too late to mean anything.
  expect(done).toBeGreaterThan(0);
  expect(run.delivered).toBeGreaterThan(0);

  const kind = (uri: string) => Number(uri.slice(1)) % 10;
  expect(total).toEqual({
    delivered: uris.filter((uri) => kind(uri) !== 7 && kind(uri) !== 8).length,
    rejected: uris.filter((uri) => kind(uri) === 7).length,
    dropped: { 'too-still': uris.filter((uri) => kind(uri) === 8).length },
  });
  const all = await delivered(transport);
  expect(all.filter((id) => !id.startsWith('seal'))).toEqual(
    uris
      .flatMap((uri) => {
        if (kind(uri) === 9) return ['a', 'b', 'c'].map((part) => `${uri}.${part}`);
        return kind(uri) === 7 || kind(uri) === 8 ? [] : [uri];
      })
      .sort(),
  );
  const rejected = (await readAll(transport, 'rejects')).map(({ value }) => JSON.parse(String(value)).origin);
  const places = rejected.map(({ partition, offset }) => `${partition}/${offset}`);
  expect(new Set(places).size).toBe(places.length);
  expect(places.length).toBe(total.rejected);

  const seals = all.filter((id) => id.startsWith('seal')).map((id) => id.split(' ').slice(1).map(Number));
  for (const { partition, high } of await transport.ends('in')) {
    const mine = seals.filter(([of]) => of === partition).sort(([, a], [, b]) => a! - b!);
    expect(mine.map(([, from]) => from)).toEqual([0, ...mine.slice(0, -1).map(([, , to]) => to)]);
    expect(mine.at(-1)![2]).toBe(high);
  }
  await transport.close();
});
