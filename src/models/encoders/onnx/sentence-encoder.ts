import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { VimiError } from '../../../core/errors.js';
import { unit } from '../built-in/text-embedding.js';
import { openLanguageModel } from './language-model.js';
import { hasNetFile, netJson } from './net-file.js';

/** As sentence-transformers writes it beside its nets. */
const pooling = z.looseObject({
  pooling_mode_cls_token: z.boolean().default(false),
  pooling_mode_mean_tokens: z.boolean().default(true),
});

/** What gives one vector of unit length for a text. */
export interface SentenceEncoder {
  dimensions: number;
  /** Of everything that decides its vectors. */
  sha256: string;
  embed(text: string): Promise<number[]>;
  close(): Promise<void>;
}

/**
 * A language model as an encoder of whole texts, such as MiniLM: the mean of its tokens' vectors, or the first token's where
 * 1_Pooling/config.json says so, as sentence-transformers does. The errors of language-model.ts.
 */
export async function openSentenceEncoder(folder: string): Promise<SentenceEncoder> {
  const where = join(folder, '1_Pooling', 'config.json');
  const checked = pooling.safeParse((await hasNetFile(where)) ? await netJson(where, 2 ** 20) : {});
  if (!checked.success || checked.data.pooling_mode_cls_token === checked.data.pooling_mode_mean_tokens)
    throw new VimiError('WEIGHTS_DAMAGED', 'This way of pooling is not known', {
      expected: 'either pooling_mode_mean_tokens or pooling_mode_cls_token',
      where,
    });
  const first = checked.data.pooling_mode_cls_token;
  const model = await openLanguageModel(folder, { native: true });
  const { width } = model;
  return {
    dimensions: width,
    sha256: createHash('sha256')
      .update(`${first ? 'cls' : 'mean'} ${model.sha256}`)
      .digest('hex'),
    async embed(text) {
      const vectors = await model.read(text);
      const pooled = first ? vectors.slice(0, 1) : vectors;
      return unit(Array.from({ length: width }, (_, i) => pooled.reduce((sum, vector) => sum + vector[i]!, 0)));
    },
    close: () => model.close(),
  };
}
