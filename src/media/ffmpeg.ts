import { PassThrough, type Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import fluent from 'fluent-ffmpeg';
import { type ErrorCode, VimiError } from '../errors.js';
import { mediaTools } from './tools.js';

/*
 * The one place that runs ffmpeg. fluent-ffmpeg starts it as a process with an argument list, never through a shell.
 * A path is always given as `file:PATH`, so that no name is taken for an option or a protocol; only files and pipes may
 * be opened, and only by demuxers that read no further files (a playlist would read whatever it names).
 */

const demuxers = [
  ...[
    'mov',
    'mp4',
    'matroska',
    'webm',
    'avi',
    'mpeg',
    'mpegts',
    'mpegvideo',
    'flv',
    'ogg',
    'asf',
    'gif',
    'apng',
    'm4v',
  ],
  ...['h264', 'hevc', 'av1', 'obu', 'ivf', 'mxf', 'nut', 'dv', 'yuv4mpegpipe', 'rm', 'wtv', 'swf', 'vob', 'bmp_pipe'],
  ...['mp3', 'wav', 'flac', 'aac', 'aiff', 'w64', 'ac3', 'amr', 'caf'],
];

/** Options before an input file that a stranger made; they hold for ffmpeg and ffprobe alike. */
export const strangersFile = ['-protocol_whitelist', 'file,pipe', '-format_whitelist', demuxers.join(',')];

export function fileUrl(path: string): string {
  return `file:${path}`;
}

export interface FfmpegJob {
  /** In order; the first may be a stream, which goes to stdin. */
  inputs: { source: string | Readable; options: string[] }[];
  /** Options of the output. */
  options: string[];
  signal: AbortSignal;
  /** Ended with TIMED_OUT when it takes longer. */
  timeoutMs: number;
  /** Code of a failure that ffmpeg reports, and the file it is about. */
  failure: { code: ErrorCode; summary: string; where: string };
}

/** Runs ffmpeg into a file. Resolves with what it complained about ('' when nothing). */
export function ffmpegToFile(job: FfmpegJob, output: string): Promise<string> {
  return start(job, fileUrl(output)).ended;
}

/** Runs ffmpeg into its stdout. `complaints` resolves, or rejects, at its end; leaving the stream early kills it. */
export function ffmpegToStream(job: FfmpegJob): { stream: Readable; complaints: Promise<string> } {
  const stream = new PassThrough({ highWaterMark: 1 << 20 });
  // Before fluent-ffmpeg listens, which would report a reader that left as a failure of ffmpeg.
  let kill = () => {};
  stream.once('error', () => kill());
  stream.once('close', () => kill());
  const started = start(job, stream);
  kill = started.kill;
  const { ended } = started;
  ended.then(
    () => stream.end(),
    (error) => stream.destroy(error),
  );
  return { stream, complaints: ended };
}

function start(job: FfmpegJob, output: string | PassThrough): { ended: Promise<string>; kill(): void } {
  const { inputs, options, signal, timeoutMs, failure } = job;
  let stopped: unknown;
  let running = false;
  const command = fluent({ stdoutLines: 40 }).setFfmpegPath(mediaTools().ffmpeg.path);
  const quiet = ['-y', '-hide_banner', '-v', 'error', ...(typeof inputs[0]?.source === 'string' ? ['-nostdin'] : [])];
  for (const [n, input] of inputs.entries()) {
    const given = [...(n === 0 ? quiet : []), ...input.options];
    command.input(input.source);
    if (given.length > 0) command.inputOptions(...given);
  }
  // More than one argument: a single one would be split at its space.
  command.outputOptions(...(options as [string, string]));
  if (typeof output === 'string') command.output(output);
  else command.output(output, { end: false });

  const kill = (reason: unknown) => {
    stopped ??= reason;
    if (running) command.kill('SIGKILL');
  };
  const ended = new Promise<string>((resolve, reject) => {
    const onAbort = () => kill(signal.reason);
    signal.addEventListener('abort', onAbort, { once: true });
    if (signal.aborted) onAbort();
    const timer = setTimeout(
      () =>
        kill(
          new VimiError('TIMED_OUT', 'ffmpeg took too long', {
            expected: `at most ${timeoutMs} ms`,
            where: failure.where,
          }),
        ),
      timeoutMs,
    );
    const settle = () => {
      running = false;
      clearTimeout(timer);
      signal.removeEventListener('abort', onAbort);
    };
    let drained: Promise<void> = Promise.resolve();
    command.once('start', () => {
      running = true;
      const { stdout } = (command as unknown as { ffmpegProc: { stdout: Readable } }).ffmpegProc;
      // fluent-ffmpeg reports the end at the process's exit, when the pipe may still hold bytes.
      if (typeof output !== 'string') drained = finished(stdout, { cleanup: true }).catch(() => undefined);
      if (stopped) command.kill('SIGKILL');
    });
    command.once('end', (_stdout: unknown, stderr: string | null) => {
      settle();
      drained.then(() => resolve(complaint(stderr)), reject);
    });
    command.once('error', (error: Error, _stdout: unknown, stderr: string | null) => {
      settle();
      reject(stopped ?? whyItFailed(error, complaint(stderr ?? null), failure));
    });
    command.run();
  });
  ended.catch(() => undefined);
  return { ended, kill: () => kill(new VimiError('CANCELLED', 'Nobody reads the frames any more')) };
}

function whyItFailed(error: Error, stderr: string, { code, summary, where }: FfmpegJob['failure']): VimiError {
  const found = stderr || error.message;
  if (/No space left on device|Disk quota exceeded/.test(found))
    return new VimiError('STORAGE_FULL', 'ffmpeg found no space', { found, where, cause: error });
  if (/killed with signal|spawn|Cannot find ffmpeg/.test(error.message))
    return new VimiError('ENCODER_FAILED', 'ffmpeg did not run to its end', {
      found: `${error.message}; ${stderr}`,
      where,
      cause: error,
    });
  return new VimiError(code, summary, { found, where, cause: error });
}

/** The lines of ffmpeg's stderr without the addresses in them, which differ from run to run. */
function complaint(stderr: string | null): string {
  return (stderr ?? '')
    .split('\n')
    .map((line) => line.replace(/ @ (0x)?[0-9a-f]+\]/g, ']').trim())
    .filter((line, n, lines) => line !== '' && line !== lines[n - 1])
    .join('; ');
}
