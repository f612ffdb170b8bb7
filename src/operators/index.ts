import { caption } from './caption.js';
import { denoise } from './denoise.js';
import { encode } from './encode.js';
import { fetch } from './fetch.js';
import { filter } from './filter.js';
import type { Operator } from './operator.js';
import { probe } from './probe.js';
import { shard } from './shard.js';
import { split } from './split.js';

/** Every operator that topology.yaml can name. An explicit list: nothing registers itself. */
export const operators: readonly Operator[] = [caption, denoise, encode, fetch, filter, probe, shard, split];
