// @ts-nocheck: a plain script, run against what is built
/** Processes of a load: `vimi run` in a folder of its own, which can be killed and started again at the same address. */
import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../../', import.meta.url));

export async function freePort() {
  const socket = createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => socket.once('listening', resolve));
  const { port } = socket.address();
  await new Promise((resolve) => socket.close(resolve));
  return port;
}

/** `vimi run` of the pipeline of requests. `name`: as the report calls it. */
export class Service {
  constructor({ name, folder, port, profile }) {
    Object.assign(this, { name, folder, port, profile, url: `http://127.0.0.1:${port}`, words: '' });
  }

  async start() {
    const profile = this.profile ? ['--profile', this.profile] : [];
    const args = [...profile, 'run', '--pipeline', 'generate', '--http', `127.0.0.1:${this.port}`];
    this.child = spawn(process.execPath, [join(root, 'dist/cli/main.js'), ...args, '--log-level', 'info'], {
      cwd: this.folder,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    this.gone = new Promise((resolve) => this.child.once('exit', resolve));
    this.child.stderr.setEncoding('utf8').on('data', (text) => {
      this.words = (this.words + text).slice(-20_000);
    });
    // What it takes to start is no part of the load.
    for (;;) {
      if (this.child.exitCode !== null)
        throw new Error(`${this.name} ended with ${this.child.exitCode}: ${this.words}`);
      // Killed while it started: whoever killed it starts it again.
      if (this.child.signalCode !== null) return;
      const answer = await fetch(`${this.url}/ready`).catch(() => undefined);
      await answer?.arrayBuffer();
      if (answer?.ok) return;
      await sleep(100);
    }
  }

  /** Events that it has brought to an end since it was started; endless when it is not there. */
  async outcomes() {
    const sum = await this.#sums();
    return sum ? sum('vimi_events_total') : Number.POSITIVE_INFINITY;
  }

  /** Requests that it has not read yet, or that are not yet at the step that draws them; endless when it is not there. */
  async onTheirWay() {
    const sum = await this.#sums();
    if (!sum) return Number.POSITIVE_INFINITY;
    const there = sum('vimi_awaiting_commit') + sum('vimi_step_in_flight', /step="(denoise|encode)"/);
    return sum('vimi_waiting_events') - there;
  }

  /** The sum over the series of a metric; undefined when it is not there. */
  async #sums() {
    const answer = await fetch(`${this.url}/metrics`).catch(() => undefined);
    const lines = (await answer?.text().catch(() => undefined))?.split('\n');
    return (
      lines &&
      ((metric, labels = /^/) =>
        lines
          .filter((line) => line.startsWith(`${metric}{`) && labels.test(line))
          .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' '))), 0))
    );
  }

  /** The processes of Node that it started: those of its model. */
  modelProcesses() {
    return childrenOf(this.child.pid).filter(({ command }) => command.includes('denoiser-process'));
  }

  async kill() {
    this.child.kill('SIGKILL');
    await this.gone;
  }

  async stop() {
    this.child.kill('SIGINT');
    if (!(await Promise.race([this.gone.then(() => true), sleep(30_000, false)]))) this.child.kill('SIGKILL');
    await this.gone;
  }
}

function childrenOf(pid) {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        const parent = /^\S+ \(.*\) \S (\d+)/s.exec(readFileSync(`/proc/${name}/stat`, 'utf8'))?.[1];
        if (Number(parent) !== pid) return [];
        return [{ pid: Number(name), command: readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ') }];
      } catch {
        // It ended meanwhile.
        return [];
      }
    });
}
