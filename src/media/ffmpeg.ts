import { existsSync } from 'node:fs';
import type { Readable } from 'node:stream';
import fluent from 'fluent-ffmpeg';
import { type ErrorCode, VimiError } from '../core/errors.js';
import type { FramePipe } from './frame-pipe.js';
import { complaint, startTool, ToolFailure, type ToolJob, type ToolRun } from './tool-process.js';
import { mediaTools } from './tools.js';

/*
 * How ffmpeg is asked: fluent-ffmpeg composes the argument list, tool-process.ts runs it, since fluent-ffmpeg knows
 * neither further pipes nor crashes, and takes a hang for work. A path is always given as `file:PATH`, so that no name is taken for an option or a protocol; only
 * files and pipes may be opened, and only by demuxers that read no further files (a playlist would read whatever it
 * names).
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
  /** Ended with TIMED_OUT when nothing moves for so long; two minutes by default. */
  patienceMs?: number;
  /** Code of a failure that ffmpeg reports, and the file it is about. */
  failure: { code: ErrorCode; summary: string; where: string };
}

/** Runs ffmpeg into a file. Resolves with what it complained about ('' when nothing). */
export async function ffmpegToFile(job: FfmpegJob, output: string): Promise<string> {
  const run = start(job, ['-progress', 'pipe:1'], [...job.options, fileUrl(output)]);
  let last = '';
  run.stdout.setEncoding('utf8').on('data', (report: string) => {
    // It reports whether anything happened or not.
    const now = report.match(/^(frame|total_size|out_time_\w+)=.*$/gm)?.join() ?? '';
    if (now !== last) run.moved();
    last = now;
  });
  return said(run, job);
}

export interface FfmpegStream {
  /** Pipe 3. */
  further: Readable;
  complaints: Promise<string>;
  run: ToolRun;
}

/** The same for options that name their outputs themselves: `pipe:1`, which is where frames go, and `pipe:3`. */
export function ffmpegToPipes(job: FfmpegJob, frames: FramePipe): FfmpegStream {
  const run = start(job, [], job.options, { output: frames.far, furtherPipes: 1 });
  frames.onClose((isRead) => {
    if (isRead) return;
    run.further!.destroy();
    run.kill(new VimiError('CANCELLED', 'Nobody reads the frames any more'));
  });
  const complaints = said(run, job);
  complaints.catch(() => undefined);
  return { further: run.further!, complaints, run };
}

function start(
  job: FfmpegJob,
  before: string[],
  after: string[],
  pipes: Pick<ToolJob, 'output' | 'furtherPipes'> = {},
): ToolRun {
  const { inputs, signal, patienceMs, failure } = job;
  const sources = inputs.map(({ source }) => source);
  const input = sources.find((source) => typeof source !== 'string') as Readable | undefined;
  const command = fluent();
  const quiet = ['-y', '-hide_banner', '-v', 'error', ...(input ? [] : ['-nostdin']), ...before];
  for (const [n, { source, options }] of inputs.entries()) {
    const given = [...(n === 0 ? quiet : []), ...options];
    command.input(typeof source === 'string' ? source : 'pipe:0');
    if (given.length > 0) command.inputOptions(...given);
  }
  command.output(after.at(-1)!).outputOptions(...after.slice(0, -1));
  return startTool({
    program: mediaTools().ffmpeg.path,
    args: argumentsOf(command),
    signal,
    where: failure.where,
    ...pipes,
    ...(input && { input }),
    ...(patienceMs !== undefined && { patienceMs }),
  });
}

/** fluent-ffmpeg has no public way to compose without running. */
function argumentsOf(command: fluent.FfmpegCommand): string[] {
  return (command as unknown as { _getArguments(): string[] })._getArguments();
}

/** Of a codec that it does not even know ffmpeg says "none". */
function componentNamed(name = 'none'): string {
  return name === 'none' ? 'a decoder of its codec' : name;
}

/** Whether it ran out of space, by a reason at the end of a line; the names of its inputs may say anything. */
function ranOutOfSpace(complaints: string, { inputs }: FfmpegJob): boolean {
  const own = inputs.reduce(
    (text, { source }) => (typeof source === 'string' ? text.replaceAll(complaint(source), '') : text),
    complaints,
  );
  return /: (?:No space left on device|Disk quota exceeded)(?:;|$)/.test(own);
}

async function said(run: ToolRun, job: FfmpegJob): Promise<string> {
  const { code, summary, where } = job.failure;
  try {
    const complaints = await run.ended;
    // An old ffmpeg, such as the bundled one, that cannot write the end of its file ends as if all were well.
    if (ranOutOfSpace(complaints, job)) throw new ToolFailure(0, complaints);
    return complaints;
  } catch (cause) {
    if (!(cause instanceof ToolFailure)) throw cause;
    const found = cause.message;
    if (ranOutOfSpace(found, job))
      throw new VimiError('STORAGE_FULL', 'ffmpeg ran out of disk space', { found, where, cause });
    if (/Cannot allocate memory/.test(found))
      throw new VimiError('TOOL_CRASHED', 'ffmpeg ran out of memory', { found, where, cause });
    const missing =
      /Unknown (?:decoder|encoder) '([^']+)'|No such filter: '([^']+)'|Decoder \(codec (\S+)\) not found|no decoder found for: ([^\s;]+)/.exec(
        found,
      );
    if (missing)
      throw new VimiError('MEDIA_UNSUPPORTED', 'This ffmpeg lacks a component that this file needs', {
        expected: `an ffmpeg with ${componentNamed(missing.slice(1).find(Boolean))}`,
        found: `${mediaTools().ffmpeg.version}, ${mediaTools().ffmpeg.path}`,
        where,
        remedy: 'Put a full build of ffmpeg on PATH, or name it with VIMI_FFMPEG; or convert the file.',
        cause,
      });
    // Whoever empties the work folder, such as what tidies /tmp, says nothing about the medium.
    if (code === 'MEDIA_DAMAGED' && /No such file or directory/.test(found) && !existsSync(where))
      throw new VimiError('FILE_UNUSABLE', 'A file went while ffmpeg worked on it', { found, where, cause });
    throw new VimiError(code, summary, { found, where, cause });
  }
}
