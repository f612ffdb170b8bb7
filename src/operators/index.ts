import type { Operator } from '../flow/operator.js';
import { deduplicate } from './corpus/deduplicate.js';
import { indexClips } from './corpus/index-clips.js';
import { shard } from './corpus/shard.js';
import { compose } from './grounding/compose.js';
import { embed } from './grounding/embed.js';
import { retrieve } from './grounding/retrieve.js';
import { caption } from './media/caption.js';
import { fetch } from './media/fetch.js';
import { filter } from './media/filter.js';
import { measure } from './media/measure.js';
import { probe } from './media/probe.js';
import { recognise } from './media/recognise.js';
import { split } from './media/split.js';
import { admit } from './requests/admit.js';
import { denoise } from './requests/denoise.js';
import { encode } from './requests/encode.js';

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
  measure,
  probe,
  recognise,
  retrieve,
  shard,
  split,
];
