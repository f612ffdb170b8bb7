import { join } from 'node:path';
import { type Clock, systemClock } from '../core/clock.js';
import { didYouMean } from '../core/did-you-mean.js';
import { VimiError } from '../core/errors.js';
import type { Log } from '../core/log.js';
import type { SchemaName } from '../events/schemas.js';
import type { Resources } from '../flow/operator.js';
import { openEmbedder } from '../models/encoders/open-embedder.js';
import type { Denoiser, Embedder, ModelChoice, Models, Reranker } from '../models/ports.js';
import { createDenoiser, type ModelLog } from '../models/servers/denoiser.js';
import { WatchedDenoiser } from '../models/servers/watched.js';
import { operators } from '../operators/index.js';
import type { Corpus } from '../stores/corpus/corpus.js';
import { noteCurrent } from '../stores/corpus/index/index-age.js';
import { isEmbedded } from '../stores/corpus/index/open-corpus.js';
import type { ObjectStore } from '../stores/objects/object-store.js';
import { noRemovals, type Removals } from '../stores/removals/removals.js';
import { createMetrics } from '../streams/delivery/metrics.js';
import type { PipelineSpec } from '../streams/delivery/pipeline-spec.js';
import { Taps } from '../streams/delivery/taps.js';
import type { SearchSpec } from '../streams/topology/profiles.js';
import { readTopology } from '../streams/topology/read-topology.js';
import type { TopicDeclaration, Topology } from '../streams/topology/topology.js';
import type { Transport } from '../streams/transports/transport.js';
import { type FollowedCorpus, openFollowedCorpus, rebuildCorpus } from './corpus.js';
import { IndexSnapshots } from './index-snapshots.js';
import { createModelMetrics } from './model-metrics.js';
import { keyOf, openModels, partsOf, shownName, stepsWith } from './models.js';
import { openObjects } from './objects.js';
import { OpenedParts } from './opened-parts.js';
import { openOwnModel } from './own-model.js';
import { type KeepListPlace, openKeepList } from './passes/keep-lists.js';
import { openRemoteModel } from './remote-model.js';
import { type FollowedRemovals, openRemovals } from './removal/open-removals.js';
import type { RemovalTopics } from './removal/removal-records.js';
import { checkTools, openResources } from './resources.js';
import { openSearch } from './search.js';
import { createServiceMetrics } from './service-metrics.js';
import type { Telemetry } from './telemetry/open-telemetry.js';
import { openTransport } from './transport.js';

export interface WorkspaceOptions {
  /** The topology's file. */
  topology: string;
  /** One of its profiles; the first when left out. */
  profile?: string;
  /** Values in the place of those of the topology, PATH=VALUE. */
  set?: readonly string[];
  /** What `${NAME}` in the topology stands for. Default: the variables of this process. */
  env?: Record<string, string | undefined>;
  /** Servers that were never met are waited for so long (milliseconds); when left out, as their clients say (15 s). */
  firstContactMs?: number;
  /** Nothing is made: no bucket, no topic. What is not there fails as missing. */
  looksOnly?: boolean;
  log: Log;
  /** Traces what runs in it; it is not closed with it. */
  telemetry?: Telemetry | undefined;
}

/** What stands in for a profile's own. */
export interface Instead {
  clock: Clock;
  transport: Transport;
  objects: ObjectStore;
  corpus: FollowedCorpus;
  openModel(choice: ModelChoice): Promise<Denoiser>;
}

/** A topology with its profile's transport, stores and models; each is opened when it is first asked for. */
export class Workspace {
  readonly topology: Topology;
  readonly log: Log;
  readonly telemetry: Telemetry | undefined;
  /** Of all that runs in it. */
  readonly metrics = createMetrics();
  readonly serviceMetrics = createServiceMetrics(this.metrics.registry);
  readonly modelMetrics = createModelMetrics(this.metrics.registry);
  readonly taps = new Taps();
  readonly #firstContactMs: number | undefined;
  readonly #looksOnly: boolean;
  readonly #instead: Partial<Instead>;
  readonly #parts = new OpenedParts();
  readonly #onClose = (close: () => Promise<void>) => this.#parts.onClose(close);

  private constructor(
    topology: Topology,
    { log, firstContactMs, looksOnly = false, telemetry }: Omit<WorkspaceOptions, 'topology'>,
    instead: Partial<Instead> = {},
  ) {
    this.topology = topology;
    this.#instead = instead;
    this.log = log;
    this.telemetry = telemetry;
    this.#firstContactMs = firstContactMs;
    this.#looksOnly = looksOnly;
  }

  /** Reads the topology, and opens nothing yet. TOPOLOGY_NOT_FOUND, TOPOLOGY_INVALID with every mistake. */
  static async open(options: WorkspaceOptions): Promise<Workspace> {
    const { topology, profile, set, env = process.env } = options;
    return new Workspace(await readTopology(topology, { env, profile, set, operators }), options);
  }

  /** Of a topology that was read before, with other parts than its profile's. */
  static of(
    topology: Topology,
    options: Omit<WorkspaceOptions, 'topology'>,
    instead: Partial<Instead> = {},
  ): Workspace {
    return new Workspace(topology, options, instead);
  }

  /** With the topology's topics made. */
  transport(): Promise<Transport> {
    return this.#parts.once('transport', async () => {
      const transport = await this.bareTransport();
      await transport.ensureTopics([...this.topology.topics.values()]);
      return transport;
    });
  }

  /** With the topics that happen to be there. */
  bareTransport(): Promise<Transport> {
    return this.#parts.once('bare transport', async () => {
      const around = {
        ...{ log: this.log, metrics: this.metrics.transport },
        ...{ firstContactMs: this.#firstContactMs, cleans: !this.#looksOnly },
        work: this.topology.profile.work,
      };
      const transport = this.#instead.transport ?? (await openTransport(this.topology.profile.transport, around));
      this.#onClose(() => transport.close());
      return transport;
    });
  }

  objects(): Promise<ObjectStore> {
    return this.#parts.once('objects', async () => {
      if (this.#instead.objects) return this.#instead.objects;
      const { work } = this.topology.profile;
      const how = { firstContactMs: this.#firstContactMs, makesBucket: !this.#looksOnly, work };
      const { objects, close } = await openObjects(this.topology.profile.objects, how);
      this.#onClose(close);
      return this.telemetry?.ofObjects(objects) ?? objects;
    });
  }

  /** What turns texts and images into vectors: of prompts, documents and the index alike. */
  embedder(): Promise<Embedder> {
    return this.#parts.once('embedder', async () => {
      const { embedder, close } = await openEmbedder(this.topology.profile.search.encoder);
      this.#onClose(close);
      return embedder;
    });
  }

  /** What orders candidates anew, if the profile names it. */
  reranker(): Promise<Reranker | undefined> {
    return this.#parts.once('reranker', async () => {
      const { reranker: folder } = this.topology.profile.search;
      if (folder === undefined) return undefined;
      const { openCrossEncoder } = await import('../models/encoders/onnx/cross-encoder.js');
      const reranker = await openCrossEncoder(folder);
      this.#onClose(() => reranker.close());
      return reranker;
    });
  }

  /** The index, which follows the topic of documents from here on. */
  corpus(): Promise<FollowedCorpus> {
    return this.#parts.once(
      'corpus',
      async () => this.#instead.corpus ?? this.corpusAt(this.topology.profile.search, this.#onClose),
    );
  }

  /** Such an index elsewhere, for whoever builds one. `onClose` is told how to close it. */
  async corpusAt(search: SearchSpec, onClose: (close: () => Promise<void>) => void): Promise<FollowedCorpus> {
    return openFollowedCorpus({ search, ...(await this.#aroundCorpus()), onClose });
  }

  async #aroundCorpus() {
    return {
      embedder: await this.embedder(),
      objects: await this.objects(),
      topic: this.corpusTopic(),
      removed: await this.#removed(),
      transport: await this.transport(),
      log: this.log,
    };
  }

  /** The index as it is, for a look at it: nothing is made and nothing is fed. */
  bareCorpus(): Promise<Corpus> {
    return this.#parts.once('bare corpus', async () => {
      const around = { encoder: await this.embedder(), looksOnly: true, log: this.log };
      const corpus = await openSearch(this.topology.profile.search, around);
      this.#onClose(() => corpus.close());
      return corpus;
    });
  }

  /** A new index in the place of the one that is searched: see rebuildCorpus. */
  async rebuildCorpus(): Promise<{ name: string; documents: number }> {
    return rebuildCorpus(await this.bareCorpus(), await this.#aroundCorpus());
  }

  /** Where removals are published. TOPIC_UNKNOWN in a topology that has no such topic. */
  removalTopics(): RemovalTopics {
    return { removals: this.topicsWith('corpus.removed')[0], corpus: this.corpusTopic() };
  }

  /** What was removed from the corpus, followed from here on; nothing where the topology has no topic for it. */
  async removals(): Promise<Removals> {
    return (await this.#removed())?.removals ?? noRemovals;
  }

  #removed(): Promise<{ removals: FollowedRemovals; topic: string } | undefined> {
    return this.#parts.once('removals', async () => {
      const topic = [...this.topology.topics.values()].find(({ schemas }) => schemas.includes('corpus.removed'))?.name;
      if (topic === undefined) return undefined;
      const transport = await this.transport();
      return { topic, removals: await openRemovals({ topic, transport, log: this.log, onClose: this.#onClose }) };
    });
  }

  /** Where keep-lists are. TOPIC_UNKNOWN in a topology that has no topic for them. */
  async keepListPlace(): Promise<KeepListPlace> {
    const [topic] = this.topicsWith('corpus.passed');
    return { topic, transport: await this.transport(), objects: await this.objects() };
  }

  async #keepLists(): Promise<Resources['keepList']> {
    if (this.anyTopicsWith('corpus.passed').length === 0) return undefined;
    const place = await this.keepListPlace();
    return (name) => openKeepList(name, place);
  }

  /** Resolves when the index has seen all that is in the topic of documents now. */
  async corpusIsCurrent(): Promise<Corpus> {
    const { corpus, follower } = await this.corpus();
    const { search } = this.topology.profile;
    const now = Date.now();
    await follower.caughtUp(await (await this.transport()).ends(this.corpusTopic()));
    if (search.type === 'embedded') noteCurrent(search.path, now);
    return corpus;
  }

  /** Snapshots of the index in the object store; null: the search engine of the profile keeps its own. */
  indexSnapshots(): Promise<IndexSnapshots | null> {
    return this.#parts.once('snapshots', async () => {
      const { corpus, follower } = await this.corpus();
      if (!isEmbedded(corpus)) return null;
      const { embedder: encoder, ...around } = await this.#aroundCorpus();
      const [removals, { work }] = [await this.removals(), this.topology.profile];
      return new IndexSnapshots({ ...around, encoder, corpus, follower, removals, work });
    });
  }

  /** Those that the pipeline's steps name, started. */
  modelsOf(pipeline: PipelineSpec): Promise<Models> {
    return openModels(pipeline, this.topology, (choice) => this.#denoiser(choice));
  }

  #denoiser(choice: ModelChoice): Promise<Denoiser> {
    return this.#parts.once(`denoiser ${keyOf(choice)}`, async () => {
      const log: ModelLog = (line, level = 'info') => this.log[level]({ model: choice.model }, line);
      const named = this.topology.models.get(choice.model);
      const open = () => {
        const budgets = join(this.topology.profile.work, 'budgets.json');
        if (!named) return createDenoiser({ ...choice, log, budgets });
        if (named.type === 'own')
          return openOwnModel(named, { parts: partsOf(named, this.topology), log, clock: this.clock, budgets });
        const workDir = join(this.topology.profile.work, 'model-servers');
        return openRemoteModel(named, { workDir, clock: this.#instead.clock });
      };
      const denoiser = new WatchedDenoiser(await (this.#instead.openModel?.(choice) ?? open()), this.clock);
      this.#onClose(() => denoiser.close());
      await this.#showModel(denoiser, choice);
      return denoiser;
    });
  }

  async #showModel(denoiser: WatchedDenoiser, choice: ModelChoice): Promise<void> {
    const named = this.topology.models.get(choice.model);
    // A model server is asked when there is something to draw.
    if (named?.type !== 'remote') await denoiser.describe();
    const device = named?.type === 'own' ? (named.devices ?? []).join(', ') : '';
    const steps = stepsWith(choice, this.topology);
    const hide = this.modelMetrics.show(() => {
      const { backend = '', weights = '', server } = denoiser.description ?? {};
      return {
        ...{ model: shownName(choice), backend, device, weights, server: server?.url ?? '' },
        ...{ drawing: denoiser.drawing, atOnce: denoiser.places, busySeconds: denoiser.busySeconds },
        waiting: steps.reduce((sum, { pipeline, step }) => sum + this.metrics.waitingIn(pipeline, step), 0),
      };
    });
    this.#onClose(async () => hide());
  }

  get clock(): Clock {
    return this.#instead.clock ?? systemClock;
  }

  /** All that the operators of a pipeline may reach, for one run of it. */
  async resources(pipeline: PipelineSpec): Promise<Resources> {
    checkTools(pipeline);
    const shared = {
      transport: await this.transport(),
      objects: await this.objects(),
      corpus: (await this.corpus()).corpus,
      removals: await this.removals(),
      keepList: await this.#keepLists(),
      models: await this.modelsOf(pipeline),
      ...{ embedder: await this.embedder(), reranker: await this.reranker() },
      ...{ metrics: this.metrics, log: this.log, mediaRoots: this.topology.mediaRoots },
      mediaHosts: this.topology.mediaHosts,
      topologyFolder: this.topology.folder,
      work: this.topology.profile.work,
      clock: this.clock,
    };
    return openResources(pipeline, shared, this.#onClose);
  }

  pipeline(name: string): PipelineSpec {
    const found = this.topology.pipelines.find((pipeline) => pipeline.name === name);
    if (found) return found;
    const names = this.topology.pipelines.map((pipeline) => pipeline.name);
    throw new VimiError('USAGE', `The topology has no pipeline '${name}'${didYouMean(name, names)}`, {
      expected: names.join(' or '),
      where: this.topology.file,
    });
  }

  topic(name: string): TopicDeclaration {
    const found = this.topology.topics.get(name);
    if (found) return found;
    const names = [...this.topology.topics.keys()];
    throw new VimiError('TOPIC_UNKNOWN', `The topology has no topic '${name}'${didYouMean(name, names)}`, {
      expected: names.join(', '),
      where: this.topology.file,
    });
  }

  /** The pipeline of that name, else the first one whose topic carries `schema`. USAGE where there is none. */
  pipelineFor(schema: SchemaName, name?: string): PipelineSpec {
    const candidates = name === undefined ? this.topology.pipelines : [this.pipeline(name)];
    const found = candidates.find(({ schemas }) => schemas.includes(schema));
    if (found) return found;
    const who = name === undefined ? 'No pipeline of this topology reads' : `Pipeline '${name}' does not read`;
    throw new VimiError('USAGE', `${who} a topic that carries ${schema}`, { where: this.topology.file });
  }

  /** The names of all topics that carry `schema`, in the order of the file; one at least, else TOPIC_UNKNOWN. */
  topicsWith(schema: SchemaName): [string, ...string[]] {
    const [first, ...others] = this.anyTopicsWith(schema);
    if (first !== undefined) return [first, ...others];
    throw new VimiError('TOPIC_UNKNOWN', `No topic of this topology carries ${schema}`, { where: this.topology.file });
  }

  /** The same, and none where no topic carries it. */
  anyTopicsWith(schema: SchemaName): string[] {
    return [...this.topology.topics.values()].filter(({ schemas }) => schemas.includes(schema)).map(({ name }) => name);
  }

  /** A topology has one at most. */
  corpusTopic(): string {
    return this.topicsWith('corpus.document')[0];
  }

  /** All that was opened, in the opposite order. */
  close(): Promise<void> {
    return this.#parts.close();
  }
}
