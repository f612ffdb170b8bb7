// @ts-nocheck: a plain script, run against what is built
/**
 * Three worker processes share requests and media of a real broker and a real object store, and everything that can fail
 * does: see disturbances.mjs. Then a reader with another client library counts what came out.
 *
 *   npm run chaos [-- --short] [--events N] [--seed N] [--requests N] [--media N] [--rounds N] [--keep] [--beside COMMIT]
 *
 * --beside: every other worker is of the version of that commit, and workers are rolled from one version to the other and back.
 * The denoiser is `fake` and some jobs are slow (nap.mjs); all else is real. The servers are this run's own. Moments are
 * shares of the work that is done, so that a slow machine is disturbed as often as a fast one. --rounds: how often each
 * disturbance comes. Ends with one line of counts, and exits 1 when anything was lost, doubled or left over.
 */
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { captionOf, makeClips } from '../../chaos/clips.mjs';
import { outcomesOf } from '../../chaos/outcomes.mjs';
import { seeded } from '../../chaos/random.mjs';
import { Crew } from './crew.mjs';
import { disturbances, plan } from './disturbances.mjs';
import { judge } from './judge.mjs';
import { olderVersion } from './older-version.mjs';
import { readTopics } from './python.mjs';
import { mountSmallDisk, startedAgain, unmount, usedMegabytes, whyNoMounts } from './small-disk.mjs';
import { inputs, outputs, topologyOf } from './topology.mjs';

const root = join(import.meta.dirname, '../../..');
const ours = join(root, 'dist/cli/main.js');
const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    events: { type: 'string' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    requests: { type: 'string' },
    media: { type: 'string' },
    rounds: { type: 'string' },
    keep: { type: 'boolean', default: false },
    beside: { type: 'string' },
  },
});
const short = values.short;
const seed = Number(values.seed);
const requests = Number(values.requests ?? values.events ?? (short ? 120 : 1000));
const media = Number(values.media ?? values.events ?? (short ? 60 : 1000));
const rounds = Number(values.rounds ?? (short ? 1 : 4));
const awaySeconds = short ? 4 : 30;
const stillCount = short ? 16 : 100;
const longestNapMs = 5000;
/** A tenth of the work is done meanwhile, also on a slow machine that others use. */
const patienceMs = 300_000 + 100 * (requests + media);
/** What is kept of an event takes about 10 KiB, staging and the store's own files included. */
const diskMegabytes = 64 + Math.ceil((requests + media) / 32);

const began = Date.now();
const say = (line) => console.log(`${String(Math.round((Date.now() - began) / 1000)).padStart(4)} s  ${line}`);

async function main() {
  const folder = mkdtempSync(join(tmpdir(), 'vimi-chaos-cluster-'));
  process.env.VIMI_INFRA = join(folder, 'infra');
  const { kafka } = await import(join(root, 'infra/servers/kafka.mjs'));
  const { s3 } = await import(join(root, 'infra/servers/s3.mjs'));
  const { data } = await import(join(root, 'infra/servers/places.mjs'));
  const { openKafka } = await import(join(root, 'dist/streams/transports/kafka/open-kafka.js'));
  const { openS3Store } = await import(join(root, 'dist/stores/objects/s3/open-s3.js'));
  const disk = join(data, 's3');
  const noMounts = whyNoMounts();
  const closing = [];
  let crew;
  let failed = true;
  let over = false;
  const stopped = new Promise((_, fail) => {
    for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => fail(new Error(`stopped by ${signal}`)));
  });
  try {
    failed = await Promise.race([stopped, work()]);
  } finally {
    over = true;
    await crew?.destroy();
    for (const close of closing.reverse()) await close();
    await kafka.stop();
    await s3.stop();
    if (noMounts === null) unmount(disk);
    if (values.keep || failed) console.log(`kept ${folder}`);
    else rmSync(folder, { recursive: true, force: true });
  }
  return failed;

  async function work() {
    if (noMounts === null) mountSmallDisk(disk, diskMegabytes);
    await kafka.start();
    await s3.start();
    const env = { ...kafka.environment(), ...s3.environment() };
    const brokers = [env.KAFKA_BROKERS];
    const random = seeded(seed);
    const stills = prepare(folder, random);

    const transport = openKafka({ brokers, clientId: 'chaos' });
    closing.push(() => transport.close());
    const objects = await openS3Store({
      endpoint: env.S3_ENDPOINT,
      bucket: env.S3_BUCKET,
      accessKey: env.S3_ACCESS_KEY,
      secretKey: env.S3_SECRET_KEY,
      prefix: 'chaos',
      patienceMs: 0,
    });
    closing.push(() => objects.close());
    const admin = await adminOf(brokers);
    closing.push(() => admin.disconnect());
    const here = { name: values.beside ? '-this' : '', vimi: ours, topology: 'topology.yaml', run: [] };
    const versions = values.beside ? [here, await olderVersion(values.beside, folder, { longestNapMs })] : [here];
    // As whoever upgrades does: the newer one adds its topics before it runs.
    for (const version of versions.toReversed()) vimi(['topics', 'apply'], env, version);
    crew = new Crew(folder, env, versions);

    await publish(
      'media',
      stills.map((name) => ({ uri: `stills/${name}` })),
    );
    // The older one ends what it has begun before the first worker of this version comes.
    const batches = batchesOf(40);
    const total = stills.length + batches.flatMap((batch) => [...batch.requests, ...batch.media]).length;
    let published = stills.length;
    if (values.beside) await publishBatch(batches.shift());
    await crew.drain(versions.at(-1));
    say(`${stills.length} stills are in; now ${requests} requests and ${media} clips, seed ${seed}`);

    const settled = async () => (await outcomesOf(transport, inputs)).outcomes;
    for (let n = 0; n < 3; n++) crew.start();

    const world = {
      crew,
      random,
      kafka,
      s3,
      disk,
      awaySeconds,
      settled,
      until,
      isIdle: async () => (await settled()) === published,
      members: async () => {
        const { groups } = await admin.describeGroups(inputs.map(([group]) => group));
        return groups.flatMap((group) => group.members.map(({ clientId }) => clientId));
      },
      /** What the store says of an object that needs space. */
      fullness: () =>
        objects.put('full', Buffer.alloc(8192), { mediaType: 'application/octet-stream' }).then(
          () => 'not full',
          ({ code }) => code,
        ),
    };

    const each = ['kill', 'zombie', 'broker', 'objects', 'join', 'clock'];
    if (noMounts === null) each.push('disk');
    if (values.beside) each.push('roll', 'roll', 'roll');
    const steps = plan({ kinds: Array.from({ length: rounds }, () => each).flat(), random });
    // Not all at once: there is work under way at every moment that was drawn.
    let allowed = 0;
    const feeding = (async () => {
      for (const batch of batches) {
        await until('room for more', () => published < allowed * total);
        await publishBatch(batch);
      }
    })();
    const disturbing = (async () => {
      await until('each worker has partitions', () => crew.atWork().length === 3);
      for (const { at, kind } of steps) {
        allowed = at + 0.2;
        let share = 0;
        await until(`${Math.round(at * 100)}% of the work is done`, async () => {
          share = (await settled()) / total;
          return share >= at;
        });
        say(`${Math.round(share * 100)}%: ${await disturbances[kind](world)}`);
      }
      allowed = 1;
    })();
    await Promise.all([feeding, disturbing]);
    await crew.dismiss(90_000);
    say(`${steps.length} disturbances; ${total - (await settled())} of ${total} events are left to the last run`);
    await crew.drain(here);
    say('drained');

    const { outcomes, lag, problems } = await outcomesOf(transport, inputs);
    const records = await readTopics(brokers[0], outputs);
    const report = await judge({ records, objects, requests, media, beside: values.beside !== undefined });
    const swept = vimi(['objects', 'sweep', '--older-than', '0', '--remove'], env).trim().split('\n').at(-1);
    const after = await judge({ records, objects, requests, media, beside: values.beside !== undefined });
    const wrong = [...crew.deserted, ...problems, ...report.problems];
    if (outcomes !== total) wrong.push(`${outcomes} outcomes for ${total} events`);
    for (const problem of after.problems)
      if (!report.problems.includes(problem)) wrong.push(`after the sweep: ${problem}`);
    if (after.orphans.length > 0)
      wrong.push(`${after.orphans.length} orphans after the sweep: ${after.orphans[0]} ...`);
    for (const problem of wrong) console.error(`WRONG: ${problem}`);
    say(`sweep: ${swept}`);
    if (noMounts === null) say(`the object store takes ${usedMegabytes(disk)} of ${diskMegabytes} MiB`);
    const counts = [
      `${steps.length} disturbances`,
      ...(values.beside ? [`beside ${values.beside}`] : []),
      ...(crew.startedAgain > 0 ? [`${crew.startedAgain} workers came while a server was away`] : []),
      `${total} events`,
      `${outcomes} outcomes`,
      `lag ${lag}`,
      ...Object.entries(report.counts).map(([what, count]) => `${count} ${what}`),
      `${report.orphans.length} orphans`,
      `${report.lost} lost`,
      `${report.doubled} doubled`,
      `${wrong.length} wrong`,
      `seed ${seed}`,
      ...(noMounts === null ? [] : [`no full disk: mounts are not possible here (${noMounts})`]),
    ];
    console.log(`chaos: ${counts.join(', ')}`);
    return wrong.length > 0;

    async function publishBatch({ requests, media }) {
      await publish('requests', requests);
      await publish('media', media);
      published += requests.length + media.length;
    }

    /** A publish that failed may have come through in part: what its topic does not hold is published again. */
    async function publish(name, events) {
      const topic = `chaos-${name}`;
      const texts = events.map((event) => (typeof event === 'string' ? event : JSON.stringify(event)));
      for (let missing = new Set(texts); missing.size > 0; ) {
        const records = [...missing].map((text) => ({
          topic,
          key: Buffer.from(text.slice(0, 100)),
          value: Buffer.from(text),
          headers: {},
        }));
        try {
          await transport.publish(records);
          return;
        } catch (error) {
          if (over || error.code !== 'TRANSPORT_UNAVAILABLE') throw error;
          for await (const { value } of transport.read(topic)) missing.delete(String(value));
        }
      }
    }

    /** Looks again and again; a look may fail while the servers are away. */
    async function until(what, isSo, lookMs = 300) {
      let trouble;
      for (const end = Date.now() + patienceMs; Date.now() < end; await pause(lookMs)) {
        if (over) throw new Error('broken off');
        if (crew.deserted.length > 0) throw new Error(crew.deserted[0]);
        try {
          if (await isSo()) return;
        } catch (error) {
          trouble = error;
        }
      }
      throw new Error(`not in ${patienceMs / 1000} s: ${what}`, { cause: trouble });
    }
  }

  function vimi(args, env, version = { vimi: ours, topology: 'topology.yaml' }) {
    return execFileSync(process.execPath, [version.vimi, '-t', version.topology, '--profile', 'cluster', ...args], {
      cwd: folder,
      env: { ...process.env, ...env, WORKER: 'chaos-command' },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
  }
}

/** The folder that all workers run in. Gives the names of the stills. */
function prepare(folder, random) {
  const packages = join(folder, 'node_modules');
  mkdirSync(packages);
  symlinkSync(root, join(packages, 'vimi'));
  symlinkSync(join(root, 'node_modules/zod'), join(packages, 'zod'));
  cpSync(join(import.meta.dirname, 'nap.mjs'), join(folder, 'nap.mjs'));
  writeFileSync(join(folder, 'topology.yaml'), topologyOf({ longestNapMs }));
  makeClips(join(folder, 'clips'), media, random);
  const images = join(root, 'examples/media/images');
  const stills = readdirSync(images)
    .filter((name) => name.endsWith('.png'))
    .slice(0, stillCount);
  mkdirSync(join(folder, 'stills'));
  for (const still of stills)
    for (const name of [still, still.replace(/png$/, 'txt')]) cpSync(join(images, name), join(folder, 'stills', name));
  return stills;
}

/** Everything but the stills, and four events that nobody can handle, in `count` batches. */
function batchesOf(count) {
  const all = {
    requests: [
      ...Array.from({ length: requests }, (_, n) => ({ prompt: captionOf(n), frames: 4 + (n % 5) })),
      '{"prompt": ',
      { prompt: '' },
    ],
    media: [
      ...Array.from({ length: media }, (_, n) => ({ uri: `clips/${n}.mp4`, caption: captionOf(n) })),
      { uri: 'clips/missing.mp4', caption: 'not there' },
      '{"uri": 7}',
    ],
  };
  const part = (list, n) => list.slice((list.length * n) / count, (list.length * (n + 1)) / count);
  return Array.from({ length: count }, (_, n) => ({ requests: part(all.requests, n), media: part(all.media, n) }));
}

async function adminOf(brokers) {
  const { Kafka, logLevel } = await import('kafkajs');
  const admin = new Kafka({ brokers, clientId: 'chaos-admin', logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  return admin;
}

if (!startedAgain())
  process.exitCode = await main().then(
    (failed) => (failed ? 1 : 0),
    (error) => {
      console.error(error);
      console.log(`chaos: broke off: ${error.message.split('\n')[0]}, seed ${seed}`);
      return 1;
    },
  );
