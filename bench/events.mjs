/**
 * Events per second through a pipeline of three operators, against a bare loop over the same SQLite file: it reads the
 * same records, does the same to them, and writes the same outputs and positions in transactions of the same size, but has
 * no envelope, no outcomes, no concurrency, no rejects and no schema.
 *
 *   npm run build && node bench/events.mjs [events] [rounds]
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../dist/core/clock.js';
import { SqliteFile } from '../dist/core/sqlite.js';
import { groupSize } from '../dist/streams/delivery/credit.js';
import { runPipeline } from '../dist/streams/delivery/pipeline.js';
import { openEmbedded } from '../dist/streams/transports/embedded/open-embedded.js';
import { operators, outputOf, quiet } from './three-operators.mjs';

const events = Number(process.argv[2] ?? 30_000);
const rounds = Number(process.argv[3] ?? 5);
const folder = mkdtempSync(join(tmpdir(), 'vimi-bench-'));

async function prepared(/** @type {string} */ name) {
  const path = join(folder, `${name}.sqlite`);
  const transport = openEmbedded({ path });
  await transport.ensureTopics(['in', 'out'].map((topic) => ({ name: topic, partitions: 1, cleanup: 'delete' })));
  for (let at = 0; at < events; at += 1000)
    await transport.publish(
      Array.from({ length: Math.min(1000, events - at) }, (_, n) => ({
        topic: 'in',
        key: Buffer.from(`k${at + n}`),
        value: Buffer.from(JSON.stringify({ uri: `media/clip-${at + n}.mp4`, caption: 'a fox runs over a field' })),
        headers: {},
      })),
    );
  return { path, transport };
}

/** Starts a clock; what it returns gives events per second of the wall clock and of the processor, so far. */
function start() {
  const began = performance.now();
  const cpu = process.cpuUsage();
  return () => {
    const { user, system } = process.cpuUsage(cpu);
    return { wall: events / ((performance.now() - began) / 1000), cpu: events / ((user + system) / 1e6) };
  };
}

async function pipeline(/** @type {number} */ round) {
  const { transport } = await prepared(`pipeline-${round}`);
  const stop = start();
  await runPipeline(
    {
      name: 'bench',
      group: 'bench',
      from: 'in',
      schemas: ['media.added'],
      maxInFlight: 1000,
      steps: operators.map((one) => ({ name: one.name, operator: one, config: {} })),
      to: [{ topic: 'out', schema: 'job.changed' }],
      rejects: null,
    },
    {
      transport,
      resources: /** @type {import('../dist/flow/operator.js').Resources} */ (
        /** @type {unknown} */ ({ clock: systemClock, log: quiet })
      ),
      signal: new AbortController().signal,
      drain: true,
      log: quiet,
    },
  );
  const rate = stop();
  await transport.close();
  return rate;
}

/** The same outputs, byte for byte but for the time, by hand. */
async function bareLoop(/** @type {number} */ round) {
  const { path, transport } = await prepared(`bare-${round}`);
  await transport.close();
  const file = new SqliteFile(path);
  file.pragma('synchronous = FULL');
  const idOf = file.prepare('SELECT id FROM logs WHERE topic = ?').pluck();
  const startOf = (/** @type {string} */ topic) => /** @type {number} */ (idOf.get(topic)) * 2 ** 40;
  const [from, to] = [startOf('in'), startOf('out')];
  const read = file
    .prepare('SELECT id, timestamp, key, headers, value FROM records WHERE id >= ? AND id < ? LIMIT ?')
    .raw();
  const insert = file.prepare('INSERT INTO records (id, timestamp, key, headers, value) VALUES (?, ?, ?, ?, ?)');
  const grow = file.prepare("UPDATE logs SET high = ? WHERE topic = 'out'");
  const move = file.prepare(
    "INSERT INTO positions (reader, log, offset, metadata) VALUES ('bare', 1, ?, '') ON CONFLICT DO UPDATE SET offset = excluded.offset",
  );
  const group = file.transaction((/** @type {any[]} */ rows, /** @type {number} */ at) => {
    for (const [n, [, , key, , value]] of rows.entries()) {
      const media = JSON.parse(value.toString('utf8'));
      const { headers, value: data } = outputOf(media.uri);
      insert.run(to + at + n, Date.now(), key, JSON.stringify(Object.entries(headers)), data);
    }
    grow.run(at + rows.length);
    move.run(at + rows.length);
  });
  const stop = start();
  for (let at = 0; at < events; ) {
    const rows = read.all(from + at, from + 2 ** 40, groupSize);
    group.immediate(rows, at);
    at += rows.length;
  }
  const rate = stop();
  file.close();
  return rate;
}

const middle = (/** @type {number[]} */ numbers) => numbers.sort((a, b) => a - b)[numbers.length >> 1] ?? Number.NaN;
const rounded = (/** @type {number} */ rate) => Math.round(rate).toLocaleString('en').padStart(9);
try {
  const rates = { pipeline: [await pipeline(-1)].slice(1), bare: [await bareLoop(-1)].slice(1) };
  for (let round = 0; round < rounds; round++) {
    rates.bare.push(await bareLoop(round));
    rates.pipeline.push(await pipeline(round));
  }
  console.log(`middle of ${rounds} rounds of ${events.toLocaleString('en')} events, after one to warm up`);
  console.log('events a second   pipeline  bare loop  ratio');
  for (const measure of /** @type {const} */ (['wall', 'cpu'])) {
    const [through, bare] = [rates.pipeline, rates.bare].map((all) => middle(all.map((one) => one[measure])));
    const ratio = ((through ?? 0) / (bare ?? 0)).toFixed(2);
    console.log(
      `${measure === 'wall' ? 'wall clock     ' : 'processor time '} ${rounded(through ?? 0)}  ${rounded(bare ?? 0)}   ${ratio}`,
    );
  }
} finally {
  rmSync(folder, { recursive: true });
}
