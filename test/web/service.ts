import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { testFolder } from '../media/make-media.js';

const root = join(import.meta.dirname, '../..');
const main = join(root, 'dist/cli/main.js');

/** An image of the examples. */
export function imageFile(name: string): string {
  return join(root, `examples/media/images/${name}.png`);
}

/** Images of the corpus that the prompts of the tests find. */
const images = ['anchor', 'balloon', 'bicycle', 'fox', 'sailboat'];

/**
 * `vimi run` as a user has it, in a folder of its own, with a model that paints at once. The process that serves HTTP leaves
 * requests alone, so they wait until a test starts the one that draws. A video of a statue is held until it is let go.
 */
export class Service {
  readonly #folder: string;
  readonly #children = new Set<ChildProcess>();
  url = '';

  private constructor(folder: string) {
    this.#folder = folder;
  }

  static async start(): Promise<Service> {
    const folder = await testFolder();
    const shipped = readFileSync(join(root, 'topology.yaml'), 'utf8');
    const topology = shipped
      .replace(/model: nano, upsampler: [\w-]+/, 'model: fake')
      .replace(/ {6}- denoise: .*\n/, '$&      - use: ./hold.mjs\n');
    writeFileSync(join(folder, 'topology.yaml'), topology);
    writeFileSync(
      join(folder, 'hold.mjs'),
      `import { existsSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { defineOperator, z } from '${pathToFileURL(join(root, 'dist/index.js')).href}';
export default defineOperator(
  { name: 'hold', summary: 'Holds statues.', config: z.strictObject({}), needs: ['query'], adds: [] },
  {
    concurrency: 16,
    async process({ query }, { signal }) {
      while (query.text.includes('statue') && !existsSync('let-go') && !signal.aborted) await setTimeout(20);
      return {};
    },
  },
);
`,
    );
    mkdirSync(join(folder, 'images'));
    for (const name of images)
      for (const kind of ['png', 'txt'])
        cpSync(join(root, `examples/media/images/${name}.${kind}`), join(folder, `images/${name}.${kind}`));
    const service = new Service(folder);
    await service.#done(['ingest', 'images']);
    // Nobody has offered it yet.
    cpSync(imageFile('rocket'), join(folder, 'images/rocket.png'));
    return service;
  }

  /** Serves HTTP; at the same address again, if it did before. */
  async serve(): Promise<() => Promise<void>> {
    const address = this.url ? new URL(this.url).host : '127.0.0.1:0';
    const child = this.#spawn(['run', '--pipeline', 'corpus', '--http', address]);
    const [, url] = await this.#says(child, /HTTP at (\S+)/);
    this.url = url!;
    return () => this.#stop(child);
  }

  /** Starts the process that draws. */
  async draw(): Promise<() => Promise<void>> {
    const child = this.#spawn(['run', '--pipeline', 'generate', '--no-http']);
    await this.#says(child, /running generate/);
    return () => this.#stop(child);
  }

  /** A key, which the next process that serves HTTP will ask for. */
  async addKey(): Promise<string> {
    return (await this.#done(['keys', 'add', 'page'])).trim();
  }

  /** Puts lines on the topic of requests, as they are. */
  async publish(...lines: string[]): Promise<void> {
    await this.#done(['publish', 'requests', '--raw'], lines.map((line) => `${line}\n`).join(''));
  }

  letStatuesGo(): void {
    writeFileSync(join(this.#folder, 'let-go'), '');
  }

  holdStatues(): void {
    rmSync(join(this.#folder, 'let-go'), { force: true });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#children].map((child) => this.#stop(child)));
  }

  #spawn(args: string[]): ChildProcess {
    const child = spawn(process.execPath, [main, ...args], { cwd: this.#folder, stdio: ['ignore', 'ignore', 'pipe'] });
    this.#children.add(child);
    return child;
  }

  #says(child: ChildProcess, words: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      let text = '';
      child.stderr?.on('data', (chunk) => {
        text += chunk;
        const found = words.exec(text);
        if (found) resolve(found);
      });
      child.once('exit', () => reject(new Error(`it ended before it said ${words}: ${text}`)));
    });
  }

  /** Runs a command; gives what it prints. */
  async #done(args: string[], input = ''): Promise<string> {
    const running = promisify(execFile)(process.execPath, [main, ...args], { cwd: this.#folder });
    running.child.stdin?.end(input);
    return (await running).stdout;
  }

  async #stop(child: ChildProcess): Promise<void> {
    if (!this.#children.delete(child)) return;
    const ended = once(child, 'exit');
    child.kill('SIGTERM');
    await ended;
  }
}
