import { createHash } from 'node:crypto';
import type { FrozenEncoder } from '../frozen-encoder.js';
import { openImageTower } from './image-tower.js';
import { openLanguageModel } from './language-model.js';
import { findNet, hasNetFile } from './net-file.js';

/**
 * What reads prompts, from a folder as Hugging Face lays it out: a language model (model.onnx), or two towers that read words
 * and see images (text_model.onnx with `last_hidden_state`, vision_model.onnx; SigLIP's have as many channels). The errors
 * of language-model.ts and image-tower.ts.
 */
export async function openMultimodalModel(folder: string): Promise<FrozenEncoder> {
  const vision = await findNet(folder, 'vision_model.onnx');
  if (!(await hasNetFile(vision))) return openLanguageModel(folder);
  const words = await openLanguageModel(folder, { net: 'text_model.onnx' });
  try {
    const tower = await openImageTower(folder, vision, words.width);
    return {
      width: words.width,
      sha256: createHash('sha256').update(`${words.sha256} ${tower.sha256}`).digest('hex'),
      read: words.read,
      look: tower.look,
      async close() {
        await words.close();
        await tower.close();
      },
    };
  } catch (thrown) {
    await words.close();
    throw thrown;
  }
}
