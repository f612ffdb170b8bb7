import type { SchemaName } from './schemas.js';

/**
 * One CloudEvents 1.0 event. `id` is unique within `source`; for an event that came without headers it follows from its
 * topic, partition and offset, so a redo sees the same id.
 */
export interface VimiEvent<T = unknown> {
  id: string;
  source: string;
  /** `dev.vimi.<schema>.v1`, e.g. dev.vimi.generation.requested.v1. */
  type: string;
  schema: SchemaName;
  time: string;
  subject?: string;
  /** W3C trace context, carried from input to outputs. */
  traceparent?: string;
  data: T;
}
