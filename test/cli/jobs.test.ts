import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type Client, openClient } from '../../src/app/client/index.js';
import { runPipelines } from '../../src/app/run-pipelines.js';
import { Workspace } from '../../src/app/workspace.js';
import { cancelJob, listJobs, showJob, watchJobs } from '../../src/cli/commands/jobs.js';
import { serveHttp } from '../../src/server/http-server.js';
import { never, testFolder } from '../media/make-media.js';
import { quietLog, thrownBy } from '../operators/run-operator.js';
import { patient } from '../support/patience.js';
import { printed } from './printed.js';

const folder = await testFolder();
const topology = join(folder, 'topology.yaml');
writeFileSync(
  topology,
  readFileSync(join(import.meta.dirname, '../../topology.yaml'), 'utf8')
    .replace(/model: nano, upsampler: [\w-]+/, 'model: fake')
    .replace('      - use: ground\n      - denoise', '      - use: ./hold.mjs\n$&'),
);
// A request for a statue lasts until it is cancelled.
writeFileSync(
  join(folder, 'hold.mjs'),
  `import { defineOperator, z } from '${pathToFileURL(join(import.meta.dirname, '../../dist/index.js')).href}';
export default defineOperator(
  { name: 'hold', summary: 'Holds statues.', config: z.strictObject({}), needs: ['query'], adds: [] },
  {
    async process({ query }, { signal }) {
      if (query.text === 'a statue') await new Promise((resolve) => signal.addEventListener('abort', resolve));
      return {};
    },
  },
);
`,
);

const workspace = await Workspace.open({ topology, log: quietLog });
let client: Client;
const serve = () => runPipelines(workspace, [workspace.pipeline('generate')], { drain: true, signal: never });
afterAll(async () => {
  await client.close();
  await workspace.close();
});

describe('jobs', patient, () => {
  /** Three that have ended, each in its way. */
  beforeAll(async () => {
    client = await openClient({ topology });
    await client.submit('a fox runs', { id: 'done', source: '/shop' });
    await client.submit(' ', { id: 'empty', source: '/shop' });
    const stopped = await client.submit('a boat', { id: 'stopped', source: '/shop' });
    await stopped.cancel();
    await serve();
  });

  it('are listed with what became of them, the newest first', async () => {
    const out = printed();
    await listJobs(workspace, { limit: 50 }, out);
    const lines = out.text.trim().split('\n');
    expect(
      lines
        .slice(0, 3)
        .map((line) => line.replace(/^\S+ {2}/, ''))
        .sort(),
    ).toEqual([
      expect.stringMatching(/^done {2}completed {2}videos\/\S+\.mp4$/),
      expect.stringMatching(/^empty {2}failed: PROMPT_EMPTY: /),
      'stopped  cancelled',
    ]);
    expect(lines[3]).toBe('3 jobs: 1 cancelled, 1 completed, 1 failed');
    const times = lines.slice(0, 3).map((line) => line.split(' ')[0]!);
    expect(times).toEqual([...times].sort().reverse());
  });

  it('are listed by state, a few of them, and as JSON', async () => {
    const out = printed();
    await listJobs(workspace, { state: ['failed', 'cancelled'], limit: 1 }, out);
    expect(out.text.split('\n')[1]).toBe('1 more (--limit)');
    const json = printed();
    await listJobs(workspace, { state: ['completed'], limit: 50, json: true }, json);
    expect(JSON.parse(json.text)).toMatchObject({
      ...{ state: 'completed', pipeline: 'generate', request: { id: 'done', source: '/shop' } },
      video: { key: expect.stringMatching(/^videos\//) },
    });
  });

  it('are shown by the id of the request or the job; what is no job, or two, is said', async () => {
    const json = printed();
    await showJob(workspace, 'done', { json: true }, json);
    const { job } = JSON.parse(json.text);
    const out = printed();
    await showJob(workspace, job, {}, out);
    expect(out.text).toContain(
      `job      ${job}\nrequest  done\nsource   /shop\npipeline generate\nstate    completed\n`,
    );
    expect(await thrownBy(() => showJob(workspace, 'dome', {}, out))).toMatchObject({
      code: 'USAGE',
      summary: "There is no job of 'dome' (did you mean 'done'?)",
    });
    await client.submit('a fox runs', { id: 'done', source: '/other' });
    await serve();
    expect((await thrownBy(() => showJob(workspace, 'done', {}, out))).expected).toBe('--source, or the id of the job');
    const other = printed();
    await showJob(workspace, 'done', { source: '/other' }, other);
    expect(other.text).toContain('source   /other\n');
  });

  it('are cancelled while they are worked on; what is over stays what it is', async () => {
    const late = printed();
    expect(await cancelJob(workspace, 'empty', { signal: never }, late)).toBe(false);
    expect(late.text).toMatch(/^empty is over: failed: PROMPT_EMPTY/);

    await client.submit('a statue', { id: 'endless' });
    const stop = new AbortController();
    const running = runPipelines(workspace, [workspace.pipeline('generate')], { drain: false, signal: stop.signal });
    try {
      await vi.waitFor(() => showJob(workspace, 'endless', {}, printed()), patient);
      const watched = printed();
      const watching = watchJobs(workspace, 'endless', { signal: never }, watched);
      const out = printed();
      expect(await cancelJob(workspace, 'endless', { signal: never }, out)).toBe(true);
      expect(out.text).toBe(
        'asked to cancel endless; waiting for its end (Ctrl-C ends the wait alone)\nendless cancelled\n',
      );
      // It ends by itself.
      await watching;
      expect(watched.text).toMatch(/ {2}endless {2}cancelled\n$/);
    } finally {
      stop.abort();
      await running;
    }
  });

  it('are watched until they are over', async () => {
    const out = printed();
    const stop = new AbortController();
    const watching = watchJobs(workspace, undefined, { signal: stop.signal }, out);
    await client.submit('a red balloon', { id: 'watched' });
    await serve();
    await vi.waitFor(
      () => expect(out.text).toMatch(/watched {2}queued\n(.*in progress.*\n)*.*watched {2}completed/),
      patient,
    );
    stop.abort();
    await watching;
  });

  it('are listed no more once they are deleted over HTTP, with their videos', async () => {
    const listed = async () => {
      const out = printed();
      await listJobs(workspace, { limit: 50, json: true }, out);
      return out.text
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as { job: string; request: { id: string } });
    };
    const { job } = (await listed()).find(({ request }) => request.id === 'watched')!;
    const server = await serveHttp({ workspace, address: { host: '127.0.0.1', port: 0 }, version: 'test' });
    try {
      const answer = await fetch(`${server.url}/v1/videos/${job}`, { method: 'DELETE' });
      expect(answer.status).toBe(200);
    } finally {
      await server.close();
    }
    const names = (await listed()).map(({ request }) => request.id);
    expect(names).toContain('done');
    expect(names).not.toContain('watched');
    expect(await thrownBy(() => showJob(workspace, 'watched', {}, printed()))).toMatchObject({ code: 'USAGE' });
  });
});
