// Background processes: one pid file and one log each.
import { execFileSync, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { run } from './places.mjs';

const pidFile = (name) => join(run, `${name}.pid`);
export const logFile = (name) => join(run, `${name}.log`);

/** The pid of the running process, or null. A pid that came to be somebody else's does not count. */
export function running(name) {
  if (!existsSync(pidFile(name))) return null;
  const [pid, started] = readFileSync(pidFile(name), 'utf8').trim().split('\n');
  return startOf(Number(pid)) === started ? Number(pid) : null;
}

export function start(name, command, args, { env = process.env, cwd = run } = {}) {
  const log = openSync(logFile(name), 'a');
  const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', log, log] });
  closeSync(log);
  child.on('error', () => {});
  child.unref();
  if (child.pid === undefined) throw new Error(`${command} could not be started`);
  writeFileSync(pidFile(name), `${child.pid}\n${startOf(child.pid)}\n`);
  return child.pid;
}

/** SIGTERM, and SIGKILL when that was not enough. */
export async function stop(name, patienceMs = 20_000) {
  const pid = running(name);
  if (pid !== null) {
    process.kill(pid, 'SIGTERM');
    const until = Date.now() + patienceMs;
    while (running(name) !== null && Date.now() < until) await pause(50);
    if (running(name) !== null) process.kill(pid, 'SIGKILL');
    while (running(name) !== null) await pause(20);
  }
  rmSync(pidFile(name), { force: true });
  return pid !== null;
}

/** Waits until `healthy` is true: minutes, on a machine that others use. Fails with the end of the log when the process ends or the time does. */
export async function untilHealthy(name, healthy, patienceMs = 300_000) {
  const until = Date.now() + patienceMs;
  while (!(await healthy())) {
    if (running(name) === null) throw new Error(`${name} ended while starting\n${endOfLog(name)}`);
    if (Date.now() > until) throw new Error(`${name} was not ready after ${patienceMs / 1000} s\n${endOfLog(name)}`);
    await pause(150);
  }
}

function endOfLog(name) {
  const lines = readFileSync(logFile(name), 'utf8').trimEnd().split('\n');
  return `${lines
    .slice(-15)
    .map((line) => `  ${line}`)
    .join('\n')}\n  (${logFile(name)})`;
}

/** When the process was started, as text that no later process of the same pid shares; null: there is none. */
function startOf(pid) {
  try {
    if (existsSync('/proc/self/stat')) {
      const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
        .replace(/^.*\) /s, '')
        .split(' ');
      // A zombie is gone for us; field 20 after the name is the start time.
      return fields[0] === 'Z' ? null : fields[19];
    }
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { encoding: 'utf8' }).trim() || null;
  } catch {
    return null;
  }
}
