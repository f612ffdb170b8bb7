import { setMaxListeners } from 'node:events';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Grounding, openGrounding } from '../app/grounding.js';
import { type FollowedBoard, openJobBoard } from '../app/job-board.js';
import { openWebhooks, type Webhooks, type WebhooksOptions } from '../app/webhooks/webhooks.js';
import { makeWorkFolder, type WorkFolder } from '../app/work-folder.js';
import type { Workspace } from '../app/workspace.js';
import { VimiError } from '../core/errors.js';
import type { BoardJob } from '../stores/jobs/job-board.js';
import type { PipelineSpec } from '../streams/delivery/pipeline-spec.js';
import { type Address, isLoopback } from './address.js';
import { openApp } from './app.js';
import type { TlsFiles } from './certificate.js';
import { addContextRoute } from './corpus/context.js';
import { addDocumentRoutes } from './corpus/documents.js';
import { addMediaRoute } from './corpus/media.js';
import { openHttps } from './https.js';
import { recogniseCallers } from './keys/callers.js';
import { Keys, keyPath } from './keys/key-file.js';
import { addModelsRoute } from './models.js';
import { addPipelinesRoute } from './operating/pipelines.js';
import { addRejectsRoutes } from './operating/rejects.js';
import { addPage } from './page.js';
import { addProbes } from './probes.js';
import { addTapRoute } from './tap.js';
import { traceRequests } from './traced.js';
import { addContentRoute } from './videos/content.js';
import { addEventsRoute } from './videos/events.js';
import { addPreviewRoute } from './videos/preview.js';
import { addVideoRoutes } from './videos/routes.js';
import { videoOf } from './videos/video.js';
import { VideoService } from './videos/video-service.js';
import { addWebhookRoutes } from './webhooks/routes.js';
import { toldJob } from './webhooks/told-job.js';

export interface HttpServerOptions {
  workspace: Workspace;
  address: Address;
  /** HTTPS with these files instead of HTTP. */
  tls?: TlsFiles | undefined;
  version: string;
  /** Jobs that are not over; beyond them requests are turned away. Default 10,000. */
  mostWaiting?: number;
  /** Streams of events that are open at once. Default 500. */
  mostStreams?: number;
  /** Open connections at once. Default 1000. */
  mostConnections?: number;
  /** How receivers of webhooks are reached, and when. Default: as the system does. */
  receivers?: WebhooksOptions['around'];
}

/** Answers that are under way have so long when the server closes. */
const closeMs = 5000;
/** Whoever asks while the list of jobs is read waits so long at most. */
const startMs = 10_000;

export interface HttpServer {
  /** http://host:port, or https:// */
  url: string;
  /** Takes nothing more; answers that are under way have 5 s. */
  close(): Promise<void>;
}

/**
 * Serves the HTTP API of a workspace: docs/guides/http.md. Port 0: a free one. Where no pipeline makes videos, all else is
 * served. USAGE when the address cannot be used, TOPOLOGY_INVALID when the files for HTTPS cannot.
 */
export async function serveHttp({
  workspace,
  address: { host, port },
  tls,
  version,
  mostWaiting = 10_000,
  mostStreams = 500,
  mostConnections = 1000,
  receivers,
}: HttpServerOptions): Promise<HttpServer> {
  const keys = await Keys.open(keyPath(workspace.topology.folder), workspace.log);
  if (!(await keys.ask()) && !isLoopback(host))
    throw new VimiError('USAGE', 'HTTP is not served to other machines without keys', {
      expected: 'an API key, or an address of this machine alone, such as 127.0.0.1:9400',
      found: `${host}:${port}`,
      where: '--http or server: of the profile',
      remedy: 'Make a key: vimi keys add NAME.',
    });
  const closing = new AbortController();
  const https = tls && openHttps(tls, workspace);
  const about = { log: workspace.log, version, hasKeys: () => keys.ask(), closing: closing.signal };
  const app = await openApp({ ...about, certificate: https?.certificate });
  https?.serve(app.server);
  // Each open stream of events listens; `mostStreams` bounds them.
  setMaxListeners(0, closing.signal);
  if (workspace.telemetry) traceRequests(app, workspace.telemetry);
  recogniseCallers(app, keys);
  addProbes(app, workspace.metrics);
  addPage(app);
  addTapRoute(app, workspace.taps, closing.signal);
  addPipelinesRoute(app, workspace, closing.signal);
  addRejectsRoutes(app, workspace);

  let opened: Promise<FollowedBoard> | undefined;
  let grounds: Promise<Grounding> | undefined;
  let hooks: Promise<Webhooks | undefined> | undefined;
  const { topology } = workspace;
  const pipeline = videoPipeline(workspace);
  if (pipeline) {
    // Opened once for all; what failed is tried again by the next who asks.
    const board = () => {
      opened ??= openJobBoard(workspace, pipeline, closing.signal);
      opened.catch(() => {
        opened = undefined;
      });
      return opened;
    };
    const grounding = () => {
      grounds ??= openGrounding(workspace, pipeline);
      grounds.catch(() => {
        grounds = undefined;
      });
      return grounds;
    };
    let service: VideoService | undefined;
    const videos = async () => {
      const around = { workspace, pipeline, mostWaiting, closing: closing.signal };
      service ??= new VideoService({ ...around, board: await within(board(), startMs), webhooks });
      return service;
    };
    const webhooks = () => {
      hooks ??= (async () => {
        const followed = await board();
        const shown = (job: BoardJob) => service?.shown(job) ?? videoOf(job, { place: undefined, model: null });
        const describe = (job: BoardJob) => toldJob(shown(job));
        return openWebhooks({ workspace, pipeline, board: followed, describe, around: receivers });
      })();
      hooks.catch(() => {
        hooks = undefined;
      });
      return within(hooks, startMs);
    };
    addWebhookRoutes(app, webhooks, workspace);
    webhooks().catch((thrown) => {
      if (!closing.signal.aborted)
        workspace.log.warn({ error: (thrown as Error).message }, 'Webhooks are not sent yet');
    });
    addVideoRoutes(app, videos);
    addContentRoute(app, videos, workspace);
    addPreviewRoute(app, videos, workspace);
    addEventsRoute(app, videos, { mostStreams, closing: closing.signal });
    board().catch(() => {});
    addModelsRoute(app, videos);
    addContextRoute(app, grounding, closing.signal);
  }
  if (workspace.anyTopicsWith('corpus.document').length > 0) addDocumentRoutes(app, workspace);
  const grower = topology.pipelines.find(({ schemas }) => schemas.includes('media.added'));
  let uploads: Promise<WorkFolder> | undefined;
  const folder = async () => {
    uploads ??= makeWorkFolder(topology.profile.work, 'uploads');
    uploads.catch(() => {
      uploads = undefined;
    });
    return (await uploads).path;
  };
  if (grower) addMediaRoute(app, { workspace, pipeline: grower, folder });

  // Whoever opens connections and says nothing takes no file handles from the run.
  app.server.maxConnections = mostConnections;
  try {
    await app.listen({ host, port });
  } catch (cause) {
    https?.close();
    await hooks?.then((webhooks) => webhooks?.close()).catch(() => {});
    await opened?.then((board) => board.close()).catch(() => {});
    throw new VimiError('USAGE', 'HTTP cannot be served at this address', {
      expected: 'a free port and an address of this machine',
      found: (cause as Error).message,
      where: `${host}:${port}`,
      cause,
    });
  }
  // No connection that cannot be taken may end a run.
  app.server.on('error', () => {});
  const { port: taken } = app.server.address() as AddressInfo;
  return {
    url: `${https ? 'https' : 'http'}://${host.includes(':') ? `[${host}]` : host}:${taken}`,
    async close() {
      closing.abort();
      https?.close();
      // Whoever does not take its answer keeps nobody from going.
      const late = setTimeout(() => app.server.closeAllConnections(), closeMs);
      await app.close();
      clearTimeout(late);
      await hooks?.then((webhooks) => webhooks?.close()).catch(() => {});
      await opened?.then((board) => board.close()).catch(() => {});
      await grounds?.then((one) => one.close()).catch(() => {});
      await uploads?.then((one) => one.remove()).catch(() => {});
    },
  };
}

/** TRANSPORT_UNAVAILABLE when it takes longer. */
async function within<T>(work: Promise<T>, milliseconds: number): Promise<T> {
  const done = new AbortController();
  const late = sleep(milliseconds, undefined, { signal: done.signal }).then(() => {
    throw new VimiError('TRANSPORT_UNAVAILABLE', 'The list of jobs is not read yet', {
      remedy: 'Ask again in a moment; GET /ready says what is missing.',
    });
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    done.abort();
    late.catch(() => {});
  }
}

/** The first that reads requests and tells of their jobs. */
function videoPipeline({ topology }: Workspace): PipelineSpec | undefined {
  return topology.pipelines.find(({ schemas, steps, to }) => {
    const tells = to.some((sink) => 'topic' in sink && sink.schema === 'video.completed');
    return (
      schemas.includes('generation.requested') && tells && steps.some(({ operator }) => operator.adds.includes('job'))
    );
  });
}
