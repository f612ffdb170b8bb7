// What new media wait for while a large stock is taken in:
//
//   node bench/backfill.mjs [--films 60] [--live 12]
//
//   idle      nothing else runs
//   beside    the stock comes by the topic backfill, with its own pipeline, group and quota
//   behind    the stock comes by the topic of new media (what a backfill is there to avoid)
//
// The stock is so many films of 4 s, 320x240. With each, one process runs the pipelines of the default topology on the embedded transport, and
// new images are published one after the other, each as soon as the one before has its outcome; the first one once the stock
// has its first outcome. Printed: milliseconds from publish until the outcome can be read, how many of the stock had theirs by then, and
// what the stock took in all.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { mediaEvent } from '../dist/app/ingest/media-event.js';
import { runPipelines } from '../dist/app/run-pipelines.js';
import { Workspace } from '../dist/app/workspace.js';
import { decodeEvent } from '../dist/events/cloudevents.js';
import { mediaTools } from '../dist/media/tools.js';

const { values } = parseArgs({
  options: { films: { type: 'string', default: '60' }, live: { type: 'string', default: '12' } },
});
const [films, live] = [Number(values.films), Number(values.live)];
const root = join(import.meta.dirname, '..');
const log = { debug() {}, info() {}, warn: console.error, error: console.error };
const work = mkdtempSync(join(tmpdir(), 'vimi-backfill-'));
try {
  const stock = makeStock();
  console.log(`${films} films of the stock, ${live} new images, ms until the outcome`);
  for (const [row, topic] of [
    ['idle', null],
    ['beside', 'backfill'],
    ['behind', 'media'],
  ])
    console.log(`${row.padEnd(8)}${await measured(row, topic, topic ? stock : [])}`);
} finally {
  rmSync(work, { recursive: true, force: true });
}

async function measured(row, stockTopic, stock) {
  const folder = join(work, row);
  mkdirSync(folder);
  const images = await Promise.all(Array.from({ length: live }, (_, n) => makeImage(join(folder, `${n}.png`), n)));
  const topology = readFileSync(join(root, 'topology.yaml'), 'utf8');
  writeFileSync(join(folder, 'topology.yaml'), topology.replace('media_roots: [.]', `media_roots: [${work}]`));
  const workspace = await Workspace.open({ topology: join(folder, 'topology.yaml'), log });
  const transport = await workspace.transport();
  const end = new AbortController();
  const heard = follow(transport, end.signal);
  const publish = (media, topic) => transport.publish(media.map((medium) => mediaEvent(medium, topic, '').record));
  const began = performance.now();
  if (stockTopic) await publish(stock, stockTopic);
  const running = runPipelines(
    workspace,
    ['corpus', 'backfill'].map((name) => workspace.pipeline(name)),
    { drain: false, signal: end.signal },
  );
  const times = [];
  if (stockTopic) await heard.until(() => heard.stock() >= 1);
  let by = 0;
  for (const uri of images) {
    const published = performance.now();
    await publish([{ uri, caption: 'patches of colour', version: '1' }], 'media');
    await heard.until(() => heard.has(uri));
    times.push(performance.now() - published);
    by = heard.stock();
  }
  if (stockTopic) await heard.until(() => heard.stock() >= stock.length);
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  end.abort();
  await running;
  await workspace.close();
  times.sort((a, b) => a - b);
  const [middle, last] = [times[times.length >> 1], times.at(-1)].map(Math.round);
  const ofStock = stockTopic ? `; ${by} of the stock had theirs by the last; all of it in ${seconds} s` : '';
  return `median ${middle}, worst ${last}${ofStock}`;
}

/** Which media have their outcome, from the first on. */
function follow(transport, signal) {
  const uris = new Set();
  const waiting = new Set();
  void (async () => {
    for await (const record of transport.read('outcomes', { follow: true, signal })) {
      const { uri } = /** @type {{ uri: string }} */ (decodeEvent(record, ['media.settled']).data);
      uris.add(uri);
      for (const look of waiting) look();
    }
  })();
  return {
    has: (uri) => uris.has(uri),
    stock: () => [...uris].filter((uri) => uri.endsWith('.mp4')).length,
    until: (isSo) =>
      new Promise((resolve) => {
        const look = () => {
          if (!isSo()) return;
          waiting.delete(look);
          resolve(true);
        };
        waiting.add(look);
        look();
      }),
  };
}

function makeStock() {
  const folder = join(work, 'stock');
  mkdirSync(folder);
  return Array.from({ length: films }, (_, n) => {
    const uri = join(folder, `${n}.mp4`);
    const source = `mandelbrot=s=320x240:rate=25:start_x=${-0.7 + n / 500}:start_scale=${3 - n / 50}`;
    const x264 = ['-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-preset', 'veryfast'];
    execFileSync(mediaTools().ffmpeg.path, ['-y', '-v', 'error', '-f', 'lavfi', '-i', source, '-t', '4', ...x264, uri]);
    return { uri, caption: `film ${n} of a stock`, version: '1' };
  });
}

/** Patches of colours that follow from `n`: no two images are alike. */
async function makeImage(path, n) {
  const [width, height] = [8, 6];
  const patches = Buffer.from(
    Array.from({ length: width * height * 3 }, (_, k) => ((k + 1) * 7919 + n * 104_729 + k * k * n) % 251),
  );
  const raw = sharp(patches, { raw: { width, height, channels: 3 } });
  await raw.resize(320, 240).png().toFile(path);
  return path;
}
