import { admit } from './admit.js';
import { caption } from './caption.js';
import { compose } from './compose.js';
import { deduplicate } from './deduplicate.js';
import { denoise } from './denoise.js';
import { embed } from './embed.js';
import { encode } from './encode.js';
import { fetch } from './fetch.js';
import { filter } from './filter.js';
import { indexClips } from './index-clips.js';
import type { Operator } from './operator.js';
import { probe } from './probe.js';
import { recognise } from './recognise.js';
import { retrieve } from './retrieve.js';
import { shard } from './shard.js';
import { split } from './split.js';

/** Every operator that topology.yaml can name. An explicit list: nothing registers itself. */
export const operators: readonly Operator[] = [
  admit,
  caption,
  compose,
  deduplicate,
  denoise,
  embed,
  encode,
  fetch,
  filter,
  indexClips,
  probe,
  recognise,
  retrieve,
  shard,
  split,
];
