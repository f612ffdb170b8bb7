import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { writeStaged } from '../../src/operators/corpus/staged-sample.js';
import { patience } from '../support/patience.js';

const root = join(import.meta.dirname, '../..');
let folder: string;

function vimi(args: string[], input = ''): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'dist/cli/main.js'), ...args], {
    cwd: folder,
    input,
    encoding: 'utf8',
  });
  expect(status, stderr).toBe(0);
  return stdout;
}

const path = (key: string) => join(folder, '.vimi/objects', key);
const hex = (digit: string) => digit.repeat(64);

function store(key: string, { days = 0 } = {}): void {
  mkdirSync(dirname(path(key)), { recursive: true });
  writeFileSync(path(key), key);
  const then = Date.now() / 1000 - days * 86_400;
  utimesSync(path(key), then, then);
}

const old = [
  `clips/${hex('b')}.mp4`,
  `images/${hex('a')}.webp`,
  'previews/crashed-0123456789.webp',
  'videos/gone-0123456789abcdef-thumbnail-0123456789abcdef.webp',
  'videos/gone-0123456789abcdef.mp4',
];
const young = `images/${hex('c')}.webp`;
/** In a rejected event that may be replayed. */
const replayable = `images/${hex('d')}.webp`;
/** Named by a sample that waits for its shard. */
const staged = 'staging/media/0/000000000001-0-0f1e2d3c.sample';
const waiting = [`clips/${hex('e')}.mp4`, `images/${hex('f')}.webp`, `clips/${hex('9')}.mp4`];
const notOurs = [
  ...['weights/nano.bin', staged, 'videos/a/b.mp4', 'images/holiday.webp'],
  'videos/gone-0123456789abcdef-poster.webp',
];
let named: string[];

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vimi-sweep-'));
  const topology = readFileSync(join(root, 'topology.yaml'), 'utf8').replace(
    /model: nano, upsampler: [\w-]+/,
    'model: fake',
  );
  writeFileSync(join(folder, 'topology.yaml'), topology);
  for (const end of ['png', 'txt']) cpSync(join(root, `examples/media/images/fox.${end}`), join(folder, `fox.${end}`));
  vimi(['ingest', 'fox.png']);
  const impossible = { prompt: [{ text: '' }, { image: { uri: `object:${replayable}` } }], frames: 100_000 };
  vimi(['publish', 'requests', '--raw'], `{"prompt": "a fox moves left"}\n${JSON.stringify(impossible)}\n`);
  vimi(['run', '--drain']);
  const events = (topic: string) =>
    vimi(['read', topic, '--json'])
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
  named = [
    ...events('videos').flatMap(({ data }) => [
      data.object.key,
      data.thumbnail.key,
      data.spritesheet.key,
      data.last_frame.key,
    ]),
    ...events('corpus').map(({ data }) => data.image.key),
  ];
  for (const key of [...old, replayable, ...waiting, ...notOurs, ...named]) store(key, { days: 2 });
  const [clip, image, motion] = waiting.map((key) => ({
    ...{ key, size: key.length, sha256: /[0-9a-f]{64}/.exec(key)![0], media_type: 'image/webp' },
  }));
  writeFileSync(
    path(staged),
    writeStaged({
      ...{ name: 'media-0-000000000001-0', caption: 'a fox', facts: '{}' },
      ...{ clip: clip!, images: [image!], clips: [motion!] },
    }),
  );
  store(young);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe.sequential('vimi objects sweep', { timeout: patience(120) }, () => {
  it('lists what no event names, and leaves it where it is', () => {
    expect(named).toHaveLength(5);
    const lines = vimi(['objects', 'sweep']).trim().split('\n');
    expect(lines.slice(0, -1)).toEqual(old);
    expect(lines.at(-1)).toBe('15 objects, 5 that no event names, 1 too young to decide');
    for (const key of old) expect(existsSync(path(key)), key).toBe(true);
  });

  it('removes it when told to, and nothing else', () => {
    const removed = vimi(['objects', 'sweep', '--remove', '--json'])
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(removed.map(({ key, removed }) => ({ key, removed }))).toEqual(old.map((key) => ({ key, removed: true })));
    for (const key of old) expect(existsSync(path(key)), key).toBe(false);
    for (const key of [young, replayable, ...waiting, ...notOurs, ...named])
      expect(existsSync(path(key)), key).toBe(true);
  });

  it('takes what is young as well where nothing runs', () => {
    expect(vimi(['objects', 'sweep', '--older-than', '1w'])).toContain('0 that no event names, 1 too young to decide');
    expect(vimi(['objects', 'sweep', '--older-than', '0', '--remove'])).toContain(young);
    expect(existsSync(path(young))).toBe(false);
  });

  it('refuses what is no age', () => {
    const args = [join(root, 'dist/cli/main.js'), 'objects', 'sweep', '--remove', '--older-than', 'yesterday'];
    const { status, stderr } = spawnSync(process.execPath, args, { cwd: folder, encoding: 'utf8' });
    expect(status).toBe(2);
    expect(stderr).toContain("found 'yesterday'".replace(/'/g, ''));
  });
});
