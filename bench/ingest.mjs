// What it costs to take media in, beside the tools that do the work:
//
//   node bench/ingest.mjs [--short] [--rounds 3] [--rows films,clips,images,again] [--keep]
//
//   films    12 films of 4 s, 640x360    peer: ffprobe, then one ffmpeg that decodes, scales and encodes (same x264 settings)
//   clips    300 films of 2 s, 160x120   peer: the same
//   images   3,000 images, 320x240       peer: sharp alone: decode, fit, lossless WebP as sharp makes it by itself (effort 4; vimi: 2), write
//   again    all images a second time    peer: sharp alone, as above; they are known by the hash of their bytes
//
// Where `bash bench/ingest/setup.sh` was run, films and clips have a second peer: ingest/script.py, which cuts with
// PySceneDetect, decodes and codes with PyAV, and writes a shard with webdataset.
//
// vimi runs as people run it: `vimi ingest FOLDER` with the default topology, from files to a sealed shard; the peers write
// files and nothing else. Both sides take two media at a time. Sides alternate, and which one begins changes with each
// round; a ratio is that of a pair, and the median over the rounds is printed. Processor time counts the processes that
// a side starts. A last run of vimi prints where its time goes: the wall clock of each step, summed over the events,
// waits for a turn inside the step included.
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import sharp from 'sharp';
import { mediaTools } from '../dist/media/tools.js';

const { values } = parseArgs({
  options: {
    short: { type: 'boolean', default: false },
    rounds: { type: 'string', default: '3' },
    rows: { type: 'string', default: 'films,clips,images,again' },
    keep: { type: 'boolean', default: false },
    // How this file starts itself as a peer.
    peer: { type: 'string' },
    from: { type: 'string' },
    to: { type: 'string' },
  },
});
const atOnce = 2;
const side = 512;
const { ffmpeg, ffprobe } = mediaTools();
const root = join(import.meta.dirname, '..');
const python = join(root, '.cache/ingest/bin/python');
const colours = ['red', 'green', 'blue', 'golden', 'violet', 'white', 'black', 'orange'];
const shapes = ['waves', 'stripes', 'clouds', 'hills', 'ribbons', 'tiles', 'dunes'];

if (values.peer) {
  mkdirSync(values.to, { recursive: true });
  await { films, images }[values.peer](values.from, values.to);
} else await compare();

async function compare() {
  const work = mkdtempSync(join(tmpdir(), 'vimi-ingest-'));
  const share = values.short ? 10 : 1;
  const counts = { films: values.short ? 4 : 12, clips: 300 / share, images: 3000 / share };
  const wanted = values.rows.split(',');
  try {
    const rows = [];
    for (const row of ['films', 'clips', 'images', 'again'].filter((one) => wanted.includes(one))) {
      const of = row === 'again' ? 'images' : row;
      const media = join(work, `media-${of}`);
      const count = compose(of, counts[of], media);
      const pairs = [];
      for (let round = 0; round < Number(values.rounds); round++) {
        const project = newProject(join(work, `${row}-${round}`));
        if (row === 'again') await vimi(project, media);
        const sides = {
          vimi: () => vimi(project, media),
          bare: () => timed(process.execPath, bareArgs(of, media, join(work, `bare-${row}-${round}`)), root),
        };
        if (of !== 'images' && existsSync(python))
          sides.script = () => timed(python, scriptArgs(media, join(work, `script-${row}-${round}.tar`)), root);
        const names = Object.keys(sides);
        const order = round % 2 === 0 ? names : names.reverse();
        const pair = {};
        for (const name of order) pair[name] = await sides[name]();
        pairs.push(pair);
        rmSync(join(work, `bare-${row}-${round}`), { recursive: true, force: true });
        if (!values.keep) rmSync(project, { recursive: true, force: true });
      }
      rows.push([row, count, pairs]);
      print(row, count, pairs);
      if (row !== 'again') await printSteps(newProject(join(work, `${row}-steps`)), media, count);
    }
  } finally {
    if (!values.keep) rmSync(work, { recursive: true, force: true });
    else console.log(`kept: ${work}`);
  }
}

/** Media that no two runs make differently, and of which no two look alike. Gives their number. */
function compose(kind, count, folder) {
  mkdirSync(folder, { recursive: true });
  if (readdirSync(folder).length > 0) return count;
  const draw = (args) => execFileSync(ffmpeg.path, ['-v', 'error', '-y', '-nostdin', ...args], { stdio: 'inherit' });
  const bitexact = ['-threads', '1', '-fflags', '+bitexact', '-flags:v', '+bitexact'];
  const wave = (n, width, height, seconds) =>
    `nullsrc=s=40x30:r=25:d=${seconds},format=rgb24,geq=r='${waves(n, 'X', 'Y')}':g='${waves(n + 5, 'Y', 'X')}':b='${waves(n + 11, 'X+Y', 'X-Y')}',scale=${width}:${height}:flags=bicubic,setsar=1`;
  for (let n = 0; n < count && kind !== 'images'; n++) {
    const [width, height, seconds] = kind === 'films' ? [640, 360, 4] : [160, 120, 2];
    const noise = `noise=alls=12:allf=t:all_seed=${n + 1}`;
    const things = `testsrc2=s=${width / 2}x${height / 2}:r=25:d=${seconds}`;
    draw([
      ...['-f', 'lavfi', '-i', wave(n, width, height, seconds), '-f', 'lavfi', '-i', things],
      ...['-f', 'lavfi', '-i', `sine=f=${200 + 10 * n}:d=${seconds}`],
      '-filter_complex',
      `[0][1]overlay=x='(W-w)*(0.5+0.5*sin(t+${n}))':y=${n % (height / 2)},${noise},format=yuv420p[v]`,
      ...['-map', '[v]', '-map', '2:a', '-c:a', 'aac', '-b:a', '64k'],
      ...['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '20', ...bitexact],
      join(folder, `${kind}-${String(n).padStart(4, '0')}.mp4`),
    ]);
  }
  if (kind === 'images') {
    const source = `nullsrc=s=20x15:r=1:d=${count},format=rgb24,geq=r='${waves('N', 'X', 'Y')}':g='${waves('(N+5)', 'Y', 'X')}':b='${waves('(N+11)', 'X+Y', 'X-Y')}',scale=320:240:flags=bicubic,noise=alls=6:allf=t:all_seed=1`;
    draw(['-f', 'lavfi', '-i', source, '-q:v', '3', ...bitexact, join(folder, 'image-%04d.jpg')]);
  }
  for (const name of readdirSync(folder))
    writeFileSync(join(folder, name.replace(/\.\w+$/, '.txt')), `${captionOf(name)}\n`);
  return count;
}

/** Broad shapes that are others for each n: directions and wavelengths run through primes. */
function waves(n, x, y) {
  return `128+80*sin((${x})*(1+mod(${n}*7\\,13))/9+(${y})*(1+mod(${n}*5\\,11))/8+${n}+T)+45*cos((${y})*(1+mod(${n}*3\\,17))/11-${n}*2)`;
}

function captionOf(name) {
  const n = Number(/\d+/.exec(name)[0]);
  return `${colours[n % 8]} ${shapes[n % 7]} over ${colours[(n * 3 + 1) % 8]} ${shapes[(n * 5 + 2) % 7]}, number ${n}`;
}

function newProject(folder) {
  mkdirSync(folder, { recursive: true });
  const topology = execFileSync('cat', [join(root, 'topology.yaml')], { encoding: 'utf8' });
  writeFileSync(join(folder, 'topology.yaml'), topology.replace(/^media_roots: .*$/m, 'media_roots: [/]'));
  return folder;
}

function vimi(project, media, node = []) {
  return timed(process.execPath, [...node, join(root, 'dist/cli/main.js'), 'ingest', media], project);
}

/** Wall clock and processor time of a process and all that it started, in seconds. */
async function timed(program, args, cwd) {
  // The shell's own `time` counts the children of children, which Node cannot ask for.
  const shell = spawn('bash', ['-c', `TIMEFORMAT='%R %U %S'; time "$0" "$@" 2>&3`, program, ...args], {
    cwd,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const texts = ['', '', ''];
  const pipes = /** @type {import('node:stream').Readable[]} */ ([shell.stdout, shell.stderr, shell.stdio[3]]);
  for (const [n, pipe] of pipes.entries())
    pipe.setEncoding('utf8').on('data', (text) => {
      texts[n] += text;
    });
  const code = await new Promise((/** @type {(code: number) => void} */ resolve) => shell.once('close', resolve));
  const [out, times, complaints] = texts;
  if (code !== 0) throw new Error(`${[program, ...args].join(' ')} ended with ${code}:\n${out}\n${complaints}`);
  const [wall, user, system] = times.trim().split(/\s+/).map(Number);
  return { wall, processor: user + system, system, out, complaints };
}

function print(row, count, pairs) {
  const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
  const each = (name, what) => median(pairs.map((pair) => pair[name][what])) / count;
  const ratio = (what, peer = 'bare') => median(pairs.map((pair) => pair.vimi[what] / pair[peer][what])).toFixed(2);
  const ms = (seconds) => `${(1000 * seconds).toFixed(0)} ms`;
  console.log(
    `${row.padEnd(7)} ${count} media, ${pairs.length} rounds: processor ${ms(each('vimi', 'processor'))} against ${ms(each('bare', 'processor'))} each, ratio ${ratio('processor')}; wall ${ms(each('vimi', 'wall'))} against ${ms(each('bare', 'wall'))}, ratio ${ratio('wall')}; vimi keeps ${median(pairs.map(({ vimi }) => vimi.processor / vimi.wall)).toFixed(2)} cores busy, the peer ${median(pairs.map(({ bare }) => bare.processor / bare.wall)).toFixed(2)}`,
  );
  if (pairs[0].script)
    console.log(
      `        script.py: processor ${ms(each('script', 'processor'))} each, ratio ${ratio('processor', 'script')}; wall ${ms(each('script', 'wall'))}, ratio ${ratio('wall', 'script')}; ${pairs[0].script.out.trim()}`,
    );
  console.log(`        ${pairs[0].vimi.out.trim().split('\n').slice(0, 4).join('; ')}`);
}

async function printSteps(project, media, count) {
  const preload = ['--import', join(import.meta.dirname, 'step-times.mjs')];
  const { complaints } = await vimi(project, media, preload);
  const report = JSON.parse(/STEP TIMES (.*)/.exec(complaints)[1]);
  const each = Object.entries(report).map(([step, ms]) => `${step} ${(ms / count).toFixed(1)}`);
  console.log(`        ms a medium, wall: ${each.join(', ')}`);
}

function bareArgs(kind, from, to) {
  return [fileURLToPath(import.meta.url), '--peer', kind === 'images' ? 'images' : 'films', '--from', from, '--to', to];
}

function scriptArgs(from, shard) {
  return [join(import.meta.dirname, 'ingest/script.py'), from, shard, `${side}`];
}

async function each(names, work) {
  const left = [...names].reverse();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let name = left.pop(); name !== undefined; name = left.pop()) await work(name);
    }),
  );
}

function runTool(program, args) {
  return new Promise((/** @type {(none?: undefined) => void} */ resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    child.once('error', reject);
    child.once('close', (code) => (code === 0 ? resolve() : reject(new Error(`${program} ended with ${code}`))));
  });
}

async function films(from, to) {
  await each(
    readdirSync(from).filter((name) => name.endsWith('.mp4')),
    async (name) => {
      const input = join(from, name);
      await runTool(ffprobe.path, ['-v', 'error', '-show_format', '-show_streams', '-print_format', 'json', input]);
      await runTool(ffmpeg.path, [
        ...['-v', 'error', '-nostdin', '-y', '-i', input, '-an', '-vf', `scale='min(${side},iw)':-2:flags=area`],
        ...['-c:v', 'libx264', '-preset', 'medium', '-crf', '16', '-pix_fmt', 'yuv420p', '-threads', '1'],
        ...['-movflags', '+faststart', join(to, name)],
      ]);
    },
  );
}

async function images(from, to) {
  await each(
    readdirSync(from).filter((name) => name.endsWith('.jpg')),
    async (name) => {
      const webp = await sharp(await readFile(join(from, name)))
        .autoOrient()
        .resize(side, side, { fit: 'inside', withoutEnlargement: true })
        .webp({ lossless: true, effort: 4 })
        .toBuffer();
      await writeFile(join(to, name.replace('.jpg', '.webp')), webp);
    },
  );
}
