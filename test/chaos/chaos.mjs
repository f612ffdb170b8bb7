// @ts-nocheck: a plain script, run against what is built
/**
 * Kills a run with SIGKILL at random moments while requests and media are under way, starts it again each time, and
 * compares what came out with an undisturbed run of the same log: shards and the indexes beside them byte for byte. Each
 * further seed kills a run of the same log at other moments.
 *
 *   node test/chaos/chaos.mjs [--requests 200] [--media 300] [--kills 20] [--seed N[,N...]] [--keep]
 *
 * The denoiser is `fake`: fast, deterministic, and all else is real. Prints the counts and exits 1 on any difference.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { captionOf, makeClips } from './clips.mjs';
import { outcomesOf } from './outcomes.mjs';
import { seeded } from './random.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const vimi = join(root, 'dist/cli/main.js');
const { openEmbedded } = await import(join(root, 'dist/streams/transports/embedded/open-embedded.js'));
const { decodeEvent } = await import(join(root, 'dist/events/cloudevents.js'));
const { samplesIn } = await import(join(root, 'dist/app/samples/shard-samples.js'));
const { probeMedia } = await import(join(root, 'dist/media/probe-media.js'));

/** @typedef {{ requests: number, media: number, kills: number, seeds: number[], keep?: boolean, say?: (line: string) => void }} Options */

/**
 * `kills`: of all seeds together; `counts`: of the last.
 * @param {Options} options
 * @returns {Promise<{ kills: number, counts: Record<string, number>, differences: string[] }>}
 */
export async function chaos({ requests, media, kills, seeds, keep = false, say = () => {} }) {
  const folder = mkdtempSync(join(tmpdir(), 'vimi-chaos-'));
  const wanted = { requests, media };
  try {
    const calm = join(folder, 'calm');
    mkdirSync(calm);
    writeFileSync(join(calm, 'topology.yaml'), topology());
    const images = join(root, 'examples/media/images');
    cpSync(images, join(calm, 'stills'), { recursive: true });
    makeClips(join(calm, 'clips'), media, seeded(seeds[0]));

    const stills = readdirSync(join(calm, 'stills')).filter((name) => name.endsWith('.png'));
    await publish(
      calm,
      'media',
      stills.map((name) => ({ uri: `stills/${name}` })),
    );
    say(`ingesting ${stills.length} stills`);
    await run(calm);
    await publish(calm, 'media', [
      ...Array.from({ length: media }, (_, n) => ({ uri: `clips/${n}.mp4`, caption: captionOf(n) })),
      { uri: 'clips/missing.mp4', caption: 'not there' },
      '{"uri": 7}',
    ]);
    await publish(calm, 'requests', [
      ...Array.from({ length: requests }, (_, n) => ({ prompt: captionOf(n), frames: 4 + (n % 5) })),
      '{"prompt": ',
      { prompt: '' },
    ]);

    const before = join(folder, 'before');
    cpSync(calm, before, { recursive: true });
    say(`undisturbed run of ${media} clips and ${requests} requests`);
    const began = Date.now();
    await run(calm);
    const took = Date.now() - began;
    say(`  took ${Math.round(took / 1000)} s`);
    const expected = await outcome(calm);
    const differences = check(expected, 'undisturbed', { ...wanted, stills: stills.length });
    if (expected.shards.size < 2) differences.push('too few shards to compare');
    if (expected.contexts === 0) differences.push('no sample has a context, so none can differ in it');

    let killed = 0;
    let found = expected;
    for (const seed of seeds) {
      const wild = join(folder, `wild-${seed}`);
      cpSync(before, wild, { recursive: true });
      const times = await disturbed(wild, { kills, took, random: seeded(seed) });
      say(`seed ${seed}: killed ${times} times`);
      killed += times;
      found = await outcome(wild);
      const wrong = check(found, 'killed', { ...wanted, stills: stills.length });
      if (times < kills) wrong.push(`only ${times} of ${kills} kills came before the end`);
      wrong.push(...compare(expected, found), ...verify(wild));
      differences.push(...wrong.map((what) => `seed ${seed}: ${what}`));
      if (!keep) rmSync(wild, { recursive: true, force: true });
    }
    return {
      kills: killed,
      counts: {
        videos: found.videos.size,
        shards: found.shards.size,
        contexts: found.contexts,
        rejects: found.rejects,
        outcomes: found.outcomes,
      },
      differences,
    };
  } finally {
    if (keep) say(`kept ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  }
}

/** Kills runs at random moments, and lets the last one end. Gives how many it killed. */
async function disturbed(folder, { kills, took, random }) {
  let killed = 0;
  const began = Date.now();
  while (killed < kills) {
    // The more is done, and the slower the machine, the later.
    const longest = Math.max(1000, ((Date.now() - began + took) / kills) * 0.6);
    if (!(await run(folder, 250 + random() * longest))) break;
    killed++;
  }
  await run(folder);
  return killed;
}

function compare(expected, found) {
  const differences = [];
  for (const what of ['shards', 'videos']) {
    for (const [key, hash] of expected[what]) if (found[what].get(key) !== hash) differences.push(`${key} differs`);
    for (const key of found[what].keys())
      if (!expected[what].has(key)) differences.push(`${key} is not in the undisturbed run`);
  }
  return differences;
}

/** What the command for it says of the shards. */
function verify(folder) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [vimi, 'samples', 'verify'], {
    cwd: folder,
    encoding: 'utf8',
  });
  return status === 0 ? [] : [`samples verify ends with ${status}: ${stdout}${stderr}`];
}

/** The shipped topology, with the fast denoiser and small shards. */
function topology() {
  const shipped = readFileSync(join(root, 'topology.yaml'), 'utf8');
  const changed = shipped
    .replace(/denoise: \{ model: nano.*\}/, 'denoise: { model: fake, steps: 4 }')
    .replace(/^( +)- shard.*$/m, '$1- shard: { records: 20 }')
    .replace(/^( +)- filter.*$/m, '$1- filter: { min_side: 16, min_seconds: 0.2, min_motion: 0 }')
    .replaceAll('partitions: 12', 'partitions: 4');
  if (!changed.includes('model: fake') || !changed.includes('records: 20'))
    throw new Error('topology.yaml is not as expected');
  return changed;
}

async function publish(folder, topic, events) {
  const transport = openEmbedded({ path: join(folder, '.vimi/log.sqlite') });
  mkdirSync(join(folder, '.vimi'), { recursive: true });
  try {
    await transport.ensureTopics([{ name: topic, partitions: 4, cleanup: 'delete' }]);
    await transport.publish(
      events.map((event, n) => ({
        topic,
        key: Buffer.from(`${topic}-${n}`),
        value: Buffer.from(typeof event === 'string' ? event : JSON.stringify(event)),
        headers: {},
      })),
    );
  } finally {
    await transport.close();
  }
}

/** Runs until drained; with `killAfterMs` true when it was killed before. Rejects when the run itself fails. */
function run(folder, killAfterMs) {
  return new Promise((done, fail) => {
    const child = spawn(process.execPath, [vimi, 'run', '--drain'], {
      cwd: folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    let complaints = '';
    child.stderr.on('data', (chunk) => {
      complaints = (complaints + chunk).slice(-4000);
    });
    const timer = killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
    child.on('error', fail);
    child.on('exit', (code, signal) => {
      clearTimeout(timer);
      if (signal === 'SIGKILL') done(true);
      else if (code === 0) done(false);
      else fail(new Error(`vimi run ended with ${code}: ${complaints}`));
    });
  });
}

/** What a folder holds after its runs. */
async function outcome(folder) {
  const transport = openEmbedded({ path: join(folder, '.vimi/log.sqlite') });
  const objects = (key) => join(folder, '.vimi/objects', key);
  const all = async (topic, schema) => {
    const events = [];
    for await (const record of transport.read(topic)) events.push(decodeEvent(record, [schema]));
    return events;
  };
  try {
    const { outcomes, problems } = await outcomesOf(transport, [
      ['vimi-generate', 'requests'],
      ['vimi-corpus', 'media'],
    ]);
    const videos = new Map();
    for (const { data } of await all('videos', 'video.completed')) {
      if (videos.has(data.job)) problems.push(`two videos of ${data.job}`);
      const bytes = readFileSync(objects(data.object.key));
      const hash = createHash('sha256').update(bytes).digest('hex');
      videos.set(data.job, hash);
      if (hash !== data.object.sha256) problems.push(`${data.object.key} is not what its event says`);
      const { kind, width } = await probeMedia(objects(data.object.key), {
        maxPixels: 1e6,
        signal: AbortSignal.timeout(60_000),
      });
      if (width !== data.width || (kind === 'still') !== (data.frames === 1))
        problems.push(`${data.object.key} does not decode as its event says`);
    }
    const shards = new Map();
    let [samples, contexts] = [0, 0];
    for (const { data } of await all('samples', 'samples.sealed')) {
      if (shards.has(data.shard)) problems.push(`two events of the shard ${data.shard}`);
      const hash = createHash('sha256')
        .update(readFileSync(objects(data.object.key)))
        .digest('hex');
      if (hash !== data.object.sha256) problems.push(`${data.object.key} is not what its event says`);
      const index = readFileSync(objects(data.object.key.replace('.tar', '.idx')));
      shards.set(data.shard, `${hash} ${createHash('sha256').update(index).digest('hex')}`);
      samples += data.samples;
      for await (const { json } of samplesIn(objects(data.object.key), data.shard))
        if (JSON.parse(json).context !== '[]') contexts++;
    }
    const documents = (await all('corpus', 'corpus.document')).map(({ data }) => data.id);
    if (new Set(documents).size !== documents.length) problems.push('a document stands twice in the corpus topic');
    const rejects = await all('rejects', 'event.rejected');
    const rejected = rejects.map(({ data: { origin } }) => `${origin.topic}/${origin.partition}/${origin.offset}`);
    if (new Set(rejected).size !== rejected.length) problems.push('an event was rejected twice');
    return { outcomes, videos, shards, samples, contexts, rejects: rejects.length, problems };
  } finally {
    await transport.close();
  }
}

function check({ outcomes, videos, samples, rejects, problems }, which, { requests, media, stills }) {
  const wrong = problems.map((problem) => `${which}: ${problem}`);
  const expect = (what, found, wanted) => {
    if (found !== wanted) wrong.push(`${which}: ${found} ${what}, expected ${wanted}`);
  };
  expect('outcomes', outcomes, requests + 2 + media + 2 + stills);
  expect('videos', videos.size, requests);
  expect('samples', samples, media);
  expect('rejects', rejects, 4);
  return wrong;
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      requests: { type: 'string', default: '200' },
      media: { type: 'string', default: '300' },
      kills: { type: 'string', default: '20' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      keep: { type: 'boolean', default: false },
    },
  });
  const report = await chaos({
    requests: Number(values.requests),
    media: Number(values.media),
    kills: Number(values.kills),
    seeds: values.seed.split(',').map(Number),
    keep: values.keep,
    say: console.log,
  });
  for (const difference of report.differences) console.error(difference);
  console.log(
    `${report.kills} kills, ${JSON.stringify(report.counts)}, ${report.differences.length} differences, seed ${values.seed}`,
  );
  process.exitCode = report.differences.length > 0 ? 1 : 0;
}
