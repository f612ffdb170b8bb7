import { join } from 'node:path';
import { z } from 'zod';
import type { Embedder } from '../ports.js';
import { createEmbedder } from './built-in/embedder.js';
import { embedImage, imageDimensions } from './built-in/image-embedding.js';
import { builtInImage, embedderName } from './embedder-name.js';

const ofBoth = z.looseObject({ vision_config: z.looseObject({}) });

export interface OpenedEmbedder {
  embedder: Embedder;
  close(): Promise<void>;
}

/**
 * The embedder in a folder as Hugging Face lays it out: of texts and images (CLIP, SigLIP) where its config.json has a
 * vision_config; of texts (MiniLM and its like) otherwise, beside the built-in one of images. The built-in one of both
 * without a folder. WEIGHTS_NOT_FOUND, WEIGHTS_DAMAGED, PACKAGE_NOT_INSTALLED.
 */
export async function openEmbedder(folder: string | undefined): Promise<OpenedEmbedder> {
  if (folder === undefined) return { embedder: createEmbedder(), close: async () => {} };
  const { netJson } = await import('./onnx/net-file.js');
  if (ofBoth.safeParse(await netJson(join(folder, 'config.json'), 2 ** 20)).success) {
    const { openTextImageEncoder } = await import('./onnx/text-image-encoder.js');
    const { dimensions, sha256, text, image, close } = await openTextImageEncoder(folder);
    const name = `text-image-${sha256.slice(0, 16)}`;
    const embedder = {
      name: embedderName({ text: name, image: name }),
      dimensions: { text: dimensions, image: dimensions },
      joint: true,
      ...{ text, image },
    };
    return { embedder, close };
  }
  const { openSentenceEncoder } = await import('./onnx/sentence-encoder.js');
  const { dimensions, sha256, embed, close } = await openSentenceEncoder(folder);
  const name = embedderName({ text: `text-${sha256.slice(0, 16)}`, image: builtInImage });
  const embedder = { name, dimensions: { text: dimensions, image: imageDimensions }, text: embed, image: embedImage };
  return { embedder, close };
}
