import { join } from 'node:path';
import { z } from 'zod';
import { VimiError } from '../../core/errors.js';
import { mistakesOf, mistakeText } from '../../events/mistakes.js';
import { type Net, type Numbers, openNet } from '../encoders/onnx/net.js';
import { netJson } from '../encoders/onnx/net-file.js';
import { resample } from '../encoders/onnx/resample.js';
import type { RgbImage, ScoreNet } from '../ports.js';

/*
 * A net that gives one score for an image: a folder with an ONNX file and score.json, which says what the net sees and how what it
 * gives becomes a number from 0 to 1 (docs/guides/score-nets.md).
 */

const side = z.number().int().min(1).max(4096);
const channels = z.tuple([z.number(), z.number(), z.number()]);
const image = z.strictObject({
  width: side,
  height: side,
  fit: z.enum(['stretch', 'pad']).default('stretch'),
  channels: z.enum(['rgb', 'bgr']).default('rgb'),
  layout: z.enum(['nchw', 'nhwc']).default('nchw'),
  mean: channels.default([0, 0, 0]),
  std: channels.refine((std) => std.every((one) => one > 0), 'above 0').default([1, 1, 1]),
});
const manifest = z
  .strictObject({
    net: z.string().regex(/^[A-Za-z0-9][\w.-]{0,120}\.onnx$/, 'the name of an .onnx file in the folder'),
    image: image.optional(),
    embedding: z.strictObject({ encoder: z.string().max(200).optional() }).optional(),
    output: z.string().max(200).optional(),
    axis: z.number().int().min(0).max(8).default(1),
    take: z.array(z.number().int().nonnegative()).min(1).max(100_000).optional(),
    activation: z.enum(['none', 'sigmoid', 'softmax']).default('none'),
    reduce: z.enum(['largest', 'mean', 'sum', 'share']).default('largest'),
    above: z.number().default(0.5),
    range: z
      .tuple([z.number(), z.number()])
      .refine(([from, to]) => from !== to, 'two numbers that differ')
      .default([0, 1]),
  })
  .refine((told) => (told.image === undefined) !== (told.embedding === undefined), 'either image or embedding');
type Manifest = z.output<typeof manifest>;
type Output = { values: Float32Array; shape: readonly number[] };

/** WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED (also where net and score.json do not fit), PACKAGE_NOT_INSTALLED. */
export async function openScoreNet(folder: string): Promise<ScoreNet> {
  const where = join(folder, 'score.json');
  const told = await netJson(where, 2 ** 20);
  const checked = manifest.safeParse(told);
  if (!checked.success) {
    const mistakes = mistakesOf(checked.error, told).map(mistakeText);
    throw new VimiError('WEIGHTS_DAMAGED', `Not a valid score.json: ${mistakes.join('; ')}`, { where });
  }
  const how = checked.data;
  const net = await openNet(join(folder, how.net), { native: true });
  const score = async (given: Numbers): Promise<number> => {
    const outputs = await net.run({ [net.inputs[0]!.name]: given });
    return scoreOf(outputs[how.output ?? net.outputs[0]!.name]!, how, where);
  };
  try {
    const dimensions = checkPorts(net, how, where);
    const grey = { width: 16, height: 16, data: new Uint8Array(768).fill(128) };
    if (how.image) await score(blobOf(grey, how.image, net));
    else await score({ values: new Float32Array(dimensions), shape: [1, dimensions] });
    return {
      sees: how.image ? 'image' : 'embedding',
      encoder: how.embedding?.encoder,
      dimensions,
      score: (seen) =>
        how.image && !Array.isArray(seen)
          ? score(blobOf(seen as RgbImage, how.image, net))
          : score({ values: seen as readonly number[], shape: [1, dimensions] }),
      close: () => net.close(),
    };
  } catch (thrown) {
    await net.close();
    const { code, found = '', message } = thrown as VimiError;
    if (code !== 'SHAPE_MISMATCH') throw thrown;
    throw new VimiError('WEIGHTS_DAMAGED', 'The net and its score.json do not fit', {
      ...{ found: found || message, where, cause: thrown },
    });
  }
}

/** Of an embedding how many numbers it has. */
function checkPorts({ inputs, outputs, file }: Net, { embedding, output }: Manifest, where: string): number {
  const [input, ...others] = inputs;
  const dimensions = input?.shape.at(-1);
  const fits = embedding ? input?.shape.length === 2 && typeof dimensions === 'number' : input?.shape.length === 4;
  if (!fits || others.length > 0)
    throw new VimiError('WEIGHTS_DAMAGED', 'The net and its score.json do not fit', {
      expected: embedding ? 'one input [1, D]' : 'one input of an image',
      found: inputs.map(({ name, shape }) => `${name} [${shape}]`).join(', '),
      where: file,
    });
  if (output !== undefined && !outputs.some(({ name }) => name === output))
    throw new VimiError('WEIGHTS_DAMAGED', `The net has no output '${output}'`, {
      ...{ expected: outputs.map(({ name }) => name).join(' or '), where },
    });
  return typeof dimensions === 'number' ? dimensions : 0;
}

/** The numbers that a net sees of an image; a net of bytes sees them as they are. */
function blobOf(pixels: RgbImage, how: NonNullable<Manifest['image']>, { inputs: [input] }: Net): Numbers {
  const { width: W, height: H, layout, mean, std } = how;
  const { data } = how.fit === 'pad' ? padded(pixels, W, H) : resample(pixels, W, H, bilinear);
  const isBytes = input!.type === 'uint8';
  const order = how.channels === 'rgb' ? [0, 1, 2] : [2, 1, 0];
  const values = new Float32Array(3 * W * H);
  for (let c = 0; c < 3; c++)
    for (let n = 0; n < W * H; n++) {
      const byte = data[n * 3 + order[c]!]!;
      values[layout === 'nchw' ? c * W * H + n : n * 3 + c] = isBytes ? byte : (byte / 255 - mean[c]!) / std[c]!;
    }
  return { values, shape: layout === 'nchw' ? [1, 3, H, W] : [1, H, W, 3] };
}

/** As its number in Pillow. */
const bilinear = 2;

/** As large as fits, in the top left corner, on black. */
function padded(pixels: RgbImage, W: number, H: number): RgbImage {
  const scale = Math.min(W / pixels.width, H / pixels.height);
  const [w, h] = [pixels.width, pixels.height].map((one) => Math.max(1, Math.round(one * scale))) as [number, number];
  const { data } = resample(pixels, w, h, bilinear);
  const result = new Uint8Array(W * H * 3);
  for (let y = 0; y < h; y++) result.set(data.subarray(y * w * 3, (y + 1) * w * 3), y * W * 3);
  return { width: W, height: H, data: result };
}

/** Chosen, activated, reduced to one number, and that put between 0 and 1. */
function scoreOf({ values, shape }: Output, how: Manifest, where: string): number {
  const { axis, take, activation, reduce, above, range } = how;
  const length = shape[axis] ?? 1;
  const wrong = take?.find((index) => index >= length);
  if (wrong !== undefined)
    throw new VimiError('WEIGHTS_DAMAGED', 'The net and its score.json do not fit', {
      ...{ expected: `take: numbers below ${length}`, found: `${wrong}`, where },
    });
  const inner = shape.slice(axis + 1).reduce((product, one) => product * one, 1);
  const activated = activation === 'softmax' ? softmax(values, length, inner) : values;
  const wanted = take && new Set(take);
  let [count, sum, largest, over] = [0, 0, Number.NEGATIVE_INFINITY, 0];
  for (const [n, value] of activated.entries()) {
    if (wanted && !wanted.has(Math.floor(n / inner) % length)) continue;
    const one = activation === 'sigmoid' ? 1 / (1 + Math.exp(-value)) : value;
    count++;
    sum += one;
    if (one > largest) largest = one;
    if (one > above) over++;
  }
  const reduced = count === 0 ? 0 : { largest, sum, mean: sum / count, share: over / count }[reduce];
  const [from, to] = range;
  return Math.min(1, Math.max(0, (reduced - from) / (to - from)));
}

/** Along an axis of `length`, whose neighbours are `inner` numbers apart. */
function softmax(values: Float32Array, length: number, inner: number): Float32Array {
  const result = new Float32Array(values.length);
  for (let start = 0; start < values.length; start++) {
    if (Math.floor(start / inner) % length !== 0) continue;
    const at = Array.from({ length }, (_, n) => start + n * inner);
    const most = Math.max(...at.map((n) => values[n]!));
    const sum = at.reduce((total, n) => total + Math.exp(values[n]! - most), 0);
    for (const n of at) result[n] = Math.exp(values[n]! - most) / sum;
  }
  return result;
}
