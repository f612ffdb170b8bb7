import { randomUUID } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, inject, it } from 'vitest';
import { patience } from '../support/patience.js';
import { runVimi } from './run-vimi.js';

const servers = inject('servers');
const folder = mkdtempSync(join(tmpdir(), 'vimi-preset-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const vimi = (...args: string[]) => runVimi(args, { cwd: folder, env: { ...process.env, ...servers } });

describe('the preset cluster on Kafka and S3', { timeout: patience(300) }, () => {
  it('passes validate --connect, with warnings alone for topics that are not there yet', async () => {
    expect((await vimi('init', '.', '--preset', 'cluster')).code).toBe(0);
    // Others use the broker too.
    const own = `p${randomUUID().slice(0, 8)}`;
    const topology = join(folder, 'topology.yaml');
    const text = readFileSync(topology, 'utf8').replaceAll(/partitions: \d+/g, 'partitions: 2');
    const renamed = text
      .replaceAll(/^( {2})(\w+)(: \{ schema)/gm, `$1${own}-$2$3`)
      .replaceAll(/(from|topic): (\w+)$/gm, `$1: ${own}-$2`)
      .replace('links: { videos', `links: { ${own}-videos`)
      .replace('admit: { max_frames: 64 }', `admit: { max_frames: 64, jobs: ${own}-jobs }`)
      .replace('upsampler: nano-upsampler }', `upsampler: nano-upsampler, jobs: ${own}-jobs }`)
      .replace(
        '- recognise\n',
        `- recognise: { topic: ${own}-outcomes, clips: ${own}-clips, documents: ${own}-corpus }\n`,
      )
      .replace('- index\n', `- index: { topic: ${own}-corpus }\n`);
    writeFileSync(topology, renamed);
    const before = await vimi('validate', '--connect', '--json');
    expect({ code: before.code, err: before.err }).toEqual({ code: 0, err: '' });
    const { findings } = JSON.parse(before.out) as { findings: { part: string; state: string; text: string }[] };
    const parts = new Set(findings.filter(({ state }) => state === 'good').map(({ part }) => part));
    expect([...parts]).toEqual(expect.arrayContaining(['objects', 'model', 'work']));
    expect(findings.filter(({ state }) => state !== 'good').map(({ part }) => part)).toEqual(Array(13).fill('topic'));

    expect((await vimi('topics', 'apply')).code).toBe(0);
    const after = await vimi('validate', '--connect', '--deny-warnings');
    expect({ code: after.code, out: after.out }).toMatchObject({ code: 0 });
    expect((await vimi('run', '--drain', '--pipeline', 'corpus')).out).toContain('corpus drained');
  });
});
