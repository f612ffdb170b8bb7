import { readFile } from 'node:fs/promises';
import { mediaPaths } from '../../app/ingest/media-files.js';
import { VimiError } from '../../core/errors.js';
import { type NetFeatures, netFeatures } from '../../evaluation/features/net-features.js';
import type { PixelScale } from '../../evaluation/features/net-input.js';
import { type Features, readFeatures } from '../../evaluation/features/read-features.js';
import { textFeatures } from '../../evaluation/features/text-features.js';
import { evaluateDistance, evaluateInception, evaluateSimilarity } from '../../evaluation/tasks/features.js';
import { progress } from '../progress.js';
import { publish } from './eval.js';

export interface FeatureOptions {
  /** The net that the features are of, as the report shall call it. */
  net: string;
  /** Features; with `onnx` a folder of media. */
  generated: string;
  real?: string;
  texts?: string;
  /** The net itself. */
  onnx?: string;
  /** The folder of the net's other half, which reads the texts beside the media. */
  textOnnx?: string;
  pixels: PixelScale;
  frames?: number;
  side?: number;
  output?: string;
  splits: number;
  logits: boolean;
  seed: number;
  out: string;
  signal: AbortSignal;
}

/** Scores on features that the user's own net made or makes: FVD and its kin, Inception score, similarity of text and video. */
export async function evalFeatures(
  what: 'fvd' | 'is' | 'clipsim',
  options: FeatureOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const { net, seed, splits, logits } = options;
  const generated = await featuresOf(options.generated, options);
  const real = options.real === undefined ? null : await featuresOf(options.real, options);
  const texts = await textsOf(options);
  const needed = (name: string) =>
    new VimiError('USAGE', `${what} needs ${name}`, {
      expected: options.onnx ? 'a folder of media' : 'a .npy or .json file',
    });
  const report = () => {
    if (what === 'is') return evaluateInception(generated, real, { net, seed, splits, logits });
    if (what === 'clipsim') {
      if (!texts) throw needed('--texts, or --text-onnx');
      return evaluateSimilarity(generated, texts, real, { net, seed });
    }
    if (!real) throw needed('--real');
    return evaluateDistance(real, generated, { net, seed });
  };
  const { onnx, textOnnx, pixels, frames, side, output } = options;
  const onnxSha256 = 'sha256' in generated ? generated.sha256 : undefined;
  const textOnnxSha256 = texts && 'sha256' in texts ? texts.sha256 : undefined;
  const by = Object.entries(
    onnx === undefined ? {} : { onnx, onnxSha256, textOnnx, textOnnxSha256, pixels, frames, side, output },
  );
  const more = {
    ...{ net, features: { generated: options.generated, real: options.real, texts: options.texts } },
    ...Object.fromEntries(by.filter(([, value]) => value !== undefined)),
  };
  await publish(report(), what, null, { out: options.out, n: generated.n, seed }, more, out);
}

async function featuresOf(place: string, options: FeatureOptions): Promise<Features | NetFeatures> {
  const { onnx, pixels: scale, frames, side, output, signal } = options;
  if (onnx === undefined) return readFeatures(place);
  const bar = progress('features');
  const media = await mediaPaths([place]);
  const onRow = (rows: number) => bar.update(rows, 0, `${rows} rows of ${place}`);
  const features = await netFeatures(onnx, media, { scale, frames, side, output, signal, onRow });
  bar.finish(`${features.n} rows of ${features.d} numbers: ${place}`);
  return features;
}

/** Features of texts, or what the net's other half says of the captions that lie beside the generated media. */
async function textsOf({
  texts,
  textOnnx,
  onnx,
  generated,
}: FeatureOptions): Promise<Features | (Features & { sha256: string }) | null> {
  if (texts !== undefined) return readFeatures(texts);
  if (textOnnx === undefined || onnx === undefined) return null;
  const captions = (await mediaPaths([generated])).map(async (file) => {
    const caption = file.replace(/\.[^.]*$/, '.txt');
    return (
      await readFile(caption, 'utf8').catch((cause: Error) => {
        throw new VimiError('CAPTION_MISSING', 'A video has no text', { expected: caption, where: file, cause });
      })
    ).trim();
  });
  return textFeatures(textOnnx, await Promise.all(captions));
}
