import { setMaxListeners } from 'node:events';
import type { AddressInfo } from 'node:net';
import type { WebhooksOptions } from '../app/webhooks/webhooks.js';
import { makeWorkFolder } from '../app/work-folder.js';
import type { Workspace } from '../app/workspace.js';
import { VimiError } from '../core/errors.js';
import type { PipelineSpec } from '../streams/delivery/pipeline-spec.js';
import { type Address, isLoopback } from './address.js';
import { compareTags } from './answers/preconditions.js';
import { type App, openApp } from './app.js';
import type { TlsFiles } from './certificate.js';
import { addDocumentRoutes } from './corpus/documents.js';
import { addMediaRoute } from './corpus/media.js';
import { openHttps } from './https.js';
import { recogniseCallers } from './keys/callers.js';
import { Keys, keyPath } from './keys/key-file.js';
import { Once } from './once.js';
import { addPipelinesRoute } from './operating/pipelines.js';
import { addRejectsRoutes } from './operating/rejects.js';
import { addPage } from './page.js';
import { addProbes } from './probes.js';
import { addTapRoute } from './tap.js';
import { traceRequests } from './traced.js';
import { serveVideos } from './videos/serve-videos.js';

export interface HttpServerOptions {
  workspace: Workspace;
  address: Address;
  /** HTTPS with these files instead of HTTP. */
  tls?: TlsFiles | undefined;
  version: string;
  /** Jobs that are not over; beyond them requests are turned away. Default 10,000. */
  mostWaiting?: number;
  /** Streams of events that are open at once, and answers that wait for the end of a job. Default 500. */
  mostStreams?: number;
  /** Open connections at once. Default 1000. */
  mostConnections?: number;
  /** How receivers of webhooks are reached, and when. Default: as the system does. */
  receivers?: WebhooksOptions['around'];
}

/** Answers that are under way have so long when the server closes. */
const closeMs = 5000;

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
  address,
  tls,
  version,
  mostWaiting = 10_000,
  mostStreams = 500,
  mostConnections = 1000,
  receivers,
}: HttpServerOptions): Promise<HttpServer> {
  const keys = await Keys.open(keyPath(workspace.topology.folder), workspace.log);
  if (!(await keys.ask()) && !isLoopback(address.host)) throw withoutKeys(address);
  const closing = new AbortController();
  const https = tls && openHttps(tls, workspace);
  const about = { log: workspace.log, version, hasKeys: () => keys.ask(), closing: closing.signal };
  const app = await openApp({ ...about, certificate: https?.certificate });
  https?.serve(app.server);
  // Each open stream of events listens; `mostStreams` bounds them.
  setMaxListeners(0, closing.signal);
  if (workspace.telemetry) traceRequests(app, workspace.telemetry);
  recogniseCallers(app, keys);
  compareTags(app);
  addPage(app);
  addTapRoute(app, workspace.taps, closing.signal);
  addPipelinesRoute(app, workspace, closing.signal);
  addRejectsRoutes(app, workspace);
  const pipeline = videoPipeline(workspace);
  const around = { workspace, mostWaiting, mostStreams, receivers, closing: closing.signal };
  const videos = pipeline && serveVideos(app, { ...around, pipeline });
  addProbes(app, workspace.metrics, () => videos?.isFull() ?? false);
  const corpus = serveCorpus(app, workspace);
  const close = async () => {
    https?.close();
    await app.close();
    await videos?.close();
    await corpus.close();
  };

  // Whoever opens connections and says nothing takes no file handles from the run.
  app.server.maxConnections = mostConnections;
  try {
    await app.listen(address);
  } catch (cause) {
    closing.abort();
    await close();
    throw notListening(address, cause);
  }
  // No connection that cannot be taken may end a run.
  app.server.on('error', () => {});
  const { port } = app.server.address() as AddressInfo;
  return {
    url: `${https ? 'https' : 'http'}://${written(address.host)}:${port}`,
    async close() {
      closing.abort();
      // Whoever does not take its answer keeps nobody from going.
      const late = setTimeout(() => app.server.closeAllConnections(), closeMs);
      await close();
      clearTimeout(late);
    },
  };
}

/** The documents of the corpus, and the way to add to it, where pipelines have them. */
function serveCorpus(app: App, workspace: Workspace): { close(): Promise<void> } {
  const { topology } = workspace;
  if (workspace.anyTopicsWith('corpus.document').length > 0) addDocumentRoutes(app, workspace);
  const uploads = new Once(() => makeWorkFolder(topology.profile.work, 'uploads'));
  const pipeline = topology.pipelines.find(({ schemas }) => schemas.includes('media.added'));
  if (pipeline) addMediaRoute(app, { workspace, pipeline, folder: async () => (await uploads.get()).path });
  return { close: () => uploads.close((folder) => folder.remove()) };
}

/** As a URL has it. */
const written = (host: string) => (host.includes(':') ? `[${host}]` : host);

function withoutKeys({ host, port }: Address): VimiError {
  return new VimiError('USAGE', 'HTTP is not served to other machines without keys', {
    expected: 'an API key, or an address of this machine alone, such as 127.0.0.1:9400',
    found: `${host}:${port}`,
    where: '--http or server: of the profile',
    remedy: 'Make a key: vimi keys add NAME.',
  });
}

function notListening({ host, port }: Address, cause: unknown): VimiError {
  return new VimiError('USAGE', 'HTTP cannot be served at this address', {
    expected: 'a free port and an address of this machine',
    found: (cause as Error).message,
    where: `${host}:${port}`,
    cause,
  });
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
