// Writes two shards of clips into FOLDER and prints their paths: media go through the corpus pipeline that ships. No clip of
// the first has a context, and all measures are whole numbers; in the second every clip has one, with a motion example, and
// 29.97 frames a second.
// For infra/check-webdataset.sh.
//   node infra/write-sample-shard.mjs FOLDER
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { mediaTools } from '../dist/media/tools.js';

const root = resolve(import.meta.dirname, '..');
const folder = resolve(process.argv[2]);
mkdirSync(folder, { recursive: true });
const topology = readFileSync(join(root, 'topology.yaml'), 'utf8')
  .replace('{ schema: media.added, partitions: 12 }', '{ schema: media.added, partitions: 1 }')
  // The test cards look alike, and some hardly move.
  .replace('- filter\n', '- filter: { min_motion: 0 }\n')
  .replace('- deduplicate\n', '- deduplicate: { perceptual_bits: -1 }\n')
  .replace('- index\n', '- index: { clips: true }\n')
  .replace('mode: hybrid, k: 3 }', 'mode: hybrid, k: 3, motions: 1, near_duplicate_likeness: 1 }');
writeFileSync(join(folder, 'topology.yaml'), topology);

const vimi = (...args) =>
  execFileSync(process.execPath, [join(root, 'dist/cli/main.js'), ...args], {
    ...{ cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] },
  });

/** More than a reader looks at before it decides on types. */
const each = 6;
function takeClips(name, rate) {
  mkdirSync(join(folder, name));
  for (let n = 0; n < each; n++) {
    const path = join(folder, name, `${n}.mp4`);
    // From another second each, so that no two are the same.
    const frames = `testsrc2=size=64x48:rate=${rate}:duration=${n + 2},trim=start=${n + 1},setpts=PTS-STARTPTS`;
    execFileSync(mediaTools().ffmpeg.path, ['-v', 'error', '-f', 'lavfi', '-i', frames, '-pix_fmt', 'yuv420p', path]);
    writeFileSync(path.replace('.mp4', '.txt'), `the test card of a fox, ${name} ${n}: "é 狐狸 🦊"`);
  }
  // Of one source, so that none finds another of them.
  vimi('ingest', name, '--source', name);
}

takeClips('whole', '25');
mkdirSync(join(folder, 'images'));
for (const file of ['fox.png', 'fox.txt'])
  copyFileSync(join(root, 'examples/media/images', file), join(folder, 'images', file));
vimi('ingest', 'images');
takeClips('odd', '30000/1001');

const sealed = vimi('read', 'samples', '--json').trim().split('\n');
for (const line of sealed) console.log(join(folder, '.vimi/objects', JSON.parse(line).data.object.key));
