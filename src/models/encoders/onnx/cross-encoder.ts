import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { VimiError } from '../../../core/errors.js';
import { mistakesOf, mistakeText } from '../../../events/mistakes.js';
import type { Reranker } from '../../ports.js';
import { type Net, type Numbers, openNet } from './net.js';
import { findNet, netFile, netJson } from './net-file.js';
import { openPairTokenizer } from './tokenizer.js';

const count = z.number().int().min(1).max(10_000_000);
const sizes = z.looseObject({ vocab_size: count, max_position_embeddings: count.optional() });
/** Tokens of a pair; attention over more takes long. */
const mostTokens = 512;
/** Pairs whose scores are kept: the clips of a medium have one caption. */
const kept = 4096;

/**
 * A cross-encoder from a folder as Hugging Face lays it out: config.json (vocab_size), tokenizer.json and model.onnx, in it or in onnx/
 * (`input_ids`, and `attention_mask` and `token_type_ids` if it likes; [1, N] → [1, 1], as `logits` or its first output).
 * One pair a run, as in language-model.ts.
 * WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED, PACKAGE_NOT_INSTALLED.
 */
export async function openCrossEncoder(folder: string): Promise<Reranker> {
  const place = join(folder, 'config.json');
  const told = await netJson(place, 2 ** 20);
  const checked = sizes.safeParse(told);
  if (!checked.success) {
    const mistakes = mistakesOf(checked.error, told).map(mistakeText);
    throw new VimiError('WEIGHTS_DAMAGED', `Not a valid config of a cross-encoder: ${mistakes.join('; ')}`, {
      where: place,
    });
  }
  const { vocab_size: vocabulary, max_position_embeddings: positions = mostTokens } = checked.data;
  const words = join(folder, 'tokenizer.json');
  const tokensOf = await openPairTokenizer(words, { vocabulary, most: Math.min(positions, mostTokens) });
  const net = await openNet(await findNet(folder, 'model.onnx'), { native: true });
  const output = checkPorts(net);
  const sha256 = createHash('sha256')
    .update(net.sha256)
    .update(await netFile(words, 2 ** 30))
    .digest('hex');

  const score = async (text: string, caption: string): Promise<number> => {
    const { tokens, parts } = tokensOf(text, caption);
    const shape = [1, tokens.length];
    const inputs: Record<string, Numbers> = {
      input_ids: { values: tokens, shape },
      attention_mask: { values: tokens.map(() => 1), shape },
      token_type_ids: { values: parts, shape },
    };
    const { values, shape: found } = (await net.run(inputs))[output]!;
    if (values.length === 1) return values[0]!;
    throw new VimiError('WEIGHTS_DAMAGED', 'The net does not return one score for a pair', {
      expected: '[1, 1]',
      found: `[${found}]`,
      where: net.file,
    });
  };

  const known = new Map<string, number>();
  return {
    sha256,
    async scores(text, captions) {
      const scores: number[] = [];
      for (const caption of captions) {
        const pair = JSON.stringify([text, caption]);
        const found = known.get(pair) ?? (await score(text, caption));
        // The one that was used longest ago is the first.
        known.delete(pair);
        known.set(pair, found);
        if (known.size > kept) known.delete(known.keys().next().value!);
        scores.push(found);
      }
      return scores;
    },
    close: () => net.close(),
  };
}

/** The name of the output with the score. */
function checkPorts({ file, inputs, outputs }: Net): string {
  const allowed = ['input_ids', 'attention_mask', 'token_type_ids'];
  const output = outputs.find(({ name }) => name === 'logits') ?? outputs[0];
  if (
    output &&
    inputs.some(({ name }) => name === 'input_ids') &&
    inputs.every(({ name, shape }) => allowed.includes(name) && shape.length === 2)
  )
    return output.name;
  const text = (ports: Net['inputs']) => ports.map(({ name, shape }) => `${name} [${shape}]`).join(', ');
  throw new VimiError('WEIGHTS_DAMAGED', 'This net is not a cross-encoder', {
    expected: `${allowed.join(', ')} [B, N] → logits [B, 1]`,
    found: `${text(inputs)} → ${text(outputs)}`,
    where: file,
  });
}
