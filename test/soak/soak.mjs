// @ts-nocheck: a plain script, run against what is built
/**
 * A run that goes on for long at a low rate: memory, file handles and what waits must stay flat, and each event have one outcome.
 *
 *   npm run soak -- [--minutes 480] [--profile embedded|cluster] [--a-minute 12] [--seed 1] [--stills] [--keep]
 *
 * Each minute so many events come, half of them requests and half clips; with --stills, stills alone, which take a twentieth of the time: a
 * night's documents in an hour. The model is `fake`; all else is real, and Kafka and S3 are this run's own. A sample is taken twenty times a
 * minute, of the whole process tree of `vimi run`. Ends with the curve, one line for each twentieth of the time, what memory grew by and for
 * what (growth.mjs), what lies on the disk in the embedded profile, and one line of counts. Exits 1 where an event was lost or done twice,
 * where memory grew by more than it must, or where there are more handles in the last quarter than in the second.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { captionOf, makeClips } from '../chaos/clips.mjs';
import { outcomesOf } from '../chaos/outcomes.mjs';
import { seeded } from '../chaos/random.mjs';
import { inputs, topologyOf } from '../real/chaos/topology.mjs';
import { growthLine, growthOf, median, quarterOf } from './growth.mjs';
import { makeStills } from './stills.mjs';

const root = join(import.meta.dirname, '../..');
const main = join(root, 'dist/cli/main.js');
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '480' },
    profile: { type: 'string', default: 'embedded' },
    'a-minute': { type: 'string', default: '12' },
    seed: { type: 'string', default: '1' },
    stills: { type: 'boolean', default: false },
    keep: { type: 'boolean', default: false },
  },
});
const minutes = Number(values.minutes);
const together = values.stills ? 1 : 2;
const turns = Math.max(1, Math.round((minutes * Number(values['a-minute'])) / together));
const lines = 20;
const sampleMs = 3_000;
/** Handles that come and go: of the programs that are started for media and videos. */
const mostHandles = 8;
const corpusTopic = 'chaos-corpus';
const ending = values.stills ? 'png' : 'mp4';

const folder = mkdtempSync(join(tmpdir(), 'vimi-soak-'));
const closing = [];
let run;
try {
  process.exitCode = (await soak()) > 0 ? 1 : 0;
} finally {
  run?.kill('SIGKILL');
  for (const close of closing.reverse()) await close();
  if (values.keep || process.exitCode !== 0) console.log(`kept ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
}

async function soak() {
  const { transport, env } = values.profile === 'cluster' ? await cluster() : await embedded();
  closing.push(() => transport.close());
  await prepare();
  await once(vimi(env, 'topics', 'apply'), 'exit');
  const log = openSync(join(folder, 'run.log'), 'w');
  run = vimi(env, 'run', '--no-http', ['ignore', log, log]);
  const ended = once(run, 'exit').then(([code, signal]) => `${signal ?? code}`);

  const began = Date.now();
  const endMs = minutes * 60_000;
  const samples = [];
  let published = 0;
  let diskAtHalf;
  for (let at = 0; at < endMs && run.exitCode === null; at = Date.now() - began) {
    const due = Math.min(turns, Math.ceil((at / endMs) * turns) + 1);
    if (due > published) {
      const range = Array.from({ length: due - published }, (_, n) => published + n);
      await transport.publish(range.flatMap(eventsOf));
      published = due;
    }
    const documents = (await transport.ends(corpusTopic)).reduce((sum, { high }) => sum + high, 0);
    const { lag: waiting } = await outcomesOf(transport, inputs);
    samples.push({ at, ...treeOf(run.pid), documents, waiting });
    if (!diskAtHalf && at >= endMs / 2) diskAtHalf = diskOf(join(folder, '.vimi'));
    await pause(sampleMs);
  }
  const died = run.exitCode !== null;
  for (const end = Date.now() + 600_000; !died && Date.now() < end; await pause(1000))
    if ((await outcomesOf(transport, inputs)).lag === 0) break;
  run.kill('SIGTERM');
  const end = await ended;

  const { outcomes, problems } = await outcomesOf(transport, inputs);
  const wrong = [...problems];
  if (died || end !== '0') wrong.push(`the run ended with ${end}`);
  if (outcomes !== together * published) wrong.push(`${outcomes} outcomes for ${together * published} events`);
  print(samples);
  const growth = growthOf(samples, values.profile);
  console.log(growthLine(growth));
  if (values.profile === 'embedded') printDisk(diskAtHalf ?? {}, diskOf(join(folder, '.vimi')));
  if (growth.isTooMuch) wrong.push('memory grew by more than it must');
  const [early, late] = [1, 3].map((n) => median(quarterOf(samples, n).map(({ handles }) => handles)));
  if (late > early + mostHandles) wrong.push(`handles grew from ${early} to ${late}`);
  for (const problem of wrong) console.error(`WRONG: ${problem}`);
  const counts = [`${values.profile}`, `${minutes} minutes`, `${together * published} events`, `${outcomes} outcomes`];
  console.log(`soak: ${counts.join(', ')}, ${samples.length} samples, ${wrong.length} wrong, seed ${values.seed}`);
  return wrong.length;
}

function vimi(env, ...args) {
  const stdio = Array.isArray(args.at(-1)) ? args.pop() : 'inherit';
  return spawn(process.execPath, [main, '--log-level', 'warn', ...args], {
    ...{ cwd: folder, stdio },
    env: { ...process.env, ...env, WORKER: 'soak', VIMI_PROFILE: values.profile },
  });
}

async function embedded() {
  const { openEmbedded } = await import(join(root, 'dist/streams/transports/embedded/open-embedded.js'));
  mkdirSync(join(folder, '.vimi'), { mode: 0o700 });
  return { transport: openEmbedded({ path: join(folder, '.vimi/log.sqlite') }), env: {} };
}

async function cluster() {
  process.env.VIMI_INFRA = join(folder, 'infra');
  const { kafka } = await import(join(root, 'infra/servers/kafka.mjs'));
  const { s3 } = await import(join(root, 'infra/servers/s3.mjs'));
  const { openKafka } = await import(join(root, 'dist/streams/transports/kafka/open-kafka.js'));
  for (const server of [kafka, s3]) {
    closing.push(() => server.stop());
    await server.start();
  }
  const env = { ...kafka.environment(), ...s3.environment() };
  return { transport: openKafka({ brokers: [env.KAFKA_BROKERS], clientId: 'soak' }), env };
}

/** The topology of chaos on either profile, its operator, the media. */
async function prepare() {
  mkdirSync(join(folder, 'node_modules'));
  symlinkSync(root, join(folder, 'node_modules/vimi'));
  symlinkSync(join(root, 'node_modules/zod'), join(folder, 'node_modules/zod'));
  cpSync(join(root, 'test/real/chaos/nap.mjs'), join(folder, 'nap.mjs'));
  const topology = JSON.parse(topologyOf({ longestNapMs: 1000 }));
  topology.profiles.embedded = {
    transport: { type: 'embedded', path: '.vimi' },
    objects: { type: 'files', path: '.vimi/objects' },
    search: { type: 'embedded', path: '.vimi/index' },
  };
  // Small shards, so that the samples that wait for theirs stay few.
  const shard = { shard: { records: 20, stills: values.stills } };
  topology.segments.grow = topology.segments.grow.map((step) => (step === 'shard' ? shard : step));
  writeFileSync(join(folder, 'topology.yaml'), JSON.stringify(topology));
  await (values.stills ? makeStills : makeClips)(join(folder, 'media'), turns, seeded(Number(values.seed)));
}

function eventsOf(n) {
  const [[, requests], [, media]] = inputs;
  const asked = [requests, { prompt: captionOf(n), frames: 4 + (n % 5) }];
  const medium = [media, { uri: `media/${n}.${ending}`, caption: captionOf(n) }];
  return (values.stills ? [medium] : [asked, medium]).map(([topic, value]) => ({
    topic,
    key: Buffer.from(`${n}`),
    value: Buffer.from(JSON.stringify(value)),
    headers: {},
  }));
}

/** What the process and all that it started hold now. */
function treeOf(pid) {
  const children = new Map();
  for (const name of readdirSync('/proc').filter((one) => /^\d+$/.test(one))) {
    const parent = Number(read(`/proc/${name}/stat`).split(') ')[1]?.split(' ')[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(name)]);
  }
  const sum = { megabytes: 0, handles: 0, processes: 0 };
  for (const left = [pid]; left.length > 0; ) {
    const one = left.pop();
    left.push(...(children.get(one) ?? []));
    sum.megabytes += Number(/VmRSS:\s+(\d+)/.exec(read(`/proc/${one}/status`))?.[1] ?? 0) / 1024;
    sum.processes++;
    try {
      sum.handles += readdirSync(`/proc/${one}/fd`).length;
    } catch {
      // It has ended meanwhile.
    }
  }
  return { ...sum, megabytes: Math.round(sum.megabytes) };
}

function read(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

/** Bytes and files of each part of the embedded profile. */
function diskOf(root) {
  const parts = {};
  for (const name of readdirSync(root, { recursive: true })) {
    const stat = statSync(join(root, name), { throwIfNoEntry: false });
    if (!stat?.isFile() || name.includes('.lock')) continue;
    const [part] = /^(objects\/staging|log\.sqlite-wal|index\/corpus\.sqlite-wal|[^/]+)/.exec(name);
    parts[part] ??= { bytes: 0, files: 0 };
    parts[part].bytes += stat.size;
    parts[part].files++;
  }
  return parts;
}

function printDisk(half, end) {
  const text = ({ bytes, files } = { bytes: 0, files: 0 }) => `${(bytes / 2 ** 20).toFixed(1)} MiB, ${files} files`;
  for (const part of [...new Set([...Object.keys(half), ...Object.keys(end)])].sort())
    console.log(`disk: ${part.padEnd(23)} at the half ${text(half[part]).padEnd(22)} at the end ${text(end[part])}`);
}

function print(samples) {
  const most = Math.max(...samples.map(({ megabytes }) => megabytes));
  console.log('minutes  MiB (median)  handles  processes  waiting');
  for (let n = 0; n < lines; n++) {
    const part = samples.slice((samples.length * n) / lines, (samples.length * (n + 1)) / lines);
    if (part.length === 0) continue;
    const [megabytes, handles, processes, waiting] = ['megabytes', 'handles', 'processes', 'waiting'].map((what) =>
      median(part.map((sample) => sample[what])),
    );
    const cells = [(part.at(-1).at / 60_000).toFixed(0), megabytes, handles, processes, waiting];
    console.log(
      `${cells.map((cell, n) => String(cell).padStart([7, 12, 9, 11, 9][n])).join('')}  ${'█'.repeat(Math.round((30 * megabytes) / most))}`,
    );
  }
}
