import { spawn, spawnSync } from 'node:child_process';
import ffmpegInstaller from '@ffmpeg-installer/ffmpeg';

/** The ffmpeg of PATH, or the one that is installed with the project. */
export const ffmpeg = spawnSync('ffmpeg', ['-version']).status === 0 ? 'ffmpeg' : ffmpegInstaller.path;

/**
 * Writes frames as H.264. With one ffmpeg the same frames give the same bytes: one thread, no dates, no encoder notes.
 *
 * @param {string} file
 * @param {Uint8ClampedArray} clip RGB [frames, side, side, 3]
 * @param {{ side: number, fps: number, crf: number }} options
 * @returns {Promise<void>}
 */
export function writeMp4(file, clip, { side, fps, crf }) {
  const raw = ['-f', 'rawvideo', '-pix_fmt', 'rgb24', '-video_size', `${side}x${side}`, '-framerate', `${fps}`];
  const h264 = ['-c:v', 'libx264', '-preset', 'medium', '-crf', `${crf}`, '-pix_fmt', 'yuv420p', '-threads', '1'];
  const exact = ['-fflags', '+bitexact', '-flags:v', '+bitexact', '-map_metadata', '-1'];
  // Type 6 is the encoder's note about itself, 700 bytes of it: half of such a clip.
  const plain = ['-bsf:v', 'filter_units=remove_types=6', '-movflags', '+faststart'];
  const scale = ['-sws_flags', 'area+accurate_rnd+full_chroma_int+full_chroma_inp'];
  const args = ['-nostdin', '-loglevel', 'error', '-y', ...raw, '-i', 'pipe:0', ...scale, ...h264, ...exact, ...plain];
  return new Promise((done, fail) => {
    const child = spawn(ffmpeg, [...args, file], { stdio: ['pipe', 'ignore', 'pipe'] });
    let said = '';
    child.stderr.on('data', (text) => {
      if (said.length < 2000) said += text;
    });
    // A broken pipe is the echo of an exit that 'close' reports with its reason.
    child.stdin.on('error', () => {});
    child.on('error', fail);
    child.on('close', (code) => (code === 0 ? done() : fail(new Error(`ffmpeg ended with ${code}: ${said.trim()}`))));
    child.stdin.end(Buffer.from(clip.buffer, clip.byteOffset, clip.byteLength));
  });
}
