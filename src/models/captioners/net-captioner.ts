import { createHash } from 'node:crypto';
import { basename, join } from 'node:path';
import { z } from 'zod';
import { cutText } from '../../core/cut-text.js';
import { VimiError } from '../../core/errors.js';
import { mistakesOf, mistakeText } from '../../events/mistakes.js';
import { promptText } from '../../language/prompt-text.js';
import { openImageProcessor } from '../encoders/onnx/image-processor.js';
import { type Net, type Numbers, openNet } from '../encoders/onnx/net.js';
import { findNet, hasNetFile, netFile, netJson } from '../encoders/onnx/net-file.js';
import { openTokenReader } from '../encoders/onnx/tokenizer.js';
import type { Captioner, RgbImage } from '../ports.js';

const count = (most: number) => z.number().int().min(1).max(most);
const token = z.number().int().nonnegative();
/** What of the config of the model, of its decoder, and of its generation decides the text; the last of them that says it counts. */
const told = z.looseObject({
  vocab_size: count(4_000_000),
  n_positions: count(1_000_000).optional(),
  max_position_embeddings: count(1_000_000).optional(),
  decoder_start_token_id: token,
  eos_token_id: z.union([token, z.array(token).min(1)]),
  max_length: count(1_000_000).nullish(),
  max_new_tokens: count(1_000_000).nullish(),
});
const parts = z.looseObject({ decoder: z.looseObject({}) });
const mostConfig = 2 ** 20;
/** Tokens of a caption: each is a run of the decoder over all before it. */
const mostTokens = 128;

/**
 * An image captioner from a folder as Hugging Face lays out a vision-encoder-decoder (ViT-GPT2 and its like): config.json, perhaps
 * generation_config.json, preprocessor_config.json, tokenizer.json, and in the folder or in onnx/ encoder_model.onnx (`pixel_values` →
 * `last_hidden_state`) and decoder_model.onnx (`input_ids`, `encoder_hidden_states` → `logits`).
 *
 * Decoding is greedy, so the same image has the same caption; the score is the geometric mean of the probabilities of its tokens.
 * WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED, PACKAGE_NOT_INSTALLED.
 */
export async function openNetCaptioner(folder: string): Promise<Captioner> {
  const { start, ends, vocabulary, most } = await readConfig(folder);
  const pixelsOf = await openImageProcessor(folder);
  const words = join(folder, 'tokenizer.json');
  const textOf = await openTokenReader(words);
  const encoder = await openNet(await findNet(folder, 'encoder_model.onnx'), { native: true });
  const decoder = await openNet(await findNet(folder, 'decoder_model.onnx'), { native: true });
  const hidden = outputOf(encoder, ['pixel_values'], 'last_hidden_state');
  const logits = outputOf(
    decoder,
    ['input_ids', 'encoder_hidden_states', 'attention_mask', 'encoder_attention_mask'],
    'logits',
  );
  const hash = createHash('sha256').update(`${encoder.sha256} ${decoder.sha256} ${start} ${ends} ${most}`);
  for (const file of [words, join(folder, 'preprocessor_config.json')]) hash.update(await netFile(file, 2 ** 30));
  const by = `${basename(folder).slice(0, 100)}/${hash.digest('hex').slice(0, 16)}`;

  const generate = async (image: RgbImage): Promise<{ tokens: number[]; score: number }> => {
    const seen = (await encoder.run({ pixel_values: pixelsOf(image) }))[hidden]!;
    const ones = (length: number): Numbers => ({ values: Array(length).fill(1), shape: [1, length] });
    const ids = [start];
    let sum = 0;
    while (ids.length <= most) {
      const { values, shape } = (
        await decoder.run({
          input_ids: { values: ids, shape: [1, ids.length] },
          attention_mask: ones(ids.length),
          encoder_hidden_states: seen,
          encoder_attention_mask: ones(seen.shape[1] ?? 1),
        })
      )[logits]!;
      if (shape.join() !== `1,${ids.length},${vocabulary}`)
        throw new VimiError('WEIGHTS_DAMAGED', 'The decoder does not return what config.json says', {
          expected: `[1, ${ids.length}, ${vocabulary}]`,
          found: `[${shape}]`,
          where: decoder.file,
        });
      const { best, logProbability } = likeliest(values.subarray(-vocabulary));
      sum += logProbability;
      ids.push(best);
      if (ends.includes(best)) break;
    }
    const made = ids.length - 1;
    return { tokens: ids.slice(1).filter((id) => !ends.includes(id)), score: Math.exp(sum / made) };
  };

  return {
    async caption({ image, mostCharacters }) {
      const { tokens, score } = await generate(await image.pixels());
      const text = cutText(promptText(textOf(tokens)), mostCharacters);
      return text === '' ? undefined : { text, by, score };
    },
    async close() {
      await encoder.close();
      await decoder.close();
    },
  };
}

async function readConfig(folder: string) {
  const where = join(folder, 'config.json');
  const model = parts.safeParse(await netJson(where, mostConfig));
  if (!model.success)
    throw new VimiError('WEIGHTS_DAMAGED', 'Not a valid config of a captioner: decoder: expected an object', { where });
  const generation = join(folder, 'generation_config.json');
  const more = (await hasNetFile(generation)) ? await netJson(generation, mostConfig) : {};
  const all = { ...model.data.decoder, ...model.data, ...(typeof more === 'object' && more) };
  const checked = told.safeParse(all);
  if (!checked.success) {
    const mistakes = mistakesOf(checked.error, all).map(mistakeText);
    throw new VimiError('WEIGHTS_DAMAGED', `Not a valid config of a captioner: ${mistakes.join('; ')}`, { where });
  }
  const { vocab_size: vocabulary, decoder_start_token_id: start, eos_token_id: end, ...lengths } = checked.data;
  const { max_new_tokens, max_length, n_positions, max_position_embeddings = n_positions ?? mostTokens } = lengths;
  const wanted = max_new_tokens ?? (max_length ?? mostTokens) - 1;
  return {
    ...{ start, vocabulary, ends: [end].flat() },
    most: Math.max(1, Math.min(wanted, mostTokens, max_position_embeddings)),
  };
}

/** The highest logit, the first of equal ones, and its logarithm of a probability. */
function likeliest(logits: Float32Array): { best: number; logProbability: number } {
  let best = 0;
  for (let n = 1; n < logits.length; n++) if (logits[n]! > logits[best]!) best = n;
  const sum = logits.reduce((total, one) => total + Math.exp(one - logits[best]!), 0);
  return { best, logProbability: -Math.log(sum) };
}

/** The name of the output that is wanted of a net that takes nothing else than these. */
function outputOf({ file, inputs, outputs }: Net, allowed: readonly string[], output: string): string {
  const names = inputs.map(({ name }) => name);
  if (names.every((name) => allowed.includes(name)) && outputs.some(({ name }) => name === output)) return output;
  throw new VimiError('WEIGHTS_DAMAGED', 'This net is not that part of a captioner', {
    expected: `${allowed.join(', ')} → ${output}`,
    found: `${names.join(', ')} → ${outputs.map(({ name }) => name).join(', ')}`,
    where: file,
  });
}
