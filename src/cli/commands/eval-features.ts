import { VimiError } from '../../errors.js';
import { readFeatures } from '../../evaluation/features/read-features.js';
import { evaluateDistance, evaluateInception, evaluateSimilarity } from '../../evaluation/tasks/features.js';
import { publish } from './eval.js';

export interface FeatureOptions {
  /** The net that the features are of, as the report shall call it. */
  net: string;
  generated: string;
  real?: string;
  texts?: string;
  splits: number;
  logits: boolean;
  seed: number;
  out: string;
}

/** Scores on features that the user's own net made: FVD and its kin, Inception score, similarity of text and video. */
export async function evalFeatures(
  what: 'fvd' | 'is' | 'clipsim',
  options: FeatureOptions,
  out: NodeJS.WritableStream,
): Promise<void> {
  const { net, seed, splits, logits } = options;
  const generated = await readFeatures(options.generated);
  const real = options.real === undefined ? null : await readFeatures(options.real);
  const texts = options.texts === undefined ? null : await readFeatures(options.texts);
  const needed = (name: string) =>
    new VimiError('USAGE', `${what} needs ${name}`, { expected: 'a .npy or .json file' });
  const report = () => {
    if (what === 'is') return evaluateInception(generated, real, { net, seed, splits, logits });
    if (what === 'clipsim') {
      if (!texts) throw needed('--texts');
      return evaluateSimilarity(generated, texts, real, { net, seed });
    }
    if (!real) throw needed('--real');
    return evaluateDistance(real, generated, { net, seed });
  };
  const more = { net, features: { generated: options.generated, real: options.real, texts: options.texts } };
  await publish(report(), what, null, { out: options.out, n: generated.n, seed }, more, out);
}
