/**
 * What `vimi tap` costs a busy pipeline: events per second of three operators that do next to nothing, which is the worst case, with the
 * command looking behind a step and without it, in pairs. The command is a process of its own and asks over HTTP.
 *
 *   npm run build && node bench/tap.mjs [events] [pairs] [options of vimi tap ...]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { systemClock } from '../dist/core/clock.js';
import { openApp } from '../dist/server/app.js';
import { recogniseCallers } from '../dist/server/keys/callers.js';
import { Keys } from '../dist/server/keys/key-file.js';
import { addTapRoute } from '../dist/server/tap.js';
import { runPipeline } from '../dist/streams/delivery/pipeline.js';
import { Taps } from '../dist/streams/delivery/taps.js';
import { openEmbedded } from '../dist/streams/transports/embedded/open-embedded.js';
import { operators, quiet } from './three-operators.mjs';

const events = Number(process.argv[2] ?? 20_000);
const pairs = Number(process.argv[3] ?? 7);
const options = process.argv.slice(4);
const folder = mkdtempSync(join(tmpdir(), 'vimi-bench-'));
const taps = new Taps();
const closing = new AbortController();
const app = await openApp({ log: quiet, version: '0', hasKeys: async () => false, closing: closing.signal });
recogniseCallers(app, await Keys.open(join(folder, 'keys.json'), quiet));
addTapRoute(app, taps, closing.signal);
const at = (await app.listen({ host: '127.0.0.1', port: 0 })).replace('http://', '');

let rounds = 0;
async function rate(/** @type {boolean} */ isTapped) {
  const transport = openEmbedded({ path: join(folder, `${rounds++}.sqlite`) });
  await transport.ensureTopics(['in', 'out'].map((topic) => ({ name: topic, partitions: 1, cleanup: 'delete' })));
  for (let from = 0; from < events; from += 1000)
    await transport.publish(
      Array.from({ length: 1000 }, (_, n) => ({
        topic: 'in',
        key: Buffer.from(`k${from + n}`),
        value: Buffer.from(JSON.stringify({ uri: `media/clip-${from + n}.mp4`, caption: 'a fox runs over a field' })),
        headers: {},
      })),
    );
  // The steps have to be known before somebody looks behind them.
  taps.of('bench', 'second');
  const tap = isTapped
    ? spawn(process.execPath, ['dist/cli/vimi.js', 'tap', 'bench.second', '--at', at, ...options], {
        stdio: ['ignore', 'ignore', 'inherit'],
      })
    : undefined;
  while (tap && taps.lookers('bench.second') === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  const began = performance.now();
  const cpu = process.cpuUsage();
  await runPipeline(
    {
      ...{ name: 'bench', group: 'bench', from: 'in', schemas: ['media.added'], maxInFlight: 1000, rejects: null },
      steps: operators.map((one) => ({ name: one.name, operator: one, config: {} })),
      to: [{ topic: 'out', schema: 'job.changed' }],
    },
    {
      ...{ transport, signal: new AbortController().signal, drain: true, log: quiet, taps },
      resources: /** @type {import('../dist/flow/operator.js').Resources} */ (
        /** @type {unknown} */ ({ clock: systemClock, log: quiet })
      ),
    },
  );
  const { user, system } = process.cpuUsage(cpu);
  const found = { wall: events / ((performance.now() - began) / 1000), cpu: events / ((user + system) / 1e6) };
  if (tap) {
    tap.kill('SIGINT');
    await once(tap, 'exit');
  }
  await transport.close();
  return found;
}

await rate(false);
const costs = { wall: /** @type {number[]} */ ([]), cpu: /** @type {number[]} */ ([]) };
for (let n = 0; n < pairs; n++) {
  // Each first in every other pair.
  const first = await rate(n % 2 === 0);
  const second = await rate(n % 2 === 1);
  const [tapped, plain] = n % 2 === 0 ? [first, second] : [second, first];
  for (const of of /** @type {const} */ (['wall', 'cpu'])) costs[of].push(1 - tapped[of] / plain[of]);
  console.log(
    `pair ${n + 1}: ${Math.round(plain.wall)} events/s without, ${Math.round(tapped.wall)} with; of processor time ${Math.round(plain.cpu)}, ${Math.round(tapped.cpu)}`,
  );
}
const median = (/** @type {number[]} */ list) => list.toSorted((a, b) => a - b)[list.length >> 1] ?? 0;
const percent = (/** @type {number} */ part) => `${(part * 100).toFixed(1)} %`;
console.log(
  `the tap costs ${percent(median(costs.cpu))} of the rate by processor time, ${percent(median(costs.wall))} by the clock (medians)`,
);
closing.abort();
await app.close();
rmSync(folder, { recursive: true, force: true });
