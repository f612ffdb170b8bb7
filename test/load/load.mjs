// @ts-nocheck: a plain script, run against what is built
/**
 * Asks a service for many videos at once, by HTTP and by the log, and looks at what came of it: every job ends once, nothing is
 * lost, turns are kept, cancelled jobs stop, and GET and the stream of events say the same.
 *
 *   npm run load -- [--jobs 500] [--model nano|fake] [--seed 1] [--follow 20] [--kill [--kills 10]] [--remote] [--replicas N] [--keep]
 *
 * The service is `vimi run` in its own process, on the embedded log in a folder of its own.
 *
 *   --kill        kills the service and the process of its model with SIGKILL, ten times each, and starts them again. Clients repeat what
 *                 was not answered and follow on with Last-Event-ID; webhooks must come, each under one id
 *   --remote      the model is on another vimi, a model server, which is killed as well
 *   --replicas N  so many services on Kafka and S3 (`source .cache/infra/env` first), behind a proxy that asks them in turns
 *
 * Prints what submitting and looking took, and the share of the time in which the model was busy; exits 1 on anything wrong.
 */
import { randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { clusterTopology } from '../../infra/cluster-topology.mjs';
import { Client } from './client.mjs';
import { judge } from './judge.mjs';
import { killAtRandom } from './kills.mjs';
import { planOf } from './plan.mjs';
import { receiver } from './receiver.mjs';
import { roundRobin } from './round-robin.mjs';
import { freePort, Service } from './service.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const { Workspace } = await import(join(root, 'dist/app/workspace.js'));
const { answerTopics } = await import(join(root, 'dist/app/client/answer-topics.js'));
const { addSecret, secretPath } = await import(join(root, 'dist/app/webhooks/secret-file.js'));
const { decodeEvent, encodeEvent } = await import(join(root, 'dist/events/cloudevents.js'));
const { jobId } = await import(join(root, 'dist/events/ids.js'));

/** A step takes so many at most before the first of them is drawn: those that the model draws at once, and the next one. */
const takenAhead = 4;
/** Requests under way at once. */
const senders = 8;
/** With --kill, one request in so many asks for a webhook. */
const hooked = 3;
/** What keeps coming comes so often: about as fast as nano draws on a quiet machine. Milliseconds. */
const paceMs = 200;
/** Short, so that waits of a small load are worth a priority. Seconds. */
const ageing = 10;
/** Webhooks that failed once come again after seconds; what does not come within this is lost. Milliseconds. */
const hookMs = 180_000;
/** A model that has not been measured by then is loaded all the same. Milliseconds. */
const measureMs = 120_000;
const source = '/load';
const models = ['nano', 'fake'];
const silent = { debug() {}, info() {}, warn() {}, error() {} };

/** `slackMs`: how long a request may be on its way to the queue of the model, and from its turn to its first step, on a busy machine. */
export async function load({
  jobs,
  model = 'nano',
  seed = 1,
  follow = 20,
  kill = false,
  kills: killsOfEach = 10,
  remote = false,
  replicas = 0,
  keep = false,
  slackMs = 10_000,
  say = () => {},
}) {
  const folder = mkdtempSync(join(tmpdir(), 'vimi-load-'));
  const closing = [];
  try {
    const hooks = kill ? await receiver() : undefined;
    if (hooks) closing.push(() => hooks.close());
    const { services, workspace, url, proxy } = await startAll({ folder, model, remote, replicas, hooks, closing });
    const client = new Client(url, { survives: kill });
    const pipeline = workspace.pipeline('generate');
    if (model === 'nano' && !remote) await untilMeasured(workspace);
    const around = { client, transport: await workspace.transport(), pipeline };
    const plan = planOf(jobs, seed).map((one, n) =>
      hooks && n % hooked === 0 ? { ...one, request: { ...one.request, webhook: { url: hooks.url } } } : one,
    );
    const times = { submit: [], get: [] };
    const began = performance.now();
    const kills = kill ? killAtRandom(services, { seed, jobs, times: killsOfEach, say }) : undefined;
    if (kills) closing.push(() => kills.stop());
    const work = async () => {
      const asked = await submitAll(plan, { ...around, times });
      say(`${jobs} jobs asked for in ${((performance.now() - began) / 1000).toFixed(1)} s`);
      const followed = asked
        .filter((_, n) => n % Math.ceil(jobs / follow) === 0)
        .map((one) => followed1(client, one.job));
      const cancels = cancelAll(asked, around);
      await untilOver(asked.length, { client, times, say });
      return { asked, stops: await cancels, told: await Promise.all(followed) };
    };
    const { asked, stops, told } = await Promise.race([work(), ...(kills ? [kills.failing] : [])]);
    await kills?.stop();
    const changes = await read(around.transport, answerTopics(pipeline).jobs, 'job.changed');
    const requests = await cameAt(around.transport, pipeline, replicas);
    const videos = await read(around.transport, answerTopics(pipeline).videos, 'video.completed');
    const verdict = judge({
      asked: asked.map((one) => ({ ...one, ...requests.get(one.job) })),
      changes: changes.map(({ data }) => data),
      videos: videos.map(({ data }) => data.job),
      followed: told,
      ageingMs: ageing * 1000,
      slackMs,
      ahead: takenAhead,
      // Whoever was killed takes up what it finds, in no order that could be asked for.
      disturbed: kills?.disturbed,
    });
    if (hooks)
      verdict.wrong.push(
        ...(await untilTold(
          hooks,
          asked.filter(({ request }) => request.webhook),
        )),
      );
    if (proxy) verdict.wrong.push(...(await sameEverywhere(services, asked)));
    return {
      ...{
        ...verdict,
        times,
        stops,
        busy: busyOf(changes, videos, asked),
        seconds: (performance.now() - began) / 1000,
      },
      kills: kills?.counts ?? {},
      clients: { repeats: client.repeats, reconnects: client.reconnects },
      webhooks: [...(hooks?.got.values() ?? [])].reduce((sum, ids) => sum + ids.length, 0),
      answered: proxy ? [...proxy.answered.values()] : [],
    };
  } finally {
    for (const close of closing.reverse()) await close();
    if (!keep) rmSync(folder, { recursive: true, force: true });
    else say(`kept in ${folder}`);
  }
}

/** The services, started, and the address at which they are asked. */
async function startAll({ folder, model, remote, replicas, hooks, closing }) {
  let drawnBy = model;
  const services = [];
  const start = async (service) => {
    closing.push(() => service.stop());
    await service.start();
    services.push(service);
  };
  let server;
  if (remote) {
    const there = join(folder, 'model-server');
    mkdirSync(there);
    // Its MP4 becomes frames again: of their own size, and with little loss.
    const own = embeddedTopology(model).replace('encode: { scale: 4 }', 'encode: { scale: 1, crf: 1 }');
    writeFileSync(join(there, 'topology.yaml'), own);
    server = { name: 'the model server', folder: there, port: await freePort() };
    await start(new Service(server));
    drawnBy = 'far';
  }
  const more = {
    ...(hooks && { webhook_hosts: [hooks.host] }),
    ...(server && {
      model_hosts: [`127.0.0.1:${server.port}`],
      models: { far: { type: 'remote', url: `http://127.0.0.1:${server.port}` } },
    }),
  };
  const topology = join(folder, 'topology.yaml');
  const text = replicas > 0 ? kafkaTopology(drawnBy) : embeddedTopology(drawnBy);
  const written = Object.entries(more).map(([name, value]) => `${name}: ${JSON.stringify(value)}\n`);
  writeFileSync(
    topology,
    replicas > 0
      ? JSON.stringify({ ...JSON.parse(text), ...more })
      : text.replace(/^topics:$/m, `${written.join('')}topics:`),
  );
  if (hooks) await addSecret(secretPath(folder, {}), null);
  const profile = replicas > 0 ? 'cluster' : undefined;
  const ports = await Promise.all(Array.from({ length: Math.max(1, replicas) }, freePort));
  const own = ports.map(
    (port, n) => new Service({ name: replicas > 0 ? `replica ${n + 1}` : 'the service', folder, port, profile }),
  );
  await Promise.all(own.map(start));
  const workspace = await Workspace.open({ topology, profile, log: silent });
  closing.push(() => workspace.close());
  const proxy = replicas > 0 ? await roundRobin(own.map(({ url }) => url)) : undefined;
  if (proxy) closing.push(() => proxy.close());
  return { services, workspace, url: proxy?.url ?? own[0].url, proxy };
}

/** All of it is in flight: the order holds among what is. */
function embeddedTopology(model) {
  return readFileSync(join(root, 'topology.yaml'), 'utf8')
    .replace(/model: nano, upsampler: [\w-]+/, `model: ${model}`)
    .replace('max_in_flight: 32', `max_in_flight: 2000\n    ageing: ${ageing}s`);
}

function kafkaTopology(model) {
  const topology = JSON.parse(clusterTopology(`load-${randomUUID().slice(0, 8)}`, { partitions: 4 }));
  for (const step of topology.pipelines.generate.steps) if (step.denoise) step.denoise.model = model;
  Object.assign(topology.pipelines.generate, { max_in_flight: 2000, ageing: `${ageing}s` });
  return JSON.stringify(topology);
}

/** What is wrong with the webhooks of jobs that asked for one, once all came, or none came any more. */
async function untilTold({ got }, asked) {
  const end = performance.now() + hookMs;
  while (performance.now() < end && asked.some(({ job }) => !got.has(job))) await sleep(200);
  return asked.flatMap(({ job }) => {
    const ids = new Set(got.get(job));
    if (ids.size === 0) return [`no webhook came of job ${job}`];
    return ids.size === 1 ? [] : [`webhooks of job ${job} came under ${ids.size} ids`];
  });
}

/** Jobs of which replicas say different things. */
async function sameEverywhere(services, asked) {
  const clients = services
    .filter(({ name }) => name.startsWith('replica'))
    .map(({ url }) => new Client(url, { survives: true }));
  const wrong = [];
  for (const { job } of asked) {
    const said = await Promise.all(clients.map((client) => client.json(`/v1/videos/${job}`)));
    if (new Set(said.map((one) => JSON.stringify(one))).size > 1)
      wrong.push(`replicas say different things of job ${job}`);
  }
  return wrong;
}

async function submitAll(plan, { client, transport, pipeline, times }) {
  const asked = [];
  const left = [...plan];
  let next = 0;
  const send = async () => {
    for (let one = left.shift(); one; one = left.shift()) {
      const { id, request, by, cancel, keepsComing } = one;
      if (keepsComing) {
        next = Math.max(next + paceMs, performance.now());
        await sleep(next - performance.now());
      }
      if (by === 'log') {
        await transport.publish([
          encodeEvent({ schema: 'generation.requested', id, source, topic: pipeline.from, key: id, data: request }),
        ]);
        asked.push({ job: jobId(pipeline.name, { source, id }), request, cancel, id, by });
        continue;
      }
      const from = performance.now();
      const body = JSON.stringify(request);
      // Under the same key the same job, so that it can be asked for again.
      const headers = { 'content-type': 'application/json', 'idempotency-key': `"${id}"` };
      const job = await client.json('/v1/videos', { method: 'POST', headers, body });
      times.submit.push(performance.now() - from);
      asked.push({ job: job.id, request, cancel, id: job.request.id, by });
    }
  };
  await Promise.all(Array.from({ length: senders }, send));
  return asked;
}

/** Cancels what the plan says, by HTTP or by the log as it was asked for; gives how each ended, and how fast. */
async function cancelAll(asked, { client, transport, pipeline }) {
  const cancel = async ({ job, id, by, cancel: when }) => {
    let state = await client.json(`/v1/videos/${job}`);
    while (when === 'while it runs' && state.status === 'queued') {
      await sleep(50);
      state = await client.json(`/v1/videos/${job}`);
    }
    const from = performance.now();
    if (by === 'log') {
      const record = {
        schema: 'generation.cancelled',
        id: `stop ${id}`,
        source,
        topic: pipeline.from,
        key: id,
        data: { cancel: id },
      };
      await transport.publish([encodeEvent(record)]);
    } else await client.json(`/v1/videos/${job}/cancel`, { method: 'POST' });
    const before = state.status;
    while (['queued', 'in_progress'].includes(state.status)) {
      await sleep(20);
      state = await client.json(`/v1/videos/${job}`);
    }
    return { before, after: state.status, ms: performance.now() - from };
  };
  return Promise.all(asked.filter((one) => one.cancel).map(cancel));
}

/** The stream of a job to its end, over as many connections as it takes, and what GET says then. */
async function followed1(client, job) {
  const { events, connections } = await client.follow(job);
  const headers = { 'last-event-id': events.at(-1).id };
  return {
    job,
    connections,
    streamed: events.at(-1)?.data,
    got: await client.json(`/v1/videos/${job}`, { headers }),
    versions: events.map(({ data }) => data.version),
  };
}

/** Looks at jobs all the time until none is left; the looks are measured. */
async function untilOver(jobs, { client, times, say }) {
  let told = performance.now();
  for (;;) {
    const from = performance.now();
    const { data } = await client.json('/v1/videos?status=queued&limit=1');
    const { data: running } = await client.json('/v1/videos?status=in_progress&limit=1');
    const [one] = [...data, ...running];
    if (!one) return;
    const look = performance.now();
    await client.json(`/v1/videos/${one.id}`);
    times.get.push(performance.now() - look);
    if (performance.now() - told > 10_000) {
      told = performance.now();
      const { queue } = data[0] ?? {};
      say(`of ${jobs}: the newest that waits has ${queue?.ahead ?? 0} ahead, its turn in ${queue?.eta_s ?? '?'} s`);
    }
    await sleep(Math.max(0, 100 - (performance.now() - from)));
  }
}

async function read(transport, topic, schema) {
  const events = [];
  for await (const record of transport.read(topic))
    if (record.value !== null) events.push({ at: record.timestamp, data: decodeEvent(record, [schema]).data });
  return events;
}

/** When each request was written, by its job, and what it shares an owner with: replicas share out partitions. */
async function cameAt(transport, pipeline, replicas) {
  const came = new Map();
  for await (const record of transport.read(pipeline.from)) {
    const event = decodeEvent(record, ['generation.requested', 'generation.cancelled']);
    if (event.schema === 'generation.requested') {
      const lane = replicas > 0 ? record.partition : 0;
      came.set(jobId(pipeline.name, event), { came: record.timestamp, lane });
    }
  }
  return came;
}

/**
 * The share of the time from the first step to the last video in which a model was at one, those that were cancelled among them. A job is told to have started
 * at the end of its first step, so where each began is a guess by its mean step: spans that overlap by it count once, and the share comes out too
 * low on a busy machine (76 % where the model's process itself counted 99 %).
 */
function busyOf(changes, videos, asked) {
  const steps = new Map(asked.map(({ job, request }) => [job, request.steps]));
  const started = new Map();
  const spans = [];
  for (const { at, data } of changes) {
    if (data.started_at) started.set(data.job, Date.parse(data.started_at));
    if (data.state === 'cancelled' && data.started_at) spans.push([started.get(data.job), at]);
  }
  for (const { data } of videos) {
    const took = 1000 * data.timings.denoise_seconds;
    const from = started.get(data.job) - took / steps.get(data.job);
    spans.push([from, from + took]);
  }
  spans.sort(([a], [b]) => a - b);
  let worked = 0;
  let until = spans[0][0];
  for (const [from, to] of spans) {
    worked += Math.max(0, to - Math.max(from, until));
    until = Math.max(until, to);
  }
  return worked / (until - spans[0][0]);
}

/** Until it is measured how many videos the model draws at once: that takes the model's time once in an installation. */
async function untilMeasured(workspace) {
  const end = performance.now() + measureMs;
  const budgets = join(workspace.topology.profile.work, 'budgets.json');
  while (!existsSync(budgets) && performance.now() < end) await sleep(200);
}

const percentile = (all, share) =>
  all.toSorted((a, b) => a - b)[Math.min(all.length - 1, Math.floor(all.length * share))];

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      jobs: { type: 'string', default: '500' },
      model: { type: 'string', default: 'nano' },
      seed: { type: 'string', default: '1' },
      follow: { type: 'string', default: '20' },
      replicas: { type: 'string' },
      kill: { type: 'boolean', default: false },
      kills: { type: 'string', default: '10' },
      remote: { type: 'boolean', default: false },
      keep: { type: 'boolean', default: false },
    },
  });
  const count = (text, name) => {
    if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
    console.error(`--${name}: expected a whole number from 1 to 99999, found ${text}`);
    process.exit(2);
  };
  if (!models.includes(values.model)) {
    console.error(`--model: expected ${models.join(' or ')}, found ${values.model}`);
    process.exit(2);
  }
  const [jobs, seed, follow, kills] = ['jobs', 'seed', 'follow', 'kills'].map((name) => count(values[name], name));
  const replicas = values.replicas === undefined ? 0 : count(values.replicas, 'replicas');
  if (replicas > 0 && !process.env.KAFKA_BROKERS) {
    console.error('--replicas: expected KAFKA_BROKERS and S3_* in the environment: source .cache/infra/env');
    process.exit(2);
  }
  const say = (line) => console.log(line);
  const { model, kill, remote, keep } = values;
  const result = await load({ jobs, seed, follow, model, kill, kills, remote, replicas, keep, say });
  const { times, stops, waits, counts, wrong } = result;
  const ms = (all) => `p50 ${percentile(all, 0.5).toFixed(0)} ms, p99 ${percentile(all, 0.99).toFixed(0)} ms`;
  console.log(`submit    ${ms(times.submit)} (${times.submit.length} by HTTP, ${senders} at once)`);
  if (times.get.length > 0) console.log(`GET       ${ms(times.get)} (${times.get.length})`);
  for (const [priority, { median, most }] of Object.entries(waits))
    console.log(`waited    ${priority.padEnd(11)} median ${median.toFixed(1)} s, most ${most.toFixed(1)} s`);
  const stopped = stops
    .filter(({ before, after }) => before === 'in_progress' && after === 'cancelled')
    .map(({ ms: took }) => took);
  console.log(
    `cancelled ${stops.filter(({ after }) => after === 'cancelled').length} of ${stops.length}, ${stopped.length} of them while they ran` +
      (stopped.length > 0 ? `: ${ms(stopped)}` : ''),
  );
  console.log(
    `busy      ${(100 * result.busy).toFixed(1)} % of the time from the first step to the last video (a guess that is rather too low)`,
  );
  console.log(
    `order     ${result.pairs} pairs of which one waited while the other began; in ${result.aged} of them the first was less urgent, and had waited for longer`,
  );
  console.log(
    `ended     ${Object.entries(counts)
      .map(([state, n]) => `${n} ${state}`)
      .join(', ')} in ${result.seconds.toFixed(0)} s`,
  );
  for (const [what, times] of Object.entries(result.kills)) console.log(`killed    ${what}: ${times} times`);
  if (kill)
    console.log(
      `clients   repeated ${result.clients.repeats} requests, connected again to ${result.clients.reconnects} streams; ${result.webhooks} webhooks came`,
    );
  if (result.answered.length > 0) console.log(`replicas  answered ${result.answered.join(' and ')} requests`);
  for (const line of wrong.slice(0, 20)) console.log(`WRONG     ${line}`);
  if (wrong.length > 20) console.log(`WRONG     ${wrong.length - 20} more`);
  process.exitCode = wrong.length > 0 ? 1 : 0;
}
