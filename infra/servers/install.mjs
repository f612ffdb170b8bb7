// Programs are installed once, each into a folder named for its version.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { programs } from './places.mjs';

/** The folder of a program. `install` fills it; it comes to its place only when that succeeded. */
export function installed(name, install) {
  const folder = join(programs, name);
  if (existsSync(folder)) return folder;
  const unfinished = `${folder}.${process.pid}.unfinished`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { recursive: true });
  console.log(`installing ${name}`);
  try {
    install(unfinished);
    if (!existsSync(folder)) renameSync(unfinished, folder);
  } finally {
    rmSync(unfinished, { recursive: true, force: true });
  }
  return folder;
}

/** Fails, with what to do, when a program that the servers need is not there. */
export function need(command, versionArgument, what) {
  try {
    execFileSync(command, [versionArgument], { stdio: 'ignore' });
  } catch {
    throw new Error(`${command} was not found: ${what}`);
  }
}

export function execute(command, args, options = {}) {
  execFileSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'], ...options });
}
