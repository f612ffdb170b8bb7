import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { checkAskedDocuments } from '../../app/asked-documents.js';
import { answerTopics } from '../../app/client/answer-topics.js';
import { cancelRecord, requestRecord } from '../../app/client/request-records.js';
import type { FollowedBoard } from '../../app/job-board.js';
import { modelChoices } from '../../app/models.js';
import { RequestClips } from '../../app/request-clips.js';
import { RequestImages } from '../../app/request-images.js';
import { noWebhooks, type Webhooks } from '../../app/webhooks/webhooks.js';
import type { Workspace } from '../../app/workspace.js';

import { either } from '../../core/either.js';
import { VimiError } from '../../core/errors.js';
import { within } from '../../core/within.js';
import { jobId } from '../../events/ids.js';
import { payloadHash } from '../../events/payload-hash.js';
import type { ObjectRef } from '../../events/prompt.js';
import type { NewRecord } from '../../events/record.js';
import type { GenerationRequested } from '../../events/schemas.js';
import { forgetting } from '../../events/webhook-records.js';
import { checkMotions, checkVideo } from '../../models/check-input.js';
import { checkRequest, type RequestLimits } from '../../operators/requests/check-request.js';
import { lateness } from '../../operators/requests/deadlines.js';
import type { MediaBounds } from '../../operators/requests/query-of.js';
import { removeVideo } from '../../operators/requests/stills-beside.js';
import type { BoardJob, ListedBoard } from '../../stores/jobs/job-board.js';
import { isOver } from '../../stores/jobs/jobs.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import { type Caller, httpSource } from '../keys/callers.js';
import { NoPlace, Places, roomFor, type Taken, type Tenant } from '../keys/places.js';
import { stillOf, videoObject } from './stills.js';
import { type Video, videoOf } from './video.js';
import type { ServedModel } from './video-request.js';

export interface VideoServiceOptions {
  workspace: Workspace;
  pipeline: PipelineSpec;
  board: FollowedBoard;
  /** Jobs that are not over and have a place; beyond them requests are turned away. */
  mostWaiting: number;
  /** undefined: none are sent. */
  webhooks(): Promise<Webhooks | undefined>;
}

/**
 * What others have said since is waited for so long at most: by whoever can do with what was known before, and by whoever cannot.
 * Milliseconds.
 */
const waitMs = { usual: 2000, needed: 10_000 };

/** The limits of a model that is starting are waited for so long at most. Milliseconds. */
const limitsMs = { usual: 2000, needed: 10_000 };

/** Of an image and a clip, where no step of the pipeline says it. */
const usualBounds: MediaBounds = {
  ...{ max_image_bytes: 20_000_000, max_image_pixels: 100_000_000 },
  ...{ max_clip_bytes: 50_000_000, max_clip_seconds: 10 },
};

/** What the log says now; where it does not answer in time, what was known before. */
export interface Looked<T> {
  found: T;
  /** The log may have said something else for so long; undefined: it is what the log says. Milliseconds. */
  age: number | undefined;
}

/** Jobs of one pipeline, as the routes need them. */
export class VideoService {
  readonly #options: VideoServiceOptions;
  readonly models: readonly ServedModel[];
  readonly images: RequestImages;
  readonly clips: RequestClips;
  /** Images and clips in one prompt. */
  readonly mostReferences: { images: number; clips: number };
  readonly #limits: RequestLimits | undefined;
  /** Requests that are being published: the board does not count them yet. */
  readonly #asking = new Places();

  constructor(options: VideoServiceOptions) {
    this.#options = options;
    const { workspace, pipeline } = options;
    const admit = pipeline.steps.find(({ operator }) => operator.name === 'admit');
    this.#limits = admit?.config as unknown as RequestLimits | undefined;
    const bounds = (admit?.config as unknown as MediaBounds | undefined) ?? usualBounds;
    this.images = new RequestImages(workspace, bounds);
    this.clips = new RequestClips(workspace, bounds);
    this.mostReferences = { images: this.#limits?.max_images ?? 8, clips: this.#limits?.max_clips ?? 2 };
    const names = pipeline.steps.flatMap(({ operator, config }) => operator.models?.(config) ?? []);
    this.models = modelChoices(pipeline, workspace.topology).map((choice, n) => ({
      name: names[n]!.model,
      describe: async () => (await workspace.modelsOf(pipeline)).of(choice).describe(),
    }));
  }

  /** Refuses what the pipeline would reject at once. */
  check(request: GenerationRequested): void {
    if (this.#limits) checkRequest(request, this.#limits);
  }

  /** Refuses what the model cannot make or take, where it says in time what that is: the pipeline would say so only after 202. */
  async checkModel(
    { frames, width, height, fps, steps, seed }: Partial<GenerationRequested>,
    /** Clips, if some are to be followed: what the model does not follow would be left out. */
    { motions, within = limitsMs[motions > 0 ? 'needed' : 'usual'] }: { motions: number; within?: number },
  ): Promise<void> {
    if (frames === undefined && width === undefined && height === undefined && motions === 0) return;
    const video = Object.fromEntries(
      Object.entries({ frames, width, height, fps, steps, seed }).filter(([, value]) => value !== undefined),
    );
    const done = new AbortController();
    const late = sleep(within, undefined, { signal: done.signal });
    const known = this.models[0]?.describe().catch(() => undefined);
    const description = await Promise.race([known, late.catch(() => undefined)]);
    done.abort();
    if (!description) return;
    checkVideo(video, description);
    checkMotions(motions, description);
  }

  /** Refuses clips before they are read. REQUEST_UNSUPPORTED; nothing where the model does not soon say what it follows: `checkModel` asks again. */
  checkClips(motions: number): Promise<void> {
    return this.checkModel({}, { motions, within: limitsMs.usual });
  }

  /**
   * Publishes a request, and gives its job. The same request under the same `key` is the same job; another one under it:
   * REQUEST_ID_TAKEN. QUEUE_FULL; JOBS_BEHIND, which under a key can be asked again; what no pipeline could take is refused as the pipeline would reject it.
   */
  async submit(
    request: GenerationRequested,
    { caller, key, traceparent }: { caller: Tenant; key?: string | undefined; traceparent?: string | undefined },
  ): Promise<BoardJob> {
    const { workspace, pipeline, board } = this.#options;
    const { source } = caller;
    const named = { source, id: key ?? randomUUID() };
    const { record, data } = requestRecord(request, named, pipeline, { traceparent });
    this.check(data);
    const job = jobId(pipeline.name, named);
    if (key !== undefined && !(await this.#isCurrent(waitMs.needed))) throw this.#behind();
    const known = key === undefined ? undefined : board.board.get(job);
    const late = lateness(data, workspace.clock.now());
    if (known) {
      const isOver = known.state === 'failed';
      // Whoever lost the answer still gets its job, which may have failed for that very reason.
      if ((!isOver || late) && known.payload === payloadHash(data)) return known;
      if (!isOver) throw keyTaken(key);
    }
    if (late) throw late;
    if (roomFor(this.#waiting(caller), caller) <= 0) await this.#isCurrent(waitMs.usual);
    const waiting = this.#waiting(caller);
    if (roomFor(waiting, caller) <= 0) throw new NoPlace('QUEUE_FULL', 'jobs', waiting);
    const leave = this.#asking.enter(caller);
    try {
      await checkAskedDocuments(data, pipeline, workspace);
      return await this.#publish(record, { ...named, job, payload: payloadHash(data), request: data }, { key, known });
    } finally {
      leave?.();
    }
  }

  async #publish(
    record: NewRecord,
    asked: Pick<BoardJob, 'job' | 'source' | 'id' | 'request'> & { payload: string },
    { key, known }: { key: string | undefined; known: BoardJob | undefined },
  ): Promise<BoardJob> {
    const { workspace, board } = this.#options;
    const { job, payload } = asked;
    // A failed job is asked for again after its end, whatever the clocks of this process and of the one that told of it.
    const timestamp = known && Math.max(workspace.clock.now(), known.changed + 1);
    await (await workspace.transport()).publish([{ ...record, ...(timestamp !== undefined && { timestamp }) }]);
    if (!(await this.#isCurrent(waitMs.needed))) {
      // Whoever asks again under the same key gets the same job; anybody else would get a second one.
      if (key !== undefined) throw this.#behind();
      const now = workspace.clock.now();
      return board.board.get(job) ?? { ...asked, created: now, changed: now, version: 0, state: 'queued' };
    }
    const made = this.known(job);
    if (!made) throw notFound(job);
    // Somebody else asked another process for something else at the same moment, and came first.
    if (!known && made.payload !== payload) throw keyTaken(key);
    return made;
  }

  /** As this process knows the queue: requests are turned away. */
  isFull(): boolean {
    return this.#taken().all >= this.#options.mostWaiting;
  }

  /** A job as the log says that it is now. JOB_NOT_FOUND, also for jobs of others; JOBS_BEHIND. */
  async get(job: string, { sees }: Pick<Caller, 'sees'>): Promise<BoardJob> {
    if (!(await this.#isCurrent(waitMs.needed))) throw this.#behind();
    const found = this.known(job);
    if (found && sees(found.source)) return found;
    throw notFound(job);
  }

  /**
   * A job as it is now, or as it was before. Whoever has seen version `seen` of it gets no older one. JOB_NOT_FOUND, also for jobs of
   * others; JOBS_BEHIND where what was known before says nothing of the job.
   */
  async look(job: string, { sees }: Pick<Caller, 'sees'>, seen = 0): Promise<Looked<BoardJob>> {
    let isCurrent = await this.#isCurrent(waitMs.usual);
    if (!isCurrent && (this.known(job)?.version ?? -1) < seen)
      isCurrent = await this.#isCurrent(waitMs.needed - waitMs.usual);
    const found = this.known(job);
    if (!isCurrent && (!found || found.version < seen)) throw this.#behind();
    if (!found || !sees(found.source)) throw notFound(job);
    return { found, age: isCurrent ? undefined : this.#options.board.age() };
  }

  /** A job that has a video, which stays as it is. JOB_NOT_FOUND, VIDEO_NOT_READY, JOBS_BEHIND. */
  async completed(job: string, caller: Pick<Caller, 'sees'>): Promise<BoardJob> {
    const { found, age } = await this.look(job, caller);
    const known = age === undefined || found.video ? found : await this.get(job, caller);
    videoObject(known);
    return known;
  }

  /** That of a completed job, as its model drew it. JOB_NOT_FOUND, VIDEO_NOT_READY, VARIANT_NOT_FOUND, JOBS_BEHIND. */
  async lastFrame(job: string, caller: Pick<Caller, 'sees'>): Promise<ObjectRef> {
    return stillOf(await this.completed(job, caller), 'last_frame');
  }

  /** The video of a completed job, and how long it is. JOB_NOT_FOUND, VIDEO_NOT_READY, JOBS_BEHIND. */
  async video(job: string, caller: Pick<Caller, 'sees'>): Promise<{ object: ObjectRef; seconds: number }> {
    const completed = await this.completed(job, caller);
    const { frames, fps } = completed.made ?? { frames: 0, fps: 1 };
    return { object: videoObject(completed), seconds: frames / fps };
  }

  /** Resolves once this process knows all that the log says by now. */
  current(): Promise<void> {
    return this.#options.board.caughtUp();
  }

  /** As this process knows it. */
  known(job: string): BoardJob | undefined {
    return this.#options.board.board.get(job);
  }

  /** Calls `look` after each change of a job, until the returned function is called. */
  onChange(job: string, look: () => void): () => void {
    return this.#options.board.onChange(job, look);
  }

  /** JOB_NOT_FOUND for an unknown `after`; JOBS_BEHIND where that may only be unknown here. */
  async list(options: ListedBoard): Promise<Looked<BoardJob[]>> {
    const isCurrent = await this.#isCurrent(waitMs.usual);
    const found = this.#options.board.board.list(options);
    if (found) return { found, age: isCurrent ? undefined : this.#options.board.age() };
    if (!isCurrent) throw this.#behind();
    throw notFound(options.after, 'after');
  }

  /** Asks for the end of a job that is not over. */
  async cancel(job: BoardJob): Promise<void> {
    const { workspace, pipeline } = this.#options;
    if (isOver(job.state)) return;
    await (await workspace.transport()).publish([cancelRecord(job, pipeline)]);
  }

  /** Forgets a job that is over, and removes its video, thumbnail and spritesheet. */
  async remove({ job, video }: BoardJob): Promise<void> {
    const { workspace, pipeline, board, webhooks } = this.#options;
    // Whoever asks for it from now on asks for another one.
    const deletion = board.board.deletionOf(job).record(answerTopics(pipeline).jobs, job);
    if (video) await removeVideo(await workspace.objects(), video.key);
    const list = (await webhooks())?.list;
    await list?.caughtUp();
    const messages = list?.ledger.ofJob(job).map((id) => forgetting(list.topic, id)) ?? [];
    await (await workspace.transport()).publish([deletion, ...messages]);
    await this.#isCurrent(waitMs.needed);
  }

  /** The job once it is over, or as it is after `seconds`, or when `signal` aborts. */
  async untilOver(job: BoardJob, seconds: number, signal: AbortSignal): Promise<BoardJob> {
    const { board } = this.#options;
    const { signal: stop, letGo } = either(signal, AbortSignal.timeout(seconds * 1000));
    return new Promise((resolve) => {
      const look = () => {
        const now = board.board.get(job.job) ?? job;
        if (!isOver(now.state) && !stop.aborted) return;
        leave();
        stop.removeEventListener('abort', look);
        letGo();
        resolve(now);
      };
      const leave = board.onChange(job.job, look);
      stop.addEventListener('abort', look);
      look();
    });
  }

  /** As the API tells of it. */
  shown(job: BoardJob): Video {
    const now = this.#options.workspace.clock.now();
    const place = job.state === 'queued' ? this.#options.board.board.place(job, now) : undefined;
    return videoOf(job, { place, model: this.models[0]?.name ?? null });
  }

  /** Refuses a receiver to which nothing could be sent. */
  async checkWebhook(webhook: GenerationRequested['webhook'], source: string): Promise<void> {
    if (!webhook) return;
    const webhooks = await this.#options.webhooks();
    if (!webhooks) throw noWebhooks();
    await webhooks.check(webhook, source);
  }

  /** Whether this process knows within `ms` what the log says now. */
  async #isCurrent(ms: number): Promise<boolean> {
    return within(ms, this.current()).catch(() => false);
  }

  /** Of the queue, as this process knows it. */
  #waiting({ source }: Pick<Tenant, 'source'>): Taken {
    const asking = this.#asking.taken({ source });
    const { all, own } = this.#taken(source);
    return { most: this.#options.mostWaiting, all: all + asking.all, own: own + asking.own };
  }

  /**
   * Of requests on the topic that did not come over HTTP, at most half of the places are taken: nobody can turn them away, and the
   * others wait in the topic. So they never close the queue for callers over HTTP.
   */
  #taken(source?: string): Pick<Taken, 'all' | 'own'> {
    const { board, mostWaiting: most } = this.#options;
    const { all, own, below } = board.board.live({ source, above: httpSource });
    return { all: below + Math.min(all - below, Math.floor(most / 2)), own };
  }

  #behind(): VimiError {
    return new VimiError('JOBS_BEHIND', 'This process cannot tell what became of this job', {
      expected: 'the newest changes of jobs from the log',
      found: `what was known ${Math.ceil(this.#options.board.age() / 1000)} s ago`,
    });
  }
}

function keyTaken(key: string | undefined): VimiError {
  return new VimiError('REQUEST_ID_TAKEN', 'Another request has this key already', {
    expected: 'a key of its own, or the same request as before',
    found: key,
    where: 'Idempotency-Key',
  });
}

function notFound(job: string | undefined, where?: string): VimiError {
  return new VimiError('JOB_NOT_FOUND', 'There is no such job', { found: job, ...(where !== undefined && { where }) });
}
