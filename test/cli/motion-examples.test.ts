import {
  cpSync,
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recordIn } from '../../src/app/reproduce.js';
import { Workspace } from '../../src/app/workspace.js';
import { corpusRemove } from '../../src/cli/commands/corpus-remove.js';
import { corpusSearch } from '../../src/cli/commands/corpus-search.js';
import { corpusShow } from '../../src/cli/commands/corpus-show.js';
import { corpusStats } from '../../src/cli/commands/corpus-stats.js';
import { corpusVerifyRemoved } from '../../src/cli/commands/corpus-verify-removed.js';
import { evalRetrieval } from '../../src/cli/commands/eval-retrieval.js';
import { type GenerateOptions, generate } from '../../src/cli/commands/generate.js';
import { ingest } from '../../src/cli/commands/ingest.js';
import { mergeShards } from '../../src/cli/commands/merge-shards.js';
import { samplesList } from '../../src/cli/commands/samples-list.js';
import { samplesReground } from '../../src/cli/commands/samples-reground.js';
import { samplesShow } from '../../src/cli/commands/samples-show.js';
import { samplesVerify } from '../../src/cli/commands/samples-verify.js';
import { sweep } from '../../src/cli/commands/sweep.js';
import type { SamplesSealed, VideoCompleted } from '../../src/events/schemas.js';
import { unpackTar } from '../../src/media/tar.js';
import { readSamples } from '../../src/models/training/data/samples.js';
import { quietLog } from '../operators/run-operator.js';
import { patience } from '../support/patience.js';
import { printed } from './printed.js';

/*
 * A small corpus of drawn clips, in which films are found by how they move: from the media to the videos, the shards, and what
 * a removal leaves of them.
 */

const root = join(import.meta.dirname, '../..');
const folder = mkdtempSync(join(tmpdir(), 'vimi-motions-'));
const at = (name: string) => join(folder, name);
const object = (key: string) => at(`.vimi/objects/${key}`);
const signal = new AbortController().signal;

function bring(name: string): string {
  const from = join(root, 'examples/media', name.includes('-') ? 'clips' : 'images', name);
  const ending = name.includes('-') ? 'mp4' : 'png';
  for (const end of [ending, 'txt']) cpSync(`${from}.${end}`, at(`${name}.${end}`));
  return at(`${name}.${ending}`);
}

async function inWorkspace<T>(work: (workspace: Workspace, out: Writable) => Promise<T>, out: Writable = printed()) {
  const workspace = await Workspace.open({ topology: at('topology.yaml'), env: {}, log: quietLog });
  try {
    return await work(workspace, out);
  } finally {
    await workspace.close();
  }
}

/** What a command prints. */
async function told(command: (workspace: Workspace, out: Writable) => Promise<unknown>): Promise<string> {
  const out = printed();
  await inWorkspace(command, out);
  return out.text;
}
const facts = async (command: Parameters<typeof told>[0]) =>
  (await told(command))
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line));

const take = (name: string, source: string) =>
  told((workspace, out) => ingest(workspace, [bring(name)], { source, json: true, signal }, out));
const search = async (text: string, kind: 'image' | 'clip') => {
  const [{ context }] = await facts((workspace, out) =>
    corpusSearch(workspace, text, { k: 5, mode: 'lexical', kind, json: true }, out),
  );
  return context.map(({ caption }: { caption: string }) => caption);
};
const made = async (text: string, options: Partial<GenerateOptions>): Promise<VideoCompleted> => {
  const given = { images: [], retrieval: true, signal, out: at('made.mp4'), json: true, ...options };
  const [{ data }] = await facts((workspace, out) => generate(workspace, text, given, out));
  return data;
};
const shards = async () => {
  const all: SamplesSealed[] = await inWorkspace(async (workspace) => {
    const found: SamplesSealed[] = [];
    for await (const { value } of (await workspace.transport()).read('samples')) found.push(JSON.parse(String(value)));
    return found;
  });
  const gone = all.flatMap(({ replaces = [] }) => replaces);
  return all.filter(({ shard, samples }) => !gone.includes(shard) && samples > 0);
};
async function membersOf({ object: { key } }: SamplesSealed): Promise<string[]> {
  const names: string[] = [];
  for await (const { name } of unpackTar(createReadStream(object(key)), { most: 1 << 28 })) names.push(name);
  return names;
}
const remove = (source: string, options = {}) =>
  facts((workspace, out) => corpusRemove(workspace, [], { source: [source], json: true, ...options }, out));
const left = async (source: string) => {
  const all = await facts((workspace, out) => corpusVerifyRemoved(workspace, [source], { json: true }, out));
  return all.slice(0, -1).flatMap(({ stays, place, key }) => (stays ? [] : [`${place} ${key}`]));
};

beforeAll(async () => {
  const topology = readFileSync(join(root, 'topology.yaml'), 'utf8')
    .replace(/model: nano, upsampler: [\w-]+/, 'model: fake')
    .replaceAll('partitions: 12', 'partitions: 1')
    .replace('- index\n', '- index: { clips: true }\n')
    .replace('retrieve: { mode: hybrid, k: 3 }', 'retrieve: { mode: hybrid, k: 3, motions: 1 }');
  writeFileSync(at('topology.yaml'), topology);
  await take('fox', 'stills');
  await take('pizza-spin-purple', 'kitchen');
  await take('penguin-right-yellow', 'zoo');
  await take('automobile-left-green', 'street');
}, patience(300));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

// In order: each goes on with what the one before left.
describe.sequential('clips as motion examples', { timeout: patience(300) }, () => {
  it('are found by how they move, beside the images', async () => {
    expect(await search('spins', 'clip')).toEqual(['a slice of pizza spins on a purple background']);
    expect(await search('a fox', 'image')).toEqual(['a fox']);
    expect(await search('a fox', 'clip')).toEqual([]);
    const [{ context }] = await facts((workspace, out) =>
      corpusSearch(workspace, 'spins', { k: 1, mode: 'lexical', kind: 'clip', json: true }, out),
    );
    const { document, clip } = context[0];
    expect(await told((workspace, out) => corpusShow(workspace, document, {}, out))).toMatch(
      new RegExp(`clip +${clip.key} .*\\nretrieved +as a motion example\\n`),
    );
    const [shown] = await facts((workspace, out) => corpusShow(workspace, document, { json: true }, out));
    expect(shown).toMatchObject({ kind: 'clip', motion: clip, clip: { outcome: 'delivered' } });
    expect(await told((workspace, out) => corpusStats(workspace, {}, out))).toContain(
      'documents  4, 1 of them retrievable, 3 as motion examples\n',
    );
    const labels = [
      { prompt: 'a fox spins', fits: ['a slice of pizza spins on a purple background'] },
      { prompt: 'an owl is spinning', fits: ['a slice of pizza spins on a purple background'] },
      { prompt: 'an owl sleeps', fits: [] },
    ];
    writeFileSync(at('labels.jsonl'), labels.map((one) => `${JSON.stringify(one)}\n`).join(''));
    const options = { captions: [], pipeline: 'generate', k: [1], out: at('eval'), signal };
    await told((workspace, out) => evalRetrieval(workspace, [at('labels.jsonl')], { ...options, kind: 'clip' }, out));
    const { records } = JSON.parse(readFileSync(at('eval/retrieval.json'), 'utf8'));
    const rows = records.filter(({ way }: { way: string }) => way === 'as configured');
    expect(rows.map(({ found }: { found: string[] }) => found)).toEqual([
      ...labels.slice(0, 2).map(({ fits }) => fits),
      [],
    ]);
  });

  it('stand in the prompt and in the record of a video, which says that the model did not read them', async () => {
    const video = await made('a fox spins', { seed: 1 });
    const [image, motion] = video.context;
    expect(image).toMatchObject({ caption: 'a fox' });
    expect(image).not.toHaveProperty('clip');
    const caption = 'a slice of pizza spins on a purple background';
    expect(motion).toMatchObject({ caption, clip: { media_type: 'video/mp4', frames: expect.any(Number) } });
    expect(video.prompt.parts).toEqual([
      { text: 'a fox' },
      { image: image!.image, role: 'reference' },
      { clip: motion!.clip, caption, role: 'motion' },
      { text: 'a fox spins' },
    ]);
    expect(video.unread_parts).toEqual([2]);
    const { prompt, context, unread_parts } = recordIn(readFileSync(at('made.mp4')), 'made.mp4') as VideoCompleted;
    expect({ prompt, context, unread_parts }).toEqual({
      ...{ prompt: video.prompt, context: video.context, unread_parts: [2] },
    });

    const text = await told((workspace, out) =>
      generate(workspace, 'a fox spins', { images: [], retrieval: true, seed: 1, signal }, out),
    );
    expect(text).toContain(`motion ${motion!.clip!.key}`);
    expect(text).toMatch(/not read {3}1 part of the prompt/);
    const alone = await made('a fox spins', { seed: 1, motions: 0 });
    expect(alone.prompt.parts).toHaveLength(3);
    expect(alone).not.toHaveProperty('unread_parts');
    const none = await made('a fox spins', { seed: 1, retrieval: false });
    expect(none.context).toEqual([]);
  });

  it('may be brought by a request', async () => {
    const video = await made('a fox', { clips: [at('penguin-right-yellow.mp4')], motions: 0, k: 0 });
    const [, part] = video.prompt.parts;
    expect(part).toMatchObject({ role: 'motion', caption: '', clip: { media_type: 'video/mp4' } });
    expect(video.unread_parts).toEqual([1]);
    const { clip } = part as Extract<typeof part, { clip: unknown }>;
    expect(existsSync(object(clip.key))).toBe(true);
  });

  it('lie in the shards of the samples that name them, once each', async () => {
    await take('watermelon-down-white', 'garden');
    await take('honeybee-circle-purple', 'field');
    const [listed] = (await facts((workspace, out) => samplesList(workspace, { json: true }, out))).filter(
      ({ source }) => source === 'garden',
    );
    const [shown] = await facts((workspace, out) =>
      samplesShow(workspace, listed.key, { json: true, out: at('shown') }, out),
    );
    expect(shown.layout).toBe(4);
    const [{ caption, clip }] = JSON.parse(shown.context);
    expect(caption).toMatch(/moves/);
    expect(shown.prompt.parts).toEqual([
      { text: caption, image: '', clip: clip.sha256, role: 'motion' },
      { text: 'a watermelon moves down on a white background', image: '', clip: '', role: '' },
    ]);
    expect(readFileSync(at(`shown/clips/${clip.sha256}.mp4`)).toString('latin1', 4, 8)).toBe('ftyp');
    const text = await told((workspace, out) => samplesShow(workspace, listed.key, {}, out));
    expect(text).toMatch(new RegExp(`<motion ${clip.sha256.slice(0, 12)}: ${caption}>`));

    const sealed = (await shards()).find(({ object: { key } }) => key === listed.shard)!;
    const names = await membersOf(sealed);
    expect(names.filter((name) => name === `clips/${clip.sha256}`)).toHaveLength(1);
    // Training reads the sample without the clip.
    const [sample] = await readSamples([object(sealed.object.key)], { side: 16, frames: 4 });
    expect(sample!.prompt.parts).toEqual([{ text: 'a watermelon moves down on a white background' }]);
  });

  it('stay with them when shards are merged, and no sweep takes what waits or is indexed', async () => {
    await told((workspace, out) => mergeShards(workspace, { bytes: 1e9 }, out));
    const [merged] = await shards();
    const names = await membersOf(merged!);
    const shared = names.filter((name) => name.startsWith('clips/'));
    expect(shared.length).toBeGreaterThan(0);
    expect(new Set(shared).size).toBe(shared.length);
    expect(await told((workspace, out) => samplesVerify(workspace, {}, out))).toContain('all as they should be');
    await told((workspace, out) => sweep(workspace, { remove: true, olderThan: 0, json: false }, out));
    expect(await search('spins', 'clip')).toHaveLength(1);
    expect((await made('a fox spins', {})).context.some(({ clip }) => clip)).toBe(true);

    // One whose clip is gone is passed over.
    const [{ context }] = await facts((workspace, out) =>
      corpusSearch(workspace, 'spins', { k: 1, mode: 'lexical', kind: 'clip', json: true }, out),
    );
    const kept = readFileSync(object(context[0].clip.key));
    rmSync(object(context[0].clip.key));
    expect((await made('a fox spins', {})).context.every(({ clip }) => !clip)).toBe(true);
    writeFileSync(object(context[0].clip.key), kept);

    const bytes = readFileSync(object(merged!.object.key));
    const damaged = Buffer.from(bytes);
    damaged.write('X', damaged.indexOf(shared[0]!) + 512 + 100);
    writeFileSync(object(merged!.object.key), damaged);
    expect(await told((workspace, out) => samplesVerify(workspace, {}, out))).toMatch(/the clip \w+ is another/);
    writeFileSync(object(merged!.object.key), bytes);
  });

  it('leave with their source, and a planted copy is found', async () => {
    const before = (await shards())[0]!;
    const samples = await facts((workspace, out) => samplesList(workspace, { json: true }, out));
    const zoo: string[] = [];
    for (const { key } of samples) {
      const [shown] = await facts((workspace, out) => samplesShow(workspace, key, { json: true }, out));
      for (const { clip, caption } of JSON.parse(shown.context)) if (/penguin/.test(caption)) zoo.push(clip.sha256);
    }
    const [penguin] = zoo;
    expect(penguin).toBeDefined();
    const copy = readFileSync(object(`clips/${penguin}.mp4`));
    const shard = readFileSync(object(before.object.key));

    const removed = await remove('zoo');
    expect(removed.find(({ place }) => place === 'shard').contexts).toHaveLength(zoo.length);
    expect(existsSync(object(`clips/${penguin}.mp4`))).toBe(false);
    expect(await search('a penguin moves right', 'clip')).not.toContain('a penguin moves right on a yellow background');
    expect(await left('zoo')).toEqual([`shard ${before.object.key}`]);

    await remove('zoo', { rewriteShards: true });
    expect(await left('zoo')).toEqual([]);
    const after = (await shards())[0]!;
    expect(await membersOf(before).catch(() => [])).toEqual([]);
    expect(await membersOf(after)).not.toContain(`clips/${penguin}`);
    expect(await told((workspace, out) => samplesVerify(workspace, {}, out))).toContain('all as they should be');

    mkdirSync(object('elsewhere'), { recursive: true });
    writeFileSync(object('elsewhere/copy.mp4'), copy);
    expect(await left('zoo')).toEqual(['object elsewhere/copy.mp4']);
    rmSync(object('elsewhere'), { recursive: true });
    // In a shard as a shared clip, whether the facts of its samples name it or not.
    writeFileSync(object('samples/planted.tar'), shard);
    expect(await left('zoo')).toEqual(['shard samples/planted.tar']);
    rmSync(object('samples/planted.tar'));
    expect(await left('zoo')).toEqual([]);
  });

  it('come into the samples of before when these are grounded again', async () => {
    const options = { write: true, json: true, signal };
    const all = await facts((workspace, out) => samplesReground(workspace, [], options, out));
    const changed = all.find(({ caption }) => caption === 'an automobile moves left on a green background');
    const caption = 'a watermelon moves down on a white background';
    expect(changed).toMatchObject({ came: [{ caption, rank: 1 }], promptChanged: true });
    const [key] = all.at(-1).written;
    const [found] = await inWorkspace(async (workspace) => {
      const corpus = await workspace.corpusIsCurrent();
      return corpus.find({ source: 'garden' });
    });
    const names: string[] = [];
    for await (const { name } of unpackTar(createReadStream(object(key.object.key)), { most: 1 << 28 }))
      names.push(name);
    expect(names).toContain(`clips/${found!.clip!.sha256}`);
  });
});
