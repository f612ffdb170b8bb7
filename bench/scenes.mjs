// Where scenes are cut, against films whose cuts are known, beside ffmpeg's own `scene` value with a fixed threshold:
//
//   node bench/scenes.mjs [--kinds hard,dark,...] [--threshold 0.1] [--keep]
//
// Each film is composed by ffmpeg, the same one each time. A cut counts as found within one frame of its place. The kinds
// without a cut count what is found wrongly. Of fades and dissolves it is said how many were cut somewhere on the way: no
// frame is the right one there, so they count neither way.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { seeFrames } from '../dist/media/measures/seen-frame.js';
import { probeMedia } from '../dist/media/probe-media.js';
import { readFrames } from '../dist/media/read-frames.js';
import { findScenes } from '../dist/media/scenes.js';
import { mediaTools } from '../dist/media/tools.js';
import { split } from '../dist/operators/media/split.js';

const [width, height, fps] = [320, 180, 25];
const defaults = /** @type {any} */ (split.config.parse({}));
const { values } = parseArgs({
  options: {
    kinds: { type: 'string' },
    threshold: { type: 'string', default: String(defaults.scene_threshold) },
    keep: { type: 'boolean', default: false },
  },
});
const ffmpeg = mediaTools().ffmpeg.path;

/** Large shapes that are others for each n, drifting so many pixels a second. */
const shapes = (n, seconds, { drift = 12, low = 20, high = 235 } = {}) => {
  const [middle, swing] = [(low + high) / 2, (high - low) / 4];
  const wave = (a, b, c) =>
    `${middle}+${swing}*(sin((X+T*${drift / 8})*${(1 + ((n * a) % 7)) / 9}+Y*${(1 + ((n * b) % 5)) / 7}+${n * c})+sin(Y*${(1 + ((n * c) % 6)) / 8}-${n * a}))`;
  return `nullsrc=s=40x24:r=${fps}:d=${seconds},format=gbrp,geq=r='${wave(3, 5, 2)}':g='${wave(5, 2, 3)}':b='${wave(2, 3, 5)}',scale=${width}:${height}:flags=bicubic,format=gbrp`;
};
const lengths = [1.6, 2.2, 1.2, 1.8, 1.4, 2, 1.2, 1.6];

/** Scenes one after the other; the cuts are where they join. */
function joined(scenes, after = 'null') {
  const graph = scenes.map(({ source }, n) => `${source}[s${n}]`).join(';');
  const cuts = [];
  let frames = 0;
  for (const { seconds } of scenes.slice(0, -1)) {
    frames += Math.round(seconds * fps);
    cuts.push(frames);
  }
  return {
    graph: `${graph};${scenes.map((_, n) => `[s${n}]`).join('')}concat=n=${scenes.length},${after}`,
    cuts,
    soft: [],
  };
}

/** Each scene fades or dissolves into the next one over so many frames. */
function softly(kind, over) {
  const scenes = lengths
    .slice(0, 6)
    .map((seconds, n) => ({ seconds: seconds + 1, source: shapes(40 + n, seconds + 1) }));
  const soft = [];
  if (kind === 'fade') {
    const made = scenes.map(({ seconds, source }) => ({
      seconds,
      source: `${source},format=yuv444p,fade=in:0:${over},fade=out:${Math.round(seconds * fps) - over}:${over},format=gbrp`,
    }));
    const film = joined(made);
    for (const cut of film.cuts) soft.push([cut - over, cut + over]);
    return { ...film, cuts: [], soft };
  }
  let graph = scenes.map(({ source }, n) => `${source}[s${n}]`).join(';');
  let at = 0;
  let last = '[s0]';
  for (let n = 1; n < scenes.length; n++) {
    at += Math.round(scenes[n - 1].seconds * fps) - over;
    soft.push([at, at + over]);
    graph += `;[s${n}]format=rgba,fade=in:0:${over}:alpha=1,setpts=PTS+${at}/${fps}/TB[f${n}];${last}[f${n}]overlay=eof_action=pass:format=rgb[o${n}]`;
    last = `[o${n}]`;
  }
  // What lies below ends too soon: its last image stays until the film does.
  return { graph: `${graph};${last}null`, cuts: [], soft };
}

const scenesOf = (from, options) =>
  lengths.map((seconds, n) => ({ seconds, source: shapes(from + n, seconds, options) }));
const flash = (every, frames) =>
  `format=gbrp,drawbox=t=fill:c=white:enable='lt(mod(n,${every}),${frames})*gt(n,${every / 2})'`;
/** A wide still of which a window is shown that moves as `x` says. */
const window = (n, seconds, x) =>
  `${shapes(n, seconds, { drift: 0 })},scale=${4 * width}:${height},noise=alls=40:all_seed=${n},crop=${width}:${height}:x='${x}':y=0`;

const kinds = {
  hard: () => joined(scenesOf(0)),
  similar: () => joined(scenesOf(10, { low: 90, high: 160 })),
  dark: () => joined(scenesOf(20, { low: 4, high: 34 })),
  'fast motion': () => joined(scenesOf(30, { drift: 400 })),
  grain: () => joined(scenesOf(50), 'noise=alls=40:allf=t:all_seed=1'),
  'short scenes': () => joined(Array.from({ length: 16 }, (_, n) => ({ seconds: 0.36, source: shapes(60 + n, 0.36) }))),
  'cut in a pan': () =>
    joined(lengths.map((seconds, n) => ({ seconds, source: window(80 + n, seconds, `min(t*500\\,3*${width})`) }))),
  'flashes (no cut)': () => ({ ...joined([{ seconds: 8, source: shapes(3, 8) }], flash(40, 2)), cuts: [] }),
  'strobe (no cut)': () => ({ ...joined([{ seconds: 6, source: shapes(4, 6) }], flash(4, 2)), cuts: [] }),
  'whip pans (no cut)': () =>
    joined([{ seconds: 8, source: window(5, 8, `${width}*(1.5+1.4*sin(t*1.6)*abs(sin(t*1.6))*abs(sin(t*1.6)))`) }]),
  'shaken (no cut)': () => joined([{ seconds: 8, source: window(6, 8, `${1.5 * width}+60*sin(t*17)+45*sin(t*41)`) }]),
  'jerks of 8 a second (no cut)': () => joined([{ seconds: 8, source: `${window(7, 8, 't*110')},fps=8,fps=${fps}` }]),
  'fades through black': () => softly('fade', 15),
  dissolves: () => softly('dissolve', 20),
};

const wanted = values.kinds?.split(',');
const folder = mkdtempSync(join(tmpdir(), 'vimi-scenes-'));
const sums = { vimi: [0, 0, 0], fixed: [0, 0, 0] };
try {
  console.log(`${''.padEnd(30)}vimi: found of cuts, wrong    ffmpeg scene > 0.3: found of cuts, wrong`);
  for (const [kind, compose] of Object.entries(kinds)) {
    if (wanted && !wanted.some((one) => kind.startsWith(one))) continue;
    const { graph, cuts, soft } = compose();
    const path = join(folder, `${kind.replaceAll(/\W+/g, '-')}.mp4`);
    execFileSync(
      ffmpeg,
      [
        ...['-v', 'error', '-y', '-nostdin', '-filter_complex', `${graph},format=yuv420p[film]`, '-map', '[film]'],
        ...['-c:v', 'libx264', '-preset', 'veryfast', '-crf', '20', '-threads', '1', '-fflags', '+bitexact', path],
      ],
      { stdio: 'inherit' },
    );
    const found = { vimi: await ours(path), fixed: fixed(path) };
    const told = Object.entries(found).map(([side, at]) => {
      const isSoft = (n) => soft.some(([from, to]) => n >= from - 1 && n <= to + 1);
      const hits = cuts.filter((cut) => at.some((n) => Math.abs(n - cut) <= 1)).length;
      const wrong = at.filter((n) => !isSoft(n) && !cuts.some((cut) => Math.abs(n - cut) <= 1)).length;
      sums[side][0] += hits;
      sums[side][1] += cuts.length;
      sums[side][2] += wrong;
      const onTheWay = soft.filter(([from, to]) => at.some((n) => n >= from - 1 && n <= to + 1)).length;
      return `${hits} of ${cuts.length}, ${wrong}${soft.length > 0 ? ` (and ${onTheWay} of ${soft.length} on the way)` : ''}`;
    });
    console.log(`${kind.padEnd(30)}${told[0].padEnd(34)}${told[1]}`);
  }
  for (const [side, [hits, cuts, wrong]] of Object.entries(sums))
    console.log(
      `${side === 'vimi' ? 'vimi' : 'ffmpeg scene > 0.3'}: precision ${(hits / (hits + wrong)).toFixed(3)}, recall ${(hits / cuts).toFixed(3)}`,
    );
} finally {
  if (values.keep) console.log(`kept: ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
}

/** Where vimi begins a scene, the first one aside: numbers of frames. */
async function ours(path) {
  const { signal } = new AbortController();
  const probe = await probeMedia(path, { maxPixels: 1e7, signal });
  const { frames } = await readFrames(path, probe, { width, height, fps, signal });
  const cuts = [];
  let n = 0;
  const scenes = findScenes(seeFrames(frames, { width, height }), {
    threshold: Number(values.threshold),
    flashFrames: Math.round(defaults.min_seconds * fps),
    around: Math.round(0.2 * fps),
  });
  for await (const { isCut } of scenes) {
    if (isCut) cuts.push(n);
    n++;
  }
  return cuts;
}

function fixed(path) {
  const { stderr } = spawnSync(
    ffmpeg,
    ['-hide_banner', '-nostdin', '-i', path, '-vf', "select='gt(scene,0.3)',showinfo", '-f', 'null', '-'],
    { encoding: 'utf8' },
  );
  return [...stderr.matchAll(/pts_time:\s*([\d.]+)/g)].map(([, time]) => Math.round(Number(time) * fps));
}
