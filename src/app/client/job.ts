import { VimiError } from '../../core/errors.js';
import type { JobDeletion } from '../../events/job-deletion.js';
import type { JobChanged, RequestRef } from '../../events/schemas.js';
import { isOver, type KnownJob } from '../../stores/jobs/jobs.js';
import { type Told, tell } from '../../stores/jobs/succession.js';
import type { Video } from './videos.js';

export interface WaitOptions {
  /** Aborted: the wait ends with the signal's reason. The job goes on. */
  signal?: AbortSignal;
}

interface Around {
  /** A failure that is known already is its end; otherwise the request is being tried again. */
  keepsFailure: boolean;
  cancel(): Promise<void>;
  video(): Promise<Video | undefined>;
  /** Nothing more need be told. */
  over(): void;
}

/** A request under way, as the jobs topic tells of it. */
export class Job {
  /** The same in all events that follow from the request. */
  readonly id: string;
  readonly request: Pick<RequestRef, 'source' | 'id'>;
  readonly #around: Around;
  readonly #changes: JobChanged[] = [];
  /** Who has the job, by the rule that all processes go by. */
  #known: Told;
  #failure: VimiError | undefined;
  #waiting: (() => void)[] = [];

  /**
   * `known`: what was said before; an end that still holds is what it comes to.
   * @internal
   */
  constructor(id: string, request: Pick<RequestRef, 'source' | 'id'>, known: Told, around: Around) {
    this.id = id;
    this.request = request;
    this.#around = around;
    this.#known = known;
    const { job } = known;
    if (job && (around.keepsFailure || job.state !== 'failed')) this.#add(job);
  }

  /**
   * Each change from the submission on, also those that came before this was asked: queued, in_progress with its progress,
   * then completed, failed or cancelled, which is the last. queued and in_progress may repeat.
   */
  async *changes({ signal }: WaitOptions = {}): AsyncGenerator<JobChanged, void, undefined> {
    for (let n = 0; ; ) {
      for (const change of this.#changes.slice(n)) {
        n++;
        yield change;
        if (isOver(change.state)) return;
      }
      if (n < this.#changes.length) continue;
      if (this.#failure) throw this.#failure;
      await this.#next(signal);
    }
  }

  /** Waits for the end of the job, and gives its video. Throws what it failed of, or CANCELLED. */
  async video(options: WaitOptions = {}): Promise<Video> {
    for await (const change of this.changes(options)) {
      if (change.state === 'cancelled')
        throw new VimiError('CANCELLED', 'The request was cancelled', { where: this.id });
      if (change.state === 'failed') throw failureOf(change);
    }
    const found = await this.#around.video();
    if (found) return found;
    throw new VimiError('VIDEO_NOT_FOUND', 'The job is completed, but its video is not in the topic any more', {
      where: this.id,
    });
  }

  /** Asks to stop the job; `changes` says whether that came in time. */
  cancel(): Promise<void> {
    return this.#around.cancel();
  }

  /**
   * For the client: the jobs topic says so.
   * @internal
   */
  told(change: KnownJob | JobDeletion): void {
    const { isHidden, ...next } = tell(this.#known, change);
    this.#known = next;
    if (next.job && !isHidden) this.#add(next.job);
  }

  /**
   * For the client: nothing more will be told.
   * @internal
   */
  fail(error: VimiError): void {
    this.#failure ??= error;
    this.#around.over();
    this.#wake();
  }

  #add(change: KnownJob): void {
    this.#changes.push(change);
    if (isOver(change.state)) this.#around.over();
    this.#wake();
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve();
  }

  async #next(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    await new Promise<void>((resolve) => {
      const done = () => {
        signal?.removeEventListener('abort', done);
        resolve();
      };
      this.#waiting.push(done);
      signal?.addEventListener('abort', done, { once: true });
    });
    signal?.throwIfAborted();
  }
}

function failureOf({ job, error }: JobChanged): VimiError {
  return new VimiError(error?.code ?? 'INTERNAL', error?.message ?? 'The request failed', { where: job });
}
