import type { ChildProcess } from 'node:child_process';
import { type Clock, systemClock } from '../../core/clock.js';
import { compiled } from '../../core/compiled.js';
import { VimiError } from '../../core/errors.js';
import type { Device } from '../backends/backend.js';
import type { ServingBackend } from '../backends/names.js';
import { checkInput } from '../check-input.js';
import type { Denoiser, GenerateCalls, Generated, GenerateInput, ModelChoice, ModelDescription } from '../ports.js';
import { AtOnce } from './at-once.js';
import { readBudget, writeBudget } from './budget-file.js';
import { killsForMemory, wasKilledFromOutside } from './death.js';
import type { FromJob, FromProcess, ProcessOptions, ToProcess } from './denoiser-messages.js';
import { createFakeDenoiser } from './fake-denoiser.js';
import type { Budget } from './measure-budget.js';
import { reviveError, startProcess } from './own-process.js';
import { StepWatchdog } from './step-watchdog.js';

/** A process that dies while it measures is asked to measure once more. */
const mostMeasurings = 2;
/**
 * So many deaths of its process by the hand of somebody else are not held against a job. After that they are: what kills may be
 * a guard of the machine's memory, which finds the process each time that the job is drawn.
 */
const mostKills = 3;

/** `warn`: the process died or hung, or has too little memory. */
export type ModelLog = (line: string, level?: 'info' | 'warn') => void;

/** The model `fake` is none at all: for tests of everything around one. */
export interface DenoiserOptions extends ModelChoice {
  /** See names.ts. */
  backend?: ServingBackend;
  /** Threads that the tensorflow and onnx backends may take; all if not given. */
  threads?: number;
  /** The one that tensorflow sees; all if not given. */
  device?: Device;
  log?: ModelLog;
  /** A file that remembers how many at once were found to be worth it; left out: it is measured anew by each. */
  budgets?: string;
  /** Of the watch over its steps. */
  clock?: Clock;
  /** See death.ts. */
  killsForMemory?: () => number | undefined;
}

/**
 * Starts the model process and waits until it is ready; one that dies before is started again, three times in all.
 * MODEL_UNAVAILABLE (it does not come up: too little memory, say), MODEL_UNKNOWN, WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED or
 * BACKEND_UNAVAILABLE if it cannot be.
 *
 * Jobs begin in the order asked, `atOnce` of them at a time. When the process dies, the job it was at fails with MODEL_CRASHED;
 * those behind it wait for the next process, which is started at once. If it was at several, fewer at once are made again: it may have
 * been the memory, or one of them. If somebody killed it, what it was at is made again. A process that makes no step of a job for far longer than usual is killed, which comes to the same. It holds the
 * event loop only while a job is open.
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

function saysOf({ atOnce, gains }: Budget): string {
  const times = gains.map(({ atOnce: n, times }) => `${n} at once are ${times.toFixed(2)} times as fast`);
  return `draws ${atOnce} at once${times.length > 0 ? ` (${times.join(', ')})` : ''}`;
}

function notStarted(found: string, cause?: unknown): VimiError {
  return new VimiError('MODEL_UNAVAILABLE', 'The model process does not start', { found, cause });
}

interface Job extends Pick<GenerateCalls, 'onStep' | 'onPreview' | 'onLast'> {
  number: number;
  /** waiting: here; sent: in the process, behind others; begun; last: it has little left. */
  state: 'waiting' | 'sent' | 'begun' | 'last';
  signal: AbortSignal;
  input: GenerateInput;
  /** How often somebody killed the process while it was at this job. */
  kills: number;
  resolve(generated: Generated): void;
  reject(error: VimiError): void;
}

class ProcessDenoiser implements Denoiser {
  #child: ChildProcess | null = null;
  #ready: Promise<void> | null = null;
  #description: ModelDescription | null = null;
  readonly #waiting: Job[] = [];
  /** Those that the process has, or is to have once it is there, by number. */
  readonly #open = new Map<number, Job>();
  readonly #atOnce = new AtOnce();
  #isMeasuring = false;
  /** How often it was begun. */
  #measurings = 0;
  #jobs = 0;
  #closed = false;
  readonly #log: ModelLog;

  readonly #options: DenoiserOptions;
  readonly #watchdog: StepWatchdog;
  /** What the watchdog found, where it ended the process. */
  #stuck: string | undefined;
  /** What job the memory was too small for; the process is on its way out. */
  #exhausted: VimiError | undefined;
  /** Why the next process leaves onnx out: machine code that does not fit this machine dies without a word. */
  #withoutOnnx: string | undefined;

  constructor(options: DenoiserOptions) {
    this.#options = options;
    this.#log = options.log ?? (() => {});
    this.#watchdog = new StepWatchdog(options.clock ?? systemClock, (seconds) => {
      this.#stuck = `no step for ${Math.round(seconds)} s`;
      this.#log(
        `the model process hangs (${this.#stuck}): it is started again, and what it was at is made again`,
        'warn',
      );
      this.#child?.kill('SIGKILL');
    });
  }

  /** The process id, for those who watch it; null while there is none. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  start(): Promise<void> {
    this.#ready ??= new Promise((resolve, reject) => {
      const { model, upsampler, encoder, backend = 'auto', threads, device } = this.#options;
      const withoutOnnx = this.#withoutOnnx;
      const argument: ProcessOptions = { model, upsampler, encoder, backend, threads, device, withoutOnnx };
      const { child, endOf } = startProcess(compiled(import.meta.url, './denoiser-process.js'), argument);
      this.#child = child;
      const { killsForMemory: count = killsForMemory } = this.#options;
      const forMemory = count();
      let isReady = false;
      /** Why it can never be ready. It is told when the process is gone: whoever hears it may start another. */
      let unfit: VimiError | undefined;
      child.on('message', (message: FromProcess) => {
        if (message.type === 'ready') {
          isReady = true;
          this.#description = message.description;
          this.#log(`model ${message.description.name} on ${message.description.backend}`);
          if (message.note !== undefined) this.#log(message.note);
          this.#remember();
          this.#hold(false);
          this.#tell({ type: 'at-once', atOnce: this.#atOnce.now });
          resolve();
        } else if (message.type === 'unfit') {
          const error = reviveError(message.error);
          unfit = error.code === 'OUT_OF_MEMORY' ? notStarted(error.message, error) : error;
          child.kill('SIGKILL');
        } else if (message.type === 'measured') this.#measured(message.budget);
        else if (message.type === 'fewer') {
          this.#atOnce.shrink(message.atOnce);
          this.#log(`too little memory: from now on ${this.#atOnce.now} at once`, 'warn');
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
        this.#watchdog.endAll();
        this.#isMeasuring = false;
        const found = this.#stuck ?? endOf(code, signal);
        const crashed = new VimiError('MODEL_CRASHED', 'The model process died', { found });
        const isOurs = this.#stuck !== undefined || this.#exhausted !== undefined;
        const wasKilled = !isOurs && wasKilledFromOutside(signal, forMemory, count());
        this.#stuck = undefined;
        if (unfit) reject(unfit);
        else if (!isReady) {
          if (!wasKilled) this.#withoutOnnx = `the model process died with it: ${endOf(code, signal)}`;
          reject(notStarted(endOf(code, signal)));
        }
        if (this.#closed) return;
        // Whoever waits for a start that failed has heard why from the promise, and a start is tried once a job.
        if (!isReady) return;
        this.#log(crashed.message, 'warn');
        this.#lost(this.#exhausted ?? crashed, wasKilled);
        this.#exhausted = undefined;
        this.#next();
      });
    });
    return this.#ready;
  }

  async describe(): Promise<ModelDescription> {
    if (!this.#description) await this.start();
    return this.#description!;
  }

  atOnce(asked?: number): number {
    if (asked !== undefined)
      this.#changed(() => {
        this.#atOnce.asked = asked;
      });
    else if (this.#begun.length > 0) this.measure();
    return this.#atOnce.now;
  }

  measure(): void {
    const { asked, measured } = this.#atOnce;
    if (asked !== undefined || measured !== undefined || this.#isMeasuring || !this.#child) return;
    // It may be what the process dies of.
    if (this.#measurings++ >= mostMeasurings) return;
    this.#isMeasuring = true;
    this.#tell({ type: 'measure' });
  }

  /** What an earlier process found need not be measured. */
  #remember(): void {
    const { budgets } = this.#options;
    const budget = budgets && this.#atOnce.measured === undefined && readBudget(budgets, this.#measuredOn);
    if (!budget) return;
    this.#atOnce.measured = budget.atOnce;
    this.#log(`${saysOf(budget)}, as measured before`);
  }

  /** All that the budget depends on. */
  get #measuredOn(): object {
    const { threads, device } = this.#options;
    const { name, weights, upsampler, backend } = this.#description!;
    return { name, weights, upsampler: upsampler?.weights, backend, threads, device };
  }

  #changed(change: () => void): void {
    const before = this.#atOnce.now;
    change();
    if (this.#atOnce.now !== before) this.#tell({ type: 'at-once', atOnce: this.#atOnce.now });
  }

  async generate(input: GenerateInput, { signal, onStep, onPreview, onLast }: GenerateCalls): Promise<Generated> {
    checkInput(input, await this.describe());
    if (this.#closed) throw new VimiError('CANCELLED', 'The model is closed');
    if (signal.aborted) throw new VimiError('CANCELLED', 'The generation was cancelled before it began');
    return await new Promise<Generated>((resolve, reject) => {
      const number = this.#jobs++;
      const job: Job = {
        number,
        state: 'waiting',
        kills: 0,
        signal,
        input,
        onStep,
        onPreview,
        onLast,
        resolve,
        reject,
      };
      const onAbort = () => {
        const place = this.#waiting.indexOf(job);
        if (place >= 0) {
          this.#waiting.splice(place, 1);
          job.reject(new VimiError('CANCELLED', 'The generation was cancelled before it began'));
        } else if (job.state !== 'waiting') this.#tell({ type: 'cancel', job: number });
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
    this.#watchdog.endAll();
    const error = new VimiError('CANCELLED', 'The model is closed');
    for (const job of [...this.#open.values(), ...this.#waiting.splice(0)]) job.reject(error);
    this.#open.clear();
    const child = this.#child;
    if (!child) return;
    const gone = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.ref();
    child.kill('SIGKILL'); // it keeps nothing that could be lost
    await gone;
    this.#child = null;
  }

  get #begun(): Job[] {
    return [...this.#open.values()].filter(({ state }) => state === 'begun' || state === 'last');
  }

  /** Hands waiting jobs to the process as far as it has room, starting one if need be. One that has little left takes none. */
  #next(): void {
    if (this.#closed) return;
    const isFull = () => [...this.#open.values()].filter(({ state }) => state !== 'last').length >= this.#atOnce.now;
    while (this.#waiting.length > 0 && !isFull()) this.#hand(this.#waiting.shift()!);
    if (this.#open.size === 0) this.#hold(false);
  }

  #hand(job: Job): void {
    this.#open.set(job.number, job);
    this.start().then(
      () => {
        if (this.#open.get(job.number) !== job) return;
        if (job.signal.aborted) {
          this.#end(job);
          job.reject(new VimiError('CANCELLED', 'The generation was cancelled before it began'));
          this.#next();
          return;
        }
        job.state = 'sent';
        this.#hold(true);
        this.#tell({ type: 'generate', job: job.number, input: job.input });
        this.#watchdog.begin(job.number);
      },
      (error: VimiError) => {
        if (this.#open.get(job.number) !== job) return;
        this.#end(job);
        job.reject(error);
        this.#next();
      },
    );
  }

  #end(job: Job): void {
    this.#open.delete(job.number);
    this.#watchdog.end(job.number);
  }

  /**
   * The process is gone: who waited in it waits again. Whatever it was at is made again if somebody killed it; else the one job that it
   * was at fails, and several are tried again with fewer at once.
   */
  #lost(error: VimiError, wasKilled: boolean): void {
    const begun = this.#begun;
    if (wasKilled) for (const job of begun) job.kills++;
    if (wasKilled && begun.every(({ kills }) => kills <= mostKills)) {
      if (begun.length > 0) this.#log('it was killed from outside: what it was at is made again', 'warn');
    } else if (begun.length === 1) {
      this.#end(begun[0]!);
      begun[0]!.reject(error);
    } else if (begun.length > 1) {
      this.#atOnce.shrink(begun.length >> 1);
      this.#log(`it was at ${begun.length} jobs at once: they are made again, ${this.#atOnce.now} at once`, 'warn');
    }
    const back = [...this.#open.values()].filter(({ state }) => state !== 'waiting');
    for (const job of back) {
      job.state = 'waiting';
      this.#end(job);
    }
    this.#waiting.unshift(...back);
  }

  #measured(budget: Budget): void {
    this.#isMeasuring = false;
    this.#changed(() => {
      this.#atOnce.measured = budget.atOnce;
    });
    this.#log(saysOf(budget));
    const { budgets } = this.#options;
    // One that says nothing was not measured to the end.
    if (budgets !== undefined && budget.gains.length > 0)
      try {
        writeBudget(budgets, this.#measuredOn, budget);
      } catch (thrown) {
        this.#log(`what was measured cannot be remembered: ${(thrown as Error).message}`);
      }
    this.#next();
  }

  #hear(message: FromJob): void {
    const job = this.#open.get(message.job);
    if (!job) return;
    // What waits in the process waits for good reasons as long as others get on.
    for (const { number, state } of this.#open.values()) if (state === 'sent') this.#watchdog.begin(number);
    if (message.type === 'done') {
      this.#end(job);
      this.#changed(() => this.#atOnce.done());
      const { video, seconds, readings } = message;
      job.resolve({ video, seconds, ...(readings && { readings }) });
      this.#next();
    } else if (message.type === 'failed') this.#failed(job, reviveError(message.error));
    else if (message.type === 'begun') {
      job.state = 'begun';
      this.#watchdog.begin(job.number);
    } else this.#heard(job, message);
  }

  #failed(job: Job, error: VimiError): void {
    if (error.code === 'OUT_OF_MEMORY') {
      // Nobody knows what a backend is worth after that: a new one makes the next jobs.
      this.#exhausted ??= error;
      this.#child?.kill('SIGKILL');
      return;
    }
    this.#end(job);
    job.reject(error);
    this.#next();
  }

  #heard(job: Job, message: Extract<FromJob, { type: 'step' | 'preview' | 'last' }>): void {
    if (message.type === 'last') job.state = 'last';
    if (message.type === 'step') this.#watchdog.step(job.number);
    try {
      if (message.type === 'step') job.onStep?.(message.done, message.total);
      else if (message.type === 'preview') job.onPreview?.(message.frame);
      else job.onLast?.();
    } catch (thrown) {
      // Who is told of a step cannot stop the model, let alone this process.
      this.#log(`a step could not be reported: ${(thrown as Error).message}`);
    }
    if (message.type === 'last') this.#next();
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
