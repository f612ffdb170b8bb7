import { mkdir } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { VimiError } from '../errors.js';
import { decodeEvent } from '../events/cloudevents.js';
import type { CorpusDocument } from '../events/schemas.js';
import { mediaTools } from '../media/tools.js';
import { createDenoiser } from '../models/denoiser.js';
import { createEmbedder } from '../models/embedding/embedder.js';
import type { Denoiser, ModelChoice, Models } from '../models/ports.js';
import { systemClock } from '../operators/clock.js';
import { operators } from '../operators/index.js';
import type { Log, Resources } from '../operators/operator.js';
import type { Corpus } from '../stores/corpus.js';
import { type CorpusFollower, followCorpus } from '../stores/corpus-follower.js';
import { openCorpus } from '../stores/corpus-index/open-corpus.js';
import { openFileStore } from '../stores/files.js';
import { openJobs } from '../stores/job-ledger/open-jobs.js';
import { type Jobs, noJobs } from '../stores/jobs.js';
import type { ObjectStore } from '../stores/object-store.js';
import { createMetrics } from '../streams/metrics.js';
import type { PipelineSpec } from '../streams/pipeline-spec.js';
import { isSettledRecord } from '../streams/settled-record.js';
import type { ObjectsSpec, TransportSpec } from '../streams/topology/profiles.js';
import { readTopology } from '../streams/topology/read-topology.js';
import type { TopicDeclaration, Topology } from '../streams/topology/topology.js';
import type { StoredRecord, Transport } from '../streams/transport.js';
import type { TransportMetrics } from '../streams/transport-metrics.js';
import { openEmbedded } from '../streams/transports/embedded.js';
import { didYouMean } from './did-you-mean.js';
import { isWeightsFile, modelName } from './model-name.js';
import { readCertificates, readPrivateKey } from './pem-file.js';
import { makeWorkFolder } from './work-folder.js';

export interface WorkspaceOptions {
  /** The topology's file. */
  topology: string;
  profile?: string;
  /** Servers that were never met are waited for so long (milliseconds); when left out, as their clients say (15 s). */
  firstContactMs?: number;
  /** Nothing is made: no bucket, no topic. What is not there fails as missing. */
  looksOnly?: boolean;
  log: Log;
}

/** A topology with its profile's transport, stores and models; each is opened when it is first asked for. */
export class Workspace {
  /** Of all that runs in it. */
  readonly metrics = createMetrics();
  private opened: (() => Promise<void>)[] = [];
  private parts = new Map<string, Promise<unknown>>();

  private constructor(
    readonly topology: Topology,
    readonly log: Log,
    private readonly firstContactMs?: number,
    private readonly looksOnly = false,
  ) {}

  static async open({ topology: file, profile, firstContactMs, looksOnly, log }: WorkspaceOptions): Promise<Workspace> {
    const topology = await readTopology(file, { env: process.env, profile, operators });
    return new Workspace(topology, log, firstContactMs, looksOnly);
  }

  /** With the topology's topics made. */
  transport(): Promise<Transport> {
    return this.once('transport', async () => {
      const transport = await this.bareTransport();
      await transport.ensureTopics([...this.topology.topics.values()]);
      return transport;
    });
  }

  /** With the topics that happen to be there. */
  bareTransport(): Promise<Transport> {
    return this.once('bare transport', async () => {
      const transport = await openTransport(this.topology.profile.transport, {
        ...{
          log: this.log,
          metrics: this.metrics.transport,
          firstContactMs: this.firstContactMs,
          cleans: !this.looksOnly,
        },
      });
      this.onClose(() => transport.close());
      return transport;
    });
  }

  objects(): Promise<ObjectStore> {
    return this.once('objects', async () => {
      const { objects: spec } = this.topology.profile;
      if (spec.type === 'files') return openFileStore(spec.path);
      const store = await openS3(spec, { firstContactMs: this.firstContactMs, makesBucket: !this.looksOnly });
      this.onClose(() => store.close());
      return store;
    });
  }

  /** The index, which follows the corpus topic from here on. */
  corpus(): Promise<{ corpus: Corpus; follower: CorpusFollower }> {
    return this.once('corpus', async () => {
      const transport = await this.transport();
      const topic = this.corpusTopic();
      const corpus = await openCorpus({
        folder: this.topology.profile.search.path,
        embedder: createEmbedder(),
        log: this.log,
      });
      this.onClose(() => corpus.close());
      await madeFrom(corpus, transport, topic, this.topology.profile.search.path);
      const follower = followCorpus({
        corpus,
        read: (from, options) => transport.read(topic, { from, ...options }),
        decode: corpusRecord,
        log: this.log,
      });
      this.onClose(() => follower.close());
      return { corpus, follower };
    });
  }

  /** Resolves when the index has seen all that is in the corpus topic now. */
  async corpusIsCurrent(): Promise<Corpus> {
    const { corpus, follower } = await this.corpus();
    await follower.caughtUp(await (await this.transport()).ends(this.corpusTopic()));
    return corpus;
  }

  /** Those that the pipeline's denoise steps name, started. */
  async modelsOf(pipeline: PipelineSpec): Promise<Models> {
    const opened = new Map<string, Denoiser>();
    for (const { operator, config } of pipeline.steps) {
      if (operator.name !== 'denoise') continue;
      const choice = this.chosen(config as unknown as ModelChoice);
      opened.set(JSON.stringify(choice), await this.denoiser(choice));
    }
    return {
      all: () => [...opened.values()],
      of: (choice) => {
        const there = opened.get(JSON.stringify(this.chosen(choice)));
        if (there) return there;
        throw new VimiError('INTERNAL', `Pipeline '${pipeline.name}' did not start this model`, {
          found: choice.model,
        });
      },
    };
  }

  private chosen({ model, upsampler, encoder }: ModelChoice): ModelChoice {
    return {
      model: this.modelOf(model),
      ...(upsampler && { upsampler: this.modelOf(upsampler) }),
      ...(encoder && { encoder: this.folderOf(encoder) }),
    };
  }

  /** A preset's name as it is; a path starts, like all in a topology, at the topology's folder. MODEL_UNKNOWN. */
  modelOf(name: string): string {
    return isWeightsFile(name) ? resolve(this.topology.folder, name) : modelName(name, this.topology.file);
  }

  /** A folder that a step names, from the topology's own on. */
  folderOf(name: unknown): string | undefined {
    return name === undefined ? undefined : resolve(this.topology.folder, String(name));
  }

  private denoiser(models: ModelChoice): Promise<Denoiser> {
    return this.once(`denoiser ${JSON.stringify(models)}`, async () => {
      const log = (line: string) => this.log.info({ model: models.model }, line);
      const denoiser = await createDenoiser({ ...models, log });
      this.onClose(() => denoiser.close());
      return denoiser;
    });
  }

  async resources(pipeline: PipelineSpec): Promise<Resources> {
    // Now, and not at each event: without ffmpeg every medium would be rejected.
    const found = mediaTools();
    for (const { operator } of pipeline.steps) for (const tool of operator.tools ?? []) void found[tool];
    const transport = await this.transport();
    const work = await makeWorkFolder(join(this.topology.profile.search.path, '..', 'work'), pipeline.name);
    this.onClose(() => work.remove());
    return {
      pipeline: pipeline.name,
      jobs: await this.jobsOf(pipeline, work.path),
      objects: await this.objects(),
      corpus: (await this.corpus()).corpus,
      embedder: createEmbedder(),
      models: await this.modelsOf(pipeline),
      clock: systemClock,
      log: this.log,
      workDir: work.path,
      mediaRoots: this.topology.mediaRoots,
      announce: async (records) => {
        await transport.publish(records);
      },
      count: (what) => this.metrics.count(pipeline.name, what),
    };
  }

  /** What the topic remembers that the pipeline's step `admit` tells its jobs to. */
  private async jobsOf(pipeline: PipelineSpec, workDir: string): Promise<Jobs> {
    const admit = pipeline.steps.find(({ operator }) => operator.name === 'admit');
    if (!admit) return noJobs;
    const transport = await this.transport();
    const jobs = openJobs({
      pipeline: pipeline.name,
      topic: String(admit.config.jobs),
      read: (topic, options) => transport.read(topic, options),
      ends: (topic) => transport.ends(topic),
      publish: (records) => transport.publish(records),
      isSettled: (record) => isSettledRecord(transport, pipeline, record),
      file: join(workDir, 'jobs.sqlite'),
      log: this.log,
    });
    this.onClose(() => jobs.close());
    return jobs;
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

  /** The name of the topic that carries `schema`. */
  topicOf(schema: string): string {
    for (const topic of this.topology.topics.values())
      if ((topic.schemas as string[]).includes(schema)) return topic.name;
    throw new VimiError('TOPIC_UNKNOWN', `No topic of this topology carries ${schema}`, { where: this.topology.file });
  }

  corpusTopic(): string {
    return this.topicOf('corpus.document');
  }

  /** In the opposite order of opening. */
  async close(): Promise<void> {
    for (const close of this.opened.splice(0).reverse()) await close();
  }

  private once<T>(name: string, open: () => Promise<T>): Promise<T> {
    const there = this.parts.get(name);
    if (there) return there as Promise<T>;
    const opening = open();
    this.parts.set(name, opening);
    return opening;
  }

  private onClose(close: () => Promise<void>): void {
    this.opened.push(close);
  }
}

/** An index that is ahead of its topic was made from another one: what it would find may not be there. */
async function madeFrom(corpus: Corpus, transport: Transport, topic: string, folder: string): Promise<void> {
  const positions = await corpus.positions();
  const ends = new Map((await transport.ends(topic)).map(({ partition, high }) => [partition, high]));
  for (const [partition, position] of Object.entries(positions)) {
    const end = ends.get(Number(partition)) ?? 0;
    if (position > end)
      throw new VimiError('INDEX_FOREIGN', 'The index was made from another corpus topic than this one', {
        expected: `position ${end} of ${topic}/${partition} at most`,
        found: String(position),
        where: folder,
      });
  }
}

/** null: nothing that the index could hold. */
export function corpusRecord(record: StoredRecord): { id: string; document: CorpusDocument | null } | null {
  if (record.value === null) return record.key && { id: record.key.toString(), document: null };
  try {
    const document = decodeEvent(record, ['corpus.document']).data as CorpusDocument;
    return { id: document.id, document };
  } catch {
    return null;
  }
}

// Loaded where a profile asks for them: the embedded one needs neither.

async function openTransport(
  spec: TransportSpec,
  around: { log: Log; metrics: TransportMetrics; firstContactMs?: number; cleans?: boolean },
): Promise<Transport> {
  if (spec.type === 'embedded') {
    await mkdir(spec.path, { recursive: true });
    return openEmbedded({ path: logFile(spec), cleans: around.cleans });
  }
  const { openKafka } = await import('../streams/transports/kafka.js');
  const { brokers, client_id: clientId, sasl, session_timeout: sessionMs } = spec;
  return openKafka({ brokers, clientId, tls: tlsOf(spec), sasl, sessionMs, ...around });
}

/** Of the embedded transport. */
export function logFile({ path }: TransportSpec & { type: 'embedded' }): string {
  return join(path, 'log.sqlite');
}

function tlsOf({ tls }: TransportSpec & { type: 'kafka' }) {
  if (typeof tls === 'boolean') return tls;
  const { ca, cert, key } = tls;
  return {
    ...(ca && { ca: readCertificates(ca) }),
    ...(cert && { cert: readCertificates(cert) }),
    ...(key && { key: readPrivateKey(key) }),
  };
}

async function openS3(spec: ObjectsSpec & { type: 's3' }, how: { firstContactMs?: number; makesBucket: boolean }) {
  const { openS3Store } = await import('../stores/s3.js');
  const { endpoint, bucket, region, prefix, access_key: accessKey, secret_key: secretKey, tls } = spec;
  const ca = tls && readCertificates(tls.ca);
  return openS3Store({ endpoint, bucket, region, prefix, accessKey, secretKey, ca, ...how });
}
