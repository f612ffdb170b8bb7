import type { Observable } from 'rxjs';
import type { z } from 'zod';
import type { Clock } from '../core/clock.js';
import type { Fault } from '../core/errors.js';
import type { Log } from '../core/log.js';
import type { NewRecord } from '../events/record.js';
import type { SchemaName } from '../events/schemas.js';
import type { Embedder, ModelChoice, Models, Reranker } from '../models/ports.js';
import type { Corpus } from '../stores/corpus/corpus.js';
import type { Jobs } from '../stores/jobs/jobs.js';
import type { KeepList } from '../stores/keep-lists/keep-list.js';
import type { ObjectStore } from '../stores/objects/object-store.js';
import type { Removals } from '../stores/removals/removals.js';
import type { Envelope } from './envelope.js';
import type { Flow, Product } from './flow.js';
import type { Settlement } from './settlement.js';

/** One step's count of something that its spec names under `counters`. */
export interface Count {
  step: string;
  counter: string;
  times: number;
}

/** All that an operator may reach outside of its envelopes. */
export interface Resources {
  /** The name of the pipeline: its jobs and what is told of them are known by it. */
  pipeline: string;
  /** Which request was answered, and by which record. */
  jobs: Jobs;
  objects: ObjectStore;
  corpus: Corpus;
  /** What was removed from the corpus, and stays out. */
  removals: Removals;
  /** A keep-list as it is now. USAGE if there is none of this name. Missing where there is no topic for them. */
  keepList?: ((name: string) => Promise<KeepList>) | undefined;
  embedder: Embedder;
  /** What orders candidates anew, where the profile names one. */
  reranker?: Reranker | undefined;
  /** Those that the steps of the pipeline ask for by their spec's `models`. */
  models: Models;
  clock: Clock;
  log: Log;
  /** A folder for temporary files; emptied at start. */
  workDir: string;
  /** Folders that media may be read from. */
  mediaRoots: string[];
  /** Hosts that media may be fetched from. */
  mediaHosts: readonly string[];
  /** Relative paths of settings start there. */
  topologyFolder: string;
  /** Publishes at once, outside of the commit: for progress that may be seen twice or never. */
  announce(records: NewRecord[]): Promise<void>;
  /** Counts what a step finds worth counting besides outcomes. */
  count?(count: Count): void;
}

export interface OffsetMove {
  topic: string;
  partition: number;
  /** Everything below `to` is settled; it was `from` before. */
  from: number;
  to: number;
  /** This operator's own state in this partition, kept in the commit; 0 at first. */
  state: number;
  /** The topic is at its end and the run will stop: what waits for more should be finished now. */
  final: boolean;
}

/** A partition that this process has from now on; whoever had it before can commit nothing any more. */
export interface Takeover {
  topic: string;
  partition: number;
  /** Whether the event there has its outcome, by what is committed. All others are done (again) from now on. */
  isSettled(offset: number): boolean;
}

export interface Sealed {
  products: Product[];
  state: number;
  /** After the commit: removing what it staged, say. May be lost in a crash. */
  afterCommit?(): Promise<void>;
}

/** What an operator does with the stream of envelopes. `needs` is for the compiler alone: the fields that it counts on. */
export interface Step<N extends keyof Flow = keyof Flow> {
  (source: Observable<Envelope<Flow>>): Observable<Envelope<Flow>>;
  readonly needs?: N;
}

/** What an operator does besides its work on events, at the moments of delivery. */
export interface Hooks {
  /** Called before the first event of a partition comes; tried again while it fails. */
  onTakeover?(takeover: Takeover): Promise<void>;
  /** Called before the commit that carries these outcomes; while it fails, that commit waits. */
  beforeCommit?(settled: readonly Pick<Settlement, 'origin' | 'parts'>[]): Promise<void>;
  /** Called before a commit that moves a partition's committed offset; what it returns is published in that same commit. */
  onOffsetMove?(move: OffsetMove): Promise<Sealed>;
  /** Called once a consumed event has its outcome; what it returns is published in the commit that carries the outcome. */
  onOutcome?(settlement: Settlement): NewRecord[];
}

/** A running operator. */
export interface OperatorInstance<N extends keyof Flow = keyof Flow> extends Hooks {
  step: Step<N>;
  /** It asks in which order the events were published. */
  isOrdered?: boolean;
  /** Awaited before the first event comes; what it throws ends the pipeline. */
  open?(): Promise<void>;
  close?(): Promise<void>;
}

/** Shapes of fields that the flow does not know by itself: what a custom operator adds, or needs from another. */
export type FieldShapes = Record<string, z.ZodType>;

/** For the operator's page: a sentence or more each. */
export interface Contract {
  in: string;
  out: string;
  drops: string;
  fails: string;
  memory: string;
}

/** What a code of an operator's own means. Without `fault` it is the input's: the event is rejected at once. */
export interface CodeMeaning {
  fault?: Fault;
  /** What a person can do. */
  remedy: string;
}

/** How an operator runs as a step. */
export interface StepSettings {
  /** The step's name in its pipeline; the operator's own when left out. */
  step?: string;
  /** Whether what it reads and hands on is held against its spec. Default false. */
  held?: boolean;
}

/** An operator as the runtime knows it. `Data`: the flow, with its own fields. Make one with `defineOperator`. */
export interface Operator<Data extends object = Flow> {
  /** A verb, as it stands in topology.yaml. */
  name: string;
  summary: string;
  contract: Contract;
  /** Strict, every field with a default and a description. */
  config: z.ZodObject;
  /** YAML of one step, as it would stand under `steps:`. */
  example: string;
  needs: readonly string[];
  /** Fields that it reads where they are there. */
  optional: readonly string[];
  adds: readonly string[];
  fields: FieldShapes;
  /** Its own drop reasons. */
  drops: readonly string[];
  /** Its own error codes. */
  codes: Readonly<Record<string, CodeMeaning>>;
  /** What it counts, each with what is counted. */
  counters: Readonly<Record<string, string>>;
  tools?: readonly ('ffmpeg' | 'ffprobe')[];
  models?(config: Record<string, unknown>): readonly ModelChoice[];
  servers?(config: Record<string, unknown>): readonly string[];
  product?: { schema: SchemaName; fields: readonly string[] };
  create(config: Record<string, unknown>, resources: Resources, settings?: StepSettings): OperatorInstance;
  /** Of a custom operator: the file that it was loaded from. */
  module?: string;
  /** For the compiler alone. */
  readonly data?: Data;
}
