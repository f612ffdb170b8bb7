import { randomUUID } from 'node:crypto';
import { asVimiError, VimiError } from '../../core/errors.js';
import type { Log } from '../../core/log.js';
import { jobId } from '../../events/ids.js';
import type { JobDeletion } from '../../events/job-deletion.js';
import { payloadHash } from '../../events/payload-hash.js';
import type { GenerationRequested, RequestRef } from '../../events/schemas.js';
import type { KnownJob } from '../../stores/jobs/jobs.js';
import { type Told, tell } from '../../stores/jobs/succession.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import type { Transport } from '../../streams/transports/transport.js';
import { endsOf } from '../new-records.js';
import { Workspace } from '../workspace.js';
import { answerTopics } from './answer-topics.js';
import { Job } from './job.js';
import { JobChanges } from './job-changes.js';
import { cancelRecord, requestRecord } from './request-records.js';
import { bytesOf, saveVideo, type Video, videoNamed, videoOfJob } from './videos.js';

export interface ClientOptions {
  /** The topology's file. Default: topology.yaml in the current folder. */
  topology?: string;
  /** One of its profiles; the first when left out. */
  profile?: string;
  /** The pipeline that answers; when left out, the first that reads requests. */
  pipeline?: string;
  /** Where trouble with servers is told; nowhere when left out. */
  log?: Log;
}

export interface SubmitOptions {
  /**
   * Names the request within its source, 1 to 512 characters; a new one is made when left out. The same request under the same
   * id is one job, however often it is submitted.
   */
  id?: string;
  /** Who asks, a URI reference. Default: /vimi/client. */
  source?: string;
  /** Of the record: requests of one key are read in their order. Default: the id. */
  key?: string;
}

const silent: Log = { debug() {}, info() {}, warn() {}, error() {} };

/**
 * Opens a client of the pipeline that makes videos. It serves nothing itself: `vimi run` does, in another process. Throws
 * TOPOLOGY_NOT_FOUND, TOPOLOGY_INVALID, USAGE for a pipeline that makes no videos, TRANSPORT_UNAVAILABLE.
 */
export async function openClient({
  topology = 'topology.yaml',
  log = silent,
  profile,
  pipeline,
}: ClientOptions = {}): Promise<Client> {
  const workspace = await Workspace.open({ topology, profile, log });
  try {
    return await Client.of(workspace, workspace.pipelineFor('generation.requested', pipeline), () => workspace.close());
  } catch (thrown) {
    await workspace.close();
    throw thrown;
  }
}

/** Asks for videos, follows their jobs, and fetches what comes of them; embedded and over Kafka alike. */
export class Client {
  readonly #workspace: Workspace;
  readonly #transport: Transport;
  readonly #pipeline: PipelineSpec;
  readonly #videos: string;
  readonly #changes: JobChanges;
  readonly #close: () => Promise<void>;

  private constructor(
    workspace: Workspace,
    transport: Transport,
    pipeline: PipelineSpec,
    topics: { jobs: string; videos: string },
    close: () => Promise<void>,
  ) {
    this.#workspace = workspace;
    this.#transport = transport;
    this.#pipeline = pipeline;
    this.#videos = topics.videos;
    this.#changes = new JobChanges(transport, topics.jobs);
    this.#close = close;
  }

  /**
   * In a workspace that is open already.
   * @internal
   */
  static async of(workspace: Workspace, pipeline: PipelineSpec, close = async () => {}): Promise<Client> {
    const topics = answerTopics(pipeline);
    return new Client(workspace, await workspace.transport(), pipeline, topics, close);
  }

  /**
   * Publishes a request; a text alone is its prompt. Throws EVENT_INVALID for what no request may say, and REQUEST_ID_TAKEN when
   * `id` named another request before.
   */
  async submit(
    request: string | GenerationRequested,
    { id, source = '/vimi/client', key }: SubmitOptions = {},
  ): Promise<Job> {
    const named = { source, id: id ?? randomUUID() };
    const asked = typeof request === 'string' ? { prompt: request } : request;
    const { record, data } = requestRecord(asked, named, this.#pipeline, { key });
    const job = await this.#follow(named, {
      isNew: id === undefined,
      check({ state, request: { payload } }) {
        if (state === 'failed' || payload === undefined || payload === payloadHash(data)) return;
        throw new VimiError('REQUEST_ID_TAKEN', 'Another request has this id already', {
          expected: 'its own id, or the same content as before',
          found: named.id,
          where: `source ${source}`,
        });
      },
    });
    try {
      await this.#transport.publish([record]);
    } catch (thrown) {
      job.fail(asVimiError(thrown));
      throw thrown;
    }
    return job;
  }

  /** A request that somebody submitted, or will. Reads the topic of jobs from its beginning. */
  job(request: Pick<RequestRef, 'source' | 'id'>): Promise<Job> {
    return this.#follow(request, { isNew: false, keepsFailure: true });
  }

  /**
   * The newest video that goes by a name: the id of the request, of its job or of the video's event, or that event's place, such
   * as videos-2-17. Reads all topics of videos from their beginnings. VIDEO_NOT_FOUND.
   */
  video(name: string): Promise<Video> {
    return videoNamed(this.#workspace, name);
  }

  /** The MP4, checked against the hash in its event. OBJECT_NOT_FOUND, OBJECT_DAMAGED. */
  async bytes(video: Video): Promise<Buffer> {
    return bytesOf(await this.#workspace.objects(), video);
  }

  /** Writes the MP4 to a file. As `bytes`, and FILE_UNUSABLE. */
  async save(video: Video, path: string): Promise<void> {
    await saveVideo(await this.#workspace.objects(), video, path);
  }

  /** Whoever still waits for a job of this client gets CANCELLED; the jobs go on. */
  async close(): Promise<void> {
    await this.#changes.close();
    await this.#close();
  }

  /** `isNew`: nobody can have named it before. `check` throws when what is known of it already will not do. */
  async #follow(
    request: Pick<RequestRef, 'source' | 'id'>,
    { isNew, check, keepsFailure = false }: { isNew: boolean; check?(known: KnownJob): void; keepsFailure?: boolean },
  ): Promise<Job> {
    const id = jobId(this.#pipeline.name, request);
    const videosFrom = isNew ? await endsOf(this.#transport, this.#videos) : {};
    let job: Job | undefined;
    let failure: VimiError | undefined;
    /** What is heard while the past is read. */
    const heard: [KnownJob | JobDeletion, string][] = [];
    const leave = await this.#changes.listen(id, {
      changed: (change, place) => (job ? job.told(change) : void heard.push([change, place])),
      failed(error) {
        failure = error;
        job?.fail(error);
      },
    });
    try {
      const past = isNew ? [] : await this.#changes.history(id);
      let known: Told = { deleted: [] };
      for (const { change } of past) known = tell(known, change);
      if (known.job) check?.(known.job);
      job = new Job(id, request, known, {
        keepsFailure,
        cancel: () => this.#cancel(request),
        video: () => videoOfJob(this.#transport, this.#videos, videosFrom, id),
        over: leave,
      });
      const places = new Set(past.map(({ place }) => place));
      for (const [change, place] of heard) if (!places.has(place)) job.told(change);
      if (failure) job.fail(failure);
      return job;
    } catch (thrown) {
      leave();
      throw thrown;
    }
  }

  async #cancel(request: Pick<RequestRef, 'source' | 'id'>): Promise<void> {
    await this.#transport.publish([cancelRecord(request, this.#pipeline)]);
  }
}
