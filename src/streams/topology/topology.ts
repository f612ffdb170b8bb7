import type { SchemaName } from '../../events/schemas.js';
import type { Operator } from '../../flow/operator.js';
import type { PipelineSpec } from '../delivery/pipeline-spec.js';
import type { TopicSpec } from '../transports/transport.js';
import type { EffectiveMap } from './effective.js';
import type { Environment } from './environment.js';
import type { TopologyMistake } from './mistake.js';
import type { NamedModel } from './models.js';
import type { Profile } from './profiles.js';
import type { TopologyTest } from './tests.js';

/** A topic with what it carries; the first schema is what a bare JSON object is taken for. */
export interface TopicDeclaration extends TopicSpec {
  schemas: SchemaName[];
}

/** topology.yaml, checked: every name is known, every step has what it needs, every default is filled in. */
export interface Topology {
  /** As it was named. */
  file: string;
  /** Absolute; relative paths of the file start here. */
  folder: string;
  /** The one that was chosen; its paths are absolute. */
  profile: Profile;
  /** Absolute folders that media may be read from. */
  mediaRoots: string[];
  /** Hosts that media may be fetched from. */
  mediaHosts: string[];
  /** Hosts that webhooks may go to. */
  webhookHosts: string[];
  /** Of model servers, by their names. */
  models: Map<string, NamedModel>;
  /** By name, in the order of the file. */
  topics: Map<string, TopicDeclaration>;
  /** In the order of the file. */
  pipelines: PipelineSpec[];
  /** The same pipelines as they are written, for images: values from the environment stand as `${NAME}`. */
  outline: PipelineOutline[];
  /** Of the file itself, in its order. */
  tests: TopologyTest[];
  /** All that takes effect, in the shape of the file: segments unfolded, defaults filled in, each value with its origin. */
  effective: EffectiveMap;
}

export interface PipelineOutline {
  name: string;
  from: string;
  /** Segments within segments are shown as the outermost. */
  steps: { name: string; segment?: string }[];
  to: ({ objects: string } | { topic: string })[];
  rejects: string | null;
}

export interface ReadOptions {
  env: Environment;
  /** The profile to run with; the first of the file when left out. null: none is used, so none needs its variables. */
  profile?: string | null;
  /** The operators that steps may name. */
  operators: readonly Operator[];
  /** Values in the place of those of the file, PATH=VALUE. */
  set?: readonly string[];
}

export interface CheckedTopology {
  /** Absent when there are mistakes. */
  topology?: Topology;
  mistakes: TopologyMistake[];
}
