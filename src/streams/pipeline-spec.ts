import type { SchemaName } from '../events/schemas.js';
import type { Operator } from '../operators/operator.js';
import type { OnLostPosition } from './lost-position.js';

/** One step as it runs: segments are unfolded, the configuration is checked and complete with defaults. */
export interface StepSpec {
  /** As it stands in topology.yaml; a second step of the same operator gets a number, `retrieve-2`. */
  name: string;
  operator: Operator;
  config: Record<string, unknown>;
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
  /** Unsettled records that a partition may have at once. */
  window: number;
  steps: StepSpec[];
  to: SinkSpec[];
  /** The topic of rejected events; null: they are only logged. */
  rejects: string | null;
  /** What to do when the group's position is gone or lies beyond the end. Default: stop. */
  onLostPosition?: OnLostPosition;
  /** The most that a step may take for one event, in milliseconds. No limit when left out. */
  stepLimitMs?: number;
}
