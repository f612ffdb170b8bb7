import { dirname } from 'node:path';
import { PassThrough } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { type TapOptions, tap } from '../../src/cli/commands/tap.js';
import { addKey, keyPath, revokeKey } from '../../src/server/keys/key-file.js';
import { patience, patient } from '../support/patience.js';
import { ownTopology, type Served, serve } from './served.js';

let served: Served;
let topology: string;
beforeAll(async () => {
  topology = await ownTopology();
  served = await serve(topology);
  // Steps can be looked at once their pipeline runs here.
  await served.drain();
}, patience(120));
afterAll(() => served.close());
// Each test counts from none.
afterEach(() => expect.poll(lookers, { timeout: patience(120) }).toBe(0));

// biome-ignore lint/suspicious/noExplicitAny: what came is what the test looks at.
type Line = Record<string, any>;

/** What is printed until it ends, and what ends it. */
function tapping(step: string, options: Partial<TapOptions> = {}) {
  const before = lookers();
  const out = new PassThrough();
  const printed = text(out);
  const controller = new AbortController();
  const ended = tap(step, { at: new URL(served.server.url).host, signal: controller.signal, ...options }, out).finally(
    () => out.end(),
  );
  const lines = async () => {
    await ended;
    return (await printed)
      .split('\n')
      .filter(Boolean)
      .map((line): Line => JSON.parse(line));
  };
  /** Looks from then on. */
  const opened = async () => {
    let isOver = false;
    const over = ended.finally(() => {
      isOver = true;
    });
    over.catch(() => {});
    while (!isOver && lookers() === before) await new Promise((resolve) => setTimeout(resolve, 10));
    if (isOver) await over;
  };
  return { lines, opened, stop: () => controller.abort() };
}

/** Behind all steps together. */
function lookers(): number {
  const { taps } = served.workspace;
  return taps.names.reduce((sum, name) => sum + taps.lookers(name), 0);
}

const ask = (prompt: string) => served.post('/v1/videos', { prompt });

setFlagsFromString('--expose-gc');
const collectGarbage: () => void = runInNewContext('gc');

describe('vimi tap', patient, () => {
  it('prints what a step hands on, with long values by their size, and ends at the limit', async () => {
    const { lines, opened } = tapping('generate.embed', { limit: 2 });
    await opened();
    await ask('a fox moves left');
    await ask('a penguin spins');
    await served.drain();
    const [first, second] = await lines();
    expect(first).toMatchObject({ pipeline: 'generate', step: 'embed', part: '', missed: 0 });
    expect(first!.where).toMatch(/^requests\/\d+\/\d+$/);
    expect([first, second].map((line) => line!.data.query.text).sort()).toEqual([
      'a fox moves left',
      'a penguin spins',
    ]);
    expect(first!.data.embeddings.text).toMatch(/^\d+ numbers$/);
  });

  it('takes patterns, filters and samples', async () => {
    const all = tapping('generate.*', { filter: 'query.text~PENGUIN' });
    await all.opened();
    const sampled = tapping('generate.embed', { sample: 2 });
    await sampled.opened();
    for (const prompt of ['a fox', 'a penguin', 'a mushroom', 'a cat']) await ask(prompt);
    await served.drain();
    all.stop();
    sampled.stop();
    expect((await all.lines()).map(({ step }) => step)).toEqual([
      ...['admit', 'embed', 'retrieve', 'compose', 'denoise', 'encode'],
    ]);
    expect(await sampled.lines()).toHaveLength(2);
  });

  it('prints what a step takes: the first step has what was published, the next what the one before made of it', async () => {
    const taken = tapping('generate.*', { input: true, filter: 'query.text~OWL' });
    await taken.opened();
    const first = tapping('generate.admit', { input: true, limit: 1 });
    await first.opened();
    await ask('an owl spins');
    await served.drain();
    taken.stop();
    expect((await first.lines())[0]).toMatchObject({ step: 'admit', data: { request: { prompt: expect.anything() } } });
    expect((await taken.lines()).map(({ step }) => step)).toEqual([
      'embed',
      'retrieve',
      'compose',
      'denoise',
      'encode',
    ]);
  });

  it('ends when it is told to, whatever garbage was collected since it began', async () => {
    const { lines, opened, stop } = tapping('generate.embed');
    await opened();
    for (let turn = 0; turn < 4; turn++) {
      collectGarbage();
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    stop();
    expect(await lines()).toEqual([]);
  });

  it('tells a person what it listens to before anything passes, and prints none of that', async () => {
    const told: string[] = [];
    const tell = (line: string) => void told.push(line);
    const idle = tapping('generate.e*', { tell, input: true, filter: 'query.text~fox' });
    await expect.poll(() => told, { timeout: patience(10) }).toHaveLength(1);
    idle.stop();
    expect(told).toEqual([
      'listening to what generate.embed, generate.encode take where query.text~fox; nothing has passed yet\n',
    ]);
    expect(await idle.lines()).toEqual([]);
  });

  it('prints at most one event in an interval', async () => {
    const seldom = tapping('generate.embed', { intervalMs: 86_400_000 });
    await seldom.opened();
    for (const prompt of ['a fox', 'a penguin', 'a cat']) await ask(prompt);
    await served.drain();
    seldom.stop();
    expect(await seldom.lines()).toMatchObject([{ step: 'embed', missed: 0 }]);
  });

  it.each([
    ['generate.retreive', {}, "did you mean 'generate.retrieve'?"],
    ['nothing.*', {}, 'No step that runs here is called so: expected generate.*, '],
    ['generate', {}, 'expected generate.*, generate.admit, '],
    ['generate.embed', { filter: 'nonsense' }, 'This is no filter'],
    ['generate.embed', { filter: '__proto__.x=1' }, 'This is no filter'],
    ['generate.embed', { at: '127.0.0.1:1' }, 'No process answers there'],
    ['generate.embed', { at: 'a b' }, 'Not an address of a process'],
  ])('of %s with %j says what is wrong', async (step, options, message) => {
    await expect(tapping(step, options).lines()).rejects.toMatchObject({
      code: 'USAGE',
      message: expect.stringContaining(message),
    });
    // What was asked is wrong, and not the process.
    await expect(tapping(step, options).lines()).rejects.not.toMatchObject({
      message: expect.stringContaining('does not show its steps'),
    });
  });

  it('holds up nobody: a reader that takes nothing misses events, and is told how many', async () => {
    const controller = new AbortController();
    const { taps } = served.workspace;
    const response = await fetch(`${served.server.url}/v1/tap?step=generate.admit`, { signal: controller.signal });
    expect(response.ok).toBe(true);
    const tapped = taps.of('generate', 'admit');
    const data = { more: Array.from({ length: 400 }, () => 'y'.repeat(299)) };
    const origin = { topic: 't', partition: 0, offset: 1 };
    const see = () =>
      tapped.see({ event: { id: 'e', source: 's' }, part: '', origin, data } as unknown as Parameters<
        typeof tapped.see
      >[0]);
    // All before the reader has a turn: the first one fills its connection, 200 wait, the others are not kept.
    for (let n = 0; n < 300; n++) see();
    let rest = '';
    const told: number[] = [];
    const decoder = new TextDecoder();
    for await (const chunk of response.body!) {
      const lines = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n');
      rest = lines.pop()!;
      const before = told.length;
      for (const line of lines) if (line.includes('"missed"')) told.push(JSON.parse(line.slice(6)).missed);
      if (before < 201 && told.length >= 201) see();
      if (told.length === 202) break;
    }
    controller.abort();
    expect(told).toEqual([...Array.from({ length: 201 }, () => 0), 99]);
  });

  it('asks for a key with the scope admin where there are keys, and ends when it is revoked', async () => {
    const path = keyPath(dirname(topology), {});
    const reader = await addKey(path, 'reader', ['read']);
    const operator = await addKey(path, 'operator', ['admin']);
    await expect(tapping('generate.embed').lines()).rejects.toThrow(/KEY_MISSING.*VIMI_API_KEY/s);
    await expect(tapping('generate.embed', { key: reader.text }).lines()).rejects.toThrow(/KEY_REFUSED/);
    const { lines, opened } = tapping('generate.embed', { key: operator.text });
    await opened();
    await revokeKey(path, operator.id);
    expect(await lines()).toEqual([]);
    await revokeKey(path, reader.id);
  });
});
