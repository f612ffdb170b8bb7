// @ts-nocheck: a plain script, run against what is built
/**
 * Two versions on one embedded log. By turns each publishes requests, works on them and is killed, the older one first; this one ends what
 * is left. While one lives, the other must be told that the group is taken. Two things are otherwise with 0.1.0, and counted: it holds no
 * lock on its group, so this version takes the group from it while it lives, and it is fenced; and it refuses the log from then on,
 * whose layout is newer.
 *
 *   node test/chaos/beside.mjs --beside COMMIT [--turns 6] [--each 60] [--seed N] [--keep]
 *
 * The denoiser is `fake`; all else is real. Prints the counts, and exits 1 where a request has no outcome, or two.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { buildOf } from '../real/chaos/older-version.mjs';
import { captionOf } from './clips.mjs';
import { outcomesOf } from './outcomes.mjs';
import { seeded } from './random.mjs';

const root = join(import.meta.dirname, '../..');
const { values } = parseArgs({
  options: {
    beside: { type: 'string' },
    each: { type: 'string', default: '60' },
    turns: { type: 'string', default: '6' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    keep: { type: 'boolean', default: false },
  },
});
if (!values.beside) throw new Error('--beside COMMIT is missing');
const [turns, each] = [Number(values.turns), Number(values.each)];
const requests = turns * each;
const random = seeded(Number(values.seed));
const folder = mkdtempSync(join(tmpdir(), 'vimi-beside-'));
const older = version(values.beside, buildOf(values.beside));
const ours = version('this', root);
const run = ['run', '--pipeline', 'generate'];
const problems = [];
const counts = { killed: { [older.name]: 0, [ours.name]: 0 }, refused: 0, busy: 0, taken: 0 };

try {
  for (let turn = 0; turn < turns; turn++) {
    const who = turn % 2 === 0 ? older : ours;
    const other = who === older ? ours : older;
    if ((await publish(who, turn)) !== 0) await publish(ours, turn);
    const worker = start(who, [...run, ...who.more]);
    const most = videos() + 5 + Math.floor(random() * 10);
    while (videos() < Math.min(most, requests) && worker.exitCode === null) await pause(5);
    if (worker.exitCode !== null) {
      const { code, said } = await endOf(worker);
      if (who === older && /layout/.test(said) && code !== 0) counts.refused++;
      else problems.push(`turn ${turn}: ${who.name} ended with ${code}: ${said.slice(-500)}`);
      continue;
    }
    // Only once: starting is most of what a turn takes.
    if (turn < 2) {
      const { code, said } = await endOf(start(other, [...run, ...other.more, '--drain']));
      if (code !== 0 && /GROUP_BUSY|layout/.test(said)) counts.busy++;
      // 0.1.0 holds no lock on its group.
      else if (code === 0 && other === ours) counts.taken++;
      else problems.push(`turn ${turn}: ${other.name} took the group of a living one: ${code} ${said.slice(-500)}`);
    }
    worker.kill('SIGKILL');
    await endOf(worker);
    counts.killed[who.name]++;
  }
  await ended(start(ours, [...run, ...ours.more, '--drain']), 0);
  problems.push(...(await wrong()));
} finally {
  if (values.keep) console.log(`kept ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
}
for (const problem of problems) console.error(problem);
const killed = Object.entries(counts.killed).map(([name, times]) => `${name} killed ${times} times`);
console.log(
  `${killed.join(', ')}, told ${counts.busy} times that the group is taken, ${counts.taken} times taken from a living older one, ${counts.refused} times refused a newer log, ${requests} requests, ${problems.length} problems, seed ${values.seed}`,
);
process.exitCode = problems.length > 0 || counts.killed[ours.name] === 0 || counts.killed[older.name] === 0 ? 1 : 0;

/** With its own shipped topology, and the fast denoiser. */
function version(name, at) {
  const topology = `${name === 'this' ? 'topology' : 'older'}.yaml`;
  const shipped = readFileSync(join(at, 'topology.yaml'), 'utf8');
  const changed = shipped
    .replace(/denoise: \{ model: nano.*\}/, 'denoise: { model: fake, steps: 4 }')
    .replaceAll('partitions: 12', 'partitions: 4');
  if (!changed.includes('model: fake')) throw new Error(`topology.yaml of ${name} is not as expected`);
  writeFileSync(join(folder, topology), changed);
  // An older one may serve no HTTP.
  return { name, vimi: join(at, 'dist/cli/main.js'), topology, more: name === 'this' ? ['--no-http'] : [] };
}

/** The requests of a turn, by the command of one version; its exit code. */
async function publish(who, turn) {
  const lines = Array.from({ length: each }, (_, n) =>
    JSON.stringify({ prompt: captionOf(turn * each + n), frames: 4 }),
  );
  return (await endOf(start(who, ['publish', 'requests'], `${lines.join('\n')}\n`))).code;
}

function start({ vimi, topology }, args, input = '') {
  const env = { ...process.env, VIMI_TOPOLOGY: topology };
  const child = spawn(process.execPath, [vimi, ...args], { cwd: folder, env, stdio: ['pipe', 'ignore', 'pipe'] });
  child.said = '';
  child.stderr.on('data', (chunk) => {
    child.said = (child.said + chunk).slice(-4000);
  });
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  child.over = once(child, 'close');
  return child;
}

async function endOf(child) {
  const [code, signal] = await child.over;
  return { code, signal, said: child.said };
}

async function ended(child, expected) {
  const { code, said } = await endOf(child);
  if (code !== expected) throw new Error(`ended with ${code}: ${said}`);
}

function videos() {
  const at = join(folder, '.vimi/objects/videos');
  return existsSync(at) ? readdirSync(at).length : 0;
}

/** What is not as it must be once all is done. */
async function wrong() {
  const { openEmbedded } = await import(join(root, 'dist/streams/transports/embedded/open-embedded.js'));
  const { decodeEvent } = await import(join(root, 'dist/events/cloudevents.js'));
  const transport = openEmbedded({ path: join(folder, '.vimi/log.sqlite') });
  try {
    const { outcomes, lag, problems: found } = await outcomesOf(transport, [['vimi-generate', 'requests']]);
    if (outcomes !== requests || lag !== 0) found.push(`${outcomes} outcomes and ${lag} left of ${requests} requests`);
    const jobs = [];
    for await (const record of transport.read('videos')) jobs.push(decodeEvent(record, ['video.completed']).data.job);
    if (jobs.length !== requests) found.push(`${jobs.length} videos of ${requests} requests`);
    if (new Set(jobs).size !== jobs.length) found.push('a request has two videos');
    return found;
  } finally {
    await transport.close();
  }
}
