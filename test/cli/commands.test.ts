import { type ChildProcess, spawn } from 'node:child_process';
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeVideo } from '../../src/media/encode-video.js';
import { readSamples } from '../../src/models/training/data/samples.js';
import { scenes } from '../media/make-media.js';
import { patience } from '../support/patience.js';

const root = join(import.meta.dirname, '../..');
const vimi = join(root, 'dist/cli/main.js');
let folder: string;

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

function start(args: string[], env = {}): ChildProcess {
  const stdio = ['pipe', 'pipe', 'pipe'] as const;
  return spawn(process.execPath, [vimi, ...args], { cwd: folder, stdio: [...stdio], env: { ...process.env, ...env } });
}

function ended(child: ChildProcess): Promise<Ended> {
  let [out, err] = ['', ''];
  child.stdout!.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr!.on('data', (chunk) => {
    err += chunk;
  });
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code) => done({ code, out, err }));
  });
}

function run(args: string[], input = '', env = {}): Promise<Ended> {
  const child = start(args, env);
  child.stdin!.end(input);
  return ended(child);
}

/** Resolves when the child has said so on stderr; rejects when it ended without. */
function says(child: ChildProcess, text: string): Promise<void> {
  return new Promise((done, fail) => {
    let said = '';
    child.once('close', () => fail(new Error(`expected '${text}', found the end after: ${said}`)));
    child.stderr!.on('data', (chunk) => {
      said += chunk;
      if (said.includes(text)) done();
    });
  });
}

/** Out of the corpus, and not kept out. */
async function allowAgain(uri: string): Promise<void> {
  for (const more of [[], ['--lift']]) expect((await run(['corpus', 'remove', '--uri', uri, ...more])).code).toBe(0);
}

/** Four seconds that move, then two of another scene that do not. */
async function makeFilm(output: string): Promise<void> {
  const size = { width: 128, height: 48 };
  const moving = scenes({ ...size, scenes: [48] });
  const still = scenes({ ...size, scenes: [1, 24], moves: false }).subarray(128 * 48 * 3);
  const frames = new Uint8Array([...moving, ...still]);
  await encodeVideo({ frames, ...size, fps: 12, crf: 10, output, signal: new AbortController().signal });
}

const lines = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vimi-cli-'));
  const topology = readFileSync(join(root, 'topology.yaml'), 'utf8').replace(
    /model: nano, upsampler: [\w-]+/,
    'model: fake',
  );
  writeFileSync(join(folder, 'topology.yaml'), topology);
  mkdirSync(join(folder, 'media'));
  for (const name of ['fox', 'mushroom', 'penguin'])
    for (const end of ['png', 'txt'])
      cpSync(join(root, `examples/media/images/${name}.${end}`), join(folder, `media/${name}.${end}`));
  writeFileSync(join(folder, 'media/broken.mp4'), 'no video at all');
  writeFileSync(join(folder, 'media/broken.txt'), 'a broken film');
  cpSync(join(root, 'examples/media/images/rocket.png'), join(folder, 'media/uncaptioned.png'));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

// In order: each goes on with what the one before left.
describe.sequential('the command line', { timeout: patience(600) }, () => {
  it('takes a folder in, and says what was refused and why', async () => {
    const { code, out, err } = await run(['ingest', 'media']);
    expect(err).not.toContain('Rejected');
    expect(out).toContain('published 5 media');
    expect(out).toContain('delivered 3, rejected 2');
    expect(out).toMatch(/broken\.mp4\n +MEDIA_\w+ at probe/);
    expect(out).toMatch(/uncaptioned\.png\n +CAPTION_MISSING at caption/);
    expect(out).toContain('the corpus has 3 documents');
    expect(code).toBe(3);
  });

  it('adds nothing when the same folder is taken in again, neither documents nor rejects [use U14] [use U2]', async () => {
    const outcomes = (await run(['read', 'outcomes'])).out;
    expect(outcomes).toMatch(/ {2}delivered .*fox\.png\n/);
    expect(outcomes).toMatch(/ {2}rejected .*uncaptioned\.png: CAPTION_MISSING at caption: This medium has no caption/);
    const rejects = (await run(['read', 'rejects'])).out;
    const { code, out } = await run(['ingest', 'media', '--json']);
    const [published, result] = lines(out);
    expect(published).toMatchObject({ published: 3, unchanged: 2 });
    expect(result.corpus.documents).toBe(3);
    expect(result.outcomes).toEqual({ delivered: 0, rejected: 0, dropped: { duplicate: 3 } });
    const told = Object.fromEntries(
      result.media.map((one: { uri: string; outcome: string; unchanged?: true; error?: { code: string } }) => [
        one.uri.slice(one.uri.lastIndexOf('/') + 1),
        one.error ? [one.error.code, one.unchanged] : one.outcome,
      ]),
    );
    expect(told).toMatchObject({ 'fox.png': 'dropped', 'uncaptioned.png': ['CAPTION_MISSING', true] });
    expect((await run(['read', 'rejects'])).out).toBe(rejects);
    expect(code).toBe(3);
  });

  it('tries a rejected medium again once it has changed, or when asked to [use U14]', async () => {
    expect(lines((await run(['ingest', 'media/uncaptioned.png', '--again', '--json'])).out)[0].published).toBe(1);
    writeFileSync(join(folder, 'media/uncaptioned.txt'), 'a rocket');
    const { code, out } = await run(['ingest', 'media/uncaptioned.png']);
    expect(out).toContain('delivered 1, rejected 0, dropped 0\nthe corpus has 4 documents');
    expect(code).toBe(0);
    await allowAgain(join(realpathSync(folder), 'media/uncaptioned.png'));
    rmSync(join(folder, 'media/uncaptioned.txt'));
  });

  it('tells of its own media only, by name, and of what they are duplicates [use U2] [media F30]', async () => {
    cpSync(join(folder, 'media/fox.png'), join(folder, 'waiting.png'));
    const waiting = Array.from({ length: 5 }, () => JSON.stringify({ uri: join(folder, 'waiting.png'), caption: 'w' }));
    await run(['publish', 'media'], `${waiting.join('\n')}\n`);
    const { out } = await run(['ingest', 'media/fox.png']);
    expect(out).toContain(
      'delivered 0, rejected 0, dropped 1 (duplicate 1)\n  dropped media/fox.png: already in the corpus\n',
    );
    cpSync(join(folder, 'waiting.png'), join(folder, 'copy.png'));
    writeFileSync(join(folder, 'copy.txt'), 'another caption');
    expect((await run(['ingest', 'copy.png'])).out).toContain('dropped copy.png: duplicate of media/fox.png');
    // Long films come to many clips: each one's outcome is counted, though the film is delivered.
    const film = join(folder, 'film.mp4');
    await makeFilm(film);
    writeFileSync(join(folder, 'film.txt'), 'a film that stands still in the middle');
    const told = await run(['ingest', 'film.mp4', '--json']);
    expect(lines(told.out)[1].media[0]).toMatchObject({
      ...{ outcome: 'delivered', parts: { delivered: 1, rejected: {}, dropped: { 'too-still': 1 } } },
    });
    await allowAgain(realpathSync(film));
    expect((await run(['ingest', 'film.mp4'])).out).toMatch(
      /dropped 0; of their parts: delivered 1, rejected 0, dropped 1 \(too-still 1\)\n +delivered film\.mp4: 1 of 2 clips kept \(too-still 1\)/,
    );
  });

  it('replaces a document whose caption was corrected, and removes one on request [use U1]', async () => {
    const found = async () =>
      lines((await run(['corpus', 'search', 'mushroom', '--json', '-k', '10'])).out)[0].context.map(
        (one: { caption: string }) => one.caption,
      );
    writeFileSync(join(folder, 'media/mushroom.txt'), 'a red mushroom with white dots');
    expect((await run(['ingest', 'media/mushroom.png'])).out).toContain('mushroom.png: replaces 1 document');
    expect((await found()).sort()).toEqual(['a fox', 'a penguin', 'a red mushroom with white dots']);
    writeFileSync(join(folder, 'media/mushroom.txt'), 'a mushroom');
    await run(['ingest', 'media/mushroom.png']);
    const uri = join(realpathSync(folder), 'media/mushroom.png');
    expect((await run(['corpus', 'remove', '--uri', uri, '--dry-run'])).out).toContain(
      '1 document, 1 record of clips, 1 object and 0 waiting samples would be removed',
    );
    expect(await found()).toContain('a mushroom');
    const { code, out } = await run(['corpus', 'remove', '--uri', uri]);
    expect(out).toMatch(
      /1 document, 1 record of clips, 1 object and 0 waiting samples removed; the corpus has 2 documents/,
    );
    expect(code).toBe(0);
    expect(await found()).not.toContain('a mushroom');
    expect((await run(['corpus', 'remove', 'x'])).code).toBe(2);
    expect((await run(['ingest', 'media/mushroom.png'])).out).toContain('dropped 1 (removed 1)');
    expect((await run(['corpus', 'remove', '--uri', uri, '--lift'])).out).toContain('is allowed again');
    expect((await run(['ingest', 'media/mushroom.png'])).out).toContain('delivered 1');
    expect(await found()).toContain('a mushroom');
  });

  it('merges small shards into one that holds all their samples, each image once [kind 9]', async () => {
    const shards = async () => lines((await run(['read', 'samples', '--json'])).out).map(({ data }) => data);
    const before = await shards();
    expect(before.length).toBeGreaterThan(1);
    expect((await run(['shards', 'merge', '--dry-run'])).out).toContain(
      `${before.length} of ${before.length} shards would be merged`,
    );
    expect((await run(['shards', 'merge', '--bytes', '1GB'])).code).toBe(0);
    const merged = (await shards()).find(({ replaces }) => replaces);
    expect(merged.replaces.sort()).toEqual(before.map(({ shard }) => shard).sort());
    expect(merged.samples).toBe(before.reduce((sum, { samples }) => sum + samples, 0));
    const objects = join(folder, '.vimi/objects');
    for (const { object } of before) expect(existsSync(join(objects, object.key))).toBe(false);
    const samples = await readSamples([join(objects, merged.object.key)], { side: 16, frames: 2 });
    expect(samples).toHaveLength(merged.samples);
    expect((await run(['shards', 'merge'])).out).toContain('0 of 1 shards were merged');
  });

  it('takes a folder without its links that lead out of media_roots, and names them [kind 8]', async () => {
    const outside = realpathSync(mkdtempSync(join(tmpdir(), 'vimi-outside-')));
    try {
      cpSync(join(root, 'examples/media/images/rocket.png'), join(outside, 'secret.png'));
      mkdirSync(join(folder, 'media/mixed'));
      cpSync(join(root, 'examples/media/images/rocket.png'), join(folder, 'media/mixed/rocket.png'));
      symlinkSync(join(outside, 'secret.png'), join(folder, 'media/mixed/linked.png'));
      const { code, out } = await run(['ingest', 'media/mixed', '--publish-only']);
      expect(out).toContain('published 1 media to media');
      expect(out).toContain('skipped 1: links out of media_roots (media/mixed/linked.png)');
      expect(code).toBe(0);
    } finally {
      rmSync(outside, { recursive: true });
      rmSync(join(folder, 'media/mixed'), { recursive: true });
    }
  });

  it('publishes nothing from outside of media_roots, and says which root is missing', async () => {
    const outside = realpathSync(mkdtempSync(join(tmpdir(), 'vimi-outside-')));
    try {
      for (const name of ['a/b/one.png', 'a/c/two.png']) {
        mkdirSync(join(outside, name, '..'), { recursive: true });
        cpSync(join(root, 'examples/media/images/rocket.png'), join(outside, name));
      }
      symlinkSync(join(outside, 'a/c/two.png'), join(folder, 'linked.png'));
      const before = (await run(['read', 'media'])).out;
      for (const options of [[], ['--publish-only']]) {
        const { code, err } = await run(['ingest', 'media', 'linked.png', join(outside, 'a/b'), ...options]);
        expect(err).toContain('error MEDIA_FORBIDDEN: 2 of 7 media lie outside of media_roots');
        expect(err).toContain(`or media_roots with ${join(outside, 'a')} too`);
        // Under the name that it was found by: nobody would know the other.
        expect(err).toContain(`linked.png, a link to ${join(outside, 'a/c/two.png')}`);
        expect(code).toBe(1);
      }
      expect((await run(['read', 'media'])).out).toBe(before);
    } finally {
      rmSync(outside, { recursive: true });
      rmSync(join(folder, 'linked.png'), { force: true });
    }
  });

  it('does not begin without ffmpeg, rather than reject every medium', async () => {
    const before = (await run(['read', 'rejects'])).out;
    const { code, err } = await run(['ingest', 'media/fox.png'], '', { VIMI_FFMPEG: '/nowhere/ffmpeg' });
    expect(err).toMatch(/error FFMPEG_NOT_FOUND: .*\/nowhere\/ffmpeg/);
    expect(code).toBe(1);
    expect((await run(['read', 'rejects'])).out).toBe(before);
  });

  it('finds a document by its words', async () => {
    const { out } = await run(['corpus', 'search', 'a mushroom in the rain', '-k', '1', '--json']);
    expect(lines(out)[0].context[0].caption).toBe('a mushroom');
  });

  it('[use U11] generates a video grounded in what it finds', async () => {
    const { code, out } = await run([
      'generate',
      'a mushroom moves left',
      '--seed',
      '7',
      '--out',
      'mushroom.mp4',
      '--json',
    ]);
    const [video] = lines(out);
    expect(video).toMatchObject({ data: { model: { name: 'fake' }, sampler: { seed: 7 } }, file: 'mushroom.mp4' });
    expect(video.data.context[0].caption).toBe('a mushroom');
    const { file, ...event } = video;
    expect(lines((await run(['read', 'videos', '--json'])).out), '[use U11] one shape').toContainEqual(event);
    expect(readFileSync(join(folder, 'mushroom.mp4')).subarray(4, 8).toString()).toBe('ftyp');
    expect(code).toBe(0);
  });

  it('composes the same prompt for the same request, and makes another video of another seed (test/cli/reproduce.test.ts: the same bytes) [safety S14]', async () => {
    const again = lines((await run(['generate', 'a mushroom moves left', '--seed', '7', '--json'])).out)[0];
    const other = lines((await run(['generate', 'a mushroom moves left', '--seed', '8', '--json'])).out)[0];
    const first = lines((await run(['read', 'videos', '--json'])).out).find(
      ({ data }) => data.sampler.seed === 7 && data.job !== again.data.job,
    );
    expect(first.data.prompt).toEqual(again.data.prompt);
    expect(other.data.object.sha256).not.toBe(again.data.object.sha256);
    expect((await run(['read', 'jobs'])).out).toMatch(/ in_progress \d+ % /);
  });

  it('says why a request failed, in words and by the exit code', async () => {
    const { code, err } = await run(['generate', '   ']);
    expect(err).toMatch(/error PROMPT_EMPTY: .*\n +→ Say what the video should show/);
    expect(code).toBe(1);
  });

  it('publishes events line by line, and refuses a bad one with its number', async () => {
    const good = '{"prompt":"a fox runs"}\n';
    expect((await run(['publish', 'requests'], good)).out).toMatch(
      /^requests\/\d+\/\d+ {2}\S+\npublished 1 event to requests\n$/,
    );
    const { code, err } = await run(['publish', 'requests'], `${good}\n{"prompt": 7}\n${good}`);
    expect(err).toContain("Line 3 is not an event of 'requests': Not a valid generation.requested: prompt:");
    expect(err).toContain('(published before it: 1 event)');
    expect(code).toBe(1);
    expect((await run(['publish', 'requests', '--raw'], '{"prompt": \n')).code).toBe(0);
    const whole = JSON.stringify({
      ...{ specversion: '1.0', id: 'order-66', source: '/shop', type: 'dev.vimi.generation.requested.v1' },
      data: { prompt: 'a fox runs' },
    });
    const [own, placed] = lines((await run(['publish', 'requests', '--json'], `${whole}\n${good}`)).out);
    expect(own.id).toBe('order-66');
    expect(placed.id).toBe(`requests-${placed.partition}-${placed.offset}`);
    const nowhere = await run(['publish', 'reqests'], good);
    expect(nowhere.code).toBe(2);
    expect(nowhere.err).toContain("TOPIC_UNKNOWN: The topology has no topic 'reqests' (did you mean 'requests'?)");
  });

  it('lets no word of a stranger speak to the terminal', async () => {
    const uri = '\u001b]0;owned\u0007\u009b2J\nmedia/0/9  a forged line';
    await run(['publish', 'media'], JSON.stringify({ uri, caption: 'x' }));
    const { out } = await run(['read', 'media']);
    expect(out).toContain('\\u001b]0;owned\\u0007\\u009b2J\\nmedia');
    expect(out).not.toMatch(/[^\P{Cc}\n]/u);
    const found = lines((await run(['read', 'media', '--json'])).out).find(({ data }) => data.caption === 'x');
    expect(found.data.uri).toBe(uri);
    await run(['run', '--drain', '--pipeline', 'corpus']);
    const { out: told } = await run(['rejects']);
    expect(told).toContain('owned');
    expect(told).not.toMatch(/[^\P{Cc}\n]/u);
  });

  it('refuses options that no request could have', async () => {
    for (const wrong of [
      ['--guidance', 'much'],
      ['--seed', '5000000000'],
      ['--steps', '0'],
      ['-k', '17'],
    ]) {
      const { code, err } = await run(['generate', 'a fox', ...wrong]);
      expect(err).toMatch(/expected a (whole )?number/);
      expect(code).toBe(2);
    }
  });

  it('drains its topics and keeps what it could not read', async () => {
    const { code, out } = await run(['run', '--drain', '--pipeline', 'generate']);
    expect(out).toContain('generate drained: delivered 4, rejected 1, dropped 0');
    expect(code).toBe(0);
    const rejects = lines((await run(['read', 'rejects', '--json'])).out).map(({ data }) => data);
    const malformed = rejects.find(({ error }) => error.code === 'EVENT_MALFORMED');
    expect(Buffer.from(malformed.origin.value, 'base64').toString()).toBe('{"prompt": ');
  });

  it('refuses a second consumer with the holder’s name, and ends cleanly on an interrupt', async () => {
    const holder = start(['run', '--pipeline', 'corpus', '--stop-within', '2m', '--log-level', 'info']);
    const end = ended(holder);
    await says(holder, 'running corpus');
    // Which is said once it has the group.
    const second = await run(['run', '--pipeline', 'corpus']);
    expect(second.err).toMatch(new RegExp(`GROUP_BUSY.*${holder.pid}`));
    expect(second.err).not.toContain('running');
    expect(second.code).toBe(1);
    holder.kill('SIGINT');
    const { code, out, err } = await end;
    expect(err).toContain('work in flight has 120 seconds');
    expect(out).toContain('corpus stopped');
    expect(code).toBe(0);
  });

  it('examines what a run needs', async () => {
    const { code, out } = await run(['doctor', '--json']);
    const findings = lines(out);
    expect(findings.map(({ part }) => part)).toEqual(
      expect.arrayContaining(['node', 'ffmpeg', 'topology', 'corpus', 'model']),
    );
    expect(findings.find(({ part }) => part === 'corpus').text).toContain('3 documents');
    expect(code).toBe(0);
  });

  it('draws and checks the topology', async () => {
    expect((await run(['graph'])).out).toMatch(/^(---|flowchart|graph)/);
    expect((await run(['graph', '--format', 'svg'])).out).toContain('<svg');
    expect((await run(['validate'])).out).toContain('no mistakes');
    writeFileSync(join(folder, 'wrong.yaml'), 'pipelines:\n  a: { from: nowhere, steps: [retreive] }\n');
    const { code, out } = await run(['validate', 'wrong.yaml']);
    expect(code).toBe(2);
    expect(out).toMatch(/wrong\.yaml:2:\d+ error/);
    expect(existsSync(join(folder, '.vimi/log.sqlite'))).toBe(true);
  });

  it('says that a topic has no events, rather than nothing', async () => {
    const { code, out, err } = await run(['read', 'videos', '--from', '1000']);
    expect({ code, out, err }).toEqual({ code: 0, out: '', err: 'no events on videos\n' });
  });

  it('exits with 2 for what is no command', async () => {
    const { code, err } = await run(['rn']);
    expect(err).toContain('Did you mean run?');
    expect(code).toBe(2);
  });

  it.each([
    [
      'a pipeline',
      ['run', '--drain', '--pipeline', 'corpsu'],
      "USAGE: The topology has no pipeline 'corpsu' (did you mean 'corpus'?)",
    ],
    ['a topic', ['read', 'vidoes'], "TOPIC_UNKNOWN: The topology has no topic 'vidoes' (did you mean 'videos'?)"],
    ['a preset', ['train', '--preset', 'naon'], "MODEL_UNKNOWN: There is no model 'naon' (did you mean 'nano'?)"],
    ['weights', ['train', '--from', 'naon'], "MODEL_UNKNOWN: There is no model 'naon' (did you mean 'nano'?)"],
    [
      'a model',
      ['eval', 'subject', '--model', 'naon'],
      "MODEL_UNKNOWN: There is no model 'naon' (did you mean 'nano'?)",
    ],
    [
      'a served model',
      ['-t', 'naon.yaml', 'run', '--drain'],
      "MODEL_UNKNOWN: There is no model 'naon' (did you mean 'nano'?)",
    ],
  ])('takes the wrong name of %s for wrong usage, and says which was meant', async (_, args, words) => {
    writeFileSync(
      join(folder, 'naon.yaml'),
      readFileSync(join(folder, 'topology.yaml'), 'utf8')
        .replace(/model: fake/, 'model: naon')
        .replaceAll('.vimi', '.naon'),
    );
    const { code, err } = await run(args);
    expect(err).toContain(words);
    expect(code).toBe(2);
  });

  it('ends quietly when its reader has seen enough', async () => {
    const prompt = JSON.stringify({ prompt: 'a fox runs '.repeat(100) });
    await run(['publish', 'requests'], `${prompt}\n`.repeat(200));
    const reader = start(['read', 'requests']);
    const end = ended(reader);
    reader.stdout!.once('data', () => reader.stdout!.destroy());
    const { code, err } = await end;
    expect(err).toBe('');
    expect(code).toBe(0);
  });
});
