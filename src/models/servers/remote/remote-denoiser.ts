import { createHash, randomUUID } from 'node:crypto';
import { type Clock, systemClock } from '../../../core/clock.js';
import { either } from '../../../core/either.js';
import { asVimiError, VimiError } from '../../../core/errors.js';
import { checkInput } from '../../check-input.js';
import type { Denoiser, GenerateCalls, Generated, GenerateInput, ModelDescription, RgbImage } from '../../ports.js';
import { ServerBusy } from './answers.js';
import type { Dialect, ServerJob, Written } from './dialect.js';
import { serverPrompt } from './prompt-words.js';

/*
 * A model server behind the port of the own models. A video is asked for once, and followed by its id:
 *
 *   it cannot be reached, or has no room     MODEL_SERVER_UNAVAILABLE, MODEL_SERVER_BUSY: the pipeline pauses. The next try
 *                                            goes on with the job that was accepted before, if there is one
 *   it knows that job no more (a restart)    a job that only waited there is asked for anew, and no try is spent. Of one that was
 *                                            drawn: MODEL_SERVER_FAILED, a try is spent, and the next one asks anew. So a
 *                                            request that kills its server does not do so for ever
 *   the job failed                           MODEL_SERVER_REFUSED, or MODEL_SERVER_FAILED where the server says that
 *                                            another try may succeed
 *
 * Time in the server's queue is nobody's fault and has no limit; a job that runs has `runSeconds`.
 */

export interface RemoteOptions {
  dialect: Dialect;
  /** As messages name the server. */
  where: string;
  /** Of one job, from its first step on. */
  runSeconds: number;
  clock?: Clock;
}

interface Accepted {
  id: string;
  /** Requests that follow it, or are about to: whoever gives up ends it only where it is the last. */
  asking: number;
  /** When it was first seen to run, in whichever try; undefined: it has not. */
  started?: number;
  /** It is ended where nobody asks for it any more. */
  watched: boolean;
  /** When the server was lost, another job was drawn there, or had its turn before. */
  wasBehind?: boolean;
}

/** A job that is being asked for. */
interface Submission {
  asking: number;
  accepted?: Promise<Accepted>;
}

type Asking = GenerateCalls;
type Made = Pick<Generated, 'video' | 'seconds'>;

/**
 * A server that is lost while nothing is known to be drawn there may have died of the job whose turn it was, sooner than anybody saw
 * it begin. So many such losses are not held against that job.
 */
const mostLosses = 3;
/** Between two looks at a job: longer from one to the next. Milliseconds. */
const lookMs = { first: 100, last: 1000, growth: 1.5 };
/** The server is asked what it has at most so often. Milliseconds. */
const describedMs = 1000;
/** A preview that takes longer is left out. Milliseconds. */
const previewMs = 5000;
/** Whoever gave up waits so long for the server to hear of it. Milliseconds. */
const cancelMs = 5000;

export function createRemoteDenoiser(options: RemoteOptions): Denoiser {
  return new RemoteDenoiser(options);
}

class RemoteDenoiser implements Denoiser {
  readonly #options: RemoteOptions;
  readonly #clock: Clock;
  readonly #closed = new AbortController();
  /** Jobs that the server accepted, by what was asked; of those that are asked for now, how many ask. */
  readonly #jobs = new Map<string, Accepted>();
  /** Under way, by what is asked: equal requests that come at once share one, whether the server knows keys or not. */
  readonly #submissions = new Map<string, Submission>();
  /** Of jobs whose last request was cancelled: until the server has heard of it. */
  readonly #endings = new Map<string, Promise<void>>();
  /** How often the server was lost when it was the turn of a job, by what was asked. */
  readonly #losses = new Map<string, number>();
  #described: { at: number; description: Promise<ModelDescription> } | undefined;
  /** It asked to be left alone until then. */
  #busyUntil = 0;

  constructor(options: RemoteOptions) {
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
  }

  describe(): Promise<ModelDescription> {
    const now = this.#clock.elapsed();
    if (this.#described && now - this.#described.at < describedMs) return this.#described.description;
    const described = { at: now, description: this.#options.dialect.describe(this.#closed.signal) };
    this.#described = described;
    // What failed is asked again at once.
    described.description.catch(() => {
      if (this.#described === described) this.#described = undefined;
    });
    return described.description;
  }

  async generate(input: GenerateInput, asking: Asking): Promise<Generated> {
    const { signal, letGo } = either(asking.signal, this.#closed.signal);
    try {
      return await this.#generate(input, asking, signal);
    } finally {
      letGo();
    }
  }

  /** `signal`: of whoever asks, and ours. */
  async #generate(input: GenerateInput, asking: Asking, signal: AbortSignal): Promise<Generated> {
    const description = await orAborted(this.describe(), signal, this.#options.where);
    checkInput(input, description);
    for (const found of ['oscillation', 'guided', 'reuse'] as const)
      if (input[found] !== undefined)
        throw new VimiError('REQUEST_UNSUPPORTED', `The model ${description.name} cannot take this`, {
          ...{ expected: 'one guidance for all steps, and all of them made', found, where: this.#options.where },
          remedy: `Remove ${found} from the step denoise: model servers have no word for it.`,
        });
    const { prompt, ...settings } = input;
    const written = await this.#options.dialect.write({ prompt: serverPrompt(prompt), ...settings });
    const key = createHash('sha256').update(written.body.type).update(written.body.bytes).digest('hex');
    const asked = { key, input: { ...input, weights: description.weights }, asking, signal };
    try {
      let made: Made | undefined;
      while (!made) made = await this.#made(await this.#accepted(key, written, signal), asked);
      this.#losses.delete(key);
      return { ...made, asked: written.asked };
    } catch (thrown) {
      if (signal.aborted || asVimiError(thrown).fault !== 'surroundings') this.#losses.delete(key);
      throw thrown;
    }
  }

  /** undefined: the server lost the job, and not because of it. */
  async #made(job: Accepted, { key, input, asking, signal }: Asked): Promise<Made | undefined> {
    let isKept = false;
    let isRead = false;
    try {
      const seconds = await this.#follow(job, input, { ...asking, signal });
      if (seconds === undefined) {
        const isHeldAgainst = this.#isHeldAgainst(key, job, asking.signal);
        if (this.#jobs.get(key) === job) this.#jobs.delete(key);
        if (isHeldAgainst) throw endOf(undefined, this.#options.where);
        return undefined;
      }
      const video = await this.#options.dialect.frames(job.id, input, signal);
      if (!video) throw endOf(undefined, this.#options.where);
      isRead = true;
      return { video, seconds };
    } catch (thrown) {
      if (!signal.aborted) {
        isKept = asVimiError(thrown).fault === 'surroundings';
        if (isKept) this.#watch(key, job, asking.signal);
        throw thrown;
      }
      // Another request that asks for the same video goes on with it.
      if (job.asking === 1) await this.#end(key, job);
      throw cancelled(this.#options.where);
    } finally {
      job.asking--;
      if (!isKept && job.asking === 0 && this.#jobs.get(key) === job) this.#jobs.delete(key);
      // After a crash before the commit it is drawn again, as without a server that keeps results.
      if (isRead && job.asking === 0) this.#options.dialect.forget(job.id).catch(() => {});
    }
  }

  /** Whether the server may have died of a job that it lost. `signal`: of whoever asks for it. */
  #isHeldAgainst(key: string, job: Accepted, signal: AbortSignal): boolean {
    // Whoever hears of it first says it for all: others hear of it when some have ended, or have been asked for anew.
    if (job.wasBehind === undefined) {
      const all = [...this.#jobs.values()];
      const isDrawn = all.some(({ started }) => started !== undefined);
      for (const [n, one] of all.entries()) one.wasBehind = n > 0 || isDrawn;
    }
    if (job.started !== undefined) return true;
    if (job.wasBehind) return false;
    const losses = (this.#losses.get(key) ?? 0) + 1;
    this.#losses.set(key, losses);
    // While a pipeline is paused, the request may end without being made again.
    if (losses === 1) signal.addEventListener('abort', () => this.#losses.delete(key), { once: true });
    return losses > mostLosses;
  }

  /** While a pipeline is paused, nobody follows the job: it ends with its request. */
  #watch(key: string, job: Accepted, signal: AbortSignal): void {
    if (job.watched) return;
    job.watched = true;
    const onAbort = () => {
      if (job.asking > 0 || this.#jobs.get(key) !== job) return;
      void this.#end(key, job);
    };
    signal.addEventListener('abort', onAbort, { once: true });
  }

  /** Who asks for the same meanwhile waits for the end, and gets a job of its own. */
  async #end(key: string, job: Accepted): Promise<void> {
    if (this.#jobs.get(key) === job) this.#jobs.delete(key);
    const ending = this.#cancel(job.id).finally(() => {
      if (this.#endings.get(key) === ending) this.#endings.delete(key);
    });
    this.#endings.set(key, ending);
    await ending;
  }

  async close(): Promise<void> {
    this.#closed.abort(cancelled(this.#options.where));
  }

  /** The job that was accepted before, or a new one; whoever asks is counted before anybody else can end it. */
  async #accepted(key: string, written: Written, signal: AbortSignal): Promise<Accepted> {
    await this.#clock.sleep(Math.max(0, this.#busyUntil - this.#clock.elapsed()), signal);
    await this.#endings.get(key);
    if (signal.aborted) throw cancelled(this.#options.where);
    const known = this.#jobs.get(key);
    if (known) {
      known.asking++;
      return known;
    }
    const submission = this.#submissions.get(key) ?? { asking: 0 };
    submission.asking++;
    this.#submissions.set(key, submission);
    submission.accepted ??= this.#submit(key, written, submission).finally(() => this.#submissions.delete(key));
    return submission.accepted;
  }

  async #submit(key: string, written: Written, submission: Submission): Promise<Accepted> {
    const { dialect } = this.#options;
    // Never given up half way: a job whose id nobody heard could not be cancelled.
    let job = await this.#patiently(() => dialect.submit(written, key));
    // Somebody ended the job that has this key: a redo is another one.
    if (job.state === 'cancelled' || job.state === 'failed')
      job = await this.#patiently(() => dialect.submit(written, `${key}-${randomUUID()}`));
    const started = job.state === 'in_progress' ? this.#clock.elapsed() : undefined;
    const { asking } = submission;
    const accepted = { id: job.id, asking, watched: false, ...(started !== undefined && { started }) };
    this.#jobs.set(key, accepted);
    return accepted;
  }

  /** Notes how long the server wants to be left alone. */
  async #patiently<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (thrown) {
      if (thrown instanceof ServerBusy) this.#busyUntil = this.#clock.elapsed() + thrown.waitMs;
      throw thrown;
    }
  }

  /** Until the job is completed; gives the seconds that it ran. undefined: the server knows it no more. */
  async #follow(
    accepted: Accepted,
    input: FollowedInput,
    { signal, onStep, onPreview }: Asking,
  ): Promise<number | undefined> {
    const { where, runSeconds, dialect } = this.#options;
    const { id } = accepted;
    let told = 0;
    let shown: string | undefined;
    for (let pause: number = lookMs.first; ; pause = Math.min(pause * lookMs.growth, lookMs.last)) {
      const job = await this.#patiently(() => dialect.look(id, signal));
      const now = this.#clock.elapsed();
      if (!job) return undefined;
      if (job.state !== 'queued') accepted.started ??= now;
      const { started } = accepted;
      if (job.state !== 'queued' && job.state !== 'in_progress') {
        if (job.state === 'completed') {
          this.#checkWeights(job, input);
          if (told < input.steps) onStep?.(input.steps, input.steps);
          return (now - (started ?? now)) / 1000;
        }
        throw endOf(job, where);
      }
      if (onPreview && job.preview !== undefined && job.preview !== shown) {
        shown = job.preview;
        const frame = await this.#preview(id, signal);
        if (frame) onPreview(frame);
      }
      const done = Math.min(input.steps, Math.round(job.progress * input.steps));
      if (done > told) onStep?.(done, input.steps);
      told = Math.max(told, done);
      if (started !== undefined && now - started > runSeconds * 1000) {
        await this.#cancel(id);
        throw new VimiError('MODEL_SERVER_REFUSED', 'The model server took too long', {
          ...{ expected: `a video within ${runSeconds} s of its first step`, where },
          remedy: 'Raise run_limit of the model in the topology, or ask for less.',
        });
      }
      await this.#clock.sleep(pause, signal);
      signal.throwIfAborted();
    }
  }

  /** For people to look at: without it the video is made all the same. */
  async #preview(id: string, signal: AbortSignal): Promise<RgbImage | undefined> {
    const soon = AbortSignal.any([signal, AbortSignal.timeout(previewMs)]);
    return this.#options.dialect.preview?.(id, soon).catch(() => undefined);
  }

  #checkWeights(job: ServerJob, { weights }: FollowedInput): void {
    if (job.weights === undefined || job.weights === weights) return;
    this.#described = undefined;
    throw new VimiError('MODEL_SERVER_FAILED', 'The model server changed its weights while it made this video', {
      ...{ expected: weights ?? 'none stated', found: job.weights, where: this.#options.where },
    });
  }

  /** As far as the server can be reached. */
  async #cancel(id: string): Promise<void> {
    const late = new AbortController();
    const cancelling = this.#options.dialect.cancel(id).catch(() => {});
    await Promise.race([cancelling, this.#clock.sleep(cancelMs, late.signal)]);
    late.abort();
  }
}

type FollowedInput = GenerateInput & { weights: string | undefined };
interface Asked {
  /** What is asked, as one word. */
  key: string;
  input: FollowedInput;
  asking: Asking;
  /** Of `asking`; aborts also when this is closed. */
  signal: AbortSignal;
}

/** Why there is no video; undefined: the server knows no such job. */
function endOf(job: ServerJob | undefined, where: string): VimiError {
  if (!job)
    return new VimiError('MODEL_SERVER_FAILED', 'The model server does not know its job any more', {
      ...{ expected: 'a job until its video was read', found: 'none: it was probably restarted', where },
    });
  if (job.state === 'cancelled')
    return new VimiError('MODEL_SERVER_FAILED', 'Somebody else cancelled this job at the model server', { where });
  const { code, message, retryable } = job.error ?? { code: 'not stated', message: '', retryable: false };
  return new VimiError(
    retryable ? 'MODEL_SERVER_FAILED' : 'MODEL_SERVER_REFUSED',
    'The model server could not make this video',
    { found: [code, message].filter(Boolean).join(': '), where },
  );
}

function cancelled(where: string): VimiError {
  return new VimiError('CANCELLED', 'The generation was cancelled', { where });
}

/** CANCELLED as soon as the signal aborts; the work itself goes on. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal, where: string): Promise<T> {
  if (signal.aborted) throw cancelled(where);
  const heard = new AbortController();
  const aborted = new Promise<never>((_, reject) => {
    signal.addEventListener('abort', () => reject(cancelled(where)), { once: true, signal: heard.signal });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    heard.abort();
  }
}
