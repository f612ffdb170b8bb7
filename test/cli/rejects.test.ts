import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readOriginal } from '../../src/app/rejects/original.js';
import { runPipelines } from '../../src/app/run-pipelines.js';
import { Workspace } from '../../src/app/workspace.js';
import { publish } from '../../src/cli/commands/publish.js';
import { dismissRejects, listRejects, type RejectsOptions, replayRejects } from '../../src/cli/commands/rejects.js';
import { VimiError } from '../../src/core/errors.js';
import { decodeEvent } from '../../src/events/cloudevents.js';
import { rejectRecord } from '../../src/streams/delivery/rejects.js';
import { quietLog } from '../operators/run-operator.js';
import { patience } from '../support/patience.js';

const root = join(import.meta.dirname, '../..');
const shipped = readFileSync(join(root, 'topology.yaml'), 'utf8').replace(
  /model: nano, upsampler: [\w-]+/,
  'model: fake',
);
const narrow = shipped.replace('- admit\n', '- admit: { max_frames: 4 }\n');
const long = '{"prompt":"a fox moves left",  "frames":8}';
let folder: string;
let workspace: Workspace;

async function open(topology: string): Promise<void> {
  await workspace?.close();
  writeFileSync(join(folder, 'topology.yaml'), topology);
  workspace = await Workspace.open({ topology: join(folder, 'topology.yaml'), log: quietLog });
}

async function said(command: (out: NodeJS.WritableStream) => Promise<void>): Promise<string> {
  const out = new PassThrough();
  const all = text(out);
  await command(out).finally(() => out.end());
  return all;
}

const jsonOf = (lines: string) =>
  lines
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));
const list = (options: RejectsOptions = {}) => said((out) => listRejects(workspace, options, out));
const listed = async (options: RejectsOptions = {}) => jsonOf(await list({ ...options, json: true }));
const replay = (options: RejectsOptions & { all?: boolean }) => said((out) => replayRejects(workspace, options, out));
const dismiss = (options: RejectsOptions & { all?: boolean }) => said((out) => dismissRejects(workspace, options, out));
const send = (topic: string, lines: string) =>
  said((out) => publish(workspace, topic, Readable.from([lines]), { raw: true }, out));
const drain = () =>
  runPipelines(workspace, workspace.topology.pipelines, { drain: true, signal: new AbortController().signal });

async function events(topic: string) {
  const { schemas } = workspace.topic(topic);
  const found = [];
  for await (const record of (await workspace.transport()).read(topic))
    try {
      // biome-ignore lint/suspicious/noExplicitAny: of any schema.
      found.push({ ...decodeEvent(record, schemas), data: JSON.parse(String(record.value)) as any, record });
    } catch {
      found.push({ id: null, data: null, record });
    }
  return found;
}
const codes = (rejects: { errors: { code: string }[] }[]) => rejects.flatMap(({ errors }) => errors.map((e) => e.code));

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vimi-rejects-'));
  await open(narrow);
  await send('requests', `{"prompt": \n${long}\n{"prompt": ""}\n{"prompt": "a fox moves right", "frames": 4}\n`);
  await send('media', `${JSON.stringify({ uri: join(folder, 'later.png'), caption: 'a fox' })}\n`);
  await drain();
});
afterAll(async () => {
  await workspace.close();
  rmSync(folder, { recursive: true, force: true });
});

// In order: each goes on with what the one before left.
describe.sequential('vimi rejects', { timeout: patience(120) }, () => {
  it('lists what was rejected and what a replay would do, and does nothing', async () => {
    const out = await list();
    for (const part of ['corpus/fetch  MEDIA_NOT_FOUND', 'generate/admit  REQUEST_OVER_LIMIT', 'EVENT_MALFORMED'])
      expect(out).toContain(part);
    expect(out).toContain('4 dead letters\n');
    expect(out).toMatch(/`vimi rejects replay --all` would publish 4 again, to (requests, media|media, requests)\n$/);
    expect(await list({ since: '1h' })).toContain('`vimi rejects replay` with the same options would publish 4 again');
    expect(await events('requests')).toHaveLength(4);
    expect(await events('media')).toHaveLength(1);
  });

  it('shows what each was about: the uri of a medium, the text of a prompt [use U12]', async () => {
    expect(await list({ code: ['MEDIA_NOT_FOUND'] })).toContain(`"${join(folder, 'later.png')}"  corpus/fetch`);
    expect((await listed({ code: ['REQUEST_OVER_LIMIT'] }))[0].about).toBe('a fox moves left');
    expect((await listed({ code: ['EVENT_MALFORMED'] }))[0].about).toBe('');
  });

  it('takes an unknown code for wrong usage, and says which was meant [use U12]', async () => {
    for (const command of [list, replay, dismiss])
      await expect(command({ code: ['PROMPT_EMPTYY'] })).rejects.toMatchObject({
        code: 'USAGE',
        message: expect.stringContaining("did you mean 'PROMPT_EMPTY'?"),
      });
    expect(await listed({ code: ['STORAGE_FULL'] })).toEqual([]);
  });

  it('takes an id that no dead letter has for wrong usage, and says which was meant', async () => {
    const [{ place }] = await listed();
    for (const command of [list, replay, dismiss])
      await expect(command({ id: [`${place}1`] })).rejects.toMatchObject({
        code: 'USAGE',
        message: expect.stringContaining(`did you mean '${place}'?`),
      });
  });

  it('chooses by code, time and id', async () => {
    const all = await listed();
    expect(codes(all).sort()).toEqual(['EVENT_MALFORMED', 'MEDIA_NOT_FOUND', 'PROMPT_EMPTY', 'REQUEST_OVER_LIMIT']);
    expect(codes(await listed({ code: ['PROMPT_EMPTY'] }))).toEqual(['PROMPT_EMPTY']);
    expect(await listed({ since: '1h' })).toEqual(all);
    expect(await listed({ since: all[0].time })).toEqual(all);
    expect(await listed({ since: '2999-01-01' })).toEqual([]);
    expect(await listed({ id: [all[1].place, all[2].event] })).toEqual(all.slice(1, 3));
    await expect(list({ since: 'yesterday' })).rejects.toMatchObject({ code: 'USAGE' });
    await expect(replay({})).rejects.toMatchObject({ code: 'USAGE' });
    expect(await events('requests')).toHaveLength(4);
  });

  it('publishes the same bytes again, each event once and under its own id', async () => {
    const [rejected] = await listed({ code: ['REQUEST_OVER_LIMIT'] });
    cpSync(join(root, 'examples/media/images/fox.png'), join(folder, 'later.png'));
    await open(shipped);
    const mended = { code: ['REQUEST_OVER_LIMIT', 'MEDIA_NOT_FOUND'] };
    expect(await replay(mended)).toContain('2 dead letters published again\n');
    expect(await replay(mended)).toBe('0 dead letters published again; 2 were replayed before\n');
    const tries = (await events('requests')).filter(({ id }) => id === rejected.event);
    expect(tries.map(({ record }) => String(record.value))).toEqual([long, long]);

    await drain();
    expect((await events('videos')).filter(({ data }) => data.request.id === rejected.event)).toHaveLength(1);
    const states = (await events('jobs')).flatMap(({ data }) =>
      data.request.id === rejected.event ? [data.state] : [],
    );
    expect(states.filter((state) => ['failed', 'completed'].includes(state))).toEqual(['failed', 'completed']);
    expect(await events('corpus')).toHaveLength(1);
    expect(await list()).toContain('4 dead letters, 2 of them replayed before\n');
  });

  it('replays a replay that was rejected in turn, and still under the first id', async () => {
    const replayed = async (choice: RejectsOptions) => jsonOf(await replay({ ...choice, json: true }));
    const [first] = await replayed({ code: ['PROMPT_EMPTY'] });
    await drain();
    const [before, after] = await listed({ code: ['PROMPT_EMPTY'] });
    expect([before.replayed, after.replayed]).toEqual([true, false]);
    expect([before.event, after.event]).toEqual([first.event, first.event]);
    expect((await replayed({ id: [first.event] })).map(({ replayed }) => replayed)).toEqual([after.place]);
    expect(await replayed({ id: [first.event] })).toEqual([]);
  });

  it('believes no stranger who says that something was replayed', async () => {
    const [waiting] = await listed({ code: ['EVENT_MALFORMED'] });
    const headers = { ce_replayof: Buffer.from(waiting.place) };
    await (await workspace.transport()).publish([
      { topic: 'requests', key: null, value: Buffer.from('{"prompt": "nothing of the kind"}'), headers },
    ]);
    expect((await listed({ code: ['EVENT_MALFORMED'] }))[0].replayed).toBe(false);
    const out = await replay({ code: ['EVENT_MALFORMED'] });
    expect(out).toContain('1 dead letter published again\n');
    expect((await listed({ code: ['EVENT_MALFORMED'] }))[0].replayed).toBe(true);
  });

  it('dismisses what nothing is to be done about: neither listed nor replayed any more [kind 10]', async () => {
    await send('requests', '{"prompt": "  "}\n');
    await drain();
    const empty = { code: ['PROMPT_EMPTY'] };
    const waiting = (await listed(empty)).filter(({ replayed }) => !replayed);
    expect(waiting.length).toBeGreaterThan(0);
    const all = (await listed()).length;
    await expect(dismiss({})).rejects.toMatchObject({ code: 'USAGE' });
    expect(await dismiss({ id: [waiting[0].place] })).toBe(`${waiting[0].place} dismissed\n1 dead letter dismissed\n`);
    await dismiss(empty);
    expect(await dismiss(empty)).toBe('0 dead letters dismissed\n');
    expect(await listed()).toHaveLength(all - waiting.length);
    expect(await list()).toContain(`${waiting.length} that were dismissed are not shown (--dismissed shows them)\n`);
    const dismissed = (await listed({ dismissed: true })).filter((one) => one.dismissed);
    expect(dismissed.map(({ place }) => place).sort()).toEqual(waiting.map(({ place }) => place).sort());
    expect(await replay({ id: [waiting[0].place] })).toContain('0 dead letters published again');
  });

  it('passes over what strangers wrote among the rejects', async () => {
    const [real] = await events('rejects');
    const forged = { ...real!.data, origin: { ...real!.data.origin, topic: 'corpus' } };
    await send('rejects', `no reject\n${JSON.stringify(forged)}\n`);
    expect(await list()).toContain('2 records skipped');
    await replay({ all: true });
    expect(await events('corpus')).toHaveLength(1);
  });
});

it('a topic that is made anew has other dead letters in the same places [kind 2 made anew]', async () => {
  const transport = await workspace.transport();
  const error = new VimiError('PROMPT_EMPTY', 'This prompt is empty');
  const outcome = { kind: 'rejected', error, step: 'admit', attempts: 1 } as const;
  const rejectOf = (prompt: string, timestamp: number) =>
    rejectRecord(
      {
        origin: {
          ...{ topic: 'requests', partition: 7, offset: 9000, timestamp, key: null, headers: {} },
          value: Buffer.from(JSON.stringify({ prompt })),
        },
        ...{ part: '', outcome },
      },
      { pipeline: 'generate', topic: 'rejects', now: timestamp },
    );
  await transport.publish([rejectOf('of the old topic', 1e12), rejectOf('of the new one', 2e12)]);
  const place = 'requests-7-9000';
  const both = (await listed()).filter((letter) => letter.place === place);
  expect(both.map(({ about }) => about)).toEqual(['of the old topic', 'of the new one']);
  expect((await readOriginal(workspace, place))?.original.value?.text).toBe('{"prompt":"of the new one"}');
  await replay({ id: [place] });
  const replayed = (await events('requests')).filter(({ record }) => String(record.headers.ce_replayof) === place);
  expect(replayed.map(({ data }) => data.prompt).sort()).toEqual(['of the new one', 'of the old topic']);
});
