import { spawn } from 'node:child_process';
import { join } from 'node:path';

const main = join(import.meta.dirname, '../../dist/cli/main.js');

export interface Ended {
  code: number | null;
  out: string;
  err: string;
}

export interface RunOptions {
  cwd: string;
  /** All of it. */
  env: NodeJS.ProcessEnv;
  input?: string;
  /** For Node. */
  node?: string[];
}

/** Runs a command as people do, and gives all that it said. */
export function runVimi(args: string[], { cwd, env, input = '', node = [] }: RunOptions): Promise<Ended> {
  const child = spawn(process.execPath, [...node, main, ...args], { cwd, env });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk) => {
    err += chunk;
  });
  child.stdin.end(input);
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (code) => done({ code, out, err }));
  });
}
