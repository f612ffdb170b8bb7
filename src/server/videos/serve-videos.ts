import { openGrounding } from '../../app/grounding.js';
import { openJobBoard } from '../../app/job-board.js';
import { openWebhooks, type Webhooks, type WebhooksOptions } from '../../app/webhooks/webhooks.js';
import type { Workspace } from '../../app/workspace.js';
import { VimiError } from '../../core/errors.js';
import { within } from '../../core/within.js';
import type { BoardJob } from '../../stores/jobs/job-board.js';
import type { PipelineSpec } from '../../streams/delivery/pipeline-spec.js';
import type { App } from '../app.js';
import { addContextRoute } from '../corpus/context.js';
import { Places } from '../keys/places.js';
import { addModelRoutes } from '../models.js';
import { Once } from '../once.js';
import { addWebhookRoutes } from '../webhooks/routes.js';
import { toldJob } from '../webhooks/told-job.js';
import { addContentRoute } from './content.js';
import { addEventsRoute } from './events.js';
import { addPreviewRoute } from './preview.js';
import { addVideoRoutes } from './routes.js';
import { videoOf } from './video.js';
import { addVideoContextRoute } from './video-context.js';
import { VideoService } from './video-service.js';

export interface ServeVideosOptions {
  workspace: Workspace;
  pipeline: PipelineSpec;
  /** Jobs that are not over; beyond them requests are turned away. */
  mostWaiting: number;
  /** Streams of events that are open at once, and answers that wait for the end of a job. */
  mostStreams: number;
  receivers: WebhooksOptions['around'];
  /** Aborted when the server closes. */
  closing: AbortSignal;
}

export interface ServedVideos {
  /** So many jobs wait that requests are turned away. */
  isFull(): boolean;
  close(): Promise<void>;
}

/** Whoever asks while the list of jobs is read waits so long at most. */
const startMs = 10_000;

/** All that is about the videos of one pipeline: jobs, their events and contents, webhooks, models, grounding. */
export function serveVideos(app: App, options: ServeVideosOptions): ServedVideos {
  const { workspace, pipeline, mostWaiting, mostStreams, receivers, closing } = options;
  const waiting = new Places(mostStreams);
  const board = new Once(() => openJobBoard(workspace, pipeline, closing));
  const grounding = new Once(() => openGrounding(workspace, pipeline));
  let service: VideoService | undefined;
  const hooks: Once<Webhooks | undefined> = new Once(async () => {
    const followed = await board.get();
    const shown = (job: BoardJob) => service?.shown(job) ?? videoOf(job, { place: undefined, model: null });
    const describe = (job: BoardJob) => toldJob(shown(job));
    return openWebhooks({ workspace, pipeline, board: followed, describe, around: receivers });
  });
  const webhooks = () => inTime(hooks.get());
  // One for all who ask at once: it counts what is being asked for.
  const opened = new Once(async () => {
    service = new VideoService({ workspace, pipeline, mostWaiting, board: await board.get(), webhooks });
    return service;
  });
  const videos = () => inTime(opened.get());

  addWebhookRoutes(app, webhooks, workspace);
  webhooks().catch((thrown) => {
    if (!closing.aborted) workspace.log.warn({ error: (thrown as Error).message }, 'Webhooks are not sent yet');
  });
  addVideoRoutes(app, videos, { waiting, closing });
  addContentRoute(app, videos, workspace);
  addPreviewRoute(app, videos, workspace);
  addVideoContextRoute(app, videos, workspace);
  addEventsRoute(app, videos, { waiting, closing });
  addModelRoutes(app, videos);
  addContextRoute(app, () => grounding.get(), closing);
  return {
    isFull: () => service?.isFull() ?? false,
    async close() {
      await hooks.close((webhooks) => webhooks?.close());
      await board.close((board) => board.close());
      await grounding.close((grounding) => grounding.close());
    },
  };
}

/** TRANSPORT_UNAVAILABLE when it takes longer than whoever asks waits. */
async function inTime<T>(work: Promise<T>): Promise<T> {
  if (await within(startMs, work)) return work;
  throw new VimiError('TRANSPORT_UNAVAILABLE', 'The list of jobs is not read yet', {
    remedy: 'Ask again in a moment; GET /ready says what is missing.',
  });
}
