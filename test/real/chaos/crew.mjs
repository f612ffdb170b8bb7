// @ts-nocheck: a plain script
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const clock = join(import.meta.dirname, 'moving-clock.mjs');

/**
 * The worker processes of a run. Each writes its log to worker-N.log. One that gives up because it found no server when it
 * came is started again, as any supervisor would; one that ends unasked after that is a defect, and remembered. With several
 * versions (`{ name, vimi, topology, run }`, `run`: which pipelines), one worker after the other is of the next.
 */
export class Crew {
  #folder;
  #env;
  #versions;
  #started = 0;
  #dismissed = new Set();
  /** @type {Map<string, import('node:child_process').ChildProcess>} */
  working = new Map();
  startedAgain = 0;
  /** "worker-3 ended with 1: ..." of those that nobody asked to. */
  deserted = [];

  constructor(folder, env, versions) {
    this.#folder = folder;
    this.#env = env;
    this.#versions = versions;
  }

  start(...args) {
    const version = this.#versions[this.#started % this.#versions.length];
    return this.#start(this.#isThere(this.#versions[0]) ? version : this.#versions[0], args);
  }

  /** Of the first version there is always one: it alone runs all pipelines. */
  #isThere({ name }) {
    return [...this.working.keys()].some((one) => one.endsWith(name));
  }

  #start(version, args) {
    const { vimi, topology, run } = version;
    const name = `worker-${++this.#started}${version.name}`;
    const log = openSync(this.#logFile(name), 'w');
    const child = spawn(
      process.execPath,
      [
        vimi,
        '-t',
        topology,
        '--profile',
        'cluster',
        '--log-level',
        'info',
        'run',
        ...(args.includes('--drain') ? [] : run),
        ...args,
      ],
      {
        cwd: this.#folder,
        env: { ...process.env, ...this.#env, WORKER: name, NODE_OPTIONS: `--import ${clock}` },
        stdio: ['ignore', log, log],
      },
    );
    closeSync(log);
    this.working.set(name, child);
    child.once('exit', (code, signal) => {
      this.working.delete(name);
      const said = this.#log(name);
      const hasBegun = said.includes('"Consuming"');
      const asked = this.#dismissed.has(name);
      if (args.includes('--drain') ? code === 0 : asked && (code === 0 || signal === 'SIGKILL' || !hasBegun)) return;
      if (!hasBegun && /^error (TRANSPORT|STORAGE)_UNAVAILABLE/m.test(said)) {
        this.startedAgain++;
        this.#start(version, args);
      } else this.deserted.push(`${name} ended with ${signal ?? code}: ${said.slice(-1500)}`);
    });
    return name;
  }

  /** Those that have partitions, or had some. */
  atWork() {
    return [...this.working.keys()].filter((name) => this.#log(name).includes('"Consuming"'));
  }

  async kill(name) {
    const child = this.working.get(name);
    this.#dismissed.add(name);
    const gone = once(child, 'exit');
    child.kill('SIGKILL');
    await gone;
  }

  /** Runs all pipelines until the topics are empty. */
  async drain(version) {
    await once(this.working.get(this.#start(version, ['--drain'])), 'exit');
  }

  /** SIGTERM: each finishes what it has begun and commits. One that does not end is a defect, and killed. */
  async dismiss(patienceMs, names = [...this.working.keys()]) {
    await Promise.all(
      names.map(async (name) => {
        const child = this.working.get(name);
        this.#dismissed.add(name);
        const gone = once(child, 'exit');
        child.kill('SIGTERM');
        const late = setTimeout(() => {
          this.deserted.push(`${name} did not end in ${patienceMs / 1000} s: ${this.#log(name).slice(-1500)}`);
          child.kill('SIGKILL');
        }, patienceMs);
        await gone;
        clearTimeout(late);
      }),
    );
  }

  /** Ends one in order; one of the other version comes in its place. */
  async roll(name) {
    await this.dismiss(90_000, [name]);
    const [first, other] = this.#versions;
    return this.#start(name.endsWith(other.name) || !this.#isThere(first) ? first : other, []);
  }

  #log(name) {
    return readFileSync(this.#logFile(name), 'utf8');
  }

  #logFile(name) {
    return join(this.#folder, `${name}.log`);
  }

  async destroy() {
    await Promise.all([...this.working.keys()].map((name) => this.kill(name)));
  }
}
