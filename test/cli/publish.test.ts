import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runView } from '../../src/cli/run-view.js';
import { unknownFields } from '../../src/events/unknown-fields.js';

const root = join(import.meta.dirname, '../..');
const vimi = join(root, 'dist/cli/vimi.js');
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'vimi-publish-'));
  cpSync(join(root, 'topology.yaml'), join(folder, 'topology.yaml'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (args: string[], input = '') => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [vimi, ...args], {
    cwd: folder,
    input,
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
};
const json = (text: string) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));

describe('publish', () => {
  it('[use U7] [use U12] prints the id of each event, and warns of a field that nothing reads', () => {
    const { status, stdout, stderr } = run(['publish', 'requests'], '{"prompt": "a fox", "seeed": 3}\n');
    expect(stdout).toMatch(/^requests\/(\d+)\/0 {2}requests-\1-0\npublished 1 event to requests\n$/);
    expect(stderr).toContain("line 1: the field 'seeed' is unknown (did you mean 'seed'?)");
    expect(status).toBe(0);
  });

  it('[use U7] puts one key into one partition, and prints one shape as read does', () => {
    const published = json(
      run(['publish', 'requests', '--key', 'k', '--json'], '{"prompt":"a"}\n{"prompt":"b"}\n').stdout,
    );
    expect(new Set(published.map(({ partition }) => partition)).size).toBe(1);
    const read = json(run(['read', 'requests', '--json']).stdout);
    for (const one of published) expect(read).toContainEqual(expect.objectContaining(one));
  });

  it('[use U7] removes what a compacted topic keeps, and nothing of another', () => {
    expect(run(['publish', 'corpus', '--key', 'gone', '--tombstone']).stdout).toMatch(/ {2}removed gone\n/);
    expect(json(run(['read', 'corpus', '--json']).stdout)).toMatchObject([{ key: 'gone', tombstone: true }]);
    const media = run(['publish', 'media', '--key', 'x', '--tombstone']);
    expect(media).toMatchObject({ status: 2, stderr: expect.stringContaining('cleanup: delete') });
    expect(run(['publish', 'corpus', '--tombstone'])).toMatchObject({ status: 2 });
  });

  it('[safety S13] refuses a folder as its input', () => {
    const stdin = openSync(folder, 'r');
    const { status, stderr } = spawnSync(process.execPath, [vimi, 'publish', 'requests'], {
      cwd: folder,
      stdio: [stdin, 'pipe', 'pipe'],
      encoding: 'utf8',
    });
    expect(stderr).toContain('Standard input cannot be read: expected a file or a pipe of lines, found a folder');
    expect(status).toBe(2);
  });

  it('[use U11] is not read from the end on', () => {
    expect(run(['read', 'requests', '--from', 'end'])).toMatchObject({ status: 0, stdout: '' });
    expect(run(['videos', 'get', 'requests-0-0'])).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('VIDEO_NOT_FOUND'),
    });
  });
});

it('[use U12] finds fields that nothing reads, wherever they stand', () => {
  const found = (data: object) => unknownFields('generation.requested', data).map(({ path }) => path);
  expect(found({ prompt: 'a', seed: 1, guidance: { text: 1 } })).toEqual([]);
  expect(found({ prompt: [{ text: 'a', rolle: 1 }, { image: { uri: 'x', width: 2 } }], x: { y: 1 } })).toEqual([
    'prompt.0.rolle',
    'prompt.1.image.width',
    'x',
  ]);
  expect(found(JSON.parse('{"prompt":"a","constructor":1,"__proto__":2}')).sort()).toEqual([
    '__proto__',
    'constructor',
  ]);
});

it('[use U10] shows a line for each finished event, and the jobs under way below them', () => {
  let written = '';
  const stream = { columns: 60, write: (text: string) => (written += text) } as never;
  const view = runView(stream, () => 0);
  const job = { job: 'a-1', request: { source: '/s', id: 'a' }, state: 'in_progress', progress: 0.4 };
  view.announced([{ topic: 'jobs', key: null, headers: {}, value: Buffer.from(JSON.stringify(job)) }]);
  expect(written).toMatch(/a 40 %$/);
  const event = { where: 'requests/0/0', id: 'a', objects: ['videos/a.mp4'] };
  view.finished('generate', { ...event, outcome: 'delivered' });
  expect(written).toMatch(/generate {2}delivered {2}a {2}videos\/a\.mp4\n$/);
  view.finished('generate', { ...event, outcome: 'rejected', code: 'X', step: 'admit', error: 'bad\u001b[2J\nline' });
  expect(written).toContain('rejected  a  X at admit: bad\\u001b[2J\\nline\n');
  view.close();
});
