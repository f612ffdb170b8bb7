import type { Operator } from './operator.js';

/** Every operator that topology.yaml can name. An explicit list: nothing registers itself. */
export const operators: readonly Operator[] = [];
