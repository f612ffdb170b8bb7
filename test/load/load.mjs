// @ts-nocheck: a plain script, run against what is built
/**
 * Asks a service for many videos at once, by HTTP and by the log, and looks at what came of it: every job ends once, nothing is
 * lost, turns are kept, cancelled jobs stop, and GET and the stream of events say the same.
 *
 *   npm run load -- [--jobs 500] [--model nano|fake] [--seed 1] [--follow 20] [--keep]
 *
 * The service is `vimi run` in its own process, on the embedded log in a folder of its own. Prints what submitting and looking
 * took, and the share of the time in which the model was busy; exits 1 on anything wrong.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { judge } from './judge.mjs';
import { planOf } from './plan.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const { openEmbedded } = await import(join(root, 'dist/streams/transports/embedded/open-embedded.js'));
const { decodeEvent, encodeEvent } = await import(join(root, 'dist/events/cloudevents.js'));
const { jobId } = await import(join(root, 'dist/events/ids.js'));
const { usualAgeingMs } = await import(join(root, 'dist/stores/jobs/turn-order.js'));

/** Requests under way at once. */
const senders = 8;
const source = '/load';
const model = { nano: 'model: nano', fake: 'model: fake' };

/** `slackMs`: how long a request may be on its way to the queue of the model, on a busy machine. */
export async function load({
  jobs,
  model: name = 'nano',
  seed = 1,
  follow = 20,
  keep = false,
  slackMs = 10_000,
  say = () => {},
}) {
  const folder = mkdtempSync(join(tmpdir(), 'vimi-load-'));
  const shipped = readFileSync(join(root, 'topology.yaml'), 'utf8');
  // All of it is in flight: the order holds among what is.
  const text = shipped
    .replace(/model: nano, upsampler: [\w-]+/, model[name])
    .replace('max_in_flight: 32', 'max_in_flight: 2000');
  writeFileSync(join(folder, 'topology.yaml'), text);
  const service = await startService(folder);
  await service.ready();
  const transport = openEmbedded({ path: join(folder, '.vimi/log.sqlite') });
  try {
    const plan = planOf(jobs, seed);
    const times = { submit: [], get: [] };
    const began = performance.now();
    const asked = await submitAll(plan, { service, transport, times });
    say(`${jobs} jobs asked for in ${((performance.now() - began) / 1000).toFixed(1)} s`);
    const followed = asked
      .filter((_, n) => n % Math.ceil(jobs / follow) === 0)
      .map((one) => followed1(service, one.job));
    const cancels = cancelAll(asked, { service, transport });
    await untilOver(asked.length, { service, times, say });
    const stops = await cancels;
    const told = await Promise.all(followed);
    const changes = await read(transport, 'jobs', 'job.changed');
    const requests = await cameAt(transport);
    const videos = await read(transport, 'videos', 'video.completed');
    const verdict = judge({
      asked: asked.map((one) => ({ ...one, came: requests.get(one.job) })),
      changes: changes.map(({ data }) => data),
      videos: videos.map(({ data }) => data.job),
      followed: told,
      ageingMs: usualAgeingMs,
      slackMs,
    });
    return { ...verdict, times, stops, busy: busyOf(changes, videos), seconds: (performance.now() - began) / 1000 };
  } finally {
    await transport.close();
    await service.stop();
    if (!keep) rmSync(folder, { recursive: true, force: true });
    else say(`kept in ${folder}`);
  }
}

async function startService(folder) {
  const child = spawn(
    process.execPath,
    [join(root, 'dist/cli/main.js'), 'run', '--pipeline', 'generate', '--http', '127.0.0.1:0', '--log-level', 'info'],
    { cwd: folder, stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const gone = new Promise((resolve) => child.once('exit', resolve));
  let words = '';
  const url = await new Promise((resolve, reject) => {
    child.stderr.setEncoding('utf8').on('data', (text) => {
      words = (words + text).slice(-20_000);
      const [found] = /http:\/\/127\.0\.0\.1:\d+/.exec(words) ?? [];
      if (found) resolve(found);
    });
    gone.then((code) => reject(new Error(`vimi run ended with ${code}: ${words}`)));
  });
  return {
    url,
    async json(path, init) {
      const answer = await fetch(`${url}${path}`, init);
      const body = await answer.json();
      if (!answer.ok) throw new Error(`${path}: ${answer.status} ${JSON.stringify(body)}`);
      return body;
    },
    /** What it takes to start is no part of the load. */
    async ready() {
      while (!(await fetch(`${url}/ready`)).ok) await sleep(100);
    },
    async stop() {
      child.kill('SIGINT');
      if (!(await Promise.race([gone.then(() => true), sleep(30_000, false)]))) child.kill('SIGKILL');
      await gone;
    },
  };
}

async function submitAll(plan, { service, transport, times }) {
  const asked = [];
  const left = [...plan];
  const send = async () => {
    for (let one = left.shift(); one; one = left.shift()) {
      const { id, request, by, cancel } = one;
      if (by === 'log') {
        await transport.publish([
          encodeEvent({ schema: 'generation.requested', id, source, topic: 'requests', key: id, data: request }),
        ]);
        asked.push({ job: jobId('generate', { source, id }), request, cancel, id, by });
        continue;
      }
      const from = performance.now();
      const body = JSON.stringify(request);
      const job = await service.json('/v1/videos', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      });
      times.submit.push(performance.now() - from);
      asked.push({ job: job.id, request, cancel, id: job.request.id, by });
    }
  };
  await Promise.all(Array.from({ length: senders }, send));
  return asked;
}

/** Cancels what the plan says, by HTTP or by the log as it was asked for; gives how each ended, and how fast. */
async function cancelAll(asked, { service, transport }) {
  const cancel = async ({ job, id, by, cancel: when }) => {
    let state = await service.json(`/v1/videos/${job}`);
    while (when === 'while it runs' && state.status === 'queued') {
      await sleep(50);
      state = await service.json(`/v1/videos/${job}`);
    }
    const from = performance.now();
    if (by === 'log') {
      const record = {
        schema: 'generation.cancelled',
        id: `stop ${id}`,
        source,
        topic: 'requests',
        key: id,
        data: { cancel: id },
      };
      await transport.publish([encodeEvent(record)]);
    } else await service.json(`/v1/videos/${job}/cancel`, { method: 'POST' });
    const before = state.status;
    while (['queued', 'in_progress'].includes(state.status)) {
      await sleep(20);
      state = await service.json(`/v1/videos/${job}`);
    }
    return { before, after: state.status, ms: performance.now() - from };
  };
  return Promise.all(asked.filter((one) => one.cancel).map(cancel));
}

/** The stream of a job to its end, and what GET says then. */
async function followed1(service, job) {
  const answer = await fetch(`${service.url}/v1/videos/${job}/events`);
  let text = '';
  for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) text += chunk;
  const events = text.split('\n\n').flatMap((block) => {
    const data = /^data: (.*)$/m.exec(block)?.[1];
    return data ? [JSON.parse(data)] : [];
  });
  return {
    job,
    streamed: events.at(-1),
    got: await service.json(`/v1/videos/${job}`),
    versions: events.map(({ version }) => version),
  };
}

/** Looks at jobs all the time until none is left; the looks are measured. */
async function untilOver(jobs, { service, times, say }) {
  let told = performance.now();
  for (;;) {
    const from = performance.now();
    const { data } = await service.json('/v1/videos?status=queued&limit=1');
    const { data: running } = await service.json('/v1/videos?status=in_progress&limit=1');
    const [one] = [...data, ...running];
    if (!one) return;
    const look = performance.now();
    await service.json(`/v1/videos/${one.id}`);
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

/** When each request was written, by its job. */
async function cameAt(transport) {
  const came = new Map();
  for await (const record of transport.read('requests')) {
    const event = decodeEvent(record, ['generation.requested', 'generation.cancelled']);
    if (event.schema === 'generation.requested') came.set(jobId('generate', event), record.timestamp);
  }
  return came;
}

/** The share of the time from the first step to the last video in which the model was at one, those that were cancelled among them. */
function busyOf(changes, videos) {
  const begins = changes.flatMap(({ data }) => (data.started_at ? [Date.parse(data.started_at)] : []));
  const last = Math.max(...changes.filter(({ data }) => data.state === 'completed').map(({ at }) => at));
  const made = videos.reduce((sum, { data }) => sum + data.timings.denoise_seconds, 0);
  const stopped = changes
    .filter(({ data }) => data.state === 'cancelled' && data.started_at)
    .reduce((sum, { at, data }) => sum + (at - Date.parse(data.started_at)) / 1000, 0);
  const worked = made + stopped;
  return worked / ((last - Math.min(...begins)) / 1000);
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
      keep: { type: 'boolean', default: false },
    },
  });
  const count = (text, name) => {
    if (/^[1-9]\d{0,4}$/.test(text)) return Number(text);
    console.error(`--${name}: expected a whole number from 1 to 99999, found ${text}`);
    process.exit(2);
  };
  if (!Object.hasOwn(model, values.model)) {
    console.error(`--model: expected ${Object.keys(model).join(' or ')}, found ${values.model}`);
    process.exit(2);
  }
  const [jobs, seed, follow] = ['jobs', 'seed', 'follow'].map((name) => count(values[name], name));
  const say = (line) => console.log(line);
  const result = await load({ jobs, seed, follow, model: values.model, keep: values.keep, say });
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
  console.log(`busy      ${(100 * result.busy).toFixed(1)} % of the time from the first step to the last video`);
  console.log(`order     ${result.pairs} pairs of which one waited while the other began`);
  console.log(
    `ended     ${Object.entries(counts)
      .map(([state, n]) => `${n} ${state}`)
      .join(', ')} in ${result.seconds.toFixed(0)} s`,
  );
  for (const line of wrong.slice(0, 20)) console.log(`WRONG     ${line}`);
  if (wrong.length > 20) console.log(`WRONG     ${wrong.length - 20} more`);
  process.exitCode = wrong.length > 0 ? 1 : 0;
}
