import { type ChildProcess, fork } from 'node:child_process';
import { asVimiError, type ErrorCode, VimiError } from '../../core/errors.js';

/*
 * Both ends of a child process of ours: it is started with one JSON argument, speaks in structured clones over a channel,
 * and ends with the process that started it.
 */

export interface StartedProcess {
  child: ChildProcess;
  /** What it ended of, in words, with the last that it wrote to stderr. */
  endOf(code: number | null, signal: NodeJS.Signals | null): string;
}

/** Starts a compiled file. */
export function startProcess(file: string, argument: unknown): StartedProcess {
  const child = fork(file, [JSON.stringify(argument)], {
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    execArgv: [],
  });
  let lastWords = '';
  child.stderr!.setEncoding('utf8').on('data', (text: string) => {
    lastWords = (lastWords + text).slice(-2000);
  });
  return {
    child,
    endOf: (code, signal) => [signal ?? `exit code ${code}`, lastWords.trim()].filter(Boolean).join(': '),
  };
}

/** The other end: its argument, and how it answers. */
export function insideProcess<Options, Message extends object>(): { options: Options; send(message: Message): void } {
  process.on('disconnect', () => process.exit(0));
  // A terminal's Ctrl-C reaches the whole group; the parent drains first and ends this process itself.
  process.on('SIGINT', () => {});
  return {
    options: JSON.parse(process.argv[2] ?? '{}') as Options,
    send(message) {
      if (process.connected) process.send!(message);
    },
  };
}

/** A VimiError's fields: errors lose their class on the way between processes. */
export interface ErrorFields {
  code: ErrorCode;
  message: string;
  where?: string;
}

export function errorFields(thrown: unknown): ErrorFields {
  const { code, message, where } = asVimiError(thrown);
  return { code, message, where };
}

export function reviveError({ code, message, where }: ErrorFields): VimiError {
  const error = new VimiError(code, message);
  return Object.assign(error, { where });
}
