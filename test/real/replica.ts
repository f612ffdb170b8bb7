import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

const main = join(import.meta.dirname, '../../dist/cli/main.js');

/** A process that serves the pipeline of requests, and HTTP. */
export interface Replica {
  process: ChildProcess;
  url: string;
}

/** Resolves once it says where it serves. */
export async function startReplica(topology: string): Promise<Replica> {
  const args = ['-t', topology, '-p', 'cluster', 'run', '--pipeline', 'generate', '--http', '127.0.0.1:0'];
  const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  for await (const chunk of child.stderr!) {
    said += chunk;
    const url = /HTTP at (\S+)/.exec(said)?.[1];
    if (url) {
      child.stderr!.resume();
      return { process: child, url };
    }
  }
  throw new Error(said);
}

export async function killReplica({ process: child }: Replica, signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  await gone;
}
