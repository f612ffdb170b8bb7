// @ts-nocheck: a plain script
// vimi against infra/model-server and a tiny WanVACE pipeline, as people run them: called by check-model-server.sh, which sets
// up Python. Between both stands a proxy, which counts what was asked and can put another answer in the place of a video.
//   node infra/check-model-server.mjs PYTHON MODEL_FOLDER
// With KAFKA_BROKERS and S3_* set, also through Kafka.
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createServer as createSocket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import sharp from 'sharp';
import { openClient } from '../dist/app/client/index.js';
import { recordIn } from '../dist/app/reproduce.js';
import { clusterTopology } from './cluster-topology.mjs';

const [python, model] = process.argv.slice(2);
const root = new URL('..', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'vimi-model-server-'));
/** What hangs ends the check; nothing else depends on it. */
const patienceMs = 240_000;
const children = new Set();
const began = performance.now();

function say(text) {
  console.log(`${((performance.now() - began) / 1000).toFixed(0).padStart(4)} s  ${text}`);
}

function holds(what, condition, found) {
  if (!condition) throw new Error(`${what}: found ${JSON.stringify(found)}`);
}

async function until(what, look) {
  const end = performance.now() + patienceMs;
  for (let last; performance.now() < end; await sleep(50)) {
    const found = await look();
    if (found) return found;
    last = found;
    if (performance.now() + 50 > end) throw new Error(`${what}: not within ${patienceMs / 1000} s, last ${last}`);
  }
}

function start(command, args, options = {}) {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
  child.said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text) => {
      child.said += text;
    });
  child.over = once(child, 'exit');
  children.add(child);
  return child;
}

async function end(child, signal) {
  child.kill(signal);
  await child.over;
  children.delete(child);
}

async function freePort() {
  const socket = createSocket().listen(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  await new Promise((resolve) => socket.close(resolve));
  return port;
}

const serverPort = await freePort();
const serverUrl = `http://127.0.0.1:${serverPort}`;

async function startServer() {
  const size = ['--frames', '17', '--width', '96', '--height', '64', '--steps', '4'];
  const server = start(
    python,
    ['-m', 'vimi_model_server', model, '--port', String(serverPort), '--queue', '1', ...size],
    {
      cwd: join(root, 'infra/model-server'),
      // One thread: several wait for each other by spinning, and other work is on the same cores.
      env: { ...process.env, OMP_NUM_THREADS: '1', PYTHONDONTWRITEBYTECODE: '1' },
    },
  );
  await until('the model server is ready', async () => {
    holds('the model server lives', server.exitCode === null, server.said);
    const answer = await fetch(`${serverUrl}/ready`).catch(() => undefined);
    return answer?.ok;
  });
  return server;
}

/** What goes by, and what is put in the place of a video. */
const passing = { taken: 0, statuses: [], instead: undefined };
const proxy = createServer((asked, answer) => {
  if (passing.instead && asked.url.includes('/content')) return answer.end(passing.instead);
  const isPost = asked.method === 'POST' && asked.url === '/v1/videos';
  const options = { method: asked.method, headers: asked.headers, agent: false };
  const onward = request(`${serverUrl}${asked.url}`, options, (got) => {
    if (isPost) {
      // One that still loads its model refuses with 503, and is asked again.
      if (got.statusCode < 300) passing.taken++;
      passing.statuses.push(got.statusCode);
    }
    answer.writeHead(got.statusCode, got.headers);
    got.pipe(answer);
  });
  onward.on('error', () => answer.destroy());
  asked.pipe(onward);
}).listen(0, '127.0.0.1');
await once(proxy, 'listening');
const proxyHost = `127.0.0.1:${proxy.address().port}`;
const served = { model_hosts: [proxyHost], models: { tiny: { type: 'remote', url: `http://${proxyHost}` } } };

const picture = async (colour) => {
  const image = sharp({ create: { width: 64, height: 64, channels: 3, background: colour } });
  return (await image.png().toBuffer()).toString('base64');
};
const [red, blue] = [await picture('#ff0000'), await picture('#0000ff')];
const references = [
  { role: 'subject', data_url: `data:image/png;base64,${red}` },
  { role: 'background', data_url: `data:image/png;base64,${blue}` },
];

function embeddedTopology() {
  const path = join(folder, 'topology.yaml');
  const shipped = readFileSync(join(root, 'topology.yaml'), 'utf8').replace(
    /model: nano, upsampler: [\w-]+/,
    'model: tiny',
  );
  const models = `model_hosts: ["${proxyHost}"]\nmodels: ${JSON.stringify(served.models)}\n`;
  writeFileSync(path, shipped.replace(/^topics:$/m, `${models}topics:`));
  return path;
}

/** vimi run, and its HTTP API. */
class Running {
  static async start(topology) {
    const port = await freePort();
    const running = new Running();
    running.url = `http://127.0.0.1:${port}`;
    const args = ['--topology', topology, 'run', '--pipeline', 'generate', '--http', `127.0.0.1:${port}`];
    running.child = start(process.execPath, [join(root, 'dist/cli/main.js'), ...args]);
    await until('vimi runs', async () => {
      holds('vimi lives', running.child.exitCode === null, running.child.said);
      return (await fetch(`${running.url}/ready`).catch(() => undefined))?.ok;
    });
    return running;
  }

  async call(path, body) {
    const json = { method: 'POST', headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const answer = await fetch(`${this.url}${path}`, body === undefined ? {} : json);
    return answer.json();
  }

  async ask(body) {
    const job = await this.call('/v1/videos', body);
    holds('the request is taken', job.id, job);
    return job.id;
  }

  /** `seen`: each percentage that was met on the way. */
  async ended(id, seen = new Set()) {
    return until(`job ${id} ends`, async () => {
      const job = await this.call(`/v1/videos/${id}`);
      if (job.status === 'in_progress') seen.add(job.progress);
      return ['completed', 'failed', 'cancelled'].includes(job.status) && job;
    });
  }

  async completed(id, seen) {
    const job = await this.ended(id, seen);
    holds('the job is completed', job.status === 'completed', job.error ?? job.status);
    return job;
  }

  async mp4(id) {
    return Buffer.from(await (await fetch(`${this.url}/v1/videos/${id}/content`)).arrayBuffer());
  }
}

const onServer = async () => (await (await fetch(`${serverUrl}/v1/videos`)).json()).data;
const running = async () => (await onServer()).find(({ status }) => status === 'in_progress');
const sha256 = (bytes) => createHash('sha256').update(bytes).digest('hex');

/** Every thing that has to hold, in one life of vimi. */
async function check() {
  let server = await startServer();
  say('the model server is ready');
  const topology = embeddedTopology();
  const vimi = await Running.start(topology);

  const seen = new Set();
  const id = await vimi.ask({ prompt: 'a fox runs', seed: 7, steps: 30, references });
  await vimi.completed(id, seen);
  const mp4 = await vimi.mp4(id);
  const record = recordIn(mp4, id);
  const { weights, server: stated } = record.model;
  holds('the record names the weights', /^[0-9a-f]{64}$/.test(weights), record.model);
  holds('and the references', stated.asked.references.map(({ role }) => role).join() === 'subject,background', stated);
  holds(
    'progress is told',
    [...seen].some((percent) => percent > 0 && percent < 100),
    [...seen],
  );
  say(`two references over HTTP, progress ${[...seen].join(', ')} %`);

  const client = await openClient({ topology });
  const parts = [
    { image: { base64: red }, role: 'subject' },
    { image: { base64: blue }, role: 'background' },
    { text: 'a fox runs' },
  ];
  const other = await client.submit({ prompt: parts, seed: 8, steps: 4 });
  const file = join(folder, 'other.mp4');
  await client.save(await other.video(), file);
  holds('another seed gives another video', sha256(readFileSync(file)) !== sha256(mp4), 'the same');
  await client.close();
  say('two references through the log');

  const slow = await vimi.ask({ prompt: 'a slow fox', steps: 250 });
  const drawn = await until('it is drawn', async () => {
    const job = await running();
    return job?.progress > 0 && job;
  });
  await vimi.call(`/v1/videos/${slow}/cancel`, {});
  holds('the job is cancelled', (await vimi.ended(slow)).status === 'cancelled', slow);
  const cancelled = await until('the server stops', async () => {
    const job = (await onServer()).find((one) => one.id === drawn.id);
    return job.status !== 'in_progress' && job;
  });
  holds('between two steps', cancelled.status === 'cancelled' && cancelled.progress < 99, cancelled);
  say(`cancelled at ${cancelled.progress} %`);

  const restarted = await vimi.ask({ prompt: 'a fox that is met by a restart', seed: 3, steps: 60 });
  await until('it is drawn', async () => (await running())?.progress > 0);
  const before = passing.taken;
  await end(server, 'SIGKILL');
  server = await startServer();
  await vimi.completed(restarted);
  holds('it was asked again', passing.taken === before + 1, passing.taken - before);
  await until('its result is gone from the server', async () => (await onServer()).length === 0);
  say('killed in the middle, drawn again');

  const reproduce = start(process.execPath, [join(root, 'dist/cli/main.js'), '--topology', topology, 'reproduce', id]);
  await reproduce.over;
  holds('the same bytes after the restart', reproduce.exitCode === 0, reproduce.said);
  say(reproduce.said.trim());

  const direct = async () => {
    const body = JSON.stringify({ prompt: 'for others', steps: 1000 });
    return (await (await fetch(`${serverUrl}/v1/videos`, { method: 'POST', body })).json()).id;
  };
  const others = [await direct()];
  await until('the server draws for others', running);
  others.push(await direct());
  const patient = await vimi.ask({ prompt: 'a patient fox', steps: 4 });
  await until('it is told to wait', async () => passing.statuses.includes(429));
  for (const one of others) await fetch(`${serverUrl}/v1/videos/${one}/cancel`, { method: 'POST' });
  await vimi.completed(patient);
  say('overloaded: waited for, and drawn');

  const header = `${"{'descr': '|u1', 'fortran_order': False, 'shape': (17, 48, 96, 3), }".padEnd(117)}\n`;
  const small = Buffer.concat([
    Buffer.from(`\x93NUMPY\x01\x00${String.fromCharCode(header.length)}\x00${header}`, 'latin1'),
    Buffer.alloc(17 * 48 * 96 * 3),
  ]);
  for (const [instead, expected] of [
    [small, 'expected a video of 96x64, found one of 96x48'],
    [Buffer.from('<html>sorry</html>'), 'expected a video as .npy or MP4'],
  ]) {
    passing.instead = instead;
    const refused = await vimi.ended(await vimi.ask({ prompt: `a fox, and ${expected}`, steps: 4 }));
    holds('a wrong answer is refused', refused.error?.code === 'MODEL_ANSWER_INVALID', refused);
    holds('and named', refused.error.message.includes(expected), refused.error);
    say(refused.error.message);
  }
  passing.instead = undefined;

  // At the door, where the server has told its limits by then; else by the job.
  const odd = await vimi.call('/v1/videos', { prompt: 'a fox', frames: 16 });
  const refused = odd.id ? (await vimi.ended(odd.id)).error : odd;
  holds('a number of frames is refused', refused?.code === 'REQUEST_OVER_LIMIT', odd);
  say(refused.message ?? refused.detail);

  const { data } = await vimi.call('/v1/videos?status=completed');
  holds('each job has one video', new Set(data.map((job) => job.id)).size === 3 + 1, data.length);
  await end(vimi.child, 'SIGTERM');
  if (process.env.KAFKA_BROKERS) await checkKafka();
  await end(server, 'SIGTERM');
}

async function checkKafka() {
  const name = `model-server-${Date.now()}-${process.pid}`;
  const topology = join(folder, 'cluster.yaml');
  const text = clusterTopology(name, { partitions: 1 }).replaceAll('"model": "fake"', '"model": "tiny"');
  writeFileSync(topology, JSON.stringify({ ...JSON.parse(text), ...served }));
  const args = [join(root, 'dist/cli/main.js'), '--topology', topology, '--profile', 'cluster'];
  const apply = start(process.execPath, [...args, 'topics', 'apply']);
  await apply.over;
  holds('the topics are made', apply.exitCode === 0, apply.said);
  const client = await openClient({ topology, profile: 'cluster' });
  const parts = [
    { image: { base64: red }, role: 'subject' },
    { image: { base64: blue }, role: 'background' },
  ];
  const job = await client.submit({ prompt: [...parts, { text: 'a fox' }], seed: 5, steps: 4 });
  const run = start(process.execPath, [...args, 'run', '--pipeline', 'generate', '--drain']);
  const video = await job.video();
  holds('the record names the server', video.data?.model?.server?.dialect === 'vimi' || video.model?.server, video);
  await run.over;
  holds('the run ends well', run.exitCode === 0, run.said);
  await client.close();
  say('two references through Kafka');
}

try {
  await check();
  say('all of it holds');
} catch (error) {
  console.error(error);
  for (const child of children)
    console.error(`--- ${child.spawnargs.slice(1, 4).join(' ')}\n${child.said.slice(-3000)}`);
  process.exitCode = 1;
} finally {
  for (const child of children) child.kill('SIGKILL');
  proxy.closeAllConnections();
  proxy.close();
  rmSync(folder, { recursive: true, force: true });
}
