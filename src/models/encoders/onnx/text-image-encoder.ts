import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { z } from 'zod';
import { VimiError } from '../../../core/errors.js';
import { mistakesOf, mistakeText } from '../../../events/mistakes.js';
import type { RgbImage } from '../../ports.js';
import { unit } from '../built-in/text-embedding.js';
import { filled, fillingOf, isSiglip } from './filling.js';
import { openImageProcessor } from './image-processor.js';
import { type Net, type Numbers, openNet } from './net.js';
import { findNet, netFile, netJson } from './net-file.js';
import { openTokenizer } from './tokenizer.js';

const count = (most: number) => z.number().int().min(1).max(most);
const config = z.looseObject({
  model_type: z.string().max(64).optional(),
  text_config: z.looseObject({
    vocab_size: count(4_000_000).optional(),
    max_position_embeddings: count(4096).optional(),
  }),
  vision_config: z.looseObject({}),
});
const mostConfig = 2 ** 20;
/** Texts whose vectors are kept. */
const kept = 256;

/** Texts and images as vectors of one space: a text is near to the images that it describes. */
export interface TextImageEncoder {
  dimensions: number;
  /** Of everything that decides its vectors. */
  sha256: string;
  text(text: string): Promise<number[]>;
  image(image: RgbImage): Promise<number[]>;
  close(): Promise<void>;
}

/**
 * CLIP or SigLIP from a folder as Hugging Face lays it out: config.json (text_config, vision_config), tokenizer.json,
 * preprocessor_config.json, and the two towers as text_model.onnx (`input_ids`, and `attention_mask` if it likes → `text_embeds`, of SigLIP
 * `pooler_output`) and vision_model.onnx (`pixel_values` → `image_embeds`), here or in onnx/. SigLIP reads texts that are
 * filled up to its length, as it was trained.
 * WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED, PACKAGE_NOT_INSTALLED.
 */
export async function openTextImageEncoder(folder: string): Promise<TextImageEncoder> {
  const where = join(folder, 'config.json');
  const told = await netJson(where, mostConfig);
  const checked = config.safeParse(told);
  if (!checked.success) {
    const mistakes = mistakesOf(checked.error, told).map(mistakeText);
    throw new VimiError('WEIGHTS_DAMAGED', `Not a valid config of an encoder: ${mistakes.join('; ')}`, { where });
  }
  const { model_type: type, text_config: sizes } = checked.data;
  const siglip = isSiglip(type);
  // What the configs leave out where it is what their kind has.
  const { vocab_size: vocabulary = siglip ? 32_000 : 49_408 } = sizes;
  const { max_position_embeddings: most = siglip ? 64 : 77 } = sizes;
  const words = join(folder, 'tokenizer.json');
  const tokensOf = await openTokenizer(words, { vocabulary, most });
  const pixelsOf = await openImageProcessor(folder);
  const filling = await fillingOf(folder);

  const textNet = await openNet(await findNet(folder, 'text_model.onnx'), { native: true });
  const imageNet = await openNet(await findNet(folder, 'vision_model.onnx'), { native: true });
  const [text, image] = [tower(textNet, 'text_embeds', siglip), tower(imageNet, 'image_embeds', siglip)];
  const hash = createHash('sha256').update(`${textNet.sha256} ${imageNet.sha256} ${siglip}`);
  for (const file of [words, join(folder, 'preprocessor_config.json')])
    hash.update(
      createHash('sha256')
        .update(await netFile(file, 2 ** 30))
        .digest(),
    );

  const embed = async (net: Net, output: string, inputs: Record<string, Numbers>) => {
    const wrong = net.inputs.find(({ name }) => !Object.hasOwn(inputs, name));
    if (wrong)
      throw new VimiError('WEIGHTS_DAMAGED', `The net asks for ${wrong.name}`, {
        expected: Object.keys(inputs).join(', '),
        where: net.file,
      });
    const { values, shape } = (await net.run(inputs))[output]!;
    if (shape.length !== 2 || shape[0] !== 1)
      throw new VimiError('WEIGHTS_DAMAGED', 'The net does not return one vector', {
        expected: '[1, D]',
        found: `[${shape}]`,
        where: net.file,
      });
    return unit([...values]);
  };
  const encoder: Omit<TextImageEncoder, 'dimensions'> = {
    sha256: hash.digest('hex'),
    text: remembered(async (written) => {
      const { ids, mask } = filled(tokensOf(written), { filling, most });
      const shape = [1, ids.length];
      return embed(textNet, text, {
        input_ids: { values: ids, shape },
        attention_mask: { values: mask, shape },
      });
    }),
    image: (pixels) => embed(imageNet, image, { pixel_values: pixelsOf(pixels) }),
    async close() {
      await textNet.close();
      await imageNet.close();
    },
  };
  const grey = { width: 8, height: 8, data: new Uint8Array(192).fill(128) };
  const [d, e] = [(await encoder.text('a')).length, (await encoder.image(grey)).length];
  if (d === e) return { ...encoder, dimensions: d };
  await encoder.close();
  throw new VimiError('WEIGHTS_DAMAGED', 'The two nets do not belong together', {
    expected: `vectors of one length, as text_model.onnx gives: ${d}`,
    found: `${e} from vision_model.onnx`,
    where: folder,
  });
}

/** The same text is embedded once, while it is one of the last: by the step that compares a caption, and by the one that searches. */
function remembered(embed: (text: string) => Promise<number[]>): (text: string) => Promise<number[]> {
  const known = new Map<string, Promise<number[]>>();
  return (text) => {
    const vector = known.get(text) ?? embed(text);
    known.delete(text);
    known.set(text, vector);
    vector.catch(() => known.delete(text));
    if (known.size > kept) known.delete(known.keys().next().value!);
    return vector;
  };
}

/** The name of the output with the vector. A pooler's output is projected into the common space by SigLIP alone. */
function tower({ file, outputs }: Net, wanted: string, siglip: boolean): string {
  const names = [wanted, ...(siglip ? ['pooler_output'] : [])];
  const found = names.find((name) => outputs.some((output) => output.name === name));
  if (found) return found;
  throw new VimiError('WEIGHTS_DAMAGED', 'This net does not return a vector of the common space', {
    expected: names.join(' or '),
    found: outputs.map(({ name }) => name).join(', '),
    where: file,
  });
}
