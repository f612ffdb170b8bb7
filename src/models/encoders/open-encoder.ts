import { VimiError } from '../../core/errors.js';
import type { Preset } from '../presets/preset.js';
import type { FrozenEncoder } from './frozen-encoder.js';

/** A model, and the sha256 of the frozen encoder that its weights were trained with, if they say so. */
export interface EncoderNeed {
  preset: Preset;
  encoder?: string;
}

/**
 * Opens the frozen encoder in `folder` for models that read prompts through one; undefined where none does.
 * MODEL_UNKNOWN when it is missing, or is not the one they are made for; USAGE when nobody reads it; the errors of
 * onnx/multimodal-model.ts.
 */
export async function openEncoder(
  models: readonly EncoderNeed[],
  folder: string | undefined,
): Promise<FrozenEncoder | undefined> {
  const needs = models.filter(({ preset }) => preset.encoder.external);
  const names = models.map(({ preset }) => preset.name).join(' and ');
  if (folder === undefined && needs.length === 0) return undefined;
  if (folder === undefined)
    throw new VimiError(
      'MODEL_UNKNOWN',
      `${names} reads prompts through an external language model, and none was given`,
      {
        expected: 'encoder: a folder with config.json, tokenizer.json and model.onnx',
      },
    );
  if (needs.length === 0)
    throw new VimiError('USAGE', `${names} reads prompts by itself`, { expected: 'no encoder', found: folder });
  const { openMultimodalModel } = await import('./onnx/multimodal-model.js');
  const opened = await openMultimodalModel(folder);
  const refused = (preset: Preset, expected: string, found: string) =>
    new VimiError('MODEL_UNKNOWN', `This is not the encoder of ${preset.name}`, { expected, found, where: folder });
  for (const { preset, encoder } of needs) {
    const width = preset.encoder.external;
    const error =
      width !== opened.width
        ? refused(preset, `${width} channels`, String(opened.width))
        : encoder !== undefined && encoder !== opened.sha256
          ? refused(preset, `the one that it was trained with, ${encoder}`, opened.sha256)
          : undefined;
    if (!error) continue;
    await opened.close();
    throw error;
  }
  return opened;
}
