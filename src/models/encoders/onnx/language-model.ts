import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { VimiError } from '../../../core/errors.js';
import { mistakesOf, mistakeText } from '../../../events/mistakes.js';
import type { FrozenEncoder } from '../frozen-encoder.js';
import { filled, fillingOf } from './filling.js';
import { type Net, type NetOptions, type Numbers, openNet } from './net.js';
import { findNet, netFile, netJson } from './net-file.js';
import { openTokenizer } from './tokenizer.js';

const count = (most: number) => z.number().int().min(1).max(most);
const sizes = z.looseObject({
  hidden_size: count(65_536),
  vocab_size: count(4_000_000),
  max_position_embeddings: count(10_000_000).optional(),
});
const mostConfig = 2 ** 20;
/** Tokens of one text; attention over more takes the memory that is there. */
const mostTokens = 512;
/** Texts whose vectors are kept: captions of a corpus come again and again. */
const kept = 1024;

/**
 * A frozen language model from a folder as Hugging Face lays it out: config.json (hidden_size, vocab_size), tokenizer.json
 * and `net`, in it or in onnx/ (`input_ids`, and `attention_mask` and `token_type_ids` if it likes; [1, N] → [1, N, hidden_size], as
 * `last_hidden_state` or its first output). Texts that it wants filled up are; what fills them gives no vectors. Nothing is ever fetched.
 *
 * One text a run: a net of 8-bit numbers scales its numbers by all that is in a batch, and a text's vectors must not
 * depend on its neighbours.
 * WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED, PACKAGE_NOT_INSTALLED.
 */
export async function openLanguageModel(
  folder: string,
  { net: name = 'model.onnx', ...how }: NetOptions & { net?: string } = {},
): Promise<FrozenEncoder> {
  const place = join(folder, 'config.json');
  const { hidden_size: width, vocab_size: vocabulary, max_position_embeddings: positions } = await readSizes(place);
  const words = join(folder, 'tokenizer.json');
  const most = Math.min(positions ?? mostTokens, mostTokens);
  const tokensOf = await openTokenizer(words, { vocabulary, most });
  const filling = await fillingOf(folder);
  const net = await openNet(await findNet(folder, name), how);
  const output = checkPorts(net, width);
  const sha256 = createHash('sha256')
    .update(net.sha256)
    .update(
      createHash('sha256')
        .update(await netFile(words, 2 ** 30))
        .digest('hex'),
    )
    .digest('hex');

  const read = async (text: string): Promise<Float32Array[]> => {
    const tokens = tokensOf(text);
    if (text === '' || tokens.length === 0) return [];
    const { ids, mask } = filled(tokens, { filling, most });
    const N = ids.length;
    const of: Record<string, readonly number[]> = {
      input_ids: ids,
      attention_mask: mask,
      token_type_ids: ids.map(() => 0),
    };
    const inputs = net.inputs.map(({ name }): [string, Numbers] => [name, { values: of[name]!, shape: [1, N] }]);
    const { values, shape } = (await net.run(Object.fromEntries(inputs)))[output]!;
    if (shape.join() !== `1,${N},${width}`)
      throw new VimiError('WEIGHTS_DAMAGED', 'The net does not return what config.json says', {
        expected: `[1, ${N}, ${width}]`,
        found: `[${shape}]`,
        where: net.file,
      });
    return tokens.map((_, n) => values.slice(n * width, (n + 1) * width));
  };

  const known = new Map<string, Promise<Float32Array[]>>();
  return {
    width,
    sha256,
    read(text) {
      const vectors = known.get(text) ?? read(text);
      // The one that was used longest ago is the first.
      known.delete(text);
      known.set(text, vectors);
      vectors.catch(() => known.delete(text));
      if (known.size > kept) known.delete(known.keys().next().value!);
      return vectors;
    },
    close: () => net.close(),
  };
}

async function readSizes(where: string) {
  const told = await netJson(where, mostConfig);
  // Models of images and text keep the sizes of the part that reads text one level down.
  const inner = z.looseObject({ text_config: z.looseObject({}) }).safeParse(told);
  const checked = sizes.safeParse(inner.success ? inner.data.text_config : told);
  if (checked.success) return checked.data;
  const mistakes = mistakesOf(checked.error, told).map(mistakeText);
  throw new VimiError('WEIGHTS_DAMAGED', `Not a valid config of a language model: ${mistakes.join('; ')}`, { where });
}

/** The name of the output with a vector for each token. */
function checkPorts({ file, inputs, outputs }: Net, width: number): string {
  const allowed = ['input_ids', 'attention_mask', 'token_type_ids'];
  const output = outputs.find(({ name }) => name === 'last_hidden_state') ?? outputs[0];
  const side = output?.shape[2];
  if (
    !inputs.some(({ name }) => name === 'input_ids') ||
    !inputs.every(({ name, shape }) => allowed.includes(name) && shape.length === 2) ||
    output?.shape.length !== 3 ||
    (typeof side === 'number' && side !== width)
  ) {
    const text = (ports: Net['inputs']) => ports.map(({ name, shape }) => `${name} [${shape}]`).join(', ');
    throw new VimiError('WEIGHTS_DAMAGED', 'This net is not a language model that returns a vector for each token', {
      expected: `${allowed.join(', ')} [B, N] → [B, N, ${width}]`,
      found: `${text(inputs)} → ${text(outputs)}`,
      where: file,
    });
  }
  return output.name;
}
