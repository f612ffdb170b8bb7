import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, expect, it } from 'vitest';
import type { PipelineReport } from '../../src/streams/pipeline.js';
import { openEmbedded } from '../../src/streams/transports/embedded.js';
import { delivered, media, prepareTopics, readAll, temporaryFolder } from './pipeline-fixtures.js';

const folder = temporaryFolder();
afterEach(() => folder.remove());

const kills = 14;
const events = 1500;
const seed = Number(process.env.SEED ?? 20240706);

function start(path: string, ...more: string[]) {
  const script = join(import.meta.dirname, 'crash-run.mjs');
  const child = spawn(process.execPath, [script, path, ...more], { stdio: ['ignore', 'pipe', 'inherit'] });
  let said = '';
  child.stdout.on('data', (text) => {
    said += text;
  });
  return { child, said: () => said };
}

it(`gives every event one fate over ${kills} deaths at random moments (SEED=${seed})`, {
  timeout: 120_000,
}, async () => {
  const path = join(folder.path, 'log.sqlite');
  const transport = openEmbedded({ path });
  await prepareTopics(transport, 3);
  const moments = fc.sample(fc.integer({ min: 0, max: 160 }), { numRuns: kills, seed });
  const uris = Array.from({ length: events }, (_, n) => `m${String(n).padStart(6, '0')}`);
  const batch = Math.ceil(events / kills);
  for (const [n, moment] of moments.entries()) {
    await transport.publish(uris.slice(n * batch, (n + 1) * batch).map((uri) => media(uri)));
    const { child } = start(path);
    await once(child.stdout, 'data');
    // The moment is what is random here; nothing is expected to have happened by then.
    await sleep(moment);
    child.kill('SIGKILL');
    await once(child, 'exit');
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
