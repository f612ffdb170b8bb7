import type { Observable } from 'rxjs';
import type { z } from 'zod';
import type { SchemaName } from '../events/schemas.js';
import type { Embedder, Models } from '../models/ports.js';
import type { Corpus } from '../stores/corpus.js';
import type { Jobs } from '../stores/jobs.js';
import type { ObjectStore } from '../stores/object-store.js';
import type { Envelope } from '../streams/envelope.js';
import type { Settlement } from '../streams/settlement.js';
import type { NewRecord } from '../streams/transport.js';
import type { Flow, Product } from './flow.js';

/** Time, so that tests can turn it. */
export interface Clock {
  /** Milliseconds since 1970: for moments that others read. It may be set back. */
  now(): number;
  /** Milliseconds since some moment; never set back: for durations. */
  elapsed(): number;
  /** Resolves after `ms`, or at once when `signal` aborts. */
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** What operators count besides fates, each with what the metric says of it. */
export const countables = {
  'document-without-image': 'Documents that retrieve passed over because the object store does not have their image.',
} as const;
export type Countable = keyof typeof countables;

/** All that an operator may reach outside of its envelopes. */
export interface Resources {
  /** The name of the pipeline: its jobs and what is told of them are known by it. */
  pipeline: string;
  /** Which request was answered, and by which record. */
  jobs: Jobs;
  objects: ObjectStore;
  corpus: Corpus;
  embedder: Embedder;
  models: Models;
  clock: Clock;
  log: Log;
  /** A folder for temporary files; emptied at start. */
  workDir: string;
  /** Folders that media may be read from. */
  mediaRoots: string[];
  /** Publishes at once, outside of the commit: for progress that may be seen twice or never. */
  announce(records: NewRecord[]): Promise<void>;
  /** Counts what is worth a metric of its own, by its name in `countables`. */
  count?(what: Countable): void;
}

export interface WatermarkMove {
  topic: string;
  partition: number;
  /** Everything below `to` is settled; it was `from` before. */
  from: number;
  to: number;
  /** This operator's own mark in this partition, kept in the commit; 0 at first. */
  mark: number;
  /** The topic is at its end and the run will stop: what waits for more should be finished now. */
  final: boolean;
}

/** A partition that this process has from now on; whoever had it before can commit nothing any more. */
export interface Takeover {
  topic: string;
  partition: number;
  /** Whether the event there has its fate, by what is committed. All others are done (again) from now on. */
  isSettled(offset: number): boolean;
}

export interface Sealed {
  products: Product[];
  mark: number;
  /** After the commit: removing what it staged, say. May be lost in a crash. */
  afterCommit?(): Promise<void>;
}

/** What an operator does with the stream of envelopes. `needs` is for the compiler alone: the fields that it counts on. */
export interface Step<N extends keyof Flow = keyof Flow> {
  (source: Observable<Envelope<Flow>>): Observable<Envelope<Flow>>;
  readonly needs?: N;
}

/** A running operator. */
export interface OperatorInstance<N extends keyof Flow = keyof Flow> {
  step: Step<N>;
  /** Called before the first event of a partition comes; tried again while it fails. */
  onTakeover?(takeover: Takeover): Promise<void>;
  /** Called before the commit that carries these fates; while it fails, that commit waits. */
  beforeCommit?(settled: readonly Pick<Settlement, 'origin' | 'parts'>[]): Promise<void>;
  /** Called before a commit that moves a partition's watermark; what it returns is published in that same commit. */
  onWatermark?(move: WatermarkMove): Promise<Sealed>;
  /** Called once a consumed event has its fate; what it returns is published in the commit that carries the fate. */
  onFate?(settlement: Settlement): NewRecord[];
  close?(): Promise<void>;
}

export interface OperatorSpec<C extends z.ZodObject = z.ZodObject, N extends keyof Flow = keyof Flow> {
  /** A verb, as it stands in topology.yaml. */
  name: string;
  /** One sentence. */
  summary: string;
  /** For its page: In, Out, Drops, Fails, Memory; a sentence or more each. */
  contract: { in: string; out: string; drops: string; fails: string; memory: string };
  /** Strict, every field with a default and a description. */
  config: C;
  /** YAML of one step, as it would stand under `steps:`. */
  example: string;
  needs: readonly N[];
  adds: readonly (keyof Flow)[];
  /** The programs that it runs: looked for before the pipeline starts, and only those. */
  tools?: readonly ('ffmpeg' | 'ffprobe')[];
  /** Of one that makes products, per event or at watermarks: their schema, and the fields that an object's name may hold. */
  product?: { schema: SchemaName; fields: readonly string[] };
}

export interface Operator<C extends z.ZodObject = z.ZodObject, N extends keyof Flow = keyof Flow>
  extends OperatorSpec<C, N> {
  create(config: z.infer<C>, resources: Resources): OperatorInstance<N>;
  /** Of an own operator: the file that it was loaded from. */
  module?: string;
}

/** Spec and function side by side; the spec is the only source of its schema, defaults, page and lint. */
export function defineOperator<C extends z.ZodObject, const N extends keyof Flow>(
  spec: OperatorSpec<C, N>,
  create: (config: z.infer<C>, resources: Resources) => OperatorInstance<NoInfer<N>>,
): Operator {
  return { ...spec, create } as unknown as Operator;
}
