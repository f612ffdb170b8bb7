import { createHash } from 'node:crypto';
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openClient } from '../../src/app/client/index.js';
import { runPipelines } from '../../src/app/run-pipelines.js';
import { Workspace } from '../../src/app/workspace.js';
import { corpusRemove } from '../../src/cli/commands/corpus-remove.js';
import { corpusSearch } from '../../src/cli/commands/corpus-search.js';
import { generate } from '../../src/cli/commands/generate.js';
import { ingest } from '../../src/cli/commands/ingest.js';
import { reproduceVideo } from '../../src/cli/commands/reproduce.js';
import { commentOf, withComment } from '../../src/media/mp4-comment.js';

import { discPng, makeVideo, never, testFolder } from '../media/make-media.js';
import { quietLog, thrownBy } from '../operators/run-operator.js';
import { patient } from '../support/patience.js';
import { printed } from './printed.js';

const folder = await testFolder();
const topology = join(folder, 'topology.yaml');
const write = (denoise: string) =>
  writeFileSync(
    topology,
    readFileSync(join(import.meta.dirname, '../../topology.yaml'), 'utf8').replace(
      /denoise: \{ model: nano, upsampler: [\w-]+ \}/,
      `denoise: { ${denoise} }`,
    ),
  );
write('model: fake');
const workspace = await Workspace.open({ topology, log: quietLog });
afterAll(() => workspace.close());
const again = async (video: string, within = workspace, options: object = {}) => {
  const out = printed();
  const isSame = await reproduceVideo(within, video, { signal: never, ...options }, out);
  return { isSame, text: out.text };
};

describe('a video', patient, () => {
  const file = join(folder, 'disc.mp4');
  beforeAll(async () => {
    const client = await openClient({ topology });
    const image = { base64: (await discPng(40)).toString('base64') };
    // Drafts too: the seed that was chosen is drawn again, and nothing is chosen anew.
    const prompt = [{ image, role: 'subject' as const }, { text: 'it spins' }];
    const asked = { prompt, frames: 6, guidance: 3, candidates: 3 };
    const job = await client.submit(asked, { id: 'disc', source: '/shop' });
    await runPipelines(workspace, [workspace.pipeline('generate')], { drain: true, signal: never });
    await client.save(await job.video(), file);
    await client.close();
  });

  it('is made again from its file, and from its request: byte for byte', async () => {
    const { sampler, candidates } = JSON.parse(commentOf(readFileSync(file))!);
    expect(candidates.scored).toHaveLength(3);
    expect(candidates.chosen).toBe(sampler.seed);
    const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
    const same = { isSame: true, text: `the same video, byte for byte (sha256 ${sha256})\n` };
    expect(await again(file)).toEqual(same);
    const copy = join(folder, 'copy.mp4');
    expect(await again('disc', workspace, { out: copy })).toEqual(same);
    expect(readFileSync(copy).equals(readFileSync(file))).toBe(true);
  });

  it('whose settings are not those of its record any more is told from it', async () => {
    const other = join(folder, 'other.mp4');
    const mp4 = readFileSync(file);
    const record = JSON.parse(commentOf(mp4)!);
    record.model.weights = 'f'.repeat(64);
    record.sampler.seed = 1;
    writeFileSync(other, withComment(mp4, JSON.stringify(record)));
    const { isSame, text } = await again(other, workspace, { json: true });
    expect(isSame).toBe(false);
    const { differences } = JSON.parse(text);
    expect(differences).toEqual([expect.stringMatching(/^model\.weights: was f{64}, is \w{64}$/)]);
  });

  it('whose steps have other settings is told from it', async () => {
    write('model: fake, oscillation: { steady: 1, low: 0 }');
    const changed = await Workspace.open({ topology, log: quietLog });
    try {
      const { isSame, text } = await again(file, changed);
      expect(isSame).toBe(false);
      expect(text).toContain('\n  sampler.oscillation: was nothing, is {"low":0,"steady":1}\n');
    } finally {
      await changed.close();
      write('model: fake');
    }
  });

  it('that is no whole MP4 is refused, in words that say which', async () => {
    const whole = readFileSync(file);
    const odd = join(folder, 'odd.mp4');
    for (const [bytes, found] of [
      [whole.subarray(0, whole.length - 100), `an MP4 that is cut off after ${whole.length - 100} bytes`],
      [whole.subarray(0, 40), 'an MP4 that is cut off after 40 bytes'],
      [Buffer.alloc(0), 'an empty file'],
      [await discPng(40), 'a file that is no MP4'],
    ] as const) {
      writeFileSync(odd, bytes);
      expect(await thrownBy(() => again(odd))).toMatchObject({ code: 'MEDIA_UNSUPPORTED', found });
    }
  });

  it('of another program is refused', async () => {
    const foreign = await makeVideo(folder, 'foreign.mp4', { scenes: [4] });
    expect(await thrownBy(() => again(foreign))).toMatchObject({ code: 'MEDIA_UNSUPPORTED', where: foreign });
    const odd = join(folder, 'odd.mp4');
    const mp4 = readFileSync(file);
    for (const [comment, found] of [
      ['by hand', 'a comment that is not JSON'],
      ['{"job": 7}', 'job: expected text, found 7'],
    ] as const) {
      writeFileSync(odd, withComment(mp4, comment));
      expect((await thrownBy(() => again(odd))).found).toContain(found);
    }
    for (const bytes of [mp4.subarray(0, 100), Buffer.alloc(0), Buffer.from('no video at all'), mp4.subarray(40)]) {
      writeFileSync(odd, bytes);
      expect((await thrownBy(() => again(odd))).code).toBe('MEDIA_UNSUPPORTED');
    }
    expect(await thrownBy(() => again('nobody'))).toMatchObject({
      code: 'VIDEO_NOT_FOUND',
      expected: 'a file that is there, or the id of a request whose video is finished',
    });
  });
});

describe('a video whose request pins and excludes documents', patient, () => {
  const media = join(import.meta.dirname, '../../examples/media/images');
  const lines = async (command: (out: ReturnType<typeof printed>) => Promise<unknown>) => {
    const out = printed();
    await command(out);
    return out.text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  };
  const asked = { images: [], frames: 4, retrieval: true, json: true, signal: never };

  it('says so in its record, and is made again with them', async () => {
    const files = ['balloon', 'banana', 'bear'].map((name) => {
      for (const end of ['png', 'txt']) copyFileSync(join(media, `${name}.${end}`), join(folder, `${name}.${end}`));
      return join(folder, `${name}.png`);
    });
    await ingest(workspace, files, { json: true, signal: never }, printed());
    const idOf = async (text: string): Promise<string> => {
      const options = { k: 1, mode: 'lexical', kind: 'image', json: true } as const;
      const [{ context }] = await lines((out) => corpusSearch(workspace, text, options, out));
      return context[0].document;
    };
    const [balloon, banana, bear] = (await Promise.all(['balloon', 'banana', 'bear'].map(idOf))) as [
      ...[string, string, string],
    ];
    const file = join(folder, 'pinned.mp4');
    const text = 'a balloon and a banana';
    const named = { pin: [bear], exclude: [banana] };
    const told = printed();
    await generate(workspace, text, { ...asked, ...named, json: false, out: file }, told);
    expect(told.text).toContain('retrieved  a bear  (pinned)\nretrieved  a balloon  (named in the text)\n');
    const record = JSON.parse(commentOf(readFileSync(file))!);
    expect(record.retrieval).toEqual(named);
    expect(record.context.map(({ document }: { document: string }) => document)).toEqual([bear, balloon]);
    expect(record.prompt.parts[1]).toEqual({ image: record.context[0].image, role: 'reference' });

    const free = join(folder, 'free.mp4');
    await generate(workspace, text, { ...asked, out: free }, printed());
    expect(JSON.parse(commentOf(readFileSync(free))!).retrieval).toBeUndefined();

    const filtered = join(folder, 'filtered.mp4');
    const limits = { licences: ['CC0-1.0'], scores: { sharpness: { min: 0 } } };
    await generate(workspace, text, { ...asked, ...limits, out: filtered }, printed());
    const { retrieval, context } = JSON.parse(commentOf(readFileSync(filtered))!);
    expect([retrieval, context]).toEqual([{ filter: limits }, []]);
    expect(await again(filtered)).toMatchObject({ isSame: true });

    expect(await again(file)).toMatchObject({ isSame: true });
    await corpusRemove(workspace, [bear], {}, printed());
    // Another process: this one still has the image in memory.
    const later = await Workspace.open({ topology, log: quietLog });
    try {
      expect(await thrownBy(() => again(file, later))).toMatchObject({
        code: 'OBJECT_NOT_FOUND',
        expected: `the image or clip of "a bear" (document ${bear})`,
      });
    } finally {
      await later.close();
    }
    const refused = await thrownBy(() => generate(workspace, text, { ...asked, ...named }, printed()));
    expect([refused.code, refused.message]).toEqual(['DOCUMENT_REFUSED', expect.stringContaining('retrieval.pin.0')]);
  });

  it('is asked for by no contradiction', async () => {
    for (const wanted of [{ pin: ['a'.repeat(64)] }, { licences: ['MIT'] }, { scores: { nsfw: { max: 0.1 } } }]) {
      const refused = await thrownBy(() =>
        generate(workspace, 'a bear', { ...asked, ...wanted, retrieval: false }, printed()),
      );
      expect(refused.code).toBe('USAGE');
    }
  });
});
