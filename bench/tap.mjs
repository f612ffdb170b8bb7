/**
 * What `vimi tap` costs a busy pipeline of three operators that do next to nothing, which is the worst case. The command is a process of its
 * own and asks over HTTP. In one long run the tap sees the events of every other second: two seconds side by side are a pair, so what the
 * compiler, the size of the log and the neighbours do to the rate meets both. A pair still says little on a busy machine; the profiler of
 * V8, which runs all the time, says in which part of the busy time the tap's own code stood on the stack.
 *
 *   npm run build && node bench/tap.mjs [events] [options of vimi tap ...]
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { Session } from 'node:inspector/promises';
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

const events = Number(process.argv[2] ?? 800_000);
const options = process.argv.slice(3);
const sliceMs = 1000;

/** Shows nothing while it is closed: one comparison an event, as where nobody looks. */
class Gate extends Taps {
  isOpen = false;
  /** @type {Taps['look']} @override */
  look(pattern, look, side) {
    return super.look(pattern, (step, envelope) => this.isOpen && look(step, envelope), side);
  }
}

const folder = mkdtempSync(join(tmpdir(), 'vimi-bench-'));
const transport = openEmbedded({ path: join(folder, 'log.sqlite') });
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

const gate = new Gate();
const closing = new AbortController();
const app = await openApp({ log: quiet, version: '0', hasKeys: async () => false, closing: closing.signal });
recogniseCallers(app, await Keys.open(join(folder, 'keys.json'), quiet));
addTapRoute(app, gate, closing.signal);
const at = (await app.listen({ host: '127.0.0.1', port: 0 })).replace('http://', '');
// The steps have to be known before somebody looks behind them.
gate.of('bench', 'second');
const tap = spawn(process.execPath, ['dist/cli/vimi.js', 'tap', 'bench.second', '--at', at, ...options], {
  stdio: ['ignore', 'pipe', 'inherit'],
});
let printed = 0;
tap.stdout.on('data', (chunk) => {
  for (const byte of chunk) if (byte === 10) printed++;
});
while (gate.lookers('bench.second') === 0) await new Promise((resolve) => setTimeout(resolve, 20));

let handled = 0;
const now = () => {
  const { user, system } = process.cpuUsage();
  return { handled, cpu: (user + system) / 1e6 };
};
/** @type {{ isOpen: boolean, count: number, cpu: number }[]} */
const slices = [];
let began = now();
const turns = setInterval(() => {
  const ended = now();
  slices.push({ isOpen: gate.isOpen, count: ended.handled - began.handled, cpu: ended.cpu - began.cpu });
  began = ended;
  // Open, closed, closed, open: each is first in every other pair.
  gate.isOpen = slices.length % 4 === 1 || slices.length % 4 === 2;
}, sliceMs);
const session = new Session();
session.connect();
await session.post('Profiler.enable');
await session.post('Profiler.start');
await runPipeline(
  {
    ...{ name: 'bench', group: 'bench', from: 'in', schemas: ['media.added'], maxInFlight: 1000, rejects: null },
    steps: operators.map((one) => ({ name: one.name, operator: one, config: {} })),
    to: [{ topic: 'out', schema: 'job.changed' }],
  },
  {
    ...{ transport, signal: new AbortController().signal, drain: true, log: quiet, taps: gate },
    resources: /** @type {import('../dist/flow/operator.js').Resources} */ (
      /** @type {unknown} */ ({ clock: systemClock, log: quiet })
    ),
    onFinished: () => handled++,
  },
);
clearInterval(turns);
const { profile } = await session.post('Profiler.stop');
tap.kill('SIGINT');
await once(tap, 'exit');

const ownFiles = ['server/tap.js', 'answers/event-stream.js', 'delivery/readable.js'];
/** Of the time in which the main thread did something: the part in which a function of the tap stood on the stack. */
function shareOf(/** @type {import('node:inspector').Profiler.Profile} */ { nodes, samples = [], timeDeltas = [] }) {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const isIdle = new Set(nodes.filter(({ callFrame }) => callFrame.functionName === '(idle)').map(({ id }) => id));
  const isOwn = new Set();
  /** @param {number} id @param {boolean} isInside */
  const mark = (id, isInside) => {
    const node = byId.get(id);
    if (!node) return;
    const isIn = isInside || ownFiles.some((file) => node.callFrame.url.endsWith(file));
    if (isIn) isOwn.add(id);
    for (const child of node.children ?? []) mark(child, isIn);
  };
  if (nodes[0]) mark(nodes[0].id, false);
  let [own, busy] = [0, 0];
  samples.forEach((id, at) => {
    if (isIdle.has(id)) return;
    busy += timeDeltas[at] ?? 0;
    if (isOwn.has(id)) own += timeDeltas[at] ?? 0;
  });
  return own / busy;
}

// In the first two seconds the compiler is still at work.
const pairs = Array.from({ length: (slices.length >> 1) - 1 }, (_, n) => slices.slice(2 * n + 2, 2 * n + 4));
const cost = (/** @type {typeof slices} */ list) => {
  const [tapped, plain] = [true, false].map((isOpen) => {
    const those = list.filter((slice) => slice.isOpen === isOpen);
    const sum = (/** @type {'count' | 'cpu'} */ of) => those.reduce((all, slice) => all + slice[of], 0);
    return sum('count') / sum('cpu');
  });
  return 1 - (tapped ?? 0) / (plain ?? 0);
};
const percent = (/** @type {number} */ part) => `${(part * 100).toFixed(1)} %`;
const sorted = pairs.map(cost).sort((a, b) => a - b);
const quantile = (/** @type {number} */ part) => percent(sorted[Math.floor((sorted.length - 1) * part)] ?? 0);
console.log(
  `${printed} events printed; ${Math.round(handled / ((slices.length * sliceMs) / 1000))} handled a second
of the rate by processor time, with and without the tap: ${percent(cost(pairs.flat()))} over all ${sorted.length} pairs; half of them ${quantile(0.25)} to ${quantile(0.75)}, the middle one ${quantile(0.5)}
of the busy time of the main thread, in the code of the tap: ${percent(shareOf(profile))}, twice that while it is open`,
);
closing.abort();
await app.close();
await transport.close();
rmSync(folder, { recursive: true, force: true });
