import type { SchemaName } from '../../events/schemas.js';
import type { Operator, OperatorInstance, Resources } from '../../flow/operator.js';

/** What a pipeline does when its group's position is gone or lies beyond the end: docs/guides/cluster.md. */
export const lostPositionChoices = ['stop', 'earliest', 'latest'] as const;
export type OnLostPosition = (typeof lostPositionChoices)[number];

/** One step as it runs: segments are unfolded, the configuration is checked and complete with defaults. */
export interface StepSpec {
  /** As it stands in topology.yaml; a second step of the same operator gets a number, `retrieve-2`. */
  name: string;
  operator: Operator;
  config: Record<string, unknown>;
}

/** The step, not opened yet. A custom operator is held to its spec. */
export function stepOf({ name, operator, config }: StepSpec, resources: Resources): OperatorInstance {
  return operator.create(config, resources, { step: name, held: operator.module !== undefined });
}

/** Where products go. The bytes under `objects` are stored before the record that names them is published. */
export type SinkSpec =
  /** A pattern of object keys: `videos/{job}.mp4`; the fields come from the product. */
  | { objects: string }
  /** `linkSeconds`: the event carries a link to its object, which lasts so long. */
  | { topic: string; schema: SchemaName; linkSeconds?: number };

/** One pipeline, checked: all that the runtime needs to build it. */
export interface PipelineSpec {
  name: string;
  /** The consumer group. */
  group: string;
  /** The input topic. */
  from: string;
  /** What that topic carries; the first is what a bare JSON object is taken for. */
  schemas: SchemaName[];
  /** The most records in flight of a partition: read, and without an outcome yet. */
  maxInFlight: number;
  steps: StepSpec[];
  to: SinkSpec[];
  /** The topic of dead letters, which are the rejected events; null: they are only logged. */
  rejects: string | null;
  /** What to do when the group's position is gone or lies beyond the end. Default: stop. */
  onLostPosition?: OnLostPosition;
  /** The most that a step may take for one event, in milliseconds. No limit when left out. */
  stepLimitMs?: number;
  /** A request that waits gains a priority after so long each (stores/jobs/turn-order.ts). */
  ageingMs?: number;
}
