import { join } from 'node:path';
import { z } from 'zod';
import { VimiError } from '../../core/errors.js';
import { openNet } from '../../models/encoders/onnx/net.js';
import { netJson } from '../../models/encoders/onnx/net-file.js';
import { openTokenizer } from '../../models/encoders/onnx/tokenizer.js';
import type { Features } from './read-features.js';

const count = z.number().int().min(1).max(10_000_000);
const sizes = z.looseObject({ vocab_size: count, max_position_embeddings: count });

/**
 * A row a text, by the text half of a net such as CLIP, from a folder with config.json, tokenizer.json and model.onnx
 * (`input_ids`, and `attention_mask` if it likes; [1, N] → [1, D]), with the SHA-256 of that file. WEIGHTS_DAMAGED, WEIGHTS_NOT_FOUND, SHAPE_MISMATCH.
 */
export async function textFeatures(folder: string, texts: readonly string[]): Promise<Features & { sha256: string }> {
  const place = join(folder, 'config.json');
  const told = await netJson(place, 2 ** 20);
  const inner = z.looseObject({ text_config: z.looseObject({}) }).safeParse(told);
  const checked = sizes.safeParse(inner.success ? inner.data.text_config : told);
  if (!checked.success)
    throw new VimiError('WEIGHTS_DAMAGED', 'This is not the config of a net that reads texts', {
      expected: 'vocab_size and max_position_embeddings',
      where: place,
    });
  const { vocab_size: vocabulary, max_position_embeddings: most } = checked.data;
  const tokensOf = await openTokenizer(join(folder, 'tokenizer.json'), { vocabulary, most });
  const net = await openNet(join(folder, 'model.onnx'));
  try {
    const output = net.outputs.find(({ name }) => name === 'text_embeds') ?? net.outputs[0];
    const rows: Float32Array[] = [];
    for (const text of texts) {
      const tokens = tokensOf(text);
      const shape = [1, tokens.length];
      const inputs = { input_ids: { values: tokens, shape }, attention_mask: { values: tokens.map(() => 1), shape } };
      const found = (await net.run(inputs))[output?.name ?? ''];
      if (found?.shape.length !== 2 || found.shape[0] !== 1 || found.values.length !== (rows[0] ?? found.values).length)
        throw new VimiError('SHAPE_MISMATCH', 'The net does not return one row for each text', {
          expected: '[1, D]',
          found: `[${found?.shape}]`,
          where: net.file,
        });
      rows.push(found.values);
    }
    const d = rows[0]?.length ?? 0;
    return { n: rows.length, d, values: Float64Array.from(rows.flatMap((row) => [...row])), sha256: net.sha256 };
  } finally {
    await net.close();
  }
}
