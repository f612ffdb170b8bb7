// @ts-nocheck: a plain script, run against what is built
/**
 * Mutated media through the corpus pipeline that ships: each must come to an outcome, and none may end the run, hang it, or be
 * rejected for what is our own fault.
 *
 *   npm run fuzz:media -- [--count 200] [--from 0] [--seed N] [--keep]
 *
 * Starts from small files of many formats, made here, and changes their bytes: bits, numbers, cuts, doubled and exchanged
 * pieces. The same seed gives the same files; `--from` passes over the first of them, to go on or to share the work. Ends with one line of counts, and exits 1 when anything was wrong.
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join } from 'node:path';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { parse, stringify } from 'yaml';
import { mediaTools } from '../../dist/media/tools.js';
import { seeded } from '../chaos/random.mjs';
import { mutate } from './mutate.mjs';

const root = join(import.meta.dirname, '../..');
const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '200' },
    from: { type: 'string', default: '0' },
    seed: { type: 'string', default: '1' },
    keep: { type: 'boolean', default: false },
  },
});
const [from, seed] = [Number(values.from), Number(values.seed)];
const count = from + Number(values.count);
/** Files in one run: what is wrong is found soon, and the disk stays small. */
const atOnce = 250;
/** A run that takes longer hangs: ten seconds a file, on any machine. */
const patienceMs = atOnce * 10_000;
/** Codes that blame the file. Whatever else a file comes to is our fault. */
const itsOwnFault = /^(MEDIA_|CAPTION_MISSING$)/;

const folder = mkdtempSync(join(tmpdir(), 'vimi-fuzz-media-'));
process.on('exit', () => !values.keep && rmSync(folder, { recursive: true, force: true }));
writeTopology();
const originals = await makeOriginals();
const random = seeded(seed);
const sums = { published: 0, delivered: 0, rejected: 0, dropped: 0 };
const codes = {};
const wrong = [];

for (let made = 0; made < from; made++) nextFile();
for (let made = from; made < count; ) {
  const media = join(folder, 'media');
  rmSync(media, { recursive: true, force: true });
  mkdirSync(media);
  const end = Math.min(count, made + atOnce);
  const first = made;
  for (; made < end; made++) {
    const { ending, bytes } = nextFile();
    const name = `${String(made).padStart(6, '0')}${ending}`;
    writeFileSync(join(media, name), bytes);
    writeFileSync(join(media, `${name.slice(0, 6)}.txt`), `a thing of kind ${made}`);
  }
  const { code, signal, out, err, late } = await ingest(media);
  const report = lastJson(out);
  const where = `files ${first} to ${end - 1} of seed ${seed}`;
  if (late) wrong.push(`${where}: no end after ${patienceMs / 1000} s`);
  if (signal || ![0, 3].includes(code)) wrong.push(`${where}: ended with ${signal ?? code}: ${err.slice(-500)}`);
  if (!report) {
    wrong.push(`${where}: no report`);
    continue;
  }
  const { outcomes, rejects, published, left, passed_over } = report;
  const dropped = Object.values(outcomes.dropped).reduce((a, b) => a + b, 0);
  sums.published += published;
  sums.delivered += outcomes.delivered;
  sums.rejected += outcomes.rejected;
  sums.dropped += dropped;
  const passed = Object.values(passed_over ?? {}).reduce((sum, one) => sum + (one.count ?? 0), 0);
  if (left > 0 || outcomes.delivered + outcomes.rejected + dropped !== published)
    wrong.push(`${where}: ${published} published, ${JSON.stringify(outcomes)}, ${left} left`);
  if (published + passed < end - first) wrong.push(`${where}: ${published} of ${end - first} files were published`);
  for (const { code: name, count: times, first: some } of rejects) {
    codes[name] = (codes[name] ?? 0) + times;
    if (!itsOwnFault.test(name)) wrong.push(`${where}: ${times} came to ${name}: ${JSON.stringify(some)}`);
  }
  console.log(`${made} of ${count}: ${JSON.stringify(sums)} ${JSON.stringify(codes)}`);
}
for (const problem of wrong) console.error(`WRONG: ${problem}`);
console.log(
  `fuzz: ${count - from} files, ${Object.entries(sums)
    .map(([what, times]) => `${times} ${what}`)
    .join(', ')}, ${wrong.length} wrong, seed ${seed}`,
);
process.exitCode = wrong.length > 0 ? 1 : 0;

function nextFile() {
  const original = originals[Math.floor(random() * originals.length)];
  const other = originals[Math.floor(random() * originals.length)];
  return { ending: extname(original.name), bytes: mutate(original.bytes, other.bytes, random) };
}

function writeTopology() {
  const topology = parse(readFileSync(join(root, 'topology.yaml'), 'utf8'));
  topology.media_roots = ['media'];
  writeFileSync(join(folder, 'topology.yaml'), stringify(topology));
}

async function makeOriginals() {
  const made = join(folder, 'originals');
  mkdirSync(made);
  const film = (name, ...options) => {
    const { status, stderr } = spawnSync(
      mediaTools().ffmpeg.path,
      [
        ...['-v', 'error', '-f', 'lavfi', '-i', 'testsrc2=size=96x72:rate=8:duration=2'],
        ...['-f', 'lavfi', '-i', 'sine=duration=2', ...options, join(made, name)],
      ],
      { encoding: 'utf8' },
    );
    if (status !== 0) throw new Error(`${name}: ${stderr}`);
  };
  film('h264.mp4', '-c:v', 'libx264', '-pix_fmt', 'yuv420p', '-c:a', 'aac');
  film('fragments.mp4', '-c:v', 'libx264', '-movflags', 'frag_keyframe+empty_moov', '-an');
  film('mpeg4.mov', '-c:v', 'mpeg4', '-an');
  film('vp9.webm', '-c:v', 'libvpx-vp9', '-b:v', '100k', '-an');
  film('mpeg4.mkv', '-c:v', 'mpeg4', '-an');
  film('mpeg4.avi', '-c:v', 'mpeg4', '-an');
  film('mpeg2.ts', '-c:v', 'mpeg2video', '-an');
  film('loop.gif', '-an');
  const pixels = { raw: { width: 96, height: 72, channels: 3 } };
  const noise = Buffer.from(Array.from({ length: 96 * 72 * 3 }, (_, n) => (n * 7 + (n >> 5) * 13) % 256));
  for (const format of ['png', 'jpeg', 'webp', 'tiff', 'avif'])
    await sharp(noise, pixels)
      .toFormat(format)
      .toFile(join(made, `image.${format === 'jpeg' ? 'jpg' : format}`));
  return readdirSync(made)
    .sort()
    .map((name) => ({ name, bytes: readFileSync(join(made, name)) }));
}

function ingest(media) {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), 'ingest', media, '--backfill', '--json'], {
      ...{ cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] },
    });
    let [out, err, late] = ['', '', false];
    child.stdout.on('data', (chunk) => {
      out += chunk;
    });
    child.stderr.on('data', (chunk) => {
      err = (err + chunk).slice(-20_000);
    });
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, patienceMs);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, out, err, late });
    });
  });
}

function lastJson(text) {
  try {
    return JSON.parse(text.trim().split('\n').at(-1));
  } catch {
    return null;
  }
}
