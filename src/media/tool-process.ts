import { spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { PassThrough, Readable, type Writable } from 'node:stream';
import { VimiError } from '../core/errors.js';

/*
 * One run of ffmpeg or ffprobe: a process with an argument list, never through a shell. How long it may take follows
 * what it does: it is ended when nothing moves for a while, however long it has been at work.
 */

/** Nothing moved for so long: it hangs. */
export const patience = 120_000;
const mostStderr = 64 * 1024;

export interface ToolJob {
  program: string;
  args: string[];
  signal: AbortSignal;
  /** The file that it is about, for errors. */
  where: string;
  /** What it reads from its stdin; nothing when left out. */
  input?: Readable;
  /** What it gets as its stdout, and this process gives away; a pipe when left out. */
  output?: Socket;
  /** Number of a further pipe that it writes to, after stdin, stdout and stderr: 0 or 1. */
  furtherPipes?: 0 | 1;
  /** Milliseconds without a sign of life, by default two minutes. */
  patienceMs?: number;
}

export interface ToolRun {
  /** Empty where `output` was given. */
  stdout: Readable;
  /** File descriptor 3 of the process. */
  further: Readable | undefined;
  /** Resolves with stderr at its end, code 0; rejects with `ToolFailure`, or a VimiError when it was ended or crashed. */
  ended: Promise<string>;
  /** It moved: a byte, a frame. */
  moved(): void;
  /** While true it is this process that works, and the tool waits: that is no hang. */
  waits(isWaiting: boolean): void;
  kill(reason: unknown): void;
}

/** The tool itself says that it failed. */
export class ToolFailure extends Error {
  constructor(
    readonly exitCode: number,
    readonly stderr: string,
  ) {
    super(stderr || `exit code ${exitCode}`);
  }
}

export function startTool(job: ToolJob): ToolRun {
  const { program, args, signal, where, input, output, furtherPipes = 0, patienceMs = patience } = job;
  const child = spawn(program, args, {
    stdio: [input ? 'pipe' : 'ignore', output ?? 'pipe', 'pipe', ...(furtherPipes === 1 ? (['pipe'] as const) : [])],
    // Static builds look for the character sets of the machine's own C library, and die of what they find. We need none.
    env: { ...process.env, GCONV_PATH: '/nonexistent' },
    windowsHide: true,
  });
  output?.destroy();
  const stdout = child.stdout ? kept(child.stdout) : Readable.from([]);
  const further = child.stdio[3] ? kept(child.stdio[3] as Readable) : undefined;
  let stderr = '';
  (child.stderr as Readable).setEncoding('utf8').on('data', (text: string) => {
    if (stderr.length < mostStderr) stderr += text;
  });
  let stopped: { reason: unknown } | undefined;
  let timer: NodeJS.Timeout | undefined;
  let waiting = false;
  const kill = (reason: unknown) => {
    stopped ??= { reason };
    child.kill('SIGKILL');
  };
  const hangs = () =>
    kill(
      new VimiError('TIMED_OUT', `${nameOf(program)} hangs`, {
        expected: 'a sign of progress',
        found: `none for ${patienceMs} ms`,
        where,
      }),
    );
  const moved = () => {
    clearTimeout(timer);
    timer = waiting ? undefined : setTimeout(hangs, patienceMs);
  };
  moved();
  const onAbort = () => kill(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  if (signal.aborted) onAbort();
  if (input) feed(input, child.stdin as Writable, moved);

  const ended = new Promise<string>((resolve, reject) => {
    let failedToStart: Error | undefined;
    child.once('error', (error) => {
      failedToStart = error;
      // Nothing follows where no process was made.
      if (child.pid === undefined) finish(null, null);
    });
    child.once('close', finish);
    function finish(code: number | null, died: NodeJS.Signals | null) {
      clearTimeout(timer);
      timer = undefined;
      waiting = true;
      signal.removeEventListener('abort', onAbort);
      const said = complaint(stderr);
      if (stopped) reject(stopped.reason);
      else if (failedToStart) reject(notStarted(program, failedToStart, where));
      else if (code === 0) resolve(said);
      // A shell around the program reports a signal as 128 and its number.
      // A shell, or the loader of programs: there is nothing that could run.
      else if (code === 126 || code === 127) reject(unusable(program, said || `exit code ${code}`, where));
      else if (died || code === 139) reject(crashed(program, died ?? 'SIGSEGV', said, where));
      else reject(new ToolFailure(code ?? 1, said));
    }
  });
  ended.catch(() => undefined);
  return {
    stdout,
    further,
    ended,
    moved,
    waits(isWaiting) {
      waiting = isWaiting;
      moved();
    },
    kill,
  };
}

/** What nobody reads yet when the process ends, Node throws away. */
function kept(pipe: Readable): PassThrough {
  const stream = new PassThrough({ highWaterMark: 1 << 20 });
  stream.once('close', () => pipe.destroy());
  pipe.once('error', (error) => stream.destroy(error));
  return pipe.pipe(stream);
}

function feed(input: Readable, stdin: Writable, moved: () => void): void {
  // It may close its input before the last byte; its exit says the rest.
  stdin.on('error', () => input.destroy());
  stdin.on('drain', moved);
  input.on('error', () => stdin.destroy());
  input.pipe(stdin);
}

function nameOf(program: string): string {
  return /ffprobe/.test(program.split(/[\\/]/).at(-1) ?? '') ? 'ffprobe' : 'ffmpeg';
}

function crashed(program: string, signal: string, stderr: string, where: string): VimiError {
  return new VimiError('TOOL_CRASHED', `${nameOf(program)} crashed`, {
    expected: `${program} to run to its end`,
    found: `${signal}${stderr && `; ${stderr}`}`,
    where,
  });
}

function notStarted(program: string, cause: NodeJS.ErrnoException, where: string): VimiError {
  const missing = cause.code === 'ENOENT' || cause.code === 'EACCES';
  if (!missing) return unusable(program, cause.message, where, cause);
  return new VimiError('FFMPEG_NOT_FOUND', `${nameOf(program)} cannot be started`, {
    expected: program,
    found: cause.message,
    where,
    cause,
  });
}

/** No file is to blame: the machine has no room for another process, or the program lacks a library. */
function unusable(program: string, found: string, where: string, cause?: Error): VimiError {
  return new VimiError('TOOL_UNUSABLE', `${nameOf(program)} cannot be started`, {
    ...{ expected: program, found, where, cause },
  });
}

/** The lines of stderr without the addresses in them, which differ from run to run. */
export function complaint(stderr: string): string {
  return stderr
    .split('\n')
    .map((line) => line.replace(/ @ (0x)?[0-9a-f]+\]/g, ']').trim())
    .filter((line, n, lines) => line !== '' && line !== lines[n - 1])
    .join('; ');
}
