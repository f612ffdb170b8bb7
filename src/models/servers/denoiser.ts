import type { ChildProcess } from 'node:child_process';
import { type Clock, systemClock } from '../../core/clock.js';
import { compiled } from '../../core/compiled.js';
import { VimiError } from '../../core/errors.js';
import type { ServingBackend } from '../backends/names.js';
import { checkInput } from '../check-input.js';
import type { Denoiser, GenerateCalls, Generated, GenerateInput, ModelChoice, ModelDescription } from '../ports.js';
import type { FromProcess, ProcessOptions, ToProcess } from './denoiser-messages.js';
import { createFakeDenoiser } from './fake-denoiser.js';
import { reviveError, startProcess } from './own-process.js';
import { StepWatchdog } from './step-watchdog.js';

/** The model `fake` is none at all: for tests of everything around one. */
export interface DenoiserOptions extends ModelChoice {
  /** See names.ts. */
  backend?: ServingBackend;
  /** Threads that the tensorflow and onnx backends may take; all if not given. */
  threads?: number;
  log?: (line: string) => void;
  /** Of the watch over its steps. */
  clock?: Clock;
}

/**
 * Starts the model process and waits until it is ready; one that dies before is started again, three times in all.
 * MODEL_UNAVAILABLE (it does not come up: too little memory, say), MODEL_UNKNOWN, WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED or
 * BACKEND_UNAVAILABLE if it cannot be.
 *
 * Jobs are made one at a time, in the order asked. When the process dies, the job it was at fails with MODEL_CRASHED;
 * those behind it wait for the next process, which is started at once. A process that makes no step for far longer than usual is
 * killed, which comes to the same. It holds the event loop only while a job is open.
 */
export async function createDenoiser(options: DenoiserOptions): Promise<Denoiser> {
  if (options.model === 'fake') return createFakeDenoiser();
  const denoiser = new ProcessDenoiser(options);
  for (let tries = 1; ; tries++)
    try {
      await denoiser.start();
      return denoiser;
    } catch (thrown) {
      if (!(thrown instanceof VimiError) || thrown.code !== 'MODEL_UNAVAILABLE' || tries === 3) throw thrown;
    }
}

function notStarted(found: string, cause?: unknown): VimiError {
  return new VimiError('MODEL_UNAVAILABLE', 'The model process does not start', { found, cause });
}

interface Job extends Pick<GenerateCalls, 'onStep' | 'onPreview'> {
  number: number;
  input: GenerateInput;
  resolve(generated: Generated): void;
  reject(error: VimiError): void;
}

class ProcessDenoiser implements Denoiser {
  #child: ChildProcess | null = null;
  #ready: Promise<void> | null = null;
  #description: ModelDescription | null = null;
  readonly #waiting: Job[] = [];
  #running: Job | null = null;
  #jobs = 0;
  #closed = false;
  readonly #log: (line: string) => void;

  readonly #options: DenoiserOptions;
  readonly #watchdog: StepWatchdog;
  /** What the watchdog found, where it ended the process. */
  #stuck: string | undefined;
  /** Why the next process leaves onnx out: machine code that does not fit this machine dies without a word. */
  #withoutOnnx: string | undefined;

  constructor(options: DenoiserOptions) {
    this.#options = options;
    this.#log = options.log ?? (() => {});
    this.#watchdog = new StepWatchdog(options.clock ?? systemClock, (seconds) => {
      this.#stuck = `no step for ${Math.round(seconds)} s`;
      this.#log(`the model process hangs (${this.#stuck}): it is started again, and its job is made again`);
      this.#child?.kill('SIGKILL');
    });
  }

  /** The process id, for those who watch it; null while there is none. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  start(): Promise<void> {
    this.#ready ??= new Promise((resolve, reject) => {
      const { model, upsampler, encoder, backend = 'auto', threads } = this.#options;
      const withoutOnnx = this.#withoutOnnx;
      const argument: ProcessOptions = { model, upsampler, encoder, backend, threads, withoutOnnx };
      const { child, endOf } = startProcess(compiled(import.meta.url, './denoiser-process.js'), argument);
      this.#child = child;
      let outcome: 'starting' | 'ready' | 'unfit' = 'starting';
      child.on('message', (message: FromProcess) => {
        if (message.type === 'ready') {
          outcome = 'ready';
          this.#description = message.description;
          this.#log(`model ${message.description.name} on ${message.description.backend}`);
          if (message.note !== undefined) this.#log(message.note);
          this.#hold(false);
          resolve();
        } else if (message.type === 'unfit') {
          outcome = 'unfit';
          const error = reviveError(message.error);
          reject(error.code === 'OUT_OF_MEMORY' ? notStarted(error.message, error) : error);
        } else this.#hear(message);
      });
      child.on('error', (cause) => {
        // One that never ran does not exit.
        if (this.#child === child && child.pid === undefined) {
          this.#child = null;
          this.#ready = null;
        }
        reject(notStarted(cause.message, cause));
      });
      child.on('exit', (code, signal) => {
        if (this.#child !== child) return;
        this.#child = null;
        this.#ready = null;
        this.#watchdog.end();
        const found = this.#stuck ?? endOf(code, signal);
        const crashed = new VimiError('MODEL_CRASHED', 'The model process died', { found });
        this.#stuck = undefined;
        if (outcome === 'starting') {
          this.#withoutOnnx = `the model process died with it: ${endOf(code, signal)}`;
          reject(notStarted(endOf(code, signal)));
        }
        if (this.#closed) return;
        // Whoever waits for a start that failed has heard why from the promise, and a start is tried once a job.
        if (outcome !== 'ready') return;
        this.#log(crashed.message);
        this.#running?.reject(crashed);
        this.#running = null;
        this.#next();
      });
    });
    return this.#ready;
  }

  async describe(): Promise<ModelDescription> {
    if (!this.#description) await this.start();
    return this.#description!;
  }

  async generate(input: GenerateInput, { signal, onStep, onPreview }: GenerateCalls): Promise<Generated> {
    checkInput(input, await this.describe());
    if (this.#closed) throw new VimiError('CANCELLED', 'The model is closed');
    if (signal.aborted) throw new VimiError('CANCELLED', 'The generation was cancelled before it began');
    return await new Promise<Generated>((resolve, reject) => {
      const job: Job = { number: this.#jobs++, input, onStep, onPreview, resolve, reject };
      const onAbort = () => {
        const place = this.#waiting.indexOf(job);
        if (place >= 0) {
          this.#waiting.splice(place, 1);
          job.reject(new VimiError('CANCELLED', 'The generation was cancelled before it began'));
        } else if (this.#running === job) this.#tell({ type: 'cancel', job: job.number });
      };
      signal.addEventListener('abort', onAbort, { once: true });
      const settled = () => signal.removeEventListener('abort', onAbort);
      job.resolve = (generated) => {
        settled();
        resolve(generated);
      };
      job.reject = (error) => {
        settled();
        reject(error);
      };
      this.#waiting.push(job);
      this.#next();
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#watchdog.end();
    const error = new VimiError('CANCELLED', 'The model is closed');
    for (const job of [this.#running, ...this.#waiting.splice(0)]) job?.reject(error);
    this.#running = null;
    const child = this.#child;
    if (!child) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.ref();
    child.kill('SIGKILL'); // it keeps nothing that could be lost
    await gone;
    this.#child = null;
  }

  /** Hands the first waiting job to the process, starting one if need be. */
  #next(): void {
    if (this.#running || this.#closed || this.#waiting.length === 0) {
      if (!this.#running) this.#hold(false);
      return;
    }
    const job = this.#waiting.shift()!;
    this.#running = job;
    this.start().then(
      () => {
        if (this.#running !== job) return;
        this.#hold(true);
        this.#tell({ type: 'generate', job: job.number, input: job.input });
        this.#watchdog.begin();
      },
      (error: VimiError) => {
        if (this.#running !== job) return;
        this.#running = null;
        job.reject(error);
        this.#next();
      },
    );
  }

  #hear(message: Extract<FromProcess, { job: number }>): void {
    const job = this.#running;
    if (!job || job.number !== message.job) return;
    if (message.type === 'step' || message.type === 'preview') {
      if (message.type === 'step') this.#watchdog.step();
      try {
        if (message.type === 'step') job.onStep?.(message.done, message.total);
        else job.onPreview?.(message.frame);
      } catch (thrown) {
        // Who is told of a step cannot stop the model, let alone this process.
        this.#log(`a step could not be reported: ${(thrown as Error).message}`);
      }
      return;
    }
    this.#running = null;
    this.#watchdog.end();
    if (message.type === 'done') job.resolve({ video: message.video, seconds: message.seconds });
    else job.reject(reviveError(message.error));
    this.#next();
  }

  #tell(message: ToProcess): void {
    // A dead process is noticed by its exit; the error of writing to it says nothing new.
    this.#child?.send(message, () => {});
  }

  /** Whether the process keeps this one alive. */
  #hold(on: boolean): void {
    const child = this.#child;
    if (!child) return;
    const handles = [child, child.channel, child.stderr as unknown as { ref(): void; unref(): void } | null];
    for (const handle of handles) on ? handle?.ref() : handle?.unref();
  }
}
