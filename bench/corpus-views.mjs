// @ts-nocheck: a plain script
/*
 * What the commands that look at the whole corpus take, each a process of its own: seconds, of the processor too, and the memory that it had at most.
 * Records of clips and media are made up (four clips a medium, scores anywhere); nothing is decoded.
 *
 *   node bench/corpus-views.mjs [--clips 200000]
 */
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Workspace } from '../dist/app/workspace.js';
import { encodeEvent } from '../dist/events/cloudevents.js';
import { stepTopic } from '../dist/streams/topology/step-topics.js';
import { randomFrom } from './search/documents.mjs';

const { values: options } = parseArgs({ options: { clips: { type: 'string', default: '200000' } } });
const silent = () => {};
const log = { debug: silent, info: silent, warn: silent, error: silent };
const scoreNames = ['motion', 'sharpness', 'brightness', 'contrast', 'black', 'frozen', 'letterbox'];
const hash = (text) => createHash('sha256').update(text).digest('hex');

async function publish(folder, count) {
  const workspace = await Workspace.open({ topology: join(folder, 'topology.yaml'), log });
  const transport = await workspace.transport();
  const pipeline = workspace.pipelineFor('media.added');
  const [clips, media] = [stepTopic(pipeline, 'clip.settled'), stepTopic(pipeline, 'media.settled')];
  const random = randomFrom(1);
  let batch = [];
  for (let n = 0; n < count; n++) {
    const [medium, part] = [n >> 2, `${n & 3}`];
    const uri = `films/${hash(String(medium)).slice(0, 2)}/a film of some length, number ${medium}.mp4`;
    const common = { source: '/bench', traceparent: undefined };
    const outcome = random() < 0.8 ? 'delivered' : 'dropped';
    const scores = { ...Object.fromEntries(scoreNames.map((name) => [name, random() ** 3])), seconds: 4, side: 360 };
    const data = {
      ...{
        uri,
        source: `source ${medium % 97}`,
        licence: 'CC0-1.0',
        event: `event-${medium}`,
        record: `media-0-${medium}`,
        part,
      },
      clip: {
        ...{ kind: 'clip', start: 4 * Number(part), duration: 4, frames: 96, fps: 24, width: 640, height: 360 },
        ...{ object: hash(`clip ${n}`), keyframe: hash(`image ${n}`) },
      },
      ...{ scores, caption: `somebody does something in place ${n % 1000}`, outcome },
      ...(outcome === 'dropped' && { reason: 'too-still' }),
    };
    batch.push(
      encodeEvent({ schema: 'clip.settled', id: `c-${n}`, topic: clips, key: `${uri}#${part}`, data, ...common }),
    );
    if (part === '3') {
      const settled = {
        uri,
        event: `event-${medium}`,
        outcome: 'delivered',
        parts: { delivered: 4, rejected: {}, dropped: {} },
      };
      batch.push(
        encodeEvent({ schema: 'media.settled', id: `m-${medium}`, topic: media, key: uri, data: settled, ...common }),
      );
    }
    if (batch.length >= 1000 || n === count - 1) {
      await transport.publish(batch);
      batch = [];
    }
  }
  await workspace.close();
}

const main = fileURLToPath(new URL('../dist/cli/main.js', import.meta.url));
/** Tells on standard error what the process had at most. */
const telling = `process.on('exit', () => process.stderr.write(JSON.stringify({ rss: process.resourceUsage().maxRSS * 1024, cpu: process.cpuUsage() })))`;

const folder = mkdtempSync(join(tmpdir(), 'vimi-bench-views-'));
try {
  cpSync(fileURLToPath(new URL('../topology.yaml', import.meta.url)), join(folder, 'topology.yaml'));
  await publish(folder, Number(options.clips));
  console.log(`${options.clips} clips`);
  const name = 'films/5f/a film of some length, number 0.mp4';
  for (const args of [
    ['thresholds', '--set', 'min_motion=0.03'],
    ['stats'],
    ['report'],
    ['lineage', name],
    ['regrade', '--dry-run'],
  ]) {
    const start = performance.now();
    const nodeArgs = [
      '--import',
      `data:text/javascript,${encodeURIComponent(telling)}`,
      main,
      'corpus',
      ...args,
      '--json',
    ];
    const { status, stdout, stderr } = spawnSync(process.execPath, nodeArgs, {
      cwd: folder,
      encoding: 'utf8',
      maxBuffer: 2 ** 30,
    });
    const seconds = (performance.now() - start) / 1000;
    const [told] = /\{"rss":.*\}\}/.exec(stderr) ?? [];
    if (status !== 0 || !told) throw new Error(`${args.join(' ')}: ${status}: ${stderr}`);
    const { rss, cpu } = JSON.parse(told);
    const processor = (cpu.user + cpu.system) / 1e6;
    console.log(
      `  ${args[0].padEnd(10)} ${seconds.toFixed(1)} s, processor ${processor.toFixed(1)} s, at most ${(rss / 2 ** 20).toFixed(0)} MiB; ${hash(stdout).slice(0, 12)}`,
    );
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
