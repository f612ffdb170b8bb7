/** The thread of thread-watch.ts. */
import { writeSync } from 'node:fs';
import { type Debugger, type InspectorNotification, Session } from 'node:inspector';
import { fileURLToPath } from 'node:url';
import { workerData } from 'node:worker_threads';
import type { ThreadWatchData } from './thread-watch.js';

const { beats, steps, beatMs } = workerData as ThreadWatchData;
/** Longer than work that is merely slow; sooner than a probe has the process ended. */
const missedBeats = 10;
/** As pino writes them. */
const [warning, error] = [40, 50];
const maybeBreakpoint =
  'The thread does not come back. It may be stopped at a breakpoint: the inspector of this process is open (--inspect), so vimi does not look where the thread is';

let last = Atomics.load(beats, 0);
/** Own looks since the last beat. Not a time: a machine that slept, or a process that was stopped, has missed none. */
let missed = 0;

setInterval(() => {
  const now = Atomics.load(beats, 0);
  if (now === last) {
    if (++missed === missedBeats) {
      if (Atomics.load(beats, 1)) say(warning, { seconds: seconds() }, maybeBreakpoint);
      else askWhere();
    }
    return;
  }
  if (missed >= missedBeats) say(warning, { seconds: seconds() }, 'The thread is free again, and the process goes on');
  last = now;
  missed = 0;
}, beatMs);

/** Holds the thread for the moment in which it says where it is. */
function askWhere(): void {
  const files = new Map<string, string>();
  const session = new Session();
  session.connectToMainThread();
  session.on('Debugger.scriptParsed', ({ params }: InspectorNotification<Debugger.ScriptParsedEventDataType>) => {
    const { scriptId, url } = params;
    if (url) files.set(scriptId, url.startsWith('file:') ? fileURLToPath(url) : url);
  });
  session.on('Debugger.paused', ({ params }: InspectorNotification<Debugger.PausedEventDataType>) => {
    session.post('Debugger.resume', () => session.disconnect());
    tell(
      params.callFrames.flatMap(({ functionName, location }) => {
        const file = files.get(location.scriptId);
        return file ? [{ file, line: location.lineNumber + 1, function: functionName }] : [];
      }),
    );
  });
  session.post('Debugger.enable', () => session.post('Debugger.pause'));
}

/**
 * `frames`: the innermost first. Only a step of somebody else's is an error: vimi's own work, such as a slow start on a busy machine,
 * comes to its end.
 */
function tell(frames: { file: string; line: number; function: string }[]): void {
  const at = frames.find(({ file }) => !file.startsWith('node:')) ?? frames[0];
  const called = steps.filter(({ module }) => frames.some(({ file }) => file === module));
  const either = (names: string[]) => [...new Set(names)].join(' or ') || undefined;
  say(
    called.length > 0 ? error : warning,
    {
      pipeline: either(called.map(({ pipeline }) => pipeline)),
      step: either(called.map(({ step }) => step)),
      where: at && `${at.file}:${at.line}`,
      function: at?.function || undefined,
      seconds: seconds(),
    },
    called.length > 0
      ? 'The thread does not come back from here; everything else of this process waits for it'
      : 'The thread is busy outside the custom operators, or the machine is; everything else of this process waits for it',
  );
}

function seconds(): number {
  return Math.round((missed * beatMs) / 1_000);
}

function say(level: number, fields: object, msg: string): void {
  try {
    writeSync(2, `${JSON.stringify({ level, time: Date.now(), ...fields, msg })}\n`);
  } catch {
    // Whoever read the log is gone.
  }
}
