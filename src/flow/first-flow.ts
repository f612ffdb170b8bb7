import { catalogue } from '../events/catalogue.js';
import type { VimiEvent } from '../events/event.js';
import type { SchemaName } from '../events/schemas.js';
import type { Flow } from './flow.js';

/** The field in which the first step finds the data of such an event; undefined: it sees nothing of it. */
export function firstField(schema: SchemaName): keyof Flow | undefined {
  return catalogue[schema].field;
}

/** What the first step sees of an event. */
export function firstFlow({ schema, data }: VimiEvent): Flow {
  const field = firstField(schema);
  return field ? { [field]: data } : {};
}
